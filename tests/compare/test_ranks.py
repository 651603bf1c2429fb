"""Ranks are those of scipy, over shared elements and over those of each pair."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.compare.policy import Selection, select_elements
from heatlas.compare.ranks import rank_correlations, ranked
from heatlas.core.execute import get_executor
from tests.compare.fields import BRAIN, aligned, fields, volume

RNG = np.random.default_rng(3)
HOLES = [BRAIN & (RNG.uniform(size=BRAIN.shape) > 0.2) for _ in range(4)]


def over(policy: str, *, ties: bool = False) -> Selection:
    """Four maps of both signs with holes of their own."""
    values = fields(4, seed=8)
    if ties:
        values = np.round(3 * values) + 0.5
    maps = aligned([volume(v, inside=hole) for v, hole in zip(values, HOLES, strict=True)])
    return select_elements(maps, policy=policy)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("policy", ["pairwise", "union-zero"])
def test_each_pair_is_ranked_within_its_own_elements(policy: str, ties: bool) -> None:
    chosen = over(policy, ties=ties)
    found, n = rank_correlations(chosen, rows=range(4), columns=range(4))
    for i, j in np.ndindex(4, 4):
        shared = chosen.pair(i, j)
        one, other = chosen.values_of(i)[shared], chosen.values_of(j)[shared]
        assert found[i, j] == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
        assert n[i, j] == shared.sum()


def test_pairs_with_nothing_to_rank_have_no_value() -> None:
    flat = np.where(np.arange(10) < 6, 4.0, fields(1)[0])
    low, high = BRAIN & (np.arange(10) < 6), BRAIN & (np.arange(10) >= 6)
    parts = [(flat, BRAIN), (fields(1)[0], low), (fields(1)[0], high)]
    maps = aligned([volume(values, inside=inside) for values, inside in parts])
    chosen = select_elements(maps, policy="pairwise")
    found, n = rank_correlations(chosen, rows=[0, 1], columns=[1, 2])
    assert np.isnan(found[0, 0])  # constant where the pair meets
    assert np.isnan(found[1, 1])  # nothing shared
    assert n[1, 1] == 0
    assert np.isfinite(found[[0, 1], [1, 0]]).all()


@pytest.mark.parametrize("policy", ["common", "pairwise", "whole-grid"])
def test_workers_change_no_digit(policy: str) -> None:
    chosen, pool = over(policy), get_executor("threads", workers=2)
    np.testing.assert_array_equal(
        ranked(chosen, executor=pool).maps.values, ranked(chosen).maps.values
    )
    pairs = [
        rank_correlations(chosen, rows=[0, 1], columns=[2, 3], executor=e)[0] for e in (pool, None)
    ]
    np.testing.assert_array_equal(*pairs)


def test_ranks_run_from_minus_to_plus_a_half() -> None:
    for policy in ("common", "whole-grid"):
        chosen = ranked(over(policy))
        ranks = chosen.values_of(0)
        assert np.abs(ranks).max() <= 0.5
        expected = stats.rankdata(over(policy).values_of(0)) / ranks.size - 0.5
        np.testing.assert_allclose(ranks, expected, atol=1e-6)
