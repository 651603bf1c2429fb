"""The statistic of every element under many arrangements at once: t, F, and Welch's v and G."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.infer.arranged import Arranged, Statistic
from heatlas.infer.shares import all_ratios, largest_shares, observed_ratios, shares_to_statistics
from heatlas.infer.welch import welch_statistics

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
CHUNK = 256  # elements of one product whose maxima are taken, so that it stays in the cache
WIDE = 384  # elements of one product whose statistics are kept; it has fewer arrangements


def largest_statistics(arranged: Arranged, residuals: Singles, *, tested: Statistic) -> Floats:
    """Return the largest statistic of each arrangement.

    Parameters
    ----------
    arranged : Arranged
        s arrangements.
    residuals : numpy.ndarray of float32, shape (m, u)
        Unit residuals of some elements.
    tested : Statistic
        The statistic.

    Returns
    -------
    numpy.ndarray of float64, shape (s,)
        Largest value, of the magnitude unless ``tested.signed``.

    Notes
    -----
    With residuals e of norm 1 the share that the contrast explains is (x'Pe)^2 / (1 - |Z'Pe|^2),
    which rises with t^2 and F, so only maxima are turned into statistics. Elements are taken in
    chunks whose products stay in the cache; about 1 MB beside the arguments.
    """
    largest = np.full(arranged.columns.shape[1], -np.inf)
    for start in range(0, residuals.shape[1], CHUNK):
        chunk = residuals[:, start : start + CHUNK]
        if tested.groups is None:
            found = largest_shares(arranged, chunk, tested=tested)
        else:
            values = welch_statistics(arranged, chunk, tested=tested)
            found = (values if tested.signed else np.abs(values)).max(axis=1)
        np.maximum(largest, found, out=largest)
    return largest if tested.groups is not None else shares_to_statistics(largest, tested=tested)


def all_statistics(
    arranged: Arranged, residuals: Singles, *, tested: Statistic, out: Singles
) -> Singles:
    """Return the statistic of every element under each arrangement.

    Parameters
    ----------
    arranged : Arranged
        s arrangements; few, since the whole outcome is kept.
    residuals : numpy.ndarray of float32, shape (m, u)
        Unit residuals.
    tested : Statistic
        The statistic.
    out : numpy.ndarray of float32, shape (s, u)
        Where they are written.

    Returns
    -------
    numpy.ndarray of float32, shape (s, u)
        ``out``; t and v with their sign.
    """
    of_chunk = all_ratios if tested.groups is None else welch_statistics
    for start in range(0, residuals.shape[1], WIDE):
        part = slice(start, start + WIDE)
        out[:, part] = of_chunk(arranged, residuals[:, part], tested=tested)
    return out


def observed_statistics(residuals: Floats, *, tested: Statistic) -> Floats:
    """Return the statistic of each element as it was observed, in float64.

    Parameters
    ----------
    residuals : numpy.ndarray of float64, shape (m, u)
        Unit residuals.
    tested : Statistic
        The statistic.

    Returns
    -------
    numpy.ndarray of float64, shape (u,)
        t, F, v or G; NaN where the model leaves nothing but rounding.
    """
    if tested.groups is None:
        return observed_ratios(residuals, tested=tested)
    identity = Arranged(columns=tested.columns[:, None, :], groups=tested.groups[None])
    values = welch_statistics(identity, residuals, tested=tested)[0]
    along = tested.columns @ residuals
    return np.where(1 - np.einsum("ij,ij->j", along, along) > 1e-13, values, np.nan)
