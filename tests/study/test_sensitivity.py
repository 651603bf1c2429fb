"""The smallest effect in words is the one whose power statsmodels and scipy put at 80 %."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from heatlas.core.stack import MapStack
from heatlas.core.threshold import Threshold
from heatlas.infer.thresholding import apply_threshold
from heatlas.stats.glm import FittedAnalysis
from heatlas.study.sensitivity import smallest_words, voxelwise_level
from tests.study.stacks import fitted, noise, stack_of

N = 40
GROUP = ["ill"] * 24 + ["well"] * 16
AGE = np.random.default_rng(1).integers(20, 70, N).astype(float)


@pytest.fixture(scope="module")
def stack() -> MapStack:
    site = ["a", "b", "c", "d"] * 10
    return stack_of(noise(N), {"group": GROUP, "age": AGE, "site": site})


def uncorrected(found: FittedAnalysis, *, alpha: float = 0.05, two_sided: bool = True) -> Threshold:
    """A judgement whose voxelwise level is alpha itself."""
    statistic = found.contrasts[0].statistic
    return apply_threshold(statistic, method="none", alpha=alpha, two_sided=two_sided)


def words_of(found: FittedAnalysis, threshold: Threshold) -> str:
    return smallest_words(found.design, found.contrasts[0], threshold=threshold)


def first_number(words: str) -> float:
    match = re.search(r"of (0?\.\d+|\d+\.?\d*)", words)
    assert match is not None, words
    return float(match[1])


@pytest.mark.parametrize("two_sided", [True, False])
def test_the_smallest_difference_of_two_groups_is_that_of_statsmodels(
    stack: MapStack, two_sided: bool
) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    words = words_of(found, uncorrected(found, two_sided=two_sided))
    expected = TTestIndPower().solve_power(
        nobs1=24,
        ratio=16 / 24,
        alpha=0.05,
        power=0.8,
        alternative="two-sided" if two_sided else "larger",
    )
    assert first_number(words) == pytest.approx(expected, rel=0.01)
    assert words.startswith("a difference of ")
    assert "residual standard deviations with n = 40, at p < 0.050 per voxel" in words


def test_the_smallest_mean_of_one_sample_is_that_of_statsmodels(stack: MapStack) -> None:
    found = fitted(stack, "1", "intercept")
    words = words_of(found, uncorrected(found, alpha=0.01))
    expected = TTestPower().solve_power(nobs=N, alpha=0.01, power=0.8)
    assert first_number(words) == pytest.approx(expected, rel=0.01)
    assert words.startswith("an effect of ")


def test_the_smallest_correlation_is_found_with_80_percent_power(stack: MapStack) -> None:
    found = fitted(stack, "age", "age")
    words = words_of(found, uncorrected(found, alpha=0.001))
    r = first_number(words)
    cut = stats.t.isf(0.0005, N - 2)
    power = stats.nct.sf(cut, N - 2, r / np.sqrt(1 - r**2) * np.sqrt(N))
    assert power == pytest.approx(0.8, abs=0.02)
    assert words.startswith("a partial correlation of ")


def test_the_smallest_partial_r2_of_an_f_is_found_with_80_percent_power(stack: MapStack) -> None:
    found = fitted(stack, "site + age", "site", kind="F")
    words = words_of(found, uncorrected(found, alpha=0.01))
    r2 = first_number(words)
    cut = stats.f.isf(0.01, 3, N - 5)
    assert stats.ncf.sf(cut, 3, N - 5, N * r2 / (1 - r2)) == pytest.approx(0.8, abs=0.02)
    assert words.startswith("a partial R2 of ")


def test_covariates_that_go_with_the_groups_make_a_study_less_sensitive(stack: MapStack) -> None:
    values = np.where(np.array(GROUP) == "ill", 40.0, 50.0) + AGE / 5
    confounded = stack_of(noise(N), {"group": GROUP, "age": values})
    plain, adjusted = (
        fitted(confounded, model, "group[ill] - group[well]") for model in ("group", "group + age")
    )
    before, after = (first_number(words_of(one, uncorrected(one))) for one in (plain, adjusted))
    assert after > 1.2 * before


def test_the_level_of_a_voxel_is_the_p_of_the_cut(stack: MapStack) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    statistic = found.contrasts[0].statistic
    threshold = apply_threshold(statistic, method="bonferroni", alpha=0.05)
    alpha, how = voxelwise_level(found.contrasts[0], threshold)
    assert alpha == pytest.approx(0.05 / statistic.mask.size, rel=1e-6)
    assert threshold.cut is not None
    assert alpha == pytest.approx(2 * stats.t.sf(threshold.cut, N - 2), rel=1e-6)
    assert how == f"the level of the cut, {threshold.cut:.2f}"


def test_one_sided_levels_count_one_tail(stack: MapStack) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    threshold = uncorrected(found, alpha=0.02, two_sided=False)
    assert voxelwise_level(found.contrasts[0], threshold)[0] == pytest.approx(0.02, rel=1e-6)


def test_an_f_is_judged_by_its_upper_tail(stack: MapStack) -> None:
    found = fitted(stack, "site", "site", kind="F")
    threshold = apply_threshold(found.contrasts[0].statistic, method="none", alpha=0.03)
    assert threshold.cut == pytest.approx(stats.f.isf(0.03, 3, N - 4), rel=1e-6)
    assert voxelwise_level(found.contrasts[0], threshold)[0] == pytest.approx(0.03, rel=1e-6)


def test_without_a_cut_the_level_is_that_of_bonferroni_and_says_so(stack: MapStack) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    statistic = found.contrasts[0].statistic
    threshold = replace(uncorrected(found), cut=None)
    alpha, how = voxelwise_level(found.contrasts[0], threshold)
    assert alpha == pytest.approx(0.05 / statistic.mask.size)
    assert "Bonferroni" in how


def test_a_stricter_level_asks_for_a_larger_effect(stack: MapStack) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    sizes = [first_number(words_of(found, uncorrected(found, alpha=a))) for a in (0.05, 1e-3, 1e-6)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 1.5


def test_a_difference_of_slopes_is_put_per_unit_of_the_covariate(stack: MapStack) -> None:
    found = fitted(stack, "group * age", "group[ill]:age - group[well]:age")
    words = words_of(found, uncorrected(found))
    assert "residual standard deviations per unit of age with n = 40" in words


def test_without_a_cut_of_the_single_voxel_the_level_is_bonferroni_s_and_says_why(
    stack: MapStack,
) -> None:
    found = fitted(stack, "group", "group[ill] - group[well]")
    plain = uncorrected(found)
    n = stack.mask.size
    tfce = replace(plain, cut=None, quantity="TFCE", extended_cut=99.0)
    level, why = voxelwise_level(found.contrasts[0], tfce)
    assert level == pytest.approx(0.05 / n)
    assert why == "Bonferroni's level, since TFCE also depends on the neighbours"
    welch = replace(plain, cut=4.0, settings={"Statistic": "v"})
    assert "v has no degrees of freedom" in voxelwise_level(found.contrasts[0], welch)[1]
    assert plain.logp is not None
    inside = np.where(np.arange(n) < 50, plain.logp, np.nan)
    small = replace(plain, cut=None, logp=inside)
    assert voxelwise_level(found.contrasts[0], small)[0] == pytest.approx(0.05 / 50)
