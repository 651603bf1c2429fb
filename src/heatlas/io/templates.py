"""Templates that come with nilearn: the MNI ICBM152 2009a symmetric brain, without a download."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, MissingExtraError
from heatlas.core.registry import Registry
from heatlas.core.space import Grid, Mask
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.io.nifti import read_volume

# The share of the brightest voxel above which nilearn counts a voxel as brain.
BRAIN_SHARE = 0.2
COARSEST_MM = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Template(Value):
    """A template that is installed with nilearn.

    Parameters
    ----------
    title : str
        Its full name, for captions.
    space : str
        Its name in BIDS, for grids.
    file : str
        File name in nilearn's data folder, 1 mm, skull-stripped.
    citation : str
        What to cite.
    """

    title: str
    space: str
    file: str
    citation: str


_MNI_2009A = Template(
    title="MNI ICBM152 2009a nonlinear symmetric, T1",
    space="MNI152NLin2009aSym",
    file="mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
    citation="Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033",
)
TEMPLATES: Registry[Template] = Registry(
    "template", {"MNI152": _MNI_2009A, _MNI_2009A.space: _MNI_2009A}
)


def template_volume(name: str = "MNI152", *, resolution_mm: int = 2) -> Volume:
    """Return a template's brain, 0 around it.

    Parameters
    ----------
    name : str
        ``"MNI152"``.
    resolution_mm : int
        Voxel size, 1 to 8; 1 is the template as it is stored.

    Returns
    -------
    Volume
        Brightness from 0 to 1. Coarser voxels lie on every second (third ...) stored voxel, as
        nilearn places them, and are triangular means around it.

    Raises
    ------
    UnknownNameError
        If there is no such template.
    DataError
        If the voxel size is not served.
    MissingExtraError
        If nilearn is not installed with its data.

    References
    ----------
    Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033.
    """
    template = TEMPLATES[name]
    stored = _stored(template)
    step = _step(resolution_mm)
    brain = _thin(stored.values, step)
    brain[~_is_brain(stored, step)] = 0
    return replace(
        stored,
        values=brain,
        grid=_coarser(stored.grid, step),
        provenance=stored.provenance.then(
            "template", parameters={"name": template.title, "resolution_mm": resolution_mm}
        ),
    )


def template_brain_mask(name: str = "MNI152", *, resolution_mm: int = 2) -> Mask:
    """Return the brain of a template as a mask.

    Parameters
    ----------
    name : str
        ``"MNI152"``.
    resolution_mm : int
        Voxel size, 1 to 8.

    Returns
    -------
    Mask
        Voxels brighter than a fifth of the brightest one, as nilearn takes them.

    Raises
    ------
    UnknownNameError
        If there is no such template.
    DataError
        If the voxel size is not served.
    MissingExtraError
        If nilearn is not installed with its data.
    """
    stored = _stored(TEMPLATES[name])
    step = _step(resolution_mm)
    return Mask(
        space=_coarser(stored.grid, step),
        inside=_is_brain(stored, step),
        words=f"the brain of the template {stored.name}",
    )


def template_file(name: str = "MNI152") -> Path:
    """Return where a template is installed; nilearn itself, slow to import, is not loaded."""
    spec = find_spec("nilearn")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = [Path(folder) / "datasets" / "data" / TEMPLATES[name].file for folder in folders]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise MissingExtraError("The template comes with nilearn, which is not installed whole; "
                                "install it again: pip install 'nilearn>=0.14.1'.")  # fmt: skip
    return found


def _stored(template: Template) -> Volume:
    """Return the template at 1 mm with its brightest voxel at 1."""
    volume = read_volume(template_file(template.space))
    return replace(
        volume,
        values=volume.values / volume.values.max(),
        grid=replace(volume.grid, template=template.space, unit="mm"),
        stored_step=None,
        name=template.space,
    )


def _step(resolution_mm: int) -> int:
    if resolution_mm != int(resolution_mm) or not 1 <= resolution_mm <= COARSEST_MM:
        raise DataError(f"template: a voxel size of {resolution_mm} mm is not served; choose a "
                        f"whole number from 1 to {COARSEST_MM}, or resample.")  # fmt: skip
    return int(resolution_mm)


def _is_brain(stored: Volume, step: int) -> NDArray[np.bool_]:
    return stored.values[_every(step)] > BRAIN_SHARE


def _every(step: int) -> tuple[slice, slice, slice]:
    return slice(None, None, step), slice(None, None, step), slice(None, None, step)


def _coarser(grid: Grid, step: int) -> Grid:
    """Return the grid of every nth voxel, the first one kept."""
    affine = grid.affine @ np.diag([step, step, step, 1.0])
    x, y, z = (-(-length // step) for length in grid.shape)
    return replace(grid, shape=(x, y, z), affine=affine)


def _thin(values: NDArray[np.floating], step: int) -> NDArray[np.floating]:
    """Return triangular means around every nth voxel along all axes."""
    for axis in range(3):
        values = _thin_axis(np.moveaxis(values, axis, 0), step)
        values = np.moveaxis(values, 0, axis)
    return np.array(values, order="C")


def _thin_axis(values: NDArray[np.floating], step: int) -> NDArray[np.floating]:
    edge = np.zeros((step - 1, *values.shape[1:]), dtype=values.dtype)
    padded = np.concatenate([edge, values, edge])
    last = len(values)
    total = np.zeros((-(-last // step), *values.shape[1:]), dtype=values.dtype)
    for offset in range(1 - step, step):
        weight = (step - abs(offset)) / step**2
        start = step - 1 + offset
        total += np.float32(weight) * padded[start : start + last : step]
    return total
