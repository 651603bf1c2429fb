"""Cross-fitted values come from subjects who had no say in where they were measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from heatlas.core.errors import DesignError
from heatlas.infer.folds import CrossFit, crossfit_peak, stratified_folds

GROUPS = ("depr",) * 26 + ("control",) * 14
LEVELS = ("depr", "control")
FIRST = np.array(GROUPS) == "depr"


def largest_difference(values: np.ndarray, seen: list[np.ndarray]) -> Callable[..., int]:
    """Return a peak finder that remembers which rows it was shown."""

    def find(rows: np.ndarray) -> int:
        seen.append(rows)
        first = values[rows][FIRST[rows]].mean(axis=0)
        return int(np.argmax(np.abs(first - values[rows][~FIRST[rows]].mean(axis=0))))

    return find


def crossfit(values: np.ndarray, *, seed: int = 0) -> CrossFit:
    folds = stratified_folds(GROUPS, seed=seed)
    return crossfit_peak(
        values, largest_difference(values, []), groups=GROUPS, levels=LEVELS, folds=folds
    )


def separation(first: np.ndarray, second: np.ndarray) -> float:
    pooled = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return float(abs(first.mean() - second.mean()) / pooled)


def test_folds_hold_equal_shares_of_each_group() -> None:
    folds = stratified_folds(GROUPS, seed=3, n_folds=5)
    assert_array_equal(np.bincount(folds), [8] * 5)
    assert set(np.bincount(folds[FIRST])) == {5, 6}
    assert set(np.bincount(folds[~FIRST])) == {2, 3}


def test_folds_depend_on_seed_and_step_alone() -> None:
    again = stratified_folds(GROUPS, seed=3)
    assert_array_equal(stratified_folds(GROUPS, seed=3), again)
    assert (stratified_folds(GROUPS, seed=4) != again).any()
    assert (stratified_folds(GROUPS, seed=3, step="other") != again).any()


def test_no_subject_is_measured_where_it_helped_to_choose() -> None:
    values = np.random.default_rng(0).standard_normal((40, 200))
    folds, seen = stratified_folds(GROUPS, seed=0), []
    found = crossfit_peak(
        values, largest_difference(values, seen), groups=GROUPS, levels=LEVELS, folds=folds
    )
    assert len(seen) == 5
    for fold, rows in enumerate(seen):
        assert_array_equal(np.sort(rows), np.flatnonzero(found.fold != fold))
        held_out = found.fold == fold
        assert_allclose(found.values[held_out], values[held_out, found.elements[fold]])


def test_noise_shows_no_difference_where_double_dipping_shows_a_large_one() -> None:
    rng = np.random.default_rng(7)
    honest, dipped = [], []
    for _ in range(40):
        values = rng.standard_normal((40, 500))
        found = crossfit(values)
        oriented = found.scores * np.array(found.directions)[found.fold]
        honest.append(oriented[FIRST].mean() - oriented[~FIRST].mean())
        peak = largest_difference(values, [])(np.arange(40))
        dipped.append(separation(values[FIRST, peak], values[~FIRST, peak]))
    assert abs(np.mean(honest)) < 4 * np.std(honest) / np.sqrt(40)
    assert abs(np.mean(honest)) < 0.25
    assert np.mean(dipped) > 0.9


def test_a_true_difference_is_found_and_measured_without_bias() -> None:
    values = np.random.default_rng(1).standard_normal((40, 100))
    values[FIRST, 17] -= 3
    found = crossfit(values)
    assert found.is_one_place
    assert found.elements[0] == 17
    assert found.directions == (-1,) * 5
    assert_allclose(found.values, values[:, 17])
    assert separation(found.scores_of("depr"), found.scores_of("control")) > 2
    assert found.words() == (
        "Each subject was measured where the contrast peaks in the other 4 of 5 folds (1 place)."
    )


def test_folds_with_different_places_share_one_scale() -> None:
    values = np.random.default_rng(2).standard_normal((40, 2)) * [1, 50] + [0, 1000]
    folds = stratified_folds(GROUPS, seed=0)
    places = iter([0, 1, 0, 1, 0])
    found = crossfit_peak(
        values, lambda rows: next(places), groups=GROUPS, levels=LEVELS, folds=folds
    )
    assert not found.is_one_place
    assert np.abs(found.scores).max() < 5


def test_scores_use_mean_and_spread_of_the_training_rows() -> None:
    values = np.random.default_rng(3).standard_normal((40, 1))
    found = crossfit_peak(
        values, lambda rows: 0, groups=GROUPS, levels=LEVELS, folds=stratified_folds(GROUPS, seed=0)
    )
    training, held_out = found.fold != 2, found.fold == 2
    first, second = values[training & FIRST, 0], values[training & ~FIRST, 0]
    ss = first.var() * len(first) + second.var() * len(second)
    spread = np.sqrt(ss / (len(first) + len(second) - 2))
    expected = (values[held_out, 0] - (first.mean() + second.mean()) / 2) / spread
    assert_allclose(found.scores[held_out], expected)


def test_covariates_are_taken_out_by_the_coefficients_of_the_training_rows() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    age = rng.normal(40, 10, 40) + 8 * FIRST
    values = rng.standard_normal((40, 1)) + 0.2 * age[:, None]
    folds = stratified_folds(GROUPS, seed=0)
    found = crossfit_peak(
        values, lambda rows: 0, groups=GROUPS, levels=LEVELS, folds=folds, covariates=age
    )
    rows = np.flatnonzero(folds != 1)
    model = sm.OLS(values[rows, 0], np.stack([np.ones(len(rows)), FIRST[rows], age[rows]], 1)).fit()
    held_out = folds == 1
    expected = values[held_out, 0] - model.params[2] * (age[held_out] - age.mean())
    assert_allclose(found.values[held_out], expected)


def test_folds_that_disagree_say_so() -> None:
    values = np.random.default_rng(5).standard_normal((40, 2))
    values[FIRST] += [4, -4]
    places = iter([0, 1, 1, 0, 1])
    found = crossfit_peak(
        values, lambda rows: next(places), groups=GROUPS, levels=LEVELS,
        folds=stratified_folds(GROUPS, seed=0),
    )  # fmt: skip
    assert not found.is_one_direction
    assert "in 2 of 5 depr is higher, in 3 control" in found.words()


def test_members_of_other_groups_are_not_reported() -> None:
    groups = ("a",) * 10 + ("b",) * 10 + ("c",) * 10
    values = np.random.default_rng(6).standard_normal((30, 1))
    found = crossfit_peak(
        values, lambda rows: 0, groups=groups, levels=("c", "a"),
        folds=stratified_folds(groups, seed=0),
    )  # fmt: skip
    assert found.groups == ("a",) * 10 + ("c",) * 10
    assert_allclose(found.values_of("c"), values[20:, 0])


@pytest.mark.parametrize(
    ("groups", "n_folds", "message"),
    [
        (("a", "a", "b", "b"), 1, "1 asked for with 4 subjects"),
        (("a", "a", "b", "b"), 5, "5 asked for with 4 subjects"),
        (("a", "a", "a", "b"), 2, "group b has a single member"),
    ],
)
def test_impossible_folds_are_refused(groups: tuple[str, ...], n_folds: int, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        stratified_folds(groups, seed=0, n_folds=n_folds)


def test_covariates_that_tell_the_groups_apart_are_refused() -> None:
    values = np.random.default_rng(8).standard_normal((40, 1))
    with pytest.raises(DesignError, match="cannot tell"):
        crossfit_peak(
            values, lambda rows: 0, groups=GROUPS, levels=LEVELS,
            folds=stratified_folds(GROUPS, seed=0), covariates=FIRST.astype(float),
        )  # fmt: skip


def test_a_place_without_any_variation_is_refused() -> None:
    with pytest.raises(DesignError, match="does not vary"):
        crossfit_peak(
            np.full((40, 1), 0.1), lambda rows: 0, groups=GROUPS, levels=LEVELS,
            folds=stratified_folds(GROUPS, seed=0),
        )  # fmt: skip
