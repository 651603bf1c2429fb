"""Recipe of ``heatlas smooth``: images smoothed by a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from heatlas.core.space import Grid, Mask
from heatlas.geometry.mask import mask_from_volume
from heatlas.geometry.smooth import check_fwhm, smooth
from heatlas.io.nifti import read_volume, write_volume
from heatlas.study.history import with_history
from heatlas.study.outputs import check_outputs, outputs_for


def smooth_files(
    sources: Sequence[Path],
    *,
    out: Path,
    fwhm_mm: float,
    inside: Path | None = None,
    volume: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Smooth images and write each with its sidecar.

    Parameters
    ----------
    sources : sequence of Path
        The images.
    out : Path
        A ``.nii.gz`` file for one image, else a folder that gets files of the images' names.
    fwhm_mm : float
        Full width at half maximum of the Gaussian in mm.
    inside : Path, optional
        Average within this mask only.
    volume : int, optional
        Which volume of images with several.
    overwrite : bool
        Whether files of those names may be replaced.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    DataError
        If an image cannot be read, or a result not be written.
    """
    check_fwhm(fwhm_mm)
    outs = outputs_for(sources, out=out)
    masks = [inside] if inside is not None else []
    check_outputs(outs, inputs=[*sources, *masks], overwrite=overwrite)
    for source, target in zip(sources, outs, strict=True):
        stored = with_history(read_volume(source, volume=volume), source)
        mask = None if inside is None else _mask(inside, grid=stored.grid)
        write_volume(target, smooth(stored, fwhm_mm=fwhm_mm, inside=mask))
    return outs


def _mask(path: Path, *, grid: Grid) -> Mask:
    return mask_from_volume(read_volume(path), grid=grid)
