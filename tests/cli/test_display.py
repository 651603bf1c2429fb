"""How a run shows itself: nothing, JSON, lines, or bars on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from heatlas.cli.display import display
from heatlas.study.plan import Event
from tests.e2e.processes import SOURCE
from tests.tiny import tiny_study

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
STEP = Event(kind="step", step="read", text="read 3 maps of [ill]", done=0, total=4)
NOTE = Event(kind="note", step="read", text="one map [ill] is odd")
PROGRESS = Event(kind="progress", step="read", text="maps", done=1, total=3)


def on_a_terminal(words: list[str]) -> tuple[int, str, str]:
    """Run a process whose standard error is a terminal; return its code, output and display."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm", "COLUMNS": "90"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how a terminal says that nobody writes to it any more
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=120)
    return process.returncode, out.decode(), CONTROL.sub("", shown.decode())


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=True, as_json=False) as listen:
        for event in (STEP, PROGRESS, NOTE):
            listen(event)
    assert capsys.readouterr() == ("", "")


def test_json_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=False, as_json=True) as listen:
        for event in (STEP, PROGRESS, NOTE):
            listen(event)
    printed = capsys.readouterr()
    assert printed.err == ""
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert [event["event"] for event in events] == ["step", "progress", "note"]
    assert events[1] == {"event": "progress", "step": "read", "text": "maps", "done": 1, "total": 3}


def test_lines_tell_steps_and_notes_but_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with display(quiet=False, as_json=False) as listen:
        for event in (STEP, PROGRESS, NOTE):
            listen(event)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "[1/4] read: read 3 maps of [ill]\n  one map [ill] is odd\n"


def test_a_terminal_shows_bars_steps_and_findings(tmp_path: Path) -> None:
    study = tiny_study(tmp_path)
    code, out, shown = on_a_terminal(["-m", "heatlas", "run", str(study), "--workers", "1"])
    assert code == 0, shown
    assert out == f"{tmp_path / 'tiny-results' / 'report.html'}\n"
    assert "Traceback" not in shown
    assert "t map of ill-well, n = 12 (6 ill, 6 well)" in " ".join(shown.split())
    assert "━" in shown


def test_an_error_on_a_terminal_is_still_one_sentence(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, mask={"minimum": 1e6})
    code, out, shown = on_a_terminal(["-m", "heatlas", "run", str(study), "--workers", "1"])
    assert (code, out) == (2, "")
    assert "heatlas: The mask is empty" in shown
    assert "Traceback" not in shown
