"""Writing volumes: what other tools read back, and the same bytes every time."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.provenance import Provenance, digest_bytes
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.io.encode import gzip_bytes, volume_bytes, write_volume
from heatlas.io.nifti import read_header, read_volume

TILTED = np.array([[2.9, 0.3, 0, -40], [-0.3, 2.9, 0, -60], [0, 0, 4.0, -30], [0, 0, 0, 1]])
GRID = Grid(shape=(4, 5, 6), affine=TILTED)


def values(seed: int = 3) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(GRID.shape).astype(np.float32)
    drawn[0, 0, 0] = np.nan
    return drawn


def read_back(path: Path, content: bytes) -> Any:
    path.write_bytes(content)
    return nib.load(path)


def test_nibabel_reads_back_values_and_affine(tmp_path: Path) -> None:
    image = read_back(tmp_path / "a.nii.gz", volume_bytes(values(), GRID))
    np.testing.assert_array_equal(np.asarray(image.dataobj), values())
    np.testing.assert_allclose(image.affine, TILTED, atol=1e-6)
    assert image.get_data_dtype() == np.float32
    assert image.header.get_xyzt_units()[0] == "mm"


def test_our_reader_reads_back_the_same_volume(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(volume_bytes(values(), GRID))
    again = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.values, values())
    assert again.grid.same_as(GRID)
    assert again.provenance.warnings == ()


def test_equal_volumes_give_equal_bytes_without_time_or_name() -> None:
    content = volume_bytes(values(), GRID, description="t map")
    assert content == volume_bytes(values(), GRID, description="t map")
    assert content[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_gzip_reads_back_what_was_packed() -> None:
    content = bytes(range(256)) * 1000
    assert gzip.decompress(gzip_bytes(content)) == content


@pytest.mark.parametrize(
    ("template", "code"), [(None, 2), ("MNI152", 4), ("MNI152NLin2009aSym", 4)]
)
def test_sform_and_qform_agree_and_name_the_template(
    tmp_path: Path, template: str | None, code: int
) -> None:
    content = volume_bytes(values(), replace(GRID, template=template))
    header = read_back(tmp_path / "a.nii.gz", content).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (code, code)
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-4)


def test_a_sheared_grid_has_no_qform(tmp_path: Path) -> None:
    sheared = TILTED.copy()
    sheared[0, 2] = 1.0
    (tmp_path / "a.nii.gz").write_bytes(volume_bytes(values(), replace(GRID, affine=sheared)))
    header = read_header(tmp_path / "a.nii.gz")
    assert header.qform_code == 0
    np.testing.assert_allclose(header.stored_affine, sheared, atol=1e-6)
    assert header.conflict == ""


@pytest.mark.parametrize(
    ("kind", "dof", "intent"),
    [
        ("t", (66.0,), ("t test", (66.0,))),
        ("F", (2.0, 66.0), ("f test", (2.0, 66.0))),
        ("z", (), ("z score", ())),
        ("logpfwe", (), ("log10 p value", ())),
    ],
)
def test_the_header_says_which_statistic_it_holds(
    tmp_path: Path, kind: str, dof: tuple[float, ...], intent: tuple[str, tuple[float, ...]]
) -> None:
    content = volume_bytes(values(), GRID, kind=kind, dof=dof)
    header = read_back(tmp_path / "a.nii.gz", content).header
    assert header.get_intent()[:2] == intent


def test_a_t_map_without_degrees_of_freedom_is_refused() -> None:
    with pytest.raises(DataError, match="a t map needs 1 degree"):
        volume_bytes(values(), GRID, kind="t")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_whole_numbers_are_stored_exactly(tmp_path: Path, dtype: Any) -> None:
    labels = np.arange(120).reshape(GRID.shape).astype(np.float32)
    image = read_back(tmp_path / "a.nii.gz", volume_bytes(labels, GRID, dtype=dtype))
    assert image.get_data_dtype() == np.dtype(dtype)
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels)


def test_a_mask_is_stored_as_bytes(tmp_path: Path) -> None:
    mask = values() > 0
    image = read_back(tmp_path / "a.nii.gz", volume_bytes(mask, GRID, dtype="uint8"))
    np.testing.assert_array_equal(np.asarray(image.dataobj), mask)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.5, "whole numbers only"), (np.nan, "whole numbers only"), (300, "do not fit uint8")],
)
def test_values_that_do_not_fit_the_stored_type_are_refused(number: float, words: str) -> None:
    array = np.zeros(GRID.shape)
    array[1, 1, 1] = number
    with pytest.raises(DataError, match=words):
        volume_bytes(array, GRID, dtype="uint8")


def test_values_of_another_shape_are_refused() -> None:
    with pytest.raises(SpaceMismatchError, match="does not fit"):
        volume_bytes(np.zeros((4, 5, 7)), GRID)


def test_a_long_description_is_cut_at_the_header_field(tmp_path: Path) -> None:
    content = volume_bytes(values(), GRID, description="µ" + "x" * 200)
    text = bytes(read_back(tmp_path / "a.nii.gz", content).header["descrip"].tobytes())
    assert text == b"?" + b"x" * 78 + b"\0"


def test_a_written_volume_has_a_sidecar_with_its_provenance(tmp_path: Path) -> None:
    provenance = Provenance().then("smooth", parameters={"fwhm_mm": 8})
    volume = Volume(values=values(), grid=GRID, provenance=provenance)
    path = tmp_path / "stat-t_statmap.nii.gz"
    digest = write_volume(path, volume, kind="t", dof=(9.0,), sidecar={"Kind": "t"})
    assert digest == digest_bytes(path.read_bytes())
    sidecar = json.loads((tmp_path / "stat-t_statmap.json").read_text())
    assert sidecar == {"Kind": "t", "Provenance": provenance.to_json()}


def test_a_volume_is_written_under_a_compressed_name_only(tmp_path: Path) -> None:
    volume = Volume(values=values(), grid=GRID)
    with pytest.raises(DataError, match=r"written as '\.nii\.gz'"):
        write_volume(tmp_path / "a.img", volume)
    assert list(tmp_path.iterdir()) == []
