"""Stored numbers become real values: sign, bits, scale, tables and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.io.dicom_head import read_head
from heatlas.io.dicom_pixels import check_pixels, read_pixels
from tests.dicoms import enhanced, head_pixels, values_of, write

PIXELS = head_pixels(1)[0]


def values(path: Path) -> np.ndarray:
    """All slices of one file."""
    head = read_head(path)
    return read_pixels([(head, frame) for frame in head.frames]).values


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8, np.int32])
def test_slope_and_intercept_give_what_pydicom_gives(tmp_path: Path, kind: type) -> None:
    stored = np.arange(64).reshape(8, 8).astype(kind)
    path = write(tmp_path / "a.dcm", stored, RescaleSlope=1.25, RescaleIntercept=-1024.5)
    assert np.abs(values(path)[0] - values_of(path)).max() < 1e-3


def test_each_slice_has_its_own_slope(tmp_path: Path) -> None:
    enhanced(head_pixels(3)).save_as(tmp_path / "e.dcm", enforce_file_format=True)
    expected = head_pixels(3).astype(float) * np.array([1, 2, 3])[:, None, None] - 1000
    assert np.array_equal(values(tmp_path / "e.dcm"), expected)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_plain_encodings_give_the_same_values(tmp_path: Path, syntax: str) -> None:
    stored = PIXELS.astype(">i2") if syntax == ExplicitVRBigEndian else PIXELS
    path = write(tmp_path / "a.dcm", stored, syntax=syntax)
    assert np.array_equal(values(path)[0], PIXELS)


def test_bits_above_those_stored_are_dropped_and_the_sign_extended(tmp_path: Path) -> None:
    clean = np.array([[-100, 5], [2000, -900]], dtype=np.int16)
    dirty = (clean.view(np.uint16) & 0x0FFF) | np.uint16(0x5000)
    path = write(tmp_path / "a.dcm", dirty.view(np.int16), BitsStored=12, HighBit=11)
    assert np.array_equal(values(path)[0], clean)


def test_padding_becomes_missing_and_is_counted(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[:3] = -2000
    path = write(tmp_path / "a.dcm", stored, PixelPaddingValue=-2000)
    head = read_head(path)
    pixels = read_pixels([(head, head.frames[0])])
    assert pixels.n_padding == 3 * 48
    assert np.isnan(pixels.values[0, :3]).all()
    assert np.array_equal(pixels.values[0, 3:], PIXELS[3:])


def test_padding_beyond_the_stored_bits_is_still_found(tmp_path: Path) -> None:
    stored = np.full((8, 8), 1064, dtype=np.uint16)
    stored[0] = 63536
    path = write(
        tmp_path / "a.dcm", stored, BitsStored=12, HighBit=11, RescaleIntercept=-1024,
        PixelPaddingValue=63536,
    )  # fmt: skip
    assert np.isnan(values(path)[0, 0]).all()
    assert (values(path)[0, 1:] == 40).all()


def test_a_constant_far_below_air_is_padding_even_without_a_name(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[:3] = -3024
    head = read_head(write(tmp_path / "a.dcm", stored))
    pixels = read_pixels([(head, head.frames[0])])
    assert (pixels.n_padding, pixels.n_unnamed_padding) == (0, 3 * 48)
    assert np.isnan(pixels.values[0, :3]).all()


def test_a_few_dark_pixels_are_no_padding(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[0, :5] = -3024
    assert np.isfinite(values(write(tmp_path / "a.dcm", stored))).all()


def test_a_modality_table_takes_the_place_of_slope_and_intercept(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 2, 16])
    item.ModalityLUTType = "HU"
    item.add_new("LUTData", "US", [0, 100, 300, 1000])
    stored = np.array([[0, 2, 3], [4, 5, 99]], dtype=np.uint16)
    path = write(
        tmp_path / "a.dcm", stored, ModalityLUTSequence=[item], RescaleSlope=None,
        RescaleIntercept=None,
    )  # fmt: skip
    assert values(path)[0].tolist() == [[0, 0, 100], [300, 1000, 1000]]


def test_monochrome1_changes_no_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(values(path)[0], PIXELS)


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"PixelData": None}, DataError, "holds no pixel data"),
        ({"Rows": 4000}, DataError, "cut off or damaged"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, NotSupportedError, "colours"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, NotSupportedError, "colours"),
        ({"BitsAllocated": 12}, NotSupportedError, "slices of 8, 16 or 32 bits"),
        ({"HighBit": 12, "BitsStored": 12}, NotSupportedError, "bit 12, expected 11"),
    ],
)
def test_what_is_no_slice_is_refused_by_its_header(
    tmp_path: Path, change: dict[str, object], kind: type[Exception], word: str
) -> None:
    head = read_head(write(tmp_path / "a.dcm", PIXELS, **change))
    with pytest.raises(kind, match=word) as caught:
        check_pixels(head)
    assert str(caught.value).count("\n") == 0


def test_a_file_without_its_last_bytes_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="need 4,608 bytes, the file holds 4,508"):
        values(path)


def test_a_file_that_changes_under_the_reader_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", PIXELS)
    head = read_head(path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DataError, match="changed while it was read"):
        read_pixels([(head, head.frames[0])])


def test_the_first_fault_of_many_files_stops_all(tmp_path: Path) -> None:
    heads = []
    for k in range(6):
        path = write(tmp_path / f"{k}.dcm", PIXELS)
        heads.append(read_head(path))
    (tmp_path / "3.dcm").write_bytes(b"gone")
    with pytest.raises(DataError, match="3.dcm"):
        read_pixels([(head, head.frames[0]) for head in heads])
