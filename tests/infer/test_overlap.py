"""How much groups overlap, against known distributions, counting and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.stats import norm

from heatlas.core.errors import DataError
from heatlas.infer.overlap import overlap


def test_large_gaussian_groups_overlap_as_their_densities_do() -> None:
    rng = np.random.default_rng(1)
    found = overlap(rng.normal(0, 1, 2000), rng.normal(1, 1, 1500))
    assert float(found.overlap.value) == pytest.approx(200 * norm.cdf(-0.5), abs=3)
    assert float(found.overlap.high) - float(found.overlap.low) < 8


def test_spreads_that_differ_lower_the_overlap() -> None:
    rng = np.random.default_rng(2)
    found = overlap(rng.normal(0, 1, 1500), rng.normal(0, 2, 1500))
    places = np.linspace(-15, 15, 20001)
    shared = np.minimum(norm.pdf(places), norm.pdf(places, 0, 2)).sum() * (places[1] - places[0])
    assert float(found.overlap.value) == pytest.approx(100 * shared, abs=4)


@pytest.mark.parametrize(("distance", "sizes"), [(0.0, (21, 51)), (1.0, (21, 51)), (2.0, (12, 12))])
def test_intervals_hold_the_truth_in_about_95_percent(
    distance: float, sizes: tuple[int, int]
) -> None:
    rng = np.random.default_rng(3)
    truths = 200 * norm.cdf(-distance / 2), 100 * norm.cdf(distance / np.sqrt(2))
    held = np.zeros(2)
    for _ in range(200):
        found = overlap(rng.normal(0, 1, sizes[0]), rng.normal(distance, 1, sizes[1]))
        estimates = (found.overlap, found.superiority)
        held += [
            float(e.low) - 1e-6 <= truth <= float(e.high) + 1e-6
            for e, truth in zip(estimates, truths, strict=True)
        ]
    # Below 181 of 200 would be seen in fewer than 0.5 % of all suites if coverage were 95 %.
    assert (held >= 181).all()


def test_groups_that_are_the_same_are_not_said_to_differ() -> None:
    rng = np.random.default_rng(4)
    values = [float(overlap(*rng.normal(size=(2, 25))).overlap.value) for _ in range(40)]
    assert np.median(values) > 90


def test_the_number_of_pairs_is_counted_with_half_of_the_ties() -> None:
    a, b = [1.0, 2, 2, 5], [2.0, 3, 0]
    pairs = [(x < y) + (x == y) / 2 for x in a for y in b]
    assert float(overlap(a, b).superiority.value) == pytest.approx(100 * np.mean(pairs))


def test_the_number_of_pairs_is_the_statistic_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 6, 15).astype(float), rng.integers(1, 8, 22).astype(float)
    oracle = scipy.stats.mannwhitneyu(b, a).statistic / (15 * 22)
    assert float(overlap(a, b).superiority.value) == pytest.approx(100 * oracle)


def test_order_and_unit_of_the_groups_do_not_matter() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=20), rng.normal(1, 2, 30)
    one, other = overlap(a, b), overlap(-7 * b + 3, -7 * a + 3)
    for name in ("value", "low", "high"):
        first, second = (float(getattr(o.overlap, name)) for o in (one, other))
        assert first == pytest.approx(second, abs=0.2)
        first, second = (float(getattr(o.superiority, name)) for o in (one, other))
        assert first == pytest.approx(second)


def test_separate_groups_share_nothing_but_keep_an_interval() -> None:
    found = overlap(np.arange(10.0), np.arange(10.0) + 100)
    assert float(found.overlap.value) == pytest.approx(0, abs=0.1)
    assert (float(found.superiority.value), float(found.superiority.high)) == (100, 100)
    assert 60 < float(found.superiority.low) < 95


def test_identical_constants_overlap_wholly_and_different_ones_not_at_all() -> None:
    same = overlap(np.ones(5), np.ones(6))
    assert (float(same.overlap.value), float(same.superiority.value)) == (100, 50)
    assert float(overlap(np.ones(5), np.zeros(6)).overlap.value) == pytest.approx(0, abs=0.1)


def test_words_name_the_groups_and_the_direction() -> None:
    words = overlap(np.arange(20.0), np.arange(20.0) + 5).words("depr", "control")
    assert words.startswith("The distributions of depr (n = 20) and control (n = 20) overlap by ")
    assert words.endswith("the member of depr has the lower value.")


def test_groups_too_small_or_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="second group needs at least 3 finite values, got 2 of 2"):
        overlap([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="first group"):
        overlap([1, 2, 3, np.nan], [1, 2, 3])
