"""Values of parallel slices at the voxels of an upright grid, interpolated linearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from heatlas.core.slicestack import SliceStack
from heatlas.core.space import Grid
from heatlas.geometry.resample import HALF

EDGE_MM = 1e-6  # rounding must not push the outermost voxels out of the scan
SAME = 1e-9
SLAB_VOXELS = 1 << 21  # sampled at once: some 100 MB

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]


def sample_slices(stack: SliceStack, grid: Grid) -> Pixels:
    """Return the values of slices at the voxels of a grid whose axes are those of space.

    Parameters
    ----------
    stack : SliceStack
        Parallel slices, each beyond the one before it, either way.
    grid : Grid
        Upright: its affine holds sizes and an origin only.

    Returns
    -------
    numpy.ndarray of float32, shape grid.shape
        NaN beyond the slices, and where less than half of the weight lies on scanned pixels.

    Notes
    -----
    Where one axis of the slices runs along an axis of space, as in CT with a tilted gantry, that
    axis is interpolated first and whole lines are gathered after it, some ten times faster than
    voxel by voxel. Memory: the result, one copy of the slices, and about 100 MB.
    """
    map_ = _map_of(stack, grid)
    measured = np.isfinite(stack.values)
    filled, weight = stack.values, None
    if not measured.all():
        filled = np.where(measured, stack.values, np.float32(0))
        weight = measured.astype(np.float32)
    line = _line(map_)
    if line is None:
        return _by_voxel(filled, weight, map_=map_, shape=grid.shape)
    return _by_line(filled, weight, map_=map_, line=line)


@dataclass(frozen=True)
class _Map:
    """From mm to (slice, row, column): places of the slices, and what counts pixels."""

    axes: tuple[Floats, Floats, Floats]
    """Positions of the grid along x, y and z."""
    normal: Floats
    along: Floats
    """Place of each slice along the normal."""
    duals: tuple[Floats, Floats]
    """Vectors whose product with a way in the plane counts its rows and columns."""
    starts: tuple[Floats, Floats]
    """Row and column of mm (0, 0, 0), seen from the corner of each slice."""

    def number(self, along: Floats) -> Floats:
        """Return the fractional slice of places along the normal, out of range beyond the ends."""
        n = len(self.along)
        return np.interp(along, self.along, np.arange(n), left=-1.0, right=n + 1.0)


@dataclass(frozen=True)
class _Line:
    """An axis of the slices (1 rows, 2 columns) that runs along an axis of space."""

    pixels: int
    space: int


def _map_of(stack: SliceStack, grid: Grid) -> _Map:
    x, y, z = (
        grid.affine[axis, axis] * np.arange(length) + grid.affine[axis, 3]
        for axis, length in enumerate(grid.shape)
    )
    way = 1.0 if stack.along_mm[-1] >= stack.along_mm[0] else -1.0
    along = way * stack.along_mm
    along[0], along[-1] = along[0] - EDGE_MM, along[-1] + EDGE_MM
    basis = np.stack([stack.row_steps_mm[0], stack.column_steps_mm[0], stack.normals[0]], axis=1)
    inverse = np.linalg.inv(basis)
    inverse[np.abs(inverse) < SAME] = 0
    normal = way * np.where(np.abs(stack.normals[0]) < SAME, 0, stack.normals[0])
    duals = (inverse[0], inverse[1])
    starts = (stack.corners_mm @ duals[0], stack.corners_mm @ duals[1])
    return _Map((x, y, z), normal, along, duals, starts)


def _line(map_: _Map) -> _Line | None:
    """Return the axis that can be interpolated on its own, None where there is none."""
    for pixels, dual, starts in zip((2, 1), map_.duals[::-1], map_.starts[::-1], strict=True):
        other = map_.duals[2 - pixels]
        runs = np.flatnonzero(dual)
        if len(runs) != 1 or np.ptp(starts) > EDGE_MM:
            continue
        space = int(runs[0])
        if map_.normal[space] == 0 and other[space] == 0:
            return _Line(pixels, space)
    return None


# ---------------------------------------------------------------- line by line


def _by_line(filled: Pixels, weight: Pixels | None, *, map_: _Map, line: _Line) -> Pixels:
    """Interpolate along one axis of the slices, then gather lines between four neighbours."""
    dual, starts = map_.duals[line.pixels - 1], map_.starts[line.pixels - 1]
    places = dual[line.space] * map_.axes[line.space] - starts[0]
    length = filled.shape[line.pixels]
    outside = (places < -EDGE_MM) | (places > length - 1 + EDGE_MM)
    total = _lines(filled, places, axis=line.pixels)
    share = None if weight is None else _lines(weight, places, axis=line.pixels)
    others = [axis for axis in range(3) if axis != line.space]
    shape = tuple(len(axis) for axis in map_.axes)
    values = np.empty(shape, dtype=np.float32)
    turned = np.moveaxis(values, line.space, 2)  # a view: (first other, second other, line)
    step = max(SLAB_VOXELS // (turned.shape[1] * turned.shape[2]), 1)
    for start in range(0, turned.shape[0], step):
        slab = slice(start, min(start + step, turned.shape[0]))
        at = _slice_and_pixel(map_, line=line, others=others, slab=slab)
        turned[slab] = _gathered(total, share, at=at)
    turned[:, :, outside] = np.nan
    return values


def _lines(values: Pixels, places: Floats, *, axis: int) -> Pixels:
    """Return values at places along an axis, that axis last, shape (n, other pixels, places)."""
    moved = np.moveaxis(values, axis, 2)
    last = moved.shape[2] - 1
    places = np.clip(places, 0, last)
    low = np.minimum(np.floor(places + EDGE_MM).astype(np.int64), max(last - 1, 0))
    share = np.clip(places - low, 0, 1).astype(np.float32)
    share[share < EDGE_MM] = 0
    first = np.ascontiguousarray(moved[:, :, low])
    if not share.any():
        return first
    second = moved[:, :, np.minimum(low + 1, last)]
    return np.asarray(first + share * (second - first))


def _slice_and_pixel(
    map_: _Map, *, line: _Line, others: list[int], slab: slice
) -> tuple[Floats, Floats]:
    """Return the slice and the pixel along the other axis, shape (first other, second other)."""
    first, second = (map_.axes[axis] for axis in others)
    axes = (first[slab], second)
    along = _plane(map_.normal[others], axes=axes)
    pixels = 2 - line.pixels  # rows (0) where the line runs along columns
    counted = _plane(map_.duals[pixels][others], axes=axes)
    return map_.number(along), counted - np.interp(along, map_.along, map_.starts[pixels])


def _plane(factors: Floats, *, axes: tuple[Floats, Floats]) -> Floats:
    return np.asarray((factors[0] * axes[0])[:, None] + (factors[1] * axes[1])[None, :])


def _gathered(total: Pixels, share: Pixels | None, *, at: tuple[Floats, Floats]) -> Pixels:
    """Return lines between two slices and two pixels, weighted; NaN beyond them."""
    number, pixel = at
    n, width, length = total.shape
    inside = (number >= -EDGE_MM) & (number <= n - 1 + EDGE_MM)
    inside &= (pixel >= -EDGE_MM) & (pixel <= width - 1 + EDGE_MM)
    found = np.full((*number.shape, length), np.nan, dtype=np.float32)
    corners = _corners(number[inside], pixel[inside], n=n, width=width)
    mixed = _mixed(total.reshape(n * width, length), corners)
    if share is not None:
        scanned = _mixed(share.reshape(n * width, length), corners)
        enough = scanned >= HALF
        mixed = np.divide(mixed, scanned, out=np.full_like(mixed, np.nan), where=enough)
    found[inside] = mixed
    return found


def _corners(
    number: Floats, pixel: Floats, *, n: int, width: int
) -> list[tuple[NDArray[np.int64], Pixels]]:
    """Return the four neighbours as lines, each with its weight."""
    down = [_ends(number, last=n - 1), _ends(pixel, last=width - 1)]
    return [
        (k * width + p, (wk * wp).astype(np.float32)[:, None])
        for k, wk in down[0]
        for p, wp in down[1]
    ]


def _ends(places: Floats, *, last: int) -> list[tuple[NDArray[np.int64], Floats]]:
    places = np.clip(places, 0, last)
    low = np.minimum(np.floor(places).astype(np.int64), max(last - 1, 0))
    share = np.clip(places - low, 0, 1)
    return [(low, 1 - share), (np.minimum(low + 1, last), share)]


def _mixed(lines: Pixels, corners: list[tuple[NDArray[np.int64], Pixels]]) -> Pixels:
    total = np.zeros((len(corners[0][0]), lines.shape[1]), dtype=np.float32)
    for index, weight in corners:
        part = lines[index]
        part *= weight
        total += part
    return total


# ---------------------------------------------------------------- voxel by voxel


def _by_voxel(
    filled: Pixels, weight: Pixels | None, *, map_: _Map, shape: tuple[int, int, int]
) -> Pixels:
    """Interpolate each voxel between eight pixels; any orientation."""
    values = np.empty(shape, dtype=np.float32)
    step = max(SLAB_VOXELS // (shape[1] * shape[2]), 1)
    for start in range(0, shape[0], step):
        slab = slice(start, min(start + step, shape[0]))
        values[slab] = _interpolated(filled, weight, at=_places(map_, slab=slab))
    return values


def _places(map_: _Map, *, slab: slice) -> Floats:
    """Return (slice, row, column) of the voxels of a slab, fractional, shape (3, x, y, z)."""
    x, y, z = map_.axes
    axes = (x[slab], y, z)
    along = _outer_sum(map_.normal, axes=axes)
    counted = [
        _outer_sum(dual, axes=axes) - np.interp(along, map_.along, starts)
        for dual, starts in zip(map_.duals, map_.starts, strict=True)
    ]
    return np.stack([map_.number(along), *counted])


def _outer_sum(factors: Floats, *, axes: tuple[Floats, Floats, Floats]) -> Floats:
    """Return the product of a vector with every position of a grid, shape (x, y, z)."""
    x, y, z = (factor * axis for factor, axis in zip(factors, axes, strict=True))
    return np.asarray(x[:, None, None] + y[None, :, None] + z[None, None, :])


def _interpolated(filled: Pixels, weight: Pixels | None, *, at: Floats) -> Pixels:
    inside = np.ones(at.shape[1:], dtype=bool)
    for axis, length in enumerate(filled.shape):
        inside &= (at[axis] >= -EDGE_MM) & (at[axis] <= length - 1 + EDGE_MM)
    found = np.full(at.shape[1:], np.nan, dtype=np.float32)
    places = at[:, inside]
    total = map_coordinates(filled, places, order=1, mode="nearest", prefilter=False)
    if weight is not None:
        share = map_coordinates(weight, places, order=1, mode="nearest", prefilter=False)
        enough = share >= HALF
        total = np.where(enough, total / np.where(enough, share, 1), np.nan)
    found[inside] = total
    return found
