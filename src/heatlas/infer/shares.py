"""t and F of every element under many arrangements, by the share that the contrast explains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heatlas.infer.arranged import Arranged, Statistic
from heatlas.infer.compiled import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
EDGE = np.float32(0.1)  # what is left of less than this is computed again in float64
ONE = np.float32(1)
LARGEST = 1 - 1e-6  # a share of 1 would be an infinite statistic


def largest_shares(arranged: Arranged, residuals: Singles, *, tested: Statistic) -> Floats:
    """Return the largest share of each arrangement over a chunk of elements.

    Parameters
    ----------
    arranged : Arranged
        s arrangements.
    residuals : numpy.ndarray of float32, shape (m, c)
        Unit residuals.
    tested : Statistic
        What is tested.

    Returns
    -------
    numpy.ndarray of float64, shape (s,)
        Of the share with the sign of its t where ``tested.signed``. Shares of near-perfect fits
        are computed in float64, so that arrangements that mirror each other tie.
    """
    products = _products(arranged, residuals)
    n = products.shape[1]
    found, close = np.empty(n, np.float32), np.empty(n, np.bool_)
    _largest(products, n_interest=tested.q, signed=tested.signed, largest=found, close=close)
    shares = found.astype(np.float64)
    if close.any():
        columns = arranged.columns[:, close]
        shares[close] = _exact(columns, residuals, tested=tested, signed=tested.signed).max(axis=1)
    return shares


def all_ratios(arranged: Arranged, residuals: Singles, *, tested: Statistic) -> Singles:
    """Return the t or F of each arrangement and element.

    Parameters
    ----------
    arranged : Arranged
        s arrangements.
    residuals : numpy.ndarray of float32, shape (m, c)
        Unit residuals.
    tested : Statistic
        What is tested.

    Returns
    -------
    numpy.ndarray of float32, shape (s, c)
        Statistics of near-perfect fits are computed in float64.
    """
    products = _products(arranged, residuals)
    out = np.empty(products.shape[1:], np.float32)
    is_t = tested.kind == "t"
    ratio = np.float32(tested.error_dof / (1 if is_t else tested.q))
    n_close = _ratios(products, n_interest=tested.q, is_t=is_t, ratio=ratio, out=out)
    for row in np.flatnonzero(np.isnan(out).any(axis=1)) if n_close else ():
        close = np.isnan(out[row])
        columns = arranged.columns[:, row : row + 1]
        shares = _exact(columns, residuals[:, close], tested=tested, signed=is_t)
        out[row, close] = shares_to_statistics(shares[0], tested=tested)
    return out


def observed_ratios(residuals: Floats, *, tested: Statistic) -> Floats:
    """Return the t or F of each element as it was observed, in float64.

    Parameters
    ----------
    residuals : numpy.ndarray of float64, shape (m, u)
        Unit residuals.
    tested : Statistic
        What is tested.

    Returns
    -------
    numpy.ndarray of float64, shape (u,)
        NaN where the model leaves nothing but rounding.
    """
    along = tested.interest.T @ residuals
    shares = np.einsum("ij,ij->j", along, along)
    shares[shares > 1 - 1e-13] = np.nan
    return _to_statistics(np.copysign(shares, along[0] if tested.kind == "t" else 1), tested=tested)


def shares_to_statistics(shares: Floats, *, tested: Statistic) -> Floats:
    """Return the t or F that belong to shares of the null residuals.

    Parameters
    ----------
    shares : numpy.ndarray of float64
        Between -1 and 1, signed as the t.
    tested : Statistic
        Kind and degrees of freedom.

    Returns
    -------
    numpy.ndarray of float64
        Shares of 1 are taken as 1 - 1e-6, so that statistics stay finite.
    """
    size = np.minimum(np.abs(shares), LARGEST)
    return _to_statistics(np.copysign(size, shares), tested=tested)


def _to_statistics(shares: Floats, *, tested: Statistic) -> Floats:
    size = np.abs(shares)
    odds = size / (1 - size) * tested.error_dof
    if tested.kind == "F":
        return np.asarray(odds / tested.q)
    return np.asarray(np.copysign(np.sqrt(odds), shares))


def _products(arranged: Arranged, residuals: Singles) -> Singles:
    """Return columns times residuals in one product, shape (q + k, s, c)."""
    n_columns, n_arranged, _ = arranged.columns.shape
    products = arranged.singles @ residuals
    return np.asarray(products.reshape(n_columns, n_arranged, -1))


def _exact(columns: Floats, residuals: Singles, *, tested: Statistic, signed: bool) -> Floats:
    """Return shares in float64, shape (s, c); an element that the nuisance takes up has none."""
    exact = residuals.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=0)
    products = (columns.reshape(-1, columns.shape[2]) @ exact).reshape(*columns.shape[:2], -1)
    explained = (products[: tested.q] ** 2).sum(axis=0)
    left = 1 - (products[tested.q :] ** 2).sum(axis=0)
    nothing = left < 1 - LARGEST
    shares = np.where(nothing, 0, explained / np.where(nothing, 1, left))
    shares = np.minimum(shares, LARGEST)
    return np.asarray(np.copysign(shares, products[0]) if signed else shares)


@compiled
def _largest(products: Any, *, n_interest: int, signed: bool, largest: Any, close: Any) -> None:
    """Write the largest share of each arrangement, and whether float32 was too coarse for it."""
    n = products.shape[2]
    explained, left = np.empty(n, np.float32), np.empty(n, np.float32)
    for b in range(products.shape[1]):
        _split(products, b, n_interest=n_interest, explained=explained, left=left)
        for c in range(n):
            explained[c] /= left[c]
        if signed:
            first = products[0, b]
            for c in range(n):
                explained[c] = explained[c] if first[c] > 0 else -explained[c]
        best, low = _extremes(explained, left)
        largest[b] = best
        close[b] = low < EDGE or not best < ONE - EDGE


@compiled
def _ratios(products: Any, *, n_interest: int, is_t: bool, ratio: Any, out: Any) -> int:
    """Write t or F of each arrangement and element; NaN, counted, where float32 is too coarse."""
    n = products.shape[2]
    explained, left = np.empty(n, np.float32), np.empty(n, np.float32)
    n_close = 0
    for b in range(products.shape[1]):
        _split(products, b, n_interest=n_interest, explained=explained, left=left)
        target, first = out[b], products[0, b]
        for c in range(n):
            rest = left[c] - explained[c]
            value = explained[c] * ratio / rest
            if is_t:
                value = np.sqrt(value) if first[c] > 0 else -np.sqrt(value)
            target[c] = value
        for c in range(n):
            if left[c] - explained[c] < EDGE:
                target[c] = np.nan
                n_close += 1
    return n_close


@compiled
def _extremes(first: Any, second: Any) -> Any:
    """Return the largest of the first and the smallest of the second; both are overwritten."""
    n = len(first)
    while n > 1:  # halves are compared element by element, which processors do side by side
        half = (n + 1) // 2
        for c in range(n - half):
            first[c] = first[c] if first[c] > first[c + half] else first[c + half]
        for c in range(n - half):
            second[c] = second[c] if second[c] < second[c + half] else second[c + half]
        n = half
    return first[0], second[0]


@compiled
def _split(products: Any, b: int, *, n_interest: int, explained: Any, left: Any) -> None:
    """Write what the contrast explains of each element and what the nuisance leaves of it."""
    n_columns, _, n = products.shape
    first = products[0, b]
    for c in range(n):
        explained[c] = first[c] * first[c]
        left[c] = ONE
    for i in range(1, n_interest):
        row = products[i, b]
        for c in range(n):
            explained[c] += row[c] * row[c]
    for i in range(n_interest, n_columns):
        row = products[i, b]
        for c in range(n):
            left[c] -= row[c] * row[c]
