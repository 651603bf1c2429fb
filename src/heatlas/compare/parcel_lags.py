"""How sure a correlation over parcels is: Dutilleul's effective n from distances of centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from heatlas.compare.policy import Selection
from heatlas.compare.sets import cell_sets
from heatlas.core.parcels import Parcels

Floats = NDArray[np.float64]
FEWEST = 3  # parcels that a correlation needs
# Shells this share of the mean distance to the nearest parcel wide: wider ones mix neighbours with
# strangers and make the effective n too large.
WIDTH = 0.75
EXACT = 1e-9  # of 1 - r^2, below which two maps are multiples of each other


@dataclass(frozen=True)
class Shells:
    """Which pairs of parcels are about equally far apart; every pair is in one shell."""

    number: NDArray[np.int32]
    """number of each pair's shell, shape (n, n); shell 0 holds each parcel with itself"""
    across: NDArray[np.int32]
    """the same by the distance to the other's mirror image, for pairs of a left and a right
    parcel; numbers follow those of the shells, -1 for pairs of one side"""
    pairs: Floats
    """ordered pairs in each shell, those across after the others"""
    products: Floats
    """trace of (B S_h B S_k) with S_h the 0/1 matrix of shell h and B the centring matrix"""

    @property
    def n_own(self) -> int:
        """How many shells are of distance itself."""
        return int(self.number.max()) + 1


def knows_places(selection: Selection) -> bool:
    """Say whether the centres of the parcels are known, without which nothing is tested."""
    space = selection.mask.space
    return isinstance(space, Parcels) and space.centres_mm is not None


def parcel_effective_n(
    selection: Selection, *, rows: Sequence[int], columns: Sequence[int]
) -> Floats:
    """Return Dutilleul's effective n of each pair of maps over parcels.

    Parameters
    ----------
    selection : Selection
        The maps over the parcels that count.
    rows, columns : sequence of int
        Numbers of the maps.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, columns)
        ``1 + tr(B R_x) tr(B R_y) / tr(B R_x B R_y)`` of each two different maps, at most the number
        of parcels that they share, divided by how unequal the spread is
        (:func:`unequal_spread`); NaN where these are fewer than three or their places are
        unknown. Swapping the two maps changes nothing.

    Notes
    -----
    R is a map's correlation matrix: its autocorrelation in shells of distance between centres, and
    what pairs of a left and a right parcel have in common beyond it, in shells of the distance
    from one to the mirror image of the other, the pairs in each counted exactly; B subtracts the
    mean. Both maps are taken as stationary and isotropic: a correlation depends on these distances
    alone, measured straight through the brain.
    Regions of unequal size break that, for means over few voxels scatter more: without the
    division 14 % of independent fields of 6 mm FWHM over AAL were significant at .05, with it 6 %.
    With few parcels autocorrelations are rough guesses. Time and memory grow with the square of
    the parcels.

    References
    ----------
    Dutilleul (1993), Modifying the t test for assessing the correlation between two spatial
    processes, doi:10.2307/2532625. White (1980), A heteroskedasticity-consistent covariance matrix
    estimator and a direct test for heteroskedasticity, doi:10.2307/1912934.
    """
    found = np.full((len(rows), len(columns)), np.nan)
    if not knows_places(selection):
        return found
    centres = selection.mask.positions_mm()
    for cells in cell_sets(selection, rows=rows, columns=columns):
        across, down = cells.across, cells.down
        if cells.elements.sum() < FEWEST:
            continue
        shells = shells_of(centres[cells.elements])
        if shells is None:
            continue
        numbers = sorted({rows[i] for i in across} | {columns[j] for j in down})
        place = {number: k for k, number in enumerate(numbers)}
        values = np.stack([selection.values_of(k)[cells.elements] for k in numbers])
        curves = np.stack([autocorrelation(row, shells=shells) for row in values])
        whole = _effective(curves, shells=shells) / np.maximum(unequal_spread(values), 1)
        found[across, down] = whole[
            [place[rows[i]] for i in across], [place[columns[j]] for j in down]
        ]
    return found


def shells_of(centres_mm: Floats) -> Shells | None:
    """Return shells of equal distance between parcels; None where all lie in one place.

    Parameters
    ----------
    centres_mm : numpy.ndarray of float64, shape (n, 3)
        Where the parcels lie.

    Returns
    -------
    Shells or None
        As wide as three quarters of the mean distance to the nearest parcel. The plane between left
        and right is x = 0.
    """
    distances = cdist(centres_mm, centres_mm)
    others = np.where(distances > 0, distances, np.inf).min(axis=1)
    if not np.isfinite(others).all():
        return None
    width = WIDTH * others.mean()
    number = np.maximum(np.rint(distances / width), 1).astype(np.int32)
    np.fill_diagonal(number, 0)
    across = _across(centres_mm, width=width, first=int(number.max()) + 1)
    n, n_shells = len(number), int(max(number.max(), across.max())) + 1
    partners = np.zeros((n, n_shells))
    overlap = np.zeros((n_shells, n_shells))
    for labels in (number, across):
        row, column = np.nonzero(labels >= 0)
        of_pair = labels[row, column]
        partners += np.bincount(row * n_shells + of_pair, minlength=n * n_shells).reshape(
            n, n_shells
        )
        for others_of in (number, across):
            other = others_of[row, column]
            both = of_pair[other >= 0] * n_shells + other[other >= 0]
            overlap += np.bincount(both, minlength=n_shells**2).reshape(n_shells, n_shells)
    pairs = partners.sum(axis=0)
    products = overlap - 2 / n * partners.T @ partners + np.outer(pairs, pairs) / n**2
    return Shells(number=number, across=across, pairs=pairs, products=products)


def _across(centres_mm: Floats, *, width: float, first: int) -> NDArray[np.int32]:
    """Return the shell of each pair of a left and a right parcel, -1 for others."""
    distances = cdist(centres_mm, centres_mm * [-1, 1, 1])
    side = np.sign(centres_mm[:, 0])
    apart = np.outer(side, side) < 0
    return np.where(apart, first + np.rint(distances / width), -1).astype(np.int32)


def unequal_spread(values: Floats) -> Floats:
    """Return by how much unequal spread makes the correlation of two maps less sure.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (maps, parcels)
        No map is constant.

    Returns
    -------
    numpy.ndarray of float64, shape (maps, maps)
        The variance of the regression of one map on the other that allows each parcel a variance
        of its own (White), in units of that with one variance for all, as the mean of both
        directions; 1 where a map is a multiple of the other.
    """
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    z = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    r, squares = z @ z.T, z**2
    left = 1 - r**2
    # sum of z_i^2 (z_j - r z_i)^2, multiplied out
    fourth = (squares**2).sum(axis=1)[:, None]
    one_way = squares @ squares.T - 2 * r * (z**3 @ z.T) + r**2 * fourth
    both_ways = values.shape[1] * (one_way + one_way.T) / 2
    return np.asarray(np.divide(both_ways, left, out=np.ones_like(r), where=left > EXACT))


def autocorrelation(values: Floats, *, shells: Shells) -> Floats:
    """Return the correlations of a map in each shell, shape (shells,); 1 in shell 0.

    In shells of distance they are not cut where they turn negative: the values add up to zero
    around their mean, so their correlations sink below the truth, and the formula with the centring
    matrix undoes just that. In shells across they are what is left beyond these, up to the first
    that is not positive.
    """
    centred = values - values.mean()
    products = np.outer(centred, centred)
    own = _shell_means(products, shells.number, shells=shells)
    if not own[0] > 0:
        return np.full(len(own), np.nan)
    variance = own[0]
    own = own / variance
    left = products / variance - own[shells.number]
    across = _shell_means(left, shells.across, shells=shells)[shells.n_own :]
    ended = np.flatnonzero(across <= 0)
    across[ended[0] if ended.size else len(across) :] = 0
    return np.concatenate([own[: shells.n_own], across])


def _shell_means(products: Floats, numbers: NDArray[np.int32], *, shells: Shells) -> Floats:
    """Return the mean over the pairs of each shell; pairs without a number are left out."""
    used = numbers >= 0
    total = np.bincount(numbers[used], products[used], len(shells.pairs))
    return np.asarray(total / np.maximum(shells.pairs, 1))


def _effective(curves: Floats, *, shells: Shells) -> Floats:
    """Return the effective n of all pairs of curves of autocorrelation, shape (maps, maps)."""
    n = len(shells.number)
    own = n * curves[:, 0] - curves @ shells.pairs / n
    shared = curves @ shells.products @ curves.T
    shared = (shared + shared.T) / 2  # swapping the two maps changes no digit
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 + np.outer(own, own) / shared
    # Negative correlations can make the sum vanish: then nothing says fewer than all.
    found = np.where((shared <= 0) & np.isfinite(shared), n, found)
    return np.asarray(np.minimum(found, n))
