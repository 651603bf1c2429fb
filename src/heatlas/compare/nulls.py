"""How sure a correlation of smooth maps is: Dutilleul's effective n by FFT, its p and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from heatlas.compare.parcel_lags import parcel_effective_n
from heatlas.compare.policy import Selection
from heatlas.core.parcels import Parcels
from heatlas.core.space import Grid
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
SMALLEST_P = 1e-300  # a p is never zero


@dataclass(frozen=True, kw_only=True, eq=False)
class Certainty(Value):
    """What is known about each correlation; every array has shape (rows, columns).

    Parameters
    ----------
    n_eff : numpy.ndarray of float64
        How many independent elements would be as informative.
    p : numpy.ndarray of float64
        Two-sided, uncorrected; NaN where a map meets itself or nothing can be tested.
    low, high : numpy.ndarray of float64
        Limits of the interval.
    level : float
        Its level.
    """

    n_eff: Floats
    p: Floats
    low: Floats
    high: Floats
    level: float = 0.95


@dataclass(frozen=True)
class Lags:
    """Which lags the pairs of elements of a mask have, in shells of equal distance."""

    inside: Flags
    """the mask cut to its bounding box"""
    padded: tuple[int, ...]
    """shape on which nothing wraps around"""
    shell: NDArray[np.int32]
    """number of the shell of each lag, shape padded; shell 0 is the zero lag alone"""
    pairs: Floats
    """ordered pairs of elements in each shell"""
    squared: NDArray[np.float32]
    """squared distance of each lag in units of a shell's width, shape padded"""


def effective_n(selection: Selection, *, rows: Sequence[int], columns: Sequence[int]) -> Floats:
    """Return Dutilleul's effective n of each pair of maps.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, columns)
        ``n^2 / sum_h N(h) r_x(h) r_y(h)`` over lags h, with N(h) ordered pairs of elements; NaN
        where a pair shares fewer than three elements. Swapping the two maps changes nothing.

    Notes
    -----
    Both maps are taken as stationary and isotropic: their autocorrelations are means over shells
    one voxel wide, divided by the pairs that the mask really holds, and end at their first value
    that is not positive. Where all pairs share their elements, each map costs two FFTs and all
    pairs one small matrix product; otherwise each distinct set of elements costs as much.
    Memory: about six arrays of eight times the bounding box in float32. Over parcels see
    :func:`heatlas.compare.parcel_lags.parcel_effective_n`.

    References
    ----------
    Clifford, Richardson, Hemon (1989), doi:10.2307/2532039. Dutilleul (1993),
    doi:10.2307/2532625.
    """
    if isinstance(selection.mask.space, Parcels):
        return parcel_effective_n(selection, rows=rows, columns=columns)
    if selection.complete:
        everything = np.ones(selection.mask.size, dtype=bool)
        return _over_one_set(selection, everything, rows=rows, columns=columns)
    return _over_many_sets(selection, rows=rows, columns=columns)


def judge_correlations(r: Floats, *, n_eff: Floats, level: float = 0.95) -> Certainty:
    """Return p and interval of correlations from their effective n.

    Parameters
    ----------
    r : numpy.ndarray of float64
        Correlations, any shape.
    n_eff : numpy.ndarray of float64
        Effective n, same shape.
    level : float
        Level of the interval.

    Returns
    -------
    Certainty
        p of Student's t with n_eff - 2 degrees of freedom, two-sided; NaN where n_eff is not
        above 2. The interval is that of Fisher's z with n_eff, and -1 to 1 where n_eff is not
        above 3.
    """
    df = n_eff - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.abs(r) * np.sqrt(df / (1 - r**2))
        p = 2 * special.stdtr(df, -t)
        half = special.ndtri(0.5 + level / 2) / np.sqrt(n_eff - 3)
        z = np.arctanh(r)
        low, high = np.tanh(z - half), np.tanh(z + half)
    known = np.isfinite(r) & (df > 0)
    narrow = known & (n_eff > 3)
    exact = np.abs(r) == 1
    return Certainty(
        n_eff=n_eff,
        p=np.where(known, np.clip(p, SMALLEST_P, 1), np.nan),
        low=np.where(exact, r, np.where(narrow, low, np.where(known, -1.0, np.nan))),
        high=np.where(exact, r, np.where(narrow, high, np.where(known, 1.0, np.nan))),
        level=level,
    )


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
    box = inside[_bounding_box(inside)]
    padded = tuple(fft.next_fast_len(2 * length - 1, real=True) for length in box.shape)
    width = grid.voxel_volume_mm3 ** (1 / 3)
    offsets = [np.minimum(np.arange(p), p - np.arange(p)) for p in padded]
    signs = [np.where(np.arange(p) <= p // 2, 1.0, -1.0) for p in padded]
    steps = grid.affine[:3, :3] / width
    squared = np.zeros(padded, dtype=np.float32)
    for axis in range(3):
        along = [_broadcast(steps[axis, k] * offsets[k] * signs[k], k) for k in range(3)]
        squared += np.asarray(along[0] + along[1] + along[2], dtype=np.float32) ** 2
    shell = np.rint(np.sqrt(squared)).astype(np.int32)
    np.maximum(shell, 1, out=shell)
    shell[0, 0, 0] = 0
    spectrum = fft.rfftn(box.astype(np.float32), padded)
    counts = np.rint(fft.irfftn(_power(spectrum), padded))
    pairs = np.asarray(np.bincount(shell.ravel(), np.maximum(counts, 0).ravel()), np.float64)
    return Lags(inside=box, padded=padded, shell=shell, pairs=pairs, squared=squared)


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
    numpy.ndarray of float64, shape (shells,)
        1 at shell 0, and 0 from the first shell on where it is not positive.
    """
    whole = np.zeros(lags.inside.shape, dtype=np.float32)
    whole[lags.inside] = values - values.mean(dtype=np.float64)
    covariance = fft.irfftn(_power(fft.rfftn(whole, lags.padded)), lags.padded)
    total = np.bincount(lags.shell.ravel(), covariance.ravel(), len(lags.pairs))
    mean = total / np.maximum(lags.pairs, 1)
    if not mean[0] > 0:
        return np.full(len(mean), np.nan)
    correlation = mean / mean[0]
    ended = np.flatnonzero(correlation <= 0)
    if ended.size:
        correlation[ended[0] :] = 0
    return np.asarray(correlation)


def _over_one_set(
    selection: Selection, elements: Flags, *, rows: Sequence[int], columns: Sequence[int]
) -> Floats:
    """Return the effective n of maps that all rest on the same elements."""
    n = int(elements.sum())
    if n < 3:
        return np.full((len(rows), len(columns)), np.nan)
    mask = selection.mask
    whole = np.zeros(mask.space.size, dtype=bool)
    whole[mask.indices[elements]] = True
    lags = lags_of(whole.reshape(mask.grid.shape), grid=mask.grid)
    numbers = sorted({*rows, *columns})
    curves = np.stack([
        autocorrelation(selection.values_of(k)[elements], lags=lags) for k in numbers
    ])
    total = (curves * lags.pairs) @ curves.T
    with np.errstate(invalid="ignore", divide="ignore"):
        found = n**2 / total
    place = {number: k for k, number in enumerate(numbers)}
    return np.asarray(found[np.ix_([place[k] for k in rows], [place[k] for k in columns])])


def _over_many_sets(selection: Selection, *, rows: Sequence[int], columns: Sequence[int]) -> Floats:
    """Return the effective n where pairs rest on elements of their own: set by set."""
    cells: dict[bytes, list[tuple[int, int]]] = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row == column:
                continue
            key = np.packbits(selection.pair(row, column)).tobytes()
            cells.setdefault(key, []).append((i, j))
    found = np.full((len(rows), len(columns)), np.nan)
    for members in cells.values():
        across = sorted({i for i, _ in members})
        down = sorted({j for _, j in members})
        first, second = members[0]
        elements = selection.pair(rows[first], columns[second])
        block = _over_one_set(
            selection, elements, rows=[rows[i] for i in across], columns=[columns[j] for j in down]
        )
        for i, j in members:
            found[i, j] = block[across.index(i), down.index(j)]
    return found


def _bounding_box(inside: Flags) -> tuple[slice, ...]:
    slices = []
    for axis in range(inside.ndim):
        others = tuple(k for k in range(inside.ndim) if k != axis)
        used = np.flatnonzero(inside.any(axis=others))
        slices.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(slices)


def _broadcast(values: Floats, axis: int) -> Floats:
    shape = [1, 1, 1]
    shape[axis] = len(values)
    return values.reshape(shape)


def _power(spectrum: NDArray[np.complexfloating]) -> NDArray[np.floating]:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)
