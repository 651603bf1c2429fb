"""Tables as values."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.table import Column, Table, table_from_columns


def people() -> Table:
    """Return three people, one age missing."""
    return table_from_columns({"id": ["b", "a", None], "age": [31, None, 40.5]})


def test_numbers_become_float64_and_everything_else_words() -> None:
    table = table_from_columns({"n": [1, 2], "b": [True, False], "w": ["x", None], "m": [1, "x"]})
    assert table.numbers("n").dtype == np.float64
    assert table.numbers("b").tolist() == [1, 0]
    assert table.column("w").values == ("x", None)
    assert table.column("m").values == ("1", "x")


def test_none_among_numbers_is_a_missing_number() -> None:
    np.testing.assert_array_equal(people().numbers("age"), [31, np.nan, 40.5])
    assert people().column("age").missing.tolist() == [False, True, False]
    assert people().column("id").missing.tolist() == [False, False, True]


def test_numbers_as_words_have_no_needless_decimals() -> None:
    table = table_from_columns({"x": [1.0, 0.1 + 0.2, np.nan, 123456789012345]})
    assert table.words("x") == ("1", "0.3", None, "123456789012345")


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'age'"):
        people().column("aeg")


@pytest.mark.parametrize(
    ("words", "row", "word"),
    [(("1", "2", "old"), 3, "old"), ((None, "x"), 2, "x"), (("007", "008"), 1, "007")],
)
def test_words_in_a_numeric_column_are_named_with_their_row(
    words: tuple[str | None, ...], row: int, word: str
) -> None:
    table = Table(columns=(Column(name="age", values=words),))
    with pytest.raises(DataError, match=f"'age' must be numeric, but row {row} holds '{word}'"):
        table.numbers("age")


def test_a_column_of_words_without_any_is_no_number_either() -> None:
    with pytest.raises(DataError, match="must be numeric"):
        Table(columns=(Column(name="age", values=(None, None)),)).numbers("age")


def test_rows_are_taken_in_the_order_asked_for() -> None:
    taken = people().take([2, 0])
    assert taken.words("id") == (None, "b")
    assert taken.numbers("age").tolist() == [40.5, 31]
    assert len(people().take([])) == 0


def test_a_selection_by_truth_values_is_not_mistaken_for_row_numbers() -> None:
    with pytest.raises(DataError, match="by number"):
        people().take(np.array([True, False, True]))


def test_columns_of_unequal_length_or_equal_name_are_refused() -> None:
    with pytest.raises(DataError, match="b: 1 given, but there are 2 rows"):
        table_from_columns({"a": [1, 2], "b": [1]})
    twin = Column(name="a", values=("x",))
    with pytest.raises(DataError, match="more than once: a"):
        Table(columns=(twin, twin))


def test_more_columns_stand_to_the_right() -> None:
    more = people().with_columns([Column(name="sex", values=("f", "m", "f"))])
    assert more.names == ("id", "age", "sex")
    assert people().names == ("id", "age")


def test_a_table_without_columns_has_no_rows() -> None:
    assert len(Table(columns=())) == 0


def test_a_frame_holds_the_same_cells() -> None:
    frame = people().to_frame()
    assert list(frame.columns) == ["id", "age"]
    assert frame["id"].tolist()[:2] == ["b", "a"]
    assert frame["age"].isna().tolist() == [False, True, False]
