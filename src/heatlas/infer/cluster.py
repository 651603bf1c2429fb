"""Clusters of surviving elements: their sizes, peaks and sub-peaks, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from heatlas.core import words
from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.estimate import Estimate
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.table import Column, Table
from heatlas.core.threshold import Threshold
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.infer.fwe import clopper_pearson
from heatlas.infer.tail import REACH

if TYPE_CHECKING:
    from heatlas.core.atlas import Atlas

Floats = NDArray[np.float64]
Elements = NDArray[np.int64]

NEIGHBOURHOOD_WORDS = {
    "faces": "share a face",
    "edges": "share a face or an edge",
    "corners": "share a face, an edge or a corner",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters(Value):
    """Elements that survive and touch each other, numbered by the height of their peak.

    Parameters
    ----------
    labels : array_like of int32, shape (mask.size,)
        Number of the cluster of each element, 1 for the highest peak; 0 outside.
    signs : array_like of int32, shape (k,)
        +1 or -1 for each cluster.
    sizes : array_like of float64, shape (k,)
        Measure of each cluster: mm3 for voxels.
    n_elements : array_like of int32, shape (k,)
        Number of elements in each.
    peaks : tuple of tuple of int
        For each cluster the elements of its local maxima, highest first; the first is its peak.
    mask : Mask
        The elements.
    neighbourhood : str
        What counts as touching.
    """

    labels: NDArray[np.int32]
    signs: NDArray[np.int32]
    sizes: NDArray[np.float64]
    n_elements: NDArray[np.int32]
    peaks: tuple[tuple[int, ...], ...]
    mask: Mask
    neighbourhood: str

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit."""
        kinds = {"labels": np.int32, "signs": np.int32, "sizes": float, "n_elements": np.int32}
        for name, dtype in kinds.items():
            array = own_array(getattr(self, name), name=name, dtype=dtype, ndim=1)
            set_field(self, name, to=array)
        check_length(self.labels, name="labels", expected=self.mask.size, per="mask elements")

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.sizes)


class _Survivors(NamedTuple):
    """Surviving elements, their magnitude and their sign."""

    elements: Elements
    height: Floats
    positive: NDArray[np.bool_]


def label_clusters(
    values: NDArray[np.floating],
    *,
    survives: NDArray[np.bool_],
    mask: Mask,
    neighbourhood: str = "edges",
) -> Clusters:
    """Return the clusters of what survives, positive and negative ones apart.

    Parameters
    ----------
    values : numpy.ndarray, shape (mask.size,)
        The map; its sign keeps clusters apart, its magnitude orders them.
    survives : numpy.ndarray of bool, shape (mask.size,)
        What survives; zeros and NaN belong to no cluster.
    mask : Mask
        The elements, on any space.
    neighbourhood : str
        Which elements touch: on a grid ``"faces"`` (6), ``"edges"`` (18) or ``"corners"`` (26).

    Returns
    -------
    Clusters
        Highest peak first; equal peaks in the order of the elements.

    Notes
    -----
    Time and memory grow with the number of survivors, not with the space (on grids). A local
    maximum is an element of the cluster without a higher neighbour in it (on grids: among 26);
    of a plateau the first element counts.
    """
    check_length(values, name="map", expected=mask.size, per="mask elements")
    check_length(survives, name="survives", expected=mask.size, per="mask elements")
    found = _survivors(values, survives=survives)
    component = _components(found, mask=mask, neighbourhood=neighbourhood)
    highest = _highest_first(found, component)
    number = np.empty(len(highest), dtype=np.int32)
    number[component[highest]] = np.arange(1, len(highest) + 1)
    own = number[component]
    labels = np.zeros(mask.size, dtype=np.int32)
    labels[found.elements] = own
    measure = mask.measure()[found.elements]
    around = "corners" if isinstance(mask.space, Grid) else neighbourhood
    pairs = _pairs(found.elements, mask=mask, neighbourhood=around)
    sizes = np.bincount(own - 1, weights=measure, minlength=len(highest))
    return Clusters(
        labels=labels,
        signs=np.where(found.positive[highest], 1, -1).astype(np.int32),
        sizes=sizes.astype(np.float64),
        n_elements=np.bincount(own - 1, minlength=len(highest)).astype(np.int32),
        peaks=_local_maxima(found, own, n_clusters=len(highest), pairs=pairs),
        mask=mask,
        neighbourhood=neighbourhood,
    )


def cluster_extent(
    values: NDArray[np.floating],
    *,
    survives: NDArray[np.bool_],
    mask: Mask,
    extent_mm3: float,
    neighbourhood: str = "edges",
) -> NDArray[np.bool_]:
    """Return what survives without the clusters that are too small.

    Parameters
    ----------
    values : numpy.ndarray, shape (mask.size,)
        The map; clusters of different sign are counted apart.
    survives : numpy.ndarray of bool, shape (mask.size,)
        What survives so far.
    mask : Mask
        The elements.
    extent_mm3 : float
        A cluster stays when its measure is at least this.
    neighbourhood : str
        Which elements touch, see :func:`label_clusters`.

    Returns
    -------
    numpy.ndarray of bool, shape (mask.size,)
        What still survives.

    Raises
    ------
    DataError
        If the extent is negative or not finite.

    Notes
    -----
    This filter tidies a picture; it is no test and controls no error.
    """
    if not np.isfinite(extent_mm3) or extent_mm3 < 0:
        raise DataError(f"cluster extent: {extent_mm3} mm3 given, expected at least 0.")
    clusters = label_clusters(values, survives=survives, mask=mask, neighbourhood=neighbourhood)
    # The slack forgives the last bits of a voxel volume from a float32 affine.
    stays = np.append(False, clusters.sizes >= extent_mm3 * (1 - 1e-6))
    return np.asarray(stays[clusters.labels])


def cluster_table(
    stat_map: StatMap,
    threshold: Threshold,
    *,
    effect: Estimate | None = None,
    neighbourhood: str = "edges",
    atlas: Atlas | None = None,
    max_subpeaks: int = 3,
    min_distance_mm: float = 8.0,
) -> Table:
    """Return the clusters that survive, highest peak first, each followed by its sub-peaks.

    Parameters
    ----------
    stat_map : StatMap
        The statistic.
    threshold : Threshold
        What survives, and the p of each element.
    effect : Estimate, optional
        Estimate with interval per element of the same mask.
    neighbourhood : str
        Which elements touch, see :func:`label_clusters`; the caption says it.
    atlas : Atlas, optional
        Names the region of each peak.
    max_subpeaks : int
        Most sub-peaks listed per cluster.
    min_distance_mm : float
        Least distance of a sub-peak to the peak and to every sub-peak listed before it.

    Returns
    -------
    Table
        One row per peak: cluster (``1``, its sub-peaks ``1a``, ``1b``), sign, position in mm,
        size in mm3 (clusters only), statistic, p, estimate with interval, region. No row when
        nothing survives.

    Raises
    ------
    SpaceMismatchError
        If the estimate belongs to another mask.

    Notes
    -----
    The table describes what survived. A cluster's size carries no p unless clusters were judged.
    """
    _check_effect(effect, stat_map)
    clusters = label_clusters(
        stat_map.values,
        survives=threshold.survives,
        mask=stat_map.mask,
        neighbourhood=neighbourhood,
    )
    positions = stat_map.mask.positions_mm() if len(clusters) else np.zeros((0, 3))
    rows = _rows(clusters, positions, most=max_subpeaks, apart_mm=min_distance_mm)
    elements = np.array([row.element for row in rows], dtype=np.int64)
    columns = [
        *_place_columns(rows, clusters, positions=positions[elements]),
        _statistic_column(stat_map, elements),
        *_extended_columns(threshold, elements),
        *_p_columns(threshold, elements),
        *_estimate_columns(effect, elements),
        *_region_columns(atlas, positions[elements]),
    ]
    noun = "voxels" if isinstance(stat_map.mask.space, Grid) else "elements"
    touch = NEIGHBOURHOOD_WORDS.get(neighbourhood, f"touch ({neighbourhood})")
    caption = (
        f"Clusters of surviving {noun} that {touch}, with up to {max_subpeaks} sub-peaks at "
        f"least {min_distance_mm:g} mm apart. {threshold.words[:1].upper()}{threshold.words[1:]}."
    )
    if _judges_clusters(threshold):
        caption += " p belongs to the cluster as a whole, not to its peaks."
    return Table(columns=tuple(columns), caption=caption)


def _survivors(values: NDArray[np.floating], *, survives: NDArray[np.bool_]) -> _Survivors:
    size = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0))
    elements = np.flatnonzero(np.asarray(survives, dtype=bool) & (size > 0))
    return _Survivors(elements, size[elements], np.asarray(values)[elements] > 0)


def _pairs(elements: Elements, *, mask: Mask, neighbourhood: str) -> tuple[Elements, Elements]:
    """Return all ordered pairs of neighbours as places in the list of elements."""
    if not len(elements):
        return elements, elements
    inside = np.zeros(mask.space.size, dtype=bool)
    inside[mask.indices[elements]] = True
    pairs = Mask(space=mask.space, inside=inside).adjacency(neighbourhood).tocoo()
    first, second = pairs.coords
    return first.astype(np.int64), second.astype(np.int64)


def _components(found: _Survivors, *, mask: Mask, neighbourhood: str) -> NDArray[np.int32]:
    """Return the number of the connected component of each survivor, in no special order."""
    n = len(found.elements)
    first, second = _pairs(found.elements, mask=mask, neighbourhood=neighbourhood)
    same = found.positive[first] == found.positive[second]
    return _connected(first[same], second[same], n=n)


def _connected(first: Elements, second: Elements, *, n: int) -> NDArray[np.int32]:
    if n == 0:
        return np.zeros(0, dtype=np.int32)
    ones = np.ones(len(first), dtype=np.int8)
    graph = coo_array((ones, (first, second)), shape=(n, n)).tocsr()
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def _highest_first(found: _Survivors, component: NDArray[np.int32]) -> Elements:
    """Return the highest survivor of each component, highest first; ties by element."""
    order = np.lexsort((np.arange(len(component)), -found.height))
    _, first_seen = np.unique(component[order], return_index=True)
    return np.asarray(order[np.sort(first_seen)])


def _local_maxima(
    found: _Survivors,
    own: NDArray[np.int32],
    *,
    n_clusters: int,
    pairs: tuple[Elements, Elements],
) -> tuple[tuple[int, ...], ...]:
    """Return the elements without a higher neighbour, cluster by cluster, highest first."""
    n = len(found.elements)
    first, second = pairs
    inner = own[first] == own[second]
    first, second = first[inner], second[inner]
    climb = found.height[second] - found.height[first]
    # Neighbours of equal height are one plateau, which is a peak if nothing around is higher.
    plateau = _connected(first[climb == 0], second[climb == 0], n=n)
    is_peak = np.zeros(n, dtype=bool)
    is_peak[np.unique(plateau, return_index=True)[1]] = True
    is_peak[np.isin(plateau, plateau[first[climb > 0]])] = False
    peaks = np.flatnonzero(is_peak)
    peaks = peaks[np.lexsort((peaks, -found.height[peaks], own[peaks]))]
    bounds = np.searchsorted(own[peaks], np.arange(1, n_clusters + 2))
    listed = found.elements[peaks].tolist()
    return tuple(tuple(listed[bounds[k] : bounds[k + 1]]) for k in range(n_clusters))


class _Row(NamedTuple):
    """One line of the table."""

    name: str
    cluster: int
    element: int
    is_main: bool


def _rows(clusters: Clusters, positions: Floats, *, most: int, apart_mm: float) -> list[_Row]:
    rows = []
    for cluster, candidates in enumerate(clusters.peaks):
        kept = _apart(candidates, positions, most=most + 1, apart_mm=apart_mm)
        for place, element in enumerate(kept):
            suffix = "" if place == 0 else _letters(place)
            rows.append(_Row(f"{cluster + 1}{suffix}", cluster, element, place == 0))
    return rows


def _apart(
    candidates: Sequence[int], positions: Floats, *, most: int, apart_mm: float
) -> list[int]:
    """Keep candidates in order, each at least so far from all that were kept before."""
    kept: list[int] = []
    left = np.array(candidates, dtype=np.int64)
    while len(left) and len(kept) < most:
        kept.append(int(left[0]))
        distance = np.linalg.norm(positions[left] - positions[left[0]], axis=1)
        # A micrometre of slack, so that 8 mm on a 2 mm grid is 8 mm whatever the rounding.
        far = distance >= apart_mm - 1e-3
        far[0] = False
        left = left[far]
    return kept


def _letters(place: int) -> str:
    """Return a, b, ... z, aa, ab, ... for 1, 2, ..."""
    text = ""
    while place > 0:
        place, digit = divmod(place - 1, 26)
        text = chr(ord("a") + digit) + text
    return text


def _place_columns(rows: list[_Row], clusters: Clusters, *, positions: Floats) -> list[Column]:
    signs = tuple("+" if clusters.signs[row.cluster] > 0 else "−" for row in rows)
    sizes = [clusters.sizes[row.cluster] if row.is_main else np.nan for row in rows]
    is_grid = isinstance(clusters.mask.space, Grid)
    return [
        Column(
            name="cluster",
            values=tuple(row.name for row in rows),
            description="Number of the cluster by height of its peak; letters are sub-peaks.",
        ),
        Column(name="sign", values=signs, description="Sign of the statistic."),
        *(
            Column(
                name=f"{axis}_mm",
                values=positions[:, k].copy(),
                unit="mm",
                description=f"Position of the peak: {axis}, RAS+.",
            )
            for k, axis in enumerate("xyz")
        ),
        Column(
            name="size_mm3" if is_grid else "size",
            values=np.array(sizes, dtype=np.float64),
            unit="mm3" if is_grid else "",
            description="Size of the whole cluster; sub-peaks have none of their own.",
            digits=6,
        ),
    ]


def _statistic_column(stat_map: StatMap, elements: Elements) -> Column:
    sample = stat_map.sample_words()
    return Column(
        name="statistic",
        values=stat_map.values[elements].astype(np.float64),
        description=f"{stat_map.kind} at the peak" + (f", {sample}." if sample else "."),
    )


def _judges_clusters(threshold: Threshold) -> bool:
    return threshold.quantity.startswith("cluster")


def _extended_columns(threshold: Threshold, elements: Elements) -> list[Column]:
    """Return what was compared with the permutations, where that is not the statistic itself."""
    if threshold.extended is None:
        return []
    whole = ", the same in the whole cluster" if _judges_clusters(threshold) else " at the peak"
    return [
        Column(
            name=threshold.quantity.lower().replace(" ", "_"),
            values=np.abs(threshold.extended[elements]),
            description=f"{threshold.quantity}{whole}; compared with the largest of each "
            "permutation.",
        )
    ]


def _p_columns(threshold: Threshold, elements: Elements) -> list[Column]:
    """Return p and, for Monte-Carlo p, its interval in words; nothing where p does not exist."""
    if threshold.logp is None:
        return []
    p = 10.0 ** -threshold.logp[elements]
    corrected = threshold.correction != "none"
    kind = {"none": "Uncorrected", "fwe": "FWE-corrected", "fdr": "FDR-adjusted"}
    whose = "whole cluster" if _judges_clusters(threshold) else "peak"
    columns = [
        Column(
            name="p_corrected" if corrected else "p_uncorrected",
            values=p,
            description=f"{kind[threshold.correction]} p of the {whose}.",
        )
    ]
    if threshold.n_permutations is not None:
        said = tuple(
            _p_words(float(each), int(element), threshold=threshold)
            for each, element in zip(p, elements, strict=True)
        )
        description = "The p in words, with the 95 % interval of its Monte-Carlo error."
        columns.append(Column(name="p_words", values=said, description=description))
    return [*columns, *_tail_columns(threshold, elements)]


def _tail_columns(threshold: Threshold, elements: Elements) -> list[Column]:
    """Return the approximate p beyond the reach of the permutations, where there is any."""
    if threshold.tail_logp is None or np.isnan(threshold.tail_logp[elements]).all():
        return []
    return [
        Column(
            name="p_tail",
            values=10.0 ** -threshold.tail_logp[elements],
            description="Approximate corrected p by a generalised Pareto tail fitted to the "
            "largest maxima, where the peak lies beyond all permutations.",
            digits=2,
        )
    ]


def _p_words(p: float, element: int, *, threshold: Threshold) -> str:
    n = threshold.n_permutations or 0
    if np.isnan(p):
        return "n/a"
    if threshold.n_possible is not None and n >= threshold.n_possible:
        return f"{words.p_value(p)}, exact"
    low, high = clopper_pearson(round(p * n) - 1, n - 1)
    text = f"{words.p_value(p)} [{float(low):.4f}, {float(high):.4f}]"
    if threshold.undecided is not None and threshold.undecided[element]:
        text += ", undecided"
    tail = np.nan if threshold.tail_logp is None else threshold.tail_logp[element]
    if not np.isnan(tail):
        at_its_end = tail >= np.log10(REACH * n) - 1e-9
        about = f"{'at most' if at_its_end else 'about'} {words.number(10.0**-tail, digits=1)}"
        text += f"; {about} (approximate, by a generalised Pareto tail)"
    return text


def _estimate_columns(effect: Estimate | None, elements: Elements) -> list[Column]:
    if effect is None:
        return []
    level = words.percent(effect.level)
    parts = {
        "estimate": (effect.value, f"{effect.kind or 'Estimate'} at the peak."),
        "low": (effect.low, f"Lower limit of its {level} interval."),
        "high": (effect.high, f"Upper limit of its {level} interval."),
    }
    return [
        Column(name=name, values=array[elements], unit=effect.unit, description=said)
        for name, (array, said) in parts.items()
    ]


def _region_columns(atlas: Atlas | None, positions: Floats) -> list[Column]:
    if atlas is None:
        return []
    regions = atlas.at(positions) if len(positions) else ()
    return [Column(name="region", values=tuple(regions), description=f"Region in {atlas.name}.")]


def _check_effect(effect: Estimate | None, stat_map: StatMap) -> None:
    if effect is None:
        return
    if effect.mask is None or not effect.mask.same_as(stat_map.mask):
        raise SpaceMismatchError("cluster table: the estimate belongs to another mask.")
