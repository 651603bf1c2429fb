"""CT slices exported as pictures: grey numbers, and the meaning that somebody has to state."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.provenance import Provenance, digest_json
from heatlas.core.slicestack import SliceStack
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.io.source import check_file, digest_file, unreadable

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_MEANING = re.compile(
    rf"\s*(hu)\s+{_NUMBER}\s*\.\.\s*{_NUMBER}\s*=\s*{_NUMBER}\s*\.\.\s*{_NUMBER}\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Intensity(Value):
    """What the grey numbers of a picture mean.

    Parameters
    ----------
    stored : tuple of float
        Two grey numbers of the picture.
    values : tuple of float
        What they stand for.
    unit : str
        Unit of the values.
    """

    stored: tuple[float, float]
    values: tuple[float, float]
    unit: str = "HU"

    @property
    def words(self) -> str:
        """Return ``grey 0 to 255 stands for -1000 to 1000 HU``."""
        (a, b), (c, d) = self.stored, self.values
        return f"grey {a:g} to {b:g} stands for {c:g} to {d:g} {self.unit}".replace("-", "−")


def parse_intensity(text: str) -> Intensity:
    """Return the meaning of grey numbers from words such as ``hu 0..255 = -1000..1000``.

    Parameters
    ----------
    text : str
        Unit, grey numbers, an equals sign, and their values.

    Returns
    -------
    Intensity
        A straight line through both pairs.

    Raises
    ------
    DataError
        If the words cannot be read, or both grey numbers are the same.
    """
    found = _MEANING.fullmatch(text)
    if found is None:
        raise DataError(f"intensity: '{text}' given, expected such as 'hu 0..255 = -1000..1000'.")
    first, last, low, high = (float(found[k]) for k in range(2, 6))
    if first == last:
        raise DataError(f"intensity: '{text}' names one grey number twice; name two.")
    return Intensity(stored=(first, last), values=(low, high))


def is_picture(path: Path) -> bool:
    """Say whether a name is that of a picture."""
    return path.suffix.lower() in PICTURES


def read_slice_pictures(paths: Sequence[Path], *, intensity: Intensity | None = None) -> SliceStack:
    """Return pictures of slices as a stack without positions.

    Parameters
    ----------
    paths : sequence of Path
        One slice each, in their order.
    intensity : Intensity, optional
        What their grey numbers mean; without it they are grey numbers and nothing more.

    Returns
    -------
    SliceStack
        Positions and sides are unknown: pictures carry none.

    Raises
    ------
    DataError
        If a file is damaged, shapes differ, or grey numbers lie outside of what was stated.
    NotSupportedError
        If a picture has colours.
    """
    slices = [_grey_numbers(path) for path in paths]
    shapes = {pixels.shape for pixels in slices}
    if len(shapes) > 1:
        raise DataError(
            f"{paths[0].parent}: the pictures have {len(shapes)} different sizes; slices of one "
            "scan have one."
        )
    values = np.stack(slices)
    if intensity is not None:
        values = _meant(values, intensity)
    n = len(values)
    return SliceStack(
        values=values,
        corners_mm=np.outer(np.arange(n), (0.0, 0.0, 1.0)),
        row_steps_mm=np.tile((0.0, -1.0, 0.0), (n, 1)),
        column_steps_mm=np.tile((-1.0, 0.0, 0.0), (n, 1)),
        unit="" if intensity is None else intensity.unit,
        position_unit="unknown",
        name="pictures of slices",
        provenance=Provenance().then(
            "read pictures",
            parameters={
                "slices": n,
                "intensity": "grey numbers" if intensity is None else intensity.words,
            },
            inputs={"pictures": digest_json(sorted(digest_file(path) for path in paths))},
            warnings=[f"{count(n, 'picture')}: positions and sides are not known."],
        ),
    )


def _grey_numbers(path: Path) -> NDArray[np.float32]:
    check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                pixels: NDArray[Any] = np.asarray(_without_alpha(path, image))
    except OSError as error:
        if isinstance(error, UnidentifiedImageError) or not error.errno:
            raise DataError(
                f"{path}: this picture is damaged or of another kind; export it again."
            ) from error
        raise unreadable(path, error) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: this picture is far larger than any CT slice.") from error
    if pixels.ndim == 3:
        if not (pixels[..., :1] == pixels).all():
            raise NotSupportedError(
                f"{path}: this picture has colours, which are no measurements; export the slice in "
                "grey, best as DICOM."
            )
        pixels = pixels[..., 0]
    return pixels.astype(np.float32)


def _without_alpha(path: Path, image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA"):
        return image.convert("RGB" if image.mode == "RGBA" else "L")
    if image.mode in ("P", "CMYK", "YCbCr", "1"):
        return image.convert("RGB")
    if image.mode in ("L", "RGB", "I", "F") or image.mode.startswith("I;16"):
        return image
    raise NotSupportedError(f"{path}: pictures of the kind '{image.mode}' are not read.")


def _meant(values: NDArray[np.float32], intensity: Intensity) -> NDArray[np.float32]:
    (first, last), (low, high) = intensity.stored, intensity.values
    if values.min() < min(first, last) or values.max() > max(first, last):
        raise DataError(
            f"intensity: the pictures hold grey {values.min():g} to {values.max():g}, but only "
            f"{first:g} to {last:g} were given a meaning."
        )
    slope = (high - low) / (last - first)
    return (low + (values.astype(np.float64) - first) * slope).astype(np.float32)
