"""Surrogates of parcel maps that keep Moran's I: random signs along the spatial eigenvectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from heatlas.compare.fields import Draw, standardised
from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError
from heatlas.core.random import stream

Floats = NDArray[np.float64]
STEP = "moran"
BATCH = 50
FEWEST = 10  # parcels; with fewer there are few signs to draw


def inverse_distances(positions_mm: Floats) -> Floats:
    """Return how much each pair of parcels weighs, shape (n, n).

    Parameters
    ----------
    positions_mm : numpy.ndarray of float64, shape (n, 3)
        Centres of the parcels.

    Returns
    -------
    numpy.ndarray of float64
        One over the distance, 0 on the diagonal.

    Raises
    ------
    DataError
        If there are fewer than 10 parcels, or two lie at one place.
    """
    n = len(positions_mm)
    if n < FEWEST:
        raise DataError(
            f"null 'moran': {n} regions are too few, expected at least {FEWEST}; take a finer "
            "atlas."
        )
    distance = cdist(positions_mm, positions_mm)
    np.fill_diagonal(distance, np.inf)
    if not distance.min() > 0:
        raise DataError("null 'moran': two regions lie at one place; leave one of them out.")
    return np.asarray(1 / distance)


def eigenvector_maps(weights: Floats) -> Floats:
    """Return Moran's eigenvector maps, from the smoothest on.

    Parameters
    ----------
    weights : numpy.ndarray of float64, shape (n, n)
        How much each pair of parcels weighs; symmetric, 0 on the diagonal.

    Returns
    -------
    numpy.ndarray of float64, shape (n, n - 1)
        Eigenvectors of the doubly centred weights, of length one, without the constant one.

    References
    ----------
    Dray, Legendre, Peres-Neto (2006), doi:10.1016/j.ecolmodel.2006.02.015.
    """
    n = len(weights)
    # A basis of what is orthogonal to the constant: the constant cannot mix with other vectors of
    # eigenvalue zero.
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, : n - 1]]))[0][:, 1:]
    _, vectors = eigh(basis.T @ weights @ basis)
    return np.asarray(basis @ vectors[:, ::-1])


def moran_surrogates(selection: Selection, maps: Sequence[int], *, seed: int) -> Draw:
    """Return what draws surrogates by Moran spectral randomisation, the singleton procedure.

    Parameters
    ----------
    selection : Selection
        Maps of parcels that all have values at the same elements.
    maps : sequence of int
        Numbers of the maps.
    seed : int
        Seed of the study.

    Returns
    -------
    Draw
        From the number of the first surrogate to fifty of every map.

    Raises
    ------
    DataError
        If there are fewer than 10 parcels, or two lie at one place.

    Notes
    -----
    A map is a sum of Moran's eigenvector maps for inverse distances; each term gets a random sign.
    Mean, variance, Moran's I and the share of every eigenvector stay exactly as they are. Time:
    one eigendecomposition of n x n, then a matrix product for fifty surrogates.

    References
    ----------
    Wagner and Dray (2015), doi:10.1111/2041-210X.12407.
    """
    vectors = eigenvector_maps(inverse_distances(selection.mask.positions_mm()))
    shares = np.stack([standardised(selection.values_of(k)) for k in maps]) @ vectors

    def draw(number: int) -> Floats:
        """Return surrogates from that number on, shape (fifty, maps, n)."""
        rng = stream(seed, STEP, index=number)
        signs = rng.integers(0, 2, size=(BATCH, *shares.shape), dtype=np.int8) * 2.0 - 1
        return standardised((signs * shares) @ vectors.T)

    return draw
