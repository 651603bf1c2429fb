"""Region means on disk are means of the maps' values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.io.tables import read_table
from heatlas.study.extract import extract_regions
from heatlas.study.inspect import inspect_file
from tests.phantom import SHAPE
from tests.study.images import signed_map, write_nifti

LABELS = np.zeros(SHAPE, np.int16)
LABELS[:6], LABELS[6:] = 1, 2


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """Two halves, named left and right in a table beside the image."""
    (tmp_path / "atlas.csv").write_text("index,name\n1,left\n2,right\n")
    return write_nifti(tmp_path / "atlas.nii.gz", LABELS)


def test_one_row_a_map_and_one_column_a_region(tmp_path: Path, atlas: Path) -> None:
    maps = [write_nifti(tmp_path / f"m{k}.nii.gz", signed_map(seed=k)) for k in range(3)]
    out = tmp_path / "means.tsv"
    extract_regions(maps, out=out, atlas=atlas, labels=tmp_path / "atlas.csv")
    table = read_table(out)
    assert table.names == ("id", "left", "right")
    assert table.words("id") == ("m0", "m1", "m2")
    wanted = [signed_map(seed=k)[:6].mean(dtype=np.float64) for k in range(3)]
    np.testing.assert_allclose(table.numbers("left"), wanted, rtol=1e-12)


def test_maps_of_one_name_keep_their_folders_apart(tmp_path: Path, atlas: Path) -> None:
    maps = [write_nifti(tmp_path / f"sub-{k}" / "gm.nii.gz", signed_map(seed=k)) for k in (1, 2)]
    table = extract_regions(maps, out=tmp_path / "means.tsv", atlas=atlas)
    assert table.words("id") == ("sub-1/gm", "sub-2/gm")
    assert table.names == ("id", "label 1", "label 2")


def test_provenance_names_every_input(tmp_path: Path, atlas: Path) -> None:
    path = write_nifti(tmp_path / "m.nii.gz", signed_map())
    out = tmp_path / "means.tsv"
    extract_regions([path], out=out, atlas=atlas, labels=tmp_path / "atlas.csv")
    step = inspect_file(out).steps[-1]
    assert sorted(step.inputs) == ["atlas.csv", "atlas.nii.gz", "m"]


def test_other_endings_are_refused(tmp_path: Path, atlas: Path) -> None:
    path = write_nifti(tmp_path / "m.nii.gz", signed_map())
    with pytest.raises(DataError, match=r"written as '\.tsv'"):
        extract_regions([path], out=tmp_path / "means.csv", atlas=atlas)


def test_the_tables_of_the_atlas_are_never_replaced(tmp_path: Path, atlas: Path) -> None:
    labels = tmp_path / "names.tsv"
    labels.write_text("index\tname\n1\tleft\n2\tright\n")
    path = write_nifti(tmp_path / "m.nii.gz", signed_map())
    with pytest.raises(DataError, match="an input"):
        extract_regions([path], out=labels, atlas=atlas, labels=labels, overwrite=True)


def test_no_map_is_no_table(tmp_path: Path, atlas: Path) -> None:
    with pytest.raises(DataError, match="No map is given"):
        extract_regions([], out=tmp_path / "means.tsv", atlas=atlas)
