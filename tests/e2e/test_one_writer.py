"""A results folder has one writer and one study; everything else is refused before it harms."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from heatlas.cli import main
from tests.e2e.processes import Finished, call, clear_up, kill, start, wait
from tests.tiny import outputs, people, tiny_study, write_study, write_tsv

# Holds the folder's lock until it is killed.
HOLD = """
import sys, time
from pathlib import Path
from heatlas.study.folder import single_writer
with single_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def run(study: Path, *more: str) -> int:
    words = ["run", str(study), "-o", str(study.parent / "out"), "--workers", "1", "--quiet"]
    return main([*words, *more])


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.startswith("heatlas: ")
    assert text.count("\n") == 1
    return text


def test_of_two_runs_into_one_folder_one_is_refused_and_the_other_ends_well(
    tmp_path: Path,
) -> None:
    study = tiny_study(tmp_path)
    words = ["run", str(study), "-o", str(tmp_path / "out"), "--workers", "1", "--quiet"]
    both = [start(*words), start(*words)]
    ends: list[Finished] = [wait(process) for process in both]
    refused = [end for end in ends if end.code == 2]
    if not refused:  # the second began when the first had ended
        pytest.skip("this machine was too slow to start two runs at once")
    assert len(refused) == 1
    assert "another run is writing this folder" in refused[0].err
    assert refused[0].err.count("\n") == 1
    assert sorted(end.code for end in ends) == [0, 2]
    assert main(["run", str(study), "-o", str(tmp_path / "alone"), "--quiet"]) == 0
    assert outputs(tmp_path / "out") == outputs(tmp_path / "alone")


def test_a_run_waits_for_nobody_and_a_dead_writer_blocks_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path)
    holder = start(str(tmp_path / "out"), code=HOLD)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    began = time.monotonic()
    assert run(study) == 2
    assert time.monotonic() - began < 20
    assert "another run is writing this folder" in one_sentence(capsys)
    kill(holder)
    clear_up(holder)
    assert run(study) == 0


def test_the_results_of_another_study_stay_as_they_are_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path)
    assert run(study) == 0
    first = outputs(tmp_path / "out")
    write_study(tmp_path, seed=8)
    capsys.readouterr()
    assert run(study) == 2
    assert "results of another study" in one_sentence(capsys)
    assert outputs(tmp_path / "out") == first
    assert run(study, "--overwrite") == 0
    second = outputs(tmp_path / "out")
    assert main(["run", str(study), "-o", str(tmp_path / "fresh"), "--quiet"]) == 0
    assert second == outputs(tmp_path / "fresh")
    assert second != first


def test_other_data_are_another_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tiny_study(tmp_path)
    assert run(study) == 0
    write_tsv(tmp_path / "people.tsv", people(age=range(30, 42)))
    assert run(study) == 2
    assert "other settings or data" in one_sentence(capsys)


def test_files_of_somebody_else_are_never_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny_study(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "log.jsonl").write_text("mine\n")
    assert run(study, "--overwrite") == 2
    assert "no results of Heatlas, such as 'log.jsonl'" in one_sentence(capsys)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["log.jsonl"]
    assert (tmp_path / "out" / "log.jsonl").read_text() == "mine\n"


def test_a_corrected_study_goes_on_in_the_folder_of_a_run_that_was_broken_off(
    tmp_path: Path,
) -> None:
    study = tiny_study(tmp_path)
    (tmp_path / "out" / ".heatlas").mkdir(parents=True)
    (tmp_path / "out" / ".heatlas" / "plan").write_text("sha256:of-the-faulty-study")
    assert run(study) == 0


def test_a_second_run_of_finished_results_does_nothing(tmp_path: Path) -> None:
    study = tiny_study(tmp_path)
    assert run(study) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    assert run(study) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_result_that_was_changed_or_lost_is_made_again(tmp_path: Path) -> None:
    study = tiny_study(tmp_path)
    assert run(study) == 0
    whole = outputs(tmp_path / "out")
    names = sorted(name for name in whole if name.endswith(".png"))
    (tmp_path / "out" / names[0]).write_bytes(b"painted over")
    (tmp_path / "out" / "report.html").unlink()
    assert run(study) == 0
    assert outputs(tmp_path / "out") == whole


def test_an_error_of_the_command_line_is_seen_from_outside(tmp_path: Path) -> None:
    ended = call("run", str(tmp_path / "none.yaml"))
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("heatlas: The study file ")
    assert ended.err.count("\n") == 1
