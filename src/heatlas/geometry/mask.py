"""Masks: which voxels are analysed, by coverage of the maps or by an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.validate import check_length
from heatlas.core.volume import Volume
from heatlas.core.words import count, percent
from heatlas.geometry.resample import nearest_values


def coverage_mask(
    values: NDArray[np.floating], *, grid: Grid, minimum: float | None, coverage: float = 1.0
) -> Mask:
    """Return the voxels that enough maps cover.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, grid.size)
        One row per map, voxels in C order.
    grid : Grid
        Where the voxels lie.
    minimum : float or None
        A map covers a voxel where its value is at least this; None: where it is finite.
    coverage : float
        A voxel stays when this share of the maps, above 0 and at most 1, covers it.

    Returns
    -------
    Mask
        The voxels that stay, with the rule in words.

    Raises
    ------
    DataError
        If no voxel stays; the message names the largest coverage of any voxel.
    """
    check_length(values.T, name="voxels", expected=grid.size, per="voxels of the grid")
    n_covering = np.zeros(grid.size, dtype=np.int64)
    for row in values:
        n_covering += covers(row, minimum=minimum)
    return mask_of_counts(
        n_covering, n_maps=len(values), grid=grid, minimum=minimum, coverage=coverage
    )


def covers(values: NDArray[np.floating], *, minimum: float | None) -> NDArray[np.bool_]:
    """Return where one map covers its voxels, in the same shape; NaN never covers."""
    finite: NDArray[np.bool_] = np.isfinite(values)
    return finite if minimum is None else finite & (values >= minimum)


def mask_of_counts(
    n_covering: NDArray[np.integer],
    *,
    n_maps: int,
    grid: Grid,
    minimum: float | None,
    coverage: float = 1.0,
) -> Mask:
    """Return the voxels that enough maps cover, for maps that were counted one at a time.

    Parameters
    ----------
    n_covering : numpy.ndarray of int, shape (grid.size,)
        How many maps cover each voxel (see :func:`covers`).
    n_maps : int
        How many maps were counted.
    grid : Grid
        Where the voxels lie.
    minimum : float or None
        As of :func:`coverage_mask`.
    coverage : float
        As of :func:`coverage_mask`.

    Returns
    -------
    Mask
        The voxels that stay, with the rule in words.

    Raises
    ------
    DataError
        If no voxel stays; the message names the largest coverage of any voxel.
    """
    check_coverage(coverage)
    # The slack keeps 0.1 * 30 from asking for 3.0000000000000004 maps.
    inside = n_covering >= coverage * n_maps - 1e-9
    rule = "finite" if minimum is None else f">= {minimum:g}"
    if not inside.any():
        share = int(n_covering.max()) / n_maps
        raise DataError(
            f"The mask is empty: no voxel is {rule} in {percent(coverage)} of the {n_maps} maps; "
            f"the largest coverage of any voxel is {percent(share, digits=1)}. "
            "Lower the minimum or the coverage."
        )
    words = f"voxels that are {rule} in {_share_words(coverage)} the {count(n_maps, 'map')}"
    return Mask(space=grid, inside=inside, words=words)


def check_coverage(coverage: float) -> None:
    """Raise DataError unless the share is above 0 and at most 1."""
    if not 0 < coverage <= 1:
        raise DataError(f"coverage: {coverage} given, expected a share above 0 and at most 1.")


def mask_from_volume(volume: Volume, *, grid: Grid) -> Mask:
    """Return the mask that a binary image draws.

    Parameters
    ----------
    volume : Volume
        0 (or a value that is not finite) outside, one other value inside.
    grid : Grid
        Grid of the mask; an image on another grid is resampled by nearest neighbour.

    Returns
    -------
    Mask
        The voxels inside, with words that say whether the image was resampled.

    Raises
    ------
    DataError
        If the image is not binary, or selects no voxel of the grid.
    """
    _check_binary(volume)
    resampled = not volume.grid.same_as(grid)
    selected = np.nan_to_num(volume.values, nan=0.0, posinf=0.0, neginf=0.0) != 0
    if resampled:
        selected = nearest_values(selected, volume.grid, to=grid, fill=False)
    name = f"'{volume.name}'" if volume.name else "an image"
    if not selected.any():
        raise DataError(
            f"The mask is empty: {name} selects none of the {grid.size:,} voxels of the grid."
        )
    how = ", resampled by nearest neighbour" if resampled else ""
    return Mask(space=grid, inside=selected, words=f"voxels inside {name}{how}")


def _share_words(coverage: float) -> str:
    return "all of" if coverage == 1 else f"at least {percent(coverage)} of"


def _check_binary(volume: Volume) -> None:
    finite = volume.values[np.isfinite(volume.values)]
    found = finite[finite != 0]
    if found.size and (found != found[0]).any():
        name = f"'{volume.name}'" if volume.name else "the image"
        raise DataError(
            f"mask: {name} is not binary; beside 0 it holds values from {found.min():g} to "
            f"{found.max():g}. Threshold it first, or choose one label."
        )
