"""``heatlas doctor`` says what is there, in words and as JSON."""

from __future__ import annotations

import json

import pytest

from heatlas.core.table import table_from_columns
from tests.cli.runner import Runner


def test_what_is_installed_is_listed(heatlas: Runner) -> None:
    outcome = heatlas("doctor")
    for part in ("heatlas", "Python", "memory", "numpy"):
        assert part in outcome.out
    assert outcome.out.strip().splitlines()[-1].startswith("A study can")


def test_json_holds_the_findings_and_the_diagnosis(heatlas: Runner) -> None:
    content = json.loads(heatlas("doctor", "--json").out)
    assert {"part", "state", "found", "meaning"} == set(content["findings"][0])
    assert content["diagnosis"].startswith("A study can")


def test_a_missing_part_ends_with_2(heatlas: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_from_columns({
        "part": ["scipy"],
        "state": ["missing"],
        "found": ["nothing"],
        "meaning": ["needed"],
    })
    monkeypatch.setattr("heatlas.study.doctor.examine", lambda: table)
    outcome = heatlas("doctor")
    assert outcome.code == 2
    assert "A study cannot run here. scipy: needed." in outcome.out
