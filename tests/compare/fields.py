"""Smooth maps with a known correlation inside a known brain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.background import find_background
from heatlas.compare.maps import ComparedMaps, align_maps
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from tests.phantom import SHAPE, affine, ball, smooth_noise

Floats = NDArray[np.float64]
BRAIN = ball(radius=4.2)
GRID = Grid(shape=SHAPE, affine=affine())


def fields(n: int, *, seed: int = 0, fwhm_voxels: float = 2.0) -> Floats:
    """Independent smooth fields, shape (n, *SHAPE)."""
    return smooth_noise(n, fwhm_voxels=fwhm_voxels, seed=seed)


def volume(
    values: Floats, *, background: float = 0.0, inside: NDArray[np.bool_] = BRAIN, name: str = ""
) -> Volume:
    """A map with a brain of its own and a number outside of it."""
    stored = np.where(inside, values, background).astype(np.float32)
    return Volume(values=stored, grid=GRID, name=name)


def aligned(volumes: list[Volume], grid: Grid = GRID) -> ComparedMaps:
    """The maps side by side, named by their volumes or by letters."""
    names = [v.name or "abcdefgh"[k] for k, v in enumerate(volumes)]
    return align_maps([(v, find_background(v)) for v in volumes], names=names, grid=grid)
