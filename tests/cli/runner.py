"""Run the command line inside this process and see what it says."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from heatlas.cli.app import main


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on standard error, without the program's name."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("heatlas: "), self.err
        return self.err.removeprefix("heatlas: ").strip()


class Runner:
    """Runs ``heatlas`` with some words."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Outcome:
        """Return exit code, standard output and standard error."""
        code = main([str(word) for word in words])
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)
