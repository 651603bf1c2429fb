"""A small volume is a part of the mask, drawn by an image or by a sphere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.study.small_volume import in_sphere, small_volume
from heatlas.study.spec import VolumeFile, VolumeSphere
from tests.phantom import affine
from tests.study.images import write_nifti

SHAPE = (8, 9, 7)
GRID = Grid(shape=SHAPE, affine=affine(3.0, SHAPE))
MASK = Mask(space=GRID, inside=np.arange(GRID.size) % 2 == 0)


def test_a_sphere_holds_the_voxels_whose_centres_are_near_enough(tmp_path: Path) -> None:
    centre = MASK.positions_mm()[100]
    asked = VolumeSphere(x=centre[0], y=centre[1], z=centre[2], radius_mm=4.5)
    found = small_volume(asked, MASK, base=tmp_path)
    assert found is not None
    distance = np.linalg.norm(MASK.positions_mm() - centre, axis=1)
    np.testing.assert_array_equal(found.within, distance <= 4.5)
    assert found.words.startswith("a sphere of 4.5 mm around (")
    assert found.words.endswith(f"mm ({found.within.sum()} voxels)")


def test_an_image_on_another_grid_selects_voxels_of_the_mask(tmp_path: Path) -> None:
    whole = np.zeros(SHAPE)
    whole[2:5, 3:6, 1:4] = 1
    write_nifti(tmp_path / "roi.nii.gz", whole, matrix=GRID.affine)
    found = small_volume(VolumeFile(mask="roi.nii.gz"), MASK, base=tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found.within, MASK.gather(whole.ravel() > 0))
    assert found.words == f"the voxels of roi.nii.gz ({found.within.sum()} voxels)"
    fine = affine(1.5, (16, 18, 14))
    write_nifti(tmp_path / "fine.nii.gz", np.ones((16, 18, 14)), matrix=fine)
    other = small_volume(VolumeFile(mask="fine.nii.gz"), MASK, base=tmp_path)
    assert other is not None and other.within.mean() > 0.5


def test_nothing_asked_is_the_whole_mask(tmp_path: Path) -> None:
    assert small_volume(None, MASK, base=tmp_path) is None


def test_a_volume_beside_the_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no voxel of the mask lies in a sphere of 2 mm around"):
        small_volume(VolumeSphere(x=900, y=0, z=0, radius_mm=2), MASK, base=tmp_path)
    beside = np.zeros(SHAPE)
    beside[0, 0, 1] = 1  # an odd voxel, which is not in the mask
    write_nifti(tmp_path / "beside.nii.gz", beside, matrix=GRID.affine)
    with pytest.raises(DataError, match="lies in the voxels of beside.nii.gz"):
        small_volume(VolumeFile(mask="beside.nii.gz"), MASK, base=tmp_path)


def test_an_image_of_several_labels_is_refused(tmp_path: Path) -> None:
    write_nifti(tmp_path / "atlas.nii.gz", np.arange(504.0).reshape(SHAPE), matrix=GRID.affine)
    with pytest.raises(DataError, match="is not binary"):
        small_volume(VolumeFile(mask="atlas.nii.gz"), MASK, base=tmp_path)


def test_a_centre_at_the_edge_counts_as_inside() -> None:
    first, second = MASK.positions_mm()[:2]
    radius = float(np.linalg.norm(first - second))
    centre = (float(first[0]), float(first[1]), float(first[2]))
    assert in_sphere(MASK, centre, radius_mm=radius)[1]


def test_an_image_of_nothing_is_named_as_the_small_volume(tmp_path: Path) -> None:
    write_nifti(tmp_path / "nothing.nii.gz", np.zeros(SHAPE), matrix=GRID.affine)
    with pytest.raises(DataError, match="Small volume: The mask is empty: 'nothing' selects none"):
        small_volume(VolumeFile(mask="nothing.nii.gz"), MASK, base=tmp_path)
