"""Recipe of ``heatlas resample``: one image onto another grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.space import Grid
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import unknown
from heatlas.geometry.resample import resample
from heatlas.io.header import ImageHeader
from heatlas.io.nifti import read_header, read_volume, write_volume
from heatlas.io.templates import TEMPLATES, template_volume
from heatlas.study.history import with_history
from heatlas.study.outputs import check_outputs

LARGEST_VOXEL_MM = 100.0
SMALLEST_VOXEL_MM = 0.05
MOST_VOXELS = 2**30
TEMPLATE_MM = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Target(Value):
    """Onto which grid; exactly one of the three.

    Parameters
    ----------
    like : Path, optional
        The grid of this image.
    voxel_size_mm : float, optional
        The image's own box, divided into cubes of this size.
    template : str, optional
        The grid of this template at 2 mm: ``"MNI152"``.
    """

    like: Path | None = None
    voxel_size_mm: float | None = None
    template: str | None = None

    def __post_init__(self) -> None:
        """Check that one target is named, and one only."""
        given = [self.like, self.voxel_size_mm, self.template]
        if sum(choice is not None for choice in given) != 1:
            raise DataError(
                "Say onto which grid, and only one: --like IMAGE, --voxel-size MM or "
                "--template MNI152."
            )


def resample_file(
    source: Path,
    *,
    out: Path,
    target: Target,
    nearest: bool = False,
    volume: int | None = None,
    overwrite: bool = False,
) -> Volume:
    """Resample one image and write the result with its sidecar.

    Parameters
    ----------
    source : Path
        The image.
    out : Path
        The ``.nii.gz`` file to write.
    target : Target
        Onto which grid.
    nearest : bool
        Take the nearest voxel (for labels and masks) instead of linear interpolation.
    volume : int, optional
        Which volume of an image with several.
    overwrite : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Volume
        What was written.

    Raises
    ------
    DataError
        If the image cannot be read, or the result not be written.
    """
    like = [target.like] if target.like is not None else []
    check_outputs([out], inputs=[source, *like], overwrite=overwrite)
    header = read_header(source)
    stored = with_history(read_volume(source, volume=volume), source)
    grid = target_grid(target, header=header)
    background = None if np.isnan(stored.values).any() else 0.0
    moved = resample(
        stored, to=grid, interpolation="nearest" if nearest else "linear", background=background
    )
    _write(out, moved, header=header, keep_type=nearest)
    return moved


def target_grid(target: Target, *, header: ImageHeader) -> Grid:
    """Return the grid that a target names, for an image with this header."""
    if target.like is not None:
        return read_header(target.like).grid
    if target.template is not None:
        if target.template not in TEMPLATES:
            raise UnknownNameError(unknown("template", target.template, known=TEMPLATES))
        return template_volume(target.template, resolution_mm=TEMPLATE_MM).grid
    return cubic_grid(header.grid, voxel_size_mm=float(target.voxel_size_mm or 0))


def cubic_grid(grid: Grid, *, voxel_size_mm: float) -> Grid:
    """Return the grid that fills the same box with cubes.

    Parameters
    ----------
    grid : Grid
        Where the box lies.
    voxel_size_mm : float
        Edge of a cube in mm.

    Returns
    -------
    Grid
        Same axes and same centre; the box grows by less than one cube.

    Raises
    ------
    DataError
        If the size makes no sense, or the grid would have more than 2^30 voxels.
    """
    if not SMALLEST_VOXEL_MM <= voxel_size_mm <= LARGEST_VOXEL_MM:
        raise DataError(
            f"voxel size: {voxel_size_mm:g} mm given, expected {SMALLEST_VOXEL_MM:g} to "
            f"{LARGEST_VOXEL_MM:g}."
        )
    sizes = np.array(grid.voxel_sizes_mm)
    lengths = np.ceil(np.array(grid.shape) * sizes / voxel_size_mm - 1e-3).astype(int)
    if lengths.prod(dtype=float) > MOST_VOXELS:
        raise DataError(
            f"voxel size: {voxel_size_mm:g} mm gives {lengths.prod(dtype=float):,.0f} voxels; "
            "choose larger voxels."
        )
    affine = grid.affine.copy()
    affine[:3, :3] *= voxel_size_mm / sizes
    centre = grid.to_mm((np.array(grid.shape) - 1) / 2)
    affine[:3, 3] = centre - affine[:3, :3] @ ((lengths - 1) / 2)
    x, y, z = lengths.tolist()
    return replace(grid, shape=(x, y, z), affine=affine)


def _write(out: Path, volume: Volume, *, header: ImageHeader, keep_type: bool) -> None:
    """Write labels as whole numbers where the source held such, everything else as float32."""
    whole = keep_type and header.dtype in ("uint8", "int16", "int32") and header.slope == 1
    dtype = header.dtype if whole and header.intercept == 0 else "float32"
    write_volume(out, volume, dtype=dtype)  # type: ignore[arg-type]  # one of the known types
