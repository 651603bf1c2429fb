"""``heatlas init`` writes a draft that is accepted, beside what it was drafted from."""

from __future__ import annotations

from pathlib import Path

from heatlas.study.spec import read_spec
from tests.cli.runner import Runner
from tests.tiny import tiny_study


def test_the_draft_lies_beside_the_maps_and_is_accepted(heatlas: Runner, tmp_path: Path) -> None:
    tiny_study(tmp_path).unlink()
    outcome = heatlas("init", tmp_path)
    draft = tmp_path / "study.yaml"
    assert (outcome.code, outcome.out) == (0, f"{draft}\n")
    assert "heatlas run" in outcome.err
    assert read_spec(draft).cohort.maps == "maps/{participant_id}.nii.gz"


def test_a_table_is_enough(heatlas: Runner, tmp_path: Path) -> None:
    tiny_study(tmp_path)
    outcome = heatlas("init", tmp_path / "people.tsv", "-o", tmp_path / "second.yaml")
    assert outcome.code == 0
    assert read_spec(tmp_path / "second.yaml").cohort.tables == ("people.tsv",)


def test_a_study_file_is_replaced_only_when_told_so(heatlas: Runner, tmp_path: Path) -> None:
    study = tiny_study(tmp_path)
    before = study.read_text()
    outcome = heatlas("init", tmp_path)
    assert outcome.code == 2
    assert "exists already" in outcome.sentence
    assert study.read_text() == before
    assert heatlas("init", tmp_path, "--overwrite").code == 0
    assert study.read_text() != before


def test_a_draft_elsewhere_would_lead_nowhere(heatlas: Runner, tmp_path: Path) -> None:
    tiny_study(tmp_path / "data")
    outcome = heatlas("init", tmp_path / "data", "-o", tmp_path / "study.yaml")
    assert outcome.code == 2
    assert "relative" in outcome.sentence
    assert not (tmp_path / "study.yaml").exists()


def test_an_empty_folder_is_one_sentence(heatlas: Runner, tmp_path: Path) -> None:
    assert heatlas("init", tmp_path).sentence
