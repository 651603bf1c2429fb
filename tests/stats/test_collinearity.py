"""Dependent columns are named in the relation that binds them; nearly dependent ones are told."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.outliers_influence import variance_inflation_factor

from heatlas.core.errors import DesignError
from heatlas.stats.collinearity import check_rank, inflation_warnings, relation_words

RNG = np.random.default_rng(5)
PARTS = RNG.normal(size=(40, 3)) * [60, 40, 20]


def with_intercept(*columns: np.ndarray) -> np.ndarray:
    centred = [column - column.mean() for column in columns]
    return np.column_stack([np.ones(len(columns[0])), *centred])


def test_a_sum_is_named_whichever_place_it_stands_in() -> None:
    total = PARTS.sum(axis=1)
    first = with_intercept(total, *PARTS.T)
    last = with_intercept(*PARTS.T, total)
    with pytest.raises(DesignError, match=r"brain = gm \+ wm \+ csf;"):
        check_rank(first, names=("intercept", "brain", "gm", "wm", "csf"), centred=True)
    with pytest.raises(DesignError, match=r"brain = gm \+ wm \+ csf;"):
        check_rank(last, names=("intercept", "gm", "wm", "csf", "brain"), centred=True)


def test_a_sum_of_rounded_volumes_is_found() -> None:
    rounded = PARTS.round(1)
    total = (PARTS.sum(axis=1)).round(1)
    with pytest.raises(DesignError, match=r"brain = gm \+ wm \+ csf up to rounding"):
        check_rank(
            with_intercept(total, *rounded.T),
            names=("intercept", "brain", "gm", "wm", "csf"),
            centred=True,
        )


def test_columns_that_take_no_part_are_not_named() -> None:
    design = with_intercept(PARTS[:, 0], RNG.normal(size=40), 2 * PARTS[:, 0])
    with pytest.raises(DesignError) as error:
        check_rank(design, names=("intercept", "a", "other", "b"), centred=True)
    assert "b = 2.00·a" in str(error.value)
    assert "other" not in str(error.value)


def test_a_column_of_zeros_is_named() -> None:
    design = np.column_stack([np.ones(5), np.zeros(5)])
    with pytest.raises(DesignError, match="Column b of the model is zero"):
        check_rank(design, names=("intercept", "b"), centred=True)


def test_the_units_of_a_covariate_make_no_collinearity() -> None:
    check_rank(
        with_intercept(PARTS[:, 0] * 1e-9, PARTS[:, 1] * 1e9),
        names=("intercept", "a", "b"),
        centred=True,
    )


def test_uncentred_covariates_that_are_alike_by_nature_are_kept() -> None:
    years = 2000 + RNG.normal(size=(30, 2))
    check_rank(years, names=("a", "b"), centred=False)


def test_a_difference_is_solved_for_the_column_that_stands_alone() -> None:
    assert relation_words(np.array([1.0, -1.0, -1.0]), ["a", "b", "c"]) == "a = b + c"
    assert relation_words(np.array([0.5, 0.0, -1.0]), ["a", "b", "c"]) == "c = 0.500·a"


def test_a_long_relation_is_cut() -> None:
    words = relation_words(np.array([1.0] * 20 + [-1.0]), [f"x{k}" for k in range(21)])
    assert words.endswith("+ 14 more columns")


def test_inflation_equals_statsmodels_for_single_columns() -> None:
    a, b, c = RNG.normal(size=(3, 40))
    design = with_intercept(a, a + 0.2 * b, c)
    terms = {"intercept": (0,), "a": (1,), "b": (2,), "c": (3,)}
    words = inflation_warnings(design, terms=terms)
    expected = variance_inflation_factor(design, 1)
    assert len(words) == 2
    assert f"variance inflation {expected:.1f}" in words[0]


def test_inflation_of_a_factor_counts_its_columns_together() -> None:
    """Sum-coded columns of one balanced factor are correlated, but nothing else explains them."""
    site = np.repeat(np.arange(20), 3)
    coding = np.vstack([np.eye(19), -np.ones(19)])[site]
    design = np.column_stack([np.ones(60), coding, RNG.normal(size=60)])
    terms = {"intercept": (0,), "site": tuple(range(1, 20)), "age": (20,)}
    assert inflation_warnings(design, terms=terms) == ()


def test_a_single_covariate_has_nothing_to_be_inflated_by() -> None:
    assert inflation_warnings(with_intercept(PARTS[:, 0]), terms={"a": (1,)}) == ()
