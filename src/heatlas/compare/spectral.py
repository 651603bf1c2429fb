"""Surrogates of voxel maps that keep the autocorrelation: Gaussian fields of the same spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from heatlas.compare.fields import Draw, standardised
from heatlas.compare.lags import Lags, autocorrelation, lags_of
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
    A surrogate is a Gaussian field on the map's grid, periodic beyond twice the bounding box, whose
    spectrum is that of the map's isotropic autocorrelation, lowered by a constant until its
    negative parts, set to zero, cost no variance. Like Dutilleul's n it takes the maps as
    stationary. Time: one complex FFT of eight times the bounding box for two surrogates of one
    map. Memory: one such array a map, and two surrogates of all maps.
    """
    mask = selection.mask
    lags = lags_of(mask.inside.reshape(mask.grid.shape), grid=mask.grid)
    spectra = [_spectrum(selection.values_of(k), lags=lags) for k in maps]

    def draw(number: int) -> Floats:
        """Return surrogates from that number on, shape (2, maps, v)."""
        return _fields(spectra, lags=lags, seed=seed, number=number)

    return draw


def _spectrum(values: Floats, *, lags: Lags) -> NDArray[np.float32]:
    """Return the amplitude at each frequency of fields with a map's autocorrelation."""
    curve = np.nan_to_num(autocorrelation(values, lags=lags))
    # Steps between shells would be roughness. A smooth map's curve is near a line in the squared
    # distance where it is steepest.
    shells = lags.shell.ravel()
    n = np.bincount(shells, minlength=len(curve))
    middle = np.bincount(shells, lags.squared.ravel(), len(curve)) / np.maximum(n, 1)
    used = n > 0
    covariance = np.interp(lags.squared, middle[used], curve[used]).astype(np.float32)
    power = np.asarray(fft.fftn(covariance).real, dtype=np.float32)
    return np.asarray(np.sqrt(np.maximum(power - _floor(power), 0)), dtype=np.float32)


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


def _fields(
    spectra: Sequence[NDArray[np.float32]], *, lags: Lags, seed: int, number: int
) -> Floats:
    """Return two surrogates of every map within the mask, standardised, shape (2, m, v)."""
    fields = np.empty((BATCH, len(spectra), int(lags.inside.sum())))
    for k, amplitude in enumerate(spectra):
        rng = stream(seed, STEP, index=number * len(spectra) + k)
        noise = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
        field = fft.ifftn(amplitude * (noise[0] + 1j * noise[1]))
        box = field[tuple(slice(0, length) for length in lags.inside.shape)][lags.inside]
        fields[0, k], fields[1, k] = standardised(box.real), standardised(box.imag)
    return fields
