"""Power agrees with brute integration, scipy and known truths, also far out in the tail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.infer.power import (
    level_of_cut,
    power_correlation,
    power_f,
    power_one_sample,
    power_t,
    power_two_sample,
    sample_size,
    smallest_contrast,
    smallest_correlation,
    smallest_effect,
    smallest_partial_r2,
    standard_error,
    t_cut,
)

VOXELWISE = 2.5e-7


@pytest.mark.parametrize("dof", [3, 67, 1_613, 9_999, 10_001, 1e6, 1e9, math.inf])
@pytest.mark.parametrize("alpha", [0.05, VOXELWISE, 1e-12])
def test_without_an_effect_the_power_is_alpha(dof: float, alpha: float) -> None:
    assert power_t(0.0, dof=dof, alpha=alpha) == pytest.approx(alpha, rel=1e-9)
    assert power_t(0.0, dof=dof, alpha=alpha, two_sided=False) == pytest.approx(alpha, rel=1e-9)


def test_many_degrees_of_freedom_approach_the_normal_test() -> None:
    normal = power_t(5.0, dof=math.inf, alpha=VOXELWISE)
    assert normal == pytest.approx(stats.norm.sf(stats.norm.isf(VOXELWISE / 2) - 5), rel=1e-12)
    assert power_t(5.0, dof=1e9, alpha=VOXELWISE) == pytest.approx(normal, rel=1e-7)


def test_807_per_group_are_needed_at_a_voxelwise_level() -> None:
    assert sample_size(0.3, alpha=VOXELWISE) == 807
    assert power_two_sample(0.3, n1=806, n2=806, alpha=VOXELWISE) < 0.8
    assert power_two_sample(0.3, n1=807, n2=807, alpha=VOXELWISE) >= 0.8


@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_at_ordinary_levels_the_power_equals_statsmodels(alpha: float) -> None:
    from statsmodels.stats.power import TTestIndPower, TTestPower

    two = TTestIndPower().power(0.5, nobs1=30, alpha=alpha, ratio=1.5)
    one = TTestPower().power(0.5, nobs=30, alpha=alpha, alternative="larger")
    assert power_two_sample(0.5, n1=30, n2=45, alpha=alpha) == pytest.approx(two, rel=1e-8)
    ours = power_one_sample(0.5, n=30, alpha=alpha, two_sided=False)
    assert ours == pytest.approx(one, rel=1e-8)


def test_cohens_table_is_met() -> None:
    # Cohen (1988), table 2.4.1: d = .5, two-sided .05, power .8 needs 64 per group.
    assert sample_size(0.5, alpha=0.05) == 64
    assert sample_size(-0.5, alpha=0.05) == 64


def test_the_power_of_a_slope_is_what_simulation_finds() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal(40)
    x = (x - x.mean()) / x.std()
    y = 0.45 / np.sqrt(1 - 0.45**2) * x + rng.standard_normal((20_000, 40))
    r = (y - y.mean(1, keepdims=True)) @ x / (40 * y.std(1))
    t = r * np.sqrt(38 / (1 - r**2))
    found = np.mean(np.abs(t) > stats.t.isf(0.005, 38))
    assert power_correlation(0.45, n=40, alpha=0.01) == pytest.approx(found, abs=0.012)


@pytest.mark.parametrize("dof", [(1, 40), (2, 67), (5, 300)])
@pytest.mark.parametrize("noncentrality", [0.0, 5.0, 30.0, 200.0])
def test_the_power_of_an_f_equals_scipy(dof: tuple[int, int], noncentrality: float) -> None:
    expected = stats.ncf.sf(stats.f.isf(1e-6, *dof), *dof, noncentrality) if noncentrality else 1e-6
    assert power_f(noncentrality, dof=dof, alpha=1e-6) == pytest.approx(expected, rel=1e-8)


def test_an_f_with_one_degree_of_freedom_is_a_squared_t() -> None:
    t = power_t(4.0, dof=67, alpha=VOXELWISE)
    assert power_f(16.0, dof=(1, 67), alpha=VOXELWISE) == pytest.approx(t, rel=1e-9)


def test_the_smallest_effect_is_found_with_exactly_the_power_asked_for() -> None:
    d = smallest_effect(n=(51, 21), dof=67, alpha=VOXELWISE, power=0.8)
    assert power_two_sample(d, n1=51, n2=21, alpha=VOXELWISE, n_covariates=3) == pytest.approx(0.8)
    one = smallest_effect(n=20, alpha=VOXELWISE, power=0.9)
    assert power_one_sample(one, n=20, alpha=VOXELWISE) == pytest.approx(0.9)


def test_the_smallest_correlation_is_found_with_exactly_the_power_asked_for() -> None:
    r = smallest_correlation(n=50, dof=45, alpha=VOXELWISE)
    assert power_correlation(r, n=50, alpha=VOXELWISE, n_covariates=3) == pytest.approx(0.8)


def test_the_smallest_partial_r2_is_found_with_exactly_the_power_asked_for() -> None:
    r2 = smallest_partial_r2(n=72, dof=(2, 67), alpha=1e-6)
    assert power_f(72 * r2 / (1 - r2), dof=(2, 67), alpha=1e-6) == pytest.approx(0.8)


def two_groups() -> Design:
    group = np.repeat([1.0, -1.0], [12, 8])
    return Design(
        matrix=np.stack([np.ones(20), group], 1),
        names=("intercept", "group"),
        ids=tuple(str(k) for k in range(20)),
    )


def test_the_smallest_contrast_of_two_groups_is_the_smallest_difference() -> None:
    difference = Contrast(name="difference", weights=np.array([0.0, 2.0]))
    ours = smallest_contrast(two_groups(), difference, alpha=0.001)
    assert ours == pytest.approx(smallest_effect(n=(12, 8), alpha=0.001))
    assert standard_error(two_groups(), difference) == pytest.approx(np.sqrt(1 / 12 + 1 / 8))


def test_an_f_contrast_and_wrong_weights_are_refused() -> None:
    joint = Contrast(name="joint", weights=np.eye(2), kind="F")
    with pytest.raises(DesignError, match="'joint' is an F"):
        standard_error(two_groups(), joint)
    with pytest.raises(DesignError, match="3 weights"):
        standard_error(two_groups(), Contrast(name="long", weights=np.ones(3)))


def test_the_level_of_a_cut_undoes_the_cut() -> None:
    cut = t_cut(dof=67, alpha=VOXELWISE)
    assert level_of_cut(cut, kind="t", dof=(67,)) == pytest.approx(VOXELWISE, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_t(1, dof=0, alpha=0.05), "degrees of freedom: 0"),
        (lambda: power_t(1, dof=10, alpha=0), "alpha: 0"),
        (lambda: smallest_effect(n=10, alpha=0.05, power=1.0), r"power: 1\.0"),
        (lambda: smallest_effect(n=(0, 10), alpha=0.05), "groups of 0 and 10"),
        (lambda: power_correlation(1.0, n=10, alpha=0.05), "between -1 and 1"),
        (lambda: sample_size(0.0, alpha=0.05), "more than 10,000,000"),
    ],
)
def test_impossible_numbers_are_refused(call: object, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        call()  # type: ignore[operator]


def test_an_unknown_kind_of_test_is_refused() -> None:
    with pytest.raises(DataError, match="median"):
        sample_size(0.3, kind="median", alpha=0.05)  # type: ignore[arg-type]
