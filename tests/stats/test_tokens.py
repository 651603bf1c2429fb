"""Formulas and contrasts are cut into words, and what is no word is refused."""

from __future__ import annotations

import pytest

from heatlas.core.errors import DesignError
from heatlas.stats.tokens import tokenise


def words(text: str) -> list[tuple[str, str]]:
    return [(t.kind, t.use.name if t.use else t.text) for t in tokenise(text, what="Model")]


def test_names_numbers_levels_and_operators_are_told_apart() -> None:
    assert words("0.5*(a[x y] - `b-1`)") == [
        ("number", "0.5"),
        ("operator", "*"),
        ("operator", "("),
        ("use", "a"),
        ("level", "x y"),
        ("operator", "-"),
        ("use", "b-1"),
        ("operator", ")"),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("C(group)", "group"),
        ("C( `ICD-10` )", "ICD-10"),
        ("center(age)", "age"),
        ("scale(age)", "scale(age)"),
        ("log(age)", "log(age)"),
        ("I(age ** 2)", "I(age**2)"),
        ("größe", "größe"),
        ("x.1", "x.1"),
    ],
)
def test_a_use_of_a_column_has_one_name_however_it_is_written(text: str, name: str) -> None:
    assert words(text) == [("use", name)]


def test_quotes_around_a_level_are_not_part_of_it() -> None:
    assert words("a['x']")[1] == ("level", "x")


@pytest.mark.parametrize(
    "text",
    ["exp(age)", "C(age + 1)", "I(age)", "I(age**9)", "scale(age**2)", "C(C(age))", "C(age",
     "__import__('os')", "C(__import__('os'))", "age^2", "y ~ age", "age; age", "a[b[c]]", "a[b",
     "{age}", "'age'", "1e", "2age", "age" * 3000],
)  # fmt: skip
def test_what_belongs_to_neither_language_is_refused(text: str) -> None:
    with pytest.raises(DesignError, match=r"^Model"):
        tokenise(text, what="Model")
