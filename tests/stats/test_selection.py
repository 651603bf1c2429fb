"""Conditions select the rows that they name, and nothing else is part of their language."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DesignError, HeatlasError, UnknownNameError
from heatlas.core.table import Table, table_from_columns
from heatlas.stats.selection import select_rows

AGE = np.array([17.0, 18.0, 40.0, np.nan, 60.0])
GROUP = ["depr", "control", "depr", "control", None]


@pytest.fixture
def table() -> Table:
    return table_from_columns({"age": AGE, "group": GROUP, "HADS-anx": [1, 2, 3, 4, 5]})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("group == 'depr'", [1, 0, 1, 0, 0]),
        ('group == "depr"', [1, 0, 1, 0, 0]),
        ("'depr' == group", [1, 0, 1, 0, 0]),
        ("group != 'depr'", [0, 1, 0, 1, 0]),
        ("age >= 18", [0, 1, 1, 0, 1]),
        ("18 <= age < 60", [0, 1, 1, 0, 0]),
        ("40 > age", [1, 1, 0, 0, 0]),
        ("age == 18 or age == 60", [0, 1, 0, 0, 1]),
        ("age > -1 and not group == 'depr'", [0, 1, 0, 0, 0]),
        ("group in ['depr', 'other']", [1, 0, 1, 0, 0]),
        ("age not in (17, 40)", [0, 1, 0, 0, 1]),
        ("(age < 18 or age > 50) and `HADS-anx` > 1", [0, 0, 0, 0, 1]),
    ],
)
def test_a_condition_selects_the_rows_that_satisfy_it(
    table: Table, where: str, expected: list[int]
) -> None:
    assert select_rows(table, where=where).astype(int).tolist() == expected


def test_a_missing_value_satisfies_neither_a_comparison_nor_its_negation(table: Table) -> None:
    young = select_rows(table, where="age < 30")
    not_young = select_rows(table, where="not age < 30")
    assert not young[3]
    assert not not_young[3]
    assert not select_rows(table, where="not group in ['depr']")[4]


def test_a_missing_value_is_overruled_by_the_other_side_of_an_or(table: Table) -> None:
    assert select_rows(table, where="age < 30 or group == 'control'")[3]


def test_a_backtick_inside_a_quoted_word_is_part_of_the_word() -> None:
    table = table_from_columns({"site": ["a`b", "c`d"]})
    assert select_rows(table, where="site == 'a`b'").tolist() == [True, False]


@pytest.mark.parametrize(
    "where",
    [
        "__import__('os').system('true') == 0",
        "age.real > 1",
        "group[0] == 'd'",
        "age + 1 > 3",
        "lambda: 1",
        "age",
        "True",
        "1 == 1",
        "age if group == 'depr' else age",
        "[x for x in age] == 1",
        "f'{age}' == '1'",
        "group is 'depr'",
        "age == True",
        "age == None",
        "group in 'depr'",
        "group in []",
        "age > 1j",
        "age >",
        "",
        "age > 18or group == 'depr'",
        "((((" * 100,
        "age > 1 or " * 1000,
    ],
)
def test_everything_else_is_refused_in_one_sentence(table: Table, where: str) -> None:
    with pytest.raises(DesignError, match=r"^where: "):
        select_rows(table, where=where)


def test_an_unknown_column_gives_the_nearest_spelling(table: Table) -> None:
    with pytest.raises(UnknownNameError, match="'grup'. Did you mean 'group'"):
        select_rows(table, where="grup == 'depr'")


def test_a_misspelt_value_is_not_taken_for_an_empty_selection(table: Table) -> None:
    with pytest.raises(UnknownNameError, match="'depre'. Did you mean 'depr'"):
        select_rows(table, where="group != 'depre'")


def test_a_word_column_is_not_compared_with_a_number(table: Table) -> None:
    with pytest.raises(DesignError, match="'group' holds words but is compared with the number 1"):
        select_rows(table, where="group == 1")


def test_a_numeric_column_is_not_compared_with_a_word(table: Table) -> None:
    with pytest.raises(DesignError, match="'age' holds numbers but is compared with the word '18'"):
        select_rows(table, where="age >= '18'")


def test_words_have_no_order(table: Table) -> None:
    with pytest.raises(DesignError, match="have no order"):
        select_rows(table, where="group > 'control'")


def test_a_word_without_quotes_is_told_to_wear_them(table: Table) -> None:
    with pytest.raises(DesignError, match="write 'depr' if it is a word"):
        select_rows(table, where="group == depr")


def test_text_from_strangers_raises_nothing_but_our_errors(table: Table) -> None:
    rng = np.random.default_rng(3)
    pieces = [
        "age",
        "group",
        "'depr'",
        "18",
        "==",
        "<",
        "and",
        "not",
        "(",
        ")",
        "[",
        "]",
        "`",
        "\\",
    ]
    for _ in range(400):
        where = " ".join(rng.choice(pieces, size=rng.integers(1, 9)))
        try:
            assert select_rows(table, where=where).shape == (5,)
        except HeatlasError as error:
            assert "where" in str(error) or "column" in str(error)
