"""Surfaces: vertices in space, and the triangles between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.core.space import Space
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.words import count

MESH_NEIGHBOURHOODS = ("edges",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh(Space):
    """A surface of triangles; its elements are the vertices. It may have several pieces.

    Parameters
    ----------
    coordinates_mm : array_like, shape (n, 3)
        Where the vertices lie, in mm, RAS+.
    triangles : array_like of int, shape (m, 3)
        Numbers of the vertices of each triangle, from 0.
    template : str, optional
        Name of the template space, such as ``"fsaverage5"``.
    """

    coordinates_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    template: str | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they make a surface."""
        places = own_array(self.coordinates_mm, name="coordinates", dtype=np.float64, ndim=2)
        if places.shape[1] != 3:
            raise DataError(f"coordinates: expected shape (n, 3) in mm, got {places.shape}.")
        if not np.isfinite(places).all():
            bad = int((~np.isfinite(places)).any(axis=1).sum())
            raise DataError(f"coordinates: {count(bad, 'vertex', plural='vertices')} not finite.")
        triangles = _checked_triangles(self.triangles, n_vertices=len(places))
        set_field(self, "coordinates_mm", to=places)
        set_field(self, "triangles", to=triangles)

    @property
    def size(self) -> int:
        """Number of vertices."""
        return len(self.coordinates_mm)

    @property
    def digest(self) -> str:
        """Digest of coordinates (rounded to a micrometre) and triangles."""
        places = np.round(self.coordinates_mm, 3) + 0.0
        content = places.tobytes() + self.triangles.tobytes()
        return digest_bytes(f"mesh{self.size}".encode() + content)

    def measure(self) -> NDArray[np.float64]:
        """Return the area of each vertex in mm2, a third of its triangles', shape (size,)."""
        corners = self.coordinates_mm[self.triangles]
        sides = corners[:, 1:] - corners[:, :1]
        areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
        totals = np.zeros(self.size)
        np.add.at(totals, self.triangles, areas[:, None] / 3)
        return totals

    def adjacency(self, kind: str = "edges") -> csr_array:
        """Return the vertices that share an edge of a triangle."""
        check_choice(kind, name="neighbourhood of a surface", known=MESH_NEIGHBOURHOODS)
        here = self.triangles.ravel()
        there = np.roll(self.triangles, -1, axis=1).ravel()
        rows, columns = np.concatenate([here, there]), np.concatenate([there, here])
        ones = np.ones(len(rows), dtype=np.int8)
        matrix = coo_array((ones, (rows, columns)), shape=(self.size, self.size)).tocsr()
        matrix.data[:] = 1  # an edge of two triangles was counted twice
        return matrix

    def positions_mm(self) -> NDArray[np.float64]:
        """Return the coordinates, shape (size, 3)."""
        return self.coordinates_mm


def _checked_triangles(given: ArrayLike, *, n_vertices: int) -> NDArray[np.int32]:
    """Return owned triangles of different vertices that exist and leave none out."""
    if np.asarray(given).dtype.kind not in "iu":
        raise DataError("triangles: expected whole numbers, the numbers of vertices.")
    triangles = own_array(given, name="triangles", dtype=np.int32, ndim=2)
    if triangles.shape[1] != 3 or not len(triangles):
        raise DataError(f"triangles: expected shape (m, 3), got {triangles.shape}.")
    low, high = int(triangles.min()), int(triangles.max())
    if low < 0 or high >= n_vertices:
        raise DataError(
            f"triangles: they name vertices {low} to {high}, but there are 0 to {n_vertices - 1}; "
            "subtract 1 if they were counted from 1."
        )
    twice = int((triangles == np.roll(triangles, 1, axis=1)).any(axis=1).sum())
    if twice:
        raise DataError(f"triangles: {count(twice, 'triangle')} with the same vertex twice.")
    loose = n_vertices - len(np.unique(triangles))
    if loose:
        raise DataError(
            f"triangles: {count(loose, 'vertex', plural='vertices')} in no triangle, so without "
            "area and neighbours; leave them out, or use a mask on the whole surface."
        )
    return triangles
