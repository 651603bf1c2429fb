"""Smooth maps of parcels with a known covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.core.parcels import Parcels
from heatlas.core.space import Mask

Floats = NDArray[np.float64]
RADII = np.array([70.0, 85.0, 60.0])  # of an ellipsoid about as large as a brain, in mm


def centres(n: int, *, seed: int = 3) -> Floats:
    """Positions strewn over an ellipsoid, shape (n, 3)."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, size=(6 * n, 3))
    return drawn[np.square(drawn).sum(axis=1) < 1][:n] * RADII


def smooth_values(n_maps: int, places: Floats, *, seed: int = 0, range_mm: float = 20) -> Floats:
    """Independent Gaussian maps whose covariance falls as exp(-d / range), shape (n_maps, n)."""
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    covariance = np.exp(-distance / range_mm)
    root = np.linalg.cholesky(covariance)
    return np.random.default_rng(seed).standard_normal((n_maps, len(places))) @ root.T


def parcel_maps(values: Floats, places: Floats) -> ComparedMaps:
    """The maps side by side over all parcels."""
    n_maps, n = values.shape
    space = Parcels(names=[f"region {k}" for k in range(n)], centres_mm=places)
    return ComparedMaps(
        values=values,
        mask=Mask(space=space, inside=np.isfinite(values).any(axis=0)),
        fills=np.full(n_maps, np.nan),
        names=[f"m{k:02d}" for k in range(n_maps)],
    )
