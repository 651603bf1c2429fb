"""When a Monte-Carlo test may stop: a confidence sequence of p that holds at every look."""

from __future__ import annotations

import math
from collections.abc import Callable

from heatlas.core.errors import DataError


def open_counts(n_draws: int, *, alpha: float, error: float = 1e-3) -> tuple[int, int]:
    """Return the numbers of exceedances that leave open on which side of alpha p lies.

    Parameters
    ----------
    n_draws : int
        Random arrangements so far, the identity not among them.
    alpha : float
        Level that p is compared with.
    error : float
        Chance that p lies on the other side, over all looks together.

    Returns
    -------
    smallest, largest : int
        With fewer exceedances than the smallest p is below alpha, with more than the largest it
        is above; every number between them (both included) leaves the question open. There is
        always at least one such number.

    Raises
    ------
    DataError
        If the number of draws is negative, or a probability does not lie between 0 and 1.

    Notes
    -----
    Let b of m independent draws reach the observed value, each with chance p. For any prior on p
    the likelihood averaged over the prior, divided by the likelihood of p = alpha, is a
    non-negative martingale of mean 1 when p = alpha; it ever reaches 1 / error with a chance of
    at most error (Ville's inequality). The verdict is open while it is below. One may therefore
    look after every draw, and stop whenever one likes.

    The prior is Beta(1, 1 / alpha - 1), which has its mean at alpha: with alpha = .05 a p of 0 is
    settled after 181 draws, against 242 with a uniform prior, and a p of .04 after about 8,300
    on average, against 10,400. The martingale is convex in b, so the open numbers have no gap, and
    both ends are found by bisection: about 100 evaluations for ten million draws.

    References
    ----------
    Robbins (1970), Statistical methods related to the law of the iterated logarithm.
    doi:10.1214/aoms/1177696786
    """
    _check(n_draws, alpha=alpha, error=error)
    prior = (1.0, 1 / alpha - 1)
    limit = -math.log(error)
    at_prior = _log_beta(*prior)

    def is_open(count: int) -> bool:
        misses = n_draws - count
        average = _log_beta(prior[0] + count, prior[1] + misses) - at_prior
        return average - count * math.log(alpha) - misses * math.log1p(-alpha) < limit

    middle = _lowest(n_draws, alpha=alpha, prior=prior)
    smallest = _first(0, middle, holds=is_open)
    largest = _first(middle, n_draws, holds=lambda count: not is_open(count + 1))
    return smallest, largest


def _check(n_draws: int, *, alpha: float, error: float) -> None:
    """Raise unless the question makes sense."""
    if n_draws < 0:
        raise DataError(f"Number of draws: {n_draws} given, expected 0 or more.")
    for name, value in (("alpha", alpha), ("error", error)):
        if not 0 < value < 1:
            raise DataError(f"{name}: expected a probability between 0 and 1, got {value:g}.")


def _log_beta(a: float, b: float) -> float:
    """Return the logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _lowest(n_draws: int, *, alpha: float, prior: tuple[float, float]) -> int:
    """Return the count at which the martingale is lowest: there it stops falling.

    One more exceedance multiplies it by (a + b) / (b' + m - b - 1) * (1 - alpha) / alpha, which
    is 1 on a straight line in b.
    """
    a, b = prior
    level = (b + n_draws - 1) * alpha - a * (1 - alpha)
    return min(max(math.ceil(level), 0), n_draws)


def _first(low: int, high: int, *, holds: Callable[[int], bool]) -> int:
    """Return the first whole number from low on that holds; the last one is taken to hold."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
