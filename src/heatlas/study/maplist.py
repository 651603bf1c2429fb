"""Maps named on the command line: which file, or which volume of it, belongs to which row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.table import Table, table_from_columns
from heatlas.core.value import Value
from heatlas.core.words import count, join
from heatlas.io.nifti import read_header
from heatlas.study.outputs import distinct_names

ID_COLUMN = "participant_id"
SHOWN = 5
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, kw_only=True, eq=False)
class MapList(Value):
    """Maps in the order of the rows of a model, before they are read.

    Parameters
    ----------
    ids : tuple of str
        Name of each map, unique.
    paths : tuple of Path
        File of each map.
    volumes : tuple of int or None
        Which volume of the file; None where the file holds one.
    table : Table
        One row per map: that of the user, or the names alone.
    words : str
        How maps and rows were put together.
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    volumes: tuple[int | None, ...]
    table: Table
    words: str = ""

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> MapList:
        """Return the list with only these maps, in this order."""
        chosen = [int(row) for row in rows]
        return MapList(
            ids=tuple(self.ids[row] for row in chosen),
            paths=tuple(self.paths[row] for row in chosen),
            volumes=tuple(self.volumes[row] for row in chosen),
            table=self.table.take(rows),
            words=self.words,
        )

    def check_present(self) -> None:
        """Raise DataError with the files that do not exist, all at once."""
        absent = [str(path) for path in dict.fromkeys(self.paths) if not path.is_file()]
        if absent:
            n = len(set(self.paths))
            raise DataError(f"{count(len(absent), 'map')} of {n} cannot be found: {_few(absent)}.")


def list_maps(
    sources: Sequence[str], *, table: Table | None = None, id_column: str | None = None
) -> MapList:
    """Return which map belongs to which row.

    Parameters
    ----------
    sources : sequence of str
        One 4-D file, whose volumes are the rows in order; several 3-D files; or one path with
        columns of the table in braces, such as ``gm/{participant_id}.nii.gz``.
    table : Table, optional
        One row per map.
    id_column : str, optional
        Column that names the maps; ``participant_id`` where the table has one.

    Returns
    -------
    MapList
        Several files belong to the rows whose ids their names hold; where they hold none, they
        are in the order of the rows.

    Raises
    ------
    DataError
        If the number of maps is not that of the rows, files hold several volumes each, or names
        fit only some of the rows.
    UnknownNameError
        If a column does not exist.
    """
    if not sources:
        raise DataError("No map is given; name one 4-D file, several 3-D files or a pattern.")
    if any(_PLACEHOLDER.search(source) for source in sources):
        return _by_pattern(sources, table=table, id_column=id_column)
    paths = [Path(source) for source in sources]
    if len(paths) == 1 and (n := read_header(paths[0]).n_volumes) > 1:
        return _by_volume(paths[0], n, table=table, id_column=id_column)
    _check_single(paths)
    if table is None:
        ids = tuple(distinct_names(paths))
        return MapList(
            ids=ids,
            paths=tuple(paths),
            volumes=(None,) * len(paths),
            table=table_from_columns({"map": ids}),
            words="maps in the order in which they were given",
        )
    return _by_name(paths, table=table, id_column=id_column)


# ------------------------------------------------------------------------------------- pattern


def _by_pattern(sources: Sequence[str], *, table: Table | None, id_column: str | None) -> MapList:
    if len(sources) > 1 or table is None:
        why = "stands alone" if len(sources) > 1 else "needs the table whose columns it names"
        raise DataError(
            f"'{next(s for s in sources if _PLACEHOLDER.search(s))}' is a pattern, which {why}."
        )
    (pattern,) = sources
    columns = _PLACEHOLDER.findall(pattern)
    words = {name: table.words(name) for name in columns}
    empty = [(row, name) for name in columns for row, word in enumerate(words[name]) if not word]
    if empty:
        row, name = min(empty)
        raise DataError(
            f"Row {row + 1} of the table has no value in column '{name}', which the pattern "
            f"'{pattern}' needs."
        )
    paths = tuple(Path(_filled(pattern, words, row=row)) for row in range(len(table)))
    _check_once(paths, what=f"The pattern '{pattern}' gives several rows one map")
    named = id_column or _id_column(table, among=tuple(dict.fromkeys(columns)))
    return MapList(
        ids=_unique_ids(table, named) or tuple(distinct_names(paths)),
        paths=paths,
        volumes=(None,) * len(paths),
        table=table,
        words=f"maps by {join(dict.fromkeys(columns))} of the table",
    )


def _filled(pattern: str, words: dict[str, tuple[str | None, ...]], *, row: int) -> str:
    parts = _PLACEHOLDER.split(pattern)
    parts[1::2] = [str(words[name][row]) for name in parts[1::2]]
    return "".join(parts)


# ------------------------------------------------------------------------------------- files


def _by_volume(path: Path, n: int, *, table: Table | None, id_column: str | None) -> MapList:
    numbered = tuple(f"volume-{k + 1:03d}" for k in range(n))
    if table is not None and len(table) != n:
        raise DataError(
            f"{path}: it holds {count(n, 'volume')}, but the table has {count(len(table), 'row')}."
        )
    ids = None if table is None else _unique_ids(table, id_column or _id_column(table))
    return MapList(
        ids=ids or numbered,
        paths=(path,) * n,
        volumes=tuple(range(n)),
        table=table if table is not None else table_from_columns({"map": numbered}),
        words=f"volumes of {path.name} in their order" + (" as rows of the table" if table else ""),
    )


def _by_name(paths: Sequence[Path], *, table: Table, id_column: str | None) -> MapList:
    """Return files with the rows that their names tell, else in the order of the rows."""
    if len(paths) != len(table):
        raise DataError(
            f"{count(len(paths), 'map')} for {count(len(table), 'row')} of the table; give one map "
            "a row, or a pattern such as gm/{" + ID_COLUMN + "}.nii.gz."
        )
    column = id_column or _id_column(table)
    ids = _unique_ids(table, column)
    places = [] if ids is None else [_place(name, paths) for name in ids]
    found = [place for place in places if place is not None]
    if ids is not None and found:
        if len(set(found)) < len(paths):
            lost = [name for name, place in zip(ids, places, strict=True) if place is None]
            told = _few(lost) if lost else "two rows fit one map"
            raise DataError(
                "The names of the maps tell only some of their rows apart "
                f"({len(set(found))} of {len(paths)}; not found: {told}), so maps and rows might "
                "be mixed up; give the maps as a pattern such as gm/{" + ID_COLUMN + "}.nii.gz."
            )
        paths = [paths[place] for place in found]
        words = "maps by the ids of the table, which their names hold"
    else:
        if ids is None and column is not None:
            _check_order(paths, table.words(column))
        words = "maps in the order in which they were given, as rows of the table"
    return MapList(
        ids=ids or tuple(distinct_names(paths)),
        paths=tuple(paths),
        volumes=(None,) * len(paths),
        table=table,
        words=words,
    )


def _place(name: str, paths: Sequence[Path]) -> int | None:
    """Return which path holds an id as a word of its own, None unless exactly one does."""
    found = _places(name, paths)
    return found[0] if len(found) == 1 else None


def _places(name: str, paths: Sequence[Path]) -> list[int]:
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")
    return [place for place, path in enumerate(paths) if word.search(path.as_posix())]


def _check_order(paths: Sequence[Path], ids: Sequence[str | None]) -> None:
    """Raise where ids that repeat, as of repeated scans, stand in names of maps of other rows."""
    places = {name: _places(name, paths) for name in dict.fromkeys(ids) if name}
    for row, name in enumerate(ids):
        if name and places[name] and row not in places[name]:
            raise DataError(
                f"Row {row + 1} of the table is '{name}', but map {row + 1} in the order given is "
                f"{paths[row]}, and ids that repeat cannot tell which map is meant; give the maps "
                "in the order of the rows, or as a pattern such as "
                "gm/{" + ID_COLUMN + "}_{session}.nii.gz."
            )


def _check_single(paths: Sequence[Path]) -> None:
    """Raise unless each file holds one volume and is given once."""
    _check_once(paths, what="A map is given more than once")
    for path in paths:
        header = read_header(path)
        if header.n_volumes > 1:
            raise DataError(
                f"{path}: it holds {count(header.n_volumes, 'volume')}; give one 4-D file alone, "
                "or files that hold one map each."
            )


# ------------------------------------------------------------------------------------- ids


def _id_column(table: Table, *, among: Sequence[str] = ()) -> str | None:
    """Return the column that names the maps where the user says none."""
    if ID_COLUMN in table.names:
        return ID_COLUMN
    return among[0] if len(among) == 1 else None


def _unique_ids(table: Table, column: str | None) -> tuple[str, ...] | None:
    """Return the ids of the rows, None where they do not tell the rows apart."""
    if column is None:
        return None
    words = table.words(column)
    if None in words or len(set(words)) < len(words):
        return None
    return tuple(str(word) for word in words)


def _check_once(paths: Sequence[Path], *, what: str) -> None:
    twice = [str(path) for path, times in Counter(paths).items() if times > 1]
    if twice:
        raise DataError(f"{what}: {_few(twice)}.")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
