"""Gaussian smoothing by full width at half maximum in mm, one matrix product along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.ndimage import gaussian_filter1d

from heatlas.core.errors import DataError, NotSupportedError, SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.volume import Volume

SIGMAS_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
# Cosine of the angle between two axes above which they no longer count as perpendicular; a
# qform stored in float32 stays well below.
SHEAR_TOLERANCE = 1e-3


def smooth(volume: Volume, *, fwhm_mm: float, inside: Mask | None = None) -> Volume:
    """Return the volume smoothed by a Gaussian.

    Parameters
    ----------
    volume : Volume
        Values that are not finite count as missing.
    fwhm_mm : float
        Full width at half maximum in mm; 0 returns the volume itself.
    inside : Mask, optional
        Average over these voxels only and leave NaN everywhere else; None averages over all.

    Returns
    -------
    Volume
        Same grid and dtype. A missing voxel stays missing, and its neighbours are weighted
        means of what is there.

    Raises
    ------
    DataError
        If the width is negative or not finite.
    SpaceMismatchError
        If the mask lies on another grid.
    NotSupportedError
        If the axes of the grid are not perpendicular.

    Notes
    -----
    The kernel is cut at four standard deviations and values are reflected at the border of the
    image, as in :func:`scipy.ndimage.gaussian_filter`, so a whole image without missing values
    equals ``nilearn.image.smooth_img`` to float32 precision. The kernel is applied as one
    small matrix product along each axis: the order of summation is fixed by the shape alone.
    Memory: two copies of the image, four when something is missing.
    """
    check_fwhm(fwhm_mm)
    if fwhm_mm == 0:
        return volume
    sigmas = sigmas_in_voxels(volume.grid, fwhm_mm=fwhm_mm)
    present = _present(volume, inside=inside)
    kernels = kernel_matrices(volume.grid.shape, sigmas=sigmas, dtype=volume.values.dtype)
    values = _weighted_mean(volume.values, present=present, kernels=kernels)
    provenance = _with_step(volume, fwhm_mm=fwhm_mm, inside=inside, present=present)
    return replace(volume, values=values, stored_step=None, provenance=provenance)


def check_fwhm(fwhm_mm: float) -> None:
    """Raise DataError unless the width is a finite number of at least 0 mm."""
    if not np.isfinite(fwhm_mm) or fwhm_mm < 0:
        raise DataError(f"fwhm_mm: {fwhm_mm} given, expected a width in mm of at least 0.")


def sigmas_in_voxels(grid: Grid, *, fwhm_mm: float) -> tuple[float, float, float]:
    """Return the standard deviation of the kernel along each axis, in voxels.

    Parameters
    ----------
    grid : Grid
        Its axes must be perpendicular.
    fwhm_mm : float
        Full width at half maximum in mm.

    Returns
    -------
    tuple of float
        One standard deviation per axis.

    Raises
    ------
    NotSupportedError
        If the grid is sheared: a round kernel is then no product of one kernel per axis.
    """
    directions = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    shear = np.abs(directions.T @ directions - np.eye(3)).max()
    if shear > SHEAR_TOLERANCE:
        angle = float(np.degrees(np.arccos(min(shear, 1.0))))
        raise NotSupportedError(
            f"Smoothing needs perpendicular axes, but two axes of this image meet at "
            f"{angle:.1f} degrees. Resample it onto a grid with perpendicular axes first."
        )
    x, y, z = (fwhm_mm * SIGMAS_PER_FWHM / size for size in grid.voxel_sizes_mm)
    return float(x), float(y), float(z)


def kernel_matrices(
    shape: Sequence[int], *, sigmas: Sequence[float], dtype: DTypeLike
) -> tuple[NDArray[np.floating], ...]:
    """Return one square matrix per axis that smooths along it, rows summing to 1."""
    name = np.dtype(dtype).str
    return tuple(
        _kernel_matrix(int(length), sigma=float(sigma), dtype=name)
        for length, sigma in zip(shape, sigmas, strict=True)
    )


def apply_along_axes(
    values: NDArray[np.floating], matrices: Sequence[NDArray[np.floating]]
) -> NDArray[np.floating]:
    """Multiply a 3-D array by one matrix along each axis.

    Parameters
    ----------
    values : numpy.ndarray, shape (x, y, z)
        The image.
    matrices : sequence of three numpy.ndarray, shapes (X, x), (Y, y), (Z, z)
        Weights along each axis.

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z)
        Weighted sums.
    """
    first, second, third = matrices
    x, y, z = values.shape
    along_first = (first @ values.reshape(x, y * z)).reshape(-1, y, z)
    along_second = np.matmul(second, along_first)
    flat = along_second.reshape(-1, z) @ third.T
    return np.asarray(flat.reshape(len(first), len(second), len(third)))


@lru_cache(maxsize=32)
def _kernel_matrix(length: int, *, sigma: float, dtype: str) -> NDArray[np.floating]:
    """Return the matrix of the truncated, reflected Gaussian: the filter of the unit vectors."""
    matrix = np.eye(length)
    if sigma > 0:
        matrix = gaussian_filter1d(matrix, sigma, axis=0, mode="reflect", truncate=4.0)
    matrix = np.ascontiguousarray(matrix, dtype=dtype)
    matrix.setflags(write=False)
    return matrix


def _present(volume: Volume, *, inside: Mask | None) -> NDArray[np.bool_] | None:
    """Return where there is something to average, or None when that is everywhere."""
    finite = np.isfinite(volume.values)
    if inside is not None:
        if not inside.grid.same_as(volume.grid):
            raise SpaceMismatchError(
                f"The mask has shape {inside.grid.shape} and the image {volume.grid.shape}, or "
                "their affines differ. Resample the mask onto the image's grid first."
            )
        finite &= inside.inside.reshape(volume.grid.shape)
    return None if finite.all() else finite


def _weighted_mean(
    values: NDArray[np.floating],
    *,
    present: NDArray[np.bool_] | None,
    kernels: Sequence[NDArray[np.floating]],
) -> NDArray[np.floating]:
    if present is None:
        return apply_along_axes(values, kernels)
    total = apply_along_axes(np.where(present, values, values.dtype.type(0)), kernels)
    weight = apply_along_axes(present.astype(values.dtype), kernels)
    # Dividing only where something is present: there the kernel's own centre keeps weight > 0.
    mean = np.full_like(values, np.nan)
    np.divide(total, weight, out=mean, where=present)
    return mean


def _with_step(
    volume: Volume, *, fwhm_mm: float, inside: Mask | None, present: NDArray[np.bool_] | None
) -> Provenance:
    n_left_out = 0 if present is None else int(present.size - present.sum())
    return volume.provenance.then(
        "smooth",
        parameters={
            "fwhm_mm": float(fwhm_mm),
            "inside": inside is not None,
            "border": "reflected",
            "n_voxels_left_out": n_left_out,
        },
        inputs={} if inside is None else {"mask": inside.digest},
    )
