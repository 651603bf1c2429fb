"""Elements become plain words and numbers, whoever parsed them."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from heatlas.io.dicom_elements import (
    ElementFault,
    digest_of,
    first_item,
    holds,
    items_of,
    number_of,
    numbers_of,
    text_of,
    vector_of,
    whole_of,
    words_of,
)
from heatlas.io.dicom_scan import Element, Scanned
from tests.dicoms import dataset, head_pixels

INNER = Dataset()
INNER.WindowCenter = 7


def built() -> Any:
    """A data set whose values were never bytes."""
    return dataset(
        head_pixels(1)[0], WindowCenter=[40, 50.5], WindowWidth=80, FrameVOILUTSequence=[INNER],
        ConvolutionKernel="H30s", PixelPaddingValue=-2000, AcquisitionNumber=3,
    )  # fmt: skip


def parsed(*, implicit: bool) -> Any:
    """The same, read back from bytes."""
    buffer = io.BytesIO()
    ds = built()
    if implicit:
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


@pytest.mark.parametrize("kind", ["built", "explicit", "implicit"])
def test_words_and_numbers_are_the_same_however_stored(kind: str) -> None:
    ds = built() if kind == "built" else parsed(implicit=kind == "implicit")
    assert words_of(ds, "ImageType") == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert text_of(ds, "ConvolutionKernel") == "H30s"
    assert numbers_of(ds, "WindowCenter") == [40, 50.5]
    assert number_of(ds, "WindowWidth") == 80
    assert whole_of(ds, "Rows") == 48
    assert whole_of(ds, "AcquisitionNumber") == 3
    assert vector_of(ds, "PixelSpacing", length=2) == (1, 1)
    assert numbers_of(first_item(ds, "FrameVOILUTSequence"), "WindowCenter") == [7]


def test_what_is_missing_is_empty() -> None:
    ds = parsed(implicit=False)
    assert text_of(ds, "BodyPartExamined") == ""
    assert words_of(ds, "BodyPartExamined") == ()
    assert number_of(ds, "RescaleType") is None
    assert vector_of(ds, "FrameAcquisitionNumber", length=3) is None
    assert items_of(ds, "VOILUTSequence") == []
    assert not holds(ds, "VOILUTSequence")


def test_an_empty_part_is_no_number() -> None:
    found = Scanned({0x00281050: Element("DS", b"40\\ ")}, "", None)
    assert numbers_of(found, "WindowCenter") == [40]


def test_big_endian_numbers_are_turned() -> None:
    found = Scanned({0x00280010: Element("US", b"\x01\x00", is_little_endian=False)}, "", None)
    assert whole_of(found, "Rows") == 256


def test_a_number_that_is_none_is_a_fault() -> None:
    found = Scanned({0x00280010: Element("LO", b"12")}, "", None)
    with pytest.raises(ElementFault, match="Rows is of the kind LO"):
        numbers_of(found, "Rows")
    with pytest.raises(ValueError, match="could not convert"):
        numbers_of(Scanned({0x00281050: Element("DS", b"wide")}, "", None), "WindowCenter")


def test_a_vector_of_another_length_is_a_fault_without_its_values() -> None:
    found = Scanned({0x00280030: Element("DS", b"0.5\\0.5\\77")}, "", None)
    with pytest.raises(ElementFault, match="PixelSpacing holds 3 numbers, expected 2 finite ones"):
        vector_of(found, "PixelSpacing", length=2)


def test_digests_tell_persons_apart_and_ignore_padding() -> None:
    def person(name: bytes) -> Scanned:
        return Scanned({0x00100010: Element("PN", name)}, "", None)

    assert digest_of(person(b"A^B "), "PatientName") == digest_of(person(b"A^B\0"), "PatientName")
    assert digest_of(person(b"A^B"), "PatientName") != digest_of(person(b"A^C"), "PatientName")
    assert digest_of(person(b""), "PatientName") == ""
