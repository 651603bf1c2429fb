"""Masks come from coverage or from a binary image, and are never empty in silence."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from heatlas.core.errors import DataError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.geometry.mask import coverage_mask, covers, mask_from_volume, mask_of_counts
from tests.phantom import SHAPE, affine, ball

GRID = Grid(shape=SHAPE, affine=affine())
LINE = Grid(shape=(4, 1, 1), affine=np.eye(4))
MAPS = np.array([[0.1, 0.2, np.nan, 0.0], [0.3, 0.05, 0.4, 0.0]], dtype=np.float32)


def test_a_voxel_stays_where_all_maps_reach_the_minimum() -> None:
    mask = coverage_mask(MAPS, grid=LINE, minimum=0.1, coverage=1.0)
    assert_array_equal(mask.inside, [True, False, False, False])
    assert mask.words == "voxels that are >= 0.1 in all of the 2 maps"


def test_a_voxel_stays_where_the_share_is_reached_exactly() -> None:
    mask = coverage_mask(MAPS, grid=LINE, minimum=0.05, coverage=0.5)
    assert_array_equal(mask.inside, [True, True, True, False])


def test_without_a_minimum_finite_values_count() -> None:
    mask = coverage_mask(MAPS, grid=LINE, minimum=None, coverage=1.0)
    assert_array_equal(mask.inside, [True, True, False, True])


def test_a_share_that_is_no_binary_fraction_is_not_missed_by_its_last_bit() -> None:
    maps = np.zeros((30, 4), np.float32)
    maps[:3, 0] = 1
    mask = coverage_mask(maps, grid=LINE, minimum=1, coverage=0.1)
    assert_array_equal(mask.inside, [True, False, False, False])


def test_an_empty_mask_names_minimum_coverage_and_the_largest_coverage_seen() -> None:
    with pytest.raises(DataError, match=r">= 0\.35 in 100 % of the 2 maps.*50\.0 %"):
        coverage_mask(MAPS, grid=LINE, minimum=0.35, coverage=1.0)


@pytest.mark.parametrize("coverage", [0.0, 1.1, float("nan")])
def test_an_impossible_coverage_is_refused(coverage: float) -> None:
    with pytest.raises(DataError, match="above 0 and at most 1"):
        coverage_mask(MAPS, grid=LINE, minimum=None, coverage=coverage)


def test_a_binary_image_selects_its_voxels() -> None:
    image = Volume(values=255 * ball().astype(np.float32), grid=GRID, name="brain")
    mask = mask_from_volume(image, grid=GRID)
    assert_array_equal(mask.inside.reshape(SHAPE), ball())
    assert mask.words == "voxels inside 'brain'"


def test_an_image_on_another_grid_is_resampled_and_the_words_say_so() -> None:
    fine_shape = tuple(2 * length for length in SHAPE)
    fine = np.kron(ball().astype(np.float32), np.ones((2, 2, 2), np.float32))
    fine_affine = GRID.affine @ np.array([
        [0.5, 0, 0, -0.25],
        [0, 0.5, 0, -0.25],
        [0, 0, 0.5, -0.25],
        [0, 0, 0, 1],
    ])
    image = Volume(values=fine, grid=Grid(shape=fine_shape, affine=fine_affine))
    mask = mask_from_volume(image, grid=GRID)
    assert_array_equal(mask.inside.reshape(SHAPE), ball())
    assert "resampled by nearest neighbour" in mask.words


def test_missing_values_are_outside() -> None:
    values = np.where(ball(), 1, np.nan)
    mask = mask_from_volume(Volume(values=values, grid=GRID), grid=GRID)
    assert_array_equal(mask.inside.reshape(SHAPE), ball())


def test_an_image_that_is_not_binary_is_refused() -> None:
    values = np.linspace(0, 1, GRID.size).reshape(SHAPE)
    with pytest.raises(DataError, match="not binary"):
        mask_from_volume(Volume(values=values, grid=GRID), grid=GRID)


def test_an_image_that_selects_nothing_is_refused() -> None:
    image = Volume(values=np.zeros(SHAPE), grid=GRID, name="brain")
    with pytest.raises(DataError, match="'brain' selects none of the 1,680 voxels"):
        mask_from_volume(image, grid=GRID)


def test_maps_counted_one_at_a_time_give_the_same_mask_and_words() -> None:
    counts = np.sum([covers(row, minimum=0.05) for row in MAPS], axis=0)
    mask = mask_of_counts(counts, n_maps=2, grid=LINE, minimum=0.05, coverage=0.5)
    whole = coverage_mask(MAPS, grid=LINE, minimum=0.05, coverage=0.5)
    assert mask.same_as(whole)
    assert mask.words == whole.words
