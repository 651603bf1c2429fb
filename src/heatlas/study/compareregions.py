"""Maps of a comparison over regions: means of images over an atlas, and tables, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.background import Enclosed
from heatlas.compare.regions import RegionValues, map_over_regions
from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.words import count
from heatlas.geometry.parcellate import labels_on
from heatlas.study.comparesources import MapFact, MapPlace, MapSource, ReadMaps, stream_maps
from heatlas.study.parcellation import Parcellation, over_regions, sources_table


def are_over_regions(
    sources: Sequence[MapPlace],
    parcellation: Parcellation,
    *,
    mask: MapSource | None,
    space: MapSource | None,
) -> bool:
    """Say whether regions are compared rather than voxels.

    Parameters
    ----------
    sources : sequence of MapPlace
        The maps.
    parcellation : Parcellation
        What was asked for.
    mask, space : Path, str or Volume, optional
        Choices that only voxels know.

    Returns
    -------
    bool
        True with an atlas, or with tables of regions.

    Raises
    ------
    DataError
        If tables and images meet without an atlas, or a choice does not fit.
    """
    tables = [source.name for source in sources if source.values is not None]
    images = [source.name for source in sources if source.values is None]
    if not tables and parcellation.atlas is None:
        lost = [o for o in ("value", "centres") if getattr(parcellation, o) is not None]
        if lost:
            raise DataError(f"--{lost[0]} is for tables of regions, and all maps are images.")
        return False
    if images and parcellation.atlas is None:
        raise DataError(
            f"Tables of regions ({tables[0]}) and images ({images[0]}) are compared over an atlas "
            "that holds those regions; name it (--atlas)."
        )
    for given, name in ((mask, "--mask"), (space, "--space")):
        if given is not None:
            raise DataError(
                f"{name} is for comparisons over voxels; over regions each map is read on its own "
                "grid. Leave it out."
            )
    return True


def read_over_regions(
    sources: Sequence[MapPlace], parcellation: Parcellation, *, enclosed: Enclosed
) -> ReadMaps:
    """Read images and tables over one set of regions.

    Parameters
    ----------
    sources : sequence of MapPlace
        The maps, in order of name.
    parcellation : Parcellation
        The regions.
    enclosed : {"missing", "data"}
        See :func:`heatlas.compare.background.find_background`.

    Returns
    -------
    ReadMaps
        Side by side, with the table of regions.

    Raises
    ------
    DataError
        If a map holds nothing that was measured, or regions do not match.
    """
    atlas = parcellation.read_atlas()
    facts: list[MapFact] = []
    found = {source.name: source.values for source in sources if source.values is not None}
    facts += [_table_fact(values) for values in found.values()]
    images = [source for source in sources if source.values is None]
    if images and atlas is not None:
        found |= _image_means(images, atlas, enclosed=enclosed, facts=facts)
    facts.sort(key=lambda fact: fact.name)
    maps = [found[source.name] for source in sources]
    read = over_regions(maps, parcellation, atlas=atlas)
    said = ""
    if images:
        said = ", means over measured voxels where at least half of a region is"
    if read.table.unit:
        said = f", {read.table.unit} of {count(len(maps), 'table')}"
    return ReadMaps(
        maps=read.maps,
        facts=facts,
        backgrounds=sources_table(
            maps, [fact.background for fact in facts], parcels=read.table.parcels
        ),
        words=f"{read.table.words}{said}",
        regions=read.table,
        warnings=tuple(
            dict.fromkeys([*(w for source in sources for w in source.warnings), *read.warnings])
        ),
    )


def _image_means(
    sources: Sequence[MapPlace], atlas: Atlas, *, enclosed: Enclosed, facts: list[MapFact]
) -> dict[str, RegionValues]:
    """Return the means of images over the regions of an atlas, read one at a time."""
    labels: dict[str, NDArray[np.int32]] = {}
    found = {}
    stream = stream_maps(sources, enclosed=enclosed, facts=facts)
    for source, (volume, background) in zip(sources, stream, strict=True):
        key = volume.grid.digest
        if key not in labels:
            labels[key] = labels_on(atlas, grid=volume.grid)
        values = map_over_regions(
            volume, background=background, atlas=atlas, labels=labels[key], name=source.name
        )
        found[source.name] = replace(values, digest=facts[-1].digest)
    return found


def _table_fact(values: RegionValues) -> MapFact:
    n_measured = int(np.isfinite(values.values).sum())
    column = f"column {values.unit}" if values.unit else "a column of its own"
    return MapFact(
        name=values.name,
        digest=values.digest,
        grid_digest="",
        background=f"table, {column}; a missing cell is not measured",
        value=np.nan,
        tolerance=np.nan,
        n_measured=n_measured,
        n_enclosed=0,
        is_mask=False,
        is_bare=False,
        warnings=(),
    )
