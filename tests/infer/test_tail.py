"""The tail beyond the maxima against laws whose tails are known, and what it must never claim."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from heatlas.infer import fwe, tail
from heatlas.infer.tail import REACH, tail_logp

Floats = NDArray[np.float64]
LAWS = {
    "exponential": scipy.stats.expon(3, 0.5),
    "Gumbel": scipy.stats.gumbel_r(4, 0.4),
    "Pareto .2": scipy.stats.genpareto(0.2),
    "maximum of 4000 |t|": scipy.stats.t(30),
}


def quantile(name: str, p: NDArray[np.floating] | float) -> Floats:
    """The value that a maximum of this law exceeds with chance p."""
    if name.startswith("maximum"):
        p = -np.expm1(np.log1p(-np.asarray(p)) / 8000)
    return np.asarray(LAWS[name].isf(p))


def maxima_of(name: str, n: int, *, seed: int) -> Floats:
    """Maxima of random arrangements, the first one the identity with a finding."""
    maxima = quantile(name, np.random.default_rng(seed).random(n))
    maxima[0] = 1e3
    return maxima


@pytest.mark.parametrize(
    ("name", "n", "share"),
    # Of 400 studies these shares came within a factor of 3; a tenth is given as slack.
    [
        ("exponential", 1000, 0.86), ("exponential", 5000, 0.91),
        ("Gumbel", 1000, 0.91), ("Gumbel", 5000, 0.98),
        ("maximum of 4000 |t|", 1000, 0.92), ("maximum of 4000 |t|", 5000, 0.99),
        ("Pareto .2", 1000, 0.58), ("Pareto .2", 5000, 0.81),
    ],
)  # fmt: skip
def test_a_tenth_of_the_smallest_p_is_found_within_a_factor_of_three(
    name: str, n: int, share: float
) -> None:
    true = 1 / (10 * n)
    value = quantile(name, true)
    logp = np.array([tail_logp([value], maxima_of(name, n, seed=seed))[0] for seed in range(100)])
    errors = logp[~np.isnan(logp)] + np.log10(true)
    assert len(errors) > 80  # in the others a maximum lies beyond
    assert (np.abs(errors) < np.log10(3)).mean() >= share - 0.1
    assert abs(np.median(errors)) < np.log10(2)
    if not name.startswith("Pareto"):  # hardly ever too small
        assert (errors > np.log10(3)).mean() <= 0.04


def test_an_exact_exponential_tail_is_found_again() -> None:
    """Maxima at the quantiles of an exponential law: the p of x is exp(-x)."""
    n = 10_000
    others = -np.log((np.arange(n - 1) + 0.5) / (n - 1))
    found = tail_logp([12.0, 13.0], np.r_[50.0, others])
    np.testing.assert_allclose(found, np.array([12, 13]) / np.log(10), atol=0.02)


@pytest.mark.parametrize("shape", [0.1, 0.3])
def test_an_exact_heavy_tail_is_found_again(shape: float) -> None:
    law, n = scipy.stats.genpareto(shape), 20_000
    others = law.isf((np.arange(n - 1) + 0.5) / (n - 1))
    values = law.isf([2e-5, 5e-6])
    found = tail_logp(values, np.r_[1e6, others])
    np.testing.assert_allclose(found, -np.log10([2e-5, 5e-6]), atol=0.05)


def test_the_estimates_are_those_of_scipy() -> None:
    excess = scipy.stats.genpareto(0.25, scale=3).rvs(800, random_state=4)
    shape, scale = tail._pareto_fit(excess)
    oracle = scipy.stats.genpareto.fit(excess, floc=0)
    np.testing.assert_allclose([shape, scale], [oracle[0], oracle[2]], rtol=2e-3)


def test_a_light_tail_is_taken_for_exponential() -> None:
    excess = scipy.stats.genpareto(-0.2).rvs(800, random_state=4)
    assert tail._pareto_fit(excess) == (0.0, excess.mean())


@pytest.mark.parametrize("shape", [0.0, 0.2])
def test_the_goodness_of_fit_equals_scipy(shape: float) -> None:
    z = np.sort(scipy.stats.genpareto(shape).rvs(200, random_state=1))
    oracle = scipy.stats.goodness_of_fit(
        scipy.stats.genpareto,
        z,
        known_params={"c": shape, "loc": 0, "scale": 1},
        statistic="ad",
        n_mc_samples=1,
    )
    found = tail._anderson_darling(z, shape=shape)
    np.testing.assert_allclose(found, oracle.statistic, rtol=1e-9)


@pytest.mark.parametrize("shape", [0.0, 0.2, 0.5])
def test_a_true_tail_is_rejected_in_about_five_of_a_hundred_fits(shape: float) -> None:
    law, rng = scipy.stats.genpareto(shape), np.random.default_rng(8)
    rejected = 0
    for _ in range(600):
        excess = np.sort(law.rvs(250, random_state=rng))
        fitted, scale = tail._pareto_fit(excess)
        distance = tail._anderson_darling(excess / scale, shape=fitted)
        rejected += distance > tail._critical(fitted)
    assert 0.02 < rejected / 600 < 0.08


def test_a_threshold_too_low_is_raised_until_the_tail_fits() -> None:
    """Most maxima in a lump, a quarter of them too far down to belong to the tail."""
    rng = np.random.default_rng(3)
    lump, far = rng.uniform(0, 1, 1700), 2 + rng.exponential(1.0, 300)
    others = np.sort(np.r_[lump, far])
    found = tail._fitted_tail(others)
    assert found is not None
    threshold, _, scale, n_beyond = found
    assert threshold > 1.9
    assert n_beyond <= 300
    assert scale == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("name", LAWS)
def test_p_lies_between_its_floor_and_what_counting_gives(name: str) -> None:
    n = 500
    for seed in range(20):
        maxima = maxima_of(name, n, seed=seed)
        top = maxima[1:].max()
        values = np.r_[top * (1 + 1e-4), top + np.arange(1, 60), 1e12, np.inf]
        logp = tail_logp(values, maxima)
        assert not np.isnan(logp).any()
        assert (logp >= np.log10(n)).all()
        assert (logp <= np.log10(REACH * n) + 1e-12).all()
        assert logp[-1] == pytest.approx(np.log10(REACH * n))


def test_the_larger_value_never_has_the_larger_p() -> None:
    maxima = maxima_of("Gumbel", 2000, seed=1)
    logp = tail_logp(np.linspace(maxima[1:].max(), 30, 500)[1:], maxima)
    assert (np.diff(logp[~np.isnan(logp)]) >= 0).all()


def test_only_values_that_no_other_arrangement_reaches_get_a_tail() -> None:
    maxima = maxima_of("Gumbel", 1000, seed=2)
    top = maxima[1:].max()
    values = np.r_[np.linspace(top * 0.9, top * 1.1, 101), top * (1 + 5e-6), np.nan]
    counts = fwe.judge_by_maxima(values, maxima, exact=False).counts
    np.testing.assert_array_equal(np.isnan(tail_logp(values, maxima)), counts != 1)


def test_the_identity_does_not_shape_the_tail() -> None:
    maxima = maxima_of("exponential", 1000, seed=5)
    larger = np.r_[1e9, maxima[1:]]
    np.testing.assert_array_equal(tail_logp([9.0], maxima), tail_logp([9.0], larger))


def test_unit_and_offset_of_the_values_do_not_matter() -> None:
    maxima = maxima_of("maximum of 4000 |t|", 1000, seed=6)
    values = maxima[1:].max() + np.array([0.5, 1.0, 2.0])
    plain = tail_logp(values, maxima)
    np.testing.assert_allclose(tail_logp(values * 250 + 7, maxima * 250 + 7), plain, rtol=1e-4)


@pytest.mark.parametrize(
    "maxima",
    [
        np.array([]),
        np.array([5.0]),
        np.r_[9.0, np.random.default_rng(1).gumbel(size=198)],  # too few
        np.full(1000, 2.0),  # no spread
        np.r_[9.0, np.random.default_rng(1).poisson(1.0, 999)],  # heavy ties
        np.r_[9.0, np.nan, np.random.default_rng(1).gumbel(size=998)],
        np.r_[9.0, np.full(999, -np.inf)],
    ],
)
def test_without_a_tail_that_fits_nothing_is_claimed(maxima: Floats) -> None:
    assert np.isnan(tail_logp([1.0, 50.0, np.nan], maxima)).all()


def test_arrangements_without_any_cluster_do_not_hinder_the_tail() -> None:
    rng = np.random.default_rng(7)
    maxima = np.r_[900.0, np.zeros(500), rng.exponential(20, 499) + 10]
    assert np.isfinite(tail_logp([400.0], maxima)).all()


def test_a_bounded_null_gives_p_that_are_too_large_rather_than_too_small() -> None:
    law = scipy.stats.genpareto(-0.3)
    value = law.isf(1e-4)
    logp = [tail_logp([value], np.r_[9.0, law.rvs(999, random_state=k)])[0] for k in range(40)]
    assert np.nanmax(logp) <= 4
    assert np.isnan(logp).mean() < 0.3
