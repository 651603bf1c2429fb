"""Who is in a study: the make-up of the sample by group, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from heatlas.core.table import Column, Table
from heatlas.core.words import number, percent

MAX_LEVELS = 12


def sample_table(table: Table, *, variables: Sequence[str], group: str | None = None) -> Table:
    """Return the make-up of the sample: one row per variable or level, one column per group.

    Parameters
    ----------
    table : Table
        One row per participant.
    variables : sequence of str
        Columns to describe.
    group : str, optional
        Column of words that splits the sample; None describes it as a whole.

    Returns
    -------
    Table
        Numbers as mean ± standard deviation (range), words as count and share of the group,
        and how many values are missing.
    """
    parts = _parts(table, group)
    rows: list[tuple[str, list[str], str]] = []
    for name in variables:
        column = table.column(name)
        missing = str(int(column.missing.sum()))
        if name == group:
            # The heads hold its counts; only who belongs to no group is left to be said.
            rows += [(name, ["" for _ in parts], missing)] if column.missing.any() else []
        elif column.is_numeric:
            cells = [_spread_words(table.numbers(name)[chosen]) for _, chosen in parts]
            rows.append((f"{name}, mean ± SD (range)", cells, missing))
        else:
            rows += _level_rows(table, name, parts=parts, missing=missing)
    heads = [f"{name} (n = {len(chosen)})" for name, chosen in parts]
    columns = [Column(name="variable", values=tuple(row[0] for row in rows))]
    columns += [
        Column(name=head, values=tuple(row[1][k] for row in rows)) for k, head in enumerate(heads)
    ]
    columns.append(Column(name="missing", values=tuple(row[2] for row in rows)))
    return Table(columns=tuple(columns), caption="Make-up of the sample.")


def group_column(table: Table, levels: Sequence[str]) -> str | None:
    """Return the first of these columns that splits the table into at least two groups."""
    for name in levels:
        words = {word for word in table.words(name) if word is not None}
        if 2 <= len(words) <= MAX_LEVELS:
            return name
    return None


def _parts(table: Table, group: str | None) -> list[tuple[str, np.ndarray]]:
    everybody = ("all", np.arange(len(table)))
    if group is None:
        return [everybody]
    words = table.words(group)
    levels = sorted({word for word in words if word is not None})
    split = [(level, np.array([k for k, w in enumerate(words) if w == level])) for level in levels]
    return [everybody, *split]


def _spread_words(values: np.ndarray) -> str:
    present = values[np.isfinite(values)]
    if present.size == 0:
        return "n/a"
    spread = f" ± {number(float(present.std(ddof=1)))}" if present.size > 1 else ""
    reach = f"{number(float(present.min()))} to {number(float(present.max()))}"
    return f"{number(float(present.mean()))}{spread} ({reach})"


def _level_rows(
    table: Table, name: str, *, parts: Sequence[tuple[str, np.ndarray]], missing: str
) -> list[tuple[str, list[str], str]]:
    words = table.words(name)
    levels = sorted({word for word in words if word is not None})
    if not 1 <= len(levels) <= MAX_LEVELS:
        what = f"{len(levels)} distinct values" if levels else "no value"
        return [(f"{name}: {what}", ["" for _ in parts], missing)]
    counted = [Counter(words[row] for row in chosen) for _, chosen in parts]
    rows = []
    for k, level in enumerate(levels):
        cells = [
            f"{tally[level]} ({percent(tally[level] / max(len(chosen), 1))})"
            for tally, (_, chosen) in zip(counted, parts, strict=True)
        ]
        rows.append((f"{name}: {level}", cells, missing if k == 0 else ""))
    return rows
