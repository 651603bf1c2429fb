"""Stored slices keep their voxels, their tilt and their sides."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid
from heatlas.show.planes import gather_elements, voxels_of
from heatlas.show.stored import StoredSlice, stack_of, stored_cuts
from heatlas.show.view import View
from tests.show.ct import SHAPE, ct_grid, value_map

PERMUTED = [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)]


def turned_grid(order: tuple[int, int, int], flips: tuple[int, int, int]) -> Grid:
    """A grid with voxels of 1 x 1 x 5 mm whose axes are stored in another order and direction."""
    sizes, shape = np.array([1.0, 1.0, 5.0]), np.array([12, 16, 5])
    affine = np.eye(4)
    for stored, axis in enumerate(order):
        affine[:3, stored] = 0
        affine[axis, stored] = sizes[axis] * flips[axis]
    affine[:3, 3] = -affine[:3, :3] @ ((shape[list(order)] - 1) / 2)
    x, y, z = shape[list(order)].tolist()
    return Grid(shape=(x, y, z), affine=affine)


@pytest.mark.parametrize("order", PERMUTED)
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("left_is_left", [True, False])
def test_right_is_where_it_belongs_and_front_is_up_however_files_are_stored(
    order: tuple[int, int, int], flips: tuple[int, int, int], left_is_left: bool
) -> None:
    grid = turned_grid(order, flips)
    stack = stack_of(grid, left_is_left=left_is_left)
    assert stack.axis == "z"
    assert stack.n_slices == 5
    raster = StoredSlice(stack, 2, 12, 16)
    places = np.stack(voxels_of(raster, grid), axis=-1)
    mm = grid.to_mm(places)
    assert (np.diff(mm[..., 0], axis=1) > 0).all() == left_is_left
    assert (np.diff(mm[..., 1], axis=0) < 0).all()
    np.testing.assert_allclose(mm[..., 2], 0, atol=1e-5)


@pytest.mark.parametrize(
    ("affine", "axis", "tilt"),
    [
        ([[-0.5, 0, 0], [0, 0.5, 0], [0, 0, 4]], "z", 0),
        ([[-1, 0, 0], [0, 0, 3], [0, 1, 0]], "y", 0),
        ([[0, 0, 3], [1, 0, 0], [0, 1, 0]], "x", 0),
        ([[1, 0, 0], [0, 0.8, -2], [0, 0.6, 3]], "z", 36.87),
    ],
)
def test_the_plane_and_its_tilt_are_known(affine: list, axis: str, tilt: float) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = affine
    stack = stack_of(Grid(shape=(8, 9, 5), affine=matrix), left_is_left=False)
    assert (stack.axis, stack.along) == (axis, 2)
    assert stack.tilt_degrees == pytest.approx(tilt, abs=0.01)


def test_the_first_slice_is_told_by_its_side() -> None:
    upwards, downwards = np.diag([1.0, 1, 3, 1]), np.diag([1.0, 1, -3, 1])
    sides = [
        stack_of(Grid(shape=(4, 4, 4), affine=affine), left_is_left=False).first_side
        for affine in (upwards, downwards, upwards[[2, 0, 1, 3]])
    ]
    assert sides == ["inferior", "superior", "left"]


@pytest.mark.parametrize(("shape", "along"), [((9, 1, 9), 1), ((1, 9, 9), 0), ((9, 9, 9), 2)])
def test_a_single_slice_is_found_along_any_axis(shape: tuple[int, int, int], along: int) -> None:
    assert stack_of(Grid(shape=shape, affine=np.eye(4)), left_is_left=True).along == along


def test_pixels_of_another_grid_are_found_through_both_affines() -> None:
    grid = ct_grid()
    other = Grid(shape=(9, 9, 9), affine=np.diag([2.0, 2.5, 3, 1]) - 8 * np.eye(4, k=3))
    raster = StoredSlice(stack_of(grid, left_is_left=False), 3, 20, 24)
    own = np.stack(voxels_of(raster, grid), axis=-1)
    there = np.stack(voxels_of(raster, other), axis=-1)
    np.testing.assert_allclose(there, other.to_voxels(grid.to_mm(own)), atol=1e-5)


def test_a_planted_voxel_is_gathered_where_its_millimetres_say() -> None:
    ct = ct_grid()
    fine = Grid(shape=(41, 61, 81), affine=np.array(
        [[0.5, 0, 0, -10], [0, 0.5, 0, -8], [0, 0, 0.5, -18], [0, 0, 0, 1]]
    ))  # fmt: skip
    stack = stack_of(ct, left_is_left=False)
    raster = StoredSlice(stack, 4, 20, 24)
    target = ct.to_mm(np.array([13, 7, 4]))
    voxel = np.rint(fine.to_voxels(target)).astype(int)
    values = np.zeros(fine.shape)
    values[tuple(voxel)] = 1
    panel = value_map(values, fine)
    elements = gather_elements(raster, panel.shown.mask)
    found = np.argwhere(panel.shown.values[elements] * (elements >= 0) == 1)
    x, y = raster.to_pixels(target)
    assert found.shape == (1, 2)
    assert np.abs(found[0] + 0.5 - (y, x)).max() <= 0.5
    assert raster.distance_mm(target) == pytest.approx(0, abs=1e-9)


def test_distance_is_measured_across_the_tilted_slice() -> None:
    grid = ct_grid(tilt_degrees=30)
    raster = StoredSlice(stack_of(grid, left_is_left=False), 0, 20, 24)
    next_one = grid.to_mm(np.array([3, 3, 1]))
    assert raster.distance_mm(next_one) == pytest.approx(4 * np.cos(np.radians(30)))
    assert raster.pixel_mm == pytest.approx(0.5)


def test_all_slices_of_a_short_stack_are_drawn_with_the_middle_of_each_in_mm() -> None:
    grid = ct_grid()
    stack = stack_of(grid, left_is_left=False)
    rows = stored_cuts(stack, [value_map(np.ones(SHAPE), grid)], view=View(kind="stored"))
    cuts = [cut for row in rows for cut in row]
    assert [cut.number for cut in cuts] == list(range(6))
    middle = grid.to_mm((np.array(SHAPE) - 1) / 2 - [0, 0, 2.5])
    assert cuts[0].position_mm == pytest.approx(middle[2], abs=1e-3)
    assert np.diff([cut.position_mm for cut in cuts]) == pytest.approx(4.0)
    assert (cuts[0].across_mm, cuts[0].up_mm) == pytest.approx((10, 12))


def test_of_a_long_stack_twenty_are_drawn_and_one_goes_through_the_peak() -> None:
    grid = Grid(shape=(10, 10, 140), affine=np.eye(4))
    values = np.zeros(grid.shape)
    values[5, 5, 77] = 1
    stack = stack_of(grid, left_is_left=False)
    rows = stored_cuts(stack, [value_map(values, grid)], view=View(kind="stored"))
    numbers = [cut.number for row in rows for cut in row]
    assert len(numbers) == 20
    assert 77 in numbers
    assert min(np.diff(numbers)) >= 3


def test_slices_that_are_asked_for_come_in_that_order_counted_from_one() -> None:
    grid = ct_grid()
    stack = stack_of(grid, left_is_left=False)
    view = View(kind="stored", slices=(6, 1), n_slices=1)
    rows = stored_cuts(stack, [value_map(np.ones(SHAPE), grid)], view=view)
    assert [[cut.number for cut in row] for row in rows] == [[5], [0]]


@pytest.mark.parametrize("number", [0, 7, -1])
def test_a_slice_that_does_not_exist_is_named(number: int) -> None:
    grid = ct_grid()
    stack = stack_of(grid, left_is_left=False)
    with pytest.raises(DataError, match=f"{number} asked for, but there are 6 slices, numbered"):
        stored_cuts(
            stack, [value_map(np.ones(SHAPE), grid)], view=View(kind="stored", slices=(number,))
        )


def test_slices_are_spread_over_some_where_only_those_hold_something() -> None:
    grid = Grid(shape=(4, 4, 100), affine=np.eye(4))
    values = np.ones(grid.shape)
    values[2, 2, 41] = 2
    panel = value_map(values, grid)
    stack = stack_of(grid, left_is_left=False)
    some = np.array([30, 31, 50, 79])
    rows = stored_cuts(stack, [panel], view=View(kind="stored"), among=lambda: some)
    numbers = [cut.number for row in rows for cut in row]
    assert len(numbers) == 20
    assert 30 <= min(numbers) < 33 and 76 < max(numbers) <= 79
    assert 41 in numbers
