"""The results folder of a run: one writer at a time, steps kept whole, nothing mixed up."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.core.value import Value
from heatlas.io.atomic import atomic_write
from heatlas.io.source import digest_file

STATE_FOLDER = ".heatlas"
LOCK_NAME = "study.lock.json"
RESULT_NAMES = (
    "dataset_description.json",
    "maps",
    "tables",
    "figures",
    "report.html",
    LOCK_NAME,
    "log.jsonl",
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
        Holds the steps of a run of the same plan that was broken off.

    Raises
    ------
    DataError
        If the folder holds the results of another plan, or files that no run wrote.
    """
    store = FolderStore(folder=folder / STATE_FOLDER / "steps")
    found = planned_digest(folder)
    if found not in (None, plan_digest) or (found is None and _foreign(folder)):
        if found is None or not overwrite:
            raise DataError(_refusal(folder, planned=found is not None))
        for name in RESULT_NAMES:
            forget(folder / name)
        store.clear()
    atomic_write(folder / STATE_FOLDER / "plan", plan_digest.encode())
    return store


def planned_digest(folder: Path) -> str | None:
    """Return the digest of the plan that the folder belongs to, or None."""
    path = folder / STATE_FOLDER / "plan"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def is_complete(folder: Path, *, plan_digest: str) -> bool:
    """Say whether the folder holds every result of the plan, unchanged."""
    path = folder / LOCK_NAME
    if not path.is_file():
        return False
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        outputs = dict(lock["outputs"]) if lock["plan"] == plan_digest else None
    except (ValueError, KeyError, TypeError):
        return False
    if outputs is None:
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
        raise DataError(f"{folder}: this folder cannot be made ({error.strerror}).") from error


def forget(path: Path) -> None:
    """Remove a file or a folder of results, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def single_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it when the process dies, however it dies."""
    make_folder(folder / STATE_FOLDER)
    path = folder / STATE_FOLDER / "lock"
    try:
        handle = path.open("a+b")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written to ({error.strerror}).") from error
    with handle:
        _lock(handle, folder)
        yield


def _foreign(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name != STATE_FOLDER]


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


def _lock(handle: IO[bytes], folder: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DataError(
            f"{folder}: another run is writing this folder; wait for it or choose another."
        ) from error
