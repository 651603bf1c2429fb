"""From a list of maps to one stack: read once, on one grid, inside one mask, losses counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.execute import Executor
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.value import Value
from heatlas.core.words import count, place
from heatlas.geometry.mask import mask_from_volume
from heatlas.io.nifti import read_volume, read_volumes
from heatlas.study.maplist import MapList
from heatlas.study.mask import one_grid
from heatlas.study.outputs import distinct_names

Singles = NDArray[np.float32]
WHOLE_BYTES = 1 << 30  # up to here all maps are held on the whole grid and read only once


@dataclass(frozen=True, kw_only=True, eq=False)
class StackedMaps(Value):
    """Maps that were read.

    Parameters
    ----------
    stack : MapStack
        All maps inside the mask.
    notes : tuple of str
        How they were put together, and what a reader must know about the files.
    """

    stack: MapStack
    notes: tuple[str, ...] = ()


class _File(NamedTuple):
    """One file to be read in one pass, such as a worker can take."""

    path: Path
    volumes: tuple[int, ...] | None


class _Read(NamedTuple):
    """One map on the whole grid."""

    values: Singles
    """shape (grid.size,)"""
    warnings: tuple[str, ...]


def stack_maps(
    maps: MapList, *, mask: Path | None, digests: dict[Path, str], executor: Executor
) -> StackedMaps:
    """Read maps into one stack.

    Parameters
    ----------
    maps : MapList
        Which maps, in the order of the rows.
    mask : Path, optional
        Image of the voxels to analyse. Without it those that are finite in all maps and not 0 in
        every one of them, as outside the brain.
    digests : dict of Path to str
        Digest of each file.
    executor : Executor
        Reads.

    Returns
    -------
    StackedMaps
        The stack, with the table of its rows.

    Raises
    ------
    DataError
        If a file cannot be read, the mask is empty, or a map is not finite inside the mask.
    SpaceMismatchError
        If maps lie on different grids.

    Notes
    -----
    Where a copy of all maps on the whole grid fits into 1 GiB they are read once, otherwise twice
    if the mask comes from the maps.
    """
    files = _files(maps)
    grid = one_grid([file.path for file in files])
    kept: list[_Read] = []
    notes = [maps.words]
    if mask is not None:
        chosen = mask_from_volume(read_volume(mask), grid=grid)
    else:
        keep = len(maps) * grid.size * 4 <= WHOLE_BYTES
        chosen, n_lost, kept = _survey(_read_all(files, executor), grid=grid, keep=keep)
        if n_lost:
            notes.append(f"left out, as finite in some maps only: {count(n_lost, 'voxel')}")
    values, warnings = _cut(iter(kept) if kept else _read_all(files, executor), maps, mask=chosen)
    notes.append(f"mask: {chosen.words}: {count(chosen.size, 'voxel')}")
    return StackedMaps(
        stack=MapStack(
            values=values,
            mask=chosen,
            ids=maps.ids,
            table=maps.table,
            provenance=_provenance(maps, mask=chosen, digests=digests, warnings=warnings),
        ),
        notes=(*notes, *warnings),
    )


def map_names(maps: MapList) -> dict[Path, str]:
    """Return how each file is named in results: never by the folders of a machine."""
    paths = list(dict.fromkeys(maps.paths))
    return dict(zip(paths, distinct_names(paths), strict=True))


def _files(maps: MapList) -> list[_File]:
    """Return one entry per file; a 4-D file is read in one pass."""
    volumes: dict[Path, list[int]] = {}
    for path, volume in zip(maps.paths, maps.volumes, strict=True):
        volumes.setdefault(path, []).extend([] if volume is None else [volume])
    return [_File(path, tuple(wanted) or None) for path, wanted in volumes.items()]


def _read_all(files: list[_File], executor: Executor) -> Iterator[_Read]:
    for read in executor.map(_read_file, files):
        yield from read


def _read_file(file: _File) -> list[_Read]:
    """Return all maps of a file; a top-level function, so that workers can run it."""
    return [
        _Read(volume.values.ravel().astype(np.float32, copy=False), volume.provenance.warnings)
        for volume in read_volumes(file.path, volumes=file.volumes)
    ]


def _survey(maps: Iterator[_Read], *, grid: Grid, keep: bool) -> tuple[Mask, int, list[_Read]]:
    """Return the mask that the maps decide, how many voxels only some cover, and the maps."""
    finite, any_value = np.ones(grid.size, dtype=bool), np.zeros(grid.size, dtype=bool)
    kept: list[_Read] = []
    n = 0
    for read in maps:
        covered = np.isfinite(read.values)
        finite &= covered
        any_value |= covered & (read.values != 0)
        n += 1
        if keep:
            kept.append(read)
    inside = finite & any_value
    words = f"voxels that are finite in all {count(n, 'map')} and not 0 in every one"
    if not inside.any():
        raise DataError(
            "The mask is empty: no voxel is finite in all maps and not 0 in every one of them; "
            "look at the maps with heatlas show, or give a mask with --mask."
        )
    return Mask(space=grid, inside=inside, words=words), int((any_value & ~finite).sum()), kept


def _cut(reads: Iterator[_Read], maps: MapList, *, mask: Mask) -> tuple[Singles, tuple[str, ...]]:
    """Return the maps inside the mask, and the warnings of their files, each once."""
    values = np.empty((len(maps), mask.size), dtype=np.float32)
    warnings: dict[str, None] = {}
    for row, read in enumerate(reads):
        values[row] = read.values[mask.indices]
        warnings.update(dict.fromkeys(read.warnings))
    _check_finite(values, maps, mask=mask)
    return values, tuple(warnings)


def _check_finite(values: Singles, maps: MapList, *, mask: Mask) -> None:
    bad = [row for row, found in enumerate(values) if not np.isfinite(found).all()]
    if not bad:
        return
    first = np.flatnonzero(~np.isfinite(values[bad[0]]))
    where = place(mask.positions_mm()[first[0]])
    others = f", and so {count(len(bad) - 1, 'other map')}" if len(bad) > 1 else ""
    named = maps.ids[bad[0]]
    raise DataError(
        f"Map '{named}' is not finite in {count(len(first), 'voxel')} of the mask (the first at "
        f"{where} mm){others}; leave --mask out, or cut it to where all maps are finite "
        "(heatlas mask MAPS -o FILE)."
    )


def _provenance(
    maps: MapList, *, mask: Mask, digests: dict[Path, str], warnings: tuple[str, ...]
) -> Provenance:
    names = map_names(maps)
    inputs = {
        names[path] if volume is None else f"{names[path]}#{volume}": digests[path]
        for path, volume in zip(maps.paths, maps.volumes, strict=True)
    }
    parameters = {"n_maps": len(maps), "dtype": "float32", "grid": mask.grid.digest}
    return (
        Provenance()
        .then(
            "read", parameters={**parameters, "order": maps.words}, inputs=inputs, warnings=warnings
        )
        .then(
            "mask",
            parameters={"rule": mask.words, "n_voxels": mask.size},
            inputs={"mask": mask.digest},
        )
    )
