"""The make-up of the sample: counts, means and what is missing, as pandas has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heatlas.core.table import Column, Table, table_from_columns
from heatlas.study.sample import MAX_LEVELS, group_column, sample_table

GROUP = ("ill", "well", "ill", "ill", "well", None)
GENDER = ("f", "m", "m", None, "f", "f")
AGE = (20.0, 31.0, 45.0, np.nan, 62.0, 18.0)


@pytest.fixture
def table() -> Table:
    return Table(
        columns=(
            Column(name="group", values=GROUP),
            Column(name="gender", values=GENDER),
            Column(name="age", values=np.array(AGE)),
        )
    )


def rows_of(made: Table) -> dict[str, dict[str, str]]:
    """The table by the name of its rows."""
    names = [str(name) for name in made.words("variable")]
    return {
        name: {column: str(made.words(column)[k]) for column in made.names[1:]}
        for k, name in enumerate(names)
    }


def test_columns_are_everybody_and_each_group_with_its_n(table: Table) -> None:
    made = sample_table(table, variables=["age"], group="group")
    assert made.names == ("variable", "all (n = 6)", "ill (n = 3)", "well (n = 2)", "missing")


def test_numbers_are_described_by_mean_deviation_and_range(table: Table) -> None:
    rows = rows_of(sample_table(table, variables=["age"], group="group"))
    frame = pd.DataFrame({"group": GROUP, "age": AGE})
    parts = {"all (n = 6)": frame.age, "ill (n = 3)": frame.age[frame.group == "ill"]}
    for head, ages in parts.items():
        cell = rows["age, mean ± SD (range)"][head]
        mean, rest = cell.split(" ± ")
        assert float(mean) == pytest.approx(ages.mean(), abs=0.05)
        assert float(rest.split(" (")[0]) == pytest.approx(ages.std(), abs=0.05)
        assert rest.endswith(f"({ages.min():.1f} to {ages.max():.1f})")


def test_words_are_counted_with_their_share_of_the_group(table: Table) -> None:
    rows = rows_of(sample_table(table, variables=["gender"], group="group"))
    assert rows["gender: f"]["all (n = 6)"] == "3 (50 %)"
    assert rows["gender: m"]["ill (n = 3)"] == "1 (33 %)"
    assert rows["gender: f"]["well (n = 2)"] == "1 (50 %)"


def test_what_is_missing_is_counted_for_every_variable_the_group_included(table: Table) -> None:
    made = sample_table(table, variables=["group", "gender", "age"], group="group")
    rows = rows_of(made)
    assert rows["age, mean ± SD (range)"]["missing"] == "1"
    assert rows["gender: f"]["missing"] == "1"
    assert rows["group"]["missing"] == "1"


def test_a_group_without_missing_values_takes_no_row() -> None:
    whole = table_from_columns({"group": ["a", "a", "b"], "age": [1.0, 2.0, 3.0]})
    made = sample_table(whole, variables=["group", "age"], group="group")
    assert made.words("variable") == ("age, mean ± SD (range)",)


def test_without_a_group_the_sample_is_described_as_a_whole(table: Table) -> None:
    made = sample_table(table, variables=["age", "gender"])
    assert made.names == ("variable", "all (n = 6)", "missing")


def test_one_value_has_no_deviation_and_none_has_no_mean() -> None:
    one = Table(
        columns=(
            Column(name="group", values=("a", "b", "b")),
            Column(name="age", values=np.array([40.0, np.nan, np.nan])),
        )
    )
    row = rows_of(sample_table(one, variables=["age"], group="group"))["age, mean ± SD (range)"]
    assert row["a (n = 1)"] == "40.0 (40.0 to 40.0)"
    assert row["b (n = 2)"] == "n/a"
    assert row["missing"] == "2"


def test_a_variable_with_many_words_takes_one_row() -> None:
    names = [f"s{k}" for k in range(MAX_LEVELS + 1)]
    many = table_from_columns({"subject": names})
    made = sample_table(many, variables=["subject"])
    assert made.words("variable") == (f"subject: {MAX_LEVELS + 1} distinct values",)


def test_groups_of_any_name_keep_their_columns_apart() -> None:
    odd = table_from_columns({"group": ["all", "missing", "all", "missing"], "age": [1.0, 2, 3, 4]})
    made = sample_table(odd, variables=["age"], group="group")
    assert made.names == (
        "variable",
        "all (n = 4)",
        "all (n = 2)",
        "missing (n = 2)",
        "missing",
    )


def test_the_first_column_with_several_levels_splits_the_sample() -> None:
    table = table_from_columns({
        "site": ["one"] * 4,
        "subject": ["a", "b", "c", "d"],
        "visit": ["1", "1", "2", "2"],
    })
    assert group_column(table, ["site", "visit"]) == "visit"
    assert group_column(table, ["site"]) is None
    assert group_column(table, []) is None


def test_a_column_with_too_many_levels_splits_nothing() -> None:
    table = table_from_columns({"subject": [f"s{k}" for k in range(MAX_LEVELS + 1)]})
    assert group_column(table, ["subject"]) is None


def test_groups_written_as_numbers_are_read_as_words() -> None:
    table = table_from_columns({"site": [1.0, 2.0, 1.0], "age": [20.0, 30.0, 40.0]})
    assert group_column(table, ["site"]) == "site"
    made = sample_table(table, variables=["age"], group="site")
    assert made.names[1:4] == ("all (n = 3)", "1 (n = 2)", "2 (n = 1)")


def test_a_column_without_any_word_is_still_named() -> None:
    empty = Table(columns=(Column(name="note", values=(None, None)),))
    made = sample_table(empty, variables=["note"])
    assert made.words("variable") == ("note: no value",)
    assert made.words("missing") == ("2",)
