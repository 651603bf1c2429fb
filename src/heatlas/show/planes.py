"""Planes in millimetres: the field of view, where slices cut, and what each pixel of them shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from heatlas.core.heatmap import HeatMap
from heatlas.core.space import Grid, Mask
from heatlas.core.volume import Volume
from heatlas.show.view import AXES, Axis, View

Floats = NDArray[np.float64]
# The two axes of a slice, to the right and upwards, by the axis that it cuts across.
IN_PLANE: Mapping[Axis, tuple[int, int]] = {"z": (0, 1), "y": (0, 2), "x": (1, 2)}
DEFAULT_SLICES = {1: 7, 2: 4, 3: 3}
MANY_PANELS_SLICES = 2
EDGES = (0.005, 0.995)  # share of the voxels beyond which a mosaic is not cut
MOST_POSITIONS = 100_000  # enough to know where a mask lies
STILL = 1e-9  # of a voxel: less is no movement
BACKGROUND_FLOOR = 0.04  # of the brightest tissue; below lies what no template covers


@dataclass(frozen=True)
class Field:
    """The box in mm that every slice shows: (low, high) along x, y and z."""

    low: Floats
    high: Floats

    def size(self, axis: int) -> float:
        """Return the length along an axis (0 to 2) in mm."""
        return float(self.high[axis] - self.low[axis])


@dataclass(frozen=True)
class Cut:
    """One slice to be drawn: where it cuts and how large it is; ``number`` of a stored slice."""

    axis: Axis
    position_mm: float
    across_mm: float
    up_mm: float
    number: int | None = None


class SlicePixels(Protocol):
    """Where the pixels of a slice lie, whichever way it runs."""

    @property
    def width(self) -> int:
        """Pixels in a row."""

    @property
    def height(self) -> int:
        """Rows of pixels."""

    @property
    def pixel_mm(self) -> float:
        """Edge of a pixel, the longer one."""

    def terms(self, grid: Grid) -> tuple[tuple[Floats, Floats], ...]:
        """Return what rows (height,) and columns (width,) add to each voxel index of a grid."""

    def to_pixels(self, positions_mm: Floats) -> Floats:
        """Return where positions in mm lie on the slice, in pixels from its corner, (..., 2)."""

    def distance_mm(self, positions_mm: Floats) -> Floats:
        """Return how far positions lie from the slice."""


@dataclass(frozen=True)
class Raster:
    """The pixels of one slice: its plane, its size and which way its first axis runs."""

    axis: Axis
    position_mm: float
    field: Field
    width: int
    height: int
    mirrored: bool

    @property
    def in_plane(self) -> tuple[int, int]:
        """The axes of space that run to the right (or left, if mirrored) and upwards."""
        return IN_PLANE[self.axis]

    @property
    def pixel_mm(self) -> float:
        """Edge of a pixel, the longer one."""
        across, up = self.in_plane
        return max(self.field.size(across) / self.width, self.field.size(up) / self.height)

    def distance_mm(self, positions_mm: Floats) -> Floats:
        """Return how far positions lie from the slice."""
        return np.abs(positions_mm[..., AXES.index(self.axis)] - self.position_mm)

    def lines_mm(self) -> tuple[Floats, Floats]:
        """Return the mm of the pixel columns (left to right) and rows (top to bottom)."""
        across, up = IN_PLANE[self.axis]
        columns = (np.arange(self.width) + 0.5) / self.width * self.field.size(across)
        rows = (np.arange(self.height) + 0.5) / self.height * self.field.size(up)
        columns = (
            self.field.high[across] - columns if self.mirrored else self.field.low[across] + columns
        )
        return columns, self.field.high[up] - rows

    def to_pixels(self, positions_mm: Floats) -> Floats:
        """Return where positions in mm lie on the slice, in pixels from its corner, (..., 2)."""
        across, up = IN_PLANE[self.axis]
        x = (positions_mm[..., across] - self.field.low[across]) / self.field.size(across)
        y = (self.field.high[up] - positions_mm[..., up]) / self.field.size(up)
        return np.stack([(1 - x if self.mirrored else x) * self.width, y * self.height], axis=-1)

    def terms(self, grid: Grid) -> tuple[tuple[Floats, Floats], ...]:
        """Return what rows (height,) and columns (width,) add to each voxel index of a grid."""
        inverse = np.linalg.inv(grid.affine)
        across, up = IN_PLANE[self.axis]
        columns, rows = self.lines_mm()
        start = inverse[:3, 3] + inverse[:3, AXES.index(self.axis)] * self.position_mm
        return tuple(
            (start[i] + inverse[i, up] * rows, inverse[i, across] * columns) for i in range(3)
        )


def voxels_of(raster: SlicePixels, grid: Grid) -> tuple[NDArray[np.float32], ...]:
    """Return fractional voxel indices of all pixels, three arrays (height, width)."""
    return tuple(
        np.add.outer(rows, columns).astype(np.float32) for rows, columns in raster.terms(grid)
    )


@dataclass(frozen=True)
class Backdrop:
    """A background, ready to be cut: tissue is 1 or 0, values are 0 where there is none."""

    values: NDArray[np.float32]
    tissue: NDArray[np.float32]
    grid: Grid
    dark: float
    bright: float


def prepare_background(volume: Volume) -> Backdrop:
    """Find the tissue of a background image and the values between which its greys lie."""
    values = np.nan_to_num(volume.values)
    sample = values.ravel()[:: max(values.size // 500_000, 1)]
    lowest, brightest = float(sample.min()), float(np.quantile(sample, 0.998))
    floor = lowest + BACKGROUND_FLOOR * (brightest - lowest)
    inside = values > floor
    held = sample[sample > floor]
    dark, bright = np.quantile(held, [0.02, 0.995]) if held.size else (lowest, lowest + 1)
    return Backdrop(
        values=np.where(inside, values, 0).astype(np.float32),
        tissue=inside.astype(np.float32),
        grid=volume.grid,
        dark=float(dark),
        bright=float(max(bright, dark + 1e-12)),
    )


def field_of_view(masks: Sequence[Mask], background: Backdrop | None) -> Field:
    """Return the box around all masks and the tissue of the background, with a small margin."""
    boxes = [box_mm(mask.inside.reshape(mask.grid.shape), mask.grid) for mask in masks]
    if background is not None and background.tissue.any():
        boxes.append(box_mm(background.tissue > 0, background.grid))
    low = np.min([box[0] for box in boxes], axis=0)
    high = np.max([box[1] for box in boxes], axis=0)
    margin = 0.015 * float((high - low).max())
    return Field(low=low - margin, high=high + margin)


def mosaic_cuts(
    panels: Sequence[HeatMap], view: View, *, extent: Field | None = None
) -> dict[Axis, tuple[float, ...]]:
    """Return where each row of a mosaic is cut: as asked, or spread over the masks.

    The extent of the masks is divided into equal parts, one a slice. A part is cut through the
    strongest surviving voxel in it, so that peaks are seen, and in its middle where none survives.
    An ``extent`` that is given is divided instead; where nothing is judged, one part is then cut
    through the largest magnitude.
    """
    asked = {axis: view.cuts[axis] for axis in view.axes if axis in view.cuts}
    n = view.n_slices or DEFAULT_SLICES.get(len(panels), MANY_PANELS_SLICES)
    return {
        axis: asked[axis]
        if axis in asked
        else _spread(panels, AXES.index(axis), n=n, extent=extent)
        for axis in view.axes
    }


def peak_position(panels: Sequence[HeatMap]) -> tuple[float, float, float]:
    """Return the mm of the largest judged magnitude: among survivors, else among everything."""
    judging = [panel for panel in panels if panel.threshold.judges] or list(panels)
    candidates = [_strongest(panel, survivors=True) for panel in judging]
    found = [c for c in candidates if c] or [c for p in judging if (c := _strongest(p))]
    if not found:
        middle = field_of_view([panel.shown.mask for panel in panels], None)
        x, y, z = np.round((middle.low + middle.high) / 2).tolist()
        return x, y, z
    return max(found, key=lambda pair: pair[0])[1]


def field_cut(axis: Axis, position_mm: float, *, field: Field) -> Cut:
    """Return a slice through the whole field."""
    across, up = IN_PLANE[axis]
    return Cut(axis, position_mm, field.size(across), field.size(up))


def gather_elements(raster: SlicePixels, mask: Mask) -> NDArray[np.int32]:
    """Return the element of the nearest voxel of each pixel, -1 where there is none."""
    shape, size = mask.grid.shape, (raster.height, raster.width)
    # Half the memory where the numbers allow it: pictures are made of many short steps.
    whole = np.dtype(np.int32 if mask.inside.size < 2**31 else np.int64)
    flat: NDArray[Any] = np.zeros((1, 1), dtype=whole)
    inside = np.ones((1, 1), dtype=bool)
    for length, (rows, columns) in zip(shape, raster.terms(mask.grid), strict=True):
        nearest = _nearest(rows, columns).astype(whole, copy=False)
        inside = inside & (nearest >= 0) & (nearest < length)
        flat = flat * whole.type(length) + nearest
    if mask.size == mask.inside.size:  # every voxel is an element: nothing is looked up
        flat = flat if inside.all() else np.where(inside, flat, whole.type(-1))
        flat = flat if flat.shape == size else np.broadcast_to(flat, size).copy()
        return flat.astype(np.int32, copy=False)
    inside, flat = np.broadcast_to(inside, size).copy(), np.broadcast_to(flat, size)
    inside[inside] = mask.inside[flat[inside]]
    elements = np.full(size, -1, dtype=np.int32)
    elements[inside] = np.searchsorted(mask.indices, flat[inside])
    return elements


def _nearest(rows: Floats, columns: Floats) -> NDArray[np.int64]:
    """Return whole voxel indices; an axis along which nothing changes stays one long."""
    if np.ptp(columns) < STILL:
        rows, columns = rows + columns[0], np.zeros(1)
    elif np.ptp(rows) < STILL:
        rows, columns = np.zeros(1), columns + rows[0]
    return np.asarray(np.rint(np.add.outer(rows, columns)).astype(np.int64))


def show_small_survivors(
    elements: NDArray[np.int32], *, raster: SlicePixels, heat_map: HeatMap
) -> NDArray[np.int32]:
    """Return the elements with every survivor of this plane in at least one pixel.

    Where a voxel is smaller than a pixel it may fall between pixel centres; a finding must not.
    """
    mask = heat_map.shown.mask
    voxel = min(mask.grid.voxel_sizes_mm)
    survivors = np.flatnonzero(heat_map.threshold.survives)
    if voxel >= raster.pixel_mm or not heat_map.threshold.judges or not survivors.size:
        return elements
    positions = _positions(mask, survivors)
    near = raster.distance_mm(positions) <= voxel / 2
    survivors, positions = survivors[near], positions[near]
    missing = ~np.isin(survivors, elements)
    survivors, positions = survivors[missing], positions[missing]
    columns, rows = np.floor(raster.to_pixels(positions)).astype(int).T
    seen = (columns >= 0) & (columns < raster.width) & (rows >= 0) & (rows < raster.height)
    # The strongest comes last and stays.
    order = np.argsort(np.abs(heat_map.judged.values[survivors]), kind="stable")
    order = order[seen[order]]
    filled = elements.copy()
    filled[rows[order], columns[order]] = survivors[order]
    return filled


def gather_background(
    raster: SlicePixels, background: Backdrop, *, view: View
) -> NDArray[np.uint8]:
    """Return the grey of each pixel: tissue between dark and bright, the page outside."""
    palette = view.palette
    cover = interpolate(background.tissue, raster, grid=background.grid)
    value = interpolate(background.values, raster, grid=background.grid)
    # The mean over the tissue alone: its border does not darken towards the page.
    mean = np.divide(value, cover, out=np.zeros_like(value), where=cover > 0)
    share = (mean - background.dark) / (background.bright - background.dark)
    tissue = palette.dark + np.clip(share, 0, 1) * (palette.bright - palette.dark)
    grey = palette.page + np.clip(cover, 0, 1) * (tissue - palette.page)
    return np.asarray(np.rint(grey).astype(np.uint8))


def interpolate(
    values: NDArray[np.float32], raster: SlicePixels, *, grid: Grid
) -> NDArray[np.float32]:
    """Return linearly interpolated values of all pixels, 0 beyond the grid."""
    inverse: Floats = np.asarray(np.linalg.inv(grid.affine), dtype=np.float64)
    depends = np.abs(inverse[:3, :3]) > 1e-9
    straight = (depends.sum(axis=0) == 1).all() and (depends.sum(axis=1) == 1).all()
    if isinstance(raster, Raster) and straight:
        return _interpolate_along_axes(values, raster, inverse=inverse)
    places = np.stack(voxels_of(raster, grid))
    return np.asarray(map_coordinates(values, places, order=1, mode="constant", prefilter=False))


def _interpolate_along_axes(
    values: NDArray[np.float32], raster: Raster, *, inverse: Floats
) -> NDArray[np.float32]:
    """Interpolate one axis after the other, where the grid's axes are those of space."""
    across, up = IN_PLANE[raster.axis]
    fixed = AXES.index(raster.axis)
    columns, rows = raster.lines_mm()
    mm = {fixed: np.array([raster.position_mm]), across: columns, up: rows}
    voxel_axis = {axis: int(np.argmax(np.abs(inverse[:3, axis]))) for axis in range(3)}
    for axis in (fixed, up, across):
        index = voxel_axis[axis]
        values = _lerp(values, inverse[index, axis] * mm[axis] + inverse[index, 3], axis=index)
    order = (voxel_axis[up], voxel_axis[across], voxel_axis[fixed])
    return np.ascontiguousarray(values.transpose(order)[:, :, 0])


def _lerp(values: NDArray[np.float32], places: Floats, *, axis: int) -> NDArray[np.float32]:
    """Return values between neighbours along one axis, 0 beyond its ends."""
    length = values.shape[axis]
    low = np.floor(places).astype(np.int64)
    shape = [1, 1, 1]
    shape[axis] = -1
    mixed = np.zeros((), dtype=np.float32)
    for index, weight in ((low, 1 - (places - low)), (low + 1, places - low)):
        kept = np.where((index >= 0) & (index < length), weight, 0).astype(np.float32)
        mixed = mixed + values.take(np.clip(index, 0, length - 1), axis=axis) * kept.reshape(shape)
    return np.asarray(mixed)


def silhouette(elements: NDArray[np.int32], *, view: View) -> NDArray[np.uint8]:
    """Return the grey of each pixel where there is no background image: the mask's shape."""
    palette = view.palette
    return np.where(elements >= 0, palette.backdrop, palette.page).astype(np.uint8)


def box_mm(inside: NDArray[np.bool_], grid: Grid) -> tuple[Floats, Floats]:
    """Return the lowest and highest mm of the voxels inside, their edges included."""
    edges = []
    for axis in range(3):
        rest = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(inside.any(axis=rest))
        edges.append((filled[0] - 0.5, filled[-1] + 0.5))
    corners = grid.to_mm(np.array(np.meshgrid(*edges)).reshape(3, -1).T)
    return corners.min(axis=0), corners.max(axis=0)


def _positions(mask: Mask, elements: NDArray[np.int64]) -> Floats:
    """Return the mm of some elements of a mask."""
    voxels = np.stack(np.unravel_index(mask.indices[elements], mask.grid.shape), axis=1)
    return mask.grid.to_mm(voxels)


def _some_positions(mask: Mask) -> Floats:
    """Return the mm of evenly chosen voxels of a mask."""
    return _positions(mask, np.arange(0, mask.size, max(mask.size // MOST_POSITIONS, 1)))


def _strongest(
    panel: HeatMap, *, survivors: bool = False
) -> tuple[float, tuple[float, float, float]] | None:
    """Return the largest judged magnitude and its mm, None where nothing is finite."""
    size = np.abs(panel.judged.values)
    eligible = np.isfinite(size)
    if survivors:
        eligible &= panel.threshold.survives
    if not eligible.any():
        return None
    best = np.flatnonzero(eligible)[np.argmax(size[eligible])]
    x, y, z = _positions(panel.judged.mask, np.array([best]))[0].tolist()
    return float(size[best]), (x, y, z)


def _spread(
    panels: Sequence[HeatMap], axis: int, *, n: int, extent: Field | None
) -> tuple[float, ...]:
    """Return n positions in mm: one in each equal part of the extent."""
    low, high = _extent(panels, axis) if extent is None else (extent.low[axis], extent.high[axis])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, n + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    whole = np.round(middles)
    middles = whole if np.all(np.diff(whole) > 0) else np.round(middles, 3)
    found = [_survivors_along(panel, axis) for panel in panels if panel.threshold.judges]
    if extent is not None and not found:
        found = [(np.array([peak_position(panels)[axis]]), np.ones(1))]
    mm = np.concatenate([np.empty(0), *(pair[0] for pair in found)])
    size = np.concatenate([np.empty(0), *(pair[1] for pair in found)])
    seen = np.full(mm.shape, extent is None) | ((mm >= low) & (mm <= high))
    return through_peaks(edges, middles, mm=mm[seen], size=size[seen])


def _extent(panels: Sequence[HeatMap], axis: int) -> tuple[float, float]:
    """Return between which mm the masks lie, without the slivers at their ends."""
    masks = {id(panel.shown.mask): panel.shown.mask for panel in panels}
    mm = np.concatenate([_some_positions(mask)[:, axis] for mask in masks.values()])
    low, high = np.quantile(mm, EDGES)
    return float(low), float(high)


def through_peaks(edges: Floats, middles: Floats, *, mm: Floats, size: Floats) -> tuple[float, ...]:
    """Return the middle of each part, moved to its strongest survivor, the strongest part first.

    Slices stay half a part away from each other, so that no two show nearly the same.
    """
    apart = 0.5 * float(edges[1] - edges[0])
    part = np.clip(np.searchsorted(edges, mm, side="right") - 1, 0, len(middles) - 1)
    cuts = middles.copy()
    while size.size:
        top = np.argmax(size)
        cuts[part[top]] = mm[top]
        left = (part != part[top]) & (np.abs(mm - mm[top]) >= apart)
        mm, size, part = mm[left], size[left], part[left]
    return tuple(np.round(cuts, 3).tolist())


def _survivors_along(panel: HeatMap, axis: int) -> tuple[Floats, Floats]:
    """Return the mm along an axis and the judged magnitude of every survivor."""
    survivors = np.flatnonzero(panel.threshold.survives & np.isfinite(panel.judged.values))
    mm = _positions(panel.judged.mask, survivors)[:, axis]
    return mm, np.abs(panel.judged.values[survivors]).astype(np.float64)
