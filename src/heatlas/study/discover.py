"""What a folder holds: tables, maps, and the pattern by which a table's ids name maps."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from heatlas.core.errors import DataError, HeatlasError
from heatlas.core.table import Table
from heatlas.core.words import count
from heatlas.io.nifti import read_header
from heatlas.io.tables import read_table

TABLE_ENDS = (".tsv", ".csv")
MAP_ENDS = (".nii", ".nii.gz", ".img", ".mgz", ".mgh", ".brik", ".brik.gz")
LOCK_NAME = "study.lock.json"
MAX_DEPTH = 6
MAX_HEADERS = 50
MAX_FILES = 200_000
MAX_TABLE_BYTES = 20_000_000
LONGEST_ID_PARTS = 9

_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")
_BRACES = re.compile(r"[{}]")


@dataclass(frozen=True, kw_only=True)
class FoundTable:
    """A table of a folder.

    Parameters
    ----------
    name : str
        Path relative to the folder, with forward slashes.
    table : Table
        Its content.
    """

    name: str
    table: Table


@dataclass(frozen=True, kw_only=True)
class MapPattern:
    """A path with an id in braces, and the ids for which there is a file.

    Parameters
    ----------
    template : str
        ``gm/{participant_id}_gm.nii.gz``.
    ids : frozenset of str
        Ids with a file.
    column : str
        Column of the id.
    """

    template: str
    ids: frozenset[str]
    column: str


@dataclass(frozen=True, kw_only=True)
class Folder:
    """What was found in a folder.

    Parameters
    ----------
    tables : tuple of FoundTable
        Readable tables, nearest to the top first.
    unreadable : tuple of str
        Sentences about tables that could not be read.
    maps : tuple of str
        Paths of images relative to the folder, sorted.
    """

    tables: tuple[FoundTable, ...]
    unreadable: tuple[str, ...]
    maps: tuple[str, ...]


def look_into(folder: Path) -> Folder:
    """List the tables and images of a folder.

    Parameters
    ----------
    folder : Path
        Searched with its sub-folders, hidden ones and results of Heatlas left out.

    Returns
    -------
    Folder
        Tables read, images by name.

    Raises
    ------
    DataError
        If the folder cannot be listed or holds too many files to be a study.
    """
    names = sorted(_files(folder))
    maps = tuple(name for name in names if name.lower().endswith(MAP_ENDS))
    tables, faults = [], []
    for name in sorted(names, key=lambda name: (name.count("/"), name)):
        if not name.lower().endswith(TABLE_ENDS):
            continue
        try:
            tables.append(FoundTable(name=name, table=_read(folder / name)))
        except DataError as error:
            faults.append(f"{name}: {error}")
    return Folder(tables=tuple(tables), unreadable=tuple(faults), maps=maps)


def id_patterns(found: FoundTable, maps: Iterable[str]) -> list[MapPattern]:
    """Return the patterns by which a column of a table names maps.

    Parameters
    ----------
    found : FoundTable
        The table.
    maps : iterable of str
        Paths of images.

    Returns
    -------
    list of MapPattern
        The one with most ids first; columns and templates in order among equals.
    """
    listed = list(maps)
    patterns = []
    for column in found.table.names:
        ids = [word for word in found.table.words(column) if word]
        if _BRACES.search(column) or len(set(ids)) < max(2, len(found.table)):
            continue  # a name in braces could not be read back, and ids differ from row to row
        patterns += _patterns_of(frozenset(ids), listed, column=column)
    return sorted(patterns, key=lambda pattern: -len(pattern.ids))


def bare_patterns(maps: Iterable[str], *, column: str = "participant_id") -> list[MapPattern]:
    """Return the patterns that files share when one part of their names, with a digit, varies.

    Parameters
    ----------
    maps : iterable of str
        Paths of images.
    column : str
        Name for what varies.

    Returns
    -------
    list of MapPattern
        Those with two or more files, the one with most files first.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in maps:
        if _BRACES.search(path):
            continue
        for word in dict.fromkeys(_varying_words(path)):
            found[_filled(path, word, column=column)].add(word)
    patterns = [
        MapPattern(template=template, ids=frozenset(ids), column=column)
        for template, ids in found.items()
        if len(ids) > 1
    ]
    return sorted(patterns, key=lambda pattern: (-len(pattern.ids), pattern.template))


def merged_maps(folder: Path, maps: Iterable[str], *, n: int) -> str | None:
    """Return the first 4-D image with so many volumes, if there is one.

    Parameters
    ----------
    folder : Path
        Where the paths begin.
    maps : iterable of str
        Paths of images; the first fifty are looked at.
    n : int
        Rows of the table.

    Returns
    -------
    str or None
        Its path.
    """
    for name in list(maps)[:MAX_HEADERS]:
        try:
            if n > 1 and read_header(folder / name).n_volumes == n:
                return name
        except HeatlasError:
            continue  # not an image after all: then it is no candidate
    return None


def _files(folder: Path) -> Iterator[str]:
    """Yield paths relative to the folder; hidden folders and results of Heatlas are left out."""
    n = 0
    for top, folders, files in os.walk(folder, onerror=_refuse):
        here = PurePosixPath(Path(top).relative_to(folder).as_posix())
        if LOCK_NAME in files or len(here.parts) >= MAX_DEPTH:
            folders.clear()
        if LOCK_NAME in files:
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            n += 1
            if n > MAX_FILES:
                limit = count(MAX_FILES, "file")
                raise DataError(f"{folder} holds more than {limit}; name the study's own folder.")
            if not name.startswith(".") and name.isprintable():
                yield (here / name).as_posix()


def _refuse(error: OSError) -> None:
    reason = (error.strerror or "unreadable").lower()
    raise DataError(f"The folder {error.filename} cannot be listed: {reason}.") from error


def _read(path: Path) -> Table:
    if path.is_file() and path.stat().st_size > MAX_TABLE_BYTES:
        raise DataError(f"{path.name} is larger than {MAX_TABLE_BYTES // 1_000_000} MB.")
    return read_table(path)


def _patterns_of(ids: frozenset[str], maps: list[str], *, column: str) -> list[MapPattern]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in maps:
        word = None if _BRACES.search(path) else _longest_id(path, ids)
        if word is not None:
            found[_filled(path, word, column=column)].add(word)
    return [
        MapPattern(template=template, ids=frozenset(words), column=column)
        for template, words in found.items()
    ]


def _longest_id(path: str, ids: frozenset[str]) -> str | None:
    """Return the longest id that stands in a path between signs that are no letters or digits."""
    parts = _PARTS.findall(path)
    for length in range(min(LONGEST_ID_PARTS, len(parts)), 0, -1):
        for start in range(len(parts) - length, -1, -1):
            word = "".join(parts[start : start + length])
            if word in ids:
                return word
    return None


def _varying_words(path: str) -> Iterator[str]:
    """Yield the words of a path that may be ids: those with a digit, ``sub-`` kept with its own."""
    stem = path.split(".", 1)[0]
    for match in re.finditer(r"(sub-)?[A-Za-z0-9]*[0-9][A-Za-z0-9]*", stem):
        yield match.group()


def _filled(path: str, word: str, *, column: str) -> str:
    whole = rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])"
    return re.sub(whole, lambda _: f"{{{column}}}", path)
