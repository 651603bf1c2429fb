"""Tails of the noncentral t, accurate at any level and any degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

# Gauss-Legendre nodes per panel, and panels: a long left tail (few degrees of freedom) needs many.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
PANELS = 96
# The integrand is followed until it has fallen by this factor (as a natural logarithm).
DROP = 40.0


def log_upper_tail(cut: float, *, noncentrality: float, dof: float) -> float:
    """Return the log of P(T > cut) of a noncentral t.

    Parameters
    ----------
    cut : float
        Any value.
    noncentrality : float
        True effect over its standard error.
    dof : float
        Degrees of freedom, infinity included.

    Returns
    -------
    float
        Natural logarithm of the probability.

    Notes
    -----
    P(T > cut) is the integral over s of Phi(noncentrality - cut s) times the density of
    s = sqrt(chi2 / dof). In log s the integrand is log-concave for cut >= 0, so its mode and limits
    are found safely and Gauss-Legendre nodes are spent where it lives. Relative error below 1e-9.
    """
    if math.isinf(dof):
        return float(special.log_ndtr(noncentrality - cut))
    if cut < 0:
        # The complement, because Phi(noncentrality - cut s) is log-concave in log s for cut >= 0.
        other = log_upper_tail(-cut, noncentrality=-noncentrality, dof=dof)
        share = -math.expm1(min(other, 0.0))
        return math.log(share) if share > 0 else -math.inf

    def log_integrand(u: Floats) -> Floats:
        log_tail = special.log_ndtr(noncentrality - cut * np.exp(u))
        return np.asarray(_log_density(u, dof=dof) + log_tail)

    low, high = _limits(log_integrand, dof=dof)
    edges = np.linspace(low, high, PANELS + 1)
    half = np.diff(edges)[:, None] / 2
    nodes = (edges[:-1, None] + half) + half * NODES
    logs = log_integrand(nodes.ravel())
    return float(special.logsumexp(logs, b=(half * WEIGHTS).ravel()))


def _log_density(u: Floats, *, dof: float) -> Floats:
    """Return the log density of u = log s, s = sqrt(chi2 / dof), without cancellation."""
    half = dof / 2
    if dof < 1e4:
        constant = math.log(2) + half * math.log(half) - math.lgamma(half) - half
    else:
        # Stirling: the large terms of lgamma cancel on paper rather than in floating point.
        constant = math.log(2) + 0.5 * math.log(half / (2 * math.pi)) - 1 / (12 * half)
    return np.asarray(constant - half * (np.expm1(2 * u) - 2 * u))


def _limits(log_integrand: Callable[[Floats], Floats], *, dof: float) -> tuple[float, float]:
    """Return where a log-concave function has fallen far enough on both sides of its mode."""
    width = 1 / math.sqrt(2 * dof)
    mode = _mode(log_integrand, width=width)
    floor = float(log_integrand(np.array([mode]))[0]) - DROP

    def edge(direction: int) -> float:
        step = width
        while float(log_integrand(np.array([mode + direction * step]))[0]) > floor:
            step *= 1.25
        return mode + direction * step

    return edge(-1), edge(1)


def _mode(log_integrand: Callable[[Floats], Floats], *, width: float) -> float:
    """Return the mode of a log-concave function by shrinking a bracket around 0."""
    low, high = -width, width
    while float(np.diff(log_integrand(np.array([low, low / 2])))[0]) < 0:
        low *= 2
    while float(np.diff(log_integrand(np.array([high / 2, high])))[0]) > 0:
        high *= 2
    for _ in range(60):
        points = np.linspace(low, high, 9)
        best = int(np.argmax(log_integrand(points)))
        low, high = points[max(best - 1, 0)], points[min(best + 1, 8)]
        if high - low < 1e-3 * width:
            break
    return float((low + high) / 2)
