"""What is maximised over the elements of an arrangement: statistic, TFCE or cluster value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.value import Value
from heatlas.infer.arranged import Statistic
from heatlas.infer.compiled import compiled
from heatlas.infer.corrected import Quantity
from heatlas.infer.extent import ClusterStatistic, cluster_map, cluster_maxima
from heatlas.infer.fwe import TIE
from heatlas.infer.neighbours import neighbour_table
from heatlas.infer.normal_scores import look_up, score_table
from heatlas.infer.pvalues import statistic_at
from heatlas.infer.request import CLUSTER_METHODS, PermutationMethod, PermutationSettings
from heatlas.infer.shares import shares_to_statistics
from heatlas.infer.tfce import tfce, tfce_maxima

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
QUANTITIES: dict[PermutationMethod, Quantity] = {
    "tfce": "tfce",
    "cluster-extent": "cluster extent",
    "cluster-mass": "cluster mass",
    "cluster-mass-above": "cluster mass above",
}
CLUSTER_STATISTICS: dict[PermutationMethod, ClusterStatistic] = {
    "cluster-extent": "extent",
    "cluster-mass": "mass",
    "cluster-mass-above": "mass-above",
}


class _TfceOptions(TypedDict):
    """What a map and a block of maps are enhanced with alike."""

    height: float
    extent: float
    two_sided: bool
    measure: Floats | None


class _ClusterOptions(TypedDict):
    """What clusters of a map and of a block of maps are formed with alike."""

    cut: float
    statistic: ClusterStatistic
    two_sided: bool
    measure: Floats | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary(Value):
    """How the map of one arrangement becomes one number.

    Parameters
    ----------
    settings : PermutationSettings
        The method with its settings.
    tested : Statistic
        The statistic of an element.
    neighbours : numpy.ndarray of int32, shape (u, K), optional
        Elements around each element; for methods of space.
    measure : numpy.ndarray of float64, shape (u,), optional
        Size of each element where they differ (surfaces).
    cut : float, optional
        Cluster-forming threshold as a statistic.
    """

    settings: PermutationSettings
    tested: Statistic
    neighbours: NDArray[np.int32] | None = None
    measure: Floats | None = None
    cut: float | None = None

    @property
    def two_sided(self) -> bool:
        """Whether both tails are judged."""
        return self.settings.two_sided and self.tested.kind in ("t", "v")

    @property
    def quantity(self) -> Quantity:
        """What the numbers are."""
        return QUANTITIES.get(self.settings.method, self.tested.kind)

    def of_map(self, statistic: Floats) -> Floats:
        """Return what is maximised of an observed map, shape (u,), with the sign of its tail.

        Parameters
        ----------
        statistic : numpy.ndarray of float64, shape (u,)
            The observed statistic; NaN where there is none.

        Returns
        -------
        numpy.ndarray of float64, shape (u,)
            The statistic itself for max-t and step-down.
        """
        if self.neighbours is None:
            return statistic
        # In float32, as the arrangements are, so that equal maps give equal numbers.
        values = self._scored(statistic.astype(np.float32))
        if self.settings.method == "tfce":
            return tfce(values, self.neighbours, **self._tfce_options())
        return cluster_map(values, self.neighbours, **self._cluster_options())

    def maxima(self, statistics: Singles) -> Floats:
        """Return the largest value of each arrangement, shape (s,).

        Parameters
        ----------
        statistics : numpy.ndarray of float32, shape (s, u)
            The statistic of each element under each arrangement.

        Returns
        -------
        numpy.ndarray of float64, shape (s,)
            At least 0 for methods of space.
        """
        if self.neighbours is None:
            size = np.abs(statistics) if self.two_sided else statistics
            return np.asarray(size.max(axis=1), dtype=np.float64)
        values = self._scored(statistics)
        if self.settings.method == "tfce":
            return tfce_maxima(values, self.neighbours, **self._tfce_options())
        return cluster_maxima(values, self.neighbours, **self._cluster_options())

    def _tfce_options(self) -> _TfceOptions:
        options = self.settings.tfce
        return {
            "height": options.height,
            "extent": options.extent,
            "two_sided": self.two_sided,
            "measure": self.measure,
        }

    def _cluster_options(self) -> _ClusterOptions:
        return {
            "cut": 0.0 if self.cut is None else self.cut,
            "statistic": CLUSTER_STATISTICS[self.settings.method],
            "two_sided": self.two_sided,
            "measure": self.measure,
        }

    @cached_property
    def _table(self) -> Floats:
        return score_table(kind=self.tested.kind, dof=self.tested.dof)

    def _scored(self, statistics: Singles) -> Singles:
        """Return what is enhanced: the statistic or its z."""
        if self.settings.method != "tfce" or self.settings.tfce.statistic == "t":
            return statistics
        kind, dof = self.tested.kind, self.tested.dof
        return look_up(statistics, self._table, kind=kind, dof=dof)


def summary_for(
    settings: PermutationSettings,
    tested: Statistic,
    *,
    mask: Mask | None,
    elements: NDArray[np.int64],
) -> Summary:
    """Return the summary of a method for the elements that are tested.

    Parameters
    ----------
    settings : PermutationSettings
        The method.
    tested : Statistic
        The statistic of an element.
    mask : Mask or None
        Where the elements lie; needed by methods of space.
    elements : numpy.ndarray of int64, shape (u,)
        Numbers of the tested elements in the mask.

    Returns
    -------
    Summary
        With neighbours, measure and cut where the method needs them.

    Raises
    ------
    DataError
        If a method of space is asked for without a mask.
    NotSupportedError
        If a p is given for a statistic without degrees of freedom.
    """
    if not settings.is_spatial or mask is None:
        return Summary(settings=settings, tested=tested)
    inside = np.zeros(mask.space.size, dtype=bool)
    inside[mask.indices[elements]] = True
    part = Mask(space=mask.space, inside=inside)
    cut = cluster_cut(settings, tested) if settings.method in CLUSTER_METHODS else None
    return Summary(
        settings=settings,
        tested=tested,
        neighbours=neighbour_table(part, settings.neighbourhood),
        # Voxels are all alike and are counted, as elsewhere; areas of vertices differ.
        measure=None if isinstance(mask.space, Grid) else part.measure(),
        cut=cut,
    )


def cluster_cut(settings: PermutationSettings, tested: Statistic) -> float | None:
    """Return the cluster-forming threshold as a statistic, or None where no clusters are formed.

    Parameters
    ----------
    settings : PermutationSettings
        With the threshold as p or as statistic.
    tested : Statistic
        Kind and degrees of freedom.

    Returns
    -------
    float or None
        The statistic that members of a cluster exceed.

    Raises
    ------
    DataError
        If the statistic of a p is not above 0, or beyond all that are told apart.
    NotSupportedError
        If a p is given for a statistic without degrees of freedom.
    """
    forming = settings.cluster_forming
    if forming is None:
        return None
    if forming.p is None:
        return forming.statistic
    two_sided = settings.two_sided and tested.kind == "t"
    cut = statistic_at(forming.p, kind=tested.kind, dof=tested.dof, two_sided=two_sided)
    largest = float(shares_to_statistics(np.ones(1), tested=tested)[0])
    if not 0 < cut < largest:
        raise DataError(
            f"cluster-forming threshold: p = {forming.p:g} belongs to {tested.kind} = {cut:.3g}, "
            "above which no clusters can be formed; take a p such as 0.001."
        )
    return cut


def count_steps_down(
    statistics: Singles, *, order: NDArray[np.int64], reach: Floats, two_sided: bool
) -> NDArray[np.int32]:
    """Count the arrangements that reach each element among those that are not rejected before it.

    Parameters
    ----------
    statistics : numpy.ndarray of float32, shape (s, u)
        The statistic of each element under each arrangement.
    order : numpy.ndarray of int64, shape (u,)
        Elements by their observed value, smallest first.
    reach : numpy.ndarray of float64, shape (u,)
        What must be reached, from :func:`step_down_reach`.
    two_sided : bool
        Whether magnitudes count.

    Returns
    -------
    numpy.ndarray of int32, shape (u,)
        For each element the arrangements whose maximum over it and all smaller ones reaches it.

    References
    ----------
    Westfall and Young (1993), Resampling-based multiple testing, algorithm 2.8. Wiley.
    """
    counts = np.zeros(statistics.shape[1], dtype=np.int32)
    _step_down(statistics, order=order, reach=reach, two_sided=two_sided, counts=counts)
    return counts


def step_down_reach(size: Floats) -> Floats:
    """Return the value that an arrangement must reach to count against each element."""
    return np.asarray(np.where(np.isnan(size), np.inf, size - TIE * np.abs(size)))


@compiled
def _step_down(statistics: Any, *, order: Any, reach: Any, two_sided: bool, counts: Any) -> None:
    n_arranged, n = statistics.shape
    for b in range(n_arranged):
        largest = -np.inf
        for k in range(n):
            v = order[k]
            value = float(statistics[b, v])
            if two_sided and value < 0:
                value = -value
            if value > largest:
                largest = value
            if largest >= reach[v]:
                counts[v] += 1
