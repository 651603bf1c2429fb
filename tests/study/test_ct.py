"""A CT scan is read from DICOM, NIfTI or pictures, with its unit known or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.heatmap import heat_map_of
from heatlas.core.window import Window
from heatlas.geometry.slicestack import even_runs, part_of, sheared_volume
from heatlas.show.compile import compile_scene
from heatlas.show.view import View
from heatlas.study.ct import ct_backdrop, default_windows, read_ct
from heatlas.study.mapfile import stat_map_of
from tests.dicoms import SECRETS, head_pixels, write, write_series

PIXELS = head_pixels(6)


def nifti(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """A NIfTI image."""
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


# -------------------------------------------------------------------------------- DICOM


def test_an_even_series_is_a_volume_without_interpolation(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS))
    assert scan.unit == "HU"
    assert scan.hounsfield.is_hu
    assert np.array_equal(np.sort(scan.volume.values.ravel()), np.sort(PIXELS.ravel()))
    assert scan.volume.provenance.steps[-1].name == "slices to volume"
    assert dict(scan.facts)["Gantry tilt"] == "none"
    assert dict(scan.facts)["Spacing"] == "2.000 mm throughout"


def test_a_tilted_series_has_shear_in_its_affine(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, orientation=(1, 0, 0, 0, 0.8, -0.6)))
    affine = scan.volume.grid.affine
    assert np.allclose(affine[:3, 2], (0, 0, 2))
    assert abs(affine[2, 1]) == pytest.approx(0.6)
    assert dict(scan.facts)["Gantry tilt"] == "36.9 degrees"


def test_an_uneven_series_is_resampled_and_said(tmp_path: Path) -> None:
    for k, image in enumerate(PIXELS):
        write(tmp_path / f"{k}.dcm", image, position=(0, 0, 2 * k + (1 if k > 3 else 0)))
    scan = read_ct(tmp_path)
    assert scan.volume.provenance.steps[-1].name == "resample slices to an upright grid"
    assert any("spacing of the slices varies: 2 evenly spaced runs" in n for n in scan.notes)
    assert len(scan.slices) == 6


def test_a_regular_grid_comes_on_request(tmp_path: Path) -> None:
    folder = write_series(tmp_path, PIXELS, orientation=(1, 0, 0, 0, 0.8, -0.6))
    upright = read_ct(folder, upright=True).volume.grid.affine[:3, :3]
    assert np.array_equal(upright, np.diag(np.diag(upright)))
    cubes = read_ct(folder, voxel_size_mm=1.5).volume.grid
    assert cubes.voxel_sizes_mm == (1.5, 1.5, 1.5)


def test_files_that_say_hu_and_hold_something_else_are_told(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, RescaleIntercept=1024))
    assert scan.unit == "HU"
    assert any(note.startswith("The files say HU, but: This is not HU") for note in scan.notes)


def test_a_series_that_is_not_hu_has_no_windows_unless_the_user_says_so(tmp_path: Path) -> None:
    folder = write_series(tmp_path, PIXELS, RescaleType="US", WindowCenter=40, WindowWidth=90)
    scan = read_ct(folder)
    assert scan.unit == ""
    with pytest.raises(DataError, match="so windows make no sense; say --unit hu"):
        scan.windows_named(["brain"])
    assert default_windows(scan)[0] == scan.windows
    stated = read_ct(folder, unit="hu")
    assert stated.windows_named(["brain"])[0].name == "brain"
    assert any("because you said so" in note for note in stated.notes)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("HEAD", ["brain", "subdural", "bone"]),
        ("CHEST", ["lung", "mediastinum", "bone"]),
        ("ABDOMENPELVIS", ["abdomen", "liver", "bone"]),
        (None, ["brain", "subdural", "bone"]),
    ],
)
def test_windows_suit_what_was_examined(tmp_path: Path, part: str | None, names: list[str]) -> None:
    extra = {} if part is None else {"BodyPartExamined": part}
    windows, reason = default_windows(read_ct(write_series(tmp_path, PIXELS, **extra)))
    assert [window.name for window in windows] == names
    assert reason


def test_a_wide_body_with_lung_is_a_chest(tmp_path: Path) -> None:
    body = np.full((3, 40, 80), -1000, dtype=np.int16)
    body[:, 5:35, 5:75] = 50
    body[:, 10:30, 15:35] = -850
    scan = read_ct(write_series(tmp_path / "a", body, spacing=(5, 5)))
    assert [window.name for window in default_windows(scan)[0]] == ["lung", "mediastinum", "bone"]
    body[:, 10:30, 15:35] = 60
    scan = read_ct(write_series(tmp_path / "b", body, spacing=(5, 5)))
    assert [window.name for window in default_windows(scan)[0]] == ["abdomen", "liver", "bone"]


def test_one_slice_is_a_scan_too(tmp_path: Path) -> None:
    scan = read_ct(write(tmp_path / "a.dcm", PIXELS[0]))
    assert scan.volume.values.shape == (48, 48, 1)
    assert scan.notes[0].startswith("One slice only")


# -------------------------------------------------------------------------------- NIfTI, pictures


def test_an_image_in_hu_passes_the_check_and_loses_its_name(tmp_path: Path) -> None:
    scan = read_ct(nifti(tmp_path / "Doe_John.nii.gz", PIXELS.transpose(2, 1, 0)))
    assert scan.unit == "HU"
    kept = str([scan.volume.provenance.to_json(), scan.volume.name, scan.facts, scan.notes])
    assert "Doe" not in kept


def test_an_image_that_is_not_hu_needs_the_users_word(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", (PIXELS + 1024).transpose(2, 1, 0))
    scan = read_ct(path)
    assert scan.unit == ""
    assert default_windows(scan)[0][0].name == "range of the values"
    assert read_ct(path, unit="hu").is_hu


def test_the_surround_of_a_stripped_head_is_not_scanned(real_data: Path) -> None:
    scan = read_ct(real_data / "ct" / "nifti" / "scct_stripped_hu.nii.gz")
    assert scan.is_hu
    assert np.isnan(scan.volume.values[0, 0, 0])
    assert any("surround the image with the constant 0" in note for note in scan.notes)


def test_colours_in_a_nifti_are_one_sentence(real_data: Path) -> None:
    with pytest.raises(DataError, match="RGB colours, which are no measurements") as caught:
        read_ct(real_data / "ct" / "nifti" / "ct_perfusion.nii.gz")
    assert str(caught.value).count("\n") == 0


def test_pictures_have_the_meaning_that_is_stated(tmp_path: Path) -> None:
    grey = np.clip((PIXELS + 1000) / 8, 0, 255).astype(np.uint8)
    for k, image in enumerate(grey):
        Image.fromarray(image).save(tmp_path / f"{k}.png")
    plain = read_ct(tmp_path)
    assert plain.unit == ""
    assert any("no stated meaning" in note for note in plain.notes)
    meant = read_ct(tmp_path, intensity="hu 0..255 = -1000..1040")
    assert meant.is_hu
    assert meant.hounsfield.is_hu
    assert len(meant.slices) == 6
    with pytest.raises(DataError, match="say what they mean"):
        read_ct(tmp_path, unit="hu")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"intensity": "hu 0..1 = 0..1"}, "--intensity is for pictures only"),
        ({"voxel_size_mm": -1}, "expected a size above 0"),
        ({"unit": "suv"}, "only 'hu' can be stated"),
        ({"series": "9"}, "there is no such series"),
    ],
)
def test_options_that_make_no_sense_are_told(
    tmp_path: Path, settings: dict[str, object], word: str
) -> None:
    folder = write_series(tmp_path, PIXELS)
    with pytest.raises(DataError, match=word):
        read_ct(folder, **settings)  # type: ignore[arg-type]


def test_series_are_for_dicom_only(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii.gz", PIXELS.transpose(2, 1, 0))
    with pytest.raises(DataError, match="--series is for DICOM only"):
        read_ct(path, series=1)


def test_colours_in_dicom_are_one_sentence(tmp_path: Path) -> None:
    colour = np.zeros((8, 8 * 3), dtype=np.uint8)
    path = write(
        tmp_path / "a.dcm", colour, Columns=8, SamplesPerPixel=3,
        PhotometricInterpretation="RGB", PlanarConfiguration=0,
    )  # fmt: skip
    with pytest.raises(NotSupportedError, match="its pixels are colours"):
        read_ct(path)


# -------------------------------------------------------------------------------- the seam


def test_a_backdrop_has_the_greys_of_its_window(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS))
    backdrop = ct_backdrop(scan, "brain")
    expected = 255 * np.clip(scan.volume.values / 80, 0, 1)
    assert np.abs(backdrop.greys(scan.volume.values) - expected).max() <= 0.501
    assert (backdrop.volume, backdrop.low, backdrop.high) == (scan.volume, 0, 80)
    custom = ct_backdrop(scan, Window(name="own", centre=0, width=100))
    assert (custom.low, custom.high) == (-50, 50)


def test_a_heat_map_lies_over_a_windowed_scan(tmp_path: Path) -> None:
    scan = read_ct(write_series(tmp_path, PIXELS, orientation=(1, 0, 0, 0, 0.8, -0.6)))
    values = np.where(np.abs(scan.volume.values - 35) < 20, 1.0, 0.0)
    heat_map = heat_map_of(stat_map_of(replace(scan.volume, values=values)))
    view = View(axes=("z",), n_slices=3, theme="dark", left_is_left=False)
    scene = compile_scene([heat_map], view, background=ct_backdrop(scan, "brain"))
    greys = np.concatenate([tile.grey.ravel() for tile in scene.panels[0].tiles])
    assert greys.max() == 255  # bone lies above the window
    assert ((greys > 100) & (greys < 130)).any()  # the brain at 35 of 80 HU


# -------------------------------------------------------------------------------- real scans


def test_each_run_of_the_tilted_head_is_right_through_one_affine(real_data: Path) -> None:
    scan = read_ct(real_data / "ct" / "head_ge")
    runs = even_runs(scan.slices)
    assert [run.n_slices for run in runs] == [14, 14]
    paths = sorted((real_data / "ct" / "head_ge").glob("*.dcm"))
    for run in runs:
        volume = sheared_volume(part_of(scan.slices, run))
        for path in paths[run.first : run.last + 1]:
            ds = pydicom.dcmread(path)
            place = np.array(ds.ImagePositionPatient, dtype=float) * (-1, -1, 1)
            voxel = volume.grid.to_voxels(place)
            assert np.linalg.norm(volume.grid.to_mm(np.rint(voxel)) - place) < 0.01
            x, y, z = np.rint(voxel).astype(int)
            # The first pixel is at the patient's right and front: columns run to lower x.
            expected = ds.pixel_array.astype(np.float32)
            expected[expected == -1500] = np.nan
            slab = volume.values[: x + 1, : y + 1, z][::-1, ::-1].T
            assert np.array_equal(slab, expected, equal_nan=True)


def test_the_tilted_head_says_what_was_found(real_data: Path) -> None:
    scan = read_ct(real_data / "ct" / "head_ge")
    facts = dict(scan.facts)
    assert facts["Gantry tilt"] == "18.5 degrees"
    assert facts["Spacing"] == "slices 1 to 14: 4.22 mm; slices 15 to 28: 7.38 mm"
    assert scan.windows[0].words == "file (centre 35, width 100 HU)"
    assert facts["Padding"] == "23.7 % of the pixels, not scanned"
    assert "spaced 4.22 mm" in facts["Series"]
    assert not any(secret in str(scan.facts) for secret in SECRETS)
