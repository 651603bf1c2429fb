"""From tables and a pattern of paths to participants with their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from glob import escape, glob
from pathlib import Path

from heatlas.core.cohort import Cohort, Exclusion, FileReference
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.execute import Executor
from heatlas.core.table import Table, table_from_columns
from heatlas.core.value import Value
from heatlas.core.words import count, join, unknown
from heatlas.io.nifti import read_header
from heatlas.io.source import digest_file
from heatlas.io.tables import join_tables, read_table
from heatlas.io.templates import TEMPLATES
from heatlas.study.backdrop import DECIDE, NONE
from heatlas.study.spec import CohortSpec, GridFile, MergedMaps, StudySpec, VolumeFile

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class CohortFiles(Value):
    """A cohort and where its files lie; the paths never leave the recipe.

    Parameters
    ----------
    cohort : Cohort
        Participants, exclusions and file references.
    paths : tuple of Path
        One per participant.
    """

    cohort: Cohort
    paths: tuple[Path, ...]


def read_cohort(spec: CohortSpec, *, base: Path, executor: Executor) -> CohortFiles:
    """Return the participants of a study, in table order, each with the map that belongs to them.

    Parameters
    ----------
    spec : CohortSpec
        Tables, id column, maps and exclusions.
    base : Path
        Folder of the study file; all paths are relative to it.
    executor : Executor
        Runs the digests of the files.

    Returns
    -------
    CohortFiles
        Participants who are in, with digests of their files, and everybody who is out.

    Raises
    ------
    DataError
        If a table or a map is missing, an id is doubled, or a 4-D file has another number of
        volumes than the table has rows.
    UnknownNameError
        If the pattern of the maps names a column that the tables do not have, or an exclusion
        names a participant who is not in them.
    """
    table = _participants(spec, base)
    ids = _checked_ids(table, spec.id)
    _check_exclusions(spec.exclude, ids)
    names, volumes = _map_names(spec, table, base=base)
    kept = [row for row, name in enumerate(ids) if name not in spec.exclude]
    if not kept:
        raise DataError("Every participant is excluded; nobody is left to analyse.")
    paths = [base / names[row] for row in kept]
    _check_present(paths, [names[row] for row in kept])
    distinct = tuple(dict.fromkeys(paths))
    digests = dict(zip(distinct, executor.map(digest_file, distinct), strict=True))
    files = tuple(
        FileReference(
            name=_shown_map_name(names[row], spec=spec), digest=digests[path], volume=volumes[row]
        )
        for row, path in zip(kept, paths, strict=True)
    )
    cohort = Cohort(
        table=table.take(kept),
        id_column=spec.id,
        files=files,
        exclusions=tuple(Exclusion(id=n, reason=why) for n, why in spec.exclude.items()),
        measure=spec.measure,
    )
    return CohortFiles(cohort=cohort, paths=tuple(paths))


def extra_inputs(spec: StudySpec, *, base: Path) -> dict[str, str]:
    """Return name and digest of every file of a study that is no map: tables, masks, grid, atlas.

    Parameters
    ----------
    spec : StudySpec
        The study.
    base : Path
        Folder of the study file.

    Returns
    -------
    dict of str to str
        Digests by the name that results show.

    Raises
    ------
    DataError
        If one of them cannot be read.
    """
    names = [*spec.cohort.tables]
    names += [spec.mask.path] if spec.mask.path else []
    volume = spec.inference.small_volume
    names += [volume.mask] if isinstance(volume, VolumeFile) else []
    names += [spec.grid.path] if isinstance(spec.grid, GridFile) else []
    names += [spec.template] if spec.template not in (DECIDE, NONE, *TEMPLATES) else []
    if spec.atlas is not None:
        names += [spec.atlas.image, *([spec.atlas.labels] if spec.atlas.labels else [])]
    digests: dict[str, str] = {}
    for name in names:
        shown = shown_name(name)
        same = sum(other == shown or other.startswith(f"{shown} (") for other in digests)
        digests[f"{shown} ({same + 1})" if same else shown] = digest_file(base / name)
    return digests


def shown_name(name: str) -> str:
    """Return how a file is named in results: relative as written; without the folders of a machine.

    Parameters
    ----------
    name : str
        A path, or a pattern of paths with columns in braces.

    Returns
    -------
    str
        A relative path as it was written. Of an absolute one the bare name; of a pattern what
        follows the folders that all files share.
    """
    if not Path(name).is_absolute():
        return name
    return "/".join(Path(name).parts[_n_shared_folders(name) :])


def _shown_map_name(name: str, *, spec: CohortSpec) -> str:
    """Return the name of a map as results show it; no two participants share one."""
    if isinstance(spec.maps, MergedMaps) or not Path(name).is_absolute():
        return shown_name(name)
    return "/".join(Path(name).parts[_n_shared_folders(spec.maps) :])


def _n_shared_folders(pattern: str) -> int:
    """Return how many parts of a path stand before the first column in braces, or the name."""
    parts = Path(pattern).parts
    named = (place for place, part in enumerate(parts) if _PLACEHOLDER.search(part))
    return next(named, len(parts) - 1)


def _participants(spec: CohortSpec, base: Path) -> Table:
    if spec.tables:
        return join_tables([(name, read_table(base / name)) for name in spec.tables], on=spec.id)
    if isinstance(spec.maps, MergedMaps):
        n = read_header(base / spec.maps.merged).n_volumes
        return table_from_columns({spec.id: [f"volume-{k + 1:03d}" for k in range(n)]})
    return table_from_columns({spec.id: _found_ids(spec, base)})


def _found_ids(spec: CohortSpec, base: Path) -> list[str]:
    """Return the ids for which the pattern finds a file, in alphabetical order."""
    pattern = str(spec.maps)
    if set(_PLACEHOLDER.findall(pattern)) != {spec.id}:
        raise DataError(
            f"cohort.maps: without tables the pattern must hold {{{spec.id}}} and nothing else "
            f"in braces, got '{pattern}'."
        )
    whole = (base / pattern).as_posix()
    first, *others = _PLACEHOLDER.split(whole)[::2]
    again = "(?P=id)".join(re.escape(part) for part in others)
    known = re.compile(f"{re.escape(first)}(?P<id>[^/]+?){again}")
    paths = (Path(name).as_posix() for name in glob("*".join(map(escape, [first, *others]))))
    found = sorted(match["id"] for path in paths if (match := known.fullmatch(path)))
    if not found:
        raise DataError(f"cohort.maps: no file matches '{pattern}'.")
    return found


def _checked_ids(table: Table, column: str) -> tuple[str, ...]:
    words = table.words(column)
    empty = [str(row + 1) for row, word in enumerate(words) if word is None]
    if empty:
        raise DataError(f"Column '{column}' is empty in {count(len(empty), 'row')}: {_few(empty)}.")
    doubled = sorted({str(word) for word in words if words.count(word) > 1})
    if doubled:
        raise DataError(f"Column '{column}' holds ids more than once: {_few(doubled)}.")
    return tuple(str(word) for word in words)


def _check_exclusions(exclude: Mapping[str, str], ids: tuple[str, ...]) -> None:
    for name in exclude:
        if name not in ids:
            raise UnknownNameError("cohort.exclude: " + unknown("participant", name, known=ids))


def _map_names(
    spec: CohortSpec, table: Table, *, base: Path
) -> tuple[list[str], list[int | None]]:  # fmt: skip
    if isinstance(spec.maps, MergedMaps):
        return _volumes_of(spec.maps.merged, table, base=base)
    needed = _PLACEHOLDER.findall(spec.maps)
    columns = {name: table.words(name) for name in needed}
    names = []
    for row in range(len(table)):
        filled = {name: words[row] for name, words in columns.items()}
        empty = [name for name, word in filled.items() if word is None]
        if empty:
            raise DataError(
                f"cohort.maps: row {row + 1} has no value in column {join(empty)}, which the "
                "pattern of the maps needs."
            )
        parts = _PLACEHOLDER.split(spec.maps)
        parts[1::2] = [str(filled[name]) for name in parts[1::2]]
        names.append("".join(parts))
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(
            f"cohort.maps: '{spec.maps}' gives one file to several participants: {_few(doubled)}."
        )
    return names, [None] * len(names)


def _volumes_of(name: str, table: Table, *, base: Path) -> tuple[list[str], list[int | None]]:
    n = read_header(base / name).n_volumes
    if n != len(table):
        raise DataError(
            f"{name}: it holds {count(n, 'volume')}, but the table has {count(len(table), 'row')}."
        )
    return [name] * n, list(range(n))


def _check_present(paths: list[Path], names: list[str]) -> None:
    absent = [name for path, name in zip(paths, names, strict=True) if not path.is_file()]
    if absent:
        raise DataError(
            f"{count(len(absent), 'map')} of {len(names)} cannot be found: {_few(absent)}. "
            "Paths are relative to the study file."
        )


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
