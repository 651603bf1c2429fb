"""Slices become volumes without losing where they lie: sheared where even, resampled elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.slicestack import SliceStack
from heatlas.geometry.slicestack import (
    even_runs,
    gantry_tilt,
    part_of,
    regular_volume,
    sheared_volume,
    slices_of,
)

TILT = 18.5
POINTS = np.array([(4.0, -6.0, 14.0), (-11.0, 8.0, 31.5), (9.0, 10.0, 47.0)])


def stack_at(
    places: np.ndarray, *, tilt: float = TILT, shape: tuple[int, int] = (60, 56), pixel: float = 1.0
) -> SliceStack:
    """Slices that move along z, tilted about x, their values zero."""
    angle = np.radians(tilt)
    down = np.array([0.0, -np.cos(angle), -np.sin(angle)]) * pixel
    right = np.array([-1.0, 0.0, 0.0]) * pixel
    first = np.array([0.0, 0.0, 0.0]) - (shape[0] - 1) / 2 * down - (shape[1] - 1) / 2 * right
    n = len(places)
    return SliceStack(
        values=np.zeros((n, *shape), dtype=np.float32),
        corners_mm=first + np.outer(places, (0, 0, 1)),
        row_steps_mm=np.tile(down, (n, 1)),
        column_steps_mm=np.tile(right, (n, 1)),
        thickness_mm=4.0,
    )


def filled(stack: SliceStack, values: np.ndarray) -> SliceStack:
    """The stack with other values."""
    return SliceStack(
        values=values,
        corners_mm=stack.corners_mm,
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=stack.column_steps_mm,
        thickness_mm=stack.thickness_mm,
    )


def positions(stack: SliceStack) -> np.ndarray:
    """The place of every pixel, shape (n, rows, columns, 3)."""
    rows, columns = np.indices(stack.values.shape[1:])
    pixels = np.stack([rows, columns], axis=-1)
    return np.stack([stack.to_mm(k, pixels) for k in range(len(stack))])


def planted(stack: SliceStack, *, sigma: float = 3.0) -> SliceStack:
    """The stack with a Gaussian of 100 around each planted point."""
    at = positions(stack)
    values = sum(
        100 * np.exp(-0.5 * ((at - point) ** 2).sum(axis=-1) / sigma**2) for point in POINTS
    )
    return filled(stack, np.asarray(values, dtype=np.float32))


EVEN = np.arange(0, 62, 2.5)
UNEVEN = np.concatenate([np.arange(0, 20, 1.5), np.arange(20.4, 36, 2.2), np.arange(37, 62, 2.8)])


# -------------------------------------------------------------------------------- runs


def test_evenly_spaced_slices_are_one_run() -> None:
    (run,) = even_runs(stack_at(EVEN))
    assert (run.first, run.last, run.n_slices) == (0, len(EVEN) - 1, len(EVEN))
    assert run.spacing_mm == pytest.approx(2.5)
    assert run.deviation_mm < 1e-9


def test_each_spacing_is_a_run_of_its_own() -> None:
    places = np.concatenate([4.22 * np.arange(14), 56 + 7.38 * np.arange(14)])
    runs = even_runs(stack_at(places))
    assert [(run.first, run.last) for run in runs] == [(0, 13), (14, 27)]
    assert [run.spacing_mm for run in runs] == pytest.approx([4.22, 7.38])


def test_a_slice_out_of_line_ends_a_run() -> None:
    places = EVEN.copy()
    places[10] += 0.02
    assert len(even_runs(stack_at(places))) > 1
    assert len(even_runs(stack_at(places), tolerance_mm=0.05)) == 1


def test_the_tilt_is_the_angle_between_normal_and_way() -> None:
    assert gantry_tilt(stack_at(EVEN)) == pytest.approx(TILT)
    assert gantry_tilt(stack_at(EVEN, tilt=0)) == pytest.approx(0, abs=1e-5)
    assert gantry_tilt(stack_at(EVEN[:1])) == 0


# -------------------------------------------------------------------------------- shear


@pytest.mark.parametrize("tilt", [0.0, TILT, -25.0])
def test_a_sheared_volume_holds_every_value_where_it_was(tilt: float) -> None:
    stack = stack_at(EVEN, tilt=tilt)
    values = np.random.default_rng(1).normal(size=stack.values.shape).astype(np.float32)
    stack = filled(stack, values)
    volume = sheared_volume(stack)
    assert sorted(volume.values.ravel()) == sorted(values.ravel())
    voxels = volume.grid.to_voxels(positions(stack))
    assert np.abs(voxels - np.rint(voxels)).max() < 1e-6
    index = np.rint(voxels).astype(int)
    assert np.array_equal(volume.values[index[..., 0], index[..., 1], index[..., 2]], values)


def test_a_volume_runs_towards_right_front_and_head() -> None:
    steps = sheared_volume(stack_at(EVEN)).grid.affine[:3, :3]
    assert (np.diag(steps) > 0).all()
    assert np.argmax(np.abs(steps), axis=0).tolist() == [0, 1, 2]


def test_slices_from_head_to_foot_give_the_same_volume() -> None:
    stack = planted(stack_at(EVEN))
    turned = SliceStack(
        values=stack.values[::-1],
        corners_mm=stack.corners_mm[::-1],
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=stack.column_steps_mm,
    )
    assert sheared_volume(turned).grid.same_as(sheared_volume(stack).grid)
    assert np.array_equal(sheared_volume(turned).values, sheared_volume(stack).values)


def test_one_slice_reaches_as_far_as_it_is_thick() -> None:
    volume = sheared_volume(stack_at(EVEN[:1], tilt=0))
    assert volume.values.shape[2] == 1
    assert volume.grid.voxel_sizes_mm == pytest.approx((1, 1, 4))


def test_uneven_slices_have_no_single_affine() -> None:
    with pytest.raises(DataError, match="spacing varies"):
        sheared_volume(stack_at(UNEVEN))


def test_a_run_alone_has_one_again() -> None:
    stack = stack_at(UNEVEN)
    run = even_runs(stack)[1]
    volume = sheared_volume(part_of(stack, run))
    assert volume.values.shape[2] == run.n_slices
    assert volume.provenance.steps[-1].parameters["tilt_degrees"] == pytest.approx(TILT)


# -------------------------------------------------------------------------------- regular


@pytest.mark.parametrize("places", [EVEN, UNEVEN])
@pytest.mark.parametrize("tilt", [0.0, TILT])
def test_resampled_coordinates_are_those_of_the_voxels(places: np.ndarray, tilt: float) -> None:
    stack = stack_at(places, tilt=tilt)
    for axis in range(3):
        volume = regular_volume(filled(stack, positions(stack)[..., axis].astype(np.float32)))
        truth = volume.grid.positions_mm().reshape(*volume.grid.shape, 3)[..., axis]
        gap = np.abs(volume.values - truth)
        assert np.isfinite(gap).mean() > 0.5
        assert np.nanmax(gap) < 1e-3


@pytest.mark.parametrize("voxel_size_mm", [None, 1.0])
def test_planted_points_are_found_where_they_were_planted(voxel_size_mm: float | None) -> None:
    volume = regular_volume(planted(stack_at(UNEVEN)), voxel_size_mm=voxel_size_mm)
    places = volume.grid.positions_mm().reshape(*volume.grid.shape, 3)
    for point in POINTS:
        near = ((places - point) ** 2).sum(axis=-1) < 9**2
        weight = np.nan_to_num(volume.values)[near]
        found = (places[near] * weight[:, None]).sum(axis=0) / weight.sum()
        assert np.linalg.norm(found - point) < 0.1


def test_the_grid_is_upright_and_as_fine_as_slices_and_pixels() -> None:
    volume = regular_volume(stack_at(UNEVEN, pixel=0.8))
    steps = volume.grid.affine[:3, :3]
    assert np.array_equal(steps, np.diag(np.diag(steps)))
    assert volume.grid.voxel_sizes_mm == pytest.approx((0.8, 0.8, 1.5))


def test_an_even_run_is_resampled_as_its_sheared_affine_would_be() -> None:
    stack = planted(stack_at(EVEN))
    sheared, upright = sheared_volume(stack), regular_volume(stack)
    at = sheared.grid.to_voxels(upright.grid.positions_mm()).T
    expected = ndimage.map_coordinates(sheared.values, at, order=1, mode="constant", cval=np.nan)
    expected = expected.reshape(upright.grid.shape)
    both = np.isfinite(expected) & np.isfinite(upright.values)
    assert both.mean() > 0.5
    assert np.abs(expected - upright.values)[both].max() < 1e-3


def test_padding_is_never_mixed_into_what_was_scanned() -> None:
    stack = stack_at(UNEVEN)
    values = np.full(stack.values.shape, 50, dtype=np.float32)
    values[:, :, :20] = np.nan
    volume = regular_volume(filled(stack, values))
    measured = volume.values[np.isfinite(volume.values)]
    assert np.allclose(measured, 50, atol=1e-4)
    scanned = regular_volume(filled(stack, np.nan_to_num(values)))
    lost = np.isfinite(scanned.values) & ~np.isfinite(volume.values)
    assert lost.sum() == pytest.approx(np.isfinite(scanned.values).sum() * 20 / 56, rel=0.05)


def test_nothing_is_made_up_beyond_the_outermost_slices() -> None:
    stack = stack_at(np.array([0.0, 10.0, 14.0]), tilt=0)
    volume = regular_volume(stack, voxel_size_mm=3.0)
    z = volume.grid.positions_mm()[:, 2].reshape(volume.grid.shape)
    assert z[np.isfinite(volume.values)].max() <= 14 + 1e-6


def test_provenance_says_how_the_slices_became_a_volume() -> None:
    step = regular_volume(stack_at(UNEVEN)).provenance.steps[-1]
    assert step.name == "resample slices to an upright grid"
    assert step.parameters["spacings_mm"] == pytest.approx((1.5, 2.2, 2.8))
    assert step.parameters["tilt_degrees"] == pytest.approx(TILT)


@pytest.mark.parametrize(
    ("stack", "word"),
    [
        (stack_at(EVEN[:1]), "at least two slices"),
        (stack_at(np.array([0.0, 0.0, 3.0])), "at least two slices"),
    ],
)
def test_what_has_no_regular_grid_is_refused(stack: SliceStack, word: str) -> None:
    with pytest.raises(DataError, match=word):
        regular_volume(stack)


def test_voxels_that_would_fill_the_memory_are_refused() -> None:
    with pytest.raises(DataError, match="choose larger voxels"):
        regular_volume(stack_at(EVEN), voxel_size_mm=0.01)


def test_slices_that_are_not_parallel_are_refused() -> None:
    stack = stack_at(EVEN)
    steps = stack.row_steps_mm.copy()
    steps[3] = (0.0, -1.0, 0.0)
    turned = SliceStack(
        values=stack.values,
        corners_mm=stack.corners_mm,
        row_steps_mm=steps,
        column_steps_mm=stack.column_steps_mm,
    )
    with pytest.raises(DataError, match="not parallel"):
        even_runs(turned)


# -------------------------------------------------------------------------------- the way back


def test_slices_of_a_volume_give_the_volume_back() -> None:
    volume = sheared_volume(planted(stack_at(EVEN)))
    again = sheared_volume(slices_of(volume, unit="HU"))
    assert again.grid.same_as(volume.grid)
    assert np.array_equal(again.values, volume.values)


def test_slices_of_a_volume_show_left_on_the_right_and_the_front_above() -> None:
    stack = slices_of(sheared_volume(stack_at(EVEN)))
    assert stack.column_steps_mm[0, 0] < 0
    assert stack.row_steps_mm[0, 1] < 0
