"""Moran surrogates keep what they promise exactly, and have the covariance that theory gives."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.fields import standardised
from heatlas.compare.moran import eigenvector_maps, inverse_distances, moran_surrogates
from heatlas.compare.policy import select_elements
from heatlas.core.errors import DataError
from tests.compare.regions import exponential_values, over_regions, places

PLACES = places(60)


def test_the_eigenvectors_are_a_basis_of_all_maps_without_mean() -> None:
    vectors = eigenvector_maps(inverse_distances(PLACES))
    assert vectors.shape == (60, 59)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(59), atol=1e-10)
    np.testing.assert_allclose(vectors.sum(axis=0), 0, atol=1e-10)
    centring = np.eye(60) - 1 / 60
    doubly = centring @ inverse_distances(PLACES) @ centring
    inner = vectors.T @ doubly @ vectors
    np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-10)
    assert (np.diff(np.diag(inner)) <= 1e-10).all()  # from the smoothest on


def test_every_surrogate_keeps_morans_i_and_the_share_of_every_eigenvector() -> None:
    chosen = select_elements(over_regions(exponential_values(2, centres=PLACES), centres=PLACES))
    weights = inverse_distances(PLACES)
    vectors = eigenvector_maps(weights)
    made = moran_surrogates(chosen, [0, 1], seed=3)(0)
    for k in range(2):
        own = standardised(chosen.values_of(k))
        moran = np.einsum("bi,ij,bj->b", made[:, k], weights, made[:, k])
        np.testing.assert_allclose(moran, own @ weights @ own, rtol=1e-9)
        shares = np.square(made[:, k] @ vectors)
        np.testing.assert_allclose(shares, np.tile(np.square(own @ vectors), (50, 1)), atol=1e-12)


def test_the_covariance_of_surrogates_is_that_of_random_signs() -> None:
    chosen = select_elements(over_regions(exponential_values(1, centres=PLACES), centres=PLACES))
    draw = moran_surrogates(chosen, [0], seed=0)
    made = np.concatenate([draw(50 * k)[:, 0] for k in range(400)])
    vectors = eigenvector_maps(inverse_distances(PLACES))
    shares = standardised(chosen.values_of(0)) @ vectors
    wanted = (vectors * shares**2) @ vectors.T
    found = made.T @ made / len(made)
    spread = np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / len(made))
    assert np.abs((found - wanted) / spread).max() < 5  # of 1,830 different entries


def test_too_few_parcels_and_parcels_at_one_place_are_refused() -> None:
    with pytest.raises(DataError, match="9 regions are too few"):
        inverse_distances(PLACES[:9])
    with pytest.raises(DataError, match="two regions lie at one place"):
        inverse_distances(np.concatenate([PLACES, PLACES[:1]]))
