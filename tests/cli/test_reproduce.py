"""``heatlas reproduce`` says equal, or what differs and why, and its exit code says it too."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nibabel
import pytest

from tests.cli.runner import Runner
from tests.tiny import tiny_study, write_map

SOME_MAP = "maps/analysis-groups_contrast-illwell_stat-t_statmap.nii.gz"
CORRECTED = SOME_MAP.replace("stat-t", "stat-logpfwe")


@pytest.fixture
def results(tmp_path: Path, heatlas: Runner) -> Path:
    study = tiny_study(tmp_path)
    out = tmp_path / "out"
    assert heatlas("run", study, "-o", out, "--quiet", "--workers", 1).code == 0
    return out


def test_results_that_come_out_again_are_equal(results: Path, heatlas: Runner) -> None:
    said = heatlas("reproduce", results, "--workers", 1, "--quiet")
    assert said.code == 0
    assert said.out.startswith("Reproduced: all ")
    assert said.out.endswith(" outputs are equal, byte for byte.\n")


def test_a_map_that_was_edited_is_named_with_the_outputs_that_differ(
    results: Path, heatlas: Runner
) -> None:
    edited = results.parent / "maps" / "sub-03.nii.gz"
    write_map(edited, nibabel.load(edited).get_fdata() + 0.5)
    said = heatlas("reproduce", results, "--workers", 1, "--quiet")
    assert said.code == 1
    lines = said.out.splitlines()
    assert " outputs differ." in lines[0]
    assert any(re.fullmatch(f"  {SOME_MAP}: largest difference [0-9.]+", line) for line in lines)
    assert lines[-1] == "Inputs that changed: maps/sub-03.nii.gz."


def test_a_result_that_was_edited_after_the_run_is_found(results: Path, heatlas: Runner) -> None:
    (results / "report.html").write_text("All of it was significant.")
    (results / "figures").joinpath("a-figure-of-mine.png").write_bytes(b"not of the run")
    said = heatlas("reproduce", results, "--workers", 1, "--quiet", "--json")
    assert said.code == 1
    found = json.loads(said.out)
    assert found["same"] is False
    assert found["different"] == {"report.html": "was changed after the run"}
    assert found["causes"] == []
    assert SOME_MAP in found["equal"]


def test_other_settings_are_said_to_be_the_cause(results: Path, heatlas: Runner) -> None:
    study = results.parent / "study.yaml"
    study.write_text(study.read_text().replace("seed: 7", "seed: 8"))
    said = heatlas("reproduce", results, "--workers", 1, "--quiet", "--json")
    assert said.code == 1
    found = json.loads(said.out)
    assert found["causes"] == ["Settings of the study file that changed: seed."]
    assert "report.html" in found["different"]
    assert CORRECTED in found["different"]
    assert SOME_MAP in found["equal"]  # no chance is in the statistic itself


def test_results_that_moved_find_their_study_only_when_told(results: Path, heatlas: Runner) -> None:
    moved = results.parent / "deeper" / "down"
    shutil.copytree(results, moved)
    lost = heatlas("reproduce", moved, "--quiet")
    assert lost.code == 2
    assert "name it with --study" in lost.sentence
    study = results.parent / "study.yaml"
    assert heatlas("reproduce", moved, "--study", study, "--quiet", "--workers", 1).code == 0


def test_a_folder_that_is_no_finished_run_is_refused(tmp_path: Path, heatlas: Runner) -> None:
    assert "is no finished run" in heatlas("reproduce", tmp_path).sentence
    (tmp_path / "study.lock.json").write_text("{}")
    assert "no lock file of Heatlas" in heatlas("reproduce", tmp_path).sentence
    (tmp_path / "study.lock.json").write_text("{")
    assert "damaged" in heatlas("reproduce", tmp_path).sentence
