"""A part of the mask that was chosen before the data were seen: by an image or by a sphere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.space import Mask
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count, place
from heatlas.geometry.mask import mask_from_volume
from heatlas.io.nifti import read_volume
from heatlas.study.cohort import shown_name
from heatlas.study.spec import VolumeFile, VolumeSphere


@dataclass(frozen=True, kw_only=True, eq=False)
class SmallVolume(Value):
    """Where evidence is judged, while the whole mask is shown.

    Parameters
    ----------
    within : array_like of bool, shape (mask.size,)
        The elements that are judged.
    words : str
        The volume, for captions.
    """

    within: NDArray[np.bool_]
    words: str

    def __post_init__(self) -> None:
        """Take ownership of the selection."""
        within = own_array(self.within, name="small volume", dtype=bool, ndim=1)
        set_field(self, "within", to=within)


def small_volume(
    asked: VolumeFile | VolumeSphere | None, mask: Mask, *, base: Path
) -> SmallVolume | None:
    """Return the elements of a small volume, None where the study asks for none.

    Parameters
    ----------
    asked : VolumeFile or VolumeSphere, optional
        The settings.
    mask : Mask
        The elements that are analysed.
    base : Path
        Folder of the study file.

    Returns
    -------
    SmallVolume or None
        Elements of the mask in the volume, and the volume in words.

    Raises
    ------
    DataError
        If the image cannot be used, or no element of the mask lies in the volume.
    """
    if asked is None:
        return None
    if isinstance(asked, VolumeSphere):
        centre = (asked.x, asked.y, asked.z)
        within = in_sphere(mask, centre, radius_mm=asked.radius_mm)
        words = f"a sphere of {asked.radius_mm:g} mm around {place(centre)} mm"
    else:
        try:
            whole = mask_from_volume(read_volume(base / asked.mask), grid=mask.grid)
        except DataError as error:
            raise DataError(f"Small volume: {error}") from error
        within, words = mask.gather(whole.inside), f"the voxels of {shown_name(asked.mask)}"
    if not within.any():
        raise DataError(
            f"Small volume: no voxel of the mask lies in {words}, so there is nothing to judge."
        )
    return SmallVolume(within=within, words=f"{words} ({count(int(within.sum()), 'voxel')})")


def in_sphere(
    mask: Mask, centre: tuple[float, float, float], *, radius_mm: float
) -> NDArray[np.bool_]:
    """Return which elements of a mask have their centre in a sphere, shape (mask.size,)."""
    distance = np.linalg.norm(mask.positions_mm() - np.array(centre), axis=1)
    return np.asarray(distance <= radius_mm)
