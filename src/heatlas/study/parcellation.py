"""From images and tables to maps over named regions: the atlas, the names, the centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from heatlas.compare.maps import ComparedMaps
from heatlas.compare.regions import (
    RegionTable,
    RegionValues,
    compared_regions,
    region_table,
    regions_of,
)
from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance, digest_array
from heatlas.core.table import Column, Table
from heatlas.core.value import Value
from heatlas.core.words import count, join
from heatlas.geometry.parcellate import parcels_of
from heatlas.io.atlases import ATLASES, CENTRES, read_atlas, shipped_atlas
from heatlas.study.regiontables import AXES, TableChoice, read_centres

SHOWN = 3  # names that a message quotes


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcellation(Value):
    """Over which regions maps are compared, and which columns of tables are maps.

    Parameters
    ----------
    atlas : str, Path or Atlas, optional
        ``"aal"``, which comes with Heatlas, or a label image; images then become means over its
        regions, and tables are matched with its names.
    labels : Path or str, optional
        Table with the names of the labels of an image.
    value : str, optional
        Column of the tables that holds the map, or ``"*"`` for every column of numbers. None takes
        every one of a table that is alone; of several tables the only one, or a known effect size
        such as ``d_icv``.
    centres : Path, str or Table, optional
        Where the regions of tables lie: columns name, x, y and z, in mm; or
        ``"desikan-killiany"``, the 68 cortical and 16 deep regions by the names of published
        tables of effect sizes (``L_insula``, ``Rput``).
    """

    atlas: str | Path | Atlas | None = None
    labels: Path | str | None = None
    value: str | None = None
    centres: Path | str | Table | None = None

    def __post_init__(self) -> None:
        """Check that the choices fit each other."""
        if self.atlas is not None and self.centres is not None:
            raise DataError("An atlas says where its regions lie; leave the centres out.")
        if self.labels is not None and (self.atlas is None or self._is_known):
            raise DataError("Names of labels (--atlas-labels) belong to a label image (--atlas).")

    @property
    def _is_known(self) -> bool:
        return isinstance(self.atlas, Atlas) or str(self.atlas) in ATLASES

    def read_atlas(self) -> Atlas | None:
        """Return the atlas; None where none is named."""
        if self.atlas is None or isinstance(self.atlas, Atlas):
            return self.atlas
        if str(self.atlas) in ATLASES:
            return shipped_atlas(str(self.atlas))
        path = Path(self.atlas)
        if not path.suffix and not path.exists():
            return shipped_atlas(str(self.atlas))  # raises with the known names
        return read_atlas(path, None if self.labels is None else Path(self.labels))

    def choice(self, path: Path, *, alone: bool) -> TableChoice:
        """Return which columns of a table are maps."""
        here = isinstance(self.centres, (str, Path)) and Path(self.centres) == path
        apart = AXES if here else ()
        return TableChoice(value=self.value, alone=alone, apart=apart)


class OverRegions(NamedTuple):
    """Maps over regions, ready to be compared."""

    maps: ComparedMaps
    table: RegionTable
    warnings: tuple[str, ...]


def over_regions(
    maps: Sequence[RegionValues], parcellation: Parcellation, *, atlas: Atlas | None
) -> OverRegions:
    """Match maps over regions by the regions' names.

    Parameters
    ----------
    maps : sequence of RegionValues
        In the order of their names.
    parcellation : Parcellation
        Where the regions lie.
    atlas : Atlas or None
        The regions that count; None takes those of the tables.

    Returns
    -------
    OverRegions
        With a warning for all that is missing on either side.

    Raises
    ------
    DataError
        If the maps share no region with each other or with the atlas, or a centre is missing.
    """
    warnings: list[str] = []
    if atlas is not None:
        parcels = parcels_of(atlas)
        warnings += [*atlas.provenance.warnings, *_beyond(maps, parcels, atlas=atlas)]
        words, citation = f"{parcels.size} regions of {atlas.name}", atlas.citation
    else:
        parcels = _named_parcels(maps, parcellation)
        words, citation = f"{parcels.size} regions matched by name", ""
    warnings += _lacking(maps, parcels)
    inputs = {item.name: item.digest for item in maps}
    if atlas is not None:
        inputs[f"atlas {atlas.name}"] = digest_array(atlas.labels)
    provenance = Provenance().then(
        "regions", parameters={"regions": parcels.size, "words": words}, inputs=inputs
    )
    return OverRegions(
        maps=compared_regions(maps, parcels=parcels, provenance=provenance),
        table=region_table(
            maps, parcels=parcels, provenance=provenance, words=words, citation=citation
        ),
        warnings=tuple(warnings),
    )


def sources_table(
    maps: Sequence[RegionValues], backgrounds: Sequence[str], *, parcels: Parcels
) -> Table:
    """Return where each map comes from and how many regions it measures.

    Parameters
    ----------
    maps : sequence of RegionValues
        The maps.
    backgrounds : sequence of str
        What each file stores where nothing was measured, or which column was taken.
    parcels : Parcels
        The regions that count.

    Returns
    -------
    Table
        One row a map.
    """
    held = {*parcels.names}
    measured = [
        sum(name in held and bool(np.isfinite(value)) for name, value in _pairs(item))
        for item in maps
    ]
    partly = [item.n_partly for item in maps]
    missing = [parcels.size - n for n in measured]
    return Table(
        columns=(
            Column(name="map", values=tuple(item.name for item in maps)),
            Column(name="background", values=tuple(backgrounds)),
            Column(name="measured", values=np.array(measured, dtype=np.float64),
                   description="regions with a value"),
            Column(name="missing", values=np.array(missing, dtype=np.float64),
                   description="regions without a value"),
            Column(name="less than half", values=np.array(partly, dtype=np.float64),
                   description="missing regions of which the map measures some voxels"),
        ),
        caption="What each file stores where nothing was measured, and how many regions it has.",
    )  # fmt: skip


def _named_parcels(maps: Sequence[RegionValues], parcellation: Parcellation) -> Parcels:
    """Return the regions of tables, with their centres where these are given."""
    names = regions_of(maps)
    given = parcellation.centres
    if given is None:
        return Parcels(names=names)
    return Parcels(names=names, centres_mm=read_centres(_centres(given), regions=names))


def _centres(given: Path | str | Table) -> Path | Table:
    """Return the table of centres; a name without an ending is one of those that come along."""
    if isinstance(given, Table):
        return given
    path = Path(given)
    if str(given) in CENTRES or (not path.suffix and not path.exists()):
        return CENTRES[str(given)]
    return path


def _beyond(maps: Sequence[RegionValues], parcels: Parcels, *, atlas: Atlas) -> list[str]:
    """Return what tables hold beyond the atlas; DataError where a table holds nothing else."""
    held, warnings = {*parcels.names}, []
    for item in maps:
        strange = [name for name in item.regions if name not in held]
        if len(strange) == len(item.regions):
            raise DataError(
                f"{item.name}: none of its {len(strange)} regions ({_few(strange)}) is one of "
                f"{atlas.name} ({_few(parcels.names)}); spell them alike, or take another atlas."
            )
        if strange:
            warnings.append(
                f"{item.name}: {count(len(strange), 'region')} that {atlas.name} does not hold "
                f"left out ({_few(strange)})"
            )
    return warnings


def _lacking(maps: Sequence[RegionValues], parcels: Parcels) -> list[str]:
    """Return which regions the map that has the fewest lacks, and how many maps lack any."""
    lacking = {}
    for item in maps:
        known = {name for name, value in _pairs(item) if np.isfinite(value)}
        missing = [name for name in parcels.names if name not in known]
        if missing:
            lacking[item.name] = missing
    if not lacking:
        return []
    most = max(lacking, key=lambda name: len(lacking[name]))
    said = f"{count(len(lacking[most]), 'region')} ({_few(lacking[most])}) in {most}"
    if len(lacking) == 1:
        return [f"no value of {said}"]
    return [f"{len(lacking)} of {len(maps)} maps lack regions, the most {said}"]


def _pairs(item: RegionValues) -> list[tuple[str, float]]:
    return list(zip(item.regions, item.values.tolist(), strict=True))


def _few(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return join([*names[:SHOWN], *([f"{more} more"] if more > 0 else [])])
