"""The folder behind a run: one writer at a time, steps kept whole or not at all."""

from __future__ import annotations

import hashlib
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
from heatlas.io.derivatives import atomic_write

STATE_FOLDER = ".heatlas"
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
