"""How a map's values go together over distance: the lags between a mask's elements, by FFT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from heatlas.core.space import Grid

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Flags = NDArray[np.bool_]
NEAR = 1 / 3  # of the box's longest edge: most maps' curves end within


@dataclass(frozen=True, eq=False)
class Window:
    """Lags up to a distance; those with a negative first part are left to their opposites."""

    padded: tuple[int, ...]
    """shape on which no lag of the window wraps around"""
    reach: tuple[int, ...]
    """largest lag along each axis, in voxels"""
    shell: NDArray[np.intp]
    """shell of each lag, shape (reach + 1, 2 reach + 1, 2 reach + 1)"""
    n_shells: int
    """how many shells it holds whole; farther lags have this number"""

    def totals(self, field: Floats32) -> Floats:
        """Return the sum over each shell of the products of a field with itself, shape (shells,).

        Both directions of a lag count. Memory: three arrays of the padded shape.
        """
        spectrum = self.spectrum(field)
        return self.totals_of(spectrum, spectrum)

    def spectrum(self, field: Floats32) -> NDArray[np.complex64]:
        """Return the transform of a field, half of it along the last axis.

        Axes are padded one after the other, so that most transforms run over a part of the shape.
        """
        first, second, third = self.padded
        found = fft.rfft(field, third, axis=2)
        found = fft.fft(found, second, axis=1, overwrite_x=True)
        return np.asarray(fft.fft(found, first, axis=0, overwrite_x=True))

    def totals_of(self, one: NDArray[np.complex64], other: NDArray[np.complex64]) -> Floats:
        """Return the sum over each shell of the products of two fields, from their spectra."""
        products = self._products(one.real * other.real + one.imag * other.imag)
        size = self.n_shells + 1
        total = 2 * np.bincount(self.shell.ravel(), products.ravel(), size)
        # The first plane holds its own opposites.
        total -= np.bincount(self.shell[0].ravel(), products[0].ravel(), size)
        return np.asarray(total[:-1])

    def _products(self, power: Floats32) -> Floats32:
        """Return the products at each lag, the mean of both directions, from their cross power.

        Lags beyond the window are dropped as soon as they appear.
        """
        first, _, third = self.padded
        # The power is real: its forward transform is the conjugate of the backward one.
        along = fft.rfft(power, axis=0)[: self.reach[0] + 1].conj()
        along = fft.ifft(along, axis=1)[:, _signed(self.reach[1])]
        products = fft.irfft(along, third, axis=2)[:, :, _signed(self.reach[2])]
        return np.asarray(products / first)


@dataclass(frozen=True, eq=False)
class Box:
    """A box of voxels with the windows of its lags, which all masks within it share."""

    shape: tuple[int, ...]
    steps: Floats
    """3 x 3: where one voxel along each axis leads, in widths of a shell"""

    @cached_property
    def near(self) -> Window:
        """Short lags; the cheap window, in which most curves end."""
        longest = float(np.max(np.linalg.norm(self.steps, axis=0) * self.shape))
        return self.window(int(np.ceil(NEAR * longest)) + 1)

    @cached_property
    def far(self) -> Window:
        """All lags."""
        return _window(self, reach=tuple(n - 1 for n in self.shape))

    def window(self, n_shells: int) -> Window:
        """Return the window of the first shells."""
        return _window(self, reach=self.reach_of(n_shells), n_shells=n_shells)

    def reach_of(self, n_shells: int) -> tuple[int, ...]:
        """Return the largest lag along each axis that the first shells hold, in voxels."""
        per_axis = np.linalg.norm(np.linalg.inv(self.steps), axis=1)
        wanted = np.floor((n_shells - 0.5) * per_axis).astype(int)
        return tuple(min(int(k), n - 1) for k, n in zip(wanted, self.shape, strict=True))

    def padded_by(self, reach: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape for transforms, on which no lag up to a reach wraps around."""
        return tuple(
            fft.next_fast_len(n + r, real=True) for n, r in zip(self.shape, reach, strict=True)
        )

    def squared_on(self, padded: tuple[int, ...]) -> Floats32:
        """Return the squared length of each lag on a padded shape, in widths of a shell."""
        lags = [np.where(k <= p // 2, k, k - p) for p in padded for k in [np.arange(p)]]
        return _squared(lags, steps=self.steps)


@dataclass(frozen=True, eq=False)
class Lags:
    """Which lags the pairs of elements of a mask have, in shells of equal distance."""

    inside: Flags
    """the mask within its box"""
    box: Box

    @cached_property
    def n_shells(self) -> int:
        """How many shells the box's lags lie in."""
        ends = product(*((1 - n, n - 1) for n in self.box.shape))
        farthest = max(float(np.sum((self.box.steps @ np.array(end)) ** 2)) for end in ends)
        return int(np.rint(np.sqrt(farthest))) + 1

    @cached_property
    def pairs(self) -> Floats:
        """Ordered pairs of elements in each shell, shape (n_shells,)."""
        return lengthened(self._far_pairs, to=self.n_shells)

    def pairs_of(self, n_shells: int) -> Floats:
        """Return the ordered pairs of elements in the first shells, by the cheapest way."""
        if n_shells <= self.box.near.n_shells:
            return self._near_pairs[:n_shells]
        return self.pairs[:n_shells]

    @cached_property
    def _near_pairs(self) -> Floats:
        return _counts(self.inside, window=self.box.near)

    @cached_property
    def _far_pairs(self) -> Floats:
        return _counts(self.inside, window=self.box.far)


def lags_of(inside: Flags, *, grid: Grid) -> Lags:
    """Return the lags of a mask.

    Parameters
    ----------
    inside : numpy.ndarray of bool, shape grid.shape
        The elements.
    grid : Grid
        Where they lie.

    Returns
    -------
    Lags
        Shells are as wide as the edge of a cube with a voxel's volume.
    """
    within = bounding_box(inside)
    return Lags(inside=inside[within], box=box_of(inside[within].shape, grid=grid))


def box_of(shape: tuple[int, ...], *, grid: Grid) -> Box:
    """Return a box of voxels of a grid, for masks that are cut to it.

    Parameters
    ----------
    shape : tuple of int
        Its edges in voxels.
    grid : Grid
        Where it lies.

    Returns
    -------
    Box
        With the grid's steps.
    """
    return Box(shape=shape, steps=grid.affine[:3, :3] / grid.voxel_volume_mm3 ** (1 / 3))


def bounding_box(inside: Flags) -> tuple[slice, ...]:
    """Return the smallest box that holds all elements of a mask.

    Parameters
    ----------
    inside : numpy.ndarray of bool
        At least one element.

    Returns
    -------
    tuple of slice
        One an axis.
    """
    slices = []
    for axis in range(inside.ndim):
        others = tuple(k for k in range(inside.ndim) if k != axis)
        used = np.flatnonzero(inside.any(axis=others))
        slices.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(slices)


def shell_of(squared: Floats32) -> Floats32:
    """Return the number of the shell in which each lag lies.

    Parameters
    ----------
    squared : numpy.ndarray of float32
        Squared lengths of lags in widths of a shell.

    Returns
    -------
    numpy.ndarray of float32, same shape
        Only the zero lag has number 0.
    """
    return np.where(squared > 0, np.maximum(np.rint(np.sqrt(squared)), 1), 0)


def autocorrelation(values: NDArray[np.floating], *, lags: Lags) -> Floats:
    """Return the autocorrelation of a map over shells of lags.

    Parameters
    ----------
    values : numpy.ndarray, shape (v,)
        The map's values over the mask's elements.
    lags : Lags
        Of that mask.

    Returns
    -------
    numpy.ndarray of float64, shape (n_shells,)
        1 at shell 0, and 0 from the first shell on where it is not positive.

    Notes
    -----
    Short lags are looked at first; a curve that does not end there is taken again over all. Time
    and memory grow with the box, widened by a third of its longest edge along each axis (or
    doubled).
    """
    field = field_of(values, lags=lags)
    for window in (lags.box.near, lags.box.far):
        mean = window.totals(field) / np.maximum(lags.pairs_of(window.n_shells), 1)
        if not mean[0] > 0:
            break
        curve = cut_curve(mean / mean[0], last=window is lags.box.far)
        if curve is not None:
            return lengthened(curve, to=lags.n_shells)
    return np.full(lags.n_shells, np.nan)


def field_of(values: NDArray[np.floating], *, lags: Lags) -> Floats32:
    """Return a map around its mean within the box, 0 outside of the mask."""
    field = np.zeros(lags.inside.shape, dtype=np.float32)
    field[lags.inside] = values - values.mean(dtype=np.float64)
    return field


def cut_curve(curve: Floats, *, last: bool) -> Floats | None:
    """Return a curve that is 0 from the first shell on where it is not positive.

    Parameters
    ----------
    curve : numpy.ndarray of float64
        One value a shell.
    last : bool
        Whether there are no farther shells.

    Returns
    -------
    numpy.ndarray or None
        None where it does not end and there are farther shells.
    """
    ended = np.flatnonzero(curve <= 0)
    if not ended.size:
        return curve if last else None
    cut = curve.copy()
    cut[ended[0] :] = 0
    return cut


def lengthened(values: Floats, *, to: int) -> Floats:
    """Return values with zeros at their end."""
    return np.asarray(np.pad(values, (0, to - len(values))))


def _counts(inside: Flags, *, window: Window) -> Floats:
    """Return the ordered pairs of elements in each shell of a window."""
    return np.maximum(np.rint(window.totals(inside.astype(np.float32))), 0)


def _window(box: Box, *, reach: tuple[int, ...], n_shells: int | None = None) -> Window:
    """Return a window, which holds all its shells whole unless their number is given."""
    first, *others = reach
    lags = [np.arange(first + 1), *(np.arange(-r, r + 1) for r in others)]
    shell = shell_of(_squared(lags, steps=box.steps)).astype(np.intp)
    n = int(shell.max()) + 1 if n_shells is None else n_shells
    return Window(padded=box.padded_by(reach), reach=reach, shell=np.minimum(shell, n), n_shells=n)


def _squared(lags: list[NDArray[np.int64]], *, steps: Floats) -> Floats32:
    """Return the squared length of each lag in widths of a shell."""
    squared = np.zeros([len(k) for k in lags], dtype=np.float32)
    for axis in range(3):
        parts = np.ix_(*(steps[axis, k] * along for k, along in enumerate(lags)))
        squared += np.asarray(parts[0] + parts[1] + parts[2], dtype=np.float32) ** 2
    return squared


def _signed(reach: int) -> NDArray[np.int64]:
    """Return the places of the lags from -reach to reach along an axis."""
    return np.arange(-reach, reach + 1)
