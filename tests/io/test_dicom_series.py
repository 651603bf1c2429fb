"""Slices that belong together are found together, in order; what is odd is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.io.dicom import find_series
from heatlas.io.dicom_series import (
    Found,
    _Alike,
    choose_series,
    gap_notes,
    left_out_notes,
    places_along,
    series_table,
)
from tests.dicoms import SECRETS, head_pixels, write, write_series

PIXELS = head_pixels(6)
CORONAL = (1, 0, 0, 0, 0, -1)


def test_slices_are_sorted_by_their_positions_and_not_by_their_names(tmp_path: Path) -> None:
    found = find_series(write_series(tmp_path, PIXELS))
    (series,) = found.series
    assert np.allclose(places_along(series.slices), 5 + 2.0 * np.arange(6))
    assert [head.path.name for head, _ in series.slices][:2] == ["006.dcm", "005.dcm"]


def test_a_series_is_told_without_saying_whose_it_is(tmp_path: Path) -> None:
    found = find_series(write_series(tmp_path, PIXELS, ConvolutionKernel="H30s"))
    (line,) = series_table(found.series)
    assert "CT axial, 6 slices of 48 x 48, spaced 2.00 mm, kernel H30s" in line
    assert not any(secret in line for secret in SECRETS)


def test_orientation_size_and_series_keep_slices_apart(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write_series(tmp_path / "b", PIXELS[:1], orientation=CORONAL)
    write_series(tmp_path / "c", PIXELS[:3], SeriesInstanceUID="1.2.3")
    write_series(tmp_path / "d", PIXELS[:4, :40])
    found = find_series(tmp_path)
    assert [len(series.slices) for series in found.series] == [6, 1, 3, 4]
    assert found.n_patients == 1


def test_a_localizer_is_left_out_and_said(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write(tmp_path / "scout.dcm", PIXELS[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    found = find_series(tmp_path)
    chosen = choose_series(found, wanted=None, source="x")
    assert len(chosen.slices) == 6
    assert left_out_notes(found, chosen) == ["1 localizer image left out."]


def test_several_series_are_listed_and_chosen_by_number_or_code(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write_series(tmp_path / "b", PIXELS[:3], SeriesInstanceUID="1.2.3")
    found = find_series(tmp_path)
    with pytest.raises(DataError, match=r"2 series; choose one.*1 \[.*6 slices.*2 \[.*3 slices"):
        choose_series(found, wanted=None, source="x")
    assert len(choose_series(found, wanted="2", source="x").slices) == 3
    code = found.series[1].code
    assert choose_series(found, wanted=code, source="x") is found.series[1]
    with pytest.raises(DataError, match="there is no such series"):
        choose_series(found, wanted="7", source="x")
    chosen = choose_series(found, wanted="1", source="x")
    assert left_out_notes(found, chosen)[0].startswith("Other series left out: CT axial, 3 slices")


def test_patients_are_never_mixed(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write_series(tmp_path / "b", PIXELS, PatientID="ANOTHER")
    found = find_series(tmp_path)
    assert found.n_patients == 2
    with pytest.raises(DataError, match="2 patients, which are never mixed") as caught:
        choose_series(found, wanted=None, source="x")
    assert not any(secret in str(caught.value) for secret in (*SECRETS, "ANOTHER"))


def test_phases_of_one_series_are_told_apart_by_what_the_scanner_counts(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS, AcquisitionNumber=1)
    write_series(tmp_path / "b", PIXELS, AcquisitionNumber=2)
    found = find_series(tmp_path)
    assert [len(series.slices) for series in found.series] == [6, 6]
    assert not any(series.copies for series in found.series)


def test_an_acquisition_counter_that_changes_within_a_scan_splits_nothing(tmp_path: Path) -> None:
    for k, image in enumerate(PIXELS):
        write(tmp_path / f"{k}.dcm", image, position=(0, 0, 2 * k), AcquisitionNumber=k // 2)
    assert [len(series.slices) for series in find_series(tmp_path).series] == [6]


def test_copies_are_left_out_with_what_they_are_copies_of(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write(tmp_path / "copy.dcm", PIXELS[2], position=(-10, -20, 9), InstanceNumber=99)
    (series,) = find_series(tmp_path).series
    ((copy, kept),) = series.copies
    assert len(series.slices) == 6
    assert copy[0].path.name == "copy.dcm"
    assert kept[1].position == copy[1].position


def test_objects_without_an_image_and_damaged_files_are_counted(tmp_path: Path) -> None:
    write_series(tmp_path / "a", PIXELS)
    write(tmp_path / "report.dcm", PIXELS[0], PixelData=None, Rows=None, Columns=None)
    (tmp_path / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    found = find_series(tmp_path)
    assert (found.n_without_image, len(found.damaged)) == (1, 1)
    notes = left_out_notes(found, found.series[0])
    assert notes[0] == "1 object without an image left out."
    assert notes[1].startswith("Not read: 1 file (--list names them): it cannot be read as DICOM")


def test_the_notes_never_name_a_damaged_file_which_may_bear_the_name_of_a_person(
    tmp_path: Path,
) -> None:
    write_series(tmp_path, PIXELS)
    for name in ("Doe: Jane.dcm", "Doe, Jane.dcm"):
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    found = find_series(tmp_path)
    (note,) = left_out_notes(found, found.series[0])
    assert note.startswith("Not read: 2 files")
    assert "Jane" not in note
    assert str(tmp_path) not in note
    assert "Doe, Jane.dcm" in found.damaged[0].sentence


def test_directions_and_pixel_sizes_that_differ_by_rounding_split_nothing(tmp_path: Path) -> None:
    for k, image in enumerate(PIXELS):
        tip = 0.0004998 + 1e-7 * k  # on both sides of where rounding to 3 digits changes
        size = 0.48825 + 1e-6 * (k % 2)
        write(
            tmp_path / f"{k}.dcm",
            image,
            position=(0, 0, 2 * k),
            orientation=(1, 0, tip, 0, 1, 0),
            PixelSpacing=[size, size],
        )
    assert [len(series.slices) for series in find_series(tmp_path).series] == [6]


def test_many_different_directions_take_no_quadratic_time() -> None:
    alike = _Alike(1e-4)
    many = [(0.01 * k,) for k in range(20_000)]
    assert [alike.of(one) for one in many] == many
    assert alike.of((0.01 * 19_999 + 5e-5,)) == many[-1]


def test_nothing_but_reports_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "report.dcm", PIXELS[0], PixelData=None, Rows=None, Columns=None)
    with pytest.raises(DataError, match="1 DICOM object in it, but no pixel data"):
        choose_series(find_series(tmp_path), wanted=None, source="x")
    with pytest.raises(DataError, match="no slice in it can be read"):
        choose_series(Found(series=(), n_patients=0), wanted=None, source="x")


def test_a_missing_slice_is_told_with_its_neighbours() -> None:
    (note,) = gap_notes(np.array([0.0, 5, 10, 20, 25, 30]))
    assert note.startswith("1 slice seems to be missing between slices 3 and 4: 10.0 mm apart")
    (note,) = gap_notes(np.array([0.0, 5, 10, 25, 30, 35]))
    assert note.startswith("2 slices seem to be missing")


def test_a_change_of_spacing_is_no_gap() -> None:
    places = np.concatenate([4.22 * np.arange(14), 56 + 7.38 * np.arange(14)])
    assert gap_notes(places) == []
    assert gap_notes(np.arange(0, 50, 5.0)) == []
