"""Columns become factors with sum-to-zero coding, or centred covariates."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DesignError
from heatlas.core.table import Column
from heatlas.stats.predictors import is_factor, make_covariate, make_factor
from heatlas.stats.tokens import Use

NUMBERS = Column(name="age", values=np.array([30.0, 34.0, 41.0]))


def test_a_factor_has_its_levels_in_sorted_order() -> None:
    column = Column(name="group", values=("depr", "control", "depr"))
    factor = make_factor(Use(column="group"), column)
    assert factor.levels == ("control", "depr")
    np.testing.assert_array_equal(factor.columns(reduced=True), [[-1], [1], [-1]])
    np.testing.assert_array_equal(factor.columns(reduced=False), [[0, 1], [1, 0], [0, 1]])


def test_levels_that_are_numbers_are_sorted_by_size() -> None:
    column = Column(name="site", values=np.array([10.0, 9.0, 2.5]))
    assert make_factor(Use(column="site", function="C"), column).levels == ("2.5", "9", "10")


def test_sum_coding_adds_up_to_zero_over_the_levels() -> None:
    column = Column(name="site", values=("a", "b", "c", "d"))
    rows = make_factor(Use(column="site"), column).level_rows(reduced=True)
    np.testing.assert_array_equal(rows.sum(axis=0), [0, 0, 0])
    np.testing.assert_array_equal(rows[:3], np.eye(3))


def test_a_covariate_is_centred_and_says_where() -> None:
    covariate = make_covariate(Use(column="age"), NUMBERS, centre=True)
    np.testing.assert_allclose(covariate.values, [-5, -1, 6])
    assert covariate.coding == "centred at 35.00, the mean of the 3 rows used"
    assert covariate.at_mean == 0


def test_without_centring_the_mean_is_kept_for_contrasts() -> None:
    covariate = make_covariate(Use(column="age"), NUMBERS, centre=False)
    np.testing.assert_array_equal(covariate.values, NUMBERS.values)
    assert covariate.at_mean == 35


def test_scale_divides_by_the_standard_deviation() -> None:
    covariate = make_covariate(Use(column="age", function="scale"), NUMBERS, centre=True)
    assert np.std(covariate.values, ddof=1) == pytest.approx(1)


def test_a_power_is_taken_after_centring() -> None:
    use = Use(column="age", function="I", power=2)
    covariate = make_covariate(use, NUMBERS, centre=True)
    np.testing.assert_allclose(covariate.values, [25, 1, 36])
    assert "square" in covariate.coding


def test_a_logarithm_is_taken_before_centring() -> None:
    covariate = make_covariate(Use(column="age", function="log"), NUMBERS, centre=True)
    logs = np.log([30, 34, 41])
    np.testing.assert_allclose(covariate.values, logs - logs.mean())
    assert covariate.at_mean == pytest.approx(np.log(35) - logs.mean())


def test_a_logarithm_of_nothing_positive_is_refused() -> None:
    column = Column(name="score", values=np.array([0.0, 1.0]))
    with pytest.raises(DesignError, match="holds 0, but a logarithm needs positive values"):
        make_covariate(Use(column="score", function="log"), column, centre=True)


def test_a_constant_covariate_is_refused() -> None:
    column = Column(name="age", values=np.array([30.0, 30.0]))
    with pytest.raises(DesignError, match="'age' is 30 in all 2 rows used"):
        make_covariate(Use(column="age"), column, centre=True)


def test_an_infinite_covariate_is_refused() -> None:
    column = Column(name="age", values=np.array([30.0, np.inf]))
    with pytest.raises(DesignError, match="not finite"):
        make_covariate(Use(column="age"), column, centre=True)


def test_a_factor_with_one_level_is_refused() -> None:
    with pytest.raises(DesignError, match="'sex' has only one level, 'm', in the 2 rows used"):
        make_factor(Use(column="sex"), Column(name="sex", values=("m", "m")))


def test_a_column_of_words_is_a_factor_and_a_column_of_numbers_is_not() -> None:
    assert is_factor(Use(column="group"), Column(name="group", values=("a", "b", None)))
    assert not is_factor(Use(column="age"), NUMBERS)
    assert is_factor(Use(column="age", function="C"), NUMBERS)


def test_a_word_among_numbers_is_named_with_its_row() -> None:
    column = Column(name="age", values=("30", None, "unknown", "41", "29"))
    with pytest.raises(DesignError, match="'age' must be numeric, but row 3 holds 'unknown'"):
        is_factor(Use(column="age"), column)


def test_words_inside_arithmetic_are_refused() -> None:
    column = Column(name="group", values=("a", "b"))
    with pytest.raises(DesignError, match="must be numeric, but row 1 holds 'a'"):
        is_factor(Use(column="group", function="scale"), column)
