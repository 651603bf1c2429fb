"""Formats that nibabel reads for us, and those that are refused with a way out."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.io.foreign import SIDES_ASSUMED, files_of
from heatlas.io.nifti import read_header, read_volume
from tests.io.images import AFFINE, numbers

READABLE = [
    "ras.hdr", "ras.img", "wm.mgz", "vr_base_min_outlier+orig.HEAD",
    "nibabel/scaled+tlrc.BRIK", "nibabel/tiny.mnc", "nibabel/test.mgz",
    "nibabel/example4d+orig.BRIK.gz",
]  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
def test_each_format_gives_the_values_and_the_grid_of_nibabel(real_data: Path, name: str) -> None:
    path = real_data / "formats" / name
    header = read_header(path)
    volume = read_volume(path, volume=header.n_volumes - 1)
    image = nib.as_closest_canonical(nib.load(path))
    values = np.asarray(image.dataobj).reshape((*volume.grid.shape, -1), order="F")[..., -1]
    np.testing.assert_array_equal(volume.values, values.astype(np.float32))
    np.testing.assert_allclose(volume.grid.affine, image.affine, atol=1e-5)


def test_a_big_endian_analyze_pair_with_a_trailing_axis_is_one_volume(real_data: Path) -> None:
    image = read_volume(real_data / "wager2008" / "con_00810001.img")
    header = read_volume(real_data / "wager2008" / "con_00810001.hdr")
    published = read_volume(real_data / "wager2008" / "sub-01_con-regVSlookneg.nii.gz")
    assert image.grid.shape == (47, 56, 31)
    assert image.grid.same_as(published.grid)
    np.testing.assert_array_equal(image.values, header.values)
    stored = np.fromfile(real_data / "wager2008" / "con_00810001.img", dtype=">f4")
    stored = stored.reshape(image.grid.shape, order="F")[::-1]  # stored from right to left
    np.testing.assert_array_equal(image.values, stored)


def test_both_files_of_a_pair_are_inputs_of_the_provenance(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(numbers(), AFFINE), tmp_path / "a.img")
    volume = read_volume(tmp_path / "a.hdr")
    assert sorted(volume.provenance.steps[0].inputs) == ["a.hdr", "a.img"]
    assert files_of(tmp_path / "a.img") == (tmp_path / "a.hdr", tmp_path / "a.img")


def test_an_analyze_file_warns_that_it_does_not_know_its_sides(tmp_path: Path) -> None:
    nib.save(nib.AnalyzeImage(numbers(), None), tmp_path / "a.img")
    volume = read_volume(tmp_path / "a.img")
    assert volume.provenance.warnings == (f"a.img: {SIDES_ASSUMED}",)


def test_a_nifti_pair_knows_its_sides(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(numbers(), AFFINE), tmp_path / "a.img")
    assert read_volume(tmp_path / "a.img").provenance.warnings == ()


def test_a_header_without_its_image_names_what_is_missing(real_data: Path) -> None:
    with pytest.raises(DataError, match=r"analyze\.img', is missing"):
        read_volume(real_data / "formats" / "nibabel" / "analyze.hdr")


@pytest.mark.parametrize("name", ["bad_attribute+orig.HEAD", "bad_datatype+orig.HEAD"])
def test_a_damaged_header_is_one_sentence(real_data: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot be read as an image") as caught:
        read_volume(real_data / "formats" / "nibabel" / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mha.mha", "MetaImage files here; convert it to NIfTI"),
        ("enh.dcm", "DICOM files here; convert it to NIfTI"),
    ],
)
def test_a_known_format_is_refused_with_the_tool_that_converts_it(
    real_data: Path, name: str, words: str
) -> None:
    with pytest.raises(NotSupportedError, match=words):
        read_volume(real_data / "formats" / name)


def test_a_surface_is_refused_as_no_grid(tmp_path: Path) -> None:
    (tmp_path / "a.gii").write_text("<GIFTI/>")
    with pytest.raises(NotSupportedError, match="GIFTI surface file"):
        read_volume(tmp_path / "a.gii")


def test_a_missing_file_of_any_format_is_missing(tmp_path: Path) -> None:
    for name in ("a.mha", "a.mgz", "a.img"):
        with pytest.raises(DataError, match="no such file"):
            read_volume(tmp_path / name)


def test_text_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "Readme.txt").write_text("hello")
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_volume(tmp_path / "Readme.txt")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
@pytest.mark.parametrize(
    "name", ["ras.img", "wm.mgz", "nibabel/tiny.mnc", "nibabel/scaled+tlrc.BRIK"]
)
def test_a_file_that_is_cut_off_is_a_data_error(
    real_data: Path, tmp_path: Path, name: str, share: float
) -> None:
    source = real_data / "formats" / name
    for file in files_of(source):
        shutil.copy(file, tmp_path / file.name)
    path = tmp_path / source.name
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError):
        read_volume(path)


def test_a_hostile_claim_in_a_pair_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(numbers(), AFFINE), tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    content[40:48] = np.array([3, 30000, 30000, 30000], dtype="<i2").tobytes()
    (tmp_path / "a.hdr").write_bytes(content)
    with pytest.raises(DataError, match="cannot hold"):
        read_volume(tmp_path / "a.img")


def test_nibabel_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nib.save(nib.AnalyzeImage(numbers(), None), tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    content[80:84] = np.array([-2.0], dtype="<f4").tobytes()  # a negative voxel size
    (tmp_path / "a.hdr").write_bytes(content)
    read_volume(tmp_path / "a.img")
    captured = capsys.readouterr()
    assert captured.err + captured.out == ""
