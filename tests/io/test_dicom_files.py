"""A source is a file, a folder with all below it, or a DICOMDIR that stays in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from heatlas.core.errors import DataError
from heatlas.io.dicom_files import dicom_files
from tests.dicoms import head_pixels, write

PIXELS = head_pixels(1)[0]


def directory(folder: Path, names: list[list[str]]) -> Path:
    """A DICOMDIR that names some files."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    path = folder / "DICOMDIR"
    with disable_value_validation():  # such names are not allowed, which stops nobody
        ds.DirectoryRecordSequence = [record(parts) for parts in names]
        ds.save_as(path, enforce_file_format=True, implicit_vr=False)
    return path


def record(parts: list[str]) -> Dataset:
    """One entry of a DICOMDIR."""
    item = Dataset()
    item.DirectoryRecordType = "IMAGE"
    item.add_new("ReferencedFileID", "CS", parts)
    return item


def test_a_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "b" / "IM1", PIXELS)
    second = write(tmp_path / "z.dcm", PIXELS)
    (tmp_path / "notes.txt").write_text("nothing")
    listing = dicom_files(tmp_path)
    assert listing.files == (first, second)
    assert listing.n_others == 1


def test_a_dicomdir_names_its_files_in_any_case(tmp_path: Path) -> None:
    path = write(tmp_path / "scan" / "im001", PIXELS)
    names = [["SCAN", "IM001"], ["SCAN", "IM002"]]
    listing = dicom_files(directory(tmp_path, names))
    assert listing.files == (path,)
    assert listing.missing == ("SCAN/IM002",)


@pytest.mark.parametrize("names", [[["..", "secret.dcm"]], [["/etc/passwd"]], [["A", "..", ".."]]])
def test_a_dicomdir_never_leads_out_of_its_folder(tmp_path: Path, names: list[list[str]]) -> None:
    inside = tmp_path / "disc"
    inside.mkdir()
    write(tmp_path / "secret.dcm", PIXELS)
    with pytest.raises(DataError, match=r"outside of its own folder|none of the"):
        dicom_files(directory(inside, names))


@pytest.mark.parametrize(
    ("content", "word"), [({}, "none of its 0 files"), ({"a.txt": "x"}, "none of its 1 file ")]
)
def test_a_folder_without_dicom_is_one_sentence(
    tmp_path: Path, content: dict[str, str], word: str
) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=word):
        dicom_files(tmp_path)


def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello" * 100)
    with pytest.raises(DataError, match="lacks the mark 'DICM'"):
        dicom_files(path)
    with pytest.raises(DataError, match="no such file"):
        dicom_files(tmp_path / "gone.dcm")


def test_a_damaged_dicomdir_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00")
    with pytest.raises(DataError, match=r"damaged|none of the"):
        dicom_files(path)
