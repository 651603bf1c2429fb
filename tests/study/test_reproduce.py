"""Running results again: what counts as equal, how a difference is put, and what caused it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heatlas.core.errors import DataError
from heatlas.study.reproduce import Reproduction, reproduce_results
from heatlas.study.run import run_study
from tests.tiny import outputs, tiny_study

T_MAP = "maps/analysis-groups_contrast-illwell_stat-t_statmap.nii.gz"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    study = tiny_study(tmp_path, inference={"method": "bonferroni"})
    return run_study(study, out=tmp_path / "out", workers=1).folder


def edit_lock(results: Path, **changes: object) -> None:
    path = results / "study.lock.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_equal_results_are_equal_and_nothing_is_written(results: Path) -> None:
    before = outputs(results)
    found = reproduce_results(results, workers=1)
    assert found.is_same
    assert found.causes == ()
    assert len(found.equal) == len(before) - 1  # all but the lock file itself
    assert outputs(results) == before


def test_a_map_that_was_overwritten_is_found_though_the_lock_file_agrees(results: Path) -> None:
    (results / T_MAP).write_bytes((results / T_MAP.replace("stat-t", "stat-g")).read_bytes())
    (results / "report.html").unlink()
    found = reproduce_results(results, workers=1)
    assert dict(found.different) == {
        T_MAP: "was changed after the run",
        "report.html": "is not there any more",
    }


def test_other_versions_are_named_as_a_cause(results: Path) -> None:
    edit_lock(results, versions={"numpy": "1.0", "python": "2.7"})
    (cause, *_) = reproduce_results(results, workers=1).causes
    assert cause.startswith("Versions that changed: ")
    assert "numpy" in cause


def test_outputs_of_one_run_only_are_said_to_be_so(results: Path) -> None:
    lock = json.loads((results / "study.lock.json").read_text())
    edit_lock(results, outputs={k: v for k, v in lock["outputs"].items() if k != "report.html"})
    (results / "report.html").unlink()
    found = reproduce_results(results, workers=1)
    assert dict(found.different) == {"report.html": "only in the second run"}


def test_results_without_the_way_to_their_study_ask_for_it(results: Path) -> None:
    edit_lock(results, study_file={"name": "study.yaml", "folder": None})
    with pytest.raises(DataError, match="do not say where their study file 'study.yaml' lies"):
        reproduce_results(results)
    assert reproduce_results(results, study=results.parent / "study.yaml", workers=1).is_same


def test_the_verdict_is_a_sentence() -> None:
    same = Reproduction(equal=("a", "b"))
    assert same.words() == "Reproduced: all 2 outputs are equal, byte for byte."
    other = Reproduction(equal=("a",), different=(("b", "other bytes"),))
    assert not other.is_same
    assert other.words() == "1 of 2 outputs differs."
    assert other.to_table().words("difference") == ("other bytes",)
