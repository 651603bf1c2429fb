"""Slices as they are stored: planes of a grid's own voxels, tilted and sheared as they may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.heatmap import HeatMap
from heatlas.core.space import Grid
from heatlas.core.words import count
from heatlas.show.planes import IN_PLANE, Cut, peak_position, through_peaks
from heatlas.show.view import AXES, Axis, View

Floats = NDArray[np.float64]
MOST_SLICES = 20  # of a stack that are drawn unless more are asked for
LONGER = 1.2  # from which ratio on the longest step of a grid is that from slice to slice
COLUMNS = {3: 3, 4: 2, 8: 4, 12: 4, 20: 5}  # up to so many slices: so many in a row
MANY_COLUMNS = 7
SIDES: Mapping[Axis, tuple[str, str]] = {
    "x": ("left", "right"),
    "y": ("posterior", "anterior"),
    "z": ("inferior", "superior"),
}


@dataclass(frozen=True)
class Stack:
    """How the slices of a grid are looked at: which axes run where, and which way.

    ``along`` is the voxel axis from slice to slice, ``across`` and ``up`` are the two within a
    slice; ``right`` and ``top`` say whether they run to the right and upwards (1) or not (-1).
    ``axis`` is the axis of the body that a slice cuts across most nearly.
    """

    grid: Grid
    axis: Axis
    along: int
    across: int
    up: int
    right: int
    top: int

    @property
    def n_slices(self) -> int:
        """Number of slices."""
        return self.grid.shape[self.along]

    @property
    def pitch_mm(self) -> float:
        """Distance of neighbouring voxels within a slice, the smaller one."""
        sizes = self.grid.voxel_sizes_mm
        return min(sizes[self.across], sizes[self.up])

    @property
    def normal(self) -> Floats:
        """Unit vector across the slices."""
        found: Floats = np.cross(self.grid.affine[:3, self.across], self.grid.affine[:3, self.up])
        return found / np.linalg.norm(found)

    @property
    def tilt_degrees(self) -> float:
        """Angle between the slices and the plane of the body that they come closest to."""
        cosine = abs(float(self.normal[AXES.index(self.axis)]))
        return float(np.degrees(np.arccos(min(cosine, 1.0))))

    @property
    def first_side(self) -> str:
        """Side of the body at which the first slice lies."""
        low, high = SIDES[self.axis]
        rises = self.grid.affine[AXES.index(self.axis), self.along] >= 0
        return low if rises else high

    def middle_mm(self, number: int) -> Floats:
        """Return the position of the middle of a slice."""
        voxel = (np.array(self.grid.shape) - 1) / 2
        voxel[self.along] = number
        return self.grid.to_mm(voxel)

    def number_at(self, position_mm: Floats) -> int:
        """Return the slice nearest to a position."""
        place = float(self.grid.to_voxels(position_mm)[self.along])
        return int(np.clip(np.rint(place), 0, self.n_slices - 1))

    def cut(self, number: int) -> Cut:
        """Return what the layout needs to know about a slice."""
        sizes, shape = self.grid.voxel_sizes_mm, self.grid.shape
        return Cut(
            axis=self.axis,
            position_mm=round(float(self.middle_mm(number)[AXES.index(self.axis)]), 3),
            across_mm=shape[self.across] * sizes[self.across],
            up_mm=shape[self.up] * sizes[self.up],
            number=number,
        )


@dataclass(frozen=True)
class StoredSlice:
    """The pixels of one stored slice: where each of them lies."""

    stack: Stack
    number: int
    width: int
    height: int

    @property
    def axis(self) -> Axis:
        """Axis of the body that it cuts across most nearly."""
        return self.stack.axis

    @property
    def pixel_mm(self) -> float:
        """Edge of a pixel, the longer one."""
        sizes, shape = self.stack.grid.voxel_sizes_mm, self.stack.grid.shape
        across, up = self.stack.across, self.stack.up
        return max(sizes[across] * shape[across] / self.width, sizes[up] * shape[up] / self.height)

    def lines(self) -> tuple[Floats, Floats]:
        """Return voxel places of the pixel columns (left to right) and rows (top to bottom)."""
        shape, stack = self.stack.grid.shape, self.stack
        columns = (np.arange(self.width) + 0.5) / self.width * shape[stack.across] - 0.5
        rows = (np.arange(self.height) + 0.5) / self.height * shape[stack.up] - 0.5
        return columns[:: stack.right], rows[:: -stack.top]

    def terms(self, grid: Grid) -> tuple[tuple[Floats, Floats], ...]:
        """Return what rows (height,) and columns (width,) add to each voxel index of a grid."""
        stack = self.stack
        matrix = np.linalg.inv(grid.affine) @ stack.grid.affine
        start = matrix[:3, 3] + matrix[:3, stack.along] * self.number
        columns, rows = self.lines()
        return tuple(
            (start[i] + matrix[i, stack.up] * rows, matrix[i, stack.across] * columns)
            for i in range(3)
        )

    def to_pixels(self, positions_mm: Floats) -> Floats:
        """Return where positions in mm lie on the slice, in pixels from its corner, (..., 2)."""
        stack, shape = self.stack, self.stack.grid.shape
        voxel = stack.grid.to_voxels(positions_mm)
        x = (voxel[..., stack.across] + 0.5) / shape[stack.across]
        y = (voxel[..., stack.up] + 0.5) / shape[stack.up]
        x, y = (x if stack.right > 0 else 1 - x), (1 - y if stack.top > 0 else y)
        return np.stack([x * self.width, y * self.height], axis=-1)

    def distance_mm(self, positions_mm: Floats) -> Floats:
        """Return how far positions lie from the slice."""
        return np.abs((positions_mm - self.stack.middle_mm(self.number)) @ self.stack.normal)


def stack_of(grid: Grid, *, left_is_left: bool) -> Stack:
    """Return how the stored slices of a grid are looked at.

    Parameters
    ----------
    grid : Grid
        Any affine, shear included.
    left_is_left : bool
        Side convention; sagittal slices show anterior on the right either way.

    Returns
    -------
    Stack
        The slices follow each other along the axis that has one voxel, else along the one whose
        step is longer than the others, else along the last one, as files store them.
    """
    along = _slice_axis(grid)
    first, second = (axis for axis in range(3) if axis != along)
    directions = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    normal = np.cross(directions[:, first], directions[:, second])
    axis = AXES[int(np.argmax(np.abs(normal)))]
    right, top = IN_PLANE[axis]
    straight = abs(directions[right, first]) + abs(directions[top, second])
    turned = abs(directions[right, second]) + abs(directions[top, first])
    across, up = (first, second) if straight >= turned else (second, first)
    mirrored = not left_is_left and axis != "x"
    return Stack(
        grid=grid,
        axis=axis,
        along=along,
        across=across,
        up=up,
        right=-1 if (directions[right, across] < 0) != mirrored else 1,
        top=-1 if directions[top, up] < 0 else 1,
    )


def stored_cuts(
    stack: Stack,
    panels: Sequence[HeatMap],
    *,
    view: View,
    among: Callable[[], NDArray[np.int64]] | None = None,
) -> list[list[Cut]]:
    """Return the slices to draw in rows: as asked by number, or spread, one through the peak.

    ``among`` gives the slices over which they are spread, all of them without it.

    Raises
    ------
    DataError
        If a number is asked for that does not exist.
    """
    wrong = [number for number in view.slices if not 1 <= number <= stack.n_slices]
    if wrong:
        raise DataError(
            f"slices: {wrong[0]} asked for, but there are {count(stack.n_slices, 'slice')}, "
            f"numbered from 1 to {stack.n_slices}."
        )
    numbers = [number - 1 for number in view.slices]
    if not numbers:
        known = np.arange(stack.n_slices) if among is None else among()
        numbers = _spread_numbers(stack, panels, among=known)
    fits = (columns for most, columns in COLUMNS.items() if len(numbers) <= most)
    n = view.n_slices or min(next(fits, MANY_COLUMNS), len(numbers))
    cuts = [stack.cut(number) for number in numbers]
    return [cuts[k : k + n] for k in range(0, len(cuts), n)]


def _spread_numbers(
    stack: Stack, panels: Sequence[HeatMap], *, among: NDArray[np.int64]
) -> list[int]:
    """Return at most 20 slices between the first and the last of some, one through the peak."""
    first, last = int(among[0]), int(among[-1])
    if last - first < MOST_SLICES:
        return list(range(first, last + 1))
    edges = np.linspace(first, last, MOST_SLICES + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    peak = float(stack.number_at(np.array(peak_position(panels))))
    places = through_peaks(edges, middles, mm=np.array([peak]), size=np.ones(1))
    return sorted({round(place) for place in places})


def _slice_axis(grid: Grid) -> int:
    """Return the voxel axis from slice to slice."""
    single = [axis for axis, length in enumerate(grid.shape) if length == 1]
    if single:
        return single[-1]
    sizes = grid.voxel_sizes_mm
    longest = int(np.argmax(sizes))
    others = max(size for axis, size in enumerate(sizes) if axis != longest)
    return longest if sizes[longest] > LONGER * others else len(AXES) - 1
