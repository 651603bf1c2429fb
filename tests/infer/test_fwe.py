"""Family-wise corrections against hand cases, scipy and counting."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from heatlas.core.errors import DataError
from heatlas.infer import fwe


def test_bonferroni_multiplies_by_the_number_of_tests() -> None:
    found = fwe.bonferroni([0.001, np.nan, 0.3, 0.5])
    np.testing.assert_allclose(found, [0.003, np.nan, 0.9, 1.0])


def test_corrected_p_count_the_identity_once_and_are_never_zero() -> None:
    maxima = [9.0, 3.0, 4.0, 5.0]
    judged = fwe.judge_by_maxima([9.0, 4.5, 1.0, np.nan], maxima, exact=True)
    np.testing.assert_array_equal(judged.counts, [1, 2, 4, 0])
    np.testing.assert_allclose(judged.p, [0.25, 0.5, 1.0, np.nan])


def test_a_tie_that_rounding_hides_still_counts() -> None:
    observed = 4.612524750054744
    maxima = [observed, float(np.float32(observed)) * (1 - 1e-7), 4.0, 3.0]
    assert fwe.judge_by_maxima([observed], maxima, exact=True).counts[0] == 2
    assert fwe.judge_by_maxima([observed], [observed, observed * 0.999], exact=True).counts[0] == 1


def test_negative_maxima_are_counted_alike() -> None:
    judged = fwe.judge_by_maxima([-1.0, -2.0], [-1.0, -1.5, -2.0], exact=True)
    np.testing.assert_array_equal(judged.counts, [1, 3])


def test_the_cut_is_the_inverse_of_the_corrected_p() -> None:
    rng = np.random.default_rng(4)
    for n in (20, 99, 100, 1000):
        maxima = np.round(rng.gumbel(4, 1, n), 1)  # ties among the maxima
        values = np.r_[np.round(rng.normal(5, 2, 500), 1), maxima]
        for alpha in (0.01, 0.05, 0.2):
            survives = fwe.judge_by_maxima(values, maxima, exact=False).p <= alpha
            np.testing.assert_array_equal(values > fwe.maximum_cut(maxima, alpha=alpha), survives)


def test_too_few_arrangements_have_an_infinite_cut() -> None:
    assert fwe.maximum_cut(np.arange(10.0), alpha=0.05) == np.inf


def test_an_empty_null_is_refused() -> None:
    with pytest.raises(DataError, match="no arrangement"):
        fwe.judge_by_maxima([1.0], [], exact=True)


def test_clopper_pearson_equals_the_exact_interval_of_scipy() -> None:
    k = np.array([0, 1, 17, 49, 50])
    low, high = fwe.clopper_pearson(k, 50)
    for i, successes in enumerate(k):
        oracle = scipy.stats.binomtest(int(successes), 50).proportion_ci(method="exact")
        np.testing.assert_allclose([low[i], high[i]], [oracle.low, oracle.high], atol=1e-12)


def test_the_interval_is_that_of_the_draws_beside_the_identity() -> None:
    maxima = np.r_[10.0, np.arange(99) / 10]
    judged = fwe.judge_by_maxima([9.65], maxima, exact=False)
    oracle = scipy.stats.binomtest(2, 99).proportion_ci(method="exact")
    np.testing.assert_allclose([judged.p[0], judged.low[0], judged.high[0]],
                               [0.03, oracle.low, oracle.high])  # fmt: skip
