"""Runs in processes of their own, as users start them, so that they can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import heatlas

SOURCE = Path(heatlas.__file__).parents[1]
ENOUGH_S = 120


class Finished(NamedTuple):
    """A process that has ended."""

    code: int
    out: str
    err: str


def start(*words: str, code: str | None = None) -> subprocess.Popen[str]:
    """Start ``heatlas`` with these words, or a piece of Python that finds them in ``sys.argv``."""
    call = ["-m", "heatlas"] if code is None else ["-c", code]
    return subprocess.Popen(
        [sys.executable, *call, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "100"},
        start_new_session=True,
    )


def wait(process: subprocess.Popen[str]) -> Finished:
    """Wait until the process ends."""
    out, err = process.communicate(timeout=ENOUGH_S)
    return Finished(process.returncode, out, err)


def call(*words: str, code: str | None = None) -> Finished:
    """Start a process and wait until it ends."""
    return wait(start(*words, code=code))


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process as ``kill -9`` does: its workers are left to themselves."""
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=ENOUGH_S)


def clear_up(process: subprocess.Popen[str]) -> None:
    """End what a killed process left behind, and close its pipes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=ENOUGH_S)
