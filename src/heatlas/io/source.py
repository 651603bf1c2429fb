"""The bytes of an image file: checked before they are read, never more than were asked for."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, final

from heatlas.core.errors import DataError
from heatlas.core.words import count, nearest, number

GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot shrink data by more than this (https://zlib.net/zlib_tech.html).
MAX_GZIP_RATIO = 1032
_CHUNK = 1 << 20
_GZIP_WINDOW = 31  # 15 bits of window and a gzip header


@final
class Source:
    """Bytes of an open file from its start, decompressed on the way if it is gzip.

    Parameters
    ----------
    file : binary file
        Open at its start.
    path : Path
        Its name, for messages.
    size : int
        Its bytes on disk.
    """

    def __init__(self, file: BinaryIO, *, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.compressed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        self._file = file
        self._engine = zlib.decompressobj(_GZIP_WINDOW)

    def read(self, length: int) -> bytes | bytearray:
        """Return the next bytes; DataError when the file holds fewer."""
        content = self._gathered(length) if self.compressed else self._file.read(length)
        if len(content) < length:
            raise self._cut_off(f"{count(length - len(content), 'byte')} missing")
        return content

    def skip(self, length: int) -> None:
        """Pass over the next bytes."""
        if not self.compressed:
            self._file.seek(length, os.SEEK_CUR)
            return
        passed = sum(len(piece) for piece in self._inflated(length))
        if passed < length:
            raise self._cut_off(f"{count(length - passed, 'byte')} missing before the image")

    def check_end(self) -> None:
        """Let zlib compare its check sum when little or nothing follows what was read."""
        if self.compressed:
            for _ in self._inflated(_CHUNK):
                pass

    def _gathered(self, length: int) -> bytes | bytearray:
        """Return decompressed bytes, fewer where the file ends; never two copies of many."""
        content = bytearray()
        for piece in self._inflated(length):
            if len(piece) == length:
                return piece
            content += piece
        return content

    def _inflated(self, length: int) -> Iterator[bytes]:
        """Yield pieces of the decompressed bytes, at most that many in total."""
        while length > 0:
            if self._engine.eof and not self._next_member():
                return
            piece = self._step(min(length, 16 * _CHUNK))
            length -= len(piece)
            yield piece

    def _step(self, limit: int) -> bytes:
        raw = self._engine.unconsumed_tail or self._file.read(_CHUNK)
        piece = self._engine.decompress(raw, limit)
        if not raw and not piece and not self._engine.eof:
            raise self._cut_off("the gzip stream ends early")
        return piece

    def _next_member(self) -> bool:
        """Start the next gzip member (pigz and bgzip write several); False at the end."""
        rest = self._engine.unused_data + self._file.read(_CHUNK)
        rest = rest.lstrip(b"\0")
        self._file.seek(-len(rest), os.SEEK_CUR)
        if not rest.startswith(GZIP_MAGIC):
            return False
        self._engine = zlib.decompressobj(_GZIP_WINDOW)
        return True

    def _cut_off(self, why: str) -> DataError:
        return DataError(f"{self.path}: the file is cut off ({why}); copy or download it again.")


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file that was checked, and turn the faults of disk and gzip into DataError."""
    size = check_file(path)
    try:
        with path.open("rb") as file:
            yield Source(file, path=path, size=size)
    except OSError as error:
        raise unreadable(path, error) from error
    except zlib.error as error:
        raise DataError(
            f"{path}: its gzip data are damaged ({_zlib_words(error)}); copy or download it again."
        ) from error


def check_file(path: Path) -> int:
    """Return the size of a file in bytes.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int
        Bytes on disk.

    Raises
    ------
    DataError
        If it is missing (with the nearest name in its folder), a folder or empty.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path}: this is a folder; name an image file in it.")
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(_missing(path)) from None
    except OSError as error:
        raise unreadable(path, error) from error
    if size == 0:
        raise DataError(f"{path}: the file is empty; copy or download it again.")
    return size


def check_claim(source: Source, length: int, *, claim: str) -> None:
    """Check that a file can hold what its header claims, before memory is taken.

    Parameters
    ----------
    source : Source
        The open file.
    length : int
        Bytes from the start to the end of what is claimed, decompressed.
    claim : str
        What the header claims, in words.

    Raises
    ------
    DataError
        If the file is too small for it.
    """
    most = source.size * MAX_GZIP_RATIO if source.compressed else source.size
    if length <= most:
        return
    kind = "a gzip file" if source.compressed else "a file"
    raise DataError(
        f"{source.path}: its header claims {claim} ({bytes_words(length)}), which {kind} of "
        f"{bytes_words(source.size)} cannot hold; it is cut off or damaged."
    )


def check_memory(path: Path, needed: int) -> None:
    """Raise DataError when reading would need more memory than is free."""
    free = available_memory()
    if free is not None and needed > free:
        raise DataError(
            f"{path}: reading it needs {bytes_words(needed)} of memory, but only "
            f"{bytes_words(free)} are free; resample it to larger voxels or free some memory."
        )


def available_memory() -> int | None:
    """Return the bytes of memory that can be taken now, None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as ``sha256:<hex>``."""
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error for a file that the system does not let us read."""
    why = error.strerror or str(error)
    return DataError(f"{path}: the file cannot be read ({why}); check its permissions and disk.")


def bytes_words(length: int) -> str:
    """Return a count of bytes as people say it: ``4 GiB``."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if length >= size:
            return f"{number(length / size, digits=2 if length < 100 * size else 3)} {unit}"
    return f"{length} bytes"


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: there is no folder '{folder}'."
    try:
        guess = nearest(path.name, sorted(entry.name for entry in folder.iterdir()))
    except OSError:
        guess = None
    hint = f" Did you mean '{guess}'?" if guess else ""
    return f"{path}: there is no such file.{hint}"


def _zlib_words(error: zlib.error) -> str:
    """Return zlib's own words without its error number: ``incorrect data check``."""
    return str(error).rsplit(": ", maxsplit=1)[-1]
