"""The null of correlations from surrogate maps: new fields as smooth as each map, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from heatlas.compare.lags import Lags, autocorrelation, lags_of
from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError
from heatlas.core.random import stream
from heatlas.core.value import Value

Floats = NDArray[np.float64]
STEP = "surrogates"
HALVINGS = 24
TIE = 1e-9  # a surrogate this close below a correlation counts as reaching it


@dataclass(frozen=True, kw_only=True, eq=False)
class SurrogateTest(Value):
    """Correlations judged against surrogates; every array has shape (rows, columns).

    Parameters
    ----------
    p : numpy.ndarray of float64
        Two-sided, (b + 1) / (m + 1); NaN where nothing was tested.
    p_fwer : numpy.ndarray of float64
        The same against the largest standardised correlation over all tested cells.
    n_surrogates : int
        How many there were.
    """

    p: Floats
    p_fwer: Floats
    n_surrogates: int


def judge_by_surrogates(
    selection: Selection,
    r: Floats,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    n_eff: Floats,
    n_surrogates: int = 1000,
    seed: int = 0,
) -> SurrogateTest:
    """Return p of correlations from surrogates of both maps.

    Parameters
    ----------
    selection : Selection
        Maps that all have values at the same elements.
    r : numpy.ndarray of float64, shape (rows, columns)
        The correlations; NaN is not tested.
    rows, columns : sequence of int
        Numbers of the maps.
    n_eff : numpy.ndarray of float64, shape (rows, columns)
        Effective n, by which correlations of smooth and of rough pairs become comparable for the
        maximum.
    n_surrogates : int
        How many surrogates of each map.
    seed : int
        Seed of the study.

    Returns
    -------
    SurrogateTest
        p of each cell, alone and against the maximum over all cells.

    Raises
    ------
    DataError
        If the maps rest on different elements, or no surrogate is asked for.

    Notes
    -----
    A surrogate is a Gaussian field on the map's grid, periodic beyond twice the bounding box, whose
    spectrum is that of the map's isotropic autocorrelation, lowered by a constant until its
    negative parts, set to zero, cost no variance. All maps get surrogates at once, so that the
    maximum knows how cells depend on each other; both maps of a cell are replaced, so swapping
    them changes nothing. Like Dutilleul's n it takes the maps as stationary. Time: one complex FFT
    of eight times the bounding box for two surrogates of one map. Memory: one such array a map,
    and two surrogates of all maps.
    """
    if not selection.complete:
        raise DataError(
            "Surrogates need one set of voxels for all maps; use the policy 'common' or 'mask'."
        )
    if n_surrogates < 1:
        raise DataError(f"surrogates: {n_surrogates} asked for, expected at least 1.")
    numbers = sorted({*rows, *columns})
    place = {number: k for k, number in enumerate(numbers)}
    mask = selection.mask
    lags = lags_of(mask.inside.reshape(mask.grid.shape), grid=mask.grid)
    spectra = [_spectrum(selection.values_of(k), lags=lags) for k in numbers]
    cells = np.ix_([place[k] for k in rows], [place[k] for k in columns])
    tested = np.isfinite(r) & np.isfinite(n_eff)
    weight = np.where(tested, np.sqrt(np.where(tested, n_eff, 1)), 0)
    size = np.where(tested, np.abs(r), 0)
    reached, reached_by_largest = np.zeros(r.shape), np.zeros(r.shape)
    for start in range(0, n_surrogates, 2):
        pair = _fields(spectra, lags=lags, seed=seed, number=start)
        for fields in pair[: n_surrogates - start]:
            null = np.abs(fields @ fields.T)[cells]
            reached += null >= size - TIE
            reached_by_largest += np.max(null * weight) >= size * weight - TIE
    return SurrogateTest(
        p=np.where(tested, (reached + 1) / (n_surrogates + 1), np.nan),
        p_fwer=np.where(tested, (reached_by_largest + 1) / (n_surrogates + 1), np.nan),
        n_surrogates=n_surrogates,
    )


def surrogate_fields(
    selection: Selection, maps: Sequence[int], *, lags: Lags, seed: int, number: int
) -> tuple[Floats, Floats]:
    """Return two surrogates of each of some maps, centred and of length one.

    Parameters
    ----------
    selection : Selection
        Maps that all have values at the same elements.
    maps : sequence of int
        Numbers of the maps.
    lags : Lags
        Of the selection's mask.
    seed, number : int
        Seed of the study, and the number of the first of the two.

    Returns
    -------
    tuple of numpy.ndarray, shape (maps, mask.size)
        The two surrogates of every map.
    """
    spectra = [_spectrum(selection.values_of(k), lags=lags) for k in maps]
    return _fields(spectra, lags=lags, seed=seed, number=number)


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
) -> tuple[Floats, Floats]:
    """Return two surrogates of every map within the mask, standardised, shape (m, v) each."""
    first, second = [], []
    for k, amplitude in enumerate(spectra):
        rng = stream(seed, STEP, index=number * len(spectra) + k)
        noise = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
        field = fft.ifftn(amplitude * (noise[0] + 1j * noise[1]))
        box = field[tuple(slice(0, length) for length in lags.inside.shape)][lags.inside]
        first.append(_standardised(box.real))
        second.append(_standardised(box.imag))
    return np.stack(first), np.stack(second)


def _standardised(values: NDArray[np.floating]) -> Floats:
    centred = values.astype(np.float64) - values.mean(dtype=np.float64)
    size = np.linalg.norm(centred)
    return np.asarray(centred / size if size > 0 else centred)
