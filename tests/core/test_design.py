"""Designs and contrasts as values."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError

MATRIX = np.column_stack([np.ones(5), np.arange(5.0)])


def design(**changed: object) -> Design:
    """Return a line through five maps, with something changed."""
    content = {"matrix": MATRIX, "names": ("intercept", "age"), "ids": tuple("abcde")}
    return Design(**{**content, **changed})  # type: ignore[arg-type]


def test_residual_degrees_of_freedom_are_rows_minus_rank() -> None:
    assert (design().n, design().dof) == (5, 3)
    twice = np.column_stack([MATRIX, MATRIX[:, 1]])
    assert design(matrix=twice, names=("i", "a", "b")).dof == 3


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"names": ("intercept",)}, DataError),
        ({"ids": ("a",)}, DataError),
        ({"matrix": np.ones(5)}, DataError),
        ({"matrix": np.where(MATRIX > 3, np.nan, MATRIX)}, DesignError),
    ],
)
def test_a_design_that_does_not_fit_is_refused(
    changed: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        design(**changed)


def test_terms_and_levels_do_not_follow_the_caller() -> None:
    levels = {"group": ["a", "b"]}
    made = design(levels=levels)
    levels["group"].append("c")
    assert made.levels["group"] == ("a", "b")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, -0.5], "1.000·intercept − 0.5000·age"),
        ([0, -1], "− 1.000·age"),
        ([[1, 0], [0, 1]], "1.000·intercept; 1.000·age"),
        ([1e-15, 1], "1.000·age"),
    ],
)
def test_resolved_weights_are_put_into_words(weights: list, words: str) -> None:
    kind = "F" if np.ndim(weights) == 2 else "t"
    contrast = Contrast(name="c", weights=np.array(weights), kind=kind)  # type: ignore[arg-type]
    assert contrast.weights_words(("intercept", "age")) == words


@pytest.mark.parametrize(
    ("weights", "kind", "sentence"),
    [
        (np.eye(2), "t", "a t needs one row"),
        ([[1, 0], [0, 0]], "F", "a row of weights is all zero"),
        ([0, 0], "t", "all zero"),
        ([1, np.nan], "t", "not finite"),
    ],
)
def test_weights_that_test_nothing_are_refused(weights: list, kind: str, sentence: str) -> None:
    with pytest.raises(DesignError, match=f"Contrast 'c': .*{sentence}"):
        Contrast(name="c", weights=np.array(weights), kind=kind)  # type: ignore[arg-type]


def test_an_unknown_kind_of_contrast_is_refused() -> None:
    with pytest.raises(DataError, match="'z' is not one of t, F"):
        Contrast(name="c", weights=np.ones(2), kind="z")  # type: ignore[arg-type]
