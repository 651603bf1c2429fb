"""p-values and their inverse against scipy and exact logarithms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from heatlas.core.errors import NotSupportedError
from heatlas.infer.pvalues import log10_p, statistic_at

KINDS = {
    "t": ((67.0,), scipy.stats.t(67)),
    "F": ((3.0, 67.0), scipy.stats.f(3, 67)),
    "z": ((), scipy.stats.norm()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_sided_p_equal_scipy(kind: str) -> None:
    dof, law = KINDS[kind]
    values = np.linspace(0 if kind == "F" else -9, 9, 50)
    found = log10_p(values, kind=kind, dof=dof, two_sided=False)
    np.testing.assert_allclose(10.0**-found, law.sf(values), rtol=1e-11)


@pytest.mark.parametrize("kind", ["t", "z"])
def test_two_sided_p_take_both_tails(kind: str) -> None:
    dof, law = KINDS[kind]
    values = np.linspace(-9, 9, 51)
    found = log10_p(values, kind=kind, dof=dof, two_sided=True)
    np.testing.assert_allclose(10.0**-found, 2 * law.sf(np.abs(values)), rtol=1e-11)


def test_a_p_too_small_for_float64_has_a_finite_logarithm() -> None:
    # With 2 degrees of freedom the two-sided p is 1 - t / sqrt(t^2 + 2), about 1 / t^2.
    found = log10_p(np.array([1e150]), kind="t", dof=(2.0,), two_sided=True)
    np.testing.assert_allclose(found, 300, rtol=1e-12)
    # F with (2, df2) has the upper tail (1 + 2 F / df2)^(-df2 / 2).
    found = log10_p(np.array([50.0]), kind="F", dof=(2.0, 5000.0), two_sided=False)
    np.testing.assert_allclose(found, 2500 * np.log10(1 + 100 / 5000), rtol=1e-12)
    found = log10_p(np.array([4e5]), kind="F", dof=(2.0, 500.0), two_sided=False)
    np.testing.assert_allclose(found, 250 * np.log10(1 + 8e5 / 500), rtol=1e-12)
    found = log10_p(np.array([60.0]), kind="z", dof=(), two_sided=True)
    exact = -(scipy.stats.norm.logsf(60) + np.log(2)) / np.log(10)
    np.testing.assert_allclose(found, exact, rtol=1e-12)


def test_logarithms_pass_smoothly_from_one_computation_to_the_other() -> None:
    values = np.linspace(38, 70, 400)
    found = log10_p(values, kind="t", dof=(1500.0,), two_sided=True)
    assert found[0] < 290 < found[-1]
    assert (np.abs(np.diff(found, 2)) < 0.01).all()


def test_missing_values_stay_missing() -> None:
    assert np.isnan(log10_p(np.array([np.nan]), kind="t", dof=(5.0,), two_sided=True)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [0.3, 0.05, 1e-3, 2.5e-7, 1e-30])
def test_the_statistic_at_a_p_has_that_p(kind: str, p: float) -> None:
    dof, _ = KINDS[kind]
    two_sided = kind != "F"
    value = statistic_at(p, kind=kind, dof=dof, two_sided=two_sided)
    found = log10_p(np.array([value]), kind=kind, dof=dof, two_sided=two_sided)
    np.testing.assert_allclose(found, -np.log10(p), rtol=1e-9)


def test_a_statistic_without_degrees_of_freedom_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="needs 1 positive degrees of freedom"):
        log10_p(np.ones(2), kind="t", dof=(), two_sided=True)
    with pytest.raises(NotSupportedError, match="an F needs 2"):
        statistic_at(0.05, kind="F", dof=(3.0,), two_sided=False)


def test_a_map_that_is_no_statistic_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="kind 'effect' has no p-values"):
        log10_p(np.ones(2), kind="effect", dof=(), two_sided=True)


@pytest.mark.parametrize("df", [3.0, 5.0, 20.0])
@pytest.mark.parametrize("p", [1e-40, 1e-200, 1e-250, 1e-290])
def test_the_t_of_a_tiny_p_is_positive_and_has_that_p(p: float, df: float) -> None:
    found = statistic_at(p, kind="t", dof=(df,), two_sided=True)
    assert found > 0
    assert log10_p([found], kind="t", dof=(df,), two_sided=True)[0] == pytest.approx(-np.log10(p))
