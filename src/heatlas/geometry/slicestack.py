"""Slices as acquired become a volume: sheared where they are evenly spaced, resampled elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.slicestack import SliceStack
from heatlas.core.space import Grid
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.geometry.slicesampling import sample_slices

EVEN_MM = 0.01
MOST_VOXELS = 2**30
SINGLE_SLICE_MM = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run(Value):
    """Neighbouring slices that one affine describes.

    Parameters
    ----------
    first, last : int
        Its first and its last slice.
    step_mm : tuple of float
        From a slice's corner to the next one's, in mm, RAS+.
    deviation_mm : float
        How far a corner lies from where the affine puts it, at most.
    """

    first: int
    last: int
    step_mm: tuple[float, float, float]
    deviation_mm: float

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return self.last - self.first + 1

    @property
    def spacing_mm(self) -> float:
        """Distance from one corner to the next."""
        return float(np.linalg.norm(self.step_mm))


def even_runs(stack: SliceStack, *, tolerance_mm: float = EVEN_MM) -> tuple[Run, ...]:
    """Return the stack as runs of evenly spaced slices, from the first slice to the last.

    Parameters
    ----------
    stack : SliceStack
        Slices in the order of their positions.
    tolerance_mm : float
        How far a slice may lie from the place that one affine gives it.

    Returns
    -------
    tuple of Run
        As long as possible each, taken from the start; one run for a regular scan.

    Raises
    ------
    DataError
        If the slices are not parallel.
    """
    _check_parallel(stack)
    runs: list[Run] = []
    first = 0
    while first < len(stack):
        run = _run(stack, first, last=first)
        for last in range(first + 1, len(stack)):
            longer = _run(stack, first, last=last)
            if longer.deviation_mm > tolerance_mm:
                break
            run = longer
        runs.append(run)
        first = run.last + 1
    return tuple(runs)


def gantry_tilt(stack: SliceStack) -> float:
    """Return the angle between the slices' normal and the way from slice to slice, in degrees.

    Parameters
    ----------
    stack : SliceStack
        At least two slices; a single one has no tilt (0).

    Returns
    -------
    float
        0 for an upright stack.
    """
    way = stack.corners_mm[-1] - stack.corners_mm[0]
    length = float(np.linalg.norm(way))
    if length == 0:
        return 0.0
    cosine = abs(float(way @ stack.normals[0])) / length
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def sheared_volume(stack: SliceStack, *, tolerance_mm: float = EVEN_MM) -> Volume:
    """Return evenly spaced slices as a volume, every value as acquired.

    Parameters
    ----------
    stack : SliceStack
        One evenly spaced run of parallel slices.
    tolerance_mm : float
        How far a slice may lie from where the affine puts it.

    Returns
    -------
    Volume
        Axes closest to RAS+; a gantry tilt is shear in the affine. Nothing is interpolated.

    Raises
    ------
    DataError
        If the spacing varies; :func:`regular_volume` resamples such slices.

    Notes
    -----
    One copy of the values.
    """
    runs = even_runs(stack, tolerance_mm=tolerance_mm)
    if len(runs) > 1:
        raise DataError(
            f"slices: their spacing varies ({len(runs)} runs), so no single affine holds them; "
            "resample them to a regular grid, or take one run."
        )
    (run,) = runs
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = stack.column_steps_mm[0], stack.row_steps_mm[0]
    affine[:3, 2] = _slice_step(stack, run)
    affine[:3, 3] = stack.corners_mm[0]
    values, affine = _closest_to_ras(stack.values.transpose(2, 1, 0), affine)
    tilt = gantry_tilt(stack)
    parameters = {
        "slices": run.n_slices,
        "step_mm": [round(float(mm), 6) for mm in _slice_step(stack, run)],
        "tilt_degrees": round(tilt, 3),
        "largest_deviation_mm": round(run.deviation_mm, 6),
    }
    return _volume(stack, values, affine=affine, step=("slices to volume", parameters))


def regular_volume(stack: SliceStack, *, voxel_size_mm: float | None = None) -> Volume:
    """Return parallel slices resampled to an upright regular grid.

    Parameters
    ----------
    stack : SliceStack
        Parallel slices, tilted and unevenly spaced as they may be.
    voxel_size_mm : float, optional
        Edge of cubic voxels. Without it the grid keeps the size of the pixels in the plane, and
        takes the smallest spacing that at least three slices share (else the median one) across.

    Returns
    -------
    Volume
        Axes along x, y and z; NaN outside of what was scanned.

    Raises
    ------
    DataError
        If the slices are not parallel, there is only one, two lie at the same place, or the grid
        would have more than 2^30 voxels.

    Notes
    -----
    Values are interpolated linearly in the plane, and linearly between the two neighbouring
    slices along the line that joins their corners: on an evenly spaced run this is what its
    sheared affine would give. A voxel has a value where at least half of the weight lies on
    pixels that were scanned, and none beyond the outermost slices. Memory: the result, a copy of
    the slices, and about 100 MB.
    """
    _check_parallel(stack)
    places = stack.along_mm
    gaps = np.diff(places)
    if not len(gaps) or not ((gaps > 0).all() or (gaps < 0).all()):
        raise DataError(
            "slices: a regular grid needs at least two slices, each beyond the one before it."
        )
    grid = upright_grid(stack, voxel_size_mm=voxel_size_mm)
    values = sample_slices(stack, grid)
    runs = even_runs(stack)
    parameters = {
        "interpolation": "linear",
        "slices": len(stack),
        "spacings_mm": [round(run.spacing_mm, 4) for run in runs if run.n_slices > 1],
        "tilt_degrees": round(gantry_tilt(stack), 3),
        "voxel_mm": [round(mm, 6) for mm in grid.voxel_sizes_mm],
    }
    step = ("resample slices to an upright grid", parameters)
    return _volume(stack, values, affine=grid.affine, step=step)


def upright_grid(stack: SliceStack, *, voxel_size_mm: float | None = None) -> Grid:
    """Return the upright grid around all slices (see :func:`regular_volume`)."""
    if voxel_size_mm is not None and not voxel_size_mm > 0:
        raise DataError(f"voxel size: {voxel_size_mm:g} mm given, expected a size above 0.")
    sizes = np.full(3, voxel_size_mm) if voxel_size_mm is not None else _natural_sizes(stack)
    corners = _corners(stack)
    low, high = corners.min(axis=0), corners.max(axis=0)
    lengths = np.floor((high - low) / sizes + 1e-3).astype(int) + 1
    if lengths.prod(dtype=float) > MOST_VOXELS:
        raise DataError(
            f"voxel size: {'x'.join(f'{mm:g}' for mm in sizes)} mm gives "
            f"{lengths.prod(dtype=float):,.0f} voxels; choose larger voxels."
        )
    affine = np.diag([*sizes, 1.0])
    affine[:3, 3] = low
    x, y, z = lengths.tolist()
    return Grid(shape=(x, y, z), affine=affine, unit=stack.position_unit)


def slices_of(volume: Volume, *, unit: str = "") -> SliceStack:
    """Return the planes of a volume across its third axis as slices, seen from below.

    Parameters
    ----------
    volume : Volume
        Axes closest to RAS+, as all readers give it; its affine may carry shear.
    unit : str
        Unit of the values.

    Returns
    -------
    SliceStack
        Rows run along the falling second axis (towards the back of the head), columns along the
        falling first one, so that a patient's left is on the right: the radiological view.
    """
    values = volume.values[::-1, ::-1, :].transpose(2, 1, 0)
    nx, ny, nz = volume.grid.shape
    affine = volume.grid.affine
    last = affine[:3, 3] + (nx - 1) * affine[:3, 0] + (ny - 1) * affine[:3, 1]
    return SliceStack(
        values=np.ascontiguousarray(values, dtype=np.float32),
        corners_mm=last + np.arange(nz)[:, None] * affine[:3, 2],
        row_steps_mm=np.tile(-affine[:3, 1], (nz, 1)),
        column_steps_mm=np.tile(-affine[:3, 0], (nz, 1)),
        unit=unit,
        position_unit=volume.grid.unit,
        name=volume.name,
        provenance=volume.provenance,
    )


def part_of(stack: SliceStack, run: Run) -> SliceStack:
    """Return the slices of one run."""
    kept = slice(run.first, run.last + 1)
    return replace(
        stack,
        values=stack.values[kept],
        corners_mm=stack.corners_mm[kept],
        row_steps_mm=stack.row_steps_mm[kept],
        column_steps_mm=stack.column_steps_mm[kept],
    )


def _check_parallel(stack: SliceStack) -> None:
    if not stack.is_parallel:
        raise DataError(
            "slices: they are not parallel, or their pixels differ in size, so they form no "
            "volume; choose one series (--series)."
        )


def _run(stack: SliceStack, first: int, *, last: int) -> Run:
    """Return the run from one slice to another; its step joins the two outermost corners."""
    corners = stack.corners_mm[first : last + 1]
    step = (corners[-1] - corners[0]) / max(last - first, 1)
    line = corners[0] + np.arange(len(corners))[:, None] * step
    x, y, z = step.tolist()
    deviation = float(np.linalg.norm(corners - line, axis=1).max())
    return Run(first=first, last=last, step_mm=(x, y, z), deviation_mm=deviation)


def _slice_step(stack: SliceStack, run: Run) -> Floats:
    """Return the affine's third step; a single slice reaches as far as it is thick."""
    if run.n_slices > 1:
        return np.array(run.step_mm)
    return np.asarray(stack.normals[0] * (stack.thickness_mm or SINGLE_SLICE_MM))


def _closest_to_ras(
    values: NDArray[np.float32], affine: Floats
) -> tuple[NDArray[np.float32], Floats]:
    """Return array and affine with their axes permuted and turned to lie closest to RAS+."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    _, order = linear_sum_assignment(-np.abs(directions))
    values, steps = values.transpose(order), affine[:3, order]
    origin = affine[:3, 3].copy()
    for axis in range(3):
        if steps[axis, axis] < 0:
            values = np.flip(values, axis)
            origin += (values.shape[axis] - 1) * steps[:, axis]
            steps[:, axis] = -steps[:, axis]
    turned = np.eye(4)
    turned[:3, :3], turned[:3, 3] = steps, origin
    return np.ascontiguousarray(values), turned


def _volume(
    stack: SliceStack,
    values: NDArray[np.float32],
    *,
    affine: Floats,
    step: tuple[str, dict[str, object]],
) -> Volume:
    values.setflags(write=False)
    x, y, z = values.shape
    provenance: Provenance = stack.provenance.then(step[0], parameters=step[1])
    grid = Grid(shape=(x, y, z), affine=affine, unit=stack.position_unit)
    return Volume(values=values, grid=grid, name=stack.name, provenance=provenance)


def _natural_sizes(stack: SliceStack) -> Floats:
    """Return a voxel's size along x, y and z from pixels and spacing."""
    lengths = np.array([stack.pixel_mm[1], stack.pixel_mm[0], _common_spacing(stack)])
    directions = np.stack(
        [
            stack.column_steps_mm[0] / lengths[0],
            stack.row_steps_mm[0] / lengths[1],
            stack.normals[0],
        ],
        axis=1,
    )
    _, order = linear_sum_assignment(-np.abs(directions))
    return np.asarray(lengths[order])


def _common_spacing(stack: SliceStack) -> float:
    """Return the smallest spacing that three slices share, else the median one."""
    shared = [run.spacing_mm for run in even_runs(stack) if run.n_slices >= 3]
    if shared:
        return min(shared)
    return float(np.median(np.linalg.norm(np.diff(stack.corners_mm, axis=0), axis=1)))


def _corners(stack: SliceStack) -> Floats:
    """Return the centres of the four outermost pixels of each slice, shape (4 n, 3)."""
    rows, columns = stack.values.shape[1:]
    ends = np.array([(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)])
    return np.concatenate([stack.to_mm(k, ends) for k in range(len(stack))])
