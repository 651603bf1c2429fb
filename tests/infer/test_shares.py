"""Shares and the statistics that they stand for, also where float32 is too coarse."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.infer import linear
from heatlas.infer.arranged import arrange
from heatlas.infer.residuals import freedman_lane, unit_residuals
from heatlas.infer.shares import observed_ratios, shares_to_statistics
from heatlas.infer.statistics import all_statistics, largest_statistics
from tests.infer.rearranged_study import LABELS, F, T, some_arrangements, statistic_of, study


def test_statistics_of_near_perfect_fits_are_computed_in_float64() -> None:
    maps, design = study(300)
    maps[:, :5] = 1e-4 * maps[:, :5] + LABELS[:, None]
    parts, tested = statistic_of(design, T)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 1))
    every = all_statistics(arranged, residuals, tested=tested, out=np.empty((1, 300), np.float32))
    expected = linear.test(linear.fit(maps, design), T).statistic
    limit = shares_to_statistics(np.ones(1), tested=tested)[0]
    np.testing.assert_allclose(every[0], np.clip(expected, -limit, limit), rtol=1e-2)
    largest = largest_statistics(arranged, residuals, tested=tested)
    assert largest[0] == pytest.approx(np.abs(every).max(), rel=1e-3)


def test_shares_turn_into_the_statistics_of_their_kind() -> None:
    _, design = study(2)
    _, of_t = statistic_of(design, T)
    _, of_f = statistic_of(design, F)
    shares = np.array([-0.9, -0.1, 0.0, 0.5])
    t = shares_to_statistics(shares, tested=of_t)
    np.testing.assert_allclose(t * np.abs(t) / (t**2 + 11), shares)
    f = shares_to_statistics(np.abs(shares), tested=of_f)
    np.testing.assert_allclose(2 * f / (2 * f + 11), np.abs(shares))


def test_a_share_of_1_gives_a_finite_statistic() -> None:
    _, design = study(2)
    _, tested = statistic_of(design, T)
    assert np.isfinite(shares_to_statistics(np.ones(1), tested=tested)).all()


def test_a_perfect_fit_has_no_statistic() -> None:
    maps, design = study(3)
    maps[:, 1] = 5 * LABELS
    parts, tested = statistic_of(design, T)
    block, _ = unit_residuals(maps, parts.nuisance)
    np.testing.assert_array_equal(np.isnan(observed_ratios(block, tested=tested)), [0, 1, 0])
