"""A map file is read with all that its header and its sidecar say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold, value_threshold
from heatlas.core.volume import Volume
from heatlas.io.derivatives import STAT_LABELS, map_sidecar
from heatlas.io.nifti import write_volume
from heatlas.study.mapfile import held_voxels, read_map, stat_map_of
from tests.phantom import SHAPE, affine
from tests.study.images import signed_map, write_nifti

GRID = Grid(shape=SHAPE, affine=affine())


def own_map(folder: Path, *, cut: float | None = 3.0, survivors: int | None = None) -> Path:
    """Write a t map as a run of Heatlas does, with its judgement in the sidecar."""
    volume = Volume(values=signed_map(), grid=GRID, name="map")
    stat_map = replace(
        stat_map_of(volume, kind="t"),
        dof=(67.0,),
        n=72,
        groups=(("depr", 51), ("control", 21)),
        quantity="grey-matter volume",
        contrast="depression",
    )
    threshold = None
    if cut is not None:
        rule = value_threshold(stat_map.values, cut=cut, two_sided=True)
        threshold = replace(rule, method="max-t", words="voxelwise FWE p < .05", correction="fwe")
    sidecar = map_sidecar(stat_map, stat="t", threshold=threshold)
    if survivors is not None:
        sidecar["Threshold"]["SurvivingElements"] = survivors
    path = folder / "map.nii.gz"
    provenance = stat_map.provenance.then("judge")
    write_volume(path, replace(volume, provenance=provenance), sidecar=sidecar)
    return path


def test_the_header_tells_kind_and_degrees_of_freedom(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "t.nii.gz", signed_map(), intent=("t test", (23.0,)))
    stat_map = read_map(path).stat_map
    assert (stat_map.kind, stat_map.dof, stat_map.n) == ("t", (23.0,), None)
    assert stat_map.contrast == "t"


def test_without_any_word_a_map_is_one_of_values(tmp_path: Path) -> None:
    found = read_map(write_nifti(tmp_path / "a.nii.gz", signed_map()))
    assert found.stat_map.kind == "value"
    assert found.threshold is None


def test_the_sidecar_of_our_own_map_tells_everything(tmp_path: Path) -> None:
    found = read_map(own_map(tmp_path))
    stat_map: StatMap = found.stat_map
    assert stat_map.sample_words() == "n = 72 (51 depr, 21 control), df = 67"
    assert (stat_map.kind, stat_map.contrast) == ("t", "depression")
    assert found.threshold is not None
    assert found.threshold.words == "voxelwise FWE p < .05"
    assert found.threshold.n_surviving == int((np.abs(signed_map()) > 3).sum())
    names = [step.name for step in stat_map.provenance.steps]
    assert names == ["find background", "judge", "read", "find background"]


def test_a_p_map_is_not_called_by_the_measure(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "p.nii.gz", signed_map())
    content = {"StatisticKind": "value", "Quantity": "grey-matter volume"}
    for stat, quantity in (("logpfwe", STAT_LABELS["logpfwe"]), ("effect", "grey-matter volume")):
        sidecar = {**content, "Description": STAT_LABELS[stat]}
        (tmp_path / "p.json").write_text(json.dumps(sidecar))
        assert read_map(path).stat_map.quantity == quantity


def test_an_empty_judgement_leaves_nothing(tmp_path: Path) -> None:
    found = read_map(own_map(tmp_path, cut=100.0))
    assert found.threshold is not None
    assert found.threshold.n_surviving == 0


def test_a_judgement_that_the_file_alone_cannot_show_is_not_shown(tmp_path: Path) -> None:
    found = read_map(own_map(tmp_path, survivors=1))
    assert found.threshold is None
    assert "voxelwise FWE p < .05" in found.notes[0]


def extended_map(folder: Path, *, with_p: bool = True) -> Path:
    """Write a t map that was judged by clusters, with the corrected p beside it."""
    path = own_map(folder, cut=None)
    stat_map = read_map(path).stat_map
    survives = np.arange(stat_map.mask.size) % 7 == 0
    rule = Threshold(
        method="cluster-mass", words="clusters by mass, FWE p < .05", survives=survives,
        correction="fwe", alpha=0.05, quantity="cluster mass", extended_cut=120.0,
    )  # fmt: skip
    sidecar = map_sidecar(stat_map, stat="t", threshold=rule)
    sidecar["Threshold"]["LogPMap"] = "map_logp.nii.gz"
    (folder / "map.json").write_text(json.dumps(sidecar))
    if with_p:
        logp = np.where(survives, 1.5, 0.2)
        logp[0] = -np.log10(0.05)  # exactly at the level, in float32
        values = stat_map.mask.scatter_grid(logp)
        write_volume(folder / "map_logp.nii.gz", Volume(values=values, grid=GRID))
    return path


def test_a_judgement_without_a_cut_is_read_from_the_corrected_p_beside_it(tmp_path: Path) -> None:
    found = read_map(extended_map(tmp_path))
    rule = found.threshold
    assert rule is not None
    np.testing.assert_array_equal(np.flatnonzero(rule.survives) % 7, 0)
    assert (rule.quantity, rule.extended_cut, rule.cut) == ("cluster mass", 120.0, None)
    assert rule.strength is not None
    assert (np.abs(rule.strength[rule.survives]) == 1).all()
    assert np.abs(rule.strength[~rule.survives]).max() <= 0.7


def test_without_the_corrected_p_such_a_judgement_is_not_drawn(tmp_path: Path) -> None:
    found = read_map(extended_map(tmp_path, with_p=False))
    assert found.threshold is None
    assert "needs the map of corrected p beside it" in found.notes[0]


@pytest.mark.parametrize("name", ["../map_logp.nii.gz", "/etc/passwd", "missing.nii.gz", 3])
def test_a_sidecar_leads_to_no_other_folder(tmp_path: Path, name: object) -> None:
    path = extended_map(tmp_path)
    sidecar = json.loads((tmp_path / "map.json").read_text())
    sidecar["Threshold"]["LogPMap"] = name
    (tmp_path / "map.json").write_text(json.dumps(sidecar))
    assert read_map(path).threshold is None


def test_the_map_of_what_was_compared_is_cut_at_its_own_value(tmp_path: Path) -> None:
    volume = Volume(values=signed_map() * 100, grid=GRID, name="map")
    stat_map = stat_map_of(volume, kind="tfce")
    rule = value_threshold(stat_map.values, cut=300.0, two_sided=True)
    sidecar = map_sidecar(stat_map, stat="tfce", threshold=replace(rule, quantity="TFCE"))
    write_volume(tmp_path / "a.nii.gz", volume, sidecar=sidecar)
    found = read_map(tmp_path / "a.nii.gz")
    assert found.stat_map.kind == "tfce"
    assert found.threshold is not None
    assert found.threshold.n_surviving == rule.n_surviving > 0
    assert found.threshold.cut == 300


def test_the_sidecar_of_another_program_changes_nothing(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", signed_map())
    (tmp_path / "a.json").write_text(json.dumps({"RepetitionTime": 2.0}))
    assert read_map(path).stat_map.kind == "value"
    (tmp_path / "a.json").write_text("{ damaged")
    assert read_map(path).stat_map.kind == "value"


def test_a_damaged_sidecar_of_ours_is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", signed_map())
    (tmp_path / "a.json").write_text(json.dumps({"StatisticKind": "t", "N": "many"}))
    with pytest.raises(DataError, match="sidecar of the map is damaged"):
        read_map(path)


def test_zeros_and_missing_values_are_background() -> None:
    values = np.zeros(SHAPE, np.float32)
    values[1, 1, 1], values[2, 2, 2] = 5, np.nan
    assert held_voxels(Volume(values=values, grid=GRID)).size == 1


def test_a_background_that_is_not_zero_is_found_by_the_corners() -> None:
    values = np.full(SHAPE, -0.003, np.float32)
    values[3:6, 3:6, 3:6] = 7
    mask = held_voxels(Volume(values=values, grid=GRID))
    assert mask.size == 27
    assert "−0.003" in mask.words.replace("-", "−")


def test_zeros_of_an_analysed_voxel_are_values(tmp_path: Path) -> None:
    values = np.full(SHAPE, np.nan, np.float32)
    values[3:6, 3:6, 3:6] = np.arange(27).reshape(3, 3, 3)
    path = write_nifti(tmp_path / "p.nii.gz", values)
    assert read_map(path).stat_map.mask.size == 26
    counts = {"StatisticKind": "value", "Elements": 27, "UndefinedElements": 0}
    (tmp_path / "p.json").write_text(json.dumps(counts))
    assert read_map(path).stat_map.mask.size == 27


def test_unequal_corners_are_values() -> None:
    values = np.full(SHAPE, 2.0, np.float32)
    values[0, 0, 0] = 3.0
    assert held_voxels(Volume(values=values, grid=GRID)).size == values.size


@pytest.mark.parametrize("filled", [0.0, np.nan, 4.0])
def test_a_map_of_background_only_is_refused(filled: float) -> None:
    volume = Volume(values=np.full(SHAPE, filled, np.float32), grid=GRID, name="empty")
    with pytest.raises(DataError, match="'empty' holds nothing but background"):
        held_voxels(volume)


def test_fsl_maps_have_a_kind_but_no_degrees_of_freedom(real_data: Path) -> None:
    stat_map = read_map(real_data / "stat_maps" / "tstat1.nii.gz").stat_map
    assert (stat_map.kind, stat_map.dof) == ("t", ())


@pytest.mark.parametrize(
    ("name", "n"),
    [("DAT_fpcit_hc174_dukart_spect", 63936), ("D1_SCH23390_hc13_kaller", 55265)],
)
def test_backgrounds_of_real_maps_are_found(real_data: Path, name: str, n: int) -> None:
    found = read_map(real_data / "receptors" / f"{name}.nii.gz")
    assert found.stat_map.mask.size == n
