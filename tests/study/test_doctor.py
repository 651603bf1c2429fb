"""The doctor: what is there, what it is for, and nothing about who is asking."""

from __future__ import annotations

import getpass
import platform
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from heatlas import __version__
from heatlas.core.table import Column, Table
from heatlas.study import doctor
from heatlas.study.doctor import diagnosis, examine, fits


def rows(table: Table) -> dict[str, tuple[str | None, ...]]:
    """State, found and meaning of each part."""
    words = [table.words(name) for name in ("part", "state", "found", "meaning")]
    return {str(part): tuple(rest) for part, *rest in zip(*words, strict=True)}


def with_state(part: str, state: str) -> Table:
    """The findings with another state of one part."""
    table = examine()
    place = table.words("part").index(part)
    states = list(table.words("state"))
    states[place] = state
    columns = [
        replace(column, values=tuple(states)) if column.name == "state" else column
        for column in table.columns
    ]
    return Table(columns=tuple(columns))


def test_the_doctor_knows_itself_python_and_the_machine() -> None:
    found = rows(examine())
    assert found["heatlas"][1] == __version__
    assert found["Python"][1] == platform.python_version()
    assert {"cores", "memory", "disk", "fonts", "chromium"} <= set(found)


def test_every_dependency_is_listed_with_its_version() -> None:
    found = rows(examine())
    for name in ("numpy", "nibabel", "pydantic", "jinja2"):
        assert found[name][0] == "ok"
        assert str(found[name][2]).startswith("needed (>=")


def test_each_extra_says_what_it_would_add() -> None:
    state, found, meaning = rows(examine())["extra dev"]
    assert state in {"ok", "not installed"}
    assert "libraries" in str(found)
    assert str(meaning).startswith("adds the test suite")


def test_a_missing_library_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "scipy" else real(name))
    table = examine()
    assert rows(table)["scipy"][0] == "missing"
    assert "cannot run here. scipy: needed" in diagnosis(table)
    assert "pip install 'scipy>=" in diagnosis(table)


def test_an_old_library_is_weak_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "0.1")
    assert rows(examine())["scipy"][0] == "weak"


def test_the_diagnosis_is_one_sentence_of_three_kinds() -> None:
    assert diagnosis(with_state("memory", "ok")).startswith("A study can run here")
    assert "with care. memory: " in diagnosis(with_state("memory", "weak"))
    assert "cannot run here. numpy: " in diagnosis(with_state("numpy", "missing"))


def test_a_folder_that_does_not_exist_yet_is_measured_by_its_parent(tmp_path: Path) -> None:
    assert "GB free" in str(rows(examine(tmp_path / "not" / "yet"))["disk"][1])


def test_no_name_and_no_path_is_told(tmp_path: Path) -> None:
    words = " ".join(str(word) for row in rows(examine(tmp_path)).values() for word in row)
    assert str(tmp_path) not in words
    assert str(Path.home()) not in words
    assert socket.gethostname() not in words
    user = getpass.getuser()
    assert user not in words.split()


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("1.10.0", ">=1.9", True),
        ("1.9", ">=1.10", False),
        ("2.0", ">=2.0.0", True),
        ("2.0rc1", ">=2.0", True),
        ("3", "", True),
        ("weird", ">=1", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, wanted: str, answer: bool) -> None:
    assert fits(version, wanted) is answer


def test_findings_are_words() -> None:
    assert all(isinstance(c, Column) and not c.is_numeric for c in examine().columns)
