"""A series becomes slices with their own positions, real values, and nothing of whose it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from heatlas.io.dicom import ReadSeries, choose_series, find_series, read_series
from tests.dicoms import SECRETS, enhanced, head_pixels, values_of, write, write_series

PIXELS = head_pixels(6)
TO_RAS = np.array([-1, -1, 1])


def read(source: Path) -> ReadSeries:
    """The only series of a source."""
    found = find_series(source)
    return read_series(choose_series(found, wanted=None, source="x"), found=found)


def test_values_and_positions_are_those_of_the_files(tmp_path: Path) -> None:
    stack = read(write_series(tmp_path, PIXELS, RescaleIntercept=-24)).slices
    assert np.array_equal(stack.values, PIXELS - 24.0)
    assert np.allclose(stack.corners_mm[3], np.array([-10, -20, 11]) * TO_RAS)
    assert stack.unit == "HU"


def test_rows_and_columns_step_as_orientation_and_spacing_say(tmp_path: Path) -> None:
    tilted = (1, 0, 0, 0, 0.8, -0.6)
    path = write(tmp_path / "a.dcm", PIXELS[0], orientation=tilted, spacing=(0.5, 0.75))
    stack = read(path).slices
    assert np.allclose(stack.column_steps_mm[0], np.array([0.75, 0, 0]) * TO_RAS)
    assert np.allclose(stack.row_steps_mm[0], np.array([0, 0.4, -0.3]) * TO_RAS)


def test_frames_of_an_enhanced_object_are_sorted_and_scaled(tmp_path: Path) -> None:
    enhanced(PIXELS[:3]).save_as(tmp_path / "e.dcm", enforce_file_format=True)
    result = read(tmp_path / "e.dcm")
    assert result.slices.corners_mm[:, 2].tolist() == [24, 27, 30]
    assert np.array_equal(result.slices.values[0], PIXELS[2] * 3.0 - 1000)
    assert result.says_hu
    assert result.windows[0].words == "file (centre 40, width 90 HU)"
    assert any("3 different rescale slopes" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "says_hu"),
    [
        ({}, True),
        ({"RescaleType": "HU"}, True),
        ({"RescaleType": "US"}, False),
        ({"Modality": "MR"}, False),
        ({"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]}, False),
    ],
)
def test_the_files_say_whether_their_values_are_hu(
    tmp_path: Path, change: dict[str, object], says_hu: bool
) -> None:
    result = read(write_series(tmp_path, PIXELS, **change))
    assert result.says_hu is says_hu
    assert result.slices.unit == ("HU" if says_hu else "")


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[:, :4] = -2000
    folder = write_series(
        tmp_path, stored, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1"
    )
    (folder / "003.dcm").unlink()
    write(folder / "copy.dcm", PIXELS[0], position=(-10, -20, 5), InstanceNumber=99,
          PhotometricInterpretation="MONOCHROME1")  # fmt: skip
    result = read(folder)
    notes = " ".join(result.notes)
    assert "1 slice at the place of another slice left out, 1 of them with other pixels" in notes
    assert "1 slice seems to be missing between slices 3 and 4" in notes
    assert dict(result.facts)["Padding"] == "8.3 % of the pixels, not scanned"
    assert "MONOCHROME1" in notes


def test_an_equal_copy_is_no_other_pixels(tmp_path: Path) -> None:
    folder = write_series(tmp_path, PIXELS)
    write(folder / "copy.dcm", PIXELS[0], position=(-10, -20, 5), InstanceNumber=99)
    assert "1 slice at the place of another slice left out." in read(folder).notes


def test_one_slice_alone_is_told(tmp_path: Path) -> None:
    result = read(write(tmp_path / "a.dcm", PIXELS[0]))
    assert result.slices.thickness_mm == 2
    assert result.notes[0].startswith("One slice only")


def test_a_picture_without_positions_has_no_sides(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS[0], position=None, orientation=None, spacing=None)
    result = read(path)
    assert result.slices.position_unit == "unknown"
    assert "tell no position" in result.notes[0]


def test_nothing_that_names_a_person_is_kept(tmp_path: Path) -> None:
    result = read(write_series(tmp_path / "Doe_John", PIXELS))
    kept = json.dumps([
        result.slices.provenance.to_json(),
        result.facts,
        result.notes,
        result.slices.name,
    ])
    assert not any(secret in kept for secret in (*SECRETS, "Doe", "001.dcm"))
    uid = pydicom.dcmread(tmp_path / "Doe_John" / "001.dcm").SeriesInstanceUID
    assert uid not in kept


def test_provenance_tells_the_same_files_by_one_digest(tmp_path: Path) -> None:
    folder = write_series(tmp_path, PIXELS)
    first = read(folder).slices.provenance.steps[0].inputs["series"]
    assert first == read(folder).slices.provenance.steps[0].inputs["series"]
    write(folder / "001.dcm", PIXELS[5] + 1, position=(-10, -20, 15), InstanceNumber=6)
    assert first != read(folder).slices.provenance.steps[0].inputs["series"]


# -------------------------------------------------------------------------------- real files


def test_every_slice_of_a_tilted_head_lies_where_its_header_says(real_data: Path) -> None:
    folder = real_data / "ct" / "head_ge"
    stack = read(folder).slices
    assert len(stack) == 28
    ends = [(0, 0), (0, 511), (511, 0), (511, 511)]
    paths = sorted(folder.glob("*.dcm"))
    for k, path in enumerate(paths):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        place = np.array(ds.ImagePositionPatient, dtype=float)
        axes = np.array(ds.ImageOrientationPatient, dtype=float).reshape(2, 3)
        down, right = (float(mm) for mm in ds.PixelSpacing)
        for row, column in ends:
            truth = (place + column * right * axes[0] + row * down * axes[1]) * TO_RAS
            assert np.linalg.norm(stack.to_mm(k, (row, column)) - truth) < 0.01


def test_hu_means_equal_those_of_pydicom(real_data: Path) -> None:
    stack = read(real_data / "ct" / "head_ge").slices
    for k, path in enumerate(sorted((real_data / "ct" / "head_ge").glob("*.dcm"))):
        expected = values_of(path)
        scanned = expected != -1500
        assert np.array_equal(np.isfinite(stack.values[k]), scanned)
        mean = stack.values[k][scanned].astype(float).mean()
        assert mean == pytest.approx(expected[scanned].mean(), abs=0.01)


def test_a_perfusion_map_is_not_hu(real_data: Path) -> None:
    result = read(real_data / "ct" / "misc" / "eCT_Supplemental.dcm")
    assert not result.says_hu
    assert np.allclose(np.diff(result.slices.corners_mm[:, 2]), 10)  # stored from head to foot
    assert result.windows[0].words == "file (centre 49, width 102)"


def test_an_enhanced_mr_is_read_as_what_it_is(real_data: Path) -> None:
    found = find_series(real_data / "formats" / "enh.dcm")
    assert not read_series(found.series[0]).says_hu


def test_the_modality_table_of_a_real_file_is_applied(real_data: Path) -> None:
    path = real_data / "ct" / "misc" / "mlut_18.dcm"
    ds = pydicom.dcmread(path)
    expected = pydicom.pixels.apply_modality_lut(ds.pixel_array, ds)
    assert np.array_equal(read(path).slices.values[0], expected)


def test_the_voi_table_of_a_real_file_gives_its_greys(real_data: Path) -> None:
    path = real_data / "ct" / "misc" / "vlut_04.dcm"
    ds = pydicom.dcmread(path)
    expected = pydicom.pixels.apply_voi_lut(ds.pixel_array, ds) / 65535
    result = read(path)
    assert np.abs(result.windows[0].greys(result.slices.values[0]) - expected).max() < 1e-5
