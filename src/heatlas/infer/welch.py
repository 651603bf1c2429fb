"""Welch's statistics v and G: t and F for groups of maps with variances of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.infer.arranged import Arranged, Statistic
from heatlas.infer.compiled import compiled

Floats = NDArray[np.float64]


class _Groups(NamedTuple):
    """What does not change from element to element."""

    gram: Floats
    """shape (g, r, r), products of the design's columns within each group"""
    sizes: Floats
    """shape (g,), maps"""
    freedom: Floats
    """shape (g,), degrees of freedom that the model leaves each group"""
    q: int
    """columns that are tested; they come first"""


def welch_statistics(
    arranged: Arranged, residuals: NDArray[np.floating], *, tested: Statistic
) -> Floats:
    """Return v or G of each arrangement and element.

    Parameters
    ----------
    arranged : Arranged
        s arrangements, with the variance group that each map stands for.
    residuals : numpy.ndarray, shape (m, c)
        Unit residuals.
    tested : Statistic
        Of kind v or G.

    Returns
    -------
    numpy.ndarray of float64, shape (s, c)
        0 where a group shows no variation at all under an arrangement.

    Raises
    ------
    DesignError
        If there are no variance groups.

    Notes
    -----
    The coefficients are those of ordinary least squares, their variance is estimated with a
    residual variance of its own in each group. For two groups without covariates v is Welch's t;
    for several, G is Welch's F.

    References
    ----------
    Winkler et al. (2014), doi:10.1016/j.neuroimage.2014.01.060 (the statistics v and G).
    """
    groups, columns = tested.groups, tested.columns
    if groups is None or arranged.groups is None:
        raise DesignError("Welch's statistics need variance groups.")
    exact = residuals.astype(np.float64)
    sizes = np.bincount(groups).astype(np.float64)
    gram = np.stack([
        columns[:, groups == g] @ columns[:, groups == g].T for g in range(len(sizes))
    ])
    freedom = sizes - np.trace(gram, axis1=1, axis2=2)
    r, s, m = arranged.columns.shape
    products = np.empty((len(sizes), r, s, exact.shape[1]))
    squares = np.empty((len(sizes), s, exact.shape[1]))
    for g in range(len(sizes)):
        inside = (arranged.groups == g).astype(np.float64)
        products[g] = ((arranged.columns * inside).reshape(-1, m) @ exact).reshape(r, s, -1)
        squares[g] = inside @ exact**2
    known = _Groups(gram, sizes, freedom, tested.q)
    out = np.empty(squares.shape[1:])
    _welch(products, squares, known=known, is_v=tested.kind == "v", out=out)
    return out


@compiled
def _welch(products: Any, squares: Any, *, known: _Groups, is_v: bool, out: Any) -> None:
    """Write the statistic of each arrangement and element."""
    n_groups, r, n_arranged, n = products.shape
    beta, weight, precision = np.empty(r), np.empty(n_groups), np.empty((r, r))
    for b in range(n_arranged):
        for c in range(n):
            for i in range(r):
                beta[i] = 0.0
                for g in range(n_groups):
                    beta[i] += products[g, i, b, c]
            here = products[:, :, b, c]
            if not _weights(here, squares[:, b, c], known=known, beta=beta, weight=weight):
                out[b, c] = 0.0
                continue
            _precision(known, weight, out=precision)
            total = 0.0
            for i in range(known.q):
                for j in range(known.q):
                    total += beta[i] * precision[i, j] * beta[j]
            if is_v:
                size = np.sqrt(max(total, 0.0))
                out[b, c] = size if beta[0] >= 0 else -size
            else:
                out[b, c] = total / (known.q * _inflation(known, weight))


@compiled
def _weights(products: Any, squares: Any, *, known: _Groups, beta: Any, weight: Any) -> bool:
    """Write the inverse residual variance of each group; False where a group does not vary."""
    for g in range(len(weight)):
        rss = squares[g]
        for i in range(len(beta)):
            inner = -2.0 * products[g, i]
            for j in range(len(beta)):
                inner += known.gram[g, i, j] * beta[j]
            rss += beta[i] * inner
        if rss < 1e-12:
            return False
        weight[g] = known.freedom[g] / rss
    return True


@compiled
def _precision(known: _Groups, weight: Any, *, out: Any) -> None:
    """Write the precision of the tested coefficients: the nuisance is eliminated."""
    r = len(out)
    for i in range(r):
        for j in range(r):
            out[i, j] = 0.0
            for g in range(len(weight)):
                out[i, j] += weight[g] * known.gram[g, i, j]
    for k in range(r - 1, known.q - 1, -1):
        for i in range(k):
            factor = out[i, k] / out[k, k]
            for j in range(k):
                out[i, j] -= factor * out[k, j]


@compiled
def _inflation(known: _Groups, weight: Any) -> float:
    """Return what Welch divides his F by because the weights are estimated."""
    trace, spread = 0.0, 0.0
    for g in range(len(weight)):
        trace += known.sizes[g] * weight[g]
    for g in range(len(weight)):
        spread += (1.0 - known.sizes[g] * weight[g] / trace) ** 2 / known.freedom[g]
    return 1.0 + 2.0 * (known.q - 1) / (known.q * (known.q + 2.0)) * spread
