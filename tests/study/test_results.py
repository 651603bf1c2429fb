"""What a run leaves behind says what it is, reads back, and names no machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.io.nifti import read_volume
from heatlas.io.tables import read_table
from heatlas.study.results import check_names, output_digests, without_absolute_paths
from heatlas.study.run import run_study
from heatlas.study.spec import read_spec
from tests.phantom import affine
from tests.tiny import GROUPS, IDS, ILL_WELL, MEAN, SHAPE, analysis, tiny_study, write_study

STEM = "analysis-groups_contrast-illwell_stat-"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    study = tiny_study(
        folder,
        analyses=[{"name": "groups", "model": "C(group)", "contrasts": [ILL_WELL]}],
        mask={"minimum": -1.0, "coverage": 0.75},
    )
    return run_study(study, out=folder / "out", workers=1).folder


def sidecar(out: Path, stat: str) -> dict[str, Any]:
    found = json.loads((out / "maps" / f"{STEM}{stat}_statmap.json").read_text())
    assert isinstance(found, dict)
    return found


def read(out: Path, stat: str) -> Any:
    return nib.load(out / "maps" / f"{STEM}{stat}_statmap.nii.gz")


def lock_of(out: Path) -> dict[str, Any]:
    found = json.loads((out / "study.lock.json").read_text())
    assert isinstance(found, dict)
    return found


def test_maps_are_those_of_scipy_on_the_raw_files(out: Path) -> None:
    maps = [nib.load(out.parent / "maps" / f"{name}.nii.gz").get_fdata() for name in IDS]
    ill = np.array(GROUPS) == "ill"
    values = np.stack(maps)
    inside = (values >= -1).mean(axis=0) >= 0.75
    expected = stats.ttest_ind(values[ill], values[~ill])
    assert_allclose(read(out, "t").affine, affine(shape=SHAPE))
    assert_allclose(read(out, "t").get_fdata()[inside], expected.statistic[inside], rtol=1e-5)
    interval = expected.confidence_interval(0.95)
    difference = values[ill].mean(axis=0) - values[~ill].mean(axis=0)
    for stat, truth in {
        "effect": difference,
        "cilow": interval.low,
        "cihigh": interval.high,
    }.items():
        assert_allclose(read(out, stat).get_fdata()[inside], truth[inside], rtol=1e-5, atol=1e-6)


def test_outside_of_the_mask_there_is_no_value(out: Path) -> None:
    inside = read_volume(out / "maps" / "analysis-all_contrast-all_stat-mask_statmap.nii.gz").values
    for stat in ("t", "effect", "logpfwe"):
        values = read(out, stat).get_fdata()
        assert np.isfinite(values[inside > 0]).all()
        assert (np.isnan(values) | (values == 0))[inside == 0].all()


def test_a_header_says_which_statistic_it_is_with_its_degrees_of_freedom(out: Path) -> None:
    assert read(out, "t").header.get_intent()[:2] == ("t test", (10.0,))


def test_a_sidecar_says_kind_n_groups_test_and_threshold(out: Path) -> None:
    found = sidecar(out, "t")
    assert found["StatisticKind"] == "t"
    assert found["DegreesOfFreedom"] == [10]
    assert found["N"] == 12
    assert found["Groups"] == [{"Name": "ill", "N": 6}, {"Name": "well", "N": 6}]
    assert found["Contrast"]["Test"] == ILL_WELL["test"]
    assert found["Threshold"]["Method"] == "max-t"
    assert len(found["Sources"]) == 12
    assert "Threshold" not in sidecar(out, "effect")


def test_a_corrected_p_map_and_the_table_agree(out: Path) -> None:
    table = read_table(out / "tables" / "contrasts.tsv")
    logp = np.nan_to_num(read(out, "logpfwe").get_fdata())
    assert table.numbers("smallest_p")[0] == pytest.approx(10 ** -logp.max(), rel=1e-5)
    statistic = np.nan_to_num(read(out, "t").get_fdata())
    n_positive = int(((logp > -np.log10(0.05) - 1e-6) & (statistic > 0)).sum())
    n_negative = int(((logp > -np.log10(0.05) - 1e-6) & (statistic < 0)).sum())
    assert (n_positive, n_negative) == (
        table.numbers("voxels_positive")[0],
        table.numbers("voxels_negative")[0],
    )
    assert n_negative > 0  # the phantom's second group is higher


def test_the_lock_file_lists_the_digest_of_every_output(out: Path) -> None:
    lock = lock_of(out)
    for name, digest in lock["outputs"].items():
        assert digest_bytes((out / name).read_bytes()) == digest
    assert output_digests(out) == lock["outputs"]
    assert lock["inputs"]["maps/sub-01.nii.gz"] == digest_bytes(
        (out.parent / "maps" / "sub-01.nii.gz").read_bytes()
    )


def test_the_lock_file_resolves_coding_weights_and_defaults(out: Path) -> None:
    lock = lock_of(out)
    assert lock["study"]["inference"]["two_sided"] is True
    assert lock["study_file"] == {"name": "study.yaml", "folder": ".."}
    (model,) = lock["models"]
    assert model["levels"] == {"group": ["ill", "well"]}
    assert "sum" in model["coding"]["group"]
    (contrast,) = model["contrasts"]
    assert contrast["weights"] == [[0.0, 2.0]]
    assert contrast["meaning"]
    assert contrast["threshold"]["Permutations"] == 200


def test_settings_in_the_lock_file_name_no_folder_of_this_machine() -> None:
    given = {"a": ["/home/me/maps/{id}.nii.gz", "maps/x"], "b": {"c": "/home/me/t.tsv", "d": 1}}
    cut = without_absolute_paths(given)
    assert cut == {"a": ["{id}.nii.gz", "maps/x"], "b": {"c": "t.tsv", "d": 1}}


def test_analyses_and_contrasts_that_would_share_a_file_are_refused(tmp_path: Path) -> None:
    contrasts = [{"name": name, "test": "intercept"} for name in ("up-1", "UP1")]
    write_study(tmp_path, analyses=[{**MEAN, "contrasts": contrasts}])
    with pytest.raises(DataError, match="contrast names 'up-1' and 'UP1'"):
        check_names(read_spec(tmp_path / "study.yaml"))
    write_study(
        tmp_path, analyses=[{**analysis("1", "intercept")[0], "name": n} for n in ("a", "b")]
    )
    check_names(read_spec(tmp_path / "study.yaml"))


# ---------------------------------------------------------------- methods that permute


def run_with(folder: Path, inference: dict[str, Any], **said: Any) -> Path:
    groups = {"name": "groups", "model": "C(group)", "contrasts": [ILL_WELL], **said}
    study = tiny_study(
        folder, analyses=[groups], mask={"minimum": -1.0, "coverage": 0.75}, template="none",
        inference={"n_permutations": 200, **inference},
    )  # fmt: skip
    return run_study(study, out=folder / "out", workers=1).folder


EXTENDED = {
    "tfce": ({"method": "tfce"}, "tfce", "tfce"),
    "extent": (
        {"method": "cluster-extent", "cluster_threshold": {"p": 0.01}},
        "clusterextent",
        "cluster extent",
    ),
    "mass": (
        {"method": "cluster-mass", "cluster_threshold": {"p": 0.01}},
        "clustermass",
        "cluster mass",
    ),
    "mass above": (
        {"method": "cluster-mass-above", "cluster_threshold": {"statistic": 3.0}},
        "clustermass",
        "cluster mass",
    ),
}


@pytest.mark.parametrize("name", EXTENDED)
def test_what_was_made_largest_lies_beside_the_statistic_with_its_settings(
    name: str, tmp_path: Path
) -> None:
    inference, stat, kind = EXTENDED[name]
    out = run_with(tmp_path, inference)
    values, logp = (np.nan_to_num(read(out, one).get_fdata()) for one in (stat, "logpfwe"))
    told = sidecar(out, stat)
    assert told["StatisticKind"] == kind
    rule = told["Threshold"]
    survives = logp >= -np.log10(0.05) * (1 - 1e-6)
    assert survives.sum() == rule["SurvivingElements"] > 0
    np.testing.assert_array_equal(np.abs(values) > rule["Cut"], survives)
    assert rule["LogPMap"] == f"{STEM}logpfwe_statmap.nii.gz"
    assert rule["Settings"]["PermutationsAsked"] == 200
    assert rule["Settings"]["Neighbourhood"] == ("faces" if name == "tfce" else "edges")
    assert "exchangeable" in rule["Settings"]["Exchangeability"]
    beside = sidecar(out, "t")["Threshold"]
    assert "Cut" not in beside
    assert beside["QuantityCut"] == rule["Cut"]
    table = read_table(out / "tables" / "contrasts.tsv")
    assert table.numbers("compared_cut")[0] == pytest.approx(rule["Cut"])
    lock = lock_of(out)["models"][0]["contrasts"][0]["threshold"]
    assert lock["Settings"] == rule["Settings"]


def test_headers_name_an_intent_only_where_nifti_has_one(tmp_path: Path) -> None:
    out = run_with(tmp_path, {"method": "tfce"}, variance_groups="group")
    assert read(out, "v").header.get_intent()[0] == "none"
    assert read(out, "tfce").header.get_intent()[0] == "none"
    assert read(out, "effect").header.get_intent()[0] == "estimate"
    assert read(out, "logpfwe").header.get_intent("code")[0] == 24
    told = sidecar(out, "v")
    assert told["StatisticKind"] == "v"
    assert "DegreesOfFreedom" not in told
    assert not list((out / "maps").glob("*stat-t_*"))


def test_maps_of_a_small_volume_hold_p_only_there(tmp_path: Path) -> None:
    sphere = {"x": 0.0, "y": 0.0, "z": 0.0, "radius_mm": 9.0}
    out = run_with(tmp_path, {"small_volume": sphere})
    rule = sidecar(out, "t")["Threshold"]
    assert rule["Settings"]["SmallVolume"].startswith("a sphere of 9 mm around (0, 0, 0) mm")
    logp, statistic = (read(out, stat).get_fdata() for stat in ("logpfwe", "t"))
    assert 0 < np.isfinite(logp).sum() < np.isfinite(statistic).sum()
