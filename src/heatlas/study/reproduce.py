"""Run a study again from the lock file of its results, and compare every output."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.core.errors import DataError
from heatlas.core.table import Column, Table
from heatlas.core.value import Value
from heatlas.core.words import count, join, number
from heatlas.io.nifti import read_volume
from heatlas.io.source import digest_file
from heatlas.study.folder import LOCK_NAME
from heatlas.study.plan import Listener, silence
from heatlas.study.run import run_study


@dataclass(frozen=True, kw_only=True, eq=False)
class Reproduction(Value):
    """How a second run compares with the first.

    Parameters
    ----------
    equal : tuple of str
        Outputs with equal digests.
    different : tuple of (str, str)
        Outputs with other digests, and how they differ.
    causes : tuple of str
        What is not as it was: inputs, settings, versions. A sentence each.
    """

    equal: tuple[str, ...]
    different: tuple[tuple[str, str], ...] = ()
    causes: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """True when every output is equal, byte for byte."""
        return not self.different

    def words(self) -> str:
        """Return the verdict in a sentence."""
        total = len(self.equal) + len(self.different)
        if self.is_same:
            return f"Reproduced: all {count(total, 'output')} are equal, byte for byte."
        n = len(self.different)
        return f"{n} of {count(total, 'output')} {'differs' if n == 1 else 'differ'}."

    def to_table(self) -> Table:
        """Return the outputs that differ, one row each."""
        return Table(
            columns=(
                Column(name="output", values=tuple(name for name, _ in self.different)),
                Column(name="difference", values=tuple(words for _, words in self.different)),
            ),
            caption="Outputs that differ.",
        )


def reproduce_results(
    folder: Path,
    *,
    study: Path | None = None,
    workers: int | None = None,
    listen: Listener = silence,
) -> Reproduction:
    """Run a study again and compare its outputs with those in a results folder.

    Parameters
    ----------
    folder : Path
        Results of :func:`heatlas.study.run.run_study`.
    study : Path, optional
        The study file; the one that the results remember by default.
    workers : int, optional
        Worker processes.
    listen : callable
        Hears of every step.

    Returns
    -------
    Reproduction
        Equal digests, or the numeric difference of maps that differ.

    Raises
    ------
    DataError
        If the folder holds no results, or its study file cannot be found.
    """
    folder = Path(folder)
    lock = _read_lock(folder)
    source = study if study is not None else _remembered(folder, lock)
    with tempfile.TemporaryDirectory(prefix="heatlas-") as scratch:
        again = Path(scratch) / "results"
        run_study(source, out=again, workers=workers, listen=listen)
        second = _read_lock(again)
        return _compare(lock, second, folder=folder, again=again)


def _read_lock(folder: Path) -> Mapping[str, Any]:
    path = folder / LOCK_NAME
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{folder}: it holds no {LOCK_NAME}, so it is no finished run.") from error
    except ValueError as error:
        raise DataError(f"{path.name}: it is damaged ({error}).") from error
    if not isinstance(lock, dict) or not {"outputs", "inputs", "study_file"} <= set(lock):
        raise DataError(f"{path.name}: it is no lock file of Heatlas.")
    return lock


def _remembered(folder: Path, lock: Mapping[str, Any]) -> Path:
    where = lock["study_file"]
    if where["folder"] is None:
        raise DataError(
            f"{folder}: the results do not say where their study file '{where['name']}' lies; "
            "name it with --study."
        )
    path = folder.resolve() / str(where["folder"]) / str(where["name"])
    if not path.is_file():
        raise DataError(
            f"{folder}: the study file '{where['folder']}/{where['name']}' is not there any more; "
            "name it with --study."
        )
    return path.resolve()


def _compare(
    first: Mapping[str, Any], second: Mapping[str, Any], *, folder: Path, again: Path
) -> Reproduction:
    equal, different = [], []
    for name in sorted({*first["outputs"], *second["outputs"]}):
        written, made = first["outputs"].get(name), second["outputs"].get(name)
        path = folder / name
        is_intact = path.is_file() and digest_file(path) == written
        if written == made and is_intact:
            equal.append(name)
        elif written == made:
            words = "was changed after the run" if path.is_file() else "is not there any more"
            different.append((name, words))
        else:
            different.append((name, _difference(name, folder=folder, again=again)))
    return Reproduction(
        equal=tuple(equal), different=tuple(different), causes=_causes(first, second)
    )


def _causes(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is not as it was when the first run was made."""
    words = {"inputs": "Inputs", "study": "Settings of the study file", "versions": "Versions"}
    changed = {kind: _changed(first.get(kind, {}), second.get(kind, {})) for kind in words}
    return tuple(f"{words[kind]} that changed: {join(names)}." for kind, names in changed.items()
                 if names)  # fmt: skip


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    names = sorted({*first, *second})
    return [name for name in names if first.get(name) != second.get(name)]


def _difference(name: str, *, folder: Path, again: Path) -> str:
    """Return in words how two files of one name differ."""
    if not (folder / name).is_file():
        return "only in the second run"
    if not (again / name).is_file():
        return "only in the first run"
    if not name.endswith(".nii.gz"):
        return "other bytes"
    one, other = read_volume(folder / name), read_volume(again / name)
    if not one.grid.same_as(other.grid):
        return "another grid"
    gap = np.abs(one.values.astype(np.float64) - other.values)
    if np.isnan(gap).all():
        return "no voxel to compare"
    return f"largest difference {number(float(np.nanmax(gap)))}"
