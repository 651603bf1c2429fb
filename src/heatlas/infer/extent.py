"""Extent and mass of the clusters above a cut: their map, and the largest of many maps."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import check_choice
from heatlas.infer.compiled import as_input, compiled
from heatlas.infer.neighbours import check_measure, check_table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Words = NDArray[np.uint32]

ClusterStatistic = Literal["extent", "mass", "mass-above"]
EXTENT, MASS, MASS_ABOVE = 0, 1, 2
STATISTICS: Final = ("extent", "mass", "mass-above")  # in the order of their numbers
NONE: Final = np.uint32(0xFFFFFFFF)  # not above the cut


class _Clusters(NamedTuple):
    """What lies above the cut in one tail, and how it hangs together."""

    elements: Words
    """numbers of what lies above, in order"""
    places: Words
    """where each element, or the last one at each meeting place, stands in that list; the first
    is for no neighbour"""
    parents: Words
    """of each in the list, another of its cluster that stands before it; the first is its own"""
    totals: Floats
    """of each first one: the cluster's statistic"""


def cluster_map(
    values: ArrayLike,
    neighbours: NDArray[np.int32],
    *,
    cut: float,
    statistic: ClusterStatistic,
    two_sided: bool = True,
    measure: Floats | None = None,
) -> Floats:
    """Return for each element the statistic of its cluster, with the sign of its tail.

    Parameters
    ----------
    values : array_like, shape (V,)
        A statistic with expectation 0; taken as float32. NaN is in no cluster.
    neighbours : numpy.ndarray of int32, shape (V, K)
        From :func:`~heatlas.infer.neighbours.neighbour_table`.
    cut : float
        Members of a cluster lie strictly above it (below minus it in the negative tail); at
        least 0.
    statistic : {"extent", "mass", "mass-above"}
        Number of elements, sum of their magnitudes, or sum of what exceeds the cut.
    two_sided : bool
        Form clusters in the negative tail as well, apart from the positive one.
    measure : array_like of float64, shape (V,), optional
        Size of each element, by which it counts in all three sums; None: each counts 1.

    Returns
    -------
    numpy.ndarray of float64, shape (V,)
        Negative in the negative tail, 0 outside clusters.

    Raises
    ------
    DataError
        If the cut or a measure is negative or not finite, the statistic unknown, or a length
        does not fit.

    Notes
    -----
    Time is that of one look at each element and of one at each neighbour of those above the cut.

    References
    ----------
    Bullmore et al. (1999), Global, voxel, and cluster tests, by theory and permutation, for a
    difference between two groups of structural MR images of the brain. IEEE Transactions on
    Medical Imaging 18, doi:10.1109/42.750253, for extent and mass. Zalesky, Fornito and Bullmore
    (2010), Network-based statistic: identifying differences in brain networks. NeuroImage 53,
    for clusters of edges.
    """
    given = np.asarray(values, dtype=np.float32)
    if given.ndim != 1:
        raise DataError(f"clusters: expected one map of V values, got shape {given.shape}.")
    return _map(
        as_input(given, np.float32),
        neighbours=check_table(neighbours, n_elements=len(given)),
        measure=check_measure(measure, n_elements=len(given)),
        cut=_checked_cut(cut),
        weighing=_number_of(statistic),
        two_sided=bool(two_sided),
    )


def cluster_maxima(
    block: NDArray[np.float32],
    neighbours: NDArray[np.int32],
    *,
    cut: float,
    statistic: ClusterStatistic,
    two_sided: bool = True,
    measure: Floats | None = None,
) -> Floats:
    """Return the statistic of the largest cluster of each of many maps.

    Parameters
    ----------
    block : numpy.ndarray of float32, shape (B, V)
        One map per row; NaN is in no cluster.
    neighbours : numpy.ndarray of int32, shape (V, K)
        From :func:`~heatlas.infer.neighbours.neighbour_table`.
    cut : float
        As of :func:`cluster_map`.
    statistic : {"extent", "mass", "mass-above"}
        As of :func:`cluster_map`.
    two_sided : bool
        Whether clusters of the negative tail count as well; tails are never joined.
    measure : array_like of float64, shape (V,), optional
        Size of each element; None: each counts 1.

    Returns
    -------
    numpy.ndarray of float64, shape (B,)
        Exactly the largest magnitudes of :func:`cluster_map`; 0 for a map without clusters.

    Raises
    ------
    DataError
        As of :func:`cluster_map`.

    Notes
    -----
    Runs in one thread and lets go of the interpreter's lock; a map's number does not depend on
    the other maps of its block. Memory is 20 bytes an element beside the block.

    References
    ----------
    As of :func:`cluster_map`.
    """
    given = np.asarray(block, dtype=np.float32)
    if given.ndim != 2:
        raise DataError(f"clusters: expected maps in rows, got shape {given.shape}.")
    return _maxima(
        as_input(given, np.float32),
        neighbours=check_table(neighbours, n_elements=given.shape[1]),
        measure=check_measure(measure, n_elements=given.shape[1]),
        cut=_checked_cut(cut),
        weighing=_number_of(statistic),
        two_sided=bool(two_sided),
    )


def _checked_cut(cut: float) -> float:
    if not np.isfinite(cut) or cut < 0:
        raise DataError(f"cluster-forming cut: {cut} given, expected a statistic of at least 0.")
    return float(cut)


def _number_of(statistic: str) -> int:
    check_choice(statistic, name="cluster statistic", known=STATISTICS)
    return STATISTICS.index(statistic)


@compiled
def _maxima(
    block: Singles,
    *,
    neighbours: NDArray[np.int32],
    measure: Floats,
    cut: float,
    weighing: int,
    two_sided: bool,
) -> Floats:
    n_maps, n_elements = block.shape
    clusters = _new_clusters(n_elements, _n_marks(neighbours))
    largest = np.zeros(n_maps)
    for b in range(n_maps):
        for tail in range(2 if two_sided else 1):
            n = _list_above(block[b], elements=clusters.elements, cut=cut, negative=tail == 1)
            _weigh(n, values=block[b], clusters=clusters, measure=measure, cut=cut,
                   weighing=weighing)  # fmt: skip
            _connect(n, clusters=clusters, neighbours=neighbours)
            for k in range(n):
                if clusters.parents[k] == k:
                    largest[b] = max(largest[b], clusters.totals[k])
    return largest


@compiled
def _map(
    values: Singles,
    *,
    neighbours: NDArray[np.int32],
    measure: Floats,
    cut: float,
    weighing: int,
    two_sided: bool,
) -> Floats:
    clusters = _new_clusters(len(values), _n_marks(neighbours))
    mapped = np.zeros(len(values))
    for tail in range(2 if two_sided else 1):
        n = _list_above(values, elements=clusters.elements, cut=cut, negative=tail == 1)
        _weigh(n, values=values, clusters=clusters, measure=measure, cut=cut, weighing=weighing)
        _connect(n, clusters=clusters, neighbours=neighbours)
        for k in range(n):
            total = clusters.totals[_root(clusters.parents, np.uint32(k))]
            mapped[clusters.elements[k]] = -total if tail else total
    return mapped


@compiled
def _new_clusters(n_elements: int, n_marks: int) -> _Clusters:
    return _Clusters(
        elements=np.empty(n_elements, np.uint32),
        places=np.full(n_marks, NONE),
        parents=np.empty(n_elements, np.uint32),
        totals=np.empty(n_elements),
    )


@compiled
def _list_above(values: Singles, *, elements: Words, cut: float, negative: bool) -> int:
    """List the elements beyond the cut in one tail; return how many there are."""
    n = 0
    for element in range(len(values)):
        height = -values[element] if negative else values[element]
        if height > cut:
            elements[n] = element
            n += 1
    return n


@compiled
def _weigh(
    n: int, *, values: Singles, clusters: _Clusters, measure: Floats, cut: float, weighing: int
) -> None:
    """Set what each listed element adds to its cluster."""
    for k in range(n):
        element = clusters.elements[k]
        weight = measure[element] if measure.size else 1.0
        height = np.float64(abs(values[element]))
        if weighing == MASS:
            weight *= height
        elif weighing == MASS_ABOVE:
            weight *= height - cut
        clusters.totals[k] = weight


@compiled
def _connect(n: int, *, clusters: _Clusters, neighbours: NDArray[np.int32]) -> None:
    """Join what touches among the first n of the list, and forget their places again."""
    elements, places = clusters.elements, clusters.places
    parents, totals = clusters.parents, clusters.totals
    for k in range(n):
        parents[k] = k
        own = np.uint32(k)
        for j in range(neighbours.shape[1]):
            place = places[np.uint64(np.int64(neighbours[elements[k], j]) + 1)]
            if place == NONE:
                continue
            other = _root(parents, place)
            if other != own:
                first, last = min(own, other), max(own, other)
                parents[last] = first
                totals[first] += totals[last]
                own = first
        _leave_mark(np.uint32(k), element=elements[k], neighbours=neighbours, marks=places)
    for k in range(n):
        _leave_mark(NONE, element=elements[k], neighbours=neighbours, marks=places)


@compiled
def _leave_mark(
    mark: np.uint32, *, element: np.uint32, neighbours: NDArray[np.int32], marks: Words
) -> None:
    """Mark an element, and its meeting places where there are any."""
    n_elements = len(neighbours)
    marks[element + np.uint32(1)] = mark
    if len(marks) > n_elements + 1:
        for j in range(neighbours.shape[1]):
            if neighbours[element, j] >= n_elements:
                marks[np.uint64(np.int64(neighbours[element, j]) + 1)] = mark


@compiled
def _n_marks(neighbours: NDArray[np.int32]) -> int:
    """Return how many marks there are: for no neighbour, elements and meeting places."""
    last = len(neighbours) - 1
    for element in range(len(neighbours)):
        for j in range(neighbours.shape[1]):
            if neighbours[element, j] > last:
                last = int(neighbours[element, j])
    return last + 2


@compiled
def _root(parents: Words, place: np.uint32) -> np.uint32:
    """Return the root of a place in the list, halving the way for whoever comes next."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place
