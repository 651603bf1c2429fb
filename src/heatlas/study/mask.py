"""Recipe of ``heatlas mask``: the voxels that enough maps cover, as an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.volume import Volume
from heatlas.geometry.mask import check_coverage, covers, mask_of_counts
from heatlas.io.nifti import read_header, read_volume, write_volume
from heatlas.io.source import digest_file
from heatlas.study.outputs import check_outputs, distinct_names


def mask_files(
    sources: Sequence[Path],
    *,
    out: Path,
    minimum: float | None = None,
    coverage: float = 1.0,
    volume: int | None = None,
    overwrite: bool = False,
) -> Mask:
    """Write the mask of the voxels that enough maps cover.

    Parameters
    ----------
    sources : sequence of Path
        Maps on one grid.
    out : Path
        The ``.nii.gz`` file: 1 inside, 0 outside, stored as uint8.
    minimum : float, optional
        A map covers a voxel where its value is at least this; without it, where it is finite.
    coverage : float
        A voxel stays when this share of the maps covers it.
    volume : int, optional
        Which volume of maps with several.
    overwrite : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Mask
        What was written.

    Raises
    ------
    DataError
        If there is no map, a map cannot be read, no voxel stays, or the mask not be written.
    SpaceMismatchError
        If the maps lie on different grids.
    """
    if not sources:
        raise DataError("No map is given; name at least one image.")
    check_coverage(coverage)
    check_outputs([out], inputs=sources, overwrite=overwrite)
    grid = one_grid(sources)
    counts, warnings = _counts(sources, grid=grid, minimum=minimum, volume=volume)
    mask = mask_of_counts(
        counts, n_maps=len(sources), grid=grid, minimum=minimum, coverage=coverage
    )
    names = distinct_names(sources)
    provenance = Provenance().then(
        "mask",
        parameters={
            "minimum": minimum,
            "coverage": coverage,
            "words": mask.words,
            "n_voxels": mask.size,
        },
        inputs={name: digest_file(path) for name, path in zip(names, sources, strict=True)},
        warnings=warnings,
    )
    values = mask.inside.reshape(grid.shape).astype(np.float32)
    written = Volume(values=values, grid=grid, provenance=provenance)
    write_volume(out, written, dtype="uint8", description="mask")
    return mask


def one_grid(sources: Sequence[Path]) -> Grid:
    """Return the grid on which all images lie, or raise SpaceMismatchError with the way out."""
    first = read_header(sources[0]).grid
    for path in sources[1:]:
        grid = read_header(path).grid
        if not grid.same_as(first):
            raise SpaceMismatchError(
                f"{path}: its grid ({grid_words(grid)}) differs from that of {sources[0].name} "
                f"({grid_words(first)}). Bring the maps onto one grid first: heatlas resample "
                f"{path.name} --like {sources[0].name} -o OUT."
            )
    return first


def grid_words(grid: Grid) -> str:
    """Return ``91 x 109 x 91 voxels of 2 x 2 x 2 mm``."""
    shape = " x ".join(str(length) for length in grid.shape)
    sizes = " x ".join(f"{size:.4g}" for size in grid.voxel_sizes_mm)
    return f"{shape} voxels of {sizes} mm"


def _counts(
    sources: Sequence[Path], *, grid: Grid, minimum: float | None, volume: int | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return how many maps cover each voxel, one map in memory at a time, and all warnings."""
    total = np.zeros(grid.size, dtype=np.int64)
    warnings: dict[str, None] = {}
    for path in sources:
        read = read_volume(path, volume=volume)
        total += covers(read.values.ravel(), minimum=minimum)
        warnings.update(dict.fromkeys(read.provenance.warnings))
    return total, tuple(warnings)
