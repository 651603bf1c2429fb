"""The tail of the noncentral t agrees with brute integration and with scipy where it can."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from heatlas.infer.noncentral import log_upper_tail
from heatlas.infer.pvalues import log10_p


def brute_upper_tail(cut: float, *, noncentrality: float, dof: float) -> float:
    """Sum the integrand over log s on a very fine uniform grid."""
    width = 1 / np.sqrt(2 * dof)
    u = np.linspace(-max(60 * width, 80 / dof), min(60 * width, 4.0), 400_001)
    log_density = (
        np.log(2) + dof / 2 * np.log(dof / 2) - special.gammaln(dof / 2)
        + dof * u - dof / 2 * np.exp(2 * u)
    )  # fmt: skip
    logs = log_density + special.log_ndtr(noncentrality - cut * np.exp(u))
    return float(np.exp(logs).sum() * (u[1] - u[0]))


@pytest.mark.parametrize("dof", [1, 2, 3, 10, 67, 500, 9_000])
@pytest.mark.parametrize("noncentrality", [-5.0, -2.0, 0.0, 2.0, 9.0])
@pytest.mark.parametrize("cut", [0.0, 2.0, 5.5, 40.0])
def test_the_tail_equals_brute_integration(dof: int, noncentrality: float, cut: float) -> None:
    ours = math.exp(log_upper_tail(cut, noncentrality=noncentrality, dof=dof))
    expected = brute_upper_tail(cut, noncentrality=noncentrality, dof=dof)
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-290)


@pytest.mark.parametrize("dof", [5, 38, 67, 1000])
@pytest.mark.parametrize("noncentrality", [0.5, 3.0, 6.0])
def test_the_tail_equals_scipy_where_scipy_is_accurate(dof: int, noncentrality: float) -> None:
    cuts = np.array([-3.0, -0.5, 0.5, 2.0, 5.0])
    ours = [math.exp(log_upper_tail(cut, noncentrality=noncentrality, dof=dof)) for cut in cuts]
    np.testing.assert_allclose(ours, stats.nct.sf(cuts, dof, noncentrality), rtol=1e-8)


def test_a_negative_cut_gives_the_complement() -> None:
    above = math.exp(log_upper_tail(-1.5, noncentrality=0.7, dof=12))
    assert above == pytest.approx(1 - stats.nct.cdf(-1.5, 12, 0.7), rel=1e-10)


@pytest.mark.parametrize("cut", [5.0, 20.0, 60.0])
def test_far_out_the_central_tail_equals_the_incomplete_beta_series(cut: float) -> None:
    log10 = log_upper_tail(cut, noncentrality=0.0, dof=5_000) / math.log(10)
    expected = log10_p([cut], kind="t", dof=(5_000,), two_sided=False)[0]
    assert -log10 == pytest.approx(expected, rel=1e-9)
