"""Images move onto the grid that was named, and nothing else happens to them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.space import Grid
from heatlas.study.inspect import inspect_file
from heatlas.study.resample import Target, cubic_grid, resample_file
from tests.phantom import SHAPE, affine
from tests.study.images import signed_map, write_nifti


@pytest.mark.parametrize("size", [1.0, 2.5, 3.0, 7.0])
def test_cubes_fill_the_same_box_around_the_same_centre(size: float) -> None:
    grid = Grid(shape=SHAPE, affine=affine())
    cubes = cubic_grid(grid, voxel_size_mm=size)
    assert cubes.voxel_sizes_mm == pytest.approx((size, size, size))
    for before, after in zip(SHAPE, cubes.shape, strict=True):
        assert 3 * before - 0.01 <= size * after < 3 * before + size
    middle = [(length - 1) / 2 for length in cubes.shape]
    np.testing.assert_allclose(cubes.to_mm(middle), 0, atol=1e-9)


@pytest.mark.parametrize("size", [0.0, 0.01, 1000.0, np.nan])
def test_voxel_sizes_that_make_no_sense_are_refused(size: float) -> None:
    with pytest.raises(DataError, match="voxel size"):
        cubic_grid(Grid(shape=SHAPE, affine=affine()), voxel_size_mm=size)


def test_a_grid_too_large_is_refused_before_memory_is_taken() -> None:
    grid = Grid(shape=(200, 200, 200), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    with pytest.raises(DataError, match="choose larger voxels"):
        cubic_grid(grid, voxel_size_mm=0.1)


@pytest.mark.parametrize("given", [{}, {"voxel_size_mm": 2.0, "template": "MNI152"}])
def test_exactly_one_target_is_named(given: dict[str, object]) -> None:
    with pytest.raises(DataError, match="only one"):
        Target(**given)  # type: ignore[arg-type]


def test_the_grid_of_another_image_is_taken(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "a.nii.gz", signed_map())
    like = write_nifti(tmp_path / "b.nii.gz", np.ones((9, 8, 7), np.float32))
    out = tmp_path / "out.nii.gz"
    written = resample_file(source, out=out, target=Target(like=like))
    stored = nib.load(out)
    assert stored.shape == (9, 8, 7)
    np.testing.assert_allclose(stored.affine, nib.load(like).affine)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), written.values)
    assert [step.name for step in inspect_file(out).steps] == ["read", "resample"]


def test_labels_stay_whole_numbers_of_their_type(tmp_path: Path) -> None:
    labels = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16)
    source = write_nifti(tmp_path / "labels.nii.gz", labels)
    out = tmp_path / "out.nii.gz"
    resample_file(source, out=out, target=Target(voxel_size_mm=4), nearest=True)
    stored = nib.load(out)
    assert stored.get_data_dtype() == np.int16
    assert set(np.unique(np.asarray(stored.dataobj))) <= set(np.unique(labels))


def test_the_template_is_named_rightly_or_not_at_all(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "a.nii.gz", signed_map())
    with pytest.raises(UnknownNameError, match="Did you mean 'MNI152'"):
        resample_file(source, out=tmp_path / "o.nii.gz", target=Target(template="MNI15"))
    written = resample_file(source, out=tmp_path / "o.nii.gz", target=Target(template="MNI152"))
    assert written.grid.voxel_sizes_mm == pytest.approx((2, 2, 2))


def test_nothing_is_written_when_an_output_is_refused(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "a.nii.gz", signed_map())
    before = source.read_bytes()
    with pytest.raises(DataError, match="an input"):
        resample_file(source, out=source, target=Target(voxel_size_mm=2), overwrite=True)
    assert source.read_bytes() == before
    assert list(tmp_path.iterdir()) == [source]


def test_a_mean_survives_halving_and_back(tmp_path: Path) -> None:
    values = np.ones(SHAPE, np.float32) * 7
    source = write_nifti(tmp_path / "a.nii.gz", values)
    written = resample_file(source, out=tmp_path / "b.nii.gz", target=Target(voxel_size_mm=1.5))
    inside = written.values[written.values != 0]
    np.testing.assert_allclose(inside, 7, rtol=1e-6)
