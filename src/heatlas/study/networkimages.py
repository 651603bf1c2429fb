"""What a network is shown of a scan: slices or the volume, scaled and resampled as was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.slicestack import SliceStack
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.window import Window
from heatlas.core.words import count, join
from heatlas.learn.network.model import Network, first_convolution
from heatlas.study.ct import CtScan
from heatlas.study.networkinput import Frame, InputScale

Axes = Literal[2, 3]
MOST_SLICES = 20  # that one call explains


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkInput(Value):
    """How a scan is shown to a network; it has to be as the network was trained.

    Parameters
    ----------
    window : str
        Window whose black becomes 0 and whose white becomes 1: a name such as ``"brain"``, or
        ``"40,80"``. Pictures use it as well.
    scale : InputScale, optional
        Which range of values becomes which, where that is no window's.
    size : tuple of int, optional
        Pixels of the network's input along each axis; those of the image where left out.
    crop : tuple of (int, int)
        First pixel and the one after the last along each axis; all where left out.
    slices : tuple of int
        Which slices are explained, from 1; where left out, the one with the largest probability
        of the class.
    axes : {2, 3}, optional
        Whether the network looks at slices or at volumes, where its first layer does not say it.
    """

    window: str = ""
    scale: InputScale | None = None
    size: tuple[int, ...] | None = None
    crop: tuple[tuple[int, int], ...] = ()
    slices: tuple[int, ...] = ()
    axes: Axes | None = None

    def __post_init__(self) -> None:
        """Make the sequences tuples and check them."""
        set_field(self, "slices", to=tuple(int(number) for number in self.slices))
        if self.size is not None:
            set_field(self, "size", to=tuple(int(length) for length in self.size))
        if len(self.slices) > MOST_SLICES:
            raise DataError(
                f"slices: {len(self.slices)} asked for; one call explains up to {MOST_SLICES}."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkImages(Value):
    """Images as a network sees them.

    Parameters
    ----------
    images : array_like of float32, shape (n, channels, ...)
        Every slice in order, or the volume alone.
    frame : Frame
        The scan's pixels, and those of the images.
    scale : InputScale
        What became of the values.
    window : Window
        For pictures.
    """

    images: NDArray[np.float32]
    frame: Frame
    scale: InputScale
    window: Window

    def __post_init__(self) -> None:
        """Take ownership of the images."""
        set_field(self, "images", to=own_array(self.images, name="images", dtype=np.float32))

    @property
    def axes(self) -> int:
        """2 for slices, 3 for a volume."""
        return len(self.frame.image_shape)

    @property
    def words(self) -> str:
        """How the images came about, in one sentence."""
        what = "a slice" if self.axes == 2 else "the volume"
        channels = self.images.shape[1]
        grey = f", the grey repeated in {channels} channels" if channels > 1 else ""
        return f"The network looks at {what}: {self.scale.words}; {self.frame.words}{grey}."


def network_images(scan: CtScan, network: Network, *, asked: NetworkInput) -> NetworkImages:
    """Return a scan as a network sees it.

    Parameters
    ----------
    scan : CtScan
        What is looked at.
    network : Network
        Its file, or its first convolution, says how many axes and channels it takes.
    asked : NetworkInput
        Scale, size and slices.

    Returns
    -------
    NetworkImages
        All slices, or the volume.

    Raises
    ------
    DataError
        If nothing says how values become the network's input, a slice does not exist, or slices
        are asked of a network of volumes.
    """
    scale, window = _scale(scan, asked)
    axes, channels = _axes(network, asked)
    if axes == 2:
        _check_slices(asked.slices, n=len(scan.slices))
        shown = list(scan.slices.values)
    else:
        if asked.slices:
            raise DataError("slices: the network looks at whole volumes; leave out --slices.")
        shown = [scan.volume.values.astype(np.float32)]
    shape = shown[0].shape
    part = tuple(end - first for first, end in asked.crop) or shape
    frame = Frame(image_shape=shape, network_shape=asked.size or part, box=asked.crop)
    images = [np.stack([frame.shrunk(scale.apply(values))] * channels) for values in shown]
    return NetworkImages(images=np.stack(images), frame=frame, scale=scale, window=window)


def mask_of_slice(mask: Volume, stack: SliceStack, *, number: int) -> NDArray[np.bool_]:
    """Return which pixels of a slice lie in a mask, whatever grid that lies on.

    Parameters
    ----------
    mask : Volume
        Voxels other than 0 belong to it.
    stack : SliceStack
        The slices.
    number : int
        Which slice, from 1.

    Returns
    -------
    numpy.ndarray of bool, shape (rows, columns)
        By the nearest voxel; what lies beyond the mask's grid does not belong to it.
    """
    rows, columns = stack.values.shape[1:]
    pixels = np.indices((rows, columns)).reshape(2, -1).T.astype(np.float64)
    voxels = np.rint(mask.grid.to_voxels(stack.to_mm(number - 1, pixels))).astype(np.int64)
    within = ((voxels >= 0) & (voxels < mask.grid.shape)).all(axis=1)
    inside = np.zeros(len(pixels), dtype=bool)
    values = mask.values[tuple(voxels[within].T)]
    inside[within] = np.isfinite(values) & (values != 0)
    return inside.reshape(rows, columns)


def _scale(scan: CtScan, asked: NetworkInput) -> tuple[InputScale, Window]:
    """Return what becomes of the values, and the window of pictures."""
    scale = asked.scale
    if scale is not None and scale.unit == "HU" and not scan.is_hu:
        raise DataError(
            f"input: the range is in HU, but {scan.hounsfield.words[0].lower()}"
            f"{scan.hounsfield.words[1:]} Say --unit hu if you know that it is, or give a range "
            "of its own values, such as 0..255."
        )
    if asked.window:
        (window,) = scan.windows_named([asked.window])
        own = InputScale(low=window.low, high=window.high, unit=window.unit)
        return scale or own, window
    if scale is None:
        raise DataError(
            "input: nothing says which values become the network's 0 and 1. Say it as the network "
            "was trained: a window (--window brain), or a range (--input 'hu -160..240')."
        )
    middle, width = (scale.low + scale.high) / 2, scale.high - scale.low
    return scale, Window(name="input", centre=middle, width=width, unit=scale.unit)


def _axes(network: Network, asked: NetworkInput) -> tuple[int, int]:
    """Return axes and channels of the network's input, where nothing says them as asked."""
    known = _known_axes(network)
    if known is None:
        return asked.axes or 2, 1
    axes, channels = known
    if asked.axes is not None and asked.axes != axes:
        raise DataError(
            f"axes: {asked.axes} given, but network '{network.name}' takes {axes}-D images."
        )
    return axes, channels


def _known_axes(network: Network) -> tuple[int, int] | None:
    """Return axes and channels as the network's file declares them, or its first convolution."""
    if network.image_shape:
        return len(network.image_shape) - 1, network.image_shape[0] or 1
    return first_convolution(network.module)


def _check_slices(numbers: tuple[int, ...], *, n: int) -> None:
    wrong = [number for number in numbers if not 1 <= number <= n]
    if wrong:
        raise DataError(
            f"slices: {join(map(str, wrong))} asked for, but there are {count(n, 'slice')}, "
            f"numbered from 1 to {n}."
        )
