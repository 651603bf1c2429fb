"""The results folder of a run: one writer at a time, steps kept whole, nothing mixed up."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from heatlas.core.errors import DataError, HeatlasError
from heatlas.core.provenance import digest_bytes
from heatlas.core.value import Value
from heatlas.io.atomic import atomic_write, os_reason
from heatlas.io.source import digest_file

STATE_FOLDER = ".heatlas"
LOCK_NAME = "study.lock.json"
LOG_NAME = "log.jsonl"
RESULT_NAMES = (
    "dataset_description.json",
    "maps",
    "tables",
    "figures",
    "report.html",
    LOCK_NAME,
    LOG_NAME,
    ".bidsignore",
)
_DIGEST_LENGTH = len(digest_bytes(b""))


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderStore(Value):
    """A step store in a folder: one file a step, its digest in front of its content.

    Parameters
    ----------
    folder : Path
        Where the steps lie; it is made when the first one is kept.
    """

    folder: Path

    def get(self, key: str) -> bytes | None:
        """Return the content kept under the key; a damaged or absent one gives None."""
        try:
            entry = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{self._path(key)}: cannot be read, {os_reason(error)}.") from error
        digest, content = entry[:_DIGEST_LENGTH], entry[_DIGEST_LENGTH:]
        return content if digest.decode("ascii", "replace") == digest_bytes(content) else None

    def put(self, key: str, content: bytes) -> None:
        """Keep the content under the key, whole or not at all."""
        make_folder(self.folder)
        atomic_write(self._path(key), digest_bytes(content).encode() + content)

    def clear(self) -> None:
        """Forget all steps."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _path(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()


def open_results(folder: Path, *, plan_digest: str, overwrite: bool) -> FolderStore:
    """Make the folder ready for the plan and return the store of its steps.

    Parameters
    ----------
    folder : Path
        The results folder; the caller holds its lock.
    plan_digest : str
        Digest of the plan that will be carried out.
    overwrite : bool
        Whether results of another plan may be removed.

    Returns
    -------
    FolderStore
        Holds the steps of a run that was broken off.

    Raises
    ------
    DataError
        If the folder holds the results of another plan, or files that no run wrote.

    Notes
    -----
    A run that was broken off before it wrote results does not bind the folder to its plan: a
    corrected study goes on with those steps that the correction does not touch.
    """
    store = FolderStore(folder=folder / STATE_FOLDER / "steps")
    found = planned_digest(folder)
    if found is None and _foreign(folder):
        raise DataError(_refusal(folder, planned=False))
    if found not in (None, plan_digest) and _has_results(folder):
        if not overwrite:
            raise DataError(_refusal(folder, planned=True))
        for name in RESULT_NAMES:
            forget(folder / name)
        store.clear()
    atomic_write(folder / STATE_FOLDER / "plan", plan_digest.encode())
    return store


def planned_digest(folder: Path) -> str | None:
    """Return the digest of the plan that the folder belongs to, or None."""
    path = folder / STATE_FOLDER / "plan"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    planned = _read_lock_file(folder).get("plan")
    return planned if isinstance(planned, str) else None


def is_complete(folder: Path, *, plan_digest: str) -> bool:
    """Say whether the folder holds every result of the plan, unchanged."""
    lock = _read_lock_file(folder)
    outputs = lock.get("outputs")
    if lock.get("plan") != plan_digest or not isinstance(outputs, dict):
        return False
    return all(
        (folder / name).is_file() and digest_file(folder / name) == digest
        for name, digest in outputs.items()
    )


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, or raise DataError saying why that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: this folder cannot be made, {os_reason(error)}.") from error


def forget(path: Path) -> None:
    """Remove a file or a folder of results, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Claim:
    """The right to write a folder; a claim that was not kept leaves the folder as it was."""

    def __init__(self) -> None:
        self.is_kept = False

    def keep(self) -> None:
        """Say that from now on there is something worth going on with."""
        self.is_kept = True


@contextmanager
def single_writer(folder: Path) -> Iterator[Claim]:
    """Hold the folder's lock; the system frees it when the process dies, however it dies.

    Parameters
    ----------
    folder : Path
        The results folder; it is made where there is none.

    Yields
    ------
    Claim
        If a HeatlasError ends the run before the claim is kept, what this run put into the folder
        is taken away again, and so are the folders that it made.

    Raises
    ------
    DataError
        If the folder cannot be made or written to, or another run is writing it.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    make_folder(folder)
    before = set(_entries(folder))
    claim = Claim()
    with _locked(folder):
        try:
            yield claim
        except HeatlasError:
            if not claim.is_kept:
                for name in {STATE_FOLDER, LOG_NAME} - before:
                    forget(folder / name)
                _remove_empty(made)
            raise


@contextmanager
def open_log(path: Path) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Yield what adds an entry, with the time, to a log of one JSON object a line.

    Parameters
    ----------
    path : Path
        The log; it goes on where an earlier run ended.

    Yields
    ------
    callable
        Takes an entry; raises DataError where the disk refuses it.

    Raises
    ------
    DataError
        If the log cannot be opened.
    """
    try:
        handle = path.open("ab", buffering=0)  # nothing may wait for a disk that is full
        is_cut = path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be written, {os_reason(error)}.") from error
    start = b"\n" if is_cut else b""  # a run was broken off within a line

    def write(entry: Mapping[str, str]) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        nonlocal start
        try:
            handle.write(start + json.dumps({"time": now, **entry}).encode() + b"\n")
        except OSError as error:
            raise DataError(f"{path}: cannot be written, {os_reason(error)}.") from error
        start = b""

    with handle:
        yield write


def _read_lock_file(folder: Path) -> dict[str, Any]:
    """Return the content of the lock file; a damaged or absent one says nothing."""
    path = folder / LOCK_NAME
    if not path.is_file():
        return {}
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return lock if isinstance(lock, dict) else {}


def _has_results(folder: Path) -> bool:
    return any((folder / name).exists() for name in RESULT_NAMES if name != LOG_NAME)


def _remove_empty(folders: Sequence[Path]) -> None:
    with contextlib.suppress(OSError):  # somebody else put something there
        for folder in folders:
            folder.rmdir()


def _entries(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise DataError(f"{folder}: this folder cannot be read, {os_reason(error)}.") from error


def _foreign(folder: Path) -> list[str]:
    return [name for name in _entries(folder) if name != STATE_FOLDER]


def _refusal(folder: Path, *, planned: bool) -> str:
    if planned:
        return (
            f"{folder}: it holds the results of another study, or of other settings or data. "
            "Choose another folder, or say --overwrite to remove them."
        )
    return (
        f"{folder}: it holds files that are no results of Heatlas, such as "
        f"'{sorted(_foreign(folder))[0]}'. Choose an empty or a new folder."
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    make_folder(folder / STATE_FOLDER)
    path = folder / STATE_FOLDER / "lock"
    try:
        handle = path.open("a+b")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to, {os_reason(error)}.") from error
    with handle:
        _lock(handle, folder)
        yield


def _lock(handle: IO[bytes], folder: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DataError(_busy(folder)) from error
    # The run that held the lock may have taken the file away after this one opened it.
    if os.fstat(handle.fileno()).st_nlink == 0:
        raise DataError(_busy(folder))


def _busy(folder: Path) -> str:
    return f"{folder}: another run is writing this folder; wait for it or choose another."
