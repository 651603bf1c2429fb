"""What every source of surrogates hands over: fields of all maps, centred and of length one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = Callable[[int], Floats]
"""from the number of the first surrogate to a batch of every map, shape (batch, maps, v)"""


def standardised(values: NDArray[np.floating]) -> Floats:
    """Return maps centred and of length one along the last axis, a constant one as zeros.

    Parameters
    ----------
    values : numpy.ndarray, shape (..., v)
        The maps.

    Returns
    -------
    numpy.ndarray of float64, same shape
        So that a product of two of them is their correlation.
    """
    centred = values.astype(np.float64)
    centred -= centred.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray(np.divide(centred, size, out=centred, where=size > 0))


def ranks_of(values: Floats) -> Floats:
    """Return the ranks of values along the last axis, from 0; equal values by their order."""
    order = np.argsort(values, axis=-1, kind="stable")
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, np.arange(values.shape[-1], dtype=np.float64), axis=-1)
    return ranks
