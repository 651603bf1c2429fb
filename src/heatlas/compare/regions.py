"""Maps over named regions: means over what was measured, and tables that are matched by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.background import Background
from heatlas.compare.correlation import FEWEST
from heatlas.compare.maps import ComparedMaps, measured_volume
from heatlas.compare.order import cluster
from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.matrix import LabelledMatrix, Side
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance
from heatlas.core.space import Mask
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import join
from heatlas.geometry.parcellate import label_means, region_names

Floats = NDArray[np.float64]
LEAST_SHARE = 0.5  # of a region's voxels that a map has to measure
FEWEST_MAPS = 3  # of a correlation of regions across maps
SHOWN = 3  # names that a message quotes


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionValues(Value):
    """One map as a value for each of some regions.

    Parameters
    ----------
    name : str
        How the map is called.
    regions : tuple of str
        Names of the regions, unique.
    values : array_like of float64, shape (regions,)
        NaN where the map was not measured.
    stored : array_like of float64, shape (regions,), optional
        Means over every voxel as its file stores it, background included; None for tables.
    n_partly : int
        Regions that count as not measured because less than half of their voxels were.
    unit : str
        What the values are where a table says so: the name of its column.
    digest : str
        Digest of what the values were read from.
    """

    name: str
    regions: tuple[str, ...]
    values: Floats
    stored: Floats | None = None
    n_partly: int = 0
    unit: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit the regions."""
        set_field(self, "regions", to=tuple(str(name) for name in self.regions))
        for name in ("values", "stored"):
            if getattr(self, name) is not None:
                array = own_array(getattr(self, name), name=name, dtype=np.float64, ndim=1)
                check_length(array, name=name, expected=len(self.regions), per="regions")
                set_field(self, name, to=array)
        self._check_varies()

    def _check_varies(self) -> None:
        """Raise unless at least two regions have different values."""
        finite = self.values[np.isfinite(self.values)]
        if not finite.size:
            raise DataError(f"{self.name}: none of its {len(self.regions)} regions has a value.")
        if len(self.regions) < FEWEST:
            raise DataError(
                f"{self.name}: it holds {join(self.regions)} only; a comparison needs at least "
                f"{FEWEST} regions."
            )
        if finite.min() == finite.max():
            raise DataError(
                f"{self.name}: it is constant, {finite[0]:g} in all {finite.size} regions, and a "
                "constant has no correlation. Leave it out."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionTable(Value):
    """Regions against maps: the values from which a comparison over regions starts.

    Parameters
    ----------
    matrix : LabelledMatrix
        Regions (rows) against maps (columns) as they were read; NaN where not measured.
    parcels : Parcels
        The regions, with their centres where these are known.
    unit : str
        What the values of all maps are; empty where maps have units of their own.
    words : str
        Where the regions come from: ``"120 regions of AAL"``.
    citation : str
        What to cite for them.
    """

    matrix: LabelledMatrix
    parcels: Parcels
    unit: str = ""
    words: str = ""
    citation: str = ""

    @cached_property
    def comparable(self) -> LabelledMatrix:
        """The same values in one unit: as they are, or as z over the regions of each map."""
        if self.unit:
            return replace(self.matrix, kind=self.unit)
        values = self.matrix.values
        z = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
        return replace(self.matrix, values=z, kind="z over the regions of each map")

    @cached_property
    def correlation(self) -> LabelledMatrix | None:
        """Pearson r of each two regions across the maps, clustered; None for fewer than three."""
        if self.matrix.shape[1] < FEWEST_MAPS:
            return None
        values, n = _pairwise_pearson(self.comparable.values)
        return cluster(
            LabelledMatrix(
                values=values,
                n=n,
                rows=Side(names=self.matrix.rows.names),
                columns=Side(names=self.matrix.rows.names),
                kind="Pearson r across maps",
                provenance=self.matrix.provenance,
            )
        )


def map_over_regions(
    volume: Volume,
    *,
    background: Background,
    atlas: Atlas,
    labels: NDArray[np.int32],
    name: str,
) -> RegionValues:
    """Return the mean of a map over each region of an atlas, background never mixed in.

    Parameters
    ----------
    volume : Volume
        The map on its own grid; it is not moved.
    background : Background
        What :func:`heatlas.compare.background.find_background` found in it.
    atlas : Atlas
        The regions.
    labels : numpy.ndarray of int32, shape volume.grid.shape
        The region of each voxel (:func:`heatlas.geometry.parcellate.labels_on`).
    name : str
        How the map is called.

    Returns
    -------
    RegionValues
        A region has a value where the map measures at least half of its voxels.

    Raises
    ------
    DataError
        If no region has a value, or all have the same.
    """
    whole = label_means(volume.values, labels=labels, atlas=atlas)
    found = label_means(
        measured_volume(volume, background=background).values, labels=labels, atlas=atlas
    )
    n_voxels = found.n + found.n_left_out
    enough = (found.n > 0) & (found.n >= LEAST_SHARE * n_voxels)
    if not enough.any():
        raise DataError(
            f"{name}: it measures none of the {len(atlas.present)} regions of {atlas.name} in at "
            "least half of their voxels. Check that map and atlas are in the same space."
        )
    return RegionValues(
        name=name,
        regions=region_names(atlas),
        values=np.where(enough, found.mean, np.nan),
        stored=whole.mean,
        n_partly=int(np.count_nonzero((found.n > 0) & ~enough)),
    )


def regions_of(maps: Sequence[RegionValues]) -> tuple[str, ...]:
    """Return the regions of tables: those of the first, then what the others add, in order.

    Parameters
    ----------
    maps : sequence of RegionValues
        In the order of their names.

    Returns
    -------
    tuple of str
        Each region once.

    Raises
    ------
    DataError
        If no region occurs in two of the maps.
    """
    names = list(dict.fromkeys(region for item in maps for region in item.regions))
    if len(maps) > 1 and len(names) == sum(len(item.regions) for item in maps):
        first, second = (item.regions[:SHOWN] for item in maps[:2])
        raise DataError(
            f"No region occurs in two of the maps: {maps[0].name} holds {join(first)} ..., "
            f"{maps[1].name} {join(second)} .... Regions are matched by their names; spell them "
            "alike."
        )
    return tuple(names)


def compared_regions(
    maps: Sequence[RegionValues], *, parcels: Parcels, provenance: Provenance
) -> ComparedMaps:
    """Put maps over regions side by side.

    Parameters
    ----------
    maps : sequence of RegionValues
        At least one.
    parcels : Parcels
        The regions that count; a map is not measured where it lacks one.
    provenance : Provenance
        How the values came about.

    Returns
    -------
    ComparedMaps
        Over every region that at least one map holds.
    """
    values = np.stack([_placed(item.regions, item.values, parcels=parcels) for item in maps])
    kept = values
    stored = None
    if any(item.stored is not None for item in maps):
        stored = np.stack([
            _placed(item.regions, item.values if item.stored is None else item.stored,
                    parcels=parcels)
            for item in maps
        ])  # fmt: skip
        kept = np.where(np.isfinite(values), values, stored)
    inside = np.asarray(np.isfinite(kept).any(axis=0))
    return ComparedMaps(
        values=values[:, inside].astype(np.float32),
        mask=Mask(space=parcels, inside=inside, words="every region that a map holds"),
        fills=np.full(len(maps), np.nan),
        names=tuple(item.name for item in maps),
        stored=None if stored is None else stored[:, inside].astype(np.float32),
        provenance=provenance,
    )


def region_table(
    maps: Sequence[RegionValues],
    *,
    parcels: Parcels,
    provenance: Provenance,
    words: str = "",
    citation: str = "",
) -> RegionTable:
    """Return the values of all maps with the names of regions and maps, in float64.

    Parameters
    ----------
    maps : sequence of RegionValues
        At least one.
    parcels : Parcels
        The regions that count.
    provenance : Provenance
        How the values came about.
    words, citation : str
        Where the regions come from, and what to cite.

    Returns
    -------
    RegionTable
        Clustered; with a unit where all maps come from columns of one name.
    """
    columns = [_placed(item.regions, item.values, parcels=parcels) for item in maps]
    units = {item.unit for item in maps}
    unit = units.pop() if len(units) == 1 else ""
    table = RegionTable(
        matrix=LabelledMatrix(
            values=np.stack(columns, axis=1),
            rows=Side(names=parcels.names),
            columns=Side(names=tuple(item.name for item in maps)),
            kind=unit or "value",
            provenance=provenance,
        ),
        parcels=parcels,
        unit=unit,
        words=words,
        citation=citation,
    )
    order = cluster(table.comparable)
    return replace(table, matrix=replace(table.matrix, rows=order.rows, columns=order.columns))


def _placed(regions: tuple[str, ...], values: Floats, *, parcels: Parcels) -> Floats:
    """Return values in the order of the parcels, NaN where there is none."""
    by_name = dict(zip(regions, values.tolist(), strict=True))
    return np.array([by_name.get(name, np.nan) for name in parcels.names])


def _pairwise_pearson(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return r of each two rows over the columns that both have, and how many these are."""
    known = np.isfinite(values).astype(np.float64)
    x = np.where(known > 0, values, 0.0)
    x -= known * (x.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1))
    n = known @ known.T
    sums, squares = x @ known.T, (x * x) @ known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = squares - sums**2 / n
        r = (x @ x.T - sums * sums.T / n) / np.sqrt(spread * spread.T)
        flat = (spread <= 1e-12 * squares) | (spread.T <= 1e-12 * squares.T)
    r = np.where(flat | (n < FEWEST_MAPS), np.nan, np.clip(r, -1, 1))
    return r, np.rint(n).astype(np.int64)
