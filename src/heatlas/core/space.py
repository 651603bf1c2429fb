"""Where values live: a grid of voxels, and the masked part of a space that is analysed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.provenance import digest_bytes
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value

GRID_NEIGHBOURHOODS = ("faces", "edges", "corners")


class Space(Value, ABC):
    """A set of places with a measure and neighbours; elements are numbered from 0."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of elements."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Digest of everything that makes two spaces the same."""

    @abstractmethod
    def measure(self) -> NDArray[np.float64]:
        """Return the measure of each element (mm3 for voxels), shape (size,)."""

    @abstractmethod
    def adjacency(self, kind: str) -> csr_array:
        """Return the symmetric 0/1 neighbour matrix of that kind, shape (size, size)."""

    @abstractmethod
    def positions_mm(self) -> NDArray[np.float64]:
        """Return the centre of each element in mm, RAS+, shape (size, 3)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid(Space):
    """A regular grid of voxels; element k is voxel ``unravel_index(k, shape)`` in C order.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along the three axes.
    affine : array_like, shape (4, 4)
        From voxel indices to millimetres, RAS+; it may carry shear.
    template : str, optional
        Name of the template space, such as ``"MNI152"``.
    unit : {"mm", "unknown"}
        Unit of the affine's translations.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    template: str | None = None
    unit: Literal["mm", "unknown"] = "mm"

    def __post_init__(self) -> None:
        """Take ownership of the affine and check it."""
        shape = tuple(int(length) for length in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise DataError(f"grid shape: expected three positive lengths, got {self.shape}.")
        affine = own_array(self.affine, name="affine", dtype=np.float64, ndim=2)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise DataError("affine: expected a finite 4 x 4 matrix.")
        steps = affine[:3, :3]
        if abs(np.linalg.det(steps)) <= 1e-9 * np.prod(np.linalg.norm(steps, axis=0)):
            raise DataError("affine: it is singular, so voxels have no volume.")
        set_field(self, "shape", to=shape)
        set_field(self, "affine", to=affine)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def voxel_sizes_mm(self) -> tuple[float, float, float]:
        """Length of one step along each axis in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def digest(self) -> str:
        """Digest of shape and affine (rounded to a micrometre)."""
        affine = np.round(self.affine, 6) + 0.0
        return digest_bytes(f"grid{self.shape}".encode() + affine.tobytes())

    def measure(self) -> NDArray[np.float64]:
        """Return the volume of each voxel in mm3, shape (size,)."""
        return np.full(self.size, self.voxel_volume_mm3)

    def adjacency(self, kind: str = "faces") -> csr_array:
        """Return neighbours that share a face (6), an edge too (18) or a corner too (26)."""
        check_choice(kind, name="neighbourhood", known=GRID_NEIGHBOURHOODS)
        reach = GRID_NEIGHBOURHOODS.index(kind) + 1
        index = np.arange(self.size).reshape(self.shape)
        pairs = [_neighbour_pairs(index, step) for step in _half_steps(reach)]
        first = np.concatenate([pair[0] for pair in pairs])
        second = np.concatenate([pair[1] for pair in pairs])
        rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
        ones = np.ones(len(rows), dtype=np.int8)
        return coo_array((ones, (rows, columns)), shape=(self.size, self.size)).tocsr()

    def positions_mm(self) -> NDArray[np.float64]:
        """Return voxel centres in mm, RAS+, shape (size, 3)."""
        indices = np.stack(np.unravel_index(np.arange(self.size), self.shape), axis=1)
        return self.to_mm(indices)

    def to_mm(self, voxels: ArrayLike) -> NDArray[np.float64]:
        """Return positions in mm of voxel indices, shape (..., 3)."""
        turned = np.asarray(voxels, dtype=np.float64) @ self.affine[:3, :3].T
        return np.asarray(turned + self.affine[:3, 3])

    def to_voxels(self, positions_mm: ArrayLike) -> NDArray[np.float64]:
        """Return fractional voxel indices of positions in mm, shape (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        turned = np.asarray(positions_mm, dtype=np.float64) @ inverse[:3, :3].T
        return np.asarray(turned + inverse[:3, 3])

    def same_as(self, other: Grid, *, tolerance_mm: float = 1e-3) -> bool:
        """Say whether every voxel of both grids lies at the same place within the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, length - 1) for length in self.shape])).reshape(3, -1)
        gap = self.to_mm(corners.T) - other.to_mm(corners.T)
        return bool(np.abs(gap).max() <= tolerance_mm)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mask(Value):
    """The elements of a space that are analysed; maps hold one value for each of them, in order.

    Parameters
    ----------
    space : Space
        The whole space.
    inside : array_like of bool, shape (space.size,)
        True where an element belongs to the mask (a 3-D array is raveled in C order).
    words : str
        How the mask came about, for captions.
    """

    space: Space
    inside: NDArray[np.bool_]
    words: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the selection and check that it fits and is not empty."""
        inside = own_array(np.asarray(self.inside).ravel(), name="mask", dtype=bool, ndim=1)
        if inside.size != self.space.size:
            raise SpaceMismatchError(
                f"mask: {inside.size} elements given for a space of {self.space.size}."
            )
        if not inside.any():
            raise DataError("mask: it is empty; no element is left to analyse.")
        set_field(self, "inside", to=inside)

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Numbers of the elements inside, in the space's order, shape (size,)."""
        return own_array(np.flatnonzero(self.inside), name="indices", dtype=np.int64)

    @property
    def size(self) -> int:
        """Number of elements inside."""
        return self._size

    @cached_property
    def _size(self) -> int:
        return int(np.count_nonzero(self.inside))

    @property
    def grid(self) -> Grid:
        """The space as a grid; SpaceMismatchError if it is none."""
        if not isinstance(self.space, Grid):
            raise SpaceMismatchError("A grid of voxels is needed here.")
        return self.space

    @property
    def digest(self) -> str:
        """Digest of space and selection."""
        return digest_bytes(self.space.digest.encode() + np.packbits(self.inside).tobytes())

    def same_as(self, other: Mask) -> bool:
        """Say whether both select the same elements of the same space."""
        return self is other or self.digest == other.digest

    def gather(self, whole: NDArray[Any]) -> NDArray[Any]:
        """Return the values inside of an array over the whole space (last axes = the space)."""
        if whole.size == self.space.size:
            flat = whole.reshape(-1)
            return flat.copy() if self.size == flat.size else flat[self.indices]
        leading = whole.shape
        while leading and np.prod(whole.shape[len(leading) :]) < self.space.size:
            leading = leading[:-1]
        if np.prod(whole.shape[len(leading) :]) != self.space.size:
            raise SpaceMismatchError(
                f"mask: an array of shape {whole.shape} does not end in a space of "
                f"{self.space.size} elements."
            )
        return whole.reshape(*leading, self.space.size)[..., self.indices]

    def scatter(self, values: ArrayLike, *, fill: float = np.nan) -> NDArray[Any]:
        """Return values inside as an array over the whole space, shape (space.size,)."""
        given = np.asarray(values)
        if given.shape != (self.size,):
            raise SpaceMismatchError(f"mask: {given.shape} values for {self.size} elements.")
        whole = np.full(self.space.size, fill, dtype=np.result_type(given.dtype, fill))
        whole[self.indices] = given
        return whole

    def scatter_grid(self, values: ArrayLike, *, fill: float = np.nan) -> NDArray[Any]:
        """Return values inside as a 3-D array over the grid."""
        return self.scatter(values, fill=fill).reshape(self.grid.shape)

    def measure(self) -> NDArray[np.float64]:
        """Return the measure of each element inside, shape (size,)."""
        return self.space.measure()[self.indices]

    def positions_mm(self) -> NDArray[np.float64]:
        """Return the centre of each element inside in mm, shape (size, 3)."""
        if isinstance(self.space, Grid):
            return self.space.to_mm(np.stack(np.unravel_index(self.indices, self.space.shape), 1))
        return self.space.positions_mm()[self.indices]

    def adjacency(self, kind: str) -> csr_array:
        """Return neighbours among the elements inside, shape (size, size)."""
        if isinstance(self.space, Grid):
            return _adjacency_among(self.indices, grid=self.space, kind=kind)
        return self.space.adjacency(kind)[self.indices][:, self.indices]


def _adjacency_among(indices: NDArray[np.int64], *, grid: Grid, kind: str) -> csr_array:
    """Return neighbours among a few voxels without building those of the whole grid."""
    check_choice(kind, name="neighbourhood", known=GRID_NEIGHBOURHOODS)
    steps = _half_steps(GRID_NEIGHBOURHOODS.index(kind) + 1)
    voxels = np.stack(np.unravel_index(indices, grid.shape))
    number = np.full(grid.size, -1, dtype=np.int64)
    number[indices] = np.arange(len(indices))
    first, second = [], []
    for step in steps:
        moved = voxels + np.array(step)[:, None]
        within = ((moved >= 0) & (moved < np.array(grid.shape)[:, None])).all(axis=0)
        found = np.full(len(indices), -1, dtype=np.int64)
        found[within] = number[np.ravel_multi_index(tuple(moved[:, within]), grid.shape)]
        first.append(np.flatnonzero(found >= 0))
        second.append(found[found >= 0])
    here, there = np.concatenate(first), np.concatenate(second)
    rows, columns = np.concatenate([here, there]), np.concatenate([there, here])
    ones = np.ones(len(rows), dtype=np.int8)
    return coo_array((ones, (rows, columns)), shape=(len(indices), len(indices))).tocsr()


def _half_steps(reach: int) -> list[tuple[int, int, int]]:
    """Return one of each pair of opposite steps to a neighbour."""
    steps = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
    return [step for step in steps if 0 < sum(map(abs, step)) <= reach and step > (0, 0, 0)]


def _neighbour_pairs(
    index: NDArray[np.int64], step: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    here = tuple(slice(max(-move, 0), index.shape[a] - max(move, 0)) for a, move in enumerate(step))
    there = tuple(slice(max(move, 0), index.shape[a] + min(move, 0)) for a, move in enumerate(step))
    return index[here].ravel(), index[there].ravel()
