"""How an image becomes what a network looks at, and where the network's pixels lie in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.validate import set_field
from heatlas.core.value import Value
from heatlas.geometry.smooth import SIGMAS_PER_FWHM

Floats = NDArray[np.floating]
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_RANGE = re.compile(
    rf"(?P<unit>hu\s+)?(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})"
    rf"(?:\s*=\s*(?P<first>{_NUMBER})\s*\.\.\s*(?P<last>{_NUMBER}))?",
    re.IGNORECASE,
)
LARGEST_SIDE = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class InputScale(Value):
    """Which range of an image's values becomes which range of a network's input.

    Parameters
    ----------
    low, high : float
        Values of the image; what lies beyond is set to them.
    unit : str
        ``"HU"``, or empty.
    first, last : float
        What they become; what was not scanned becomes ``first``.
    """

    low: float
    high: float
    unit: str = ""
    first: float = 0.0
    last: float = 1.0

    def __post_init__(self) -> None:
        """Refuse ranges that hold nothing."""
        if not self.low < self.high or self.first == self.last:
            raise DataError(
                f"input: {self.low:g}..{self.high:g} = {self.first:g}..{self.last:g} given; "
                "expected a range that rises, and two different ends."
            )

    @property
    def words(self) -> str:
        """Return ``0 to 80 HU becomes 0 to 1``."""
        unit = f" {self.unit}" if self.unit else ""
        ends = f"{_plain(self.first)} to {_plain(self.last)}"
        return f"{_plain(self.low)} to {_plain(self.high)}{unit} becomes {ends}"

    def apply(self, values: Floats) -> NDArray[np.float32]:
        """Return an image's values as a network's input, same shape."""
        share = np.clip((values - np.float32(self.low)) / (self.high - self.low), 0, 1)
        scaled = self.first + np.nan_to_num(share, nan=0.0) * (self.last - self.first)
        return np.asarray(scaled, dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame(Value):
    """The pixels of an image and those that a network sees of it: both cover the same field.

    Parameters
    ----------
    image_shape : tuple of int
        Pixels of the image along each axis.
    network_shape : tuple of int
        Pixels of the network's input along the same axes.
    box : tuple of (int, int), optional
        First pixel and the one after the last, along each axis, of the part of the image that the
        network sees; all of it where left out.
    """

    image_shape: tuple[int, ...]
    network_shape: tuple[int, ...]
    box: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Check that both have the same axes, and sides that can be."""
        set_field(self, "image_shape", to=tuple(int(n) for n in self.image_shape))
        set_field(self, "network_shape", to=tuple(int(n) for n in self.network_shape))
        whole = tuple((0, length) for length in self.image_shape)
        set_field(self, "box", to=tuple(self.box) or whole)
        self._check_axes()
        for (start, stop), length in zip(self.box, self.image_shape, strict=True):
            if not 0 <= start < stop <= length:
                raise DataError(
                    f"crop: {box_words(self.box)} does not lie in an image of "
                    f"{size_words(self.image_shape)} pixels."
                )

    @property
    def is_plain(self) -> bool:
        """True where the network sees the image's own pixels, all of them."""
        return self._box_shape == self.network_shape == self.image_shape

    @property
    def words(self) -> str:
        """What was done to the pixels."""
        shape, lost = self._box_shape, ""
        if shape != self.image_shape:
            lost = f" (cropped to {box_words(self.box)} of {size_words(self.image_shape)})"
        if shape == self.network_shape:
            return f"{size_words(shape)} pixels as stored{lost}"
        return f"{size_words(shape)} pixels{lost} resampled to {size_words(self.network_shape)}"

    def shrunk(self, values: Floats) -> NDArray[np.float32]:
        """Return an image on the network's pixels: a Gaussian where they are larger, then linear.

        Its full width at half maximum is sqrt(r^2 - 1) pixels, r being the ratio of sizes.
        """
        part = values[tuple(slice(*ends) for ends in self.box)]
        if part.shape == self.network_shape:
            return part.astype(np.float32)
        ratios = np.array(part.shape) / self.network_shape
        sigmas = SIGMAS_PER_FWHM * np.sqrt(np.maximum(ratios**2 - 1, 0))
        smooth = ndimage.gaussian_filter(part.astype(np.float64), sigmas, mode="nearest")
        places = self.in_image(np.indices(self.network_shape, dtype=np.float64))
        places -= _upright(self._starts, axes=places.ndim)
        found = ndimage.map_coordinates(smooth, places, order=1, mode="nearest")
        return np.asarray(found, dtype=np.float32)

    def in_image(self, places: Floats) -> NDArray[np.float64]:
        """Return places of the network's pixels as places in the image, shape (axes, ...)."""
        step, start = (_upright(v, axes=places.ndim) for v in (self._steps, self._starts))
        return np.asarray((places + 0.5) * step - 0.5 + start, dtype=np.float64)

    def in_network(self, places: Floats) -> NDArray[np.float64]:
        """Return places of the image's pixels as places in the network's, shape (axes, ...)."""
        step, start = (_upright(v, axes=places.ndim) for v in (self._steps, self._starts))
        return np.asarray((places - start + 0.5) / step - 0.5, dtype=np.float64)

    def seen(self) -> NDArray[np.bool_]:
        """Return which pixels of the image the network sees at all."""
        inside = np.zeros(self.image_shape, dtype=bool)
        inside[tuple(slice(*ends) for ends in self.box)] = True
        return inside

    @property
    def _box_shape(self) -> tuple[int, ...]:
        return tuple(stop - start for start, stop in self.box)

    @property
    def _starts(self) -> Floats:
        return np.array([start for start, _ in self.box], dtype=np.float64)

    @property
    def _steps(self) -> Floats:
        return np.asarray(np.array(self._box_shape) / np.array(self.network_shape))

    def _check_axes(self) -> None:
        n = len(self.image_shape)
        if len(self.network_shape) != n:
            raise DataError(
                f"size: {size_words(self.network_shape)} given, but the network looks at {n}-D "
                f"images; name {n} lengths."
            )
        if len(self.box) != n:
            raise DataError(
                f"crop: {box_words(self.box)} given, but the network looks at {n}-D images; name "
                f"{n} ranges."
            )
        if not all(1 <= length <= LARGEST_SIDE for length in self.network_shape):
            raise DataError(
                f"size: {size_words(self.network_shape)} given, expected sides of 1 to "
                f"{LARGEST_SIDE} pixels."
            )


def parse_input(text: str) -> InputScale:
    """Return the scale that words such as ``hu -160..240`` ask for.

    Parameters
    ----------
    text : str
        ``LOW..HIGH``, before it ``hu`` where the numbers are Hounsfield units, after it
        ``= FIRST..LAST`` where they become something else than 0 to 1.

    Returns
    -------
    InputScale
        The scale.

    Raises
    ------
    DataError
        If the words are others.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise DataError(
            f"input: '{text}' given, expected a range of the image's values such as "
            "'hu -160..240', '0..255' or 'hu -160..240 = -1..1'."
        )
    return InputScale(
        low=float(found["low"]),
        high=float(found["high"]),
        unit="HU" if found["unit"] else "",
        first=float(found["first"] or 0),
        last=float(found["last"] or 1),
    )


def parse_size(text: str) -> tuple[int, ...]:
    """Return the lengths of ``128x128``.

    Parameters
    ----------
    text : str
        Rows x columns, or x x y x z for a network of volumes.

    Returns
    -------
    tuple of int
        Two or three lengths.

    Raises
    ------
    DataError
        If the words are others.
    """
    parts = text.lower().replace("×", "x").split("x")
    if not 2 <= len(parts) <= 3 or not all(part.strip().isdigit() for part in parts):
        raise DataError(
            f"size: '{text}' given, expected rows and columns such as 128x128, or three lengths "
            "for a network of volumes."
        )
    return tuple(int(part) for part in parts)


def parse_crop(text: str) -> tuple[tuple[int, int], ...]:
    """Return the ranges of ``20:220,30:230``.

    Parameters
    ----------
    text : str
        ``FIRST:END`` of rows and of columns (x, y, z for a volume), from 0; END is left out.

    Returns
    -------
    tuple of (int, int)
        One pair an axis.

    Raises
    ------
    DataError
        If the words are others.
    """
    pairs = [part.strip().split(":") for part in text.split(",")]
    if not all(len(pair) == 2 and all(end.strip().isdigit() for end in pair) for pair in pairs):
        raise DataError(
            f"crop: '{text}' given, expected first and end of rows and of columns, such as "
            "20:220,30:230."
        )
    ranges = tuple((int(first), int(end)) for first, end in pairs)
    if not all(first < end for first, end in ranges):
        raise DataError(f"crop: '{text}' given, but a range has to end after its first.")
    return ranges


def size_words(shape: tuple[int, ...]) -> str:
    """Return ``128 x 128``."""
    return " x ".join(str(n) for n in shape)


def box_words(box: tuple[tuple[int, int], ...]) -> str:
    """Return ``20:220,30:230``."""
    return ",".join(f"{start}:{stop}" for start, stop in box)


def _upright(values: Floats, *, axes: int) -> Floats:
    """Return one value an axis in a shape that broadcasts over places."""
    return values.reshape(-1, *[1] * (axes - 1))


def _plain(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")
