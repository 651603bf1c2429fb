"""Files that appear whole or not at all, and the words for why a file could not be used."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_bytes
from heatlas.core.value import thaw

PART_SUFFIX = ".heatlas-part"
PROVENANCE_KEY = "Provenance"  # of every JSON sidecar
OS_REASONS: Mapping[int, str] = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the system allows",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "it does not exist",
    errno.ENOTDIR: "a part of its path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "its name is too long",
}


def atomic_write(path: Path, content: bytes) -> str:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        File to write; a file of that name is replaced, missing folders are made.
    content : bytes
        What it shall hold.

    Returns
    -------
    str
        Digest of the content, ``sha256:<hex>``.

    Raises
    ------
    DataError
        If it cannot be written (full disk, no permission, read-only, a folder of that name); an
        earlier file of that name is then untouched and nothing half-written remains.

    Notes
    -----
    The bytes go to a hidden file beside the target, reach the disk, and then take the target's
    name in one step. Only a killed process leaves such a file; see :func:`remove_leftovers`.
    """
    part = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}{PART_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_to_disk(part, content)
            os.replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be written, {os_reason(error)}.") from error
    return digest_bytes(content)


def _write_to_disk(path: Path, content: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def os_reason(error: OSError) -> str:
    """Return why the system refused, in words that need no manual."""
    if isinstance(error, FileExistsError):
        return "a file stands where a folder is needed"
    known = OS_REASONS.get(error.errno or 0)
    return known or f"the system says '{error.strerror or error}'"


def write_text(path: Path, content: str) -> str:
    """Write text as UTF-8 with ``\\n`` line ends (see :func:`atomic_write`)."""
    return atomic_write(path, content.encode("utf-8"))


def write_json(path: Path, content: Any) -> str:
    """Write JSON with sorted keys, indented by two (see :func:`atomic_write`)."""
    return write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return JSON with sorted keys, indented by two; equal data give equal text.

    Parameters
    ----------
    content : JSON-like
        Frozen mappings and tuples are welcome.

    Returns
    -------
    str
        Ends with a line break.

    Raises
    ------
    DataError
        If it holds NaN, an infinity or something that JSON has no word for.
    """
    try:
        text = json.dumps(
            thaw(content), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"JSON cannot hold this content: {error}.") from error
    return text + "\n"


def remove_leftovers(folder: Path) -> int:
    """Remove what killed processes left half-written under a folder; return how many files.

    Only for a folder in which nobody else is writing.
    """
    found = sorted(folder.rglob(f".*{PART_SUFFIX}"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
