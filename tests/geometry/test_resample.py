"""Resampling equals the usual interpolation inside, and never crosses the background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import affine_transform, binary_erosion

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.geometry.resample import coarsest, nearest_values, resample
from tests.phantom import SHAPE, affine, ball, smooth_noise

GRID = Grid(shape=SHAPE, affine=affine(3.0))
TURN = np.array([
    [0.96, -0.28, 0, 1],
    [0.28, 0.96, 0, -2],
    [0.1, 0, 1.05, 0.5],
    [0, 0, 0, 1],
])  # a rotation with some shear and a shift
OTHERS = {
    "finer": Grid(shape=(20, 22, 15), affine=affine(1.7, (20, 22, 15))),
    "coarser": Grid(shape=(7, 9, 6), affine=affine(4.6, (7, 9, 6))),
    "turned and sheared": Grid(shape=SHAPE, affine=TURN @ affine(2.9)),
    "axes swapped and flipped": Grid(
        shape=(10, 12, 14), affine=affine(3.1)[:, [2, 0, 1, 3]] @ np.diag([1.0, 1, 1, 1])
    ),
}


def field(*, offset: float = 0.0) -> Volume:
    return Volume(values=smooth_noise(1)[0].astype(np.float32) + offset, grid=GRID, name="field")


def scipy_linear(values: np.ndarray, to: Grid) -> np.ndarray:
    """Plain linear interpolation in float64, NaN outside of the field of view."""
    steps = np.linalg.inv(GRID.affine) @ to.affine
    return affine_transform(
        values.astype(float), steps, output_shape=to.shape, order=1, cval=np.nan
    )


@pytest.mark.parametrize("name", OTHERS)
def test_the_interior_equals_plain_linear_interpolation(name: str) -> None:
    volume, to = field(offset=10), OTHERS[name]
    moved = resample(volume, to=to, antialias=False).values
    expected = scipy_linear(volume.values, to)
    inner = np.isfinite(expected)
    assert inner.sum() > 100
    assert_allclose(moved[inner], expected[inner], rtol=2e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_the_interior_equals_nilearn(name: str) -> None:
    from nibabel.nifti1 import Nifti1Image
    from nilearn.image import resample_img

    volume, to = field(offset=10), OTHERS[name]
    peer = resample_img(
        Nifti1Image(volume.values, GRID.affine),
        target_affine=to.affine,
        target_shape=to.shape,
        interpolation="linear",
        fill_value=np.nan,
    ).get_fdata()
    inner = binary_erosion(np.isfinite(peer))
    moved = resample(volume, to=to, antialias=False).values
    assert inner.sum() > 50
    assert_allclose(moved[inner], peer[inner], rtol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("background", [0.0, -1.0, np.nan])
def test_a_constant_region_keeps_its_value_up_to_its_edge(name: str, background: float) -> None:
    values = np.where(ball(radius=4), np.float32(5), np.float32(background))
    moved = resample(Volume(values=values, grid=GRID), to=OTHERS[name], background=background)
    there = np.isfinite(moved.values) & (moved.values != background)
    assert there.sum() > 10
    assert_allclose(moved.values[there], 5, rtol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_a_voxel_has_a_value_where_half_of_the_weight_is_measured(name: str) -> None:
    inside, to = ball(radius=4), OTHERS[name]
    values = np.where(inside, np.float32(5), np.float32(0))
    moved = resample(Volume(values=values, grid=GRID), to=to, antialias=False).values
    weight = np.nan_to_num(scipy_linear(inside, to))
    clear = np.abs(weight - 0.5) > 1e-3
    assert_array_equal((moved != 0)[clear], (weight > 0.5)[clear])


def test_a_real_map_on_the_grid_of_an_atlas_equals_plain_interpolation(real_data: Path) -> None:
    import nibabel

    image = nibabel.load(sorted((real_data / "depression" / "gm").glob("*_gm.nii.gz"))[0])
    values = image.get_fdata(dtype=np.float32)
    volume = Volume(values=values, grid=Grid(shape=values.shape, affine=image.affine))
    atlas = nibabel.load(real_data / "atlases" / "atlas_aal.nii.gz")
    to = Grid(shape=atlas.shape[:3], affine=atlas.affine)
    moved = resample(volume, to=to, background=None, antialias=False).values
    steps = np.linalg.inv(image.affine) @ atlas.affine
    expected = affine_transform(
        values.astype(float), steps, output_shape=to.shape, order=1, cval=np.nan
    )
    inner = np.isfinite(expected)
    assert inner.mean() > 0.5
    assert_allclose(moved[inner], expected[inner], atol=1e-6)


def test_values_that_are_not_finite_are_background_too() -> None:
    values = field(offset=10).values.copy()
    values[:6] = np.nan
    moved = resample(Volume(values=values, grid=GRID), to=OTHERS["finer"], background=0.0)
    assert np.isfinite(moved.values).all()
    assert (moved.values == 0).any()


def test_without_a_background_zeros_are_measurements() -> None:
    values = np.where(ball(radius=4), np.float32(5), np.float32(0))
    volume = Volume(values=values, grid=GRID)
    moved = resample(volume, to=OTHERS["finer"], background=None, antialias=False).values
    expected = scipy_linear(values, OTHERS["finer"])
    inner = np.isfinite(expected)
    assert_allclose(moved[inner], expected[inner], atol=1e-5)


def test_half_a_voxel_outside_of_the_image_is_the_end() -> None:
    line = Grid(shape=(4, 1, 1), affine=np.eye(4))
    shifted = Grid(shape=(4, 1, 1), affine=np.array(
        [[1, 0, 0, -0.6], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    ))  # fmt: skip
    moved = resample(Volume(values=np.ones((4, 1, 1)), grid=line), to=shifted, background=np.nan)
    assert_array_equal(np.isfinite(moved.values.ravel()), [False, True, True, True])


@pytest.mark.parametrize("name", OTHERS)
def test_labels_keep_their_values_and_come_from_the_nearest_voxel(name: str) -> None:
    to = OTHERS[name]
    labels = np.arange(GRID.size, dtype=np.int32).reshape(SHAPE) + 1
    moved = nearest_values(labels, GRID, to=to, fill=0)
    there = moved > 0
    distance = np.abs(
        np.stack(np.unravel_index(moved[there] - 1, SHAPE), 1)
        - GRID.to_voxels(to.positions_mm()[there.ravel()])
    )
    assert moved.dtype == np.int32
    assert there.sum() > 100
    assert distance.max() <= 0.501
    outside = GRID.to_voxels(to.positions_mm()[~there.ravel()])
    limits = np.array(SHAPE) - 1
    assert ((outside < -0.499) | (outside > limits + 0.499)).any(axis=1).all()


def test_nearest_interpolation_of_a_volume_invents_no_value() -> None:
    volume = field()
    moved = resample(volume, to=OTHERS["turned and sheared"], interpolation="nearest").values
    assert np.isin(moved, np.append(volume.values, 0)).all()


def test_going_coarser_without_the_gaussian_aliases_and_with_it_does_not() -> None:
    stripes = np.zeros((40, 1, 1), np.float32)
    stripes[::2] = 1
    fine = Grid(shape=(40, 1, 1), affine=np.eye(4))
    coarse = Grid(shape=(10, 1, 1), affine=np.diag([4.0, 1, 1, 1]))
    volume = Volume(values=stripes, grid=fine)
    aliased = resample(volume, to=coarse, background=None, antialias=False).values
    clean = resample(volume, to=coarse, background=None).values
    assert_allclose(aliased, 1)
    assert_allclose(clean[1:-1], 0.5, atol=0.01)


def test_the_gaussian_turns_with_the_axes() -> None:
    fine = Grid(shape=(20, 24, 16), affine=affine(2.0, (20, 24, 16)))
    values = smooth_noise(1, fine.shape, fwhm_voxels=1.5)[0] + 10
    volume = Volume(values=values, grid=fine)
    straight = Grid(shape=(6, 8, 5), affine=affine(5.0, (6, 8, 5)))
    swapped = Grid(shape=(8, 6, 5), affine=straight.affine[:, [1, 0, 2, 3]])
    expected = resample(volume, to=straight).values
    assert_allclose(resample(volume, to=swapped).values.transpose(1, 0, 2), expected, rtol=1e-10)


def test_the_same_grid_returns_the_volume_itself() -> None:
    volume = field()
    again = Grid(shape=SHAPE, affine=GRID.affine + 1e-6)
    assert resample(volume, to=again) is volume


def test_the_step_names_both_grids() -> None:
    to = OTHERS["coarser"]
    (step,) = resample(field(), to=to).provenance.steps
    assert step.name == "resample"
    assert dict(step.inputs) == {"from_grid": GRID.digest, "to_grid": to.digest}
    assert step.parameters["antialias_fwhm_voxels"][0] == pytest.approx(
        np.sqrt((4.6 / 3) ** 2 - 1), abs=1e-5
    )


def test_grids_that_do_not_meet_are_refused() -> None:
    far = affine()
    far[:3, 3] += 1000
    with pytest.raises(SpaceMismatchError, match="'field'"):
        resample(field(offset=10), to=Grid(shape=SHAPE, affine=far))


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(DataError, match="cubic"):
        resample(field(), to=OTHERS["finer"], interpolation="cubic")  # type: ignore[arg-type]


def test_the_coarsest_grid_does_not_depend_on_the_order() -> None:
    shifted = affine(4.6, (7, 9, 6))
    shifted[0, 3] += 1
    twin = Grid(shape=(7, 9, 6), affine=shifted)
    grids = [*OTHERS.values(), GRID, twin]
    chosen = coarsest(grids)
    assert chosen.voxel_volume_mm3 == pytest.approx(4.6**3)
    assert coarsest(grids[::-1]).digest == chosen.digest


def test_no_grid_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="at least one"):
        coarsest([])
