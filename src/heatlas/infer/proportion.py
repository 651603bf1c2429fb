"""A share of n with an interval that stays between 0 and 1."""

from __future__ import annotations

from math import sqrt

from scipy.stats import norm

from heatlas.core.errors import DataError


def wilson_interval(n_hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Parameters
    ----------
    n_hits, n : int
        Hits, and trials that are taken as independent.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Lower and upper limit, between 0 and 1.

    Raises
    ------
    DataError
        If there is no trial, or hits and trials do not fit.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference. Journal of
    the American Statistical Association. doi:10.1080/01621459.1927.10502953
    """
    if not 0 <= n_hits <= n or n < 1:
        raise DataError(f"share: {n_hits} of {n} given, expected at least one trial.")
    z = float(norm.ppf((1 + level) / 2))
    share = n_hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)
