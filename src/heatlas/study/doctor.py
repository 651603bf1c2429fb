"""What is installed, what is missing and what it would add; asks no network."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path

from heatlas.core.table import Column, Table
from heatlas.core.version import __version__
from heatlas.core.words import count, number
from heatlas.io.source import available_memory

OK, WEAK, MISSING, ABSENT = "ok", "weak", "missing", "not installed"

_NEWEST_PYTHON = (3, 11)
_LEAST_MEMORY_GB = 2.0
_LEAST_DISK_GB = 2.0
_GIGABYTE = 1e9
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What each extra would add.
_EXTRAS: Mapping[str, str] = {
    "dev": "the test suite, the checks and the benchmarks' peers",
    "dicom": "decoders of compressed DICOM",
    "onnx": "explanations of ONNX models, as Keras models become",
    "saliency": "explanations of networks (torch)",
}
_DEPENDENCY = re.compile(r"([A-Za-z0-9_.-]+)\s*([^;]*?)\s*(?:;.*extra == ['\"]([^'\"]+)['\"])?$")


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """One line of the report."""

    part: str
    state: str
    found: str
    meaning: str


def examine(folder: Path | None = None) -> Table:
    """Return what Heatlas finds on this machine.

    Parameters
    ----------
    folder : Path, optional
        Where results would be written; the disk behind it is measured. The current folder by
        default.

    Returns
    -------
    Table
        Columns part, state (``ok``, ``weak``, ``missing`` for what a study needs, ``not
        installed`` for what it can do without), found and meaning. No user name, no machine name
        and no path is in it.
    """
    findings = [finding for check in _CHECKS for finding in check(folder or Path())]
    columns = {
        "part": [finding.part for finding in findings],
        "state": [finding.state for finding in findings],
        "found": [finding.found for finding in findings],
        "meaning": [finding.meaning for finding in findings],
    }
    made = tuple(Column(name=name, values=tuple(words)) for name, words in columns.items())
    return Table(columns=made, caption="What is installed, and what it means for Heatlas")


def diagnosis(table: Table) -> str:
    """Return the table of :func:`examine` in one sentence.

    Parameters
    ----------
    table : Table
        The findings.

    Returns
    -------
    str
        Whether a study can run here, and what to see to first.
    """
    words = [table.words(name) for name in ("part", "state", "meaning")]
    told = {
        wanted: [
            f"{part}: {meaning}"
            for part, state, meaning in zip(*words, strict=True)
            if state == wanted
        ]
        for wanted in (MISSING, WEAK)
    }
    if told[MISSING]:
        return f"A study cannot run here. {'; '.join(told[MISSING])}."
    if told[WEAK]:
        return f"A study can run here, with care. {'; '.join(told[WEAK])}."
    return "A study can run here."


# ---------------------------------------------------------------- checks


def _check_program(folder: Path) -> Iterator[_Finding]:
    yield _Finding(part="heatlas", state=OK, found=__version__, meaning="this program")
    version = platform.python_version()
    enough = sys.version_info >= _NEWEST_PYTHON
    meaning = "runs Heatlas" if enough else "Heatlas needs Python 3.11 or newer"
    state = OK if enough else MISSING
    yield _Finding(part="Python", state=state, found=version, meaning=meaning)
    system = f"{platform.system()} {platform.machine()}"
    yield _Finding(
        part="system", state=OK, found=system, meaning="equal studies give equal bytes on it"
    )


def _check_cores(folder: Path) -> Iterator[_Finding]:
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    meaning = f"as many as --workers {n} can use"
    yield _Finding(part="cores", state=OK, found=str(n), meaning=meaning)


def _check_memory(folder: Path) -> Iterator[_Finding]:
    free = available_memory()
    if free is None:
        yield _Finding(part="memory", state=OK, found="not told", meaning="the system does not say")
        return
    size = free / _GIGABYTE
    enough = size >= _LEAST_MEMORY_GB
    meaning = "the demo needs less than 1.5 GB" if enough else "too little for the demo: free some"
    found = f"{number(size)} GB free"
    yield _Finding(part="memory", state=OK if enough else WEAK, found=found, meaning=meaning)


def _check_disk(folder: Path) -> Iterator[_Finding]:
    """Measure the disk of the folder, or of the nearest one above it that exists."""
    whole = folder.absolute()
    there = next(place for place in (whole, *whole.parents) if place.is_dir())
    free = shutil.disk_usage(there).free / _GIGABYTE
    enough = free >= _LEAST_DISK_GB
    meaning = "where results would be written" if enough else "results may not fit: free some"
    found = f"{number(free)} GB free"
    yield _Finding(part="disk", state=OK if enough else WEAK, found=found, meaning=meaning)


def _check_dependencies(folder: Path) -> Iterator[_Finding]:
    for name, wanted in _declared(None).items():
        found = _version(name)
        meaning = f"needed ({wanted or 'any version'})"
        if found is None:
            state, meaning = MISSING, f"{meaning}: pip install '{name}{wanted}'"
        elif not fits(found, wanted):
            state, meaning = WEAK, f"older than {wanted.removeprefix('>=')}, which was tested"
        else:
            state = OK
        yield _Finding(part=name, state=state, found=found or "nothing", meaning=meaning)


def _check_extras(folder: Path) -> Iterator[_Finding]:
    for extra in _metadata_list("Provides-Extra"):
        names = _declared(extra)
        absent = [name for name in names if _version(name) is None]
        state = ABSENT if absent else OK
        found = f"{len(names) - len(absent)} of {count(len(names), 'library', plural='libraries')}"
        adds = _EXTRAS.get(extra, "more")
        meaning = f"adds {adds}: pip install 'heatlas[{extra}]'" if absent else f"adds {adds}"
        yield _Finding(part=f"extra {extra}", state=state, found=found, meaning=meaning)


def _check_drawing(folder: Path) -> Iterator[_Finding]:
    fonts = count(_count_fonts(), "font")
    meaning = "come with matplotlib; figures need no others"
    yield _Finding(part="fonts", state=OK, found=fonts, meaning=meaning)
    browser = next((name for name in _BROWSERS if shutil.which(name)), None)
    meaning = "only the developers' tests of the report need one; any browser shows it"
    state = OK if browser else ABSENT
    yield _Finding(part="chromium", state=state, found=browser or "not found", meaning=meaning)


_CHECKS: tuple[Callable[[Path], Iterator[_Finding]], ...] = (
    _check_program,
    _check_cores,
    _check_memory,
    _check_disk,
    _check_dependencies,
    _check_extras,
    _check_drawing,
)


# ---------------------------------------------------------------- what is there


def fits(version: str, wanted: str) -> bool:
    """Say whether a version is at least the one of ``>=1.2``; other demands are not judged."""
    least = re.fullmatch(r">=\s*([0-9.]+)", wanted)
    numbers = re.match(r"[0-9.]+", version)
    if least is None or numbers is None:
        return True
    return _parts(numbers.group()) >= _parts(least.group(1))


def _parts(version: str) -> list[int]:
    parts = [int(part) for part in version.strip(".").split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return parts


def _declared(extra: str | None) -> dict[str, str]:
    """Return the libraries that Heatlas, or an extra of it, declares, with their versions."""
    parsed = (_DEPENDENCY.match(entry) for entry in _metadata_list("Requires-Dist"))
    return {match[1]: match[2] for match in parsed if match and match[3] == extra}


def _metadata_list(field: str) -> list[str]:
    try:
        return [str(entry) for entry in metadata("heatlas").get_all(field) or []]
    except PackageNotFoundError:
        return []


def _version(name: str) -> str | None:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return None


def _count_fonts() -> int:
    """Count the fonts that matplotlib ships, without importing it."""
    found = find_spec("matplotlib")
    if found is None or not found.submodule_search_locations:
        return 0
    folder = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    return len(list(folder.glob("*.ttf")))
