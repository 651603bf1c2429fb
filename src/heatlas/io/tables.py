"""Tables in the wild: TSV, CSV and plain text to a :class:`Table` and back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.table import Column, Table
from heatlas.core.words import join
from heatlas.io.atomic import PROVENANCE_KEY, os_reason, write_json, write_text

ENDINGS = (".tsv", ".csv", ".txt")
MISSING = frozenset({"", "n/a", "N/A", "NA", "NaN", "nan", "#N/A", "<NA>"})
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
# A leading zero or more digits than a float64 holds mark a name, not a quantity.
NAME_OF_DIGITS = re.compile(r"0\d+|[+-]?\d{16,}")
FILE_STARTS: Mapping[bytes, str] = {
    b"PK\x03\x04": "it is a workbook or an archive; save it as CSV or TSV",
    b"\xd0\xcf\x11\xe0": "it is an old Excel workbook; save it as CSV or TSV",
    b"\x1f\x8b": "it is compressed; unpack it first",
    b"%PDF": "it is a PDF",
}
HTML_START = re.compile(r"\s*<(!doctype|html)", re.IGNORECASE)


Commas = Literal["refuse", "words"]


def read_table(path: Path, *, header: bool = True, commas: Commas = "refuse") -> Table:
    """Read a table of text.

    Parameters
    ----------
    path : Path
        TSV, CSV (comma or semicolon) or columns separated by blanks; the separator is found in
        the first line. UTF-8 with or without byte-order mark, or UTF-16 with one; any line ends;
        quoted fields.
    header : bool
        Whether the first line holds the names of the columns; without one they are called
        ``column_1``, ``column_2`` and so on.
    commas : {"refuse", "words"}
        What becomes of a column in which some numbers have a comma: it is refused, or stays words,
        for those who need other columns of the table.

    Returns
    -------
    Table
        ``n/a``, ``NA``, ``NaN`` and empty cells are missing. A column is numeric if all its other
        cells are plain numbers; numbers with leading zeros or more than 15 digits are names, and
        stay words with their whole column.

    Raises
    ------
    DataError
        If it cannot be read, is no text, has no rows, rows of unequal length, two columns of one
        name, no header where one is expected, or numbers with a decimal comma. The message names
        the file, and the row and column where there is one.

    Notes
    -----
    Rows are counted from 1 after the header. Empty lines are skipped, but in the middle of a table
    of one column they are missing values.
    """
    text = _text_of(path)
    rows = _rows_of(text, name=path.name)
    names = _names_of(rows, name=path.name) if header else _made_names(len(rows[0]))
    body = rows[1:] if header else rows
    if not body:
        raise DataError(f"{path.name}: there is a header, but no row below it.")
    _check_lengths(body, names=names, name=path.name)
    names, body = _without_empty_columns(names, body)
    cells = zip(*body, strict=True)
    return Table(
        columns=tuple(
            Column(
                name=column,
                values=_values_of(list(listed), column=column, name=path.name, commas=commas),
            )
            for column, listed in zip(names, cells, strict=True)
        )
    )


def write_table(path: Path, table: Table, *, provenance: Provenance | None = None) -> str:
    """Write a table as TSV, with a JSON data dictionary beside it.

    Parameters
    ----------
    path : Path
        The ``.tsv`` file; the dictionary gets the same name with ``.json``.
    table : Table
        Missing values are written as ``n/a``; numbers so that they read back as the same float64.
    provenance : Provenance, optional
        How the table came about; kept in the dictionary.

    Returns
    -------
    str
        Digest of the TSV.

    Raises
    ------
    DataError
        If one of the two files cannot be written.
    """
    write_json(path.with_suffix(".json"), data_dictionary(table, provenance=provenance))
    return write_text(path, table_text(table))


def table_text(table: Table) -> str:
    """Return a table as TSV text; fields with tabs, quotes or line breaks are quoted."""
    cells = zip(*[_cells_of(column) for column in table.columns], strict=True)
    return "".join("\t".join(map(_quoted, row)) + "\n" for row in (table.names, *cells))


def data_dictionary(table: Table, *, provenance: Provenance | None = None) -> dict[str, Any]:
    """Return the description and the unit of each column, as BIDS asks.

    Parameters
    ----------
    table : Table
        Its columns say what they are.
    provenance : Provenance, optional
        How the table came about.

    Returns
    -------
    dict
        JSON-like; one entry per column, and one for the provenance.

    Raises
    ------
    DataError
        If a column has the name that the provenance needs.
    """
    if provenance is not None and PROVENANCE_KEY in table.names:
        raise DataError(f"A column must not be called '{PROVENANCE_KEY}': the dictionary needs it.")
    entries: dict[str, Any] = {column.name: _described(column) for column in table.columns}
    if provenance is not None:
        entries[PROVENANCE_KEY] = provenance.to_json()
    return entries


def join_tables(tables: Sequence[tuple[str, Table]], *, on: str) -> Table:
    """Join tables that speak of the same participants.

    Parameters
    ----------
    tables : sequence of (str, Table)
        Name (for messages) and content of each table.
    on : str
        Column that names the participants; every table has it.

    Returns
    -------
    Table
        Rows in the order of the first table; columns of all, in order.

    Raises
    ------
    DataError
        If an id is missing, occurs twice or occurs in one table only, or if two tables hold
        another column of the same name.
    UnknownNameError
        If a table has no such column.
    """
    if not tables:
        raise DataError("There is no table to join.")
    ids = [_ids_of(table, on=on, name=name) for name, table in tables]
    first_name, joined = tables[0]
    for (name, table), listed in zip(tables[1:], ids[1:], strict=True):
        _check_same_ids((first_name, ids[0]), (name, listed))
        _check_new_columns(joined, table, on=on, name=name)
        row_of = {word: row for row, word in enumerate(listed)}
        ordered = table.take([row_of[word] for word in ids[0]])
        joined = joined.with_columns(column for column in ordered.columns if column.name != on)
    return joined


# -------------------------------------------------------------------------------- file to text


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read, {os_reason(error)}.") from error
    for start, words in FILE_STARTS.items():
        if content.startswith(start):
            raise DataError(f"{path.name}: this is no text table, {words}.")
    text = _decoded(content, name=path.name)
    if not text.strip():
        raise DataError(f"{path.name}: the file is empty.")
    if HTML_START.match(text):
        raise DataError(f"{path.name}: this is a web page, not a table; download the file itself.")
    return text


def _decoded(content: bytes, *, name: str) -> str:
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise DataError(f"{name}: this is a binary file, not a table of text.") from error
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name}: line {line} is not UTF-8 text; save the table as UTF-8 and try again."
        ) from error
    if "\0" in text:
        raise DataError(f"{name}: this is a binary file, or UTF-16 text without its mark.")
    return text


# -------------------------------------------------------------------------------- text to cells


def _rows_of(text: str, *, name: str) -> list[list[str]]:
    """Return the cells of all lines that are not empty, blanks around cells removed."""
    separator = _separator_of(text)
    lines = io.StringIO(text, newline="")
    if separator == " ":
        return _without_empty_lines([line.split() for line in lines])
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{name}: line {reader.line_num}: a quoted field does not end as it should ({error})."
        ) from error
    return _without_empty_lines(rows)


def _separator_of(text: str) -> str:
    """Return the separator: tab, semicolon or comma in the first line, else columns of blanks."""
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    first = re.sub(r'"[^"]*"', "", lines[0])
    found = max("\t;,", key=lambda sign: (sign == "\t" and sign in first, first.count(sign)))
    if found in first:
        return found
    lengths = {len(line.split()) for line in lines}
    in_columns = len(lengths) == 1 and lengths != {1} and not re.search(r'[\t;,"]', text)
    return " " if in_columns else ","


def _without_empty_lines(rows: list[list[str]]) -> list[list[str]]:
    filled = [row or [""] for row in rows]
    while filled and filled[-1] == [""]:
        filled.pop()
    while filled and filled[0] == [""]:
        filled.pop(0)
    one_column = all(len(row) == 1 for row in filled)
    return filled if one_column else [row for row in filled if row != [""]]


def _names_of(rows: list[list[str]], *, name: str) -> list[str]:
    names = rows[0]
    twice = sorted({word for word in names if word and names.count(word) > 1})
    if all(NUMBER.fullmatch(word) for word in twice or names):
        raise DataError(
            f"{name}: the first line holds numbers ('{(twice or names)[0]}'), so the names of the "
            "columns are missing; add a first line with names, or read it with header=False."
        )
    if twice:
        raise DataError(f"{name}: column names occur more than once: {', '.join(twice)}.")
    return names


def _made_names(length: int) -> list[str]:
    return [f"column_{number}" for number in range(1, length + 1)]


def _check_lengths(body: list[list[str]], *, names: list[str], name: str) -> None:
    for number, row in enumerate(body, start=1):
        if len(row) != len(names):
            hint = ""
            if len(row) > len(names):
                hint = " A decimal comma, or a comma in a field without quotes, splits a cell."
            raise DataError(
                f"{name}: row {number} has {len(row)} cells, but there are {len(names)} columns "
                f"({_shortened(row)}).{hint}"
            )


def _shortened(row: list[str]) -> str:
    text = " | ".join(row)
    return text if len(text) <= 60 else text[:57] + "..."


def _without_empty_columns(
    names: list[str], body: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """Drop nameless empty columns, which separators at the lines' ends make; name the others."""
    kept = [k for k, name in enumerate(names) if name or any(row[k] for row in body)]
    named = [names[k] or f"column_{k + 1}" for k in kept]
    return named, [[row[k] for k in kept] for row in body]


# -------------------------------------------------------------------------------- cells to values


def _values_of(cells: list[str], *, column: str, name: str, commas: Commas) -> Any:
    """Return numbers where all cells are, words otherwise."""
    given = [cell for cell in cells if cell not in MISSING]
    if all(NUMBER.fullmatch(cell) for cell in given):
        if not any(NAME_OF_DIGITS.fullmatch(cell) for cell in given):
            return np.array([np.nan if c in MISSING else float(c) for c in cells], np.float64)
    elif commas == "refuse" and all(
        NUMBER.fullmatch(cell) or DECIMAL_COMMA.fullmatch(cell) for cell in given
    ):
        _refuse_decimal_comma(cells, column=column, name=name)
    return tuple(None if cell in MISSING else cell for cell in cells)


def _refuse_decimal_comma(cells: list[str], *, column: str, name: str) -> None:
    row, cell = next((r, c) for r, c in enumerate(cells, start=1) if DECIMAL_COMMA.fullmatch(c))
    raise DataError(
        f"{name}: column '{column}', row {row} holds '{cell}'; numbers need a decimal point, not "
        "a comma, and no separator of thousands."
    )


def _quoted(cell: str) -> str:
    """Return the cell, in quotes where it needs them (csv.writer forgets a lone CR)."""
    return '"' + cell.replace('"', '""') + '"' if re.search(r'[\t\n\r"]', cell) else cell


def _cells_of(column: Column) -> list[str]:
    if not isinstance(column.values, np.ndarray):
        return ["n/a" if word is None else word for word in column.values]
    return [_number_cell(value) for value in column.values.tolist()]


def _number_cell(value: float) -> str:
    if np.isnan(value):
        return "n/a"
    if abs(value) >= 1e15:  # so many digits would read back as a name
        return np.format_float_scientific(value, trim="-")
    return repr(value).removesuffix(".0")


def _described(column: Column) -> dict[str, str]:
    entry = {"Description": column.description, "Units": column.unit}
    return {key: words for key, words in entry.items() if words}


# -------------------------------------------------------------------------------- joining


def _ids_of(table: Table, *, on: str, name: str) -> list[str]:
    listed = table.words(on)
    for row, word in enumerate(listed, start=1):
        if word is None:
            raise DataError(f"{name}: row {row} has no '{on}'.")
    ids = [str(word) for word in listed]
    twice = (
        sorted({word for word in ids if ids.count(word) > 1}) if len(set(ids)) < len(ids) else []
    )
    if twice:
        raise DataError(f"{name}: '{on}' holds {_some(twice)} more than once.")
    return ids


def _check_same_ids(first: tuple[str, list[str]], second: tuple[str, list[str]]) -> None:
    parts = []
    for (name, ids), (_, others) in ((first, second), (second, first)):
        known = set(others)
        alone = [word for word in ids if word not in known]
        if alone:
            parts.append(f"only in {name}: {_some(alone)}")
    if parts:
        raise DataError(
            f"The tables speak of different participants; {'; '.join(parts)}. "
            "Correct the tables, or leave these participants out of both."
        )


def _check_new_columns(joined: Table, table: Table, *, on: str, name: str) -> None:
    shared = [word for word in table.names if word != on and word in joined.names]
    if shared:
        raise DataError(
            f"{name}: column {_some(shared)} is in another table as well; keep it in one of them."
        )


def _some(words: Sequence[str]) -> str:
    quoted = [f"'{word}'" for word in words]
    if len(quoted) <= 8:
        return join(quoted)
    return join([*quoted[:6], f"{len(quoted) - 6} more"])
