"""Smoothed files equal the smoothing of their values, wherever they are written."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.geometry.smooth import smooth
from heatlas.io.nifti import read_volume
from heatlas.study.inspect import inspect_file
from heatlas.study.smooth import smooth_files
from tests.phantom import SHAPE, ball
from tests.study.images import signed_map, write_nifti


def test_one_image_goes_to_one_file(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "a.nii.gz", signed_map())
    out = tmp_path / "s.nii.gz"
    assert smooth_files([source], out=out, fwhm_mm=6) == [out]
    wanted = smooth(read_volume(source), fwhm_mm=6).values
    np.testing.assert_array_equal(read_volume(out).values, wanted)
    step = inspect_file(out).steps[-1]
    assert (step.name, step.parameters["fwhm_mm"]) == ("smooth", 6.0)


def test_several_images_go_into_a_folder_under_their_names(tmp_path: Path) -> None:
    sources = [write_nifti(tmp_path / f"sub-{k}" / "gm.nii", signed_map(seed=k)) for k in range(2)]
    written = smooth_files(sources, out=tmp_path / "out", fwhm_mm=6)
    assert written == [tmp_path / "out" / f"sub-{k}" / "gm.nii.gz" for k in range(2)]
    for source, out in zip(sources, written, strict=True):
        wanted = smooth(read_volume(source), fwhm_mm=6).values
        np.testing.assert_array_equal(np.asarray(nib.load(out).dataobj), wanted)


def test_a_mask_keeps_the_average_inside(tmp_path: Path) -> None:
    inside = ball(SHAPE, radius=3)
    values = np.where(inside, 5.0, 100.0).astype(np.float32)
    source = write_nifti(tmp_path / "a.nii.gz", values)
    mask = write_nifti(tmp_path / "m.nii.gz", inside.astype(np.uint8))
    out = tmp_path / "s.nii.gz"
    smooth_files([source], out=out, fwhm_mm=8, inside=mask)
    found = read_volume(out).values
    np.testing.assert_allclose(found[inside], 5, rtol=1e-5)
    assert np.isnan(found[~inside]).all()


def test_all_outputs_are_checked_before_the_first_is_written(tmp_path: Path) -> None:
    sources = [write_nifti(tmp_path / f"{name}.nii.gz", signed_map()) for name in "ab"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.nii.gz").touch()
    with pytest.raises(DataError, match="exists already"):
        smooth_files(sources, out=tmp_path / "out", fwhm_mm=6)
    assert not (tmp_path / "out" / "a.nii.gz").exists()


@pytest.mark.parametrize("fwhm_mm", [-1.0, np.nan])
def test_a_width_that_makes_no_sense_is_refused(tmp_path: Path, fwhm_mm: float) -> None:
    source = write_nifti(tmp_path / "a.nii.gz", signed_map())
    with pytest.raises(DataError, match="fwhm_mm"):
        smooth_files([source], out=tmp_path / "s.nii.gz", fwhm_mm=fwhm_mm)
