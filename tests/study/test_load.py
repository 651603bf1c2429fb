"""One load: the kind of file decides, and what cannot be loaded says what can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import heatlas
from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.table import Table
from heatlas.core.volume import Volume
from heatlas.study.load import load
from heatlas.study.spec import StudySpec
from tests.dicoms import head_pixels, write
from tests.study.images import signed_map, write_nifti
from tests.tiny import tiny_study


def test_an_image_is_a_volume(tmp_path: Path) -> None:
    values = signed_map()
    loaded = load(write_nifti(tmp_path / "a.nii.gz", values))
    assert isinstance(loaded, Volume)
    np.testing.assert_array_equal(loaded.values, values)


def test_a_path_may_be_a_word(tmp_path: Path) -> None:
    assert isinstance(load(str(write_nifti(tmp_path / "a.nii", signed_map()))), Volume)


def test_a_table_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "people.tsv"
    path.write_text("id\tage\na\t31\n")
    loaded = load(path)
    assert isinstance(loaded, Table)
    assert loaded.names == ("id", "age")


def test_a_study_file_is_a_study(tmp_path: Path) -> None:
    assert isinstance(load(tiny_study(tmp_path)), StudySpec)


def test_several_volumes_are_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "four.nii.gz", np.ones((4, 4, 4, 3), np.float32))
    with pytest.raises(DataError, match=r"3 volumes.*load\('four.nii.gz', volume=0\)"):
        load(path)
    assert isinstance(load(path, volume=2), Volume)


def test_only_images_have_volumes(tmp_path: Path) -> None:
    path = tmp_path / "people.tsv"
    path.write_text("id\na\n")
    with pytest.raises(DataError, match="only images have volumes"):
        load(path, volume=0)


@pytest.mark.parametrize(
    ("name", "words"),
    [("fig.png", "inspect_file"), ("t.xlsx", "CSV or TSV"), ("x.docx", r"\.docx are not known")],
)
def test_other_files_say_what_can_be_loaded(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(NotSupportedError, match=words) as caught:
        load(tmp_path / name)
    assert "Heatlas loads images" in str(caught.value)


def test_a_dicom_file_is_sent_to_the_reader_of_series(tmp_path: Path) -> None:
    path = write(tmp_path / "IM0001", head_pixels(1)[0])
    with pytest.raises(NotSupportedError, match="this is DICOM; read_ct"):
        load(path)


def test_a_missing_file_names_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "people.tsv").write_text("id\na\n")
    with pytest.raises(DataError, match=r"Did you mean 'people.tsv'"):
        load(tmp_path / "peple.tsv")


def test_load_is_public() -> None:
    assert heatlas.load is load


def test_left_and_right_storage_load_alike(real_data: Path) -> None:
    twins = [load(real_data / "formats" / name) for name in ("mniLR.nii.gz", "mniRL.nii.gz")]
    left, right = (twin for twin in twins if isinstance(twin, Volume))
    np.testing.assert_array_equal(left.values, right.values)
    assert left.grid.same_as(right.grid)
