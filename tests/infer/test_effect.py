"""Effect sizes against exact inversion of scipy's noncentral distributions and hand formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special
from scipy.optimize import brentq

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.core.space import Grid, Mask
from heatlas.infer import effect, linear


def result_of(maps: np.ndarray, matrix: np.ndarray, weights: np.ndarray, kind: str = "t"):
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    design = Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))
    contrast = Contrast(name="c", weights=weights, kind=kind)
    return linear.test(linear.fit(maps, design), contrast)


def exact_t_limit(t: float, *, df: float, share: float) -> float:
    """Noncentrality under which t is that quantile, by root finding on scipy's distribution."""

    def below(noncentrality: float) -> float:
        if noncentrality >= 0:
            return float(np.nan_to_num(special.nctdtr(df, noncentrality, t))) - share
        return 1 - float(np.nan_to_num(special.nctdtr(df, -noncentrality, -t))) - share

    return float(brentq(below, -300, 300, xtol=1e-11))


def exact_f_limit(f: float, *, dof: tuple[float, float], share: float) -> float:
    def below(noncentrality: float) -> float:
        return float(np.nan_to_num(special.ncfdtr(*dof, noncentrality, f))) - share

    return 0.0 if below(0) <= 0 else float(brentq(below, 0, 1e6, xtol=1e-11))


@pytest.mark.parametrize("df", [2.0, 4.0, 67.0, 1000.0])
def test_limits_of_the_noncentral_t_equal_root_finding(df: float) -> None:
    t = np.array([-30, -8.9, -3, -0.5, 0, 0.01, 1, 2.2, 5, 12, 40])
    low, high = effect.t_noncentrality(t, df=df, level=0.95)
    np.testing.assert_allclose(low, [exact_t_limit(x, df=df, share=0.975) for x in t], atol=1e-4)
    np.testing.assert_allclose(high, [exact_t_limit(x, df=df, share=0.025) for x in t], atol=1e-4)


@pytest.mark.parametrize("dof", [(1.0, 67.0), (3.0, 67.0), (2.0, 4.0), (20.0, 500.0)])
def test_limits_of_the_noncentral_f_equal_root_finding(dof: tuple[float, float]) -> None:
    f = np.array([1e-4, 0.01, 0.5, 1, 2, 5, 20, 79, 400])
    low, high = effect.f_noncentrality(f, dof=dof, level=0.95)
    exact_low = [exact_f_limit(x, dof=dof, share=0.975) for x in f]
    exact_high = [exact_f_limit(x, dof=dof, share=0.025) for x in f]
    np.testing.assert_allclose(low, exact_low, atol=1e-4)
    np.testing.assert_allclose(high, exact_high, atol=2e-4, rtol=1e-6)


def test_limits_of_enormous_statistics_stay_proportional() -> None:
    low, high = effect.t_noncentrality(np.array([1e3, 1e4, -1e4]), df=30, level=0.95)
    np.testing.assert_allclose(low[1] / low[0], 10, rtol=2e-2)
    np.testing.assert_allclose([low[2], high[2]], [-high[1], -low[1]], rtol=1e-12)


def test_g_of_one_sample_is_the_corrected_mean_in_standard_deviations() -> None:
    maps = np.random.default_rng(1).normal(0.4, 2, (15, 1))
    found = effect.hedges_g(result_of(maps, np.ones((15, 1)), np.array([1.0])))
    correction = math.gamma(7) / (math.sqrt(7) * math.gamma(6.5))
    assert float(found.value) == pytest.approx(correction * maps.mean() / maps.std(ddof=1))


def test_g_of_two_groups_is_the_corrected_difference_and_its_interval_is_exact() -> None:
    rng = np.random.default_rng(2)
    maps = np.r_[rng.normal(0, 1, 9), rng.normal(1, 1, 14)][:, None]
    group = (np.arange(23) >= 9).astype(float)
    found = effect.hedges_g(
        result_of(maps, np.column_stack([1 - group, group]), np.array([-1.0, 1.0]))
    )
    a, b = maps[:9, 0], maps[9:, 0]
    pooled = math.sqrt((a.var() * 9 + b.var() * 14) / 21)
    unit = effect.small_sample_correction(21)
    assert float(found.value) == pytest.approx(unit * (b.mean() - a.mean()) / pooled)
    scale = math.sqrt(1 / 9 + 1 / 14)
    t = (b.mean() - a.mean()) / pooled / scale
    limits = [unit * scale * exact_t_limit(t, df=21, share=share) for share in (0.975, 0.025)]
    np.testing.assert_allclose([found.low, found.high], limits, atol=1e-4)


def test_the_small_sample_correction_is_the_one_of_hedges() -> None:
    assert effect.small_sample_correction(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert effect.small_sample_correction(50) == pytest.approx(1 - 3 / 199, rel=1e-4)


def test_partial_r2_is_the_share_of_the_variance_that_is_left() -> None:
    rng = np.random.default_rng(3)
    covariates = rng.standard_normal((30, 2))
    matrix = np.column_stack([np.ones(30), covariates])
    maps = rng.standard_normal((30, 1)) + covariates[:, :1]
    without = linear.fit(maps, Design(matrix=np.ones((30, 1)), names=("i",), ids=("x",) * 30)).rss
    tested = result_of(maps, matrix, np.eye(3)[1:], "F")
    left = linear.fit(maps, Design(matrix=matrix, names=("i", "a", "b"), ids=("x",) * 30)).rss
    found = effect.partial_r2(tested)
    assert float(found.value) == pytest.approx(float(1 - left[0] / without[0]))
    limit = exact_f_limit(float(tested.statistic[0]), dof=(2, 27), share=0.975)
    assert float(found.low) == pytest.approx(limit / (limit + 30), abs=1e-5)


def test_partial_r2_of_t_is_that_of_its_square() -> None:
    rng = np.random.default_rng(4)
    matrix = np.column_stack([np.ones(20), rng.standard_normal(20)])
    maps = rng.standard_normal((20, 1))
    of_t = effect.partial_r2(result_of(maps, matrix, np.array([0.0, 1.0])))
    of_f = effect.partial_r2(result_of(maps, matrix, np.array([0.0, 1.0]), "F"))
    for name in ("value", "low", "high"):
        assert float(getattr(of_t, name)) == pytest.approx(float(getattr(of_f, name)))


def test_maps_of_effects_hold_their_value_between_the_limits_and_keep_gaps() -> None:
    rng = np.random.default_rng(5)
    maps = rng.standard_normal((12, 27))
    maps[:, 4] = 1
    mask = Mask(space=Grid(shape=(3, 3, 3), affine=np.eye(4)), inside=np.ones(27, bool))
    tested = result_of(maps, np.column_stack([np.ones(12), np.arange(12)]), np.array([0.0, 1.0]))
    for found in (effect.hedges_g(tested, mask=mask), effect.partial_r2(tested, mask=mask)):
        assert np.flatnonzero(np.isnan(found.value)).tolist() == [4]
        defined = ~np.isnan(found.value)
        assert (found.low[defined] <= found.value[defined]).all()
        assert (found.value[defined] <= found.high[defined]).all()
        assert found.n == 12


def test_requests_that_make_no_sense_are_refused() -> None:
    maps = np.random.default_rng(6).standard_normal((4, 2))
    matrix = np.column_stack([np.ones(4), np.arange(4.0), [1, 0, 0, 1]])
    with pytest.raises(DesignError, match="at least 2 residual"):
        effect.hedges_g(result_of(maps, matrix, np.array([0.0, 1, 0])))
    with pytest.raises(DataError, match="belongs to a t contrast"):
        effect.hedges_g(result_of(maps, matrix[:, :1], np.array([[1.0]]), "F"))
    with pytest.raises(DataError, match="2 elements need their mask"):
        effect.hedges_g(result_of(maps, matrix[:, :1], np.array([1.0])))
