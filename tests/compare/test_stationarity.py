"""Stationary maps are let pass, uneven ones flagged, and their effective n counted in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from heatlas.compare.stationarity import check_stationarity, local_share
from tests.compare.regions import exponential_values, over_regions, places
from tests.compare.uneven import even, in_ball, louder, rougher


@pytest.mark.parametrize("fwhm_voxels", [1.5, 3, 5])
def test_stationary_maps_are_rarely_flagged(fwhm_voxels: float) -> None:
    maps = in_ball(even(60, seed=1, fwhm_voxels=fwhm_voxels))
    flagged = check_stationarity(select_elements(maps), range(60)).flagged
    assert flagged.sum() <= 6  # 5 % are 3; more than 6 has a chance of 3 %


def test_maps_that_differ_between_halves_are_flagged() -> None:
    maps = in_ball(np.concatenate([louder(10, seed=2), rougher(10, seed=3)]))
    found = check_stationarity(select_elements(maps), range(20))
    assert found.flagged.all()
    assert (found.variance_range[:10] > 5).all()
    assert (found.roughness_range[10:] > 2).all()


def test_scale_and_sign_change_nothing() -> None:
    values = louder(1, seed=4)
    maps = in_ball(np.concatenate([values, -50 * values]))
    found = check_stationarity(select_elements(maps), [0, 1])
    for numbers in (found.variance_range, found.p_variance, found.roughness_range):
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-3)


def test_a_map_that_is_constant_in_a_block_is_flagged() -> None:
    values = even(1, seed=5)
    values[0, : values.shape[1] // 2] = values.mean()
    found = check_stationarity(select_elements(in_ball(values)), [0])
    assert found.flagged.all()


def test_parcels_and_small_masks_are_not_checked() -> None:
    centres = places(60)
    chosen = select_elements(over_regions(exponential_values(2, centres=centres), centres=centres))
    found = check_stationarity(chosen, [0, 1])
    assert np.isnan(found.p_variance).all()
    assert not found.flagged.any()
    np.testing.assert_array_equal(local_share(chosen, rows=[0], columns=[1]), [[1.0]])


def test_stationary_maps_keep_their_effective_n() -> None:
    chosen = select_elements(in_ball(even(20, seed=6)))
    share = local_share(chosen, rows=range(20), columns=range(20))
    np.testing.assert_array_equal(share, share.T)
    assert 0.9 < np.median(share[np.triu_indices(20, 1)]) < 1.1


def test_the_second_judgement_holds_its_level_where_the_default_does_not() -> None:
    default, again = [], []
    above = np.triu_indices(30, 1)
    for seed in (10, 20, 30):
        values = louder(30, seed=seed)
        chosen = select_elements(in_ball(values))
        n_eff = effective_n(chosen, rows=range(30), columns=range(30))
        share = local_share(chosen, rows=range(30), columns=range(30))
        r = np.corrcoef(values)
        default.append(judge_correlations(r, n_eff=n_eff).p[above])
        again.append(judge_correlations(r, n_eff=n_eff * share).p[above])
    assert (np.concatenate(default) < 0.05).mean() > 0.09
    assert 0.03 < (np.concatenate(again) < 0.05).mean() < 0.075


def test_where_one_map_is_stationary_the_default_stands() -> None:
    maps = in_ball(np.concatenate([louder(10, seed=7), even(10, seed=8)]))
    share = local_share(select_elements(maps), rows=range(10), columns=range(10, 20))
    assert 0.9 < np.median(share) < 1.1
