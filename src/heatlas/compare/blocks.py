"""A mask cut into sixteen blocks of cells, and what a map does in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from heatlas.compare.lags import Box, Window
from heatlas.core.space import Mask

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
N_BLOCKS = 16
CORE = 0.4  # share of the cells nearest the middle, which are cut apart from the others
CELLS = 30_000  # about so many, whatever the voxels
FEWEST = 40  # cells of a block
REACH = 1 / 3  # of the box's longest edge: how far autocovariances are looked at


@dataclass(frozen=True, eq=False)
class Blocks:
    """Cells of a mask in sixteen blocks: the middle of the mask cut in eight, and so the rest.

    The middle tells the depth of a brain from its surface, which halves along the axes do not.
    """

    cell_of: NDArray[np.int64]
    """number of the cell of each element of the mask; as many as cells where there is none"""
    counts: Floats
    """elements in each cell"""
    inside: NDArray[np.bool_]
    """the box of cells, True where there is one"""
    block: NDArray[np.int64]
    """block of each cell"""
    steps: Floats
    """from cells to millimetres, shape (3, 3)"""

    @cached_property
    def sizes(self) -> Floats:
        """Cells of each block, shape (blocks,)."""
        return np.bincount(self.block, minlength=N_BLOCKS).astype(np.float64)

    @cached_property
    def pairs(self) -> Floats:
        """Ordered pairs from block to block in each shell, shape (blocks, blocks, shells)."""
        spectra = [self._spectrum(self.block == b) for b in range(N_BLOCKS)]
        found = np.empty((N_BLOCKS, N_BLOCKS, self.n_shells))
        for b, first in enumerate(spectra):
            for c in range(b, N_BLOCKS):
                counted = self._window.totals_of(first, spectra[c])
                found[b, c] = found[c, b] = np.maximum(np.rint(counted), 0)
        return found

    @cached_property
    def n_shells(self) -> int:
        """Number of shells of equal distance within reach; shell 0 is no distance."""
        return int(REACH * max(self.inside.shape)) + 1

    def prepare(self) -> None:
        """Count what all maps share, so that threads do not count it at once."""
        _ = self.sizes, self.pairs, self.radii, self.joined

    def cells(self, values: Floats) -> Floats:
        """Return the means of a map in the cells, around the mean of all, shape (cells,)."""
        n = len(self.counts)
        means = np.bincount(self.cell_of, values, n + 1)[:n] / self.counts
        return np.asarray(means - means.mean())

    def variances(self, cells: Floats) -> Floats:
        """Return the variance of each block around the map's mean."""
        return np.bincount(self.block, cells**2, N_BLOCKS) / self.sizes

    def fourth_moments(self, cells: Floats) -> Floats:
        """Return the fourth moment of each block around the map's mean."""
        return np.bincount(self.block, np.square(np.square(cells)), N_BLOCKS) / self.sizes

    def roughnesses(self, cells: Floats) -> Floats:
        """Return the mean squared difference of neighbours within each block."""
        first, second, block = self._neighbours
        squared = np.square(cells[first] - cells[second])
        return np.bincount(block, squared, N_BLOCKS) / np.maximum(3 * self.joined, 1)

    @cached_property
    def joined(self) -> Floats:
        """Pairs of neighbours within each block along one axis, in the mean, shape (blocks,)."""
        return np.bincount(self._neighbours[2], minlength=N_BLOCKS) / 3

    def autocovariance(self, cells: Floats) -> Floats:
        """Return the autocovariance over shells, shape (shells,)."""
        spectrum = self._spectrum(cells)
        pairs = self.pairs.sum(axis=(0, 1))
        return np.asarray(self._window.totals_of(spectrum, spectrum) / np.maximum(pairs, 1))

    def covariances(self, cells: Floats) -> Floats:
        """Return the autocovariance from pairs that start in each block, shape (blocks, shells)."""
        whole = self._spectrum(cells)
        pairs = self.pairs.sum(axis=1)
        totals = [
            self._window.totals_of(self._spectrum(np.where(self.block == b, cells, 0)), whole)
            for b in range(N_BLOCKS)
        ]
        return np.asarray(np.stack(totals) / np.maximum(pairs, 1))

    @cached_property
    def radii(self) -> Floats:
        """Mean distance of the lags in each shell, in shells, shape (shells,)."""
        total = np.bincount(self._shell, self._distance, self.n_shells + 1)
        n = np.bincount(self._shell, minlength=self.n_shells + 1)
        return np.asarray(total / np.maximum(n, 1))[:-1]

    @cached_property
    def _padded(self) -> tuple[int, ...]:
        """Shape on which no lag within reach wraps around."""
        return tuple(fft.next_fast_len(s + self.n_shells, real=True) for s in self.inside.shape)

    @cached_property
    def _shell(self) -> NDArray[np.int64]:
        """Shell of each lag, raveled; lags beyond reach have the number of shells."""
        shell = np.maximum(np.rint(self._distance), 1).astype(np.int64)
        shell[0] = 0
        return np.minimum(shell, self.n_shells)

    @cached_property
    def _distance(self) -> Floats:
        """Length of each lag in edges of a cube with a cell's volume, raveled."""
        width = abs(float(np.linalg.det(self.steps))) ** (1 / 3)
        lags = [np.where(np.arange(p) <= p // 2, np.arange(p), np.arange(p) - p)
                for p in self._padded]  # fmt: skip
        voxels = np.stack(np.meshgrid(*lags, indexing="ij"), axis=-1)
        return np.asarray(np.linalg.norm(voxels @ self.steps.T, axis=-1).ravel() / width)

    @cached_property
    def _neighbours(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Both cells of each pair of neighbours within a block, and the block."""
        number = np.full(self.inside.shape, -1)
        number[self.inside] = np.arange(len(self.block))
        first, second = [], []
        for axis in range(3):
            one = np.take(number, range(number.shape[axis] - 1), axis=axis).ravel()
            other = np.take(number, range(1, number.shape[axis]), axis=axis).ravel()
            both = (one >= 0) & (other >= 0)
            first.append(one[both])
            second.append(other[both])
        one, other = np.concatenate(first), np.concatenate(second)
        same = self.block[one] == self.block[other]
        return one[same], other[same], self.block[one[same]]

    @cached_property
    def _window(self) -> Window:
        """The lags within reach."""
        width = abs(float(np.linalg.det(self.steps))) ** (1 / 3)
        return Box(shape=self.inside.shape, steps=self.steps / width).window(self.n_shells)

    def _spectrum(self, cells: NDArray[np.generic]) -> NDArray[np.complex64]:
        whole = np.zeros(self.inside.shape, dtype=np.float32)
        whole[self.inside] = cells
        return self._window.spectrum(whole)


def blocks_of(mask: Mask) -> Blocks | None:
    """Return the sixteen blocks of a mask.

    Parameters
    ----------
    mask : Mask
        On a grid.

    Returns
    -------
    Blocks or None
        None where a block would have fewer than 40 cells.
    """
    grid = mask.grid
    factor = max(1, round((mask.size / CELLS) ** (1 / 3)))
    voxels = np.stack(np.unravel_index(mask.indices, grid.shape), axis=1) // factor
    voxels -= voxels.min(axis=0)
    box = tuple(voxels.max(axis=0) + 1)
    flat = np.ravel_multi_index(tuple(voxels.T), box)
    counts = np.bincount(flat, minlength=int(np.prod(box))).astype(np.float64)
    used = counts >= factor**3 / 2
    number = np.where(used, np.cumsum(used) - 1, used.sum())
    inside = used.reshape(box)
    steps = grid.affine[:3, :3] * factor
    block = _blocks(np.argwhere(inside) @ steps.T)
    if np.bincount(block, minlength=N_BLOCKS).min() < FEWEST:
        return None
    return Blocks(
        cell_of=number[flat], counts=counts[used], inside=inside, block=block, steps=steps
    )  # fmt: skip


def _blocks(places: Floats) -> NDArray[np.int64]:
    """Return the block of each place: by its side of each median, and from 8 on in the middle."""
    if not len(places):
        return np.zeros(0, dtype=np.int64)
    spread = np.maximum(places.std(axis=0), 1e-9)
    depth = np.square((places - places.mean(axis=0)) / spread).sum(axis=1)
    above = places > np.median(places, axis=0)
    eighth = above @ np.array([4, 2, 1])
    return np.asarray(eighth + 8 * (depth <= np.quantile(depth, CORE)), dtype=np.int64)
