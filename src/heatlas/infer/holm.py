"""The family-wise error of a few tests under any dependence: Holm's step-down procedure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError

Floats = NDArray[np.float64]


def holm(p: ArrayLike) -> Floats:
    """Return p adjusted so that the chance of one or more false rejections keeps to its level.

    Parameters
    ----------
    p : array_like of float
        Uncorrected p, any shape; NaN marks elements that were not tested.

    Returns
    -------
    numpy.ndarray of float64
        Adjusted p, same shape, never below its p nor above Bonferroni's; NaN stays NaN.

    Raises
    ------
    DataError
        If a p lies outside of 0 to 1.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6, 65-70.
    """
    given = np.asarray(p, dtype=np.float64)
    flat = given.ravel()
    if ((flat < 0) | (flat > 1)).any():
        raise DataError("p-values lie between 0 and 1; these do not.")
    adjusted = np.full(flat.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(flat))
    order = tested[np.argsort(flat[tested], kind="stable")]
    raised = flat[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return adjusted.reshape(given.shape)
