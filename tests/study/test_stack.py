"""From files to one stack on one grid; what was done, and what was lost, is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import smooth_img
from numpy.testing import assert_allclose, assert_array_equal

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.execute import SerialExecutor, get_executor
from heatlas.core.store import MemoryStore
from heatlas.study import stack
from heatlas.study.cohort import read_cohort
from heatlas.study.plan import Event
from heatlas.study.spec import read_spec
from heatlas.study.stack import LoadedMaps, load_maps
from tests.phantom import affine
from tests.tiny import IDS, SETTINGS, SHAPE, tiny_study, write_map, write_study


def loaded(folder: Path, **options: Any) -> LoadedMaps:
    spec = read_spec(folder / "study.yaml")
    files = read_cohort(spec.cohort, base=folder, executor=SerialExecutor())
    taken = {"executor": SerialExecutor(), "store": MemoryStore(), **options}
    return load_maps(files, spec=spec, base=folder, key="read", **taken)


def raw(folder: Path) -> np.ndarray:
    """The maps as nibabel reads them, shape (n, x, y, z)."""
    return np.stack([nib.load(folder / "maps" / f"{n}.nii.gz").get_fdata() for n in IDS])


def test_values_are_those_of_the_files_in_table_order(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    found = loaded(tmp_path)
    assert found.stack.ids == IDS
    assert found.stack.values.dtype == np.float32
    assert_array_equal(found.stack.values, raw(tmp_path).reshape(12, -1).astype(np.float32))
    assert_allclose(found.stack.mask.grid.affine, affine(shape=SHAPE))


def test_smoothing_comes_before_the_mask_and_equals_nilearn(tmp_path: Path) -> None:
    tiny_study(tmp_path, smooth={"fwhm_mm": 7}, mask={"minimum": 0.0, "coverage": 0.75})
    found = loaded(tmp_path).stack
    images = [nib.load(tmp_path / "maps" / f"{name}.nii.gz") for name in IDS]
    expected = np.stack([smooth_img(image, 7).get_fdata() for image in images])
    inside = (expected >= 0).mean(axis=0) >= 0.75
    assert_array_equal(found.mask.inside.reshape(SHAPE), inside)
    assert_allclose(found.values, expected[:, inside], atol=1e-5)


def test_smoothing_inside_the_mask_lets_nothing_in_from_outside(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    box = np.zeros(SHAPE)
    box[3:9, 3:9, 3:9] = 1
    write_map(tmp_path / "mask.nii.gz", box)
    changed = {"smooth": {"fwhm_mm": 8, "inside": "mask"}, "mask": {"path": "mask.nii.gz"}}
    write_study(tmp_path, **changed)
    before = loaded(tmp_path).stack.values
    for name, values in zip(IDS, raw(tmp_path), strict=True):
        write_map(tmp_path / "maps" / f"{name}.nii.gz", np.where(box > 0, values, 1e4))
    assert_allclose(loaded(tmp_path).stack.values, before, atol=1e-4)
    write_study(tmp_path, **{**changed, "smooth": {"fwhm_mm": 8}})
    assert np.abs(loaded(tmp_path).stack.values - before).max() > 100


def test_a_merged_file_gives_the_stack_of_separate_files(tmp_path: Path) -> None:
    tiny_study(tmp_path, smooth={"fwhm_mm": 5})
    apart = loaded(tmp_path).stack
    merged = np.moveaxis(raw(tmp_path), 0, -1).astype(np.float32)
    nib.save(nib.Nifti1Image(merged, affine(shape=SHAPE)), tmp_path / "all.nii.gz")
    cohort = {"tables": ["people.tsv"], "maps": {"merged": "all.nii.gz"}}
    write_study(tmp_path, smooth={"fwhm_mm": 5}, cohort=cohort)
    together = loaded(tmp_path).stack
    assert_array_equal(together.values, apart.values)
    (step, *_) = together.provenance.steps
    assert sorted(step.inputs) == sorted(f"all.nii.gz#{k}" for k in range(12))


def test_files_stored_left_to_right_and_right_to_left_are_one_stack(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    straight = loaded(tmp_path)
    for name in IDS[::2]:
        path = tmp_path / "maps" / f"{name}.nii.gz"
        image = nib.load(path)
        turned = nib.orientations.axcodes2ornt(("L", "P", "S"))
        nib.save(image.as_reoriented(turned), path)
    mixed = loaded(tmp_path)
    assert_array_equal(mixed.stack.values, straight.stack.values)
    assert "6 as LPS, 6 as RAS" in mixed.policy[0]
    assert mixed.coverage.words("stored_as")[:2] == ("LPS", "RAS")


def test_real_twins_that_differ_in_storage_alone_are_one_map(
    real_data: Path, tmp_path: Path
) -> None:
    maps = str(real_data / "formats") + "/mni{participant_id}.nii.gz"
    if not Path(maps.format(participant_id="LR")).exists():
        maps = str(next((real_data / "formats").rglob("mniLR.nii.gz")).parent) + (
            "/mni{participant_id}.nii.gz"
        )
    (tmp_path / "people.tsv").write_text("participant_id\nLR\nRL\n")
    write_study(tmp_path, cohort={"tables": ["people.tsv"], "maps": maps})
    found = loaded(tmp_path)
    assert_array_equal(found.stack.values[0], found.stack.values[1])
    assert len(set(found.coverage.words("stored_as"))) == 2


def test_maps_on_two_grids_meet_on_the_coarsest(tmp_path: Path) -> None:
    tiny_study(tmp_path, grid="coarsest")
    write_map(tmp_path / "maps" / "sub-05.nii.gz", np.full(SHAPE, 2.0), voxel_mm=5.0)
    found = loaded(tmp_path)
    assert found.stack.mask.grid.voxel_sizes_mm == pytest.approx((5, 5, 5))
    assert "11 of 12 resampled by normalised linear interpolation" in found.policy[1]
    assert found.coverage.words("resampled").count("no") == 1
    assert "beyond the edges of its file a map has no value" in found.policy[1]
    reach = 3 * np.array(SHAPE) / 2  # of the fine maps, in mm around the origin
    assert (np.abs(found.stack.mask.positions_mm()) <= reach).all()
    assert found.stack.mask.size == 8 * 8 * 8


def test_a_mask_file_is_moved_to_the_grid_of_the_maps(tmp_path: Path) -> None:
    tiny_study(tmp_path, mask={"path": "mask.nii.gz"})
    write_map(tmp_path / "mask.nii.gz", np.ones((8, 8, 8)), voxel_mm=2.0)
    places = loaded(tmp_path).stack.mask.positions_mm()
    assert np.abs(places).max() <= 8
    assert len(places) > 100


def test_values_that_are_not_finite_are_counted_and_left_outside(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    values = raw(tmp_path)[3]
    values[:2] = np.nan
    values[11, 0, 0] = np.inf
    write_map(tmp_path / "maps" / "sub-04.nii.gz", values)
    found = loaded(tmp_path)
    n = 2 * SHAPE[1] * SHAPE[2] + 1
    assert found.stack.mask.size == np.prod(SHAPE) - n
    assert found.coverage.numbers("not_finite")[3] == n
    assert found.coverage.numbers("not_finite").sum() == n


def test_maps_with_gaps_inside_a_lenient_mask_are_refused_with_the_remedy(tmp_path: Path) -> None:
    tiny_study(tmp_path, mask={"coverage": 0.5})
    values = raw(tmp_path)[3]
    values[:2] = np.nan
    write_map(tmp_path / "maps" / "sub-04.nii.gz", values)
    with pytest.raises(NotSupportedError, match=r"1 map .*sub-04.*mask.coverage to 1"):
        loaded(tmp_path)


def test_coverage_is_the_share_of_the_mask_that_a_map_covers(tmp_path: Path) -> None:
    tiny_study(tmp_path, mask={"minimum": 0.5, "coverage": 0.25})
    values = raw(tmp_path)
    inside = (values >= 0.5).mean(axis=0) >= 0.25
    expected = (values >= 0.5)[:, inside].mean(axis=1)
    found = loaded(tmp_path)
    assert_allclose(found.coverage.numbers("coverage"), expected)
    assert "voxels where at least 25 % of the 12 maps are at least 0.5" in found.policy[-1]


def test_voxels_with_one_value_in_all_maps_are_told(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    for name, values in zip(IDS, raw(tmp_path), strict=True):
        values[0, 0, :3] = 7.0
        write_map(tmp_path / "maps" / f"{name}.nii.gz", values)
    (warning,) = loaded(tmp_path).warnings
    assert warning.startswith("3 voxels of the mask hold one value in all maps")


def test_a_map_that_was_copied_to_another_participant_is_told(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    copied = (tmp_path / "maps" / "sub-02.nii.gz").read_bytes()
    for name in ("sub-07", "sub-09"):
        (tmp_path / "maps" / f"{name}.nii.gz").write_bytes(copied)
    expected = "The files of sub-02, sub-07 and sub-09 are the same, byte for byte."
    assert loaded(tmp_path).warnings == (expected,)


def test_forms_that_place_voxels_elsewhere_are_told_once_with_their_number(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    for name in IDS[:4]:
        path = tmp_path / "maps" / f"{name}.nii.gz"
        image = nib.load(path)
        moved = image.affine.copy()
        moved[0, 3] += 5
        image.set_qform(moved, code=1)
        image.set_sform(image.affine, code=1)
        nib.save(image, path)
    (warning,) = loaded(tmp_path).warnings
    assert warning.startswith("4 maps: ")
    assert "qform" in warning


def test_a_map_without_any_value_is_named(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    write_map(tmp_path / "maps" / "sub-06.nii.gz", np.full(SHAPE, np.nan))
    with pytest.raises(DataError, match=r"sub-06\.nii\.gz: the map holds no finite value"):
        loaded(tmp_path)


def test_large_cohorts_are_read_twice_to_the_same_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_study(tmp_path, smooth={"fwhm_mm": 6}, mask={"minimum": 0.0, "coverage": 0.5})
    once = loaded(tmp_path)
    monkeypatch.setattr(stack, "WHOLE_BYTES", 0)
    twice = loaded(tmp_path)
    assert_array_equal(once.stack.values, twice.stack.values)
    assert_array_equal(once.coverage.numbers("coverage"), twice.coverage.numbers("coverage"))


def test_no_executor_changes_a_value(tmp_path: Path) -> None:
    tiny_study(tmp_path, smooth={"fwhm_mm": 6})
    serial = loaded(tmp_path).stack
    parallel = loaded(tmp_path, executor=get_executor("processes", workers=2)).stack
    assert serial.values.tobytes() == parallel.values.tobytes()


def test_a_stack_that_is_kept_is_not_read_again(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    store, heard = MemoryStore(), list[Event]()
    first = loaded(tmp_path, store=store, listen=heard.append)
    assert [event.done for event in heard] == list(range(1, 13))
    heard.clear()
    second = loaded(tmp_path, store=store, listen=heard.append)
    assert heard == []
    assert_array_equal(first.stack.values, second.stack.values)
    assert first.policy == second.policy
    assert first.stack.provenance.to_json() == second.stack.provenance.to_json()


def test_the_provenance_names_every_map_smoothing_and_mask(tmp_path: Path) -> None:
    tiny_study(tmp_path, smooth={"fwhm_mm": 6}, seed=SETTINGS["seed"])
    steps = loaded(tmp_path).stack.provenance.steps
    assert [step.name for step in steps] == ["read", "smooth", "mask"]
    assert sorted(steps[0].inputs) == [f"maps/{name}.nii.gz" for name in IDS]
    assert steps[1].parameters["fwhm_mm"] == 6
    assert steps[2].parameters["n_voxels"] == np.prod(SHAPE)
