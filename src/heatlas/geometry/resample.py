"""Moving a volume onto another grid without mixing background into what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid
from heatlas.core.validate import check_choice
from heatlas.core.volume import Volume
from heatlas.geometry.smooth import SIGMAS_PER_FWHM, apply_along_axes, kernel_matrices

Interpolation = Literal["linear", "nearest"]
INTERPOLATIONS = ("linear", "nearest")
# A share of exactly one half must not depend on the last bit of an affine.
HALF = 0.5 - 1e-4
# Positions are rounded to this many decimals of a voxel before ties are broken.
DECIMALS = 3

Floats = NDArray[np.floating]


def resample(
    volume: Volume,
    *,
    to: Grid,
    interpolation: Interpolation = "linear",
    background: float | None = 0.0,
    antialias: bool = True,
) -> Volume:
    """Return the volume on another grid.

    Parameters
    ----------
    volume : Volume
        What is moved.
    to : Grid
        Where it shall lie; any rotation, shear or voxel size.
    interpolation : {"linear", "nearest"}
        Linear for measurements, nearest for labels and masks.
    background : float or None
        Value that says "nothing was measured here", beside everything that is not finite, which
        always says so. None and NaN: every finite value counts.
    antialias : bool
        Whether a coarser grid first gets a Gaussian that removes detail it cannot hold (linear
        only).

    Returns
    -------
    Volume
        On the new grid, same dtype. A voxel has a value where at least half of the
        interpolation's weight lies on measured voxels, whose weights are then scaled to 1;
        elsewhere it holds the background (NaN where ``background`` is None). The volume itself
        when both grids are the same.

    Raises
    ------
    SpaceMismatchError
        If the measured part of the volume reaches no voxel of the new grid.
    DataError
        If the interpolation is unknown.

    Notes
    -----
    The Gaussian's full width at half maximum along an axis is sqrt(r^2 - 1) voxels, r being the
    ratio of voxel sizes, so that a voxel's blur after it is that of the new voxel. Grids with
    parallel axes take one small matrix product along each axis; others go through
    :func:`scipy.ndimage.affine_transform`. Memory: about four copies of the larger image.

    References
    ----------
    Cardoso, Modat, Vercauteren, Ourselin (2015), Scale factor point spread function matching:
    beyond aliasing in image resampling. MICCAI 2015.
    """
    check_choice(interpolation, name="interpolation", known=INTERPOLATIONS)
    if volume.grid.same_as(to):
        return volume
    fill = np.nan if background is None else float(background)
    sigmas = _antialias_sigmas(volume.grid, to=to) if antialias else (0.0, 0.0, 0.0)
    if interpolation == "nearest":
        sigmas = (0.0, 0.0, 0.0)
        values = nearest_values(volume.values, volume.grid, to=to, fill=fill)
    else:
        values = _linear(volume, to=to, fill=fill, sigmas=sigmas)
    _check_overlap(volume, values, fill=fill)
    step = volume.stored_step if interpolation == "nearest" else None
    settings = {
        "interpolation": interpolation,
        "background": None if np.isnan(fill) else fill,
        "antialias_fwhm_voxels": [round(float(s / SIGMAS_PER_FWHM), 6) for s in sigmas],
    }
    provenance = _with_step(volume, to=to, settings=settings)
    return replace(volume, values=values, grid=to, stored_step=step, provenance=provenance)


def coarsest(grids: Iterable[Grid]) -> Grid:
    """Return the grid with the largest voxels.

    Parameters
    ----------
    grids : iterable of Grid
        At least one. Of several with equally large voxels the one with the smallest digest is
        taken, so the order of files changes nothing.

    Returns
    -------
    Grid
        One of the grids.

    Raises
    ------
    DataError
        If there is no grid.
    """
    listed = list(grids)
    if not listed:
        raise DataError("coarsest: no grid given, expected at least one.")
    return min(listed, key=lambda grid: (-round(grid.voxel_volume_mm3, 6), grid.digest))


def nearest_values(
    values: NDArray[Any], grid: Grid, *, to: Grid, fill: float | bool
) -> NDArray[Any]:
    """Return the value of the nearest voxel for each voxel of another grid.

    Parameters
    ----------
    values : numpy.ndarray, shape grid.shape
        Labels, a selection, or measurements.
    grid : Grid
        Where they lie.
    to : Grid
        Where they are wanted.
    fill : float or bool
        What voxels outside of the first grid get.

    Returns
    -------
    numpy.ndarray, shape to.shape
        Same dtype. Of two voxels that are equally near, the one with the higher index is taken.
    """
    index, within = _nearest_index(grid, to=to)
    found = values[index[0], index[1], index[2]]
    return np.where(within, found, values.dtype.type(fill)).reshape(to.shape)


def _nearest_index(
    grid: Grid, *, to: Grid
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.bool_]]:
    """Return the nearest voxel's indices and whether it exists, in shapes that broadcast."""
    steps = _voxel_steps(grid, to=to)
    index, within = [], np.ones((1, 1, 1), dtype=bool)
    for axis, length in enumerate(grid.shape):
        position = _positions(steps[axis], shape=to.shape)
        nearest = np.floor(np.round(position, DECIMALS) + 0.5).astype(np.int64)
        within = within & (nearest >= 0) & (nearest < length)
        index.append(np.clip(nearest, 0, length - 1))
    return tuple(index), np.broadcast_to(within, to.shape)


def _voxel_steps(grid: Grid, *, to: Grid) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from voxel indices of the new grid to those of the old one."""
    steps = np.linalg.inv(grid.affine) @ to.affine
    steps[np.abs(steps) < 1e-9] = 0.0
    return steps


def _positions(row: NDArray[np.float64], *, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return positions along one old axis; axes of the new grid that do not matter stay 1 long."""
    position = np.full((1, 1, 1), row[3])
    for axis, length in enumerate(shape):
        if row[axis]:
            along = [1, 1, 1]
            along[axis] = length
            position = position + (row[axis] * np.arange(length)).reshape(along)
    return position


def _antialias_sigmas(grid: Grid, *, to: Grid) -> tuple[float, ...]:
    """Return the Gaussian along each old axis, in old voxels; 0 where nothing gets coarser."""
    ratio = np.linalg.norm(_voxel_steps(grid, to=to)[:3, :3], axis=1)
    sigmas = SIGMAS_PER_FWHM * np.sqrt(np.maximum(ratio**2 - 1, 0))
    pairs = zip(sigmas, ratio, strict=True)
    return tuple(float(sigma) if step > 1 + 1e-3 else 0.0 for sigma, step in pairs)


def _linear(volume: Volume, *, to: Grid, fill: float, sigmas: Sequence[float]) -> Floats:
    """Interpolate values and weights alike, and divide where half of the weight is measured."""
    zero = volume.values.dtype.type(0)
    measured = np.isfinite(volume.values)
    if not np.isnan(fill):
        measured &= volume.values != fill
    total = _interpolate(np.where(measured, volume.values, zero), volume.grid, to=to, sigmas=sigmas)
    weight = _interpolate(measured.astype(volume.values.dtype), volume.grid, to=to, sigmas=sigmas)
    values = np.full(to.shape, fill, dtype=volume.values.dtype)
    return np.divide(total, weight, out=values, where=weight >= HALF)


def _interpolate(values: Floats, grid: Grid, *, to: Grid, sigmas: Sequence[float]) -> Floats:
    """Return blurred and linearly interpolated values; outside of the grid lies 0."""
    steps = _voxel_steps(grid, to=to)
    blur = kernel_matrices(grid.shape, sigmas=sigmas, dtype=values.dtype)
    if np.count_nonzero(steps[:3, :3] - np.diag(np.diag(steps[:3, :3]))) == 0:
        return apply_along_axes(values, _axis_matrices(steps, blur=blur, to=to))
    blurred = apply_along_axes(values, blur) if any(sigmas) else values
    moved = affine_transform(
        blurred, steps, output_shape=to.shape, order=1, mode="grid-constant", cval=0.0
    )
    return np.asarray(moved, dtype=values.dtype)


def _axis_matrices(steps: NDArray[np.float64], *, blur: Sequence[Floats], to: Grid) -> list[Floats]:
    """Return blur and linear interpolation along each axis as one matrix."""
    matrices = []
    for axis, matrix in enumerate(blur):
        position = steps[axis, 3] + steps[axis, axis] * np.arange(to.shape[axis])
        matrices.append((_hat_matrix(position, length=len(matrix)) @ matrix).astype(matrix.dtype))
    return matrices


def _hat_matrix(position: NDArray[np.float64], *, length: int) -> NDArray[np.float64]:
    """Return linear weights of each old voxel (columns) at each new position (rows)."""
    distance = np.abs(position[:, None] - np.arange(length)[None, :])
    return np.asarray(np.maximum(1 - distance, 0))


def _check_overlap(volume: Volume, values: Floats, *, fill: float) -> None:
    def measures(array: Floats) -> bool:
        return bool((np.isfinite(array) & (array != fill)).any())

    if not measures(values) and measures(volume.values):
        name = f"'{volume.name}'" if volume.name else "the image"
        raise SpaceMismatchError(
            f"resample: no voxel of the new grid lies inside {name}. "
            "Check that both are in the same space."
        )


def _with_step(volume: Volume, *, to: Grid, settings: dict[str, Any]) -> Provenance:
    return volume.provenance.then(
        "resample",
        parameters=settings,
        inputs={"from_grid": volume.grid.digest, "to_grid": to.digest},
    )
