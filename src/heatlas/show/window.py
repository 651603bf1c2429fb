"""An image between two grey limits, as radiologists look at CT: the window, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heatlas.core.space import Grid
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.window import Window
from heatlas.show.planes import Field, Raster, box_mm, voxels_of
from heatlas.show.stored import StoredSlice
from heatlas.show.view import AXES, Theme

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
HALF = 0.5 - 1e-4  # of a pixel's weight: what decides whether it is measured, or outside
HATCH, BETWEEN = 74, 34  # grey levels of what was not measured
SMALLEST_BRIGHT = 0.005
HATCH_PX = 7  # from stripe to stripe
ALIGNED = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowedVolume(Value):
    """An image whose greys run from one stated value to another.

    Parameters
    ----------
    volume : Volume
        The image; NaN where nothing was measured (padding), which is hatched.
    window : Window
        What is drawn black and white, with everything beyond it.
    """

    volume: Volume
    window: Window

    @property
    def low(self) -> float:
        """Value that is drawn black."""
        return self.window.low

    @property
    def high(self) -> float:
        """Value that is drawn white."""
        return self.window.high

    @cached_property
    def has_padding(self) -> bool:
        """True where some voxel holds no measurement."""
        # One sum is NaN if any value is, and takes no memory.
        return bool(not np.isfinite(self.volume.values.sum(dtype=np.float64)))

    @property
    def sentence(self) -> str:
        """What a reader of the figure must know about the greys."""
        window = self.window
        unit = f" {window.unit}" if window.unit else ""
        ends = f"black at {_plain(window.low)}{unit}, white at {_plain(window.high)}{unit}"
        words = f"Grey: {window.words}, {ends}"
        return f"{words}; hatched: not scanned." if self.has_padding else f"{words}."

    def greys(self, values: Floats32) -> NDArray[np.uint8]:
        """Return the grey level of each value, 0 to 255; NaN gives 0."""
        if self.window.table is not None or self.window.shape != "linear-exact":
            share = np.nan_to_num(self.window.greys(values))
            return np.rint(255 * share).astype(np.uint8)
        steps = np.float32(255 / (self.high - self.low))
        levels = np.multiply(values, steps, dtype=np.float32)
        levels += np.float32(0.5 - self.low * steps)  # the cast below cuts the fraction off
        np.fmax(levels, np.float32(0), out=levels)  # NaN becomes 0
        np.minimum(levels, np.float32(255), out=levels)
        return levels.astype(np.uint8)


def _plain(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")


@dataclass(frozen=True)
class _Plane:
    """Interpolated values of the pixels, the weight that was measured, and that on the grid.

    Both weights are None where each pixel lies on the grid and was measured.
    """

    values: Floats32
    measured: Floats32 | None = None
    within: Floats32 | None = None


def window_field(window: WindowedVolume) -> Field:
    """Return the box in mm around everything that is not black, with a small margin."""
    values, grid = window.volume.values, window.volume.grid
    with np.errstate(invalid="ignore"):
        bright = values > window.low
    low, high = box_mm(bright if bright.any() else np.ones(grid.shape, bool), grid)
    margin = 0.015 * float((high - low).max())
    return Field(low=low - margin, high=high + margin)


def bright_slices(window: WindowedVolume, *, along: int) -> NDArray[np.int64]:
    """Return the slices of which some half per cent or more is not black, all if none is."""
    rest = tuple(axis for axis in range(3) if axis != along)
    with np.errstate(invalid="ignore"):
        share = np.mean(window.volume.values > window.low, axis=rest)
    found = np.flatnonzero(share >= SMALLEST_BRIGHT)
    return found if found.size else np.arange(len(share))


def gather_window(
    raster: Raster | StoredSlice, window: WindowedVolume, *, theme: Theme
) -> NDArray[np.uint8]:
    """Return the grey of each pixel.

    Parameters
    ----------
    raster : Raster or StoredSlice
        The pixels.
    window : WindowedVolume
        The image and its limits.
    theme : Theme
        Gives the page, which is seen beyond the grid.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width)
        Black to white within the window. Pixels at most half of whose weight was measured are
        hatched, so that padding is no air.

    Notes
    -----
    Values are interpolated linearly, over measured voxels alone; where a pixel is larger than a
    voxel, they are averaged under a triangle as wide as two pixels. A stored slice whose pixels
    are its voxels is drawn as it is.
    """
    plane = _plane(raster, window.volume)
    if plane is None:
        plane = _scattered(raster, window.volume)
    if plane.measured is None or plane.within is None:
        return window.greys(plane.values)
    within = plane.within >= HALF
    measured = within & (plane.measured >= HALF * np.maximum(plane.within, HALF))
    mean = np.divide(plane.values, plane.measured, out=np.zeros_like(plane.values), where=measured)
    grey = window.greys(mean)
    diagonal = np.add.outer(np.arange(grey.shape[0]), np.arange(grey.shape[1]))
    stripes = np.where(diagonal % HATCH_PX < 1, HATCH, BETWEEN).astype(np.uint8)
    return np.where(measured, grey, np.where(within, stripes, np.uint8(theme.page)))


def _plane(raster: Raster | StoredSlice, volume: Volume) -> _Plane | None:
    """Return a slice that runs along the grid's axes, None where it does not."""
    if isinstance(raster, Raster):
        found = _aligned(raster, volume.grid)
        if found is None:
            return None
    elif raster.stack.grid is volume.grid:
        stack = raster.stack
        columns, rows = raster.lines()
        found = _Lines(stack.along, float(raster.number), stack.up, rows, stack.across, columns)
    else:
        return None
    values, measured, depth = _slab(volume.values, along=found.along, place=found.place)
    if found.up > found.across:
        values, measured = values.T, None if measured is None else measured.T
    return _spread(values, measured, rows=found.rows, columns=found.columns, depth=depth)


@dataclass(frozen=True)
class _Lines:
    """Voxel axes of a slice along a grid's axes, and the voxel places of its pixels on them."""

    along: int
    place: float
    up: int
    rows: Floats
    across: int
    columns: Floats


def _aligned(raster: Raster, grid: Grid) -> _Lines | None:
    """Return where a slice lies on a grid whose axes are those of space, None for others."""
    inverse = np.linalg.inv(grid.affine)
    depends = np.abs(inverse[:3, :3]) > ALIGNED
    if (depends.sum(axis=0) != 1).any() or (depends.sum(axis=1) != 1).any():
        return None
    columns, rows = raster.lines_mm()
    across, up = raster.in_plane
    deep = np.array([raster.position_mm])
    axes, places = [], []
    for axis, mm in ((AXES.index(raster.axis), deep), (up, rows), (across, columns)):
        voxel = int(np.argmax(np.abs(inverse[:3, axis])))
        axes.append(voxel)
        places.append(inverse[voxel, axis] * mm + inverse[voxel, 3])
    return _Lines(axes[0], float(places[0][0]), axes[1], places[1], axes[2], places[2])


def _slab(
    values: NDArray[np.floating], *, along: int, place: float
) -> tuple[Floats32, Floats32 | None, float]:
    """Return the plane between two slices, its measured weight, and its weight on the grid.

    The measured weight is None where it is that on the grid everywhere.
    """
    low = int(np.floor(place))
    pairs = [(low, 1 - (place - low)), (low + 1, place - low)]
    pairs = [(k, weight) for k, weight in pairs if weight > 1e-6 and 0 <= k < values.shape[along]]
    planes = [(values.take(k, axis=along), np.float32(weight)) for k, weight in pairs]
    rest = tuple(length for axis, length in enumerate(values.shape) if axis != along)
    total, depth = np.zeros(rest, np.float32), float(sum(weight for _, weight in planes))
    if all(np.isfinite(plane).all() for plane, _ in planes):
        for plane, weight in planes:
            total += weight * plane
        return total, None, depth
    measured = np.zeros(rest, np.float32)
    for plane, weight in planes:
        known = np.isfinite(plane)
        total += weight * np.where(known, plane, 0)
        measured += weight * known
    return total, measured, depth


def _spread(
    values: Floats32,
    measured: Floats32 | None,
    *,
    rows: Floats,
    columns: Floats,
    depth: float,
) -> _Plane:
    """Return a plane at the places of pixel rows and columns."""
    down, across = (_triangles(p, n) for p, n in zip((rows, columns), values.shape, strict=True))
    total = _apply(values, down=down, across=across)
    high, wide = _weight(down, len(rows)), _weight(across, len(columns))
    if measured is None and min(high.min(), wide.min(), depth) > 1 - 1e-4:
        return _Plane(total)
    cover = np.float32(depth) * np.outer(high, wide)
    if measured is not None:
        cover = _apply(measured, down=down, across=across)
    within = np.minimum(np.minimum.outer(high, wide), np.float32(depth))
    return _Plane(total, cover.astype(np.float32), within.astype(np.float32))


def _triangles(places: Floats, length: int) -> Floats32 | slice:
    """Return linear weights of each voxel (columns) for each pixel (rows), or a plain slice.

    Weights beyond the ends of the grid are left out, so that a row's sum says how much of the
    pixel lies on the grid.
    """
    if len(places) == length:
        for step in (1, -1):
            if np.abs(places[::step] - np.arange(length)).max() < 1e-6:
                return slice(None, None, step)
    pitch = abs(float(places[-1] - places[0])) / max(len(places) - 1, 1)
    reach = max(pitch, 1.0)
    padded = int(np.ceil(reach)) + 1
    voxels = np.arange(-padded, length + padded)
    weights = np.maximum(1 - np.abs(places[:, None] - voxels) / reach, 0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return np.ascontiguousarray(weights[:, padded:-padded], dtype=np.float32)


def _weight(weights: Floats32 | slice, n: int) -> Floats32:
    if isinstance(weights, slice):
        return np.ones(n, np.float32)
    return np.asarray(weights.sum(axis=1), dtype=np.float32)


def _apply(plane: Floats32, *, down: Floats32 | slice, across: Floats32 | slice) -> Floats32:
    plane = plane[down] if isinstance(down, slice) else down @ plane
    return plane[:, across] if isinstance(across, slice) else plane @ across.T


def _scattered(raster: Raster | StoredSlice, volume: Volume) -> _Plane:
    """Return values at pixels that run across the grid: between eight voxels each."""
    places = [place.astype(np.float64) for place in voxels_of(raster, volume.grid)]
    lows = [np.floor(place).astype(np.int64) for place in places]
    parts = [place - low for place, low in zip(places, lows, strict=True)]
    shape = places[0].shape
    total, measured, within = (np.zeros(shape, np.float32) for _ in range(3))
    flat = volume.values.reshape(-1)
    for corner in np.ndindex(2, 2, 2):
        weight, index = np.ones(shape), np.zeros(shape, np.int64)
        for axis, (step, length) in enumerate(zip(corner, volume.grid.shape, strict=True)):
            voxel = lows[axis] + step
            share = parts[axis] if step else 1 - parts[axis]
            weight = weight * np.where((voxel >= 0) & (voxel < length), share, 0)
            index = index * length + np.clip(voxel, 0, length - 1)
        if not weight.any():
            continue
        found = flat[index]
        known = np.isfinite(found)
        total += np.where(known, found, 0) * weight
        measured += weight * known
        within += weight
    return _Plane(total, measured, within)
