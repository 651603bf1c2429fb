"""The false discovery rate: step-up procedures of Benjamini-Hochberg and Benjamini-Yekutieli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class StepUp(Value):
    """Outcome of a step-up procedure.

    Parameters
    ----------
    adjusted : array_like of float64
        Adjusted p of each element, never below its p; NaN stays NaN.
    cut : float
        Largest p that is rejected at this alpha: p <= cut survives. Where nothing is, what a
        single element would have had to reach.
    """

    adjusted: Floats
    cut: float

    def __post_init__(self) -> None:
        """Take ownership of the array."""
        adjusted = own_array(self.adjusted, name="adjusted p", dtype=np.float64)
        set_field(self, "adjusted", to=adjusted)


def benjamini_hochberg(p: ArrayLike, *, alpha: float = 0.05) -> StepUp:
    """Control the false discovery rate of independent or positively dependent tests.

    Parameters
    ----------
    p : array_like of float
        Uncorrected p, any shape; NaN marks elements that were not tested.
    alpha : float
        Accepted expected share of false discoveries.

    Returns
    -------
    StepUp
        Adjusted p, and the cut on the uncorrected p.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    return _step_up(p, alpha=alpha, harmonic=False)


def benjamini_yekutieli(p: ArrayLike, *, alpha: float = 0.05) -> StepUp:
    """Control the false discovery rate under any dependence of the tests.

    Parameters
    ----------
    p : array_like of float
        Uncorrected p, any shape; NaN marks elements that were not tested.
    alpha : float
        Accepted expected share of false discoveries.

    Returns
    -------
    StepUp
        Adjusted p, and the cut on the uncorrected p.

    References
    ----------
    Benjamini and Yekutieli (2001), doi:10.1214/aos/1013699998.
    """
    return _step_up(p, alpha=alpha, harmonic=True)


def adjust_logp(logp: Floats, *, harmonic: bool) -> Floats:
    """Return adjusted -log10 p of uncorrected -log10 p; small p never become zero.

    Parameters
    ----------
    logp : numpy.ndarray of float64, shape (v,)
        Uncorrected -log10 p; NaN marks elements that were not tested.
    harmonic : bool
        Benjamini-Yekutieli instead of Benjamini-Hochberg.

    Returns
    -------
    numpy.ndarray of float64, shape (v,)
        Adjusted -log10 p, between 0 and the uncorrected.
    """
    adjusted = np.full(logp.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(logp))
    m = len(tested)
    if m == 0:
        return adjusted
    order = tested[np.argsort(logp[tested], kind="stable")]  # largest p first
    ranks = np.arange(m, 0, -1)
    raised = logp[order] - np.log10(_harmonic(m, harmonic=harmonic) * m / ranks)
    adjusted[order] = np.maximum(np.maximum.accumulate(raised), 0)
    return np.asarray(np.minimum(adjusted, logp))


def largest_rejected(p: Floats, *, alpha: float, harmonic: bool) -> float:
    """Return the critical p of the step-up procedure (see :class:`StepUp`).

    Parameters
    ----------
    p : numpy.ndarray of float64, shape (v,)
        Uncorrected p; NaN marks elements that were not tested.
    alpha : float
        Accepted expected share of false discoveries.
    harmonic : bool
        Benjamini-Yekutieli instead of Benjamini-Hochberg.

    Returns
    -------
    float
        ``alpha * k / m`` for k rejections, and for k = 1 where there is none.
    """
    ordered = np.sort(p[~np.isnan(p)])
    m = len(ordered)
    if m == 0:
        return 0.0
    critical = alpha * np.arange(1, m + 1) / (m * _harmonic(m, harmonic=harmonic))
    rejected = np.flatnonzero(ordered <= critical)
    return float(critical[rejected[-1] if len(rejected) else 0])


def _step_up(p: ArrayLike, *, alpha: float, harmonic: bool) -> StepUp:
    given = np.asarray(p, dtype=np.float64)
    flat = given.ravel()
    if ((flat < 0) | (flat > 1)).any():
        raise DataError("p-values lie between 0 and 1; these do not.")
    with np.errstate(divide="ignore"):
        adjusted = 10.0 ** -adjust_logp(-np.log10(flat), harmonic=harmonic)
    return StepUp(
        adjusted=np.clip(adjusted, flat, 1).reshape(given.shape),
        cut=largest_rejected(flat, alpha=alpha, harmonic=harmonic),
    )


def _harmonic(m: int, *, harmonic: bool) -> float:
    return float((1 / np.arange(1, m + 1)).sum()) if harmonic else 1.0
