"""Effective n over parcels agrees with the matrices themselves and keeps false positives low."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.correlation import compare_pairs
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.parcel_lags import (
    autocorrelation,
    parcel_effective_n,
    shells_of,
    unequal_spread,
)
from heatlas.compare.policy import select_elements
from tests.compare.regions import over_regions, places, smooth_values

CENTRES = places()


def by_matrices(first: np.ndarray, second: np.ndarray, centres: np.ndarray) -> float:
    """Dutilleul's effective n from whole correlation matrices, pair by pair."""
    n = len(centres)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    nearest = np.sort(gaps, axis=1)[:, 1].mean()
    shell = np.maximum(np.round(gaps / (0.75 * nearest)), 1)
    np.fill_diagonal(shell, 0)
    mirrored = np.linalg.norm(centres[:, None] - (centres * [-1, 1, 1])[None], axis=2)
    across = np.round(mirrored / (0.75 * nearest))
    across[np.outer(centres[:, 0], centres[:, 0]) >= 0] = -1
    centring = np.eye(n) - 1 / n
    matrices = []
    for values in (first, second):
        products = np.outer(values - values.mean(), values - values.mean())
        matrix = np.zeros((n, n))
        for number in np.unique(shell):
            matrix[shell == number] = products[shell == number].mean()
        left = products - matrix
        for number in range(int(across.max()) + 1):
            mean = left[across == number].mean() if (across == number).any() else 0
            if mean <= 0:
                break
            matrix[across == number] += mean
        matrices.append(centring @ matrix / (values - values.mean()).var())
    one, other = matrices
    return float(1 + np.trace(one) * np.trace(other) / np.trace(one @ other))


def spread_by_hand(first: np.ndarray, second: np.ndarray) -> float:
    """White's variance of the slope over the usual one, both ways, from regressions."""
    ratios = []
    for x, y in ((first, second), (second, first)):
        x, y = x - x.mean(), y - y.mean()
        left = y - x * (x @ y) / (x @ x)
        usual = (left @ left) / len(x) / (x @ x)
        ratios.append((x**2 @ left**2) / (x @ x) ** 2 / usual)
    return float(np.mean(ratios))


def test_effective_n_agrees_with_the_matrices_of_the_formula() -> None:
    values = smooth_values(2, centres=CENTRES, fwhm_mm=40)
    selection = select_elements(over_regions(values, centres=CENTRES))
    found = effective_n(selection, rows=[0, 1], columns=[1, 0])
    stored = values.astype(np.float32).astype(np.float64)
    expected = by_matrices(*stored, CENTRES)
    assert 5 < expected < 55
    expected /= max(1, spread_by_hand(*stored))
    assert found[0, 0] == pytest.approx(expected, rel=1e-9)
    assert found[1, 1] == found[0, 0]


def test_every_pair_of_parcels_is_counted_in_one_shell() -> None:
    shells = shells_of(CENTRES)
    assert shells is not None
    assert shells.pairs[: shells.n_own].sum() == 60 * 60
    assert shells.pairs[0] == 60
    left = int((CENTRES[:, 0] < 0).sum())
    assert shells.pairs[shells.n_own :].sum() == 2 * left * (60 - left)
    np.testing.assert_array_equal(shells.number, shells.number.T)


def test_regions_that_are_alike_on_both_sides_are_worth_half() -> None:
    right = CENTRES[:30] * [0, 1, 1] + np.abs(CENTRES[:30] * [1, 0, 0]) + [4, 0, 0]
    centres = np.concatenate([right, right * [-1, 1, 1]])
    one_side = smooth_values(60, centres=right, fwhm_mm=20, seed=5)
    values = np.concatenate([one_side, one_side], axis=1)
    n_eff = effective_n(
        select_elements(over_regions(values, centres=centres)), rows=range(60), columns=range(60)
    )
    above = np.triu_indices(60, 1)
    r = np.corrcoef(values)[above]
    assert np.median(n_eff[above]) == pytest.approx(1 / r.var() + 1, rel=0.2)
    p = judge_correlations(r, n_eff=n_eff[above]).p
    assert 0.025 < (p < 0.05).mean() < 0.075


def test_independent_values_are_worth_nearly_all_parcels() -> None:
    values = smooth_values(40, centres=CENTRES, fwhm_mm=0.1, seed=3)
    n_eff = effective_n(
        select_elements(over_regions(values, centres=CENTRES)),
        rows=range(20),
        columns=range(20, 40),
    )
    assert np.median(n_eff) == pytest.approx(60, rel=0.08)
    assert n_eff.max() <= 60


@pytest.mark.parametrize(("fwhm_mm", "naive"), [(30.0, 0.10), (60.0, 0.30)])
def test_false_positives_stay_near_their_level_where_naive_ones_do_not(
    fwhm_mm: float, naive: float
) -> None:
    values = smooth_values(120, centres=CENTRES, fwhm_mm=fwhm_mm, seed=1)
    selection = select_elements(over_regions(values, centres=CENTRES))
    sides = {"rows": range(60), "columns": range(60, 120)}
    r = compare_pairs(selection, **sides).values
    sure = judge_correlations(r, n_eff=effective_n(selection, **sides))
    as_if = judge_correlations(r, n_eff=np.full(r.shape, 60.0))
    assert 0.03 < np.mean(sure.p < 0.05) < 0.09
    assert np.mean(as_if.p < 0.05) > naive


def test_unequal_spread_agrees_with_regressions_both_ways() -> None:
    values = smooth_values(3, centres=CENTRES, fwhm_mm=30, seed=2)
    values[1, :5] *= 6
    values[2] = -2 * values[0] + 3
    found = unequal_spread(values)
    assert found[0, 1] == pytest.approx(spread_by_hand(values[0], values[1]), rel=1e-9)
    assert found[1, 0] == found[0, 1]
    assert found[0, 2] == found[0, 0] == 1


def test_small_regions_that_scatter_more_bring_no_false_positives() -> None:
    scatter = np.geomspace(0.3, 3, 60)  # as means over few and over many voxels do
    values = scatter * smooth_values(120, centres=CENTRES, fwhm_mm=12, seed=6)
    selection = select_elements(over_regions(values, centres=CENTRES))
    sides = {"rows": range(60), "columns": range(60, 120)}
    r = compare_pairs(selection, **sides).values
    sure = judge_correlations(r, n_eff=effective_n(selection, **sides))
    as_if = judge_correlations(r, n_eff=np.full(r.shape, 60.0))
    assert np.mean(as_if.p < 0.05) > 0.15
    assert 0.02 < np.mean(sure.p < 0.05) < 0.09


def test_parcels_of_unknown_places_are_not_tested() -> None:
    values = smooth_values(3, centres=CENTRES, fwhm_mm=20)
    selection = select_elements(over_regions(values))
    assert np.isnan(effective_n(selection, rows=[0], columns=[1, 2])).all()


def test_parcels_in_one_place_are_not_tested() -> None:
    nowhere = np.zeros((5, 3))
    values = np.random.default_rng(0).standard_normal((2, 5))
    assert shells_of(nowhere) is None
    selection = select_elements(over_regions(values, centres=nowhere))
    assert np.isnan(parcel_effective_n(selection, rows=[0], columns=[1])).all()


def test_each_pair_rests_on_the_regions_that_it_shares() -> None:
    values = smooth_values(3, centres=CENTRES, fwhm_mm=40, seed=5)
    values[2, 40:] = np.nan
    selection = select_elements(over_regions(values, centres=CENTRES), policy="pairwise")
    found = effective_n(selection, rows=[0, 1, 2], columns=[0, 1, 2])
    few = select_elements(over_regions(values[:, :40], centres=CENTRES[:40]))
    alone = effective_n(few, rows=[0, 1, 2], columns=[0, 1, 2])
    np.testing.assert_allclose(found[2, :2], alone[2, :2], rtol=1e-12)
    assert found[0, 1] != pytest.approx(alone[0, 1], rel=1e-3)


def test_fewer_than_three_regions_are_not_tested() -> None:
    values = np.array([[1.0, 2, np.nan, np.nan, 5], [3.0, 1, 2, 7, np.nan]])
    selection = select_elements(over_regions(values, centres=CENTRES[:5]), policy="pairwise")
    assert np.isnan(effective_n(selection, rows=[0], columns=[1])).all()


def test_a_constant_map_has_no_autocorrelation() -> None:
    shells = shells_of(CENTRES)
    assert shells is not None
    assert np.isnan(autocorrelation(np.ones(60), shells=shells)).all()
