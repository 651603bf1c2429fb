"""Tables in the wild."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.provenance import Provenance, digest_bytes
from heatlas.core.table import Column, Table, table_from_columns
from heatlas.io.tables import MISSING, NUMBER, join_tables, read_table, write_table

PLAIN = "participant_id\tage\tgroup\nsub-01\t39\tdepr\nsub-02\tn/a\tcontrol\n"


def table_of(folder: Path, content: str | bytes, **options: bool) -> Table:
    """Write the content to a file and read it as a table."""
    path = folder / "table.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)


def as_plain(table: Table) -> dict[str, list[object]]:
    """Return a table as lists; missing numbers as None."""
    return {
        c.name: [None if w is None or w != w else w for w in list(c.values)] for c in table.columns
    }


PLAIN_CONTENT = {
    "participant_id": ["sub-01", "sub-02"],
    "age": [39.0, None],
    "group": ["depr", "control"],
}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.rstrip().encode(),
        (PLAIN + "\n\n").encode(),
        PLAIN.replace("\t", ",").encode(),
        PLAIN.replace("\t", ";").encode(),
        PLAIN.replace("\t", "  ").encode(),
        PLAIN.replace("\t", " \t ").encode(),
        PLAIN.replace("\n", "\t\n").encode(),
        PLAIN.replace("sub-01", '"sub-01"').replace("group", '"group"').encode(),
    ],
)
def test_one_table_in_many_dresses_reads_the_same(tmp_path: Path, content: bytes) -> None:
    assert as_plain(table_of(tmp_path, content)) == PLAIN_CONTENT


@pytest.mark.parametrize("word", sorted(MISSING))
def test_each_word_for_missing_is_missing(tmp_path: Path, word: str) -> None:
    table = table_of(tmp_path, f"id,x,w\na,1,u\nb,{word},{word}\n")
    assert np.isnan(table.numbers("x")[1])
    assert table.words("w") == ("u", None)


def test_a_quoted_field_may_hold_separators_quotes_and_line_breaks(tmp_path: Path) -> None:
    table = table_of(tmp_path, 'id,words\na,"one, ""two""\nthree"\n')
    assert table.words("words") == ('one, "two"\nthree',)


@pytest.mark.parametrize("cell", ["007", "0123456789", "12345678901234567", "1_000", "inf", "1-2"])
def test_a_column_with_a_name_of_digits_stays_words(tmp_path: Path, cell: str) -> None:
    table = table_of(tmp_path, f"id,x\na,1\nb,{cell}\n")
    assert table.column("x").values == ("1", cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("-1.5", -1.5), ("+2", 2), ("1e-3", 0.001), (".5", 0.5), ("5.", 5), ("0", 0), ("0.25", 0.25)],
)
def test_plain_numbers_are_numbers(tmp_path: Path, cell: str, value: float) -> None:
    assert table_of(tmp_path, f"id,x\na,{cell}\n").numbers("x")[0] == value


def test_a_column_without_any_value_is_numeric_and_missing(tmp_path: Path) -> None:
    assert np.isnan(table_of(tmp_path, "id\tx\na\tn/a\nb\t\n").numbers("x")).all()


def test_an_empty_line_in_a_table_of_one_column_is_a_missing_value(tmp_path: Path) -> None:
    numbers = table_of(tmp_path, "x\n1\n\n3\n\n").numbers("x")
    np.testing.assert_array_equal(numbers, [1, np.nan, 3])


def test_without_header_columns_are_numbered(tmp_path: Path) -> None:
    table = table_of(tmp_path, "1 2\n3 4\n", header=False)
    assert as_plain(table) == {"column_1": [1, 3], "column_2": [2, 4]}


def test_a_column_without_name_gets_its_number(tmp_path: Path) -> None:
    assert table_of(tmp_path, ",x\na,1\n").names == ("column_1", "x")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("id;x\na;1.5\nb;0,21\n", r"column 'x', row 2 holds '0,21'; numbers need a decimal point"),
        ('id,x\na,"1,446"\n', r"column 'x', row 1 holds '1,446'.*no separator of thousands"),
        (
            "id,x\na,1\nb,1,5\n",
            r"row 2 has 3 cells, but there are 2 columns \(b \| 1 \| 5\).*comma",
        ),
        ("x\n1,5\n", r"row 1 has 2 cells, but there are 1 columns.*decimal comma"),
        ("id\tx\na\t1\nb\n", r"row 2 has 1 cells, but there are 2 columns \(b\)\.$"),
        ("id,x,x\na,1,2\n", r"column names occur more than once: x"),
        ("id,x\n", "there is a header, but no row below it"),
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("0.3\n0.4\n", r"the first line holds numbers \('0.3'\).*header=False"),
        ("0 NONE 0 0\n1 A 2 3\n", r"the first line holds numbers \('0'\).*header=False"),
        ('id,x\na,"1\nb,2\n', r"line \d: a quoted field does not end as it should"),
        ("<!DOCTYPE html><html></html>", "this is a web page"),
        (b"\x00\x01\x02\xff\xfe", "binary file"),
        ("id,x\na,1\n".encode("utf-16-le"), "UTF-16 text without its mark"),
        ("id,x\na,M\xfcller\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b"PK\x03\x04....", "a workbook or an archive; save it as CSV or TSV"),
        (b"\x1f\x8b\x08....", "compressed"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence_that_names_the_place(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        table_of(tmp_path, content)
    assert str(caught.value).startswith("table.tsv: ")
    assert "\n" not in str(caught.value)


def test_a_column_with_commas_may_stay_words_for_the_sake_of_others(tmp_path: Path) -> None:
    path = tmp_path / "regions.csv"
    path.write_text('region,d,n\nA,0.5,"1,446"\nB,-0.25,12\n')
    with pytest.raises(DataError, match="column 'n', row 1 holds '1,446'"):
        read_table(path)
    table = read_table(path, commas="words")
    assert table.words("n") == ("1,446", "12")
    assert table.numbers("d").tolist() == [0.5, -0.25]


def test_words_with_commas_between_digits_are_words_where_other_cells_are(tmp_path: Path) -> None:
    assert table_of(tmp_path, "id\tx\na\t1,2\nb\tnone\n").words("x") == ("1,2", "none")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone.tsv: cannot be read, it does not exist"):
        read_table(tmp_path / "gone.tsv")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read, it is a folder"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(PLAIN)
    (tmp_path / "a.tsv").chmod(0)
    with pytest.raises(DataError, match=r"a\.tsv: cannot be read, no permission"):
        read_table(tmp_path / "a.tsv")


# -------------------------------------------------------------------------------- writing

WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).map(str.strip)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=st.lists(st.floats(allow_infinity=False), min_size=1, max_size=6),
    word=WORD.filter(lambda w: w not in MISSING and not NUMBER.fullmatch(w)),
)
def test_a_written_table_reads_back_the_same(
    tmp_path: Path, numbers: list[float], word: str
) -> None:
    words = [f"w{word}" if number == number else None for number in numbers]
    table = table_from_columns({"n": np.array(numbers), "w": [*words[:-1], "last"]})
    write_table(tmp_path / "t.tsv", table)
    read = read_table(tmp_path / "t.tsv")
    np.testing.assert_array_equal(read.numbers("n"), table.numbers("n"))
    assert read.words("w") == table.words("w")


def test_writing_gives_a_tsv_with_na_and_a_dictionary_with_units(tmp_path: Path) -> None:
    size = Column(name="size", values=np.array([2.0, np.nan]), unit="mm3", description="Volume.")
    table = Table(columns=(Column(name="id", values=("a", None)), size))
    provenance = Provenance().then("measure")
    digest = write_table(tmp_path / "t.tsv", table, provenance=provenance)
    content = (tmp_path / "t.tsv").read_bytes()
    assert content == b"id\tsize\na\t2\nn/a\tn/a\n"
    assert digest == digest_bytes(content)
    assert json.loads((tmp_path / "t.json").read_text()) == {
        "id": {},
        "size": {"Description": "Volume.", "Units": "mm3"},
        "Provenance": provenance.to_json(),
    }


def test_a_column_must_not_take_the_place_of_the_provenance(tmp_path: Path) -> None:
    table = table_from_columns({"Provenance": ["here"]})
    with pytest.raises(DataError, match="must not be called 'Provenance'"):
        write_table(tmp_path / "t.tsv", table, provenance=Provenance())


# -------------------------------------------------------------------------------- joining


def people(**columns: list[object]) -> Table:
    """Return a table with these columns."""
    return table_from_columns(columns)


def test_joining_follows_the_order_of_the_first_table() -> None:
    joined = join_tables(
        [
            ("a.tsv", people(id=["y", "x"], age=[1, 2])),
            ("b.tsv", people(id=["x", "y"], ml=[20, 10])),
        ],
        on="id",
    )
    assert joined.names == ("id", "age", "ml")
    assert joined.words("id") == ("y", "x")
    assert joined.numbers("ml").tolist() == [10, 20]


def test_ids_in_one_table_only_are_named_with_their_table() -> None:
    tables = [("a.tsv", people(id=["x", "y"])), ("b.tsv", people(id=["x", "z"]))]
    with pytest.raises(DataError, match=r"only in a.tsv: 'y'; only in b.tsv: 'z'"):
        join_tables(tables, on="id")


def test_many_strange_ids_are_counted() -> None:
    many = people(id=[f"s{number}" for number in range(30)])
    with pytest.raises(DataError, match=r"'s0', .*'s5' and 24 more"):
        join_tables([("a", many), ("b", people(id=["t"]))], on="id")


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (people(id=["x", "x"]), r"b: 'id' holds 'x' more than once"),
        (people(id=["x", None]), r"b: row 2 has no 'id'"),
        (people(id=["x", "y"], age=[1, 2]), r"b: column 'age' is in another table as well"),
    ],
)
def test_tables_that_cannot_be_joined_are_named(second: Table, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        join_tables([("a", people(id=["x", "y"], age=[1, 2])), ("b", second)], on="id")


def test_a_table_without_the_id_column_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'Id'"):
        join_tables([("a", people(Id=["x"]))], on="id")


# -------------------------------------------------------------------------------- real tables

REFUSED = {
    "adhdpediatric_case-controls_CortThick.csv": r"column 'pobs', row 33 holds '0,21'",
    "ocdadult_case-controls_SubVol.csv": r"column 'n_controls', row 1 holds '1,446'",
}
HEADLESS = ("behavior.txt", "Yeo2011_7Networks_ColorLUT.txt", "_fsa5", "_conte69")


def real_tables(folder: Path) -> list[Path]:
    """Return all real tables but those in prose."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in {".tsv", ".csv", ".txt"})
    return [path for path in found if path.name != "Readme.txt"]


def test_every_real_table_with_a_header_reads_as_the_csv_module_sees_it(real_data: Path) -> None:
    for path in real_tables(real_data):
        if path.name in REFUSED or any(word in path.name for word in HEADLESS):
            continue
        table = read_table(path)
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        rows = list(csv.reader(text.splitlines(), delimiter="\t" if "\t" in text else ","))
        assert len(table) == len([row for row in rows if row]) - 1, path
        assert [name.strip() for name in rows[0] if name] == list(table.names), path


def test_real_tables_without_header_are_refused_and_read_when_told(real_data: Path) -> None:
    headless = [p for p in real_tables(real_data) if any(word in p.name for word in HEADLESS)]
    assert len(headless) >= 8
    for path in headless:
        with pytest.raises(DataError, match="names of the columns are missing"):
            read_table(path)
        assert read_table(path, header=False).columns[0].is_numeric


@pytest.mark.parametrize("name", REFUSED)
def test_real_decimal_commas_are_refused_at_their_place(real_data: Path, name: str) -> None:
    with pytest.raises(DataError, match=REFUSED[name]):
        read_table(real_data / "enigma" / "summary_statistics" / name)


def test_the_lesion_score_is_read_without_header(real_data: Path) -> None:
    table = read_table(real_data / "lesions" / "behavior.txt", header=False)
    assert len(table) == 131
    assert table.numbers("column_1")[0] == 0.345585175741843


def test_the_depression_tables_join_on_the_participants(real_data: Path) -> None:
    folder = real_data / "depression"
    listed = [(n, read_table(folder / n)) for n in ("participants.tsv", "gm/volumes.tsv")]
    joined = join_tables(listed, on="participant_id")
    assert len(joined) == 72
    assert joined.numbers("brain_ml")[0] == 1579.8
    assert joined.words("group").count("depr") == 51
