"""A results folder as a BIDS-derivatives dataset."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, PrivacyError, UnknownNameError
from heatlas.core.provenance import Provenance, digest_bytes
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.table import Column, Table
from heatlas.core.threshold import Threshold
from heatlas.io.atomic import json_text
from heatlas.io.derivatives import (
    DerivativeWriter,
    bids_label,
    bids_labels,
    check_no_paths,
    map_name,
    map_sidecar,
    threshold_entry,
)


def t_map() -> StatMap:
    """Return a t map of eight voxels, one of them undefined."""
    mask = Mask(space=Grid(shape=(2, 2, 2), affine=np.eye(4)), inside=np.ones(8, bool))
    return StatMap(
        values=np.array([np.nan, 1, 2, 3, 4, 5, 6, 7]),
        mask=mask,
        kind="t",
        dof=(67,),
        contrast="depression",
        n=72,
        groups=(("depr", 51), ("control", 21)),
        quantity="grey-matter volume",
        provenance=Provenance().then("fit"),
    )


def judgement() -> Threshold:
    """Return a judgement of eight voxels."""
    return Threshold(
        method="max-t",
        words="voxelwise FWE p < .05 by 1,000 permutations",
        survives=np.arange(8) > 5,
        correction="fwe",
        alpha=0.05,
        cut=5.1,
        n_permutations=1000,
        undecided=np.arange(8) == 5,
        n_to_settle=4000,
    )


# -------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "label"),
    [("any-difference", "anydifference"), ("A b_1.2", "Ab12"), ("größe", "groe"), ("é/..", "e")],
)
def test_labels_hold_only_letters_and_digits(name: str, label: str) -> None:
    assert bids_label(name) == label


def test_a_name_without_latin_letters_is_refused() -> None:
    with pytest.raises(DataError, match="'±' has no Latin letter"):
        bids_label("±")


@pytest.mark.parametrize("names", [("a-b", "ab"), ("BDI", "bdi"), ("x1", "y", "x 1")])
def test_names_that_would_share_a_file_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=f"contrast names '{names[0]}' and '{names[-1]}'"):
        bids_labels(names, kind="contrast")


def test_different_names_keep_different_labels() -> None:
    assert bids_labels(["a-1", "b"], kind="analysis") == {"a-1": "a1", "b": "b"}


def test_maps_are_named_by_analysis_contrast_and_kind() -> None:
    expected = "maps/analysis-groups_contrast-anydifference_stat-logpfwe_statmap.nii.gz"
    assert map_name("groups", "any-difference", stat="logpfwe") == expected


def test_an_unknown_kind_of_map_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'logpfwe'"):
        map_name("a", "b", stat="logpfw")


# -------------------------------------------------------------------------------- sidecars


def test_a_sidecar_says_what_a_map_needs_to_be_read() -> None:
    sidecar = map_sidecar(
        t_map(), stat="t", test="group[depr] - group[control]", threshold=judgement(),
        sources=["sha256:aa"],
    )  # fmt: skip
    assert sidecar == {
        "Description": "t statistic",
        "StatisticKind": "t",
        "DegreesOfFreedom": [67.0],
        "N": 72,
        "Groups": [{"Name": "depr", "N": 51}, {"Name": "control", "N": 21}],
        "Contrast": {"Name": "depression", "Test": "group[depr] - group[control]"},
        "Quantity": "grey-matter volume",
        "Elements": 8,
        "UndefinedElements": 1,
        "Threshold": {
            "Rule": "voxelwise FWE p < .05 by 1,000 permutations",
            "Method": "max-t",
            "Correction": "fwe",
            "Alpha": 0.05,
            "TwoSided": True,
            "Cut": 5.1,
            "Permutations": 1000,
            "SurvivingElements": 2,
            "UndecidedElements": 1,
            "PermutationsToSettle": 4000,
        },
        "Sources": ["sha256:aa"],
        "Provenance": t_map().provenance.to_json(),
    }


def test_a_sidecar_tells_the_settings_of_the_method_and_its_own_cut() -> None:
    settings = {"TfceHeightExponent": 2.0, "CorrectedTogether": ["a", "b"]}
    rule = replace(judgement(), cut=None, quantity="TFCE", extended_cut=99.5, settings=settings)
    told = map_sidecar(t_map(), stat="tfce", threshold=rule)["Threshold"]
    assert (told["Quantity"], told["QuantityCut"]) == ("TFCE", 99.5)
    assert told["Settings"] == {"TfceHeightExponent": 2.0, "CorrectedTogether": ("a", "b")}
    assert "Cut" not in told


def test_more_arrangements_than_numbers_can_tell_are_written_in_words() -> None:
    told = threshold_entry(replace(judgement(), n_possible=np.inf))
    assert json.loads(json_text(told))["PossiblePermutations"] == "more than 1e308"


def test_zero_counts_stay_in_the_sidecar() -> None:
    whole = StatMap(values=np.arange(8.0), mask=t_map().mask, kind="mean")
    assert map_sidecar(whole, stat="mean")["UndefinedElements"] == 0


# -------------------------------------------------------------------------------- the folder


def write_all(folder: Path) -> dict[str, str]:
    """Write one file of each kind; return digests by name."""
    writer = DerivativeWriter(folder)
    sidecar = map_sidecar(t_map(), stat="t")
    table = Table(columns=(Column(name="size", values=np.array([1.5]), unit="mm3"),))
    written = [
        writer.start("a study", sources=[{"DOI": "doi:10.18112/openneuro.ds002748.v1.0.5"}]),
        writer.write_map(b"nifti", analysis="g", contrast="c", stat="t", sidecar=sidecar),
        writer.write_table("clusters", table, provenance=Provenance().then("measure")),
        writer.write_figure("c.png", b"png"),
        writer.write_page("<html></html>"),
        writer.write_json("study.lock.json", {"seed": 1}),
    ]
    return {reference.name: reference.digest for reference in written}


def test_the_folder_has_the_layout_of_the_design(tmp_path: Path) -> None:
    write_all(tmp_path / "results")
    found = {
        p.relative_to(tmp_path / "results").as_posix() for p in tmp_path.rglob("*") if p.is_file()
    }
    assert found == {
        "dataset_description.json",
        "maps/analysis-g_contrast-c_stat-t_statmap.nii.gz",
        "maps/analysis-g_contrast-c_stat-t_statmap.json",
        "tables/clusters.tsv",
        "tables/clusters.json",
        "figures/c.png",
        "report.html",
        "study.lock.json",
    }


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    for name, digest in write_all(tmp_path).items():
        assert digest == digest_bytes((tmp_path / name).read_bytes())


def test_two_folders_hold_the_same_bytes(tmp_path: Path) -> None:
    assert write_all(tmp_path / "a") == write_all(tmp_path / "b" / "c")


def test_the_description_names_generator_and_sources(tmp_path: Path) -> None:
    write_all(tmp_path)
    description = json.loads((tmp_path / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "Heatlas"
    assert description["SourceDatasets"] == [{"DOI": "doi:10.18112/openneuro.ds002748.v1.0.5"}]


def test_starting_removes_what_a_killed_run_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / ".a.nii.gz.0a1b2c3d.heatlas-part").write_bytes(b"half")
    (tmp_path / "maps" / "a.heatlas-part").write_bytes(b"a user's own")
    DerivativeWriter(tmp_path).start("s")
    assert os.listdir(tmp_path / "maps") == ["a.heatlas-part"]


@pytest.mark.parametrize("name", ["../out.png", "a/b.png", "", ".hidden", "a b.png", "/etc/x"])
def test_a_figure_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="no plain file name"):
        DerivativeWriter(tmp_path).write_figure(name, b"")
    assert not list(tmp_path.rglob("*.png"))


# -------------------------------------------------------------------------------- privacy

PATHS = ("/data/study/gm.nii", "C:\\Users\\x", "D:/x", "\\\\server\\x", "~/x", "file:///x")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dress", [lambda p: p, lambda p: {"a": [p]}, lambda p: {p: 1}])
def test_an_absolute_path_anywhere_in_json_is_refused(path: str, dress: object) -> None:
    with pytest.raises(PrivacyError, match="is a path on this machine"):
        check_no_paths(dress(path), where="x.json")  # type: ignore[operator]


@pytest.mark.parametrize(
    "words", ["gm/sub-01.nii.gz", "n/a", "https://doi.org/10.1", "1/2", "/", "a / b", "C: 5", "~ 5"]
)
def test_other_words_are_no_paths(words: str) -> None:
    check_no_paths({"a": words}, where="x.json")


def test_a_path_in_a_provenance_or_a_table_never_reaches_the_disk(tmp_path: Path) -> None:
    writer = DerivativeWriter(tmp_path)
    leaking = Provenance().then("read", inputs={"/data/me/a.nii": "sha256:00"})
    table = Table(columns=(Column(name="file", values=("/data/me/a.nii",)),))
    number = Table(columns=(Column(name="x", values=np.array([1.0])),))
    for attempt in (
        lambda: writer.write_table("t", table),
        lambda: writer.write_table("t", number, provenance=leaking),
        lambda: writer.write_json("a.json", leaking.to_json()),
    ):
        with pytest.raises(PrivacyError, match="/data/me/a.nii"):
            attempt()
    assert not list(tmp_path.iterdir())


def test_a_page_that_names_the_results_folder_or_the_home_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for folder in (tmp_path, "/home/somebody"):
        with pytest.raises(PrivacyError, match="report.html: its content names the folder"):
            DerivativeWriter(tmp_path).write_page(f"<p>{folder}/x.nii</p>")
    assert not list(tmp_path.iterdir())
