"""Headers are read without pixels, in every encoding, and never keep whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from heatlas.core.errors import DataError
from heatlas.io.dicom_head import is_dicom, read_head
from tests.dicoms import SECRETS, dataset, enhanced, head_pixels, write

PIXELS = head_pixels(1)[0]


def test_a_header_says_what_a_slice_is_and_where_it_lies(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        PIXELS,
        position=(-10.5, 20, 30),
        spacing=(0.5, 0.75),
        RescaleSlope=2,
        RescaleIntercept=-1024,
        RescaleType="HU",
        WindowCenter=[40, 400],
        WindowWidth=[80, 1800],
    )
    head = read_head(path)
    (frame,) = head.frames
    assert (head.rows, head.columns, head.signed, head.bits_stored) == (48, 48, True, 16)
    assert frame.position == (-10.5, 20, 30)
    assert frame.spacing == (0.5, 0.75)
    assert (frame.slope, frame.intercept, frame.rescale_type) == (2, -1024, "HU")
    assert [window.centre for window in frame.windows] == [40, 400]
    content = path.read_bytes()
    assert head.pixels_at is not None
    assert content[head.pixels_at :][: PIXELS.nbytes] == PIXELS.tobytes()
    assert head.pixels_length == PIXELS.nbytes


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_every_plain_encoding_tells_the_same(tmp_path: Path, syntax: str) -> None:
    stored = PIXELS.astype(">i2") if syntax == ExplicitVRBigEndian else PIXELS
    path = write(tmp_path / "a.dcm", stored, syntax=syntax, position=(1, 2, 3))
    head = read_head(path)
    assert head.transfer_syntax == syntax
    assert head.frames[0].position == (1, 2, 3)
    assert head.pixels_length == PIXELS.nbytes


def test_persons_and_series_are_told_apart_by_digests_alone(tmp_path: Path) -> None:
    first = read_head(write(tmp_path / "a.dcm", PIXELS))
    second = read_head(write(tmp_path / "b.dcm", PIXELS, PatientID="OTHER"))
    assert first.patient != second.patient
    assert first.series == second.series
    assert not any(secret in repr(first) for secret in SECRETS)


@pytest.mark.parametrize(
    ("stored", "signed", "bits", "expected"),
    [(63536, 1, 16, -2000), (-2000, 1, 16, -2000), (63536, 0, 16, 63536), (0, 0, 16, 0)],
)
def test_padding_has_the_sign_of_the_pixels(
    tmp_path: Path, stored: int, signed: int, bits: int, expected: int
) -> None:
    kind = np.int16 if signed else np.uint16
    ds = dataset(np.zeros((4, 4), dtype=kind))
    ds.add_new("PixelPaddingValue", "SS" if stored < 0 else "US", stored)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert read_head(tmp_path / "a.dcm").padding == (expected, expected)


def test_a_range_of_padding_runs_from_low_to_high(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-3000)
    assert read_head(path).padding == (-3000, -2000)


def test_frames_of_an_enhanced_object_have_their_own_places_and_scales(tmp_path: Path) -> None:
    enhanced(head_pixels(3)).save_as(tmp_path / "e.dcm", enforce_file_format=True)
    head = read_head(tmp_path / "e.dcm")
    assert [frame.position for frame in head.frames] == [(1, 2, 30), (1, 2, 27), (1, 2, 24)]
    assert [frame.slope for frame in head.frames] == [1, 2, 3]
    assert {frame.spacing for frame in head.frames} == {(0.5, 0.75)}
    assert {frame.rescale_type for frame in head.frames} == {"HU"}
    assert head.frames[0].windows[0].width == 90


def test_a_slope_of_0_is_refused_for_it_makes_all_pixels_equal(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, RescaleSlope=0, RescaleIntercept=-1024)
    with pytest.raises(DataError, match="RescaleSlope is 0"):
        read_head(path)


def test_an_object_without_an_image_has_no_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, PixelData=None, Rows=None, Columns=None)
    head = read_head(path)
    assert head.frames == ()
    assert head.pixels_at is None


def test_frames_that_are_claimed_but_not_described_are_a_fault(tmp_path: Path) -> None:
    ds = enhanced(head_pixels(3))
    ds.NumberOfFrames = 4
    ds.save_as(tmp_path / "e.dcm", enforce_file_format=True)
    with pytest.raises(DataError, match="4 frames are claimed, 3 are described"):
        read_head(tmp_path / "e.dcm")


def test_a_position_of_two_numbers_is_a_fault_that_names_no_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS)
    content = path.read_bytes().replace(b"0.0\\0.0\\0.0 ", b"0.0\\1234567 ")
    path.write_bytes(content)
    with pytest.raises(DataError, match="ImagePositionPatient holds 2 numbers") as caught:
        read_head(path)
    assert "1234567" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"orientation": (0, 0, 0, 0, 0, 0)}, "no two directions at right angles"),
        ({"orientation": (1, 0, 0, 1, 0, 0)}, "no two directions at right angles"),
        ({"spacing": (0, 1)}, "PixelSpacing is not above 0"),
        ({"spacing": (1, -1)}, "PixelSpacing is not above 0"),
        ({"RescaleSlope": "1e400"}, "RescaleSlope is no finite number"),
        ({"NumberOfFrames": -5}, "-5 frames are claimed, expected 1 to 65536"),
    ],
)
def test_claims_that_make_no_sense_are_named(
    tmp_path: Path, change: dict[str, object], word: str
) -> None:
    with pytest.raises(DataError, match=word):
        read_head(write(tmp_path / "a.dcm", PIXELS, **change))


@pytest.mark.parametrize("keep", [140, 300, 500])
def test_a_header_that_is_cut_off_is_one_sentence_or_no_image(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.dcm", PIXELS)
    path.write_bytes(path.read_bytes()[:keep])
    try:
        head = read_head(path)
    except DataError as error:
        assert "copy or export it again" in str(error)
    else:
        assert head.pixels_at is None


def test_deep_nesting_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS)
    content = path.read_bytes()
    place = content.index(b"\x08\x00\x60\x00CS")  # Modality: nested sequences go before it
    opened = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(content[:place] + 20_000 * opened + content[place:])
    with pytest.raises(DataError, match="nested too deeply"):
        read_head(path)


def test_dicom_is_told_by_its_mark_or_its_name(tmp_path: Path) -> None:
    marked = write(tmp_path / "noending", PIXELS)
    other = tmp_path / "notes.txt"
    other.write_text("x" * 500)
    assert is_dicom(marked)
    assert not is_dicom(other)
