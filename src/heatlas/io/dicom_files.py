"""Which files a DICOM source means: a file, a folder with all below it, or a DICOMDIR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from heatlas.core.errors import DataError
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.io.dicom_head import FAULTS, is_dicom, quiet
from heatlas.io.source import check_file, unreadable

DIRECTORY = "DICOMDIR"
MOST_FILES = 200_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing(Value):
    """The files of a source.

    Parameters
    ----------
    files : tuple of Path
        Those that look like DICOM, in order of their names.
    n_others : int
        Files beside them that do not.
    missing : tuple of str
        Files that a DICOMDIR names and that are not there.
    """

    files: tuple[Path, ...]
    n_others: int = 0
    missing: tuple[str, ...] = ()


def dicom_files(source: Path) -> Listing:
    """Return the DICOM files of a source.

    Parameters
    ----------
    source : Path
        A file, a folder (read with all folders below it), or a DICOMDIR.

    Returns
    -------
    Listing
        Sorted by name.

    Raises
    ------
    DataError
        If there is no such source, none of its files is DICOM, or a DICOMDIR is damaged or names
        files outside of its folder.
    """
    if source.is_dir():
        return _folder(source)
    check_file(source)
    if source.name.upper() == DIRECTORY:
        return _directory(source)
    if not is_dicom(source):
        raise DataError(
            f"{source}: this is no DICOM file (it lacks the mark 'DICM'); name a DICOM file, a "
            "folder of them, or a NIfTI image."
        )
    return Listing(files=(source,))


def _folder(folder: Path) -> Listing:
    try:
        found = sorted(path for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        raise unreadable(folder, error) from error
    if len(found) > MOST_FILES:
        raise DataError(
            f"{folder}: it holds {len(found):,} files, more than {MOST_FILES:,}; name the folder "
            "of one patient or one series."
        )
    candidates = [path for path in found if path.name.upper() != DIRECTORY]
    files = tuple(path for path in candidates if is_dicom(path))
    if not files:
        raise DataError(
            f"{folder}: none of its {count(len(found), 'file')} is a DICOM file; name the folder "
            "that holds the slices."
        )
    return Listing(files=files, n_others=len(candidates) - len(files))


def _directory(path: Path) -> Listing:
    """Return the files that a DICOMDIR names, of all series, none outside of its folder."""
    try:
        with quiet():
            dataset = pydicom.dcmread(path, force=True)
            named = list(_names(dataset))
    except OSError as error:
        raise unreadable(path, error) from error
    except FAULTS as error:
        raise DataError(
            f"{path}: this DICOMDIR is damaged; name the folder that it stands in instead."
        ) from error
    home = path.parent.resolve()
    files, missing = [], []
    for parts in dict.fromkeys(named):
        target = path.parent.joinpath(*parts)
        if not target.resolve().is_relative_to(home):
            raise DataError(
                f"{path}: this DICOMDIR names a file outside of its own folder, which is never "
                "read; name the folder of the slices instead."
            )
        present = target if target.is_file() else _other_case(path.parent, parts)
        if present is None:
            missing.append("/".join(parts))
        else:
            files.append(present)
    if not files:
        raise DataError(
            f"{path}: none of the {count(len(missing), 'file')} that this DICOMDIR names is there; "
            "copy the whole disc, or name the folder that holds the slices."
        )
    return Listing(files=tuple(sorted(files)), missing=tuple(missing))


def _names(dataset: Any) -> Iterator[tuple[str, ...]]:
    for record in dataset.get("DirectoryRecordSequence") or []:
        named = record.get("ReferencedFileID")
        if named:
            yield (named,) if isinstance(named, str) else tuple(str(part) for part in named)


def _other_case(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """Return a file whose name differs in case only, as copies of discs have it."""
    place = folder
    for part in parts:
        try:
            alike = [entry for entry in place.iterdir() if entry.name.upper() == part.upper()]
        except OSError:
            return None
        if not alike:
            return None
        place = alike[0]
    return place if place.is_file() else None
