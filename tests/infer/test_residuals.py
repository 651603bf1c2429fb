"""Residuals that are rearranged: their norm, their span and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.infer.linear import Partition, partition
from heatlas.infer.residuals import freedman_lane, huh_jhun, unit_residuals


def split(n: int = 12) -> Partition:
    rng = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(n), np.arange(n) < 5, rng.standard_normal(n)]).astype(float)
    design = Design(matrix=matrix, names=("a", "b", "c"), ids=tuple(map(str, range(n))))
    return partition(design, Contrast(name="b", weights=np.array([0.0, 1, 0])))


def maps(n: int = 12, v: int = 9) -> np.ndarray:
    return np.random.default_rng(2).normal(1e3, 1, (n, v)).astype(np.float32)


def test_freedman_lane_residuals_have_norm_1_and_no_nuisance() -> None:
    parts = split()
    null = freedman_lane(maps(), parts)
    np.testing.assert_allclose(np.linalg.norm(null.residuals, axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(parts.nuisance.T @ null.residuals, 0, atol=1e-6)
    assert null.m == 12


def test_huh_jhun_keeps_products_and_drops_as_many_rows_as_there_is_nuisance() -> None:
    parts = split()
    lane, projected = freedman_lane(maps(), parts), huh_jhun(maps(), parts)
    assert projected.m == 10 and projected.nuisance.shape == (10, 0)
    np.testing.assert_allclose(
        projected.interest.T @ projected.residuals, lane.interest.T @ lane.residuals, atol=1e-6
    )


def test_elements_without_variation_are_left_out() -> None:
    values = maps()
    values[:, 3] = 7
    values[:, 5] = np.arange(12) * 0 + 1e6
    null = freedman_lane(values, split())
    np.testing.assert_array_equal(null.tested, [0, 1, 2, 4, 6, 7, 8])
    np.testing.assert_array_equal(np.isnan(null.scatter(np.ones(7))), [0, 0, 0, 1, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(null.scatter_counts(np.ones(7, int))[3:6], [0, 1, 0])


def test_a_small_volume_holds_only_its_elements() -> None:
    within = np.arange(9) >= 6
    null = freedman_lane(maps(), split(), within=within)
    np.testing.assert_array_equal(null.tested, [6, 7, 8])
    with pytest.raises(DataError, match="small volume"):
        freedman_lane(maps(), split(), within=np.zeros(9, bool))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    values = maps()
    values[4, 2] = bad
    with pytest.raises(DataError, match="NaN or infinite"):
        freedman_lane(values, split())


def test_a_large_offset_costs_no_digits() -> None:
    parts = split()
    noise = np.random.default_rng(4).standard_normal((12, 5))
    plain, _ = unit_residuals(noise, parts.nuisance)
    moved, _ = unit_residuals(noise + 2.0**40, parts.nuisance)
    np.testing.assert_allclose(moved, plain, atol=1e-3)
