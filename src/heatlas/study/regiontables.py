"""Tables of regions: which column names them, which hold maps, and where the regions lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.regions import RegionValues
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.provenance import digest_array
from heatlas.core.table import Column, Table
from heatlas.core.words import join, unknown
from heatlas.io.tables import ENDINGS, NUMBER, read_table

EVERY = "*"
# How tables call the column of regions and that of effect sizes, in order of preference.
REGION_COLUMNS = ("region", "structure", "parcel", "roi", "name", "label", "area")
NUMBERED_REGIONS = ("index", "id", "number")
EFFECT_COLUMNS = (
    "d_icv", "d", "cohens_d", "cohen_d", "hedges_g", "g", "smd", "effect", "effect_size",
)  # fmt: skip
AXES = ("x", "y", "z")
SHOWN = 5  # names that a message quotes


@dataclass(frozen=True, kw_only=True)
class TableChoice:
    """What is taken from tables of regions.

    Parameters
    ----------
    value : str, optional
        Name of the column that holds a map, or ``"*"`` for every column of numbers; None takes
        every one of a table that is alone, otherwise the only one or a known effect size.
    alone : bool
        Whether the table is the only source.
    apart : tuple of str
        Columns that hold no map although they hold numbers.
    """

    value: str | None = None
    alone: bool = False
    apart: tuple[str, ...] = ()


def is_table(path: Path) -> bool:
    """Say whether a file is a table, by the ending of its name."""
    return path.name.lower().endswith(ENDINGS)


def read_region_table(
    path: Path, *, name: str, choice: TableChoice
) -> tuple[list[RegionValues], list[str]]:
    """Read the maps of a table of regions.

    Parameters
    ----------
    path : Path
        TSV or CSV, one row a region.
    name : str
        How the map is called where the table holds one.
    choice : TableChoice
        Which columns are maps.

    Returns
    -------
    list of RegionValues
        One a column; called by their columns where the table is alone, otherwise by both.
    list of str
        What a reader must know: columns that hold nothing, or words.

    Raises
    ------
    DataError
        If no column names the regions, a region is named twice, it is not clear which column is
        the map, or that column holds words.
    UnknownNameError
        If there is no column of the name asked for.
    """
    table = read_table(path, commas="words")
    column = _region_column(table, path=path)
    regions = _regions(table, column, path=path)
    columns, is_one, notes = _value_columns(table, path=path, choice=choice, regions=column)
    maps = []
    for wanted in columns:
        values = _numbers(table, wanted, path=path)
        called = wanted if choice.alone else f"{name}[{wanted}]"
        maps.append(
            RegionValues(
                name=name if is_one else called,
                regions=regions,
                values=values,
                unit=wanted if is_one else "",
                digest=digest_array(values),
            )
        )
    return maps, notes


def read_centres(source: Path | Table, *, regions: Sequence[str]) -> NDArray[np.float64]:
    """Read where regions lie.

    Parameters
    ----------
    source : Path or Table
        One row a region: a column of names, and x, y and z in mm.
    regions : sequence of str
        Names of the regions that need a place.

    Returns
    -------
    numpy.ndarray of float64, shape (regions, 3)
        RAS+.

    Raises
    ------
    DataError
        If a column or a region is missing, or a position is no number.
    """
    path = Path("centres") if isinstance(source, Table) else source
    table = source if isinstance(source, Table) else read_table(source)
    known = {name.lower(): name for name in table.names}
    missing = [axis for axis in AXES if axis not in known]
    if missing:
        raise DataError(
            f"{path.name}: it has no column {join(missing)} among {join(table.names)}; centres "
            "need the columns name, x, y and z, in mm."
        )
    names = _regions(table, _region_column(table, path=path), path=path)
    places = np.stack([_numbers(table, known[axis], path=path) for axis in AXES], axis=1)
    place_of = {name: place for name, place in zip(names, places, strict=True)}
    lacking = [
        name for name in regions if name not in place_of or not np.isfinite(place_of[name]).all()
    ]
    if lacking:
        raise DataError(
            f"{path.name}: no position for {_some(lacking)}, {len(lacking)} of {len(regions)} "
            "regions; add them, or leave the centres out."
        )
    return np.array([place_of[name] for name in regions])


# ----------------------------------------------------------------------------- which columns


def _region_column(table: Table, *, path: Path) -> str:
    """Return the name of the column that names the regions."""
    known = {column.name.lower(): column for column in table.columns}
    words = [column for column in table.columns if not column.is_numeric]
    for called in REGION_COLUMNS:
        if called in known and not known[called].is_numeric:
            return known[called].name
    distinct = [c.name for c in words if len(set(c.values)) == len(table) and not _is_text(c)]
    if len(distinct) == 1:
        return distinct[0]
    for called in (*NUMBERED_REGIONS, *REGION_COLUMNS):
        if not words and called in known:
            return known[called].name
    raise DataError(
        f"{path.name}: which column names the regions is not clear among {join(table.names)}; "
        "call it 'region'."
    )


def _regions(table: Table, column: str, *, path: Path) -> tuple[str, ...]:
    """Return the names of the regions, each once."""
    names = table.words(column)
    empty = [row for row, name in enumerate(names, start=1) if name is None]
    if empty:
        raise DataError(f"{path.name}: row {empty[0]} has no name in column '{column}'.")
    twice = [str(name) for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{path.name}: {_some(twice)} named more than once in column '{column}'; keep one row "
            "a region."
        )
    return tuple(str(name) for name in names)


def _value_columns(
    table: Table, *, path: Path, choice: TableChoice, regions: str
) -> tuple[list[str], bool, list[str]]:
    """Return the columns that are maps, whether the table is one map, and what was left out."""
    if choice.value not in (None, EVERY):
        if choice.value not in table.names:
            said = unknown("column", str(choice.value), known=table.names)
            raise UnknownNameError(f"{path.name}: {said}")
        return [str(choice.value)], True, []
    others = [c for c in table.columns if c.name != regions and c.name not in choice.apart]
    numbers = [c.name for c in others if c.is_numeric and not c.missing.all()]
    if choice.value == EVERY or choice.alone:
        numbers = [c.name for c in others if c.name in numbers or _is_text(c)]
        left = [c.name for c in others if c.name not in numbers]
        if not numbers:
            raise _no_numbers(table, path=path)
        notes = [f"{path.name}: columns without numbers are left out: {join(left)}"] if left else []
        return numbers, False, notes
    if len(numbers) == 1:
        return numbers, True, []
    lower = {c.name.lower(): c.name for c in others}
    effect = next((lower[called] for called in EFFECT_COLUMNS if called in lower), None)
    if effect is not None:
        return [effect], True, []
    if not numbers:
        raise _no_numbers(table, path=path)
    raise DataError(
        f"{path.name}: it holds several columns of numbers ({join(numbers)}); name the one to "
        "compare (--value), or take each as a map (--value '*')."
    )


def _no_numbers(table: Table, *, path: Path) -> DataError:
    return DataError(
        f"{path.name}: no column of numbers is found among {join(table.names)}, so there is "
        "nothing to compare."
    )


def _is_text(column: Column) -> bool:
    """Say whether a column of words is one of numbers with some words in it."""
    if isinstance(column.values, np.ndarray):
        return False
    given = [word for word in column.values if word is not None]
    numbers = sum(NUMBER.fullmatch(word.replace(",", ".")) is not None for word in given)
    return 2 * numbers > len(given)


def _numbers(table: Table, column: str, *, path: Path) -> NDArray[np.float64]:
    try:
        return table.numbers(column)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return join([*names[:SHOWN], *([f"{more} more"] if more > 0 else [])])
