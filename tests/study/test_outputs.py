"""One-step commands write over nothing by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heatlas.core.errors import DataError
from heatlas.study.outputs import check_outputs, distinct_names, outputs_for


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_free_name_may_be_written(tmp_path: Path) -> None:
    source = touch(tmp_path / "a.nii.gz")
    check_outputs([tmp_path / "b.nii.gz"], inputs=[source], overwrite=False)


def test_an_input_is_never_replaced_even_by_another_spelling(tmp_path: Path) -> None:
    source = touch(tmp_path / "a.nii.gz")
    (tmp_path / "sub").mkdir()
    out = tmp_path / "sub" / ".." / "a.nii.gz"
    with pytest.raises(DataError, match="this is an input"):
        check_outputs([out], inputs=[source], overwrite=True)


def test_an_input_is_not_replaced_through_a_link(tmp_path: Path) -> None:
    source = touch(tmp_path / "a.nii.gz")
    link = tmp_path / "link.nii.gz"
    os.symlink(source, link)
    with pytest.raises(DataError, match="this is an input"):
        check_outputs([link], inputs=[source], overwrite=True)


def test_the_sidecar_of_an_input_is_never_replaced(tmp_path: Path) -> None:
    source = touch(tmp_path / "a.nii")
    touch(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"a\.json: this is the sidecar of an input"):
        check_outputs([tmp_path / "a.nii.gz"], inputs=[source], overwrite=True)


def test_a_file_that_exists_is_replaced_only_when_told_so(tmp_path: Path) -> None:
    out = touch(tmp_path / "b.nii.gz")
    with pytest.raises(DataError, match="exists already.*--overwrite"):
        check_outputs([out], inputs=[], overwrite=False)
    check_outputs([out], inputs=[], overwrite=True)


def test_a_foreign_sidecar_is_not_replaced_either(tmp_path: Path) -> None:
    touch(tmp_path / "b.json")
    with pytest.raises(DataError, match=r"b\.json: it exists already"):
        check_outputs([tmp_path / "b.nii.gz"], inputs=[], overwrite=False)


@pytest.mark.parametrize("name", ["b.nii", "b", ".nii.gz", "b.img"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"written as '\.nii\.gz'"):
        check_outputs([tmp_path / name], inputs=[], overwrite=False)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "b.nii.gz").mkdir()
    with pytest.raises(DataError, match="this is a folder"):
        check_outputs([tmp_path / "b.nii.gz"], inputs=[], overwrite=True)


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "b.nii.gz"
    with pytest.raises(DataError, match="two inputs of the same name"):
        check_outputs([out, out], inputs=[], overwrite=False)


def test_one_image_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "a.img"
    assert outputs_for([source], out=tmp_path / "b.nii.gz") == [tmp_path / "b.nii.gz"]
    assert outputs_for([source], out=tmp_path / "b") == [tmp_path / "b" / "a.nii.gz"]


def test_several_images_need_a_folder(tmp_path: Path) -> None:
    sources = [tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"]
    with pytest.raises(DataError, match="2 images cannot be written to one file"):
        outputs_for(sources, out=tmp_path / "c.nii.gz")
    with pytest.raises(DataError, match="No input"):
        outputs_for([], out=tmp_path)


def test_equal_stems_are_told_apart_by_their_folders_without_naming_the_machine() -> None:
    root = Path("/data/study")
    sources = [root / "sub-01" / "gm.nii.gz", root / "sub-02" / "gm.nii"]
    assert distinct_names(sources) == ["sub-01/gm", "sub-02/gm"]
    assert distinct_names([root / "sub-01" / "a.nii.gz", root / "b.nii"]) == ["a", "b"]
