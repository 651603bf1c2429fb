"""Effect sizes with intervals: Hedges g and partial R2 of a contrast in every element."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import PchipInterpolator

from heatlas.core.errors import DataError, DesignError
from heatlas.core.estimate import Estimate
from heatlas.core.space import Mask
from heatlas.infer.linear import ContrastResult
from heatlas.infer.overlap import Overlap as Overlap
from heatlas.infer.overlap import overlap as overlap

Floats = NDArray[np.float64]
N_GRID = 300  # noncentralities between which the inverse is interpolated
FAR = 200.0  # beyond this |t| the limits are proportional to it


def hedges_g(result: ContrastResult, *, mask: Mask | None = None, level: float = 0.95) -> Estimate:
    """Return the difference in residual standard deviations, corrected for small samples.

    Parameters
    ----------
    result : ContrastResult
        A t contrast whose weights are in the unit of the maps: a difference of means or, for one
        sample, the mean.
    mask : Mask, optional
        The elements; without it the result must be of a single element.
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        g = J(df) t sqrt(c'(X'X)^-1 c), adjusted for the covariates of the model.

    Raises
    ------
    DataError
        If the contrast is an F, or has many elements and no mask was given.
    DesignError
        If fewer than two residual degrees of freedom are left.

    Notes
    -----
    The interval inverts the noncentral t distribution; it is exact for Gaussian errors. The
    inversion is done on a grid of noncentralities and interpolated, with an error below 1e-4
    noncentralities.

    References
    ----------
    Hedges (1981), doi:10.3102/10769986006002107 (exact J).
    Cumming and Finch (2001), doi:10.1177/0013164401614002 (interval).
    """
    if result.kind != "t":
        raise DataError("Hedges g belongs to a t contrast; for an F take partial R2.")
    df = result.dof[0]
    if df < 2:
        raise DesignError(f"Hedges g needs at least 2 residual degrees of freedom, got {df:g}.")
    low, high = t_noncentrality(result.statistic, df=df, level=level)
    unit = small_sample_correction(df) * result.scale
    return _estimate(
        [result.statistic * unit, low * unit, high * unit],
        kind="Hedges g",
        level=level,
        n=result.n,
        mask=mask,
    )


def partial_r2(
    result: ContrastResult, *, mask: Mask | None = None, level: float = 0.95
) -> Estimate:
    """Return the share of the remaining variance that a contrast explains.

    Parameters
    ----------
    result : ContrastResult
        A t or F contrast.
    mask : Mask, optional
        The elements; without it the result must be of a single element.
    level : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        q F / (q F + df), with F = t^2 for a t.

    Raises
    ------
    DataError
        If there are many elements and no mask was given.

    Notes
    -----
    The interval inverts the noncentral F; a noncentrality l is turned into l / (l + q + df + 1).
    The sample's value is biased upwards, so the interval is widened where it would not hold it.

    References
    ----------
    Steiger (2004), doi:10.1037/1082-989X.9.2.164.
    """
    q, df = (1.0, *result.dof) if result.kind == "t" else result.dof
    f = result.statistic**2 if result.kind == "t" else np.asarray(result.statistic)
    value = q * f / (q * f + df)
    low, high = (
        limit / (limit + q + df + 1) for limit in f_noncentrality(f, dof=(q, df), level=level)
    )
    limits = [value, np.minimum(low, value), np.maximum(high, value)]
    return _estimate(limits, kind="partial R2", level=level, n=result.n, mask=mask)


def small_sample_correction(df: float) -> float:
    """Return the exact factor J that makes a standardised difference unbiased."""
    log = special.gammaln(df / 2) - special.gammaln((df - 1) / 2) - np.log(df / 2) / 2
    return float(np.exp(log))


def t_noncentrality(t: Floats, *, df: float, level: float) -> tuple[Floats, Floats]:
    """Return the limits between which the noncentrality of each t lies.

    Parameters
    ----------
    t : numpy.ndarray of float64, shape (v,)
        Statistics; NaN stays NaN.
    df : float
        Degrees of freedom.
    level : float
        Coverage.

    Returns
    -------
    low, high : numpy.ndarray of float64, shape (v,)
        Noncentralities under which t is the upper and the lower (1 - level) / 2 quantile.
    """
    tail = (1 - level) / 2
    # Far out, the quantile is the noncentrality over a quantile of the chi in the denominator.
    nearest, widest = (float(np.sqrt(special.chdtri(df, p) / df)) for p in (1 - tail, tail))
    reach = min(float(np.nanmax(np.abs(t), initial=1.0)), FAR)
    bound = (reach + 1) * widest + 5
    evenly = np.linspace(-1, 1, 2 * N_GRID)
    grid = bound * evenly * (0.1 + 0.9 * evenly**2)
    mirrored = special.nctdtrit(df, np.abs(grid), np.where(grid < 0, tail, 1 - tail))
    inverse = _inverse(np.where(grid < 0, -mirrored, mirrored), grid, slopes=(widest, nearest))
    return inverse(t), -inverse(-t)


def f_noncentrality(f: Floats, *, dof: tuple[float, float], level: float) -> tuple[Floats, Floats]:
    """Return the limits between which the noncentrality of each F lies.

    Parameters
    ----------
    f : numpy.ndarray of float64, shape (v,)
        Statistics; NaN stays NaN.
    dof : tuple of float
        Both degrees of freedom.
    level : float
        Coverage.

    Returns
    -------
    low, high : numpy.ndarray of float64, shape (v,)
        Noncentralities under which F is the upper and the lower (1 - level) / 2 quantile; 0 where
        none is that small.
    """
    tail = (1 - level) / 2
    nearest, widest = (float(special.chdtri(dof[1], p) / dof[1]) for p in (1 - tail, tail))
    reach = min(float(np.nanmax(f, initial=1.0)), FAR**2)
    bound = (np.sqrt(reach * dof[0]) + 1) * np.sqrt(widest) + 5
    evenly = np.linspace(0, 1, N_GRID)
    grid = (bound * evenly * (0.1 + 0.9 * evenly)) ** 2
    limits = []
    for share, slope in ((1 - tail, nearest), (tail, widest)):
        quantiles = special.ncfdtri(dof[0], dof[1], grid, share)
        inverse = _inverse(quantiles, grid, slopes=(0.0, slope * dof[0]))
        limits.append(np.maximum(inverse(f), 0.0))
    return limits[0], limits[1]


def _inverse(
    quantiles: Floats, grid: Floats, *, slopes: tuple[float, float]
) -> Callable[[Floats], Floats]:
    """Return the function from quantile to noncentrality, with these slopes beyond the grid."""
    between = PchipInterpolator(quantiles, grid)
    first, last = float(quantiles[0]), float(quantiles[-1])

    def evaluate(values: Floats) -> Floats:
        inner = between(np.clip(values, first, last))
        inner += slopes[0] * np.minimum(values - first, 0) + slopes[1] * np.maximum(
            values - last, 0
        )
        return np.asarray(inner)

    return evaluate


def _estimate(
    limits: list[Floats], *, kind: str, level: float, n: int, mask: Mask | None
) -> Estimate:
    """Return value, low and high as an estimate of a map, or of a number without a mask."""
    if mask is None:
        if limits[0].size != 1:
            raise DataError(f"{kind}: {limits[0].size:,} elements need their mask.")
        limits = [limit.reshape(()) for limit in limits]
    value, low, high = limits
    return Estimate(value=value, low=low, high=high, level=level, kind=kind, n=n, mask=mask)
