"""Smoothing is nilearn's where nothing is missing, and a weighted mean where something is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from heatlas.core.errors import DataError, NotSupportedError, SpaceMismatchError
from heatlas.core.space import Grid, Mask
from heatlas.core.volume import Volume
from heatlas.geometry.smooth import SIGMAS_PER_FWHM, smooth
from tests.phantom import affine, ball, smooth_noise

SHAPE = (14, 17, 11)


def noise(*, voxel_mm: float = 3.0, seed: int = 0) -> Volume:
    values = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    return Volume(values=values, grid=Grid(shape=SHAPE, affine=affine(voxel_mm, SHAPE)))


def with_missing(volume: Volume, missing: np.ndarray) -> Volume:
    return Volume(values=np.where(missing, np.nan, volume.values), grid=volume.grid)


@pytest.mark.parametrize("fwhm_mm", [2.0, 8.0, 25.0])
def test_smoothing_equals_nilearn(fwhm_mm: float) -> None:
    from nibabel.nifti1 import Nifti1Image
    from nilearn.image import smooth_img

    matrix = np.diag([3.0, 2.0, 4.5, 1.0])
    volume = Volume(values=noise().values, grid=Grid(shape=SHAPE, affine=matrix))
    expected = smooth_img(Nifti1Image(volume.values, matrix), fwhm_mm).get_fdata()
    assert_allclose(smooth(volume, fwhm_mm=fwhm_mm).values, expected, atol=2e-6)


def test_smoothing_a_real_map_equals_nilearn(real_data: Path) -> None:
    import nibabel
    from nilearn.image import smooth_img

    image = nibabel.load(sorted((real_data / "depression" / "gm").glob("*_gm.nii.gz"))[0])
    values = image.get_fdata(dtype=np.float32)
    volume = Volume(values=values, grid=Grid(shape=values.shape, affine=image.affine))
    expected = smooth_img(nibabel.nifti1.Nifti1Image(values, image.affine), 8).get_fdata()
    assert_allclose(smooth(volume, fwhm_mm=8).values, expected, atol=1e-6)


def test_the_grid_may_be_rotated() -> None:
    turn = np.array([[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    straight = noise()
    turned = Volume(
        values=straight.values, grid=Grid(shape=SHAPE, affine=turn @ straight.grid.affine)
    )
    assert_allclose(smooth(turned, fwhm_mm=8).values, smooth(straight, fwhm_mm=8).values, atol=1e-6)


def test_a_constant_image_stays_constant() -> None:
    grid = Grid(shape=SHAPE, affine=affine(3, SHAPE))
    flat = Volume(values=np.full(SHAPE, 7.5, np.float32), grid=grid)
    assert_allclose(smooth(flat, fwhm_mm=9).values, 7.5, rtol=1e-6)


def test_the_width_of_the_kernel_is_its_full_width_at_half_maximum() -> None:
    shape = (41, 1, 1)
    values = np.zeros(shape, np.float32)
    values[20] = 1
    grid = Grid(shape=shape, affine=np.eye(4))
    smoothed = smooth(Volume(values=values, grid=grid), fwhm_mm=8).values.ravel()
    assert smoothed[24] / smoothed[20] == pytest.approx(0.5, rel=1e-5)


def test_missing_voxels_stay_missing_and_their_neighbours_are_weighted_means() -> None:
    volume = noise()
    missing = ball(SHAPE, radius=3)
    sigma = 8 * SIGMAS_PER_FWHM / 3
    filled = np.where(missing, 0, volume.values).astype(np.float64)
    weight = gaussian_filter((~missing).astype(np.float64), sigma)
    expected = np.where(missing, np.nan, gaussian_filter(filled, sigma) / weight)
    smoothed = smooth(with_missing(volume, missing), fwhm_mm=8)
    assert_allclose(smoothed.values, expected, atol=2e-6)


def test_inside_a_mask_nothing_outside_has_weight() -> None:
    volume = noise()
    inside = ball(SHAPE, radius=4)
    loud = Volume(values=np.where(inside, volume.values, 1e6), grid=volume.grid)
    mask = Mask(space=volume.grid, inside=inside)
    expected = smooth(with_missing(volume, ~inside), fwhm_mm=8)
    assert_array_equal(smooth(loud, fwhm_mm=8, inside=mask).values, expected.values)


def test_no_width_returns_the_volume_itself() -> None:
    volume = noise()
    assert smooth(volume, fwhm_mm=0) is volume


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    shape = (66, 78, 64)
    values = smooth_noise(1, shape)[0].astype(np.float32)
    volume = Volume(values=values, grid=Grid(shape=shape, affine=affine(3, shape)))
    with threadpool_limits(1):
        alone = smooth(volume, fwhm_mm=8).values
    with threadpool_limits(2):
        together = smooth(volume, fwhm_mm=8).values
    assert_array_equal(alone, together)


def test_the_step_says_what_was_done() -> None:
    volume = noise()
    missing = np.zeros(SHAPE, bool)
    missing[0, 0, :5] = True
    (step,) = smooth(with_missing(volume, missing), fwhm_mm=6).provenance.steps
    assert step.name == "smooth"
    assert step.parameters["fwhm_mm"] == 6
    assert step.parameters["n_voxels_left_out"] == 5


@pytest.mark.parametrize("fwhm_mm", [-1.0, np.nan, np.inf])
def test_an_impossible_width_is_refused(fwhm_mm: float) -> None:
    with pytest.raises(DataError, match="at least 0"):
        smooth(noise(), fwhm_mm=fwhm_mm)


def test_a_sheared_grid_is_refused_with_the_way_out() -> None:
    sheared = affine(3, SHAPE)
    sheared[0, 1] = 1.0
    volume = Volume(values=noise().values, grid=Grid(shape=SHAPE, affine=sheared))
    with pytest.raises(NotSupportedError, match=r"71\.6 degrees.*Resample it"):
        smooth(volume, fwhm_mm=8)


def test_a_mask_on_another_grid_is_refused() -> None:
    volume = noise()
    other = Grid(shape=SHAPE, affine=affine(2, SHAPE))
    with pytest.raises(SpaceMismatchError, match="affines differ"):
        smooth(volume, fwhm_mm=8, inside=Mask(space=other, inside=np.ones(SHAPE, bool)))
