"""Numbers, p values, counts and lists in words."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatlas.core.words import count, join, level, nearest, number, p_value, percent, unknown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5.1, "5.10"), (0.05123, "0.0512"), (1234.56, "1,235"), (-3.14159, "−3.14"), (0, "0"),
        (-0.0, "0"), (9.999, "10.0"), (-0.09996, "−0.100"), (999.6, "1,000"), (0.0001, "0.000100"),
        (1e-5, "1.00e−05"), (12345678, "1.23e+07"), (math.nan, "n/a"), (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_numbers_are_written_with_three_significant_digits(value: float, words: str) -> None:
    assert number(value) == words


@given(st.floats(1e-4, 9e6), st.integers(1, 8))
def test_a_number_read_back_is_right_to_its_digits(value: float, digits: int) -> None:
    back = float(number(value, digits=digits).replace(",", ""))
    assert back == pytest.approx(value, rel=0.5001 * 10 ** (1 - digits), abs=0)


@given(st.floats(0, 1))
def test_a_p_value_is_never_zero_and_never_one(p: float) -> None:
    words = p_value(p)
    assert re.fullmatch(r"p = \.\d{3}|p < \.001|p > \.999", words)
    assert words not in ("p = .000", "p = 1.000")


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.032, "p = .032"), (0.001, "p = .001"), (0.0009, "p < .001"), (0, "p < .001"),
     (1, "p > .999"), (0.9995, "p > .999"), (math.nan, "p n/a")],
)  # fmt: skip
def test_p_values_are_written_as_the_field_does(p: float, words: str) -> None:
    assert p_value(p) == words


def test_levels_and_percentages() -> None:
    assert (level(0.05), level(0.001), percent(0.123), percent(0.1234, digits=1)) == (
        ".05", ".001", "12 %", "12.3 %"
    )  # fmt: skip


@pytest.mark.parametrize(("n", "words"), [(0, "0 voxels"), (1, "1 voxel"), (1234, "1,234 voxels")])
def test_counts_agree_with_their_noun(n: int, words: str) -> None:
    assert count(n, "voxel") == words
    assert count(2, "axis", plural="axes") == "2 axes"


@pytest.mark.parametrize(
    ("items", "words"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")]
)
def test_lists_are_joined(items: list[str], words: str) -> None:
    assert join(items) == words


def test_the_nearest_spelling_ignores_case_and_gives_up_on_strangers() -> None:
    assert nearest("GROPU", ["age", "group"]) == "group"
    assert nearest("xyz", ["age", "group"]) is None


def test_an_unknown_name_gets_one_sentence_with_the_nearest_and_the_known() -> None:
    assert unknown("column", "gropu", known=["age", "group"]) == (
        "Unknown column 'gropu'. Did you mean 'group'? Known: age, group."
    )
    assert unknown("column", "x", known=[]) == "Unknown column 'x'. Known: none."


def test_a_long_list_of_known_names_is_cut() -> None:
    words = unknown("column", "x", known=[f"column_{k}" for k in range(99)])
    assert words.endswith("column_39, ....")
