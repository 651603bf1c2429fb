"""The mask on disk holds the voxels that enough maps cover, and says so."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.study.inspect import inspect_file
from heatlas.study.mask import mask_files
from tests.phantom import SHAPE
from tests.study.images import signed_map, write_nifti


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    """Two maps: 1 everywhere, and 1 in the front half."""
    front = np.zeros(SHAPE, np.float32)
    front[:, 7:] = 1
    return [
        write_nifti(tmp_path / "whole.nii.gz", np.ones(SHAPE, np.float32)),
        write_nifti(tmp_path / "front.nii.gz", front),
    ]


def test_all_maps_must_cover_a_voxel_by_default(tmp_path: Path, maps: list[Path]) -> None:
    out = tmp_path / "mask.nii.gz"
    mask = mask_files(maps, out=out, minimum=0.5)
    stored = nib.load(out)
    assert stored.get_data_dtype() == np.uint8
    values = np.asarray(stored.dataobj)
    assert values[:, 7:].all()
    assert not values[:, :7].any()
    assert mask.size == values.sum()


def test_half_of_the_maps_may_be_enough(tmp_path: Path, maps: list[Path]) -> None:
    mask = mask_files(maps, out=tmp_path / "mask.nii.gz", minimum=0.5, coverage=0.5)
    assert mask.size == np.prod(SHAPE)


def test_provenance_names_rule_and_inputs(tmp_path: Path, maps: list[Path]) -> None:
    mask_files(maps, out=tmp_path / "mask.nii.gz", minimum=0.5)
    step = inspect_file(tmp_path / "mask.nii.gz").steps[-1]
    assert step.parameters["words"] == "voxels that are >= 0.5 in all of the 2 maps"
    assert sorted(step.inputs) == ["front", "whole"]


def test_an_empty_mask_writes_nothing(tmp_path: Path, maps: list[Path]) -> None:
    with pytest.raises(DataError, match="The mask is empty"):
        mask_files(maps, out=tmp_path / "mask.nii.gz", minimum=2)
    assert not (tmp_path / "mask.nii.gz").exists()
    assert not (tmp_path / "mask.json").exists()


def test_maps_on_two_grids_are_refused_with_the_way_out(tmp_path: Path, maps: list[Path]) -> None:
    other = write_nifti(tmp_path / "other.nii.gz", np.ones((5, 5, 5), np.float32))
    with pytest.raises(SpaceMismatchError, match="heatlas resample other.nii.gz --like"):
        mask_files([*maps, other], out=tmp_path / "mask.nii.gz")


@pytest.mark.parametrize("coverage", [0.0, 1.5, np.nan])
def test_a_share_that_makes_no_sense_is_refused(
    tmp_path: Path, maps: list[Path], coverage: float
) -> None:
    with pytest.raises(DataError, match="coverage"):
        mask_files(maps, out=tmp_path / "mask.nii.gz", coverage=coverage)


def test_no_map_is_no_mask(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No map is given"):
        mask_files([], out=tmp_path / "mask.nii.gz")


def test_one_volume_of_each_map_counts(tmp_path: Path) -> None:
    values = np.stack([signed_map(), np.ones(SHAPE, np.float32)], axis=-1)
    path = write_nifti(tmp_path / "two.nii.gz", values)
    mask = mask_files([path], out=tmp_path / "mask.nii.gz", minimum=0.5, volume=1)
    assert mask.size == np.prod(SHAPE)
