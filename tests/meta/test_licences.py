"""Whatever is shipped and was not written here stands in NOTICE, with origin and licence."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tests.meta.source import ROOT, expect_none, tracked_files

# Text that the developers write; everything else outside src/ and tests/ is data. Inside src/ the
# templates and the library's own pages are text as well.
TEXT = frozenset({".py", ".md", ".toml", ".yaml", ".yml", ".css", ".html", ".j2", ".typed", ".cfg"})
NAMES = frozenset({
    "study.schema.json",
    "LICENSE",
    "NOTICE",
    "Makefile",
    "constraints.txt",
    ".gitignore",
    "run",
})
REQUIRED = ("what", "origin", "licence")


def read_notice(text: str) -> dict[str, dict[str, str]]:
    """The entries of NOTICE: path to its fields, each with its words."""
    entries: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    field = ""
    for line in text.splitlines():
        name, colon, rest = line.strip().partition(":")
        if line.startswith("path:"):
            fields = entries.setdefault(rest.strip(), {})
            field = ""
        elif line.startswith("  ") and not line.startswith("   ") and colon:
            field = name
            fields[field] = rest.strip()
        elif field and line.strip():
            fields[field] += " " + line.strip()
    return entries


def is_data(path: Path) -> bool:
    """Whether a tracked file has to be covered."""
    return path.parts[0] != "tests" and path.suffix not in TEXT and path.name not in NAMES


def covers(entry: str, path: Path) -> bool:
    """Whether an entry of NOTICE (a file, or a folder that ends with /) covers a file."""
    posix = str(PurePosixPath(*path.parts))
    return posix.startswith(entry) if entry.endswith("/") else posix == entry


def licence_faults(notice: str, files: Iterable[Path]) -> list[str]:
    """Data without an entry, entries without data, and entries without origin or licence."""
    entries, data = read_notice(notice), [path for path in files if is_data(path)]
    faults = [
        f"{path}: no path in NOTICE covers it"
        for path in data
        if not any(covers(entry, path) for entry in entries)
    ]
    for entry, fields in entries.items():
        faults += [f"NOTICE {entry}: no {name}" for name in REQUIRED if not fields.get(name)]
        if not any(covers(entry, path) for path in data):
            faults.append(f"NOTICE {entry}: covers nothing")
    return faults


def test_every_shipped_data_file_has_its_origin_and_licence_in_notice() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    expect_none(licence_faults(notice, tracked_files()))


def test_the_check_finds_each_fault() -> None:
    notice = (
        "path: demo/a/\n  what: maps\n  origin: here,\n    there\n\npath: gone.csv\n  what: x\n"
    )
    files = [Path("demo/a/x.nii.gz"), Path("demo/b.tsv"), Path("tests/c.npy"), Path("src/d.py")]
    assert read_notice(notice)["demo/a/"]["origin"] == "here, there"
    assert licence_faults(notice, files) == [
        "demo/b.tsv: no path in NOTICE covers it",
        "NOTICE demo/a/: no licence",
        "NOTICE gone.csv: no origin",
        "NOTICE gone.csv: no licence",
        "NOTICE gone.csv: covers nothing",
    ]
