"""Maps become one stack inside one mask, and everything that is lost is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.execute import SerialExecutor, ThreadExecutor
from heatlas.io.source import digest_file
from heatlas.study import mapstack
from heatlas.study.maplist import MapList, list_maps
from heatlas.study.mapstack import StackedMaps, stack_maps
from tests.phantom import affine, smooth_noise
from tests.study.images import write_nifti

SHAPE = (5, 6, 4)


def written(folder: Path, values: np.ndarray) -> MapList:
    """Maps of shape (n, x, y, z) as files."""
    paths = [write_nifti(folder / f"m{k}.nii.gz", v.astype(np.float32))
             for k, v in enumerate(values)]  # fmt: skip
    return list_maps([str(path) for path in paths])


def stacked(maps: MapList, *, mask: Path | None = None, workers: int = 1) -> StackedMaps:
    digests = {path: digest_file(path) for path in maps.paths}
    executor = ThreadExecutor(workers=workers) if workers > 1 else SerialExecutor()
    return stack_maps(maps, mask=mask, digests=digests, executor=executor)


def test_voxels_finite_in_all_maps_and_not_background_stay(tmp_path: Path) -> None:
    values = smooth_noise(3, SHAPE)
    values[:, 0] = 0
    values[1, 1, 0, 0] = np.nan
    values[0, 2, 0, 0] = 0
    found = stacked(written(tmp_path, values))
    inside = found.stack.mask.inside.reshape(SHAPE)
    assert not inside[0].any()
    assert not inside[1, 0, 0]
    assert inside[2, 0, 0]
    assert found.stack.mask.size == values[0].size - values[0, 0].size - 1
    np.testing.assert_allclose(found.stack.values, values[:, inside], rtol=1e-6)
    assert "left out, as finite in some maps only: 1 voxel" in found.notes
    assert found.stack.ids == ("m0", "m1", "m2")


def test_a_mask_image_decides(tmp_path: Path) -> None:
    maps = written(tmp_path, smooth_noise(3, SHAPE))
    inside = np.zeros(SHAPE, np.uint8)
    inside[2:, 3] = 1
    found = stacked(maps, mask=write_nifti(tmp_path / "mask.nii.gz", inside))
    np.testing.assert_array_equal(found.stack.mask.inside.reshape(SHAPE), inside)


def test_a_map_that_is_not_finite_in_the_mask_is_named_with_the_place(tmp_path: Path) -> None:
    values = smooth_noise(4, SHAPE)
    values[1, 2, 3, 1] = values[1, 2, 4, 1] = values[3, 0, 0, 0] = np.nan
    maps = written(tmp_path, values)
    mask = write_nifti(tmp_path / "mask.nii.gz", np.ones(SHAPE, np.uint8))
    with pytest.raises(DataError) as told:
        stacked(maps, mask=mask)
    words = str(told.value)
    assert "Map 'm1' is not finite in 2 voxels of the mask" in words
    x, y, z = (affine(shape=SHAPE) @ [2, 3, 1, 1])[:3]
    assert f"({x:g}, {y:g}, {z:g})".replace("-", "−") in words
    assert "and so 1 other map" in words
    assert "leave --mask out" in words


def test_maps_without_a_common_voxel_are_refused(tmp_path: Path) -> None:
    values = np.full((2, *SHAPE), np.nan)
    values[0, 0], values[1, 1] = 1.0, 1.0
    with pytest.raises(DataError, match="mask is empty"):
        stacked(written(tmp_path, values))


def test_maps_on_two_grids_are_refused_with_the_way_out(tmp_path: Path) -> None:
    first = write_nifti(tmp_path / "a.nii.gz", np.ones(SHAPE, np.float32))
    second = write_nifti(tmp_path / "b.nii.gz", np.ones((5, 6, 5), np.float32))
    with pytest.raises(SpaceMismatchError, match="heatlas resample"):
        stacked(list_maps([str(first), str(second)]))


def test_reading_twice_and_in_threads_gives_the_same_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = written(tmp_path, smooth_noise(6, SHAPE))
    once = stacked(maps)
    monkeypatch.setattr(mapstack, "WHOLE_BYTES", 1)
    twice = stacked(maps, workers=2)
    np.testing.assert_array_equal(once.stack.values, twice.stack.values)
    assert once.stack.mask.same_as(twice.stack.mask)


def test_volumes_of_one_file_are_read_in_the_order_of_the_rows(tmp_path: Path) -> None:
    values = np.moveaxis(smooth_noise(4, SHAPE), 0, -1).astype(np.float32)
    path = write_nifti(tmp_path / "all.nii.gz", values)
    maps = list_maps([str(path)]).take(np.array([3, 1]))
    found = stacked(maps)
    np.testing.assert_array_equal(found.stack.values, values[..., [3, 1]].reshape(-1, 2).T)
    inputs = found.stack.provenance.steps[0].inputs
    assert list(inputs) == ["all#3", "all#1"]


def test_the_provenance_names_no_folder(tmp_path: Path) -> None:
    found = stacked(written(tmp_path, smooth_noise(2, SHAPE)))
    assert str(tmp_path) not in str(found.stack.provenance.to_json())
