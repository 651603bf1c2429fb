"""p-values of t, F and z in log space, and the statistics that belong to a p."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from heatlas.core.errors import NotSupportedError

Floats = NDArray[np.float64]
FAR = 1e-100  # below this scipy's inverse of t errs by a factor of 2, or gives infinities
SMALLEST = 1e-290  # below this a p is computed as a logarithm


def log10_p(statistic: ArrayLike, *, kind: str, dof: tuple[float, ...], two_sided: bool) -> Floats:
    """Return -log10 of the p of each statistic; it stays finite for any finite statistic.

    Parameters
    ----------
    statistic : array_like of float, shape (v,)
        t, F or z; NaN stays NaN.
    kind : {"t", "F", "z"}
        Its kind.
    dof : tuple of float
        (df,) of a t, (df1, df2) of an F, empty for z.
    two_sided : bool
        Both tails of t and z; an F has one.

    Returns
    -------
    numpy.ndarray of float64, shape (v,)
        -log10 p.

    Raises
    ------
    NotSupportedError
        If the degrees of freedom are missing.
    """
    check_statistic(kind, dof=dof)
    values = np.asarray(statistic, dtype=np.float64)
    if kind == "F":
        log_p = _log_sf_f(values, dof=dof)
    elif two_sided:
        size = np.abs(values)
        log_p = np.log(2) + special.log_ndtr(-size) if kind == "z" else _log_two_t(size, dof[0])
    elif kind == "z":
        log_p = special.log_ndtr(-values)
    else:
        upper = _log_two_t(np.abs(values), dof[0]) - np.log(2)
        log_p = np.where(values >= 0, upper, np.log1p(-np.exp(upper)))
    return np.asarray(np.where(np.isnan(values), np.nan, np.maximum(-log_p / np.log(10), 0.0)))


def statistic_at(p: float, *, kind: str, dof: tuple[float, ...], two_sided: bool) -> float:
    """Return the statistic (its magnitude when two-sided) whose p is the given one.

    Parameters
    ----------
    p : float
        Between 0 and 1.
    kind : {"t", "F", "z"}
        Kind of the statistic.
    dof : tuple of float
        (df,) of a t, (df1, df2) of an F, empty for z.
    two_sided : bool
        Both tails of t and z; an F has one.

    Returns
    -------
    float
        The statistic.

    Raises
    ------
    NotSupportedError
        If the degrees of freedom are missing.
    """
    check_statistic(kind, dof=dof)
    if kind == "F":
        return _f_at(p, dof=(dof[0], dof[1]))
    tail = p / 2 if two_sided else p
    if kind == "z":
        return float(-special.ndtri(tail))
    if tail < FAR:
        return math.sqrt(_f_at(2 * tail, dof=(1.0, dof[0])))
    return float(-special.stdtrit(dof[0], tail))


def check_statistic(kind: str, *, dof: tuple[float, ...]) -> None:
    """Raise unless p-values of this statistic can be computed.

    Parameters
    ----------
    kind : str
        Kind of the map.
    dof : tuple of float
        Its degrees of freedom.

    Raises
    ------
    NotSupportedError
        If the kind is no statistic or its degrees of freedom are missing.
    """
    if kind not in ("t", "F", "z"):
        raise NotSupportedError(
            f"A map of kind '{kind}' has no p-values; judge the t, F or z map that belongs to it."
        )
    needed = {"t": 1, "F": 2, "z": 0}[kind]
    if len(dof) < needed or not all(df > 0 for df in dof):
        shown = ", ".join(f"{df:g}" for df in dof) or "none"
        raise NotSupportedError(
            f"The p of {'an F' if kind == 'F' else 'a t'} needs {needed} positive degrees of "
            f"freedom, and this map has {shown}; say them, or give a threshold on the statistic."
        )


def _f_at(p: float, *, dof: tuple[float, float]) -> float:
    """Return the F of an upper-tail p; infinite beyond the range of float64."""
    # The complement of the beta function's argument keeps the digits of a small p.
    share = float(special.betaincinv(dof[1] / 2, dof[0] / 2, p))
    return dof[1] * (1 - share) / (dof[0] * share) if share > 0 else math.inf


def _log_two_t(size: Floats, df: float) -> Floats:
    """Return the log of the two-sided p of |t|."""
    with np.errstate(over="ignore"):
        return _log_betainc(df / (df + size**2), a=df / 2, b=0.5)


def _log_sf_f(values: Floats, *, dof: tuple[float, ...]) -> Floats:
    """Return the log of the upper tail of F."""
    share = dof[1] / (dof[1] + dof[0] * np.maximum(values, 0))
    return _log_betainc(share, a=dof[1] / 2, b=dof[0] / 2)


def _log_betainc(x: Floats, *, a: float, b: float) -> Floats:
    """Return the log of the regularised incomplete beta function, also where it underflows."""
    plain = special.betainc(a, b, x)
    tiny = (plain < SMALLEST) & (x > 0)
    log = np.log(np.where(tiny | np.isnan(plain), 1, np.maximum(plain, 5e-324)))
    if tiny.any():
        log[tiny] = _log_betainc_series(x[tiny], a=a, b=b)
    return np.asarray(log)


def _log_betainc_series(x: Floats, *, a: float, b: float) -> Floats:
    """Sum the series I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * sum of prod (a+b+i)/(a+1+i) x."""
    total, term = np.ones_like(x), np.ones_like(x)
    for i in range(100_000):
        term = term * x * ((a + b + i) / (a + 1 + i))
        total = total + term
        if (term <= 1e-16 * total).all():
            break
    front = a * np.log(x) + b * np.log1p(-x) - np.log(a) - special.betaln(a, b)
    return np.asarray(front + np.log(total))
