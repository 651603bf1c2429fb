"""Phantoms: small maps with a known truth, as plain numpy arrays.

Values are in arbitrary units, positions in mm (RAS+), maps have shape (n, x, y, z).
Each function draws from a generator seeded by its ``seed`` and from nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
SHAPE = (12, 14, 10)


class GroupMaps(NamedTuple):
    """Two groups of maps and what is true about them."""

    maps: Floats
    """shape (n_groups * n_per_group, x, y, z), the first group's maps first"""
    group: NDArray[np.str_]
    """one level a map: "a" or "b" """
    truth: NDArray[np.bool_]
    """shape (x, y, z): where "b" differs from "a" """
    affine: Floats
    """voxel to mm"""


def affine(voxel_mm: float = 3.0, shape: tuple[int, int, int] = SHAPE) -> Floats:
    """Voxel-to-mm affine with the origin in the middle of the grid, axes RAS+."""
    matrix = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    matrix[:3, 3] = -voxel_mm * (np.asarray(shape) - 1) / 2
    return matrix


def ball(
    shape: tuple[int, int, int] = SHAPE,
    *,
    centre: tuple[float, float, float] | None = None,
    radius: float = 2.5,
) -> NDArray[np.bool_]:
    """Voxels within ``radius`` voxels of ``centre`` (default: the middle of the grid)."""
    middle = [(n - 1) / 2 for n in shape] if centre is None else centre
    distance = [
        (axis - c) ** 2 for axis, c in zip(np.indices(shape, dtype=float), middle, strict=True)
    ]
    return np.asarray(sum(distance) <= radius**2)


def smooth_noise(
    n: int,
    shape: tuple[int, int, int] = SHAPE,
    *,
    fwhm_voxels: float = 2.0,
    seed: int = 0,
) -> Floats:
    """Gaussian fields, shape (n, *shape), each voxel with expectation 0 and variance 1."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, *shape))
    if fwhm_voxels == 0:
        return noise
    sigma = fwhm_voxels / np.sqrt(8 * np.log(2))
    # Wrapping keeps the variance the same in every voxel; dividing by the kernel's norm makes it 1.
    impulse = np.zeros(shape)
    impulse[tuple(0 for _ in shape)] = 1.0
    norm = np.linalg.norm(ndimage.gaussian_filter(impulse, sigma, mode="wrap"))
    smoothed = ndimage.gaussian_filter(noise, (0, sigma, sigma, sigma), mode="wrap")
    return np.asarray(smoothed / norm)


def group_maps(
    n_per_group: int = 10,
    shape: tuple[int, int, int] = SHAPE,
    *,
    effect: float = 2.0,
    fwhm_voxels: float = 2.0,
    seed: int = 0,
) -> GroupMaps:
    """Two groups of maps; "b" is higher by ``effect`` standard deviations inside one ball."""
    maps = smooth_noise(2 * n_per_group, shape, fwhm_voxels=fwhm_voxels, seed=seed)
    truth = ball(shape)
    maps[n_per_group:, truth] += effect
    return GroupMaps(
        maps=maps,
        group=np.repeat(np.array(["a", "b"]), n_per_group),
        truth=truth,
        affine=affine(shape=shape),
    )


def one_sample_maps(
    n: int = 12,
    shape: tuple[int, int, int] = SHAPE,
    *,
    effect: float = 2.0,
    seed: int = 0,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Maps whose mean is ``effect`` inside one ball and 0 elsewhere; and that ball."""
    maps = smooth_noise(n, shape, seed=seed)
    truth = ball(shape)
    maps[:, truth] += effect
    return maps, truth
