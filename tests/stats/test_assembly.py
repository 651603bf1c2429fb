"""Columns are products of codings, in formulaic's order, and every term knows its own."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DesignError
from heatlas.stats.assembly import (
    Block,
    assemble,
    check_cells,
    coding_words,
    product,
    product_names,
    term_columns,
)
from heatlas.stats.predictors import Predictor

SITE = Predictor(
    name="site", column="site", values=[0, 1, 2, 0, 1, 2, 0, 1], levels=("a", "b", "c")
)
SEX = Predictor(name="sex", column="sex", values=[0, 0, 0, 1, 1, 1, 1, 1], levels=("f", "m"))
AGE = Predictor(name="age", column="age", values=np.arange(8.0) - 3.5, coding="centred at 3.5")
PREDICTORS = {"site": SITE, "sex": SEX, "age": AGE}
BLOCKS = (
    Block(term="intercept", parts=()),
    Block(term="sex", parts=(("sex", True),)),
    Block(term="site:age", parts=(("site", False), ("age", False))),
)


def test_the_first_coding_varies_fastest() -> None:
    left, right = np.array([[1.0, 2.0]]), np.array([[10.0, 100.0]])
    np.testing.assert_array_equal(product([left, right], n=1), [[10, 20, 100, 200]])
    assert product_names([("a", "b"), ("x", "y")]) == ("a:x", "b:x", "a:y", "b:y")


def test_blocks_become_named_columns() -> None:
    matrix, names = assemble(BLOCKS, PREDICTORS, n=8)
    assert names == ("intercept", "sex[S.f]", "site[a]:age", "site[b]:age", "site[c]:age")
    np.testing.assert_array_equal(matrix[:, 0], np.ones(8))
    np.testing.assert_array_equal(matrix[:, 1], [1, 1, 1, -1, -1, -1, -1, -1])
    np.testing.assert_array_equal(matrix[1], [1, 1, 0, -2.5, 0])


def test_each_term_knows_its_columns() -> None:
    assert term_columns(BLOCKS, PREDICTORS) == {
        "intercept": (0,), "sex": (1,), "site:age": (2, 3, 4)
    }  # fmt: skip


def test_codings_are_told_in_words() -> None:
    words = coding_words(BLOCKS, PREDICTORS)
    assert words["age"] == "centred at 3.5"
    assert words["sex"] == "sum-to-zero over f, m; sex[S.f] is f above the mean of the levels"
    assert words["site"] == "one column for each level: a, b, c"


def test_as_many_regressors_as_maps_are_refused_with_the_terms() -> None:
    with pytest.raises(DesignError, match=r"5 regressors \(intercept 1, sex 1 and site:age 3\)"):
        assemble(BLOCKS, PREDICTORS, n=5)


def test_an_empty_cell_is_named_and_full_ones_pass() -> None:
    crossed = (Block(term="site:sex", parts=(("site", True), ("sex", True))),)
    check_cells(crossed, PREDICTORS)
    men = Predictor(name="sex", column="sex", values=[0, 0, 1, 1, 1, 1, 1, 1], levels=("f", "m"))
    with pytest.raises(DesignError, match="no map has site 'c' and sex 'f'"):
        check_cells(crossed, {**PREDICTORS, "sex": men})
