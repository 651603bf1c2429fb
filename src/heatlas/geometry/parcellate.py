"""Means of maps over the regions of an atlas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import Column, Table
from heatlas.core.volume import Volume
from heatlas.core.words import count, join
from heatlas.geometry.resample import nearest_values

ID_COLUMN = "id"


class LabelMeans(NamedTuple):
    """Means of one map within the labels of an atlas; every array has shape (regions,)."""

    mean: NDArray[np.float64]
    """NaN where a region has no finite voxel"""
    n: NDArray[np.int64]
    """finite voxels"""
    n_left_out: NDArray[np.int64]
    """voxels without a finite value"""


class _Means(NamedTuple):
    """Region means of some maps: shape (maps, regions) all."""

    names: tuple[str, ...]
    means: NDArray[np.float64]
    n_voxels: NDArray[np.int64]
    n_left_out: NDArray[np.int64]
    was_resampled: bool
    measure: str
    unit: str


def region_means(maps: MapStack | Volume | Iterable[Volume], atlas: Atlas) -> Table:
    """Return the mean of each map over each region.

    Parameters
    ----------
    maps : MapStack, Volume or iterable of Volume
        A stack counts the elements of its mask only; a volume all of its finite voxels, zeros
        included. Of an iterable one volume at a time is held.
    atlas : Atlas
        The regions. Labels are taken from the nearest voxel where the grids differ.

    Returns
    -------
    Table
        One row per map (column ``id``), one column per region that the atlas holds, in the
        order of its labels; NaN where a region has no voxel. The descriptions say over how many
        voxels each mean was taken, and the caption whether labels were resampled.

    Raises
    ------
    DataError
        If there is no map, or no region holds any voxel of the maps.
    """
    found = _of_stack(maps, atlas) if isinstance(maps, MapStack) else _of_volumes(maps, atlas)
    if not found.n_voxels.any():
        raise DataError(
            f"region means: no voxel of the maps lies in a region of {atlas.name}. "
            "Check that both are in the same space."
        )
    names = _column_names(atlas)
    columns = [Column(name=ID_COLUMN, values=found.names, description="The map.")]
    for k, name in enumerate(names):
        said = _description(atlas.regions[k], k, found=found)
        means = found.means[:, k].copy()
        columns.append(Column(name=name, values=means, unit=found.unit, description=said))
    how = "labels from the nearest voxel" if found.was_resampled else "on the maps' own grid"
    caption = f"Mean of {found.measure} per region of {atlas.name}, {how}."
    return Table(columns=tuple(columns), caption=caption)


def region_mask(atlas: Atlas, regions: Sequence[str], *, grid: Grid) -> Mask:
    """Return the voxels of one or several regions.

    Parameters
    ----------
    atlas : Atlas
        The regions.
    regions : sequence of str
        Names as in ``atlas.regions``.
    grid : Grid
        Grid of the mask; labels are taken from the nearest voxel where it differs.

    Returns
    -------
    Mask
        The voxels, with the regions in words.

    Raises
    ------
    DataError
        If the atlas lacks a region, or the regions hold no voxel of the grid.
    """
    lacking = [name for name in regions if name not in atlas.regions]
    if lacking:
        raise DataError(f"{atlas.name} has no region {join(lacking, last='or')}.")
    wanted = [label for label, name in zip(atlas.present, atlas.regions, strict=True)
              if name in regions]  # fmt: skip
    inside = np.isin(labels_on(atlas, grid=grid), wanted)
    if not inside.any():
        raise DataError(f"{join(regions)} of {atlas.name} holds no voxel of the grid.")
    return Mask(space=grid, inside=inside, words=f"{join(regions)} ({atlas.name})")


def labels_on(atlas: Atlas, *, grid: Grid) -> NDArray[np.int32]:
    """Return the label of each voxel of a grid, from the nearest voxel of the atlas.

    Parameters
    ----------
    atlas : Atlas
        The regions.
    grid : Grid
        Where labels are wanted.

    Returns
    -------
    numpy.ndarray of int32, shape grid.shape
        Labels; 0 outside of every region.
    """
    if atlas.grid.same_as(grid):
        return atlas.labels
    return nearest_values(atlas.labels, atlas.grid, to=grid, fill=0)


def label_means(
    values: NDArray[np.floating], *, labels: NDArray[np.int32], atlas: Atlas
) -> LabelMeans:
    """Return the mean of a map over the finite voxels of each region.

    Parameters
    ----------
    values : numpy.ndarray
        The map.
    labels : numpy.ndarray of int32, same shape
        The region of each voxel, as :func:`labels_on` gives it.
    atlas : Atlas
        Whose labels they are.

    Returns
    -------
    LabelMeans
        In the order of ``atlas.present``.
    """
    n_regions = len(atlas.present)
    values, labels = values.ravel(), labels.ravel()
    region = np.searchsorted(atlas.present, labels)
    region[labels == 0] = n_regions
    finite = np.isfinite(values)
    n_all = np.bincount(region, minlength=n_regions + 1)[:n_regions]
    kept = region[finite]
    n = np.bincount(kept, minlength=n_regions + 1)[:n_regions]
    total = np.bincount(kept, weights=values[finite], minlength=n_regions + 1)[:n_regions]
    mean = np.divide(total, n, out=np.full(n_regions, np.nan), where=n > 0)
    return LabelMeans(mean, n, n_all - n)


def region_names(atlas: Atlas) -> tuple[str, ...]:
    """Return a name for each region that the image holds; repeated ones get their label.

    Parameters
    ----------
    atlas : Atlas
        The regions.

    Returns
    -------
    tuple of str
        Unique, in the order of ``atlas.present``.
    """
    regions = atlas.regions
    return tuple(
        f"{name} (label {label})" if regions.count(name) > 1 else name
        for label, name in zip(atlas.present, regions, strict=True)
    )


def parcels_of(atlas: Atlas) -> Parcels:
    """Return the regions that an atlas holds, each at the mean position of its voxels.

    Parameters
    ----------
    atlas : Atlas
        The regions.

    Returns
    -------
    Parcels
        Named as by :func:`region_names`, in the order of ``atlas.present``.

    Notes
    -----
    The centre of a bent region may lie outside of it.
    """
    voxels = np.argwhere(atlas.labels != 0)
    region = np.searchsorted(atlas.present, atlas.labels[tuple(voxels.T)])
    n = np.bincount(region)
    middle = np.stack([np.bincount(region, voxels[:, axis]) / n for axis in range(3)], axis=1)
    return Parcels(names=region_names(atlas), centres_mm=atlas.grid.to_mm(middle))


def _of_stack(stack: MapStack, atlas: Atlas) -> _Means:
    space = stack.mask.space
    if isinstance(space, Grid):
        labels = stack.mask.gather(labels_on(atlas, grid=space))
        was_resampled = not atlas.grid.same_as(space)
    else:
        labels, was_resampled = atlas.labels_at(stack.mask.positions_mm()), True
    means, n_voxels, n_left_out = zip(
        *(label_means(row, labels=labels, atlas=atlas) for row in stack.values), strict=True
    )
    return _Means(
        stack.ids, np.stack(means), np.stack(n_voxels), np.stack(n_left_out),
        was_resampled, stack.measure, stack.unit,
    )  # fmt: skip


def _of_volumes(maps: Volume | Iterable[Volume], atlas: Atlas) -> _Means:
    volumes = [maps] if isinstance(maps, Volume) else maps
    by_grid: dict[str, NDArray[np.int32]] = {}
    parts, names, was_resampled = [], [], False
    for volume in volumes:
        digest = volume.grid.digest
        if digest not in by_grid:
            by_grid[digest] = labels_on(atlas, grid=volume.grid)
        parts.append(label_means(volume.values, labels=by_grid[digest], atlas=atlas))
        names.append(volume.name or f"map {len(parts)}")
        was_resampled |= not atlas.grid.same_as(volume.grid)
    if not parts:
        raise DataError("region means: no map given.")
    means, n_voxels, n_left_out = zip(*parts, strict=True)
    return _Means(
        tuple(names), np.stack(means), np.stack(n_voxels), np.stack(n_left_out),
        was_resampled, "value", "",
    )  # fmt: skip


def _description(region: str, k: int, *, found: _Means) -> str:
    smallest, largest = int(found.n_voxels[:, k].min()), int(found.n_voxels[:, k].max())
    over = count(largest, "voxel")
    if smallest != largest:
        over = f"{smallest:,} to {over}, depending on the map"
    text = f"Mean of {found.measure} in {region} over {over}"
    left_out = int(found.n_left_out[:, k].max())
    if left_out:
        text += f"; up to {count(left_out, 'voxel')} without a finite value left out in a map"
    return text + "."


def _column_names(atlas: Atlas) -> list[str]:
    """Return names of columns: those of the regions, apart from that of the ids."""
    return [
        f"{name} (label {label})" if name == ID_COLUMN else name
        for label, name in zip(atlas.present, region_names(atlas), strict=True)
    ]
