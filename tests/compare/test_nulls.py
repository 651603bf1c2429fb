"""Effective n agrees with a direct sum over pairs, and keeps false positives to their level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.compare.correlation import compare_pairs
from heatlas.compare.lags import autocorrelation, lags_of
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from heatlas.core.space import Grid, Mask
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume
from tests.phantom import affine, ball, smooth_noise


def curve_by_hand(values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelation and ordered pairs by shell, from every pair of voxels."""
    places = np.argwhere(BRAIN) @ grid.affine[:3, :3].T
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    shell = np.rint(distance / grid.voxel_volume_mm3 ** (1 / 3)).astype(int)
    shell = np.where(distance > 0, np.maximum(shell, 1), 0)
    centred = values[BRAIN] - values[BRAIN].mean()
    total = np.bincount(shell.ravel(), np.outer(centred, centred).ravel())
    pairs = np.bincount(shell.ravel())
    curve = total / np.maximum(pairs, 1)
    curve /= curve[0]
    first = np.argmax(curve <= 0)
    curve[first:] = 0
    return curve, pairs


@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_effective_n_agrees_with_a_sum_over_all_pairs(shear: float) -> None:
    matrix = np.diag([3.0, 2.0, 4.0, 1.0])
    matrix[0, 1] = shear
    grid = Grid(shape=GRID.shape, affine=matrix)
    first, second = fields(2, fwhm_voxels=3)
    lags = lags_of(BRAIN, grid=grid)
    expected = curve_by_hand(first, grid), curve_by_hand(second, grid)
    n_shells = len(expected[0][1])
    np.testing.assert_array_equal(lags.pairs[:n_shells], expected[0][1])
    found = autocorrelation(first[BRAIN], lags=lags)
    np.testing.assert_allclose(found[:n_shells], expected[0][0], atol=1e-5)
    mask = Mask(space=grid, inside=BRAIN)
    maps = ComparedMaps(
        values=np.stack([first[BRAIN], second[BRAIN]]), mask=mask, fills=[0, 0], names=("a", "b")
    )
    n_eff = effective_n(select_elements(maps), rows=[0], columns=[1])[0, 0]
    shells = (expected[0][1] * expected[0][0] * expected[1][0]).sum()
    assert n_eff == pytest.approx(BRAIN.sum() ** 2 / shells, rel=1e-4)


def test_white_noise_is_worth_as_many_voxels_as_it_has() -> None:
    noise = fields(2, fwhm_voxels=0)
    maps = aligned([volume(noise[0]), volume(noise[1])])
    n_eff = effective_n(select_elements(maps), rows=[0], columns=[1])[0, 0]
    assert n_eff == pytest.approx(BRAIN.sum(), rel=0.05)


@pytest.mark.parametrize("policy", ["common", "pairwise", "union-zero"])
def test_swapping_the_maps_changes_nothing(policy: str) -> None:
    half = BRAIN.copy()
    half[:4] = False
    values = 2 + fields(3)
    maps = aligned([volume(values[0]), volume(values[1], inside=half), volume(values[2])])
    chosen = select_elements(maps, policy=policy)
    one = effective_n(chosen, rows=[0, 1], columns=[1, 2])
    other = effective_n(chosen, rows=[1, 2], columns=[0, 1])
    np.testing.assert_allclose(one[0, 1], other.T[0, 1], rtol=1e-6)
    np.testing.assert_allclose(one[0, 0], other.T[0, 0], rtol=1e-6)


def test_pairs_with_elements_of_their_own_get_their_own_n() -> None:
    half = BRAIN.copy()
    half[:6] = False
    values = fields(3, fwhm_voxels=3)
    maps = aligned([volume(values[0]), volume(values[1], inside=half), volume(values[2])])
    all_pairs = effective_n(select_elements(maps, policy="pairwise"), rows=[0], columns=[1, 2])
    alone = effective_n(select_elements(maps.take([0, 1])), rows=[0], columns=[1])
    assert all_pairs[0, 0] == pytest.approx(alone[0, 0], rel=1e-6)
    alone = effective_n(select_elements(maps.take([0, 2])), rows=[0], columns=[1])
    assert all_pairs[0, 1] == pytest.approx(alone[0, 0], rel=1e-6)


def test_p_and_interval_are_those_of_scipy_with_that_n() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 40))
    reference = stats.pearsonr(first, second)
    sure = judge_correlations(np.array([reference.statistic]), n_eff=np.array([40.0]))
    assert sure.p[0] == pytest.approx(reference.pvalue, rel=1e-9)
    limits = reference.confidence_interval(0.95)
    np.testing.assert_allclose([sure.low[0], sure.high[0]], limits, rtol=1e-9)


def test_p_is_never_zero_and_nothing_is_claimed_from_nothing() -> None:
    r = np.array([1.0, 0.999999, 0.5, 0.5, np.nan])
    sure = judge_correlations(r, n_eff=np.array([50.0, 1e6, 2.5, 1.5, 50.0]))
    assert (sure.p[:2] > 0).all()
    assert (sure.low[0], sure.high[0]) == (1, 1)
    assert (sure.low[2], sure.high[2]) == (-1, 1)
    assert np.isfinite(sure.p[2])
    assert (sure.p[3], sure.low[3], sure.high[3]) == (1, -1, 1)
    assert np.isnan(sure.p[4]) and np.isnan(sure.low[4])


def test_independent_smooth_maps_are_significant_about_one_time_in_twenty() -> None:
    shape = (24, 28, 22)
    brain = ball(shape, radius=11)
    noise = smooth_noise(60, shape, fwhm_voxels=4, seed=11)[:, brain]
    grid = Grid(shape=shape, affine=affine(shape=shape))
    maps = ComparedMaps(
        values=noise,
        mask=Mask(space=grid, inside=brain),
        fills=np.zeros(60),
        names=[str(k) for k in range(60)],
    )
    chosen = select_elements(maps)
    r = compare_pairs(chosen, rows=range(60), columns=range(60)).values
    sure = judge_correlations(r, n_eff=effective_n(chosen, rows=range(60), columns=range(60)))
    pairs = np.triu_indices(60, 1)
    naive = judge_correlations(r, n_eff=np.full(r.shape, float(brain.sum())))
    assert 0.03 < (sure.p[pairs] < 0.05).mean() < 0.08
    assert (naive.p[pairs] < 0.05).mean() > 0.4
    # Some 90 independent voxels: means over so few take n_eff up by a sixth.
    assert np.median(sure.n_eff[pairs]) == pytest.approx(1 / r[pairs].var(), rel=0.25)
