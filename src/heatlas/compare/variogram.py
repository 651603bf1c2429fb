"""Surrogates of parcel maps that keep the variogram: permuted, smoothed, scaled to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from heatlas.compare.fields import Draw, standardised
from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError
from heatlas.core.random import stream

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
STEP = "variogram"
BATCH = 50  # surrogates at once: their squared differences stay near the processor
FEWEST = 20  # parcels; with fewer a quarter of the distances makes no variogram
SHARES = tuple(k / 10 for k in range(1, 10))  # of all parcels, over which is smoothed
N_DISTANCES = 25
CLOSE = 25.0  # percentile of the distances up to which variograms are compared
BANDWIDTH = 3.0  # of the variogram's kernel, in steps between its distances
QUARTILE = 2.68  # by which a normal kernel's bandwidth is measured between its quartiles


@dataclass(frozen=True)
class Places:
    """What follows from the positions of n parcels alone."""

    smoothers: Floats32
    """weighted means over the nearest parcels, shape (shares, n, n)"""
    first: NDArray[np.int64]
    """one parcel of each close pair, shape (pairs,)"""
    second: NDArray[np.int64]
    """the other one"""
    weights: Floats32
    """from halved squared differences of pairs to the variogram, shape (distances, pairs)"""


def places_of(positions_mm: Floats) -> Places:
    """Return what the positions of parcels say about smoothing and variograms.

    Parameters
    ----------
    positions_mm : numpy.ndarray of float64, shape (n, 3)
        Centres of the parcels.

    Returns
    -------
    Places
        Kernels and pairs.

    Raises
    ------
    DataError
        If there are fewer than 20 parcels, or two lie at one place.
    """
    n = len(positions_mm)
    if n < FEWEST:
        raise DataError(
            f"null 'variogram': {n} regions are too few for a variogram, expected at least "
            f"{FEWEST}; take a finer atlas."
        )
    distance = cdist(positions_mm, positions_mm)
    first, second = np.triu_indices(n, k=1)
    apart = distance[first, second]
    if not apart.min() > 0:
        raise DataError("null 'variogram': two regions lie at one place; leave one of them out.")
    close = apart <= np.percentile(apart, CLOSE)
    return Places(
        smoothers=np.stack([_smoother(distance, n_nearest=int(s * n)) for s in SHARES]),
        first=first[close],
        second=second[close],
        weights=_variogram_weights(apart[close]),
    )


def variogram_of(maps: Floats32, places: Places) -> Floats32:
    """Return the kernel-smoothed variogram of maps.

    Parameters
    ----------
    maps : numpy.ndarray of float32, shape (n, maps)
        One value a parcel.
    places : Places
        Of the same parcels.

    Returns
    -------
    numpy.ndarray of float32, shape (distances, maps)
        Weighted means of halved squared differences at 25 equally spaced distances.
    """
    squared = maps[places.first]
    squared -= maps[places.second]
    squared *= squared
    return np.asarray(places.weights @ squared)


def variogram_surrogates(selection: Selection, maps: Sequence[int], *, seed: int) -> Draw:
    """Return what draws surrogates whose variograms are like those of their maps.

    Parameters
    ----------
    selection : Selection
        Maps of parcels that all have values at the same elements.
    maps : sequence of int
        Numbers of the maps.
    seed : int
        Seed of the study.

    Returns
    -------
    Draw
        From the number of the first surrogate to fifty of every map.

    Raises
    ------
    DataError
        If there are fewer than 20 parcels, or two lie at one place.

    Notes
    -----
    A map is permuted and smoothed over a share of 0.1 to 0.9 of all parcels, each parcel by its
    nearest ones with weights that fall exponentially and reach 1/e at the farthest of them. The
    map's variogram, up to the 25th percentile of distances, is regressed on that of each smoothed
    map; the share that fits best gives the surrogate, scaled by the slope, with white noise of the
    intercept. All smoothings of fifty permutations are matrix products, and so are their
    variograms. Memory: fifty squared differences of each close pair, and nine n x n kernels.

    References
    ----------
    Burt et al. (2020), doi:10.1016/j.neuroimage.2020.117038. Viladomat et al. (2014),
    doi:10.1111/biom.12139.
    """
    places = places_of(selection.mask.positions_mm())
    scaled = [standardised(selection.values_of(k)) for k in maps]
    wanted = [variogram_of(_column(x), places)[:, 0].astype(np.float64) for x in scaled]

    def draw(number: int) -> Floats:
        """Return surrogates from that number on, shape (fifty, maps, n)."""
        fields = [
            matched(values, target, places=places, seed=seed, number=number * len(scaled) + k)
            for k, (values, target) in enumerate(zip(scaled, wanted, strict=True))
        ]
        return standardised(np.stack(fields, axis=1))

    return draw


def matched(values: Floats, target: Floats, *, places: Places, seed: int, number: int) -> Floats:
    """Return fifty surrogates of one map, as large as the match makes them.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        The map, centred.
    target : numpy.ndarray of float64, shape (distances,)
        Its variogram.
    places : Places
        Of its parcels.
    seed, number : int
        Seed of the study, and the number of the batch.

    Returns
    -------
    numpy.ndarray of float64, shape (50, n)
        Their variograms are near the target.
    """
    rng = stream(seed, STEP, index=number)
    n = len(values)
    permuted = values[np.argsort(rng.random((BATCH, n)), axis=1)].T
    smoothed = places.smoothers @ permuted.astype(np.float32)
    curves = np.stack([variogram_of(maps, places) for maps in smoothed]).astype(np.float64)
    slope, intercept, misfit = _regressed(target, on=curves)
    best = misfit.argmin(axis=0)
    each = np.arange(BATCH)
    chosen = smoothed[best, :, each].astype(np.float64)
    noise = rng.standard_normal((BATCH, n))
    signal = np.sqrt(np.abs(slope[best, each]))[:, None] * chosen
    return np.asarray(signal + np.sqrt(np.abs(intercept[best, each]))[:, None] * noise)


def _regressed(target: Floats, *, on: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slope, intercept and squared misfit of one curve on many, shape (shares, batch).

    The many have shape (shares, distances, batch).
    """
    centred = on - on.mean(axis=1, keepdims=True)
    wanted = target - target.mean()
    power = np.square(centred).sum(axis=1)
    slope = np.einsum("d,sdb->sb", wanted, centred) / np.where(power > 0, power, 1)
    intercept = target.mean() - slope * on.mean(axis=1)
    misfit = np.square(wanted).sum() - slope**2 * power
    return slope, intercept, misfit


def _smoother(distance: Floats, *, n_nearest: int) -> Floats32:
    """Return weighted means over each parcel's nearest ones, itself left out, shape (n, n)."""
    n = len(distance)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1 : n_nearest + 1]
    apart = np.take_along_axis(distance, nearest, axis=1)
    weight = np.exp(-apart / apart[:, -1:])
    whole = np.zeros((n, n), dtype=np.float32)
    np.put_along_axis(whole, nearest, weight / weight.sum(axis=1, keepdims=True), axis=1)
    return whole


def _variogram_weights(apart: Floats) -> Floats32:
    """Return the weights of pairs at each distance; a row sums to one half."""
    distances = np.linspace(apart.min(), apart.max(), N_DISTANCES)
    bandwidth = BANDWIDTH * (distances[1] - distances[0])
    offset = QUARTILE * (distances[:, None] - apart) / bandwidth
    weight = np.exp(-np.square(offset) / 2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True) / 2, dtype=np.float32)


def _column(values: Floats) -> Floats32:
    return values.astype(np.float32)[:, None]
