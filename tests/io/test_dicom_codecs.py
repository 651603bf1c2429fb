"""Every encoding of the field is decoded, and a missing decoder says what to install."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from heatlas.core.errors import DataError, MissingExtraError, NotSupportedError
from heatlas.io import dicom_codecs
from heatlas.io.dicom_codecs import CODECS, Layout, decoder_for, encoding_name, is_lossless
from heatlas.io.dicom_head import read_head
from heatlas.io.dicom_pixels import read_pixels
from tests.dicoms import dataset, head_pixels

LAYOUT = Layout(rows=48, columns=48, bits_allocated=16, bits_stored=16, signed=True)
JPEG_LOSSLESS, JPEG_LS = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
RETIRED = ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")


def file_of(folder: Path, syntax: str) -> Path:
    """The file of ``ct/transfer_syntaxes`` in an encoding."""
    (path,) = (folder / "ct" / "transfer_syntaxes").glob(f"*_{syntax}.dcm")
    return path


def values(path: Path) -> np.ndarray:
    """Real values of the only slice."""
    head = read_head(path)
    return read_pixels([(head, head.frames[0])]).values[0]


def test_rle_needs_nothing_beyond_pydicom(tmp_path: Path) -> None:
    pixels = head_pixels(1)[0]
    ds = dataset(pixels)
    ds.compress(RLELossless)
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(values(tmp_path / "a.dcm"), pixels)


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, *RETIRED])
def test_a_missing_decoder_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    monkeypatch.setattr(dicom_codecs, "_installed", lambda library: False)
    monkeypatch.setattr(dicom_codecs, "_plugins", lambda transfer_syntax: ())
    with pytest.raises(MissingExtraError, match=r"pip install 'heatlas\[dicom\]'"):
        decoder_for(syntax, LAYOUT)


def test_an_unknown_encoding_lists_the_known_ones() -> None:
    with pytest.raises(NotSupportedError, match=r"1\.2\.840\.10008\.1\.2\.4\.100.*JPEG-LS"):
        decoder_for("1.2.840.10008.1.2.4.100", LAYOUT)


def test_a_damaged_frame_is_one_sentence() -> None:
    _, decode = decoder_for(JPEG_LS, LAYOUT)
    with pytest.raises(DataError, match="damaged or cut off"):
        decode(b"\xff\xd8 no picture")


def test_a_frame_of_another_shape_than_the_header_is_refused(real_data: Path) -> None:
    path = file_of(real_data, JPEG_LS)
    content = path.read_bytes()
    head = read_head(path)
    assert head.pixels_at is not None
    frame = next(pydicom.encaps.generate_frames(content[head.pixels_at :], number_of_frames=1))
    _, decode = decoder_for(JPEG_LS, LAYOUT)
    with pytest.raises(DataError, match=r"\(512, 512\), its header claims \(48, 48\)"):
        decode(frame)


def test_every_encoding_has_a_name_and_says_whether_it_loses() -> None:
    assert encoding_name("1.2.840.10008.1.2.1") == "not compressed"
    assert encoding_name("1.2.3") == "1.2.3"
    assert is_lossless("1.2.840.10008.1.2.1")
    lossy = {uid for uid in CODECS if not is_lossless(uid)}
    assert {uid.rsplit(".", 1)[1] for uid in lossy} == {"50", "51", "53", "55", "81", "91"}


LOSSLESS = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_the_nine_lossless_encodings_decode_to_identical_pixels(
    real_data: Path, syntax: str
) -> None:
    reference = pydicom.dcmread(real_data / "ct" / "transfer_syntaxes" / "CTImage.dcm")
    expected = reference.pixel_array.astype(np.float32) - 1024
    expected[expected == -3024] = np.nan  # constant, far below air: not scanned
    assert np.array_equal(values(file_of(real_data, syntax)), expected, equal_nan=True)


@pytest.mark.parametrize("syntax", sorted(set(CODECS) - set(LOSSLESS)))
def test_lossy_encodings_stay_near_the_original(real_data: Path, syntax: str) -> None:
    original = values(real_data / "ct" / "transfer_syntaxes" / "CTImage.dcm")
    inside = np.isfinite(original) & (original > -200)
    gap = np.abs(values(file_of(real_data, syntax)) - original)[inside]
    # Eight bits hold 4,000 HU in steps of 32; the others in steps of 2 at most.
    assert gap.mean() < (20 if syntax.endswith(".50") else 12)


@pytest.mark.parametrize("syntax", RETIRED)
def test_retired_encodings_equal_their_living_twin(real_data: Path, syntax: str) -> None:
    twin = values(file_of(real_data, "1.2.840.10008.1.2.4.51"))
    assert np.array_equal(values(file_of(real_data, syntax)), twin)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"])
def test_what_the_bare_installation_decodes_equals_the_extra(
    real_data: Path, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_extra = values(file_of(real_data, syntax))
    monkeypatch.setattr(dicom_codecs, "_installed", lambda library: False)
    head = read_head(file_of(real_data, syntax))
    pixels = read_pixels([(head, head.frames[0])])
    assert pixels.decoders == ("pillow",)
    assert np.array_equal(pixels.values[0], with_extra, equal_nan=True)
