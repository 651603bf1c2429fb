"""Surrogates of voxel maps that keep the autocorrelation: Gaussian fields of the same spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from heatlas.compare.fields import Draw, standardised
from heatlas.compare.lags import Lags, autocorrelation, lags_of, shell_of
from heatlas.compare.policy import Selection
from heatlas.core.random import stream

Floats = NDArray[np.float64]
STEP = "surrogates"
BATCH = 2  # one complex field holds two
HALVINGS = 24


def spectral_surrogates(selection: Selection, maps: Sequence[int], *, seed: int) -> Draw:
    """Return what draws surrogates with the spectra of their maps.

    Parameters
    ----------
    selection : Selection
        Maps on a grid that all have values at the same elements.
    maps : sequence of int
        Numbers of the maps.
    seed : int
        Seed of the study.

    Returns
    -------
    Draw
        From the number of the first surrogate to two of every map.

    Notes
    -----
    A surrogate is a Gaussian field on the map's grid, periodic where the map's autocorrelation has
    ended, whose spectrum is that of the map's isotropic autocorrelation, lowered by a constant
    until its negative parts, set to zero, cost no variance. Like Dutilleul's n it takes the maps as
    stationary. Time: one complex FFT for two surrogates of one map, over its box widened by the
    reach of its autocorrelation; frequencies without power and voxels beyond the box are left out.
    Memory: the frequencies with power of all maps, and two surrogates of all maps.
    """
    mask = selection.mask
    lags = lags_of(mask.inside.reshape(mask.grid.shape), grid=mask.grid)
    spectra = [_spectrum(selection.values_of(k), lags=lags) for k in maps]

    def draw(number: int) -> Floats:
        """Return surrogates from that number on, shape (2, maps, v)."""
        return _fields(spectra, lags=lags, seed=seed, number=number)

    return draw


class _Spectrum(NamedTuple):
    """The frequencies at which fields with a map's autocorrelation have power."""

    padded: tuple[int, ...]
    """shape on which the autocorrelation has room"""
    axes: tuple[NDArray[np.int64], ...]
    """frequencies along each axis that have power somewhere"""
    places: NDArray[np.int64]
    """which combinations of those have any, by their place among all"""
    amplitude: NDArray[np.float32]
    """their amplitudes"""

    def field(self, noise: NDArray[np.float32], *, shape: tuple[int, ...]) -> NDArray[np.complex64]:
        """Return two fields, the real and the imaginary part, within a box of this shape."""
        found = np.zeros([len(axis) for axis in self.axes], dtype=np.complex64)
        found.flat[self.places] = self.amplitude * (noise[0] + 1j * noise[1])
        for axis, used in enumerate(self.axes):
            found = _transformed(found, used, axis=axis, padded=self.padded[axis])
            found = np.take(found, range(shape[axis]), axis=axis)
        return found


def _transformed(
    found: NDArray[np.complex64], used: NDArray[np.int64], *, axis: int, padded: int
) -> NDArray[np.complex64]:
    """Return the inverse transform along an axis of which only some frequencies are given."""
    whole = np.zeros([*found.shape[:axis], padded, *found.shape[axis + 1 :]], dtype=np.complex64)
    np.moveaxis(whole, axis, 0)[used] = np.moveaxis(found, axis, 0)
    return np.asarray(fft.ifft(whole, axis=axis, overwrite_x=True))


def _spectrum(values: Floats, *, lags: Lags) -> _Spectrum:
    """Return the amplitude at each frequency of fields with a map's autocorrelation."""
    curve = np.nan_to_num(autocorrelation(values, lags=lags))
    covariance = _covariance(curve, lags=lags)
    power = np.asarray(fft.fftn(covariance).real, dtype=np.float32)
    power = np.maximum(power - _floor(power), 0)
    axes = tuple(
        np.flatnonzero(power.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)
    )
    powerful = power[np.ix_(*axes)].ravel()
    places = np.flatnonzero(powerful)
    return _Spectrum(covariance.shape, axes, places, np.sqrt(powerful[places]))


def _covariance(curve: Floats, *, lags: Lags) -> NDArray[np.float32]:
    """Return a curve at each lag of a shape on which it has room."""
    reached = int(np.count_nonzero(curve)) + 1
    padded = lags.box.padded_by(lags.box.reach_of(reached))
    squared = lags.box.squared_on(padded)
    # Steps between shells would be roughness. A smooth map's curve is near a line in the squared
    # distance where it is steepest.
    shells = np.minimum(shell_of(squared).astype(np.intp), reached).ravel()
    n = np.bincount(shells, minlength=reached + 1)[:reached]
    total = np.bincount(shells, squared.ravel(), reached + 1)[:reached]
    used = n > 0
    middle, ends = total[used] / n[used], curve[:reached][used]
    return np.interp(squared, middle, ends, right=0).astype(np.float32)


def _floor(power: NDArray[np.float32]) -> float:
    """Return what is taken off every frequency so that none is negative and the variance stays.

    An estimated curve has a little power below zero where the map has next to none. Setting only
    that to zero would leave its positive twin as white noise, and the surrogates too rough.
    """
    wanted = float(power.sum(dtype=np.float64))
    low, high = 0.0, float(power.max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        kept = float(np.maximum(power - middle, 0).sum(dtype=np.float64))
        low, high = (middle, high) if kept > wanted else (low, middle)
    return low


def _fields(spectra: Sequence[_Spectrum], *, lags: Lags, seed: int, number: int) -> Floats:
    """Return two surrogates of every map within the mask, standardised, shape (2, m, v)."""
    fields = np.empty((BATCH, len(spectra), int(lags.inside.sum())))
    for k, spectrum in enumerate(spectra):
        rng = stream(seed, STEP, index=number * len(spectra) + k)
        noise = rng.standard_normal((BATCH, len(spectrum.places)), dtype=np.float32)
        within = spectrum.field(noise, shape=lags.inside.shape)[lags.inside]
        fields[0, k], fields[1, k] = standardised(within.real), standardised(within.imag)
    return fields
