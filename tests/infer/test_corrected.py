"""Corrected p with their Monte-Carlo error, and the words for how they were made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from heatlas.infer.corrected import PermutationResult


def result(**fields: Any) -> PermutationResult:
    values = np.array([4.0, -3.0, 1.0, np.nan])
    maxima = np.array([4.0, *np.linspace(0.5, 3.5, 99)])
    counts = np.array([1, (maxima >= 3).sum(), (maxima >= 1).sum(), 0])
    given = {
        "method": "max-t", "kind": "t", "dof": (20.0,), "two_sided": True,
        "statistic": values, "observed": values, "quantity": "t", "null_maxima": maxima,
        "counts": counts, "exact": False, "n_possible": 1e9, "n_asked": 100,
        "action": "permutations",
    }  # fmt: skip
    return PermutationResult(**{**given, **fields})


def test_p_are_counts_over_all_arrangements() -> None:
    found = result()
    np.testing.assert_allclose(found.p[:3], found.counts[:3] / 100)
    assert np.isnan(found.p[3])


def test_monte_carlo_intervals_are_clopper_and_pearson() -> None:
    found = result()
    expected = stats.binomtest(int(found.counts[1]) - 1, 99).proportion_ci(method="exact")
    assert (found.low[1], found.high[1]) == pytest.approx((expected.low, expected.high))
    exact = result(exact=True)
    np.testing.assert_array_equal(exact.low, exact.p)


def test_an_exact_test_leaves_nothing_undecided() -> None:
    alpha = float(result().p[1])
    assert result().undecided(alpha)[1]
    assert not result(exact=True).undecided(alpha).any()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "100 permutations"),
        ({"exact": True}, "all 100 permutations"),
        ({"action": "sign-flips"}, "100 sign-flips"),
        ({"n_asked": 10_000}, "100 of 10,000 permutations (stopped early, every verdict settled)"),
    ],
)
def test_words_say_how_many_were_used(fields: dict[str, Any], words: str) -> None:
    assert result(**fields).words == words


def test_the_cut_separates_what_survives() -> None:
    found = result()
    cut = found.cut(0.1)
    survives = found.p <= 0.1
    np.testing.assert_array_equal(np.abs(found.observed) > cut, survives)
    assert result(null_maxima=np.ones(10)).cut(0.05) == np.inf


def test_the_cut_of_a_step_down_test_is_the_smallest_value_rejected() -> None:
    counts = np.array([1, 4, 30, 0])
    assert result(method="step-down", counts=counts).cut(0.05) == 3.0
    assert result(method="step-down", counts=counts + 50).cut(0.05) == np.inf


def test_the_smallest_p_counts_arrangements_that_tie() -> None:
    maxima = np.array([4.0, 4.0, 4.0 - 1e-9, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert result(null_maxima=maxima).smallest_p == pytest.approx(0.3)
