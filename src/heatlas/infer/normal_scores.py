"""t and F as z of the same one-sided p, quickly and for whole maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from heatlas.infer.pvalues import log10_p

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
STEP = 1 / 256  # of the table; linear interpolation errs by less than 1e-6 between its nodes
LARGEST = 40.0  # beyond this z is computed itself


def normal_scores(values: ArrayLike, *, kind: str, dof: tuple[float, ...]) -> Floats:
    """Return the z whose upper-tail p is that of the statistic.

    Parameters
    ----------
    values : array_like of float
        t or F; NaN stays NaN.
    kind : {"t", "F"}
        Which of them.
    dof : tuple of float
        Degrees of freedom.

    Returns
    -------
    numpy.ndarray of float64
        z, finite for any finite t; negative for an F below its median.

    Raises
    ------
    NotSupportedError
        If the degrees of freedom are missing.
    """
    given = np.asarray(values, dtype=np.float64)
    size = np.abs(given) if kind == "t" else given
    log_p = -np.log(10) * log10_p(size, kind=kind, dof=dof, two_sided=False)
    scores = -special.ndtri_exp(np.minimum(log_p, -1e-300))
    return np.asarray(np.copysign(scores, given) if kind == "t" else scores)


def score_table(*, kind: str, dof: tuple[float, ...]) -> Floats:
    """Return z at the statistics 0, 1/256, 2/256, ... 40, to be used by :func:`look_up`.

    Parameters
    ----------
    kind : {"t", "F"}
        Statistic.
    dof : tuple of float
        Degrees of freedom.

    Returns
    -------
    numpy.ndarray of float64
        z; 0 for an F below its median, which is no evidence.
    """
    nodes = np.arange(0, LARGEST + STEP, STEP)
    return np.maximum(normal_scores(nodes, kind=kind, dof=dof), 0.0)


def look_up(values: Singles, table: Floats, *, kind: str, dof: tuple[float, ...]) -> Singles:
    """Return z of many statistics by linear interpolation in a table.

    Parameters
    ----------
    values : numpy.ndarray of float32, any shape
        t or F.
    table : numpy.ndarray of float64
        From :func:`score_table`.
    kind : {"t", "F"}
        Statistic.
    dof : tuple of float
        Degrees of freedom.

    Returns
    -------
    numpy.ndarray of float32
        z, within 1e-6 of :func:`normal_scores`.
    """
    place = np.abs(values).astype(np.float64) / STEP
    far = place >= (len(table) - 1)
    place[far] = 0
    node = place.astype(np.int64)
    fraction = place - node
    scores = table[node] + fraction * (table[np.minimum(node + 1, len(table) - 1)] - table[node])
    if far.any():
        scores[far] = np.maximum(np.abs(normal_scores(values[far], kind=kind, dof=dof)), 0)
    return np.copysign(scores, values).astype(np.float32)
