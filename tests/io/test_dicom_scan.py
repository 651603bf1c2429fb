"""One pass over a plain header finds what pydicom finds; anything else is left to pydicom."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from heatlas.io import dicom_head
from heatlas.io.dicom_elements import tags_of
from heatlas.io.dicom_head import TAGS, read_head
from heatlas.io.dicom_scan import scan
from tests.dicoms import head_pixels, write

PIXELS = head_pixels(1)[0]
WANTED = frozenset(tags_of(TAGS))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_elements_are_those_that_pydicom_finds(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, syntax=syntax, WindowCenter=[40, 50], WindowWidth=80)
    content = path.read_bytes()
    found = scan(content, wanted=WANTED)
    assert found is not None
    assert found.syntax == syntax
    ds = pydicom.dcmread(path, specific_tags=sorted(WANTED))
    expected = {int(e.tag): e.value for e in ds.values() if int(e.tag) in WANTED}
    assert {tag: element.value for tag, element in found.elements.items()} == expected
    assert found.pixels is not None
    assert content[found.pixels[0] :][: found.pixels[1]] == PIXELS.tobytes()


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_other_encodings_are_left_to_pydicom(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "a.dcm", PIXELS, syntax=syntax)
    assert scan(path.read_bytes(), wanted=WANTED) is None


def test_a_wanted_sequence_is_left_to_pydicom(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [2, 0, 16])
    item.add_new("LUTData", "US", [0, 1])
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        path = write(tmp_path / "a.dcm", PIXELS, syntax=syntax, VOILUTSequence=[item])
        assert scan(path.read_bytes(), wanted=WANTED) is None


@pytest.mark.parametrize("keep", range(100, 700, 37))
def test_a_header_that_is_cut_off_is_never_half_read(tmp_path: Path, keep: int) -> None:
    content = write(tmp_path / "a.dcm", PIXELS).read_bytes()
    assert scan(content[:keep], wanted=WANTED) is None


def test_an_unwanted_element_of_undefined_length_is_left_to_pydicom(tmp_path: Path) -> None:
    content = write(tmp_path / "a.dcm", PIXELS).read_bytes()
    place = content.index(b"\x08\x00\x60\x00CS")
    opened = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0"
    assert scan(content[:place] + opened + content[place:], wanted=WANTED) is None


def test_real_headers_are_the_same_either_way(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((real_data / "ct").rglob("*.dcm"))
    quick = [read_head(path) for path in paths]
    monkeypatch.setattr(dicom_head, "scan", lambda start, wanted: None)
    for head, path in zip(quick, paths, strict=True):
        slow = read_head(path)
        left, right = ({**vars(h), "frames": 0, "modality_lut": 0} for h in (head, slow))
        assert left == right, path.name
        for one, other in zip(head.frames, slow.frames, strict=True):
            same = [{**vars(f), "windows": [w.words for w in f.windows]} for f in (one, other)]
            assert same[0] == same[1]
