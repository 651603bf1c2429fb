"""The recipe of the main job: which files it leaves, and what it makes of a second call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heatlas.core.errors import DataError
from heatlas.study.plan import Event
from heatlas.study.run import run_study
from tests.tiny import tiny_study, write_study


def test_results_lie_beside_the_study_unless_told(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, name="my study")
    results = run_study(study, workers=1)
    assert results.folder == tmp_path / "my study-results"
    assert results.report == results.folder / "report.html"
    assert results.report.is_file()
    assert not results.was_complete
    assert run_study(study, workers=1).was_complete


def test_the_results_are_a_derivatives_dataset_with_a_sidecar_for_each_map(
    tmp_path: Path,
) -> None:
    out = run_study(tiny_study(tmp_path), out=tmp_path / "out", workers=1).folder
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert {path.name for path in out.iterdir()} == {
        ".heatlas", "dataset_description.json", "figures", "log.jsonl", "maps", "report.html",
        "study.lock.json", "tables",
    }  # fmt: skip
    maps = sorted((out / "maps").glob("*.nii.gz"))
    stats = {path.name.split("_stat-")[1].removesuffix("_statmap.nii.gz") for path in maps}
    assert stats == {
        "mask", "t", "effect", "se", "cilow", "cihigh", "g", "glow", "ghigh", "logpfwe",
    }  # fmt: skip
    for path in maps:
        assert path.with_name(path.name.replace(".nii.gz", ".json")).is_file()
    for path in (out / "tables").glob("*.tsv"):
        assert path.with_suffix(".json").is_file()


def test_a_listener_hears_every_step_once_and_permutations_to_the_last(tmp_path: Path) -> None:
    heard: list[Event] = []
    run_study(tiny_study(tmp_path), out=tmp_path / "out", workers=1, listen=heard.append)
    kinds = [event.kind for event in heard]
    assert kinds[0] == "plan"
    assert kinds[-1] == "done"
    steps = [event for event in heard if event.kind == "step"]
    assert [step.done for step in steps] == [0, 1, 2, 3]
    assert {step.total for step in steps} == {4}
    counted = [event for event in heard if event.text == "permutations"]
    assert counted[-1].done == counted[-1].total == 200
    assert [event.done for event in counted] == sorted(event.done for event in counted)


def test_a_run_that_stops_in_its_judgement_goes_on_from_there(tmp_path: Path) -> None:
    study = tiny_study(tmp_path)

    def stop(event: Event) -> None:
        if event.step == "write":
            raise DataError("stopped by the test")

    with pytest.raises(DataError, match="stopped by the test"):
        run_study(study, out=tmp_path / "out", workers=1, listen=stop)
    assert not (tmp_path / "out" / "report.html").exists()
    heard: list[Event] = []
    run_study(study, out=tmp_path / "out", workers=1, listen=heard.append)
    assert [event for event in heard if event.kind == "progress"] == []  # nothing was made again
    assert list((tmp_path / "out" / ".heatlas").glob("steps")) == []


@pytest.mark.parametrize(
    ("method", "stat"),
    [
        ("none", "logp"),
        ("bonferroni", "logpfwe"),
        ("fdr-bh", "logpfdr"),
        ("fdr-by", "logpfdr"),
        ("max-t", "logpfwe"),
    ],
)
def test_the_name_of_a_p_map_names_its_correction(method: str, stat: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"method": method}
    study = tiny_study(tmp_path, inference=settings)
    out = run_study(study, out=tmp_path / "out", workers=1).folder
    found = [path.name for path in (out / "maps").glob("*stat-logp*.nii.gz")]
    assert found == [f"analysis-groups_contrast-illwell_stat-{stat}_statmap.nii.gz"]
    sidecar = json.loads((out / "maps" / found[0].replace(".nii.gz", ".json")).read_text())
    assert sidecar["Threshold"]["Method"] == method


def test_an_f_test_has_no_direction_and_no_interval(tmp_path: Path) -> None:
    asked = {"name": "any", "test": "group", "kind": "F"}
    study = tiny_study(tmp_path)
    write_study(tmp_path, analyses=[{"name": "a", "model": "C(group)", "contrasts": [asked]}])
    out = run_study(study, out=tmp_path / "out", workers=1).folder
    stats = {path.name.split("_stat-")[1].split("_")[0] for path in (out / "maps").iterdir()}
    expected = {"mask", "F", "partialr2", "partialr2low", "partialr2high", "logpfwe"}
    assert stats == expected
