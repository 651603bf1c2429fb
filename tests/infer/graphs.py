"""A space of bare links, and exact values of what the kernels compute, the slow way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from heatlas.core.space import Space

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph(Space):
    """Elements without a place, and which of them touch."""

    links: csr_array

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]], *, n: int) -> Graph:
        """Make a graph of n elements from pairs of them."""
        listed = np.array(list(pairs), dtype=int).reshape(-1, 2)
        rows = np.concatenate([listed[:, 0], listed[:, 1]])
        columns = np.concatenate([listed[:, 1], listed[:, 0]])
        ones = np.ones(len(rows), dtype=np.int8)
        return cls(links=coo_array((ones, (rows, columns)), shape=(n, n)).tocsr())

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.links.shape[0])

    @property
    def digest(self) -> str:
        """Not needed here."""
        return str(id(self))

    def measure(self) -> Floats:
        """Return ones."""
        return np.ones(self.size)

    def adjacency(self, kind: str) -> csr_array:
        """Return the links, whatever they are called."""
        return self.links

    def positions_mm(self) -> Floats:
        """Return no places."""
        return np.zeros((self.size, 3))


def ring(n: int) -> csr_array:
    """Return the adjacency of elements in a circle."""
    return Graph.of([(k, (k + 1) % n) for k in range(n)], n=n).links


def random_links(n: int, *, share: float, seed: int) -> csr_array:
    """Return the adjacency of a graph in which each pair touches with some chance."""
    chance = np.random.default_rng(seed)
    return Graph.of(
        [(i, j) for i in range(n) for j in range(i) if chance.random() < share], n=n
    ).links


def components(above: NDArray[np.bool_], links: csr_array) -> NDArray[np.int64]:
    """Return the component of each element that lies above, -1 for the others."""
    among = np.flatnonzero(above)
    label = np.full(len(above), -1)
    label[among] = connected_components(links[among][:, among], directed=False)[1]
    return label


def sizes_of(label: NDArray[np.int64], weights: Floats) -> Floats:
    """Return the weight of each element's component, 0 outside."""
    sizes = np.zeros(len(label))
    inside = label >= 0
    if inside.any():
        sizes[inside] = np.bincount(label[inside], weights=weights[inside])[label[inside]]
    return sizes


def slow_tfce(
    values: Floats,
    links: csr_array,
    *,
    height: float = 2,
    extent: float = 0.5,
    measure: Floats | None = None,
) -> Floats:
    """Return the exact enhancement: between two neighbouring heights every size is constant."""
    weights = np.ones(len(values)) if measure is None else measure
    enhanced = np.zeros(len(values))
    for sign in (1, -1):
        tail = np.maximum(sign * np.nan_to_num(values.astype(np.float64)), 0)
        below = 0.0
        for level in np.unique(tail[tail > 0]):
            label = components(tail >= level, links)
            step = (level ** (height + 1) - below ** (height + 1)) / (height + 1)
            inside = label >= 0
            enhanced[inside] += sign * sizes_of(label, weights)[inside] ** extent * step
            below = level
    return enhanced
