"""Statistics of many arrangements at once against refitting each of them."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.design import Contrast
from heatlas.infer import linear
from heatlas.infer.arranged import arrange
from heatlas.infer.residuals import freedman_lane, unit_residuals
from heatlas.infer.statistics import all_statistics, largest_statistics, observed_statistics
from tests.infer.rearranged_study import F, T, some_arrangements, statistic_of, study


@pytest.mark.parametrize("contrast", [T, F])
def test_statistics_of_each_arrangement_equal_a_refit(contrast: Contrast) -> None:
    maps, design = study()
    parts, tested = statistic_of(design, contrast)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 9))
    found = all_statistics(
        arranged, residuals, tested=tested, out=np.empty((9, maps.shape[1]), np.float32)
    )
    rows = some_arrangements().block(0).rows
    assert rows is not None
    for i in range(9):
        moved = residuals[np.argsort(rows[i])].astype(float)
        expected = linear.test(linear.fit(moved, design), contrast).statistic
        np.testing.assert_allclose(found[i], expected, rtol=2e-4, atol=2e-5)
    largest = largest_statistics(arranged, residuals, tested=tested)
    np.testing.assert_allclose(largest, np.abs(found).max(axis=1), rtol=1e-5)


def test_the_largest_signed_statistic_is_not_that_of_the_magnitude() -> None:
    maps, design = study()
    parts, tested = statistic_of(design, T, signed=True)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 9))
    every = all_statistics(
        arranged, residuals, tested=tested, out=np.empty((9, maps.shape[1]), np.float32)
    )
    largest = largest_statistics(arranged, residuals, tested=tested)
    np.testing.assert_allclose(largest, every.max(axis=1), rtol=1e-5)


@pytest.mark.parametrize("contrast", [T, F])
def test_observed_statistics_equal_those_of_the_model(contrast: Contrast) -> None:
    maps, design = study()
    parts, tested = statistic_of(design, contrast)
    block, _ = unit_residuals(maps, parts.nuisance)
    expected = linear.test(linear.fit(maps, design), contrast).statistic
    np.testing.assert_allclose(observed_statistics(block, tested=tested), expected, rtol=1e-10)
