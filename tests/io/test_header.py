"""Headers: where voxels lie, what scales them, and what cannot be true."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.io.header import ImageHeader, parse_nifti
from heatlas.io.nifti import read_header
from heatlas.io.source import open_source
from tests.io.images import AFFINE, nifti_bytes, numbers, write


def header_of(tmp_path: Path, **options: Any) -> ImageHeader:
    return read_header(write(tmp_path / "a.nii", nifti_bytes(numbers(), **options)))


def with_qform(affine: np.ndarray, code: int = 1) -> dict[str, Any]:
    header = nib.Nifti1Header()
    header.set_qform(affine, code=code)
    names = ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z")
    return {name: header[name] for name in (*names, "pixdim", "qform_code")}


def test_a_header_says_shape_type_orientation_and_scaling(tmp_path: Path) -> None:
    header = header_of(tmp_path, fields={"scl_slope": 0.5, "scl_inter": 2.0})
    assert (header.shape, header.dtype, header.n_volumes) == ((5, 6, 7), "int16", 1)
    assert (header.orientation, header.slope, header.intercept) == ("LAS", 0.5, 2.0)
    assert header.stored_step == 0.5


def test_the_grid_is_that_of_nibabels_closest_canonical_image(tmp_path: Path) -> None:
    tilt = np.deg2rad(20)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    for axes in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        affine = turn @ AFFINE
        affine[:, :3] = affine[:, axes]
        path = write(tmp_path / "a.nii", nifti_bytes(numbers(), affine=affine))
        expected = nib.as_closest_canonical(nib.load(path))
        grid = read_header(path).grid
        assert grid.shape == expected.shape
        np.testing.assert_allclose(grid.affine, expected.affine, atol=1e-5)


def test_a_conflict_of_sform_and_qform_is_put_into_words(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 2.5
    header = header_of(tmp_path, fields=with_qform(moved))
    assert header.conflict == (
        "sform and qform place voxels up to 2.50 mm apart; the sform was used"
    )
    np.testing.assert_allclose(header.stored_affine, AFFINE)


def test_a_mirrored_qform_is_called_by_its_axes(tmp_path: Path) -> None:
    mirrored = AFFINE.copy()
    mirrored[0] *= -1
    header = header_of(tmp_path, fields=with_qform(mirrored))
    assert "even the axes differ (LAS and RAS)" in header.conflict


def test_a_rounding_difference_is_no_conflict(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[:3, 3] += 0.05
    assert header_of(tmp_path, fields=with_qform(moved)).conflict == ""


def test_the_qform_serves_where_the_sform_is_not_set(tmp_path: Path) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 2.5
    header = header_of(tmp_path, fields={**with_qform(moved), "sform_code": 0})
    np.testing.assert_allclose(header.stored_affine, moved, atol=1e-5)
    assert header.conflict == ""


def test_a_damaged_sform_is_replaced_by_the_qform_and_said(tmp_path: Path) -> None:
    fields = {**with_qform(AFFINE), "srow_x": [np.nan] * 4}
    header = header_of(tmp_path, fields=fields)
    np.testing.assert_allclose(header.stored_affine, AFFINE, atol=1e-5)
    assert "sform is damaged" in header.conflict


@pytest.mark.parametrize("row", [[0, 0, 0, 0], [np.nan] * 4, [1e30, 0, 0, 0]])
def test_an_affine_that_places_no_voxels_is_refused(tmp_path: Path, row: list[float]) -> None:
    with pytest.raises(DataError, match="no position or no volume"):
        header_of(tmp_path, fields={"srow_x": row})


@pytest.mark.parametrize(("code", "template"), [(4, "MNI152"), (3, "Talairach"), (2, None)])
def test_the_template_is_read_from_the_code(
    tmp_path: Path, code: int, template: str | None
) -> None:
    assert header_of(tmp_path, fields={"sform_code": code}).grid.template == template


def test_positions_in_micrometres_are_converted_and_said(tmp_path: Path) -> None:
    header = header_of(tmp_path, affine=np.diag([1000.0, 1000, 1000, 1]),
                       fields={"xyzt_units": 3})  # fmt: skip
    np.testing.assert_allclose(header.grid.voxel_sizes_mm, (1, 1, 1))
    assert "micrometres" in header.notes[0]


def test_a_header_without_any_code_has_an_unknown_unit(tmp_path: Path) -> None:
    header = header_of(tmp_path, fields={"sform_code": 0, "qform_code": 0, "xyzt_units": 0})
    assert header.grid.unit == "unknown"


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_a_slope_of_zero_or_nan_does_not_scale(tmp_path: Path, slope: float) -> None:
    header = header_of(tmp_path, fields={"scl_slope": slope, "scl_inter": 7})
    assert (header.slope, header.intercept) == (1.0, 0.0)


def test_a_slope_without_an_intercept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finite intercept"):
        header_of(tmp_path, fields={"scl_slope": 2.0, "scl_inter": np.nan})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dim": [9, 5, 6, 7, 1, 1, 1, 1]}, "which no image has"),
        ({"dim": [3, 5, -6, 7, 1, 1, 1, 1]}, "which no image has"),
        ({"datatype": 77}, "data type 77"),
        ({"vox_offset": 100}, "starts at byte 100"),
        ({"vox_offset": np.nan}, "starts at byte 0"),
        ({"magic": b"xyz"}, "no NIfTI image"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        header_of(tmp_path, fields=fields)


@pytest.mark.parametrize(("code", "bits"), [(1, 1), (1536, 128)])
def test_numbers_of_a_rare_width_are_not_supported(tmp_path: Path, code: int, bits: int) -> None:
    with pytest.raises(NotSupportedError, match="save it as float"):
        header_of(tmp_path, fields={"datatype": code, "bitpix": bits})


def test_a_cifti_file_is_refused_as_no_grid(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match="CIFTI file"):
        header_of(tmp_path, fields={"intent_code": 3006})


@pytest.mark.parametrize("start", [b"<html>404</html>", b"\n<!DOCTYPE html><html>"])
def test_a_web_page_is_recognised(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(start)
    with pytest.raises(DataError, match="this is a web page"):
        read_header(path)


@pytest.mark.parametrize("content", [b"P", b"PK\3\4 some archive"])
def test_other_content_is_shown_in_the_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"begins with 'PK\.\.'|1 byte only"):
        read_header(path)


def test_a_header_survives_pickling(tmp_path: Path) -> None:
    header = header_of(tmp_path)
    again = pickle.loads(pickle.dumps(header))
    assert again.shape == header.shape
    assert not again.stored_affine.flags.writeable


@pytest.mark.parametrize(("version", "start"), [(1, 352), (2, 544)])
def test_the_layout_says_where_the_numbers_stand(tmp_path: Path, version: int, start: int) -> None:
    content = nifti_bytes(numbers((5, 6, 7, 3)), version=version)
    with open_source(write(tmp_path / "a.nii", content)) as source:
        layout = parse_nifti(source)
    assert (layout.offset, layout.volume_bytes) == (start, 5 * 6 * 7 * 2)
    assert layout.end == len(content)
