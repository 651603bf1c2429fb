"""``heatlas run`` on the command line: what it prints, what it writes, what it returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import Runner
from tests.tiny import analysis, tiny_study, write_study

STEPS = ["read", "fit groups", "judge groups / ill-well", "write"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tiny_study(tmp_path)


def test_a_dry_run_prints_the_plan_and_writes_nothing(study: Path, heatlas: Runner) -> None:
    before = sorted(study.parent.rglob("*"))
    said = heatlas("run", study, "--dry-run")
    assert said.code == 0
    for words in (*STEPS, "read 12 maps", "group[ill] - group[well] by max-t, 200 permutations"):
        assert words in said.out
    assert sorted(study.parent.rglob("*")) == before


def test_a_dry_run_as_json_names_the_steps_and_their_digests(study: Path, heatlas: Runner) -> None:
    plan = json.loads(heatlas("run", study, "--dry-run", "--json").out)
    assert [step["step"] for step in plan["steps"]] == STEPS
    assert plan["plan"] == plan["steps"][-1]["digest"]
    assert all(step["digest"].startswith("sha256:") for step in plan["steps"])


def test_quiet_prints_the_path_of_the_report_alone(study: Path, heatlas: Runner) -> None:
    said = heatlas("run", study, "--quiet", "--workers", 1)
    report = study.parent / "tiny-results" / "report.html"
    assert (said.code, said.out, said.err) == (0, f"{report}\n", "")
    assert report.is_file()


def test_json_prints_one_object_a_line(study: Path, heatlas: Runner) -> None:
    out = study.parent / "out"
    said = heatlas("run", study, "-o", out, "--json", "--workers", 1)
    assert (said.code, said.err) == (0, "")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["step"] for event in events if event["event"] == "step"] == STEPS
    last = {"event": "results", "state": "complete", "report": str(out / "report.html")}
    assert events[-1] == last
    shares = [event["done"] / event["total"] for event in events if event["event"] == "progress"]
    assert shares
    assert max(shares) == 1
    again = heatlas("run", study, "-o", out, "--json", "--workers", 1)
    assert json.loads(again.out) == {**last, "state": "complete before"}


def test_without_a_terminal_each_step_is_a_line_and_each_finding_is_told(
    study: Path, heatlas: Runner
) -> None:
    said = heatlas("run", study, "--workers", 1)
    lines = said.err.splitlines()
    assert [line for line in lines if line.startswith("[")] == [
        "[1/4] read: read 12 maps, mask",
        "[2/4] fit groups: model C(group) + age",
        "[3/4] judge groups / ill-well: group[ill] - group[well] by max-t, 200 permutations, "
        "alpha 0.05",
        "[4/4] write: maps, tables, figures and the report",
    ]
    assert any("n = 12 (6 ill, 6 well), df = 9" in line for line in lines)


def test_the_log_tells_the_same_steps_with_their_times(study: Path, heatlas: Runner) -> None:
    heatlas("run", study, "--quiet", "--workers", 1)
    text = (study.parent / "tiny-results" / "log.jsonl").read_text(encoding="utf-8")
    entries = [json.loads(line) for line in text.splitlines()]
    assert [entry["step"] for entry in entries if entry["event"] == "step"] == STEPS
    assert entries[-1]["event"] == "done"
    assert all(entry["time"].endswith("Z") for entry in entries)


@pytest.mark.parametrize("ending", ["report.html", "maps/*stat-t_statmap.nii.gz", "figures/*.png",
                                    "figures/*.svg", "tables/*_clusters.tsv"])  # fmt: skip
def test_what_a_run_wrote_says_how_it_was_made(ending: str, study: Path, heatlas: Runner) -> None:
    assert heatlas("run", study, "--quiet", "--workers", 1).code == 0
    files = sorted((study.parent / "tiny-results").glob(ending))
    assert files
    for file in files:
        said = heatlas("inspect", file)
        assert said.code == 0, said.err
        assert said.out.startswith("1. read (Heatlas ")
        assert "input maps/sub-01.nii.gz: sha256:" in said.out
        assert str(study.parent) not in said.out


def test_a_number_of_workers_that_is_no_number_is_a_fault_of_the_command(
    study: Path, heatlas: Runner
) -> None:
    said = heatlas("run", study, "--workers", "many")
    assert said.code == 2
    assert "--workers" in said.err
    assert not (study.parent / "tiny-results").exists()


def test_a_level_out_of_reach_is_told_before_the_run(study: Path, heatlas: Runner) -> None:
    few = analysis("C(group)", "group[ill] - group[well]", where="age > 45")
    write_study(study.parent, analyses=few)
    note = "Analysis asked, contrast c1: Only 6 arrangements exist, so no corrected p can be below"
    said = heatlas("run", study, "--dry-run")
    assert said.code == 0
    assert f"Note: {note}" in said.out
    plan = json.loads(heatlas("run", study, "--dry-run", "--json").out)
    assert plan["notes"][0].startswith(note)
    lines = heatlas("run", study, "--workers", 1).err.splitlines()
    assert lines[0].strip().startswith(note)
    report = (study.parent / "tiny-results" / "report.html").read_text(encoding="utf-8")
    assert "Only 6 arrangements exist" in report
