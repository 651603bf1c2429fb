"""Where the maps of a comparison come from: files, volumes at hand and tables, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from heatlas.compare.background import Background, Enclosed, find_background
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.regions import RegionTable, RegionValues
from heatlas.core.errors import DataError
from heatlas.core.execute import get_executor
from heatlas.core.provenance import digest_array
from heatlas.core.space import Grid
from heatlas.core.table import Table
from heatlas.core.volume import Volume
from heatlas.core.words import join
from heatlas.io.nifti import read_header, read_volume, read_volumes
from heatlas.study.outputs import distinct_names
from heatlas.study.parcellation import Parcellation
from heatlas.study.regiontables import TableChoice, is_table, read_region_table

MapSource = Path | str | Volume
Sides = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
AT_ONCE = 16  # volumes of one file that are read in one pass


@dataclass(frozen=True, kw_only=True, eq=False)
class MapPlace:
    """One map: a volume of a file that is still to be read or at hand, or values of regions."""

    name: str
    place: Path | Volume
    grid: Grid | None = None
    number: int | None = None
    values: RegionValues | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class MapFact:
    """What is remembered of a map once it stands beside the others."""

    name: str
    digest: str
    grid_digest: str
    background: str
    value: float
    tolerance: float
    n_measured: int
    n_enclosed: int
    is_mask: bool
    is_bare: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadMaps:
    """Maps side by side, and what is to be said about them."""

    maps: ComparedMaps
    facts: list[MapFact]
    backgrounds: Table
    words: str
    regions: RegionTable | None = None
    warnings: tuple[str, ...] = ()


def find_sources(
    columns: Sequence[MapSource],
    rows: Sequence[MapSource] | None,
    *,
    given: Sequence[MapSource],
    parcellation: Parcellation,
) -> tuple[list[MapPlace], Sides]:
    """Find the maps that are asked for; images are not read yet.

    Parameters
    ----------
    columns, rows, given : sequence of Path, str or Volume
        What stands on either axis, and what is regressed out; rows may be None.
    parcellation : Parcellation
        What tables hold.

    Returns
    -------
    list of MapPlace
        Each map once, in order of name.
    Sides
        Numbers of the maps of the rows, of the columns, and of those regressed out.

    Raises
    ------
    DataError
        If there is no map, two have one name, one is named twice on a side, or a table cannot be
        understood.
    """
    for listed, side in ((columns, "columns"), (rows, "rows")):
        if isinstance(listed, (str, Path, Volume)):
            raise DataError(f"{side}: one map is given where a list of maps is expected.")
    if not [*columns, *(rows or ())]:
        raise DataError("No map is given; name at least two images, or tables of regions.")
    named = [Path(item) if isinstance(item, str) else item
             for item in (*columns, *(rows or ()), *given)]  # fmt: skip
    different, places = _different(named)
    alone = len(different) == 1
    found = [
        _tabled(item, name, choice=parcellation.choice(item, alone=alone))
        if isinstance(item, Path) and is_table(item)
        else _volumes(item, name)
        for name, item in zip(_names(different), different, strict=True)
    ]
    sources = sorted((source for listed in found for source in listed), key=lambda s: s.name)
    number = {source.name: k for k, source in enumerate(sources)}
    members = [tuple(number[source.name] for source in listed) for listed in found]
    ends = len(columns), len(columns) + len(rows or ())
    of_columns = _flat(members, places[: ends[0]], side="columns", sources=sources)
    of_rows = of_columns
    if rows is not None:
        of_rows = _flat(members, places[ends[0] : ends[1]], side="rows", sources=sources)
    regressed = tuple(number for place in places[ends[1] :] for number in members[place])
    return sources, (of_rows, of_columns, regressed)


def stream_maps(
    sources: Sequence[MapPlace], *, enclosed: Enclosed, facts: list[MapFact]
) -> Iterator[tuple[Volume, Background]]:
    """Yield one map at a time with its background, and note what is to be remembered of it.

    Parameters
    ----------
    sources : sequence of MapPlace
        Images.
    enclosed : {"missing", "data"}
        See :func:`heatlas.compare.background.find_background`.
    facts : list of MapFact
        Grows by one entry a map.

    Yields
    ------
    tuple of Volume and Background
        In the order of the sources.
    """
    parts = list(_parts(sources))
    # One file is read while the one before is put onto the grid; parts of large files are not.
    ahead = all(len(part) == 1 for part in parts)
    runner = get_executor("threads" if ahead else "serial", workers=1)
    for part in runner.map(partial(_read, enclosed=enclosed), parts):
        for volume, background, fact in part:
            facts.append(fact)
            yield volume, background


def volume_of(source: MapSource) -> Volume:
    """Return a volume at hand, or read the only one of a file."""
    return source if isinstance(source, Volume) else read_volume(Path(source))


def _different(given: Sequence[Path | Volume]) -> tuple[list[Path | Volume], list[int]]:
    """Return each place once, and where each of the given ones stands among them."""
    keys = [item.absolute() if isinstance(item, Path) else id(item) for item in given]
    first = {key: item for key, item in zip(reversed(keys), reversed(given), strict=True)}
    ordered = list(dict.fromkeys(keys))
    return [first[key] for key in ordered], [ordered.index(key) for key in keys]


def _names(sources: Sequence[Path | Volume]) -> list[str]:
    """Return a name for each source; folders tell files of one name apart."""
    paths = [source for source in sources if isinstance(source, Path)]
    of_files = iter(distinct_names(paths) if paths else [])
    names = [
        next(of_files) if isinstance(source, Path) else source.name or f"map {k + 1}"
        for k, source in enumerate(sources)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Maps of one name: {join(twice)}. Give each volume a name of its own.")
    return names


def _tabled(path: Path, name: str, *, choice: TableChoice) -> list[MapPlace]:
    """Return the maps of a table of regions."""
    maps, notes = read_region_table(path, name=name, choice=choice)
    return [
        MapPlace(name=item.name, place=path, values=item, warnings=tuple(notes)) for item in maps
    ]


def _volumes(item: Path | Volume, name: str) -> list[MapPlace]:
    """Return the maps of a source, named by their numbers where there are several."""
    if isinstance(item, Volume):
        return [MapPlace(name=name, place=item, grid=item.grid)]
    header = read_header(item)
    n = header.n_volumes
    if n == 1:
        return [MapPlace(name=name, place=item, grid=header.grid)]
    width = len(str(n - 1))
    return [
        MapPlace(name=f"{name}[{k:0{width}d}]", place=item, grid=header.grid, number=k)
        for k in range(n)
    ]


def _flat(
    members: Sequence[tuple[int, ...]],
    chosen: Sequence[int],
    *,
    side: str,
    sources: Sequence[MapPlace],
) -> tuple[int, ...]:
    """Return the numbers of the maps of one side; DataError if one is named twice or none is."""
    flat = tuple(number for place in chosen for number in members[place])
    counted = Counter(flat)
    twice = sorted(sources[number].name for number, times in counted.items() if times > 1)
    if twice:
        raise DataError(f"{side}: named more than once: {join(twice)}. Name each map once.")
    if not flat:
        raise DataError(f"{side}: no map is given.")
    return flat


def _parts(sources: Sequence[MapPlace]) -> Iterator[list[MapPlace]]:
    """Yield the maps that are read in one pass: so many volumes of one file."""
    for _, group in groupby(sources, key=lambda source: source.place):
        alike = list(group)
        for start in range(0, len(alike), AT_ONCE):
            yield alike[start : start + AT_ONCE]


def _read(
    part: Sequence[MapPlace], *, enclosed: Enclosed
) -> list[tuple[Volume, Background, MapFact]]:
    """Return maps of one place, what is their background, and what is to be remembered."""
    place = part[0].place
    volumes: Iterable[Volume] = (
        [place] * len(part)
        if isinstance(place, Volume)
        else read_volumes(place, volumes=[source.number or 0 for source in part])
    )
    read = []
    for source, volume in zip(part, volumes, strict=True):
        background = find_background(volume, enclosed=enclosed)
        read.append((volume, background, _fact(source.name, volume, background=background)))
    return read


def _fact(name: str, volume: Volume, *, background: Background) -> MapFact:
    n_outside = int(background.outside.sum())
    return MapFact(
        name=name,
        digest=digest_array(volume.values),
        grid_digest=volume.grid.digest,
        background=background.words,
        value=np.nan if background.value is None else background.value,
        tolerance=background.tolerance,
        n_measured=volume.grid.size - n_outside,
        n_enclosed=background.n_enclosed,
        is_mask=background.is_mask,
        is_bare=not background.is_mask and n_outside == 0,
        warnings=volume.provenance.warnings,
    )
