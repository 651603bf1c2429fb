"""Parcels, which are named regions, and edges, which are the connections between them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.core.space import Space
from heatlas.core.validate import check_choice, check_length, own_array, set_field

PARCEL_NEIGHBOURHOODS = ("borders",)
EDGE_NEIGHBOURHOODS = ("parcels",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcels(Space):
    """Named regions; each counts 1.

    Parameters
    ----------
    names : tuple of str
        A name for each, all different.
    centres_mm : array_like, shape (n, 3), optional
        Where they lie, in mm, RAS+; None where that is not known.
    borders : array_like of int, shape (m, 2), optional
        Pairs of parcels that touch; None where that is not known.
    """

    names: tuple[str, ...]
    centres_mm: NDArray[np.float64] | None = None
    borders: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit the names."""
        names = tuple(str(name) for name in self.names)
        if not names:
            raise DataError("parcels: there is none; give at least one name.")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise DataError(f"parcels: {', '.join(repeated)} named more than once.")
        set_field(self, "names", to=names)
        if self.centres_mm is not None:
            centres = own_array(self.centres_mm, name="centres", dtype=np.float64, ndim=2)
            check_length(centres, name="centres", expected=len(names), per="parcels")
            if centres.shape[1] != 3 or not np.isfinite(centres).all():
                raise DataError("centres: expected a finite position in mm for each parcel.")
            set_field(self, "centres_mm", to=centres)
        if self.borders is not None:
            borders = _checked_pairs(self.borders, name="borders", n_parcels=len(names))
            set_field(self, "borders", to=borders)

    @property
    def size(self) -> int:
        """Number of parcels."""
        return len(self.names)

    @property
    def digest(self) -> str:
        """Digest of names, centres (rounded to a micrometre; none if unknown) and borders."""
        known = self.centres_mm is not None
        centres = (np.round(self.positions_mm(), 3) + 0.0).tobytes() if known else b"anywhere"
        borders = b"" if self.borders is None else b"borders" + self.borders.tobytes()
        names = json.dumps(self.names).encode()
        return digest_bytes(b"parcels" + names + centres + borders)

    def measure(self) -> NDArray[np.float64]:
        """Return 1 for each parcel, shape (size,)."""
        return np.ones(self.size)

    def adjacency(self, kind: str = "borders") -> csr_array:
        """Return the parcels that share a border; DataError where borders are not known."""
        check_choice(kind, name="neighbourhood of parcels", known=PARCEL_NEIGHBOURHOODS)
        if self.borders is None:
            raise DataError(
                "parcels: which of them touch is not known; give pairs of neighbours as borders, "
                "or take a method without neighbours, such as max-t."
            )
        first, second = self.borders.T
        rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
        ones = np.ones(len(rows), dtype=np.int8)
        return coo_array((ones, (rows, columns)), shape=(self.size, self.size)).tocsr()

    def positions_mm(self) -> NDArray[np.float64]:
        """Return the centres, shape (size, 3); DataError where they are not known."""
        if self.centres_mm is None:
            raise DataError(
                "parcels: where they lie is not known; give their centres in mm, or an atlas whose "
                "regions have the same names."
            )
        return self.centres_mm


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges(Space):
    """Connections between parcels, without direction; each counts 1.

    Parameters
    ----------
    parcels : Parcels
        What they connect.
    pairs : array_like of int, shape (m, 2)
        The two parcels of each edge, from 0; no pair twice, in either order.
    """

    parcels: Parcels
    pairs: NDArray[np.int32]

    def __post_init__(self) -> None:
        """Take ownership of the pairs and check that they are edges of the parcels."""
        pairs = _checked_pairs(self.pairs, name="edges", n_parcels=self.parcels.size)
        if not len(pairs):
            raise DataError("edges: there is none; give at least one pair of parcels.")
        set_field(self, "pairs", to=pairs)

    @property
    def size(self) -> int:
        """Number of edges."""
        return len(self.pairs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of both ends of each edge: ``"amygdala – insula"``."""
        names = self.parcels.names
        return tuple(f"{names[first]} – {names[second]}" for first, second in self.pairs.tolist())

    @property
    def digest(self) -> str:
        """Digest of parcels and pairs."""
        return digest_bytes(b"edges" + self.parcels.digest.encode() + self.pairs.tobytes())

    def measure(self) -> NDArray[np.float64]:
        """Return 1 for each edge, shape (size,)."""
        return np.ones(self.size)

    def adjacency(self, kind: str = "parcels") -> csr_array:
        """Return the edges that share a parcel; in a full network of n, 2 (n - 2) for each."""
        check_choice(kind, name="neighbourhood of edges", known=EDGE_NEIGHBOURHOODS)
        edge = np.repeat(np.arange(self.size), 2)
        ones = np.ones(len(edge), dtype=np.int8)
        shape = (self.size, self.parcels.size)
        ends = coo_array((ones, (edge, self.pairs.ravel())), shape=shape).tocsr()
        matrix = (ends @ ends.T).tocsr()
        matrix.setdiag(0)
        matrix.eliminate_zeros()
        return matrix

    def positions_mm(self) -> NDArray[np.float64]:
        """Return the middle between both ends of each edge, shape (size, 3)."""
        return np.asarray(self.parcels.positions_mm()[self.pairs].mean(axis=1))


def all_edges(parcels: Parcels) -> Edges:
    """Return every edge between two different parcels, row by row of the upper triangle.

    Parameters
    ----------
    parcels : Parcels
        At least two.

    Returns
    -------
    Edges
        In the order of ``numpy.triu_indices(n, 1)``.
    """
    return Edges(parcels=parcels, pairs=np.stack(np.triu_indices(parcels.size, 1), axis=1))


def _checked_pairs(given: ArrayLike, *, name: str, n_parcels: int) -> NDArray[np.int32]:
    """Return owned pairs of different parcels that exist, each pair once."""
    if not np.size(given):
        given = np.zeros((0, 2), dtype=np.int32)
    if np.asarray(given).dtype.kind not in "iu":
        raise DataError(f"{name}: expected whole numbers, the numbers of parcels.")
    pairs = own_array(given, name=name, dtype=np.int32, ndim=2)
    if pairs.shape[1] != 2:
        raise DataError(f"{name}: expected two parcels each, got shape {pairs.shape}.")
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_parcels):
        raise DataError(
            f"{name}: they name parcels {pairs.min()} to {pairs.max()}, but there are 0 to "
            f"{n_parcels - 1}; subtract 1 if they were counted from 1."
        )
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise DataError(f"{name}: a parcel is paired with itself; leave the diagonal out.")
    if len(np.unique(np.sort(pairs, axis=1), axis=0)) != len(pairs):
        raise DataError(f"{name}: a pair is given twice; a pair and its reverse are the same.")
    return pairs
