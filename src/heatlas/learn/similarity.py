"""How alike two maps of one image are: by value, by rank and by structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from heatlas.core.errors import DataError

Floats = NDArray[np.floating]
# Width of the window and the two constants of structural similarity, for maps of range 1.
SSIM_SIGMA = 1.5
SSIM_MEAN = 0.01**2
SSIM_SPREAD = 0.03**2


def pearson(first: Floats, second: Floats) -> float:
    """Return the correlation of two maps; a flat map is like nothing: 0.

    Parameters
    ----------
    first, second : numpy.ndarray
        Of one shape.

    Returns
    -------
    float
        Between -1 and 1.

    Raises
    ------
    DataError
        If their shapes differ.
    """
    if first.shape != second.shape:
        raise DataError(f"maps: shapes {first.shape} and {second.shape} cannot be compared.")
    one, two = (values.astype(np.float64).ravel() for values in (first, second))
    one, two = one - one.mean(), two - two.mean()
    size = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / size) if size > 0 else 0.0


def spearman(first: Floats, second: Floats) -> float:
    """Return the rank correlation of two maps; a flat map is like nothing: 0.

    Parameters
    ----------
    first, second : numpy.ndarray
        Of one shape.

    Returns
    -------
    float
        Between -1 and 1; ties share their mean rank.
    """
    return pearson(*(rankdata(values).reshape(values.shape) for values in (first, second)))


def ssim(first: Floats, second: Floats) -> float:
    """Return the structural similarity of two maps, each scaled by its largest size.

    Parameters
    ----------
    first, second : numpy.ndarray
        Of one shape; signs are kept.

    Returns
    -------
    float
        At most 1, the mean over all windows (Gaussian, standard deviation 1.5 pixels).

    Raises
    ------
    DataError
        If their shapes differ.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli (2004), Image quality assessment: from error visibility to
    structural similarity. doi:10.1109/TIP.2003.819861
    """
    if first.shape != second.shape:
        raise DataError(f"maps: shapes {first.shape} and {second.shape} cannot be compared.")
    one, two = _scaled(first), _scaled(second)
    mean_one, mean_two = _window(one), _window(two)
    spread_one = _window(one * one) - mean_one**2
    spread_two = _window(two * two) - mean_two**2
    common = _window(one * two) - mean_one * mean_two
    means = (2 * mean_one * mean_two + SSIM_MEAN) / (mean_one**2 + mean_two**2 + SSIM_MEAN)
    spreads = (2 * common + SSIM_SPREAD) / (spread_one + spread_two + SSIM_SPREAD)
    return float((means * spreads).mean())


def _scaled(values: Floats) -> Floats:
    """Return a signed map between 0 and 1, its zero at one half: the formula wants no signs."""
    size = float(np.abs(values).max())
    return 0.5 + 0.5 * values.astype(np.float64) / (size if size > 0 else 1.0)


def _window(values: Floats) -> Floats:
    return np.asarray(ndimage.gaussian_filter(values, SSIM_SIGMA, mode="nearest"))
