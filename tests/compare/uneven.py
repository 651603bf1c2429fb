"""Maps in a ball that are stationary, or louder in one half of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.core.space import Grid, Mask
from tests.phantom import affine, ball, smooth_noise

Floats = NDArray[np.float64]
SHAPE = (24, 26, 22)
INSIDE = ball(SHAPE, radius=12)
GRID = Grid(shape=SHAPE, affine=affine(shape=SHAPE))


def even(n: int, *, seed: int, fwhm_voxels: float = 2) -> Floats:
    """Independent stationary maps, shape (n, v)."""
    return smooth_noise(n, SHAPE, fwhm_voxels=fwhm_voxels, seed=seed)[:, INSIDE]


def louder(n: int, *, seed: int, fwhm_voxels: float = 2) -> Floats:
    """Independent maps that are three times as large in one half."""
    behind = np.argwhere(INSIDE)[:, 1] < SHAPE[1] / 2
    return even(n, seed=seed, fwhm_voxels=fwhm_voxels) * np.where(behind, 1, 3)


def rougher(n: int, *, seed: int) -> Floats:
    """Independent maps that are smoother in one half, and of one variance."""
    behind = np.argwhere(INSIDE)[:, 1] < SHAPE[1] / 2
    rough, smooth = even(n, seed=seed, fwhm_voxels=1.5), even(n, seed=seed + 1, fwhm_voxels=4)
    return np.where(behind, rough / rough.std(), smooth / smooth.std())


def in_ball(values: Floats) -> ComparedMaps:
    """The maps side by side."""
    return ComparedMaps(
        values=values,
        mask=Mask(space=GRID, inside=INSIDE),
        fills=np.full(len(values), np.nan),
        names=[f"m{k:02d}" for k in range(len(values))],
    )
