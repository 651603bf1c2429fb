"""Nothing that is tracked names the machine it was written on, nor where packages came from."""

from __future__ import annotations

import re
from pathlib import Path

from tests.meta.source import ROOT, expect_none, tracked_files

# Put together here, so that this file does not name them itself.
MACHINE = [
    re.compile(r"(?<![\w.*-])/" + "work" + r"(/|\b)"),
    re.compile("/" + "tmp/w" + r"(/|\b)"),
    re.compile("/" + "root/"),
    re.compile("/" + "opt/wheels"),
    re.compile(r"\b" + "fa" + r"rms?\b", re.IGNORECASE),
]
LOCK_FILES = re.compile(r"(^|/)(constraints.*\.txt|requirements.*\.txt|[^/]*lock[^/]*|\.npmrc)$")
REGISTRY = re.compile(r"https?://|--(extra-)?index-url|--find-links|@ file:|^-e ", re.MULTILINE)


def word_faults(name: str, text: str) -> list[str]:
    """Lines of one file that say too much."""
    patterns = [*MACHINE, REGISTRY] if LOCK_FILES.search(name) else MACHINE
    return [
        f"{name}:{number} {match.group().strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        for pattern in patterns
        if (match := pattern.search(line))
    ]


def text_of(path: Path) -> str:
    """The text of a file, nothing for one that is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    expect_none(
        fault
        for path in tracked_files()
        for fault in word_faults(path.as_posix(), text_of(ROOT / path))
    )


def test_the_check_finds_each_fault() -> None:
    machine = "a = '/" + "work/main'\nb = '../shared/" + "work/x'\nc = /" + "root/x\n"
    assert word_faults("src/a.py", machine) == [
        "src/a.py:1 /" + "work/",
        "src/a.py:3 /" + "root/",
    ]
    lock = "numpy==2.0\n--index-url x\nscipy @ https://host/scipy.whl\n"
    assert word_faults("constraints.txt", lock) == [
        "constraints.txt:2 --index-url",
        "constraints.txt:3 https://",
    ]
    assert word_faults("README.md", "see https://host/page") == []
