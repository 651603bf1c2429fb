"""The confidence sequence against scipy, a hand case, and coverage over all looks."""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.stats

from heatlas.core.errors import DataError
from heatlas.infer.sequential import open_counts


def log_martingale(count: int, n: int, alpha: float) -> float:
    """The same quantity from scipy's beta-binomial and binomial laws."""
    mixture = scipy.stats.betabinom(n, 1, 1 / alpha - 1).logpmf(count)
    return float(mixture - scipy.stats.binom(n, alpha).logpmf(count))


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("n", [1, 7, 100, 999, 20_000])
@pytest.mark.parametrize("error", [0.2, 1e-3])
def test_the_open_counts_are_those_that_scipy_leaves_open(
    alpha: float, n: int, error: float
) -> None:
    low, high = open_counts(n, alpha=alpha, error=error)
    for count in {low, high, (low + high) // 2}:
        assert log_martingale(count, n, alpha) < np.log(1 / error)
    for count in {low - 1, high + 1} & set(range(n + 1)):
        assert log_martingale(count, n, alpha) >= np.log(1 / error)


def test_a_hand_case_at_one_half() -> None:
    """With alpha = .5 the prior is uniform: 2^m / ((m + 1) C(m, b)) stays below 1 / error.

    For m = 10 it is 93.1, 9.3, 2.07, 0.78, 0.44, 0.37 at b = 0 to 5, and mirrored above.
    """
    assert open_counts(10, alpha=0.5, error=1 / 9) == (2, 8)
    assert open_counts(10, alpha=0.5, error=1 / 10) == (1, 9)
    assert open_counts(10, alpha=0.5, error=1 / 94) == (0, 10)
    assert open_counts(10, alpha=0.5, error=1 / 2) == (3, 7)


def test_nothing_is_settled_before_the_first_draw() -> None:
    assert open_counts(0, alpha=0.05) == (0, 0)


def test_no_exceedance_settles_a_level_of_five_per_cent_after_181_draws() -> None:
    assert open_counts(180, alpha=0.05)[0] == 0
    assert open_counts(181, alpha=0.05)[0] == 1


@pytest.mark.parametrize("p", [0.05, 0.01])
def test_looking_after_every_draw_misses_rarely_enough(p: float) -> None:
    n_looks, n_studies, error = 3000, 4000, 0.05
    limits = np.array([open_counts(m, alpha=p, error=error) for m in range(1, n_looks + 1)])
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(8):
        counts = (rng.random((n_studies // 8, n_looks), dtype=np.float32) < p).cumsum(axis=1)
        outside = (counts < limits[:, 0]) | (counts > limits[:, 1])
        missed += int(outside.any(axis=1).sum())
    assert missed / n_studies <= error


def test_alpha_is_always_left_open_somewhere_near_itself() -> None:
    for n in (1, 2, 3, 10, 50, 1000):
        for alpha in (0.001, 0.05, 0.5, 0.99):
            low, high = open_counts(n, alpha=alpha, error=0.5)
            assert 0 <= low <= high <= n


def test_the_open_range_narrows_with_the_draws_and_widens_with_certainty() -> None:
    sizes = np.array([100, 1000, 10_000, 100_000, 1_000_000])
    for alpha in (0.01, 0.05):
        widths = []
        for n in sizes:
            low, high = open_counts(int(n), alpha=alpha)
            looser = open_counts(int(n), alpha=alpha, error=0.05)
            assert low <= looser[0] <= looser[1] <= high
            widths.append((high - low) / n)
        assert (np.diff(widths) < 0).all()


def test_each_further_draw_moves_the_limits_by_one_at_most() -> None:
    limits = np.array([open_counts(n, alpha=0.05) for n in range(2000)])
    steps = np.diff(limits, axis=0)
    assert steps.min() >= 0
    assert steps.max() <= 1


def test_ten_million_draws_are_judged_at_once() -> None:
    start = time.perf_counter()
    low, high = open_counts(10**7, alpha=0.05)
    assert time.perf_counter() - start < 0.5  # measured: 0.0001
    assert 0.0496 < low / 10**7 < 0.05 < high / 10**7 < 0.0504


@pytest.mark.parametrize(
    ("n", "alpha", "error", "words"),
    [
        (-1, 0.05, 0.001, "-1 given"),
        (10, 0.0, 0.001, "alpha: expected a probability"),
        (10, 0.05, 1.0, "error: expected a probability"),
        (10, float("nan"), 0.5, "got nan"),
    ],
)
def test_impossible_questions_are_refused(n: int, alpha: float, error: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_counts(n, alpha=alpha, error=error)
