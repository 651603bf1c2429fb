"""Sums that policies share are those of each policy by itself."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare import moments as under_test
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.moments import Summing, pair_moments
from heatlas.compare.policy import select_elements
from heatlas.core.execute import get_executor
from heatlas.core.space import Mask
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume

RNG = np.random.default_rng(3)
HOLES = [BRAIN & (RNG.uniform(size=BRAIN.shape) > 0.2) for _ in range(4)]
POLICIES = ("common", "pairwise", "union-zero", "mask", "whole-grid")
MASK = Mask(space=GRID, inside=np.arange(BRAIN.size).reshape(BRAIN.shape) % 3 > 0)


def four() -> ComparedMaps:
    """Maps far from zero with holes of their own; one has no number for what is missing."""
    backgrounds = (0, -1, np.nan, 0.25)
    return aligned([
        volume(1000 + values, inside=hole, background=background)
        for values, hole, background in zip(fields(4), HOLES, backgrounds, strict=True)
    ])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("centred", [False, True])
def test_sums_are_those_of_the_values_of_each_pair(policy: str, centred: bool) -> None:
    maps, summing = four(), Summing()
    for first in POLICIES:  # what other policies have left must not show
        chosen = select_elements(maps, policy=first, mask=MASK)
        pair_moments(chosen, [0, 1], columns=[2, 3], centred=centred, summing=summing)
    chosen = select_elements(maps, policy=policy, mask=MASK)
    found = pair_moments(chosen, [0, 1], columns=[2, 3], centred=centred, summing=summing)
    for i, j in np.ndindex(2, 2):
        shared = chosen.pair(i, 2 + j)
        x, y = chosen.values_of(i)[shared], chosen.values_of(2 + j)[shared]
        assert found.n[i, j] == len(x)
        pair = [table[i, j] for table in found.covariances]
        x, y = x - x.mean(), y - y.mean()
        np.testing.assert_allclose(pair, [x @ x, y @ y, x @ y], rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_uncentred_sums_are_those_of_the_values_themselves(policy: str) -> None:
    chosen = select_elements(four(), policy=policy, mask=MASK)
    found = pair_moments(chosen, [0], columns=[1], centred=False)
    shared = chosen.pair(0, 1)
    x, y = chosen.values_of(0)[shared], chosen.values_of(1)[shared]
    sums = [found.x, found.y, found.xx, found.yy, found.xy]
    np.testing.assert_allclose(np.ravel(sums), [x.sum(), y.sum(), x @ x, y @ y, x @ y], rtol=1e-12)


def test_recoded_values_are_not_taken_for_the_maps() -> None:
    maps = four()
    summing = Summing(maps=maps)
    chosen = select_elements(maps)
    plain = pair_moments(chosen, [0], columns=[1], summing=summing)
    twice = pair_moments(chosen, [0], columns=[1], recode=lambda v: 2 * v, summing=summing)
    np.testing.assert_allclose(twice.xy, 4 * plain.xy, rtol=1e-6)
    other = select_elements(aligned([volume(v) for v in fields(2, seed=9)]))
    again = pair_moments(other, [0], columns=[1], summing=summing)
    np.testing.assert_array_equal(again.xy, pair_moments(other, [0], columns=[1]).xy)


def test_sums_over_elements_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, taken = four(), []
    whole = under_test._sums_over

    def counted(part, **options):
        taken.append(len(part.elements))
        return whole(part, **options)

    monkeypatch.setattr(under_test, "_sums_over", counted)
    summing = Summing(maps=maps)
    for policy in ("common", "pairwise", "union-zero", "whole-grid"):
        chosen = select_elements(maps, policy=policy)
        pair_moments(chosen, range(4), columns=range(4), summing=summing)
    assert len(taken) == 2
    assert sum(taken) == maps.mask.size


@pytest.mark.parametrize("policy", ["common", "pairwise"])
def test_workers_change_no_digit(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "BLOCK_VALUES", 200)
    chosen = select_elements(four(), policy=policy)
    pool = Summing(executor=get_executor("threads", workers=3))
    one, other = (pair_moments(chosen, range(4), columns=range(4), summing=s) for s in (pool, None))
    for name in ("n", "x", "y", "xx", "yy", "xy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
