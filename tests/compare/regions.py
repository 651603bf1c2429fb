"""Maps over regions with known places and a known smoothness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.core.parcels import Parcels
from heatlas.core.space import Mask

Floats = NDArray[np.float64]


def places(n: int = 60, *, seed: int = 0) -> Floats:
    """Positions in a ball of 70 mm, no two closer than 8 mm, shape (n, 3)."""
    rng = np.random.default_rng(seed)
    found: list[Floats] = []
    while len(found) < n:
        place = rng.uniform(-70, 70, 3)
        if np.linalg.norm(place) <= 70 and all(np.linalg.norm(place - p) > 8 for p in found):
            found.append(place)
    return np.array(found)


def smooth_values(n: int, *, centres: Floats, fwhm_mm: float, seed: int = 0) -> Floats:
    """Independent Gaussian maps whose correlation falls with the distance, shape (n, regions)."""
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    deviation = fwhm_mm / np.sqrt(8 * np.log(2))
    correlation = np.exp(-(gaps**2) / (4 * deviation**2))
    root = np.linalg.cholesky(correlation + 1e-9 * np.eye(len(centres)))
    noise = np.random.default_rng(seed).standard_normal((n, len(centres)))
    return np.asarray(noise @ root.T)


def exponential_values(n: int, *, centres: Floats, range_mm: float = 20, seed: int = 0) -> Floats:
    """Independent Gaussian maps with correlation exp(-distance / range), shape (n, regions)."""
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    root = np.linalg.cholesky(np.exp(-gaps / range_mm))
    noise = np.random.default_rng(seed).standard_normal((n, len(centres)))
    return np.asarray(noise @ root.T)


def over_regions(values: Floats, *, centres: Floats | None = None) -> ComparedMaps:
    """Maps called map 00, map 01, ... over regions called r000, r001, ..."""
    names = tuple(f"r{k:03d}" for k in range(values.shape[1]))
    space = Parcels(names=names, centres_mm=centres)
    return ComparedMaps(
        values=values,
        mask=Mask(space=space, inside=np.ones(space.size, dtype=bool)),
        fills=np.full(len(values), np.nan),
        names=tuple(f"map {k:02d}" for k in range(len(values))),
    )
