"""Exit codes: 0, 2 for the input's fault in one line, 70 for ours with a trace, 130."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import heatlas as package
from heatlas.cli import app
from heatlas.core.errors import DataError, HeatlasError, UnknownNameError
from tests.cli.runner import Runner


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``heatlas doctor`` raise an error."""

    def examine() -> None:
        raise error

    monkeypatch.setattr("heatlas.study.doctor.examine", examine)


def name_of(verb: ModuleType) -> str:
    """The word on the command line: the module's name, with hyphens."""
    return verb.__name__.rsplit(".", maxsplit=1)[-1].replace("_", "-")


def test_the_version_is_that_of_the_package(heatlas: Runner) -> None:
    outcome = heatlas("--version")
    assert (outcome.code, outcome.out) == (0, f"heatlas {package.__version__}\n")
    assert metadata.version("heatlas") == package.__version__


@pytest.mark.parametrize("error", [DataError("no rows."), HeatlasError("x"), UnknownNameError("y")])
def test_the_inputs_fault_is_one_line_and_exit_code_2(
    heatlas: Runner, monkeypatch: pytest.MonkeyPatch, error: HeatlasError
) -> None:
    fail_with(monkeypatch, error)
    outcome = heatlas("doctor")
    assert outcome.code == 2
    assert outcome.sentence == str(error)
    assert outcome.out == ""


def test_a_bug_shows_its_trace_and_is_called_one(
    heatlas: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, RuntimeError("unforeseen"))
    outcome = heatlas("doctor")
    assert outcome.code == 70
    assert "RuntimeError: unforeseen" in outcome.err
    assert "in examine" in outcome.err
    assert outcome.err.strip().splitlines()[-1].startswith("heatlas: this is a bug")


def test_an_interruption_ends_with_130_and_says_what_to_do(
    heatlas: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    outcome = heatlas("doctor")
    assert outcome.code == 130
    assert "run the same command again" in outcome.sentence


@pytest.mark.parametrize("words", [["bogus"], ["show"], ["show", "--bogus", "a"], []])
def test_wrong_usage_ends_with_2(heatlas: Runner, words: list[str]) -> None:
    outcome = heatlas(*words)
    assert outcome.code == 2
    assert "Usage:" in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


def test_every_verb_is_listed_with_a_sentence(heatlas: Runner) -> None:
    listed = heatlas("--help").out
    for verb in app.VERBS:
        name = name_of(verb)
        line = next(line for line in listed.splitlines() if line.strip().startswith(f"{name} "))
        assert line.strip().endswith(".")


@pytest.mark.parametrize("verb", [name_of(verb) for verb in app.VERBS])
def test_every_verb_explains_all_its_options(heatlas: Runner, verb: str) -> None:
    outcome = heatlas(verb, "--help")
    assert outcome.code == 0
    options = [line for line in outcome.out.splitlines() if line.strip().startswith("-")]
    assert options
    for line in options:
        assert len(line.split("  ")) > 1, line


def test_the_words_of_the_process_are_taken_by_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["heatlas", "--version"])
    assert app.main() == 0
    assert package.__version__ in capsys.readouterr().out


def test_nothing_is_left_behind_by_a_refusal(heatlas: Runner, tmp_path: Path) -> None:
    outcome = heatlas("smooth", tmp_path / "no.nii.gz", "--fwhm", 8, "-o", tmp_path / "out.nii.gz")
    assert outcome.code == 2
    assert "no such file" in outcome.sentence
    assert list(tmp_path.iterdir()) == []
