"""The statistic of every element under many arrangements at once: t, F, and Welch's v and G."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.infer.arrangements import Arrangements
from heatlas.infer.compiled import compiled
from heatlas.infer.corrected import ElementKind

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
CHUNK = 256  # elements of one matrix product whose maxima are taken while it is in the cache
WIDE = 1024  # elements of one matrix product whose statistics are kept
EDGE = np.float32(0.1)  # what is left of less than this is computed again in float64
LARGEST = 1 - 1e-6  # a share of 1 would be an infinite statistic


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistic(Value):
    """What is computed of rearranged residuals.

    Parameters
    ----------
    interest : array_like of float64, shape (m, q)
        Orthonormal columns that are tested.
    nuisance : array_like of float64, shape (m, k)
        Orthonormal columns that are taken out of each arrangement.
    kind : {"t", "F", "v", "G"}
        Statistic.
    dof : tuple of float
        Degrees of freedom; empty for v and G.
    signed : bool
        Whether the largest value is that of a signed t or v, not of its magnitude.
    groups : array_like of int64, shape (m,), optional
        Number of each row's variance group, from 0; for v and G.
    """

    interest: Floats
    nuisance: Floats
    kind: ElementKind
    dof: tuple[float, ...]
    signed: bool
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check the groups."""
        for name in ("interest", "nuisance"):
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=np.float64))
        if self.groups is not None:
            groups = own_array(self.groups, name="variance groups", dtype=np.int64, ndim=1)
            set_field(self, "groups", to=groups)
            _check_groups(self)

    @property
    def q(self) -> int:
        """Number of columns that are tested."""
        return int(self.interest.shape[1])

    @property
    def columns(self) -> Floats:
        """Statistic columns and nuisance, shape (q + k, m)."""
        return np.concatenate([self.interest, self.nuisance], axis=1).T

    @property
    def error_dof(self) -> float:
        """Residual degrees of freedom of t and F."""
        return self.dof[-1]


class Arranged(NamedTuple):
    """The design under some arrangements."""

    columns: Floats
    """shape (q + k, s, m)"""
    groups: NDArray[np.int64] | None
    """shape (s, m), the variance group that each map stands for"""

    def take(self, part: slice) -> Arranged:
        """Return some of the arrangements."""
        return Arranged(self.columns[:, part], None if self.groups is None else self.groups[part])


def arrange(tested: Statistic, arrangements: Arrangements, *, block: int) -> Arranged:
    """Return the design under each arrangement of a block.

    Parameters
    ----------
    tested : Statistic
        The columns.
    arrangements : Arrangements
        What is rearranged how.
    block : int
        Which block.

    Returns
    -------
    Arranged
        Rearranging the columns is rearranging the residuals the other way round, which is another
        arrangement of the same group.
    """
    rows, signs = arrangements.block(block)
    columns = tested.columns
    moved = columns[:, None, :] if rows is None else columns[:, rows]
    if signs is not None:
        moved = moved * signs
    if tested.groups is None:
        return Arranged(np.ascontiguousarray(moved), None)
    n = len(moved[0])
    groups = np.tile(tested.groups, (n, 1)) if rows is None else tested.groups[rows]
    return Arranged(np.ascontiguousarray(moved), groups)


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
    n = arranged.columns.shape[1]
    if tested.groups is not None:
        found = np.full(n, -np.inf)
        for start in range(0, residuals.shape[1], CHUNK):
            values = _welch(arranged, residuals[:, start : start + CHUNK], tested=tested)
            size = values if tested.signed or tested.kind == "G" else np.abs(values)
            np.maximum(found, size.max(axis=1), out=found)
        return found
    singles = arranged.columns.astype(np.float32).reshape(-1, len(residuals))
    maxima = np.full(n, -np.inf)
    for start in range(0, residuals.shape[1], CHUNK):
        chunk = residuals[:, start : start + CHUNK]
        products = (singles @ chunk).reshape(len(arranged.columns), n, -1)
        found, close = np.empty(n, np.float32), np.empty(n, np.bool_)
        _largest_shares(products, tested.q, tested.signed, found, close)
        shares = found.astype(np.float64)
        if close.any():
            exact = _exact_shares(arranged.columns[:, close], chunk, tested=tested)
            shares[close] = exact.max(axis=1)
        np.maximum(maxima, shares, out=maxima)
    return shares_to_statistics(maxima, tested=tested)


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
    n_rows, n = arranged.columns.shape[:2]
    singles = arranged.columns.astype(np.float32).reshape(-1, len(residuals))
    for start in range(0, residuals.shape[1], WIDE):
        part = slice(start, start + WIDE)
        chunk = residuals[:, part]
        if tested.groups is not None:
            out[:, part] = _welch(arranged, chunk, tested=tested)
            continue
        products = (singles @ chunk).reshape(n_rows, n, -1)
        target = np.empty(products.shape[1:], np.float32)
        ratio = np.float32(tested.error_dof / (tested.q if tested.kind == "F" else 1))
        n_close = _statistics(products, tested.q, tested.kind == "t", ratio, target)
        if n_close:
            _correct(target, arranged, chunk, tested=tested)
        out[:, part] = target
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
    if tested.groups is not None:
        identity = Arranged(tested.columns[:, None, :], tested.groups[None])
        values = _welch(identity, residuals, tested=tested)[0]
        along = tested.columns @ residuals
        return np.where(1 - np.einsum("ij,ij->j", along, along) > 1e-13, values, np.nan)
    along = tested.interest.T @ residuals
    shares = np.einsum("ij,ij->j", along, along)
    if tested.kind == "t":
        shares = shares * np.sign(along[0])
    size = np.abs(shares)
    size[size > 1 - 1e-13] = np.nan
    return _to_statistics(np.copysign(size, shares), tested=tested)


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


@compiled
def _largest_shares(
    products: Any, n_interest: int, signed: bool, largest: Any, close: Any
) -> None:
    """Write the largest share of each arrangement, and whether float32 was too coarse for it."""
    n_rows, n_arranged, n = products.shape
    explained, left = np.empty(n, np.float32), np.empty(n, np.float32)
    one = np.float32(1)
    for b in range(n_arranged):
        first = products[0, b]
        for c in range(n):
            explained[c] = first[c] * first[c]
        for i in range(1, n_interest):
            row = products[i, b]
            for c in range(n):
                explained[c] += row[c] * row[c]
        if signed:
            for c in range(n):
                explained[c] = explained[c] if first[c] > 0 else -explained[c]
        low = one
        if n_rows > n_interest:
            for c in range(n):
                left[c] = one
            for i in range(n_interest, n_rows):
                row = products[i, b]
                for c in range(n):
                    left[c] -= row[c] * row[c]
            for c in range(n):
                explained[c] /= left[c]
            for c in range(n):
                low = min(low, left[c])
        best = explained[0]
        for c in range(n):
            best = max(best, explained[c])
        largest[b] = best
        close[b] = low < EDGE or not best < one - EDGE


@compiled
def _statistics(products: Any, n_interest: int, is_t: bool, ratio: Any, out: Any) -> int:
    """Write t or F of each arrangement and element; NaN, counted, where float32 is too coarse."""
    n_rows, n_arranged, n = products.shape
    explained, left = np.empty(n, np.float32), np.empty(n, np.float32)
    one = np.float32(1)
    n_close = 0
    for b in range(n_arranged):
        for c in range(n):
            explained[c] = np.float32(0)
            left[c] = one
        for i in range(n_interest):
            row = products[i, b]
            for c in range(n):
                explained[c] += row[c] * row[c]
        for i in range(n_interest, n_rows):
            row = products[i, b]
            for c in range(n):
                left[c] -= row[c] * row[c]
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


def _correct(target: Singles, arranged: Arranged, residuals: Singles, *, tested: Statistic) -> None:
    """Compute what is NaN in float64."""
    for row in np.flatnonzero(np.isnan(target).any(axis=1)):
        close = np.isnan(target[row])
        columns = arranged.columns[:, row : row + 1]
        shares = _exact_shares(columns, residuals[:, close], tested=tested, signed=True)
        target[row, close] = shares_to_statistics(shares[0], tested=tested)


def _exact_shares(
    columns: Floats, residuals: Singles, *, tested: Statistic, signed: bool | None = None
) -> Floats:
    """Return shares in float64, shape (s, u); an element that the nuisance takes up has none."""
    exact = residuals.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=0)
    products = np.einsum("rsm,mu->rsu", columns, exact, optimize=True)
    explained = (products[: tested.q] ** 2).sum(axis=0)
    left = 1 - (products[tested.q :] ** 2).sum(axis=0)
    nothing = left < 1 - LARGEST
    shares = np.where(nothing, 0, explained / np.where(nothing, 1, left))
    shares = np.minimum(shares, LARGEST)
    keep_sign = tested.signed if signed is None else signed and tested.kind == "t"
    return np.asarray(np.copysign(shares, products[0]) if keep_sign else shares)


def _check_groups(tested: Statistic) -> None:
    """Raise unless every variance group leaves something to estimate its variance from."""
    groups = tested.groups
    if groups is None:
        return
    columns = tested.columns
    for group in np.unique(groups):
        inside = groups == group
        freedom = inside.sum() - (columns[:, inside] ** 2).sum()
        if freedom < 0.5:
            raise DesignError(
                f"Variance group {int(group) + 1} of {len(np.unique(groups))} holds "
                f"{int(inside.sum())} map(s), of which the model leaves {freedom:.2g} degrees of "
                "freedom: no variance can be estimated there. Join groups or drop terms."
            )


def _welch(
    arranged: Arranged, residuals: NDArray[np.floating], *, tested: Statistic
) -> Floats:
    """Return v or G of each arrangement and element, in float64, shape (s, u)."""
    groups, columns = tested.groups, tested.columns
    if groups is None or arranged.groups is None:
        raise DesignError("Welch's statistics need variance groups.")
    exact = residuals.astype(np.float64)
    n_groups = int(groups.max()) + 1
    shape = (n_groups, *arranged.columns.shape[:2], exact.shape[1])
    products, squares = np.empty(shape), np.empty((n_groups, shape[2], shape[3]))
    gram = np.empty((n_groups, shape[1], shape[1]))
    for group in range(n_groups):
        inside = (arranged.groups == group).astype(np.float64)
        masked = (arranged.columns * inside).reshape(-1, len(exact))
        products[group] = (masked @ exact).reshape(shape[1:])
        squares[group] = inside @ exact**2
        mine = columns[:, groups == group]
        gram[group] = mine @ mine.T
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)
    out = np.empty(shape[2:])
    _welch_kernel(products, squares, gram, sizes, tested.q, tested.kind == "v", out)
    return out


@compiled
def _welch_kernel(
    products: Any, squares: Any, gram: Any, sizes: Any, q: int, is_v: bool, out: Any
) -> None:
    """Write Welch's statistic after Winkler et al. (2014), equations for v and G."""
    n_groups, r, n_arranged, n = products.shape
    beta, weight, matrix = np.empty(r), np.empty(n_groups), np.empty((r, r))
    freedom = np.empty(n_groups)
    for g in range(n_groups):
        freedom[g] = sizes[g]
        for i in range(r):
            freedom[g] -= gram[g, i, i]
    for b in range(n_arranged):
        for c in range(n):
            for i in range(r):
                beta[i] = 0.0
                for g in range(n_groups):
                    beta[i] += products[g, i, b, c]
            defined = True
            for g in range(n_groups):
                rss = squares[g, b, c]
                for i in range(r):
                    inner = -2.0 * products[g, i, b, c]
                    for j in range(r):
                        inner += gram[g, i, j] * beta[j]
                    rss += beta[i] * inner
                if rss < 1e-12:
                    defined = False
                    rss = 1.0
                weight[g] = freedom[g] / rss
            if not defined:
                out[b, c] = 0.0
                continue
            for i in range(r):
                for j in range(r):
                    matrix[i, j] = 0.0
                    for g in range(n_groups):
                        matrix[i, j] += weight[g] * gram[g, i, j]
            # Eliminating the nuisance leaves the precision of what is tested.
            for k in range(r - 1, q - 1, -1):
                for i in range(k):
                    factor = matrix[i, k] / matrix[k, k]
                    for j in range(k):
                        matrix[i, j] -= factor * matrix[k, j]
            total = 0.0
            for i in range(q):
                for j in range(q):
                    total += beta[i] * matrix[i, j] * beta[j]
            if is_v:
                size = np.sqrt(max(total, 0.0))
                out[b, c] = size if beta[0] >= 0 else -size
                continue
            trace, spread = 0.0, 0.0
            for g in range(n_groups):
                trace += sizes[g] * weight[g]
            for g in range(n_groups):
                spread += (1.0 - sizes[g] * weight[g] / trace) ** 2 / freedom[g]
            out[b, c] = total / (q * (1.0 + 2.0 * (q - 1) / (q * (q + 2.0)) * spread))
