"""Which anatomy lies beneath a map, and how that was decided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import percent
from heatlas.io.nifti import read_volume
from heatlas.io.templates import TEMPLATES, template_brain_mask, template_volume
from heatlas.show.window import WindowedVolume

DECIDE = "decide"
NONE = "none"
TEMPLATE = "MNI152"
COARSE_MM = 4
MARGIN_VOXELS = 3  # of 4 mm: smoothed maps reach beyond the brain
SHARE_INSIDE = 0.97
MOST_OBLIQUE = 0.01  # a scan in its own space is nearly always tilted more
# Lowest and highest voxel centres (mm) of boxes that MNI images come in: FSL's, SPM's with two
# lower edges, ICBM 2009c and ICBM 2009a.
MNI_BOXES = (
    ((-90, -126, -72), (90, 90, 108)),
    ((-78, -112, -50), (78, 76, 85)),
    ((-78, -112, -70), (78, 76, 85)),
    ((-96, -132, -78), (96, 96, 114)),
    ((-98, -134, -72), (98, 98, 116)),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Background(Value):
    """Anatomy beneath a map.

    Parameters
    ----------
    volume : Volume, WindowedVolume or None
        The image, or one between stated limits; None draws the shape of the map in grey.
    words : str
        Which one, and why.
    """

    volume: Volume | WindowedVolume | None
    words: str

    @property
    def sentence(self) -> str:
        """What a reader of the figure must know about it, empty where there is none."""
        return "" if self.volume is None else f"Beneath: {self.words}."


def choose_background(mask: Mask, *, template: str | Path | WindowedVolume = DECIDE) -> Background:
    """Return the anatomy for a map.

    Parameters
    ----------
    mask : Mask
        Where the map lies.
    template : str, Path or WindowedVolume
        ``"MNI152"``, ``"none"``, an image file, an image with its window, or ``"decide"``: the
        template where the map's
        header names it, or its box or its place say so, else none.

    Returns
    -------
    Background
        The image and the reason, which goes to provenance.

    Raises
    ------
    DataError
        If the template is neither known nor a file.
    """
    if isinstance(template, WindowedVolume):
        return Background(volume=template, words=template.volume.name or "the windowed image")
    if template == NONE:
        return Background(volume=None, words="none, as asked")
    if str(template) in TEMPLATES:
        return _template(str(template), "as asked")
    if template != DECIDE:
        return _image(Path(template))
    reason = mni_reason(mask)
    if reason:
        return _template(TEMPLATE, reason)
    return Background(volume=None, words="none: nothing says that the map lies in MNI space")


def mni_reason(mask: Mask) -> str:
    """Return why a map is taken to lie in MNI space, ``""`` where nothing says so."""
    grid = mask.grid
    if (grid.template or "").startswith("MNI"):
        return "MNI by the file's header"
    if grid.template is not None or grid.unit != "mm" or _is_oblique(grid):
        return ""
    if _has_mni_box(grid):
        return "assumed: the box of the image is one of MNI images"
    if mask.size == grid.size:
        return ""  # a box full of values has no shape that could fit a brain
    share = _share_in_brain(mask)
    if share >= SHARE_INSIDE:
        return f"assumed: {percent(np.floor(100 * share) / 100)} of the map lies within its brain"
    return ""


def _template(name: str, reason: str) -> Background:
    return Background(volume=template_volume(name), words=f"{TEMPLATES[name].title} ({reason})")


def _image(path: Path) -> Background:
    if not path.exists() and path.suffix == "":
        raise DataError(
            f"template: '{path}' is neither {', '.join(TEMPLATES)} nor 'none' nor an image file."
        )
    volume = read_volume(path)
    return Background(volume=volume, words=f"{volume.name} (as asked)")


def _is_oblique(grid: Grid) -> bool:
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    return bool(np.abs(axes - np.eye(3)).max() > MOST_OBLIQUE)


def _has_mni_box(grid: Grid) -> bool:
    """Say whether the outermost voxel centres lie within a voxel of those of a known box."""
    low, high = grid.to_mm(np.array([(0, 0, 0), grid.shape]) - [[0], [1]])
    reach = max(grid.voxel_sizes_mm)
    return any(
        max(np.abs(low - box[0]).max(), np.abs(high - box[1]).max()) < reach for box in MNI_BOXES
    )


def _share_in_brain(mask: Mask) -> float:
    """Return which share of the map lies in the template's brain or close to it."""
    brain = template_brain_mask(TEMPLATE, resolution_mm=COARSE_MM)
    wide = ndimage.binary_dilation(brain.inside.reshape(brain.grid.shape), iterations=MARGIN_VOXELS)
    voxels = np.rint(brain.grid.to_voxels(mask.positions_mm())).astype(np.int64)
    within = ((voxels >= 0) & (voxels < brain.grid.shape)).all(axis=1)
    return float(wide[tuple(voxels[within].T)].sum() / mask.size)
