"""The family-wise error: Bonferroni, and corrected p from the null of the maximum statistic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from heatlas.core.errors import DataError

Floats = NDArray[np.float64]
TIE = 1e-5  # a maximum this close below a value (relative) counts as reaching it


class MaximumTest(NamedTuple):
    """Values judged against the maxima of all arrangements."""

    p: Floats
    """corrected p of each value, count / arrangements; NaN stays NaN"""
    low: Floats
    """lower limit of its 95 % Monte-Carlo interval"""
    high: Floats
    """upper limit"""
    counts: NDArray[np.int64]
    """arrangements whose maximum reaches the value, the identity included; 0 for NaN"""


def bonferroni(p: ArrayLike) -> Floats:
    """Return p times the number of tests, at most 1.

    Parameters
    ----------
    p : array_like of float
        Uncorrected p, any shape; NaN marks elements that were not tested.

    Returns
    -------
    numpy.ndarray of float64
        Corrected p, same shape.
    """
    given = np.asarray(p, dtype=np.float64)
    return np.asarray(np.minimum(given * int((~np.isnan(given)).sum()), 1))


def judge_by_maxima(values: ArrayLike, null_maxima: ArrayLike, *, exact: bool) -> MaximumTest:
    """Return the corrected p of each value from the maxima of all arrangements.

    Parameters
    ----------
    values : array_like of float, shape (v,)
        Observed values on the scale of the maxima; NaN marks elements that were not tested.
    null_maxima : array_like of float, shape (N,)
        Largest value of each arrangement, the identity first.
    exact : bool
        True when these are all arrangements that exist: the interval is then the p itself.

    Returns
    -------
    MaximumTest
        Corrected p with its 95 % Clopper-Pearson interval and the counts behind it.

    Raises
    ------
    DataError
        If there is no arrangement.

    Notes
    -----
    The observed values may come in float64 and the maxima from float32: a maximum that lies less
    than 1e-5 (relative) below a value counts as a tie, so that rounding never takes an
    arrangement from the count. The identity counts for every value, whatever its rounding, so p
    is never below 1 / N. With maxima of m random arrangements beside the identity this is
    (b + 1) / (m + 1); the interval is that of b successes in m draws.
    """
    observed = np.asarray(values, dtype=np.float64)
    n = len(np.asarray(null_maxima))
    if n < 1:
        raise DataError("There is no arrangement to judge by.")
    others = np.sort(np.asarray(null_maxima, dtype=np.float64)[1:])
    reach = observed - TIE * np.abs(observed)
    beaten = np.searchsorted(others, reach, side="left")
    counts = np.where(np.isnan(observed), 0, n - beaten)
    p = np.where(counts > 0, counts / n, np.nan)
    if exact:
        return MaximumTest(p=p, low=p, high=p, counts=counts)
    limits = clopper_pearson(np.arange(n), n - 1)
    chosen = np.maximum(counts - 1, 0)
    low, high = (np.where(counts > 0, limit[chosen], np.nan) for limit in limits)
    return MaximumTest(p=p, low=low, high=high, counts=counts)


def maximum_cut(null_maxima: ArrayLike, *, alpha: float) -> float:
    """Return the value that must be exceeded for a corrected p of at most alpha.

    Parameters
    ----------
    null_maxima : array_like of float, shape (N,)
        Largest value of each arrangement, the identity first.
    alpha : float
        Family-wise level.

    Returns
    -------
    float
        Inverse of :func:`judge_by_maxima`, its tie tolerance included; infinite when there are
        too few arrangements for this alpha.
    """
    others = np.sort(np.asarray(null_maxima, dtype=np.float64)[1:])
    n = len(others) + 1
    allowed = int(np.floor(alpha * n + 1e-9)) - 1  # maxima that may reach a surviving value
    if allowed < 0:
        return float("inf")
    if allowed >= len(others):
        return float("-inf")
    limit = others[len(others) - 1 - allowed]
    return float(limit / (1 - TIE) if limit > 0 else limit / (1 + TIE))


def clopper_pearson(successes: ArrayLike, n: int, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the exact interval of a proportion.

    Parameters
    ----------
    successes : array_like of int
        Number of successes.
    n : int
        Number of draws; 0 gives the interval from 0 to 1.
    level : float
        Coverage.

    Returns
    -------
    low, high : numpy.ndarray of float64
        Limits, same shape as the successes.

    References
    ----------
    Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404.
    """
    k = np.asarray(successes, dtype=np.float64)
    tail = (1 - level) / 2
    low = np.where(k > 0, special.betaincinv(np.maximum(k, 0.5), n - k + 1, tail), 0.0)
    high = np.where(k < n, special.betaincinv(k + 1, np.maximum(n - k, 0.5), 1 - tail), 1.0)
    return low, high
