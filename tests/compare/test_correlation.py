"""Every measure agrees with an independent source, over shared and over pairs' own elements."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cosine

from heatlas.compare.correlation import MEASURES, Question, compare_pairs
from heatlas.compare.moments import pair_moments
from heatlas.compare.policy import Selection, select_elements
from heatlas.core.errors import DataError, UnknownNameError
from tests.compare.fields import BRAIN, aligned, fields, volume

RNG = np.random.default_rng(3)
HOLES = [BRAIN & (RNG.uniform(size=BRAIN.shape) > 0.2) for _ in range(4)]
VALUES = 1000 + fields(4, seed=8)


def over(policy: str) -> Selection:
    """Four maps with holes of their own, far from zero."""
    maps = aligned([
        volume(values, inside=hole) for values, hole in zip(VALUES, HOLES, strict=True)
    ])
    return select_elements(maps, policy=policy)


def shared(first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """What both of two maps measure, as float32 holds it."""
    both = HOLES[first] & HOLES[second]
    one, other = VALUES[first][both], VALUES[second][both]
    return one.astype(np.float32).astype(float), other.astype(np.float32).astype(float)


def test_pearson_agrees_with_pandas_over_pairs() -> None:
    frame = pd.DataFrame({
        k: np.where(hole, VALUES[k], np.nan).astype(np.float32).astype(float).ravel()
        for k, hole in enumerate(HOLES)
    })
    found = compare_pairs(over("pairwise"), rows=range(4), columns=range(4))
    np.testing.assert_allclose(found.values, frame.corr().to_numpy(), atol=1e-9)


def test_pearson_agrees_with_scipy_over_shared_elements() -> None:
    chosen = over("common")
    found = compare_pairs(chosen, rows=[0, 1], columns=[2, 3])
    rows = [chosen.values_of(k) for k in range(4)]
    for i, j in np.ndindex(2, 2):
        wanted = stats.pearsonr(rows[i], rows[2 + j]).statistic
        assert found.values[i, j] == pytest.approx(wanted, abs=1e-9)


def test_spearman_over_the_whole_grid_ranks_the_background_too() -> None:
    chosen = over("whole-grid")
    found = compare_pairs(chosen, rows=[0], columns=[1], measure="spearman")
    wanted = stats.spearmanr(chosen.values_of(0), chosen.values_of(1)).statistic
    assert found.values[0, 0] == pytest.approx(wanted, abs=1e-6)
    assert found.n[0, 0] == BRAIN.size


@pytest.mark.parametrize("policy", ["common", "pairwise"])
def test_spearman_agrees_with_scipy(policy: str) -> None:
    chosen = over(policy)
    found = compare_pairs(chosen, rows=range(4), columns=range(4), measure="spearman")
    for i, j in ((0, 1), (1, 3), (2, 3)):
        whole = chosen.values_of(i), chosen.values_of(j)
        one, other = shared(i, j) if policy == "pairwise" else whole
        assert found.values[i, j] == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-6)
    np.testing.assert_allclose(np.diag(found.values), 1, atol=1e-6)


def test_cosine_agrees_with_scipy() -> None:
    found = compare_pairs(over("pairwise"), rows=[0], columns=[1], measure="cosine")
    assert found.values[0, 0] == pytest.approx(1 - cosine(*shared(0, 1)), abs=1e-9)


def test_concordance_follows_lins_formula_and_sees_an_offset() -> None:
    one, other = shared(0, 1)
    spread = one.var() + other.var() + (one.mean() - other.mean()) ** 2
    wanted = 2 * np.cov(one, other, bias=True)[0, 1] / spread
    found = compare_pairs(over("pairwise"), rows=[0], columns=[1], measure="concordance")
    assert found.values[0, 0] == pytest.approx(wanted, abs=1e-7)
    moved = aligned([volume(fields(1)[0]), volume(fields(1)[0] + 1)])
    both = select_elements(moved)
    assert compare_pairs(both, rows=[0], columns=[1]).values[0, 0] == pytest.approx(1, abs=1e-9)
    apart = compare_pairs(both, rows=[0], columns=[1], measure="concordance").values[0, 0]
    assert apart < 0.8


def test_dice_counts_regions_of_one_sign_only() -> None:
    maps = aligned([volume(fields(1)[0]), volume(-fields(1)[0]), volume(2 * fields(1)[0])])
    chosen = select_elements(maps)
    found = compare_pairs(chosen, rows=[0], columns=[0, 1, 2], measure="dice", dice_above=0.5)
    one, twice = (np.abs(k * fields(1)[0][BRAIN]) > 0.5 for k in (1, 2))
    wanted = 2 * one.sum() / (one.sum() + twice.sum())
    np.testing.assert_allclose(found.values, [[1, 0, wanted]], atol=1e-12)
    with pytest.raises(DataError, match="negative"):
        compare_pairs(chosen, rows=[0], columns=[1], measure="dice", dice_above=-1)


@pytest.mark.parametrize("measure", list(MEASURES))
@pytest.mark.parametrize("policy", ["common", "pairwise", "union-zero", "whole-grid"])
def test_swapping_rows_and_columns_transposes(measure: str, policy: str) -> None:
    chosen = over(policy)
    one = compare_pairs(chosen, rows=[0, 1], columns=[2, 3], measure=measure)
    other = compare_pairs(chosen, rows=[2, 3], columns=[0, 1], measure=measure)
    np.testing.assert_allclose(one.values, other.values.T, atol=1e-12)
    np.testing.assert_array_equal(one.n, other.n.T)


def test_scale_and_sign_do_what_they_must() -> None:
    first, second = fields(2, seed=5)
    maps = aligned([volume(first), volume(second), volume(-3e4 * second + 7)])
    r = compare_pairs(select_elements(maps), rows=[0], columns=[1, 2]).values[0]
    assert r[1] == pytest.approx(-r[0], abs=1e-6)


def test_a_map_that_is_constant_where_the_pair_meets_has_no_r() -> None:
    flat = np.where(np.arange(10) < 6, 4.0, fields(1)[0])
    low = BRAIN & (np.arange(10) < 6)
    maps = aligned([volume(flat), volume(fields(1, seed=2)[0], inside=low)])
    found = compare_pairs(select_elements(maps, policy="pairwise"), rows=[0], columns=[1])
    assert np.isnan(found.values[0, 0])


def test_sums_are_those_of_the_question() -> None:
    chosen = over("common")
    moments = pair_moments(chosen, [0], columns=[1], centred=False)
    one, other = chosen.values_of(0), chosen.values_of(1)
    np.testing.assert_allclose(moments.xy[0, 0], one @ other, rtol=1e-12)
    asked = Question(selection=chosen, rows=(0,), columns=(1,)).moments()
    np.testing.assert_allclose(asked.covariances[2], moments.covariances[2], rtol=1e-6)


def test_an_unknown_measure_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'spearman'"):
        compare_pairs(over("common"), rows=[0], columns=[1], measure="spearmann")
