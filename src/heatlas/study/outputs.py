"""What the one-step commands may write: never over an input, and over nothing by accident."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from heatlas.core.errors import DataError
from heatlas.io.foreign import files_of
from heatlas.io.nifti import stem
from heatlas.io.picture import sidecar_of
from heatlas.io.tables import ENDINGS

IMAGE_ENDING = ".nii.gz"


def check_outputs(
    outs: Sequence[Path], *, inputs: Sequence[Path], overwrite: bool, ending: str = IMAGE_ENDING
) -> None:
    """Check, before anything is computed, that every output may be written with its sidecar.

    Parameters
    ----------
    outs : sequence of Path
        Files to be written.
    inputs : sequence of Path
        Files that are read; neither they nor their sidecars are ever replaced.
    overwrite : bool
        Whether other files may be replaced.
    ending : str
        How the names of the outputs must end.

    Raises
    ------
    DataError
        If a name ends otherwise, is a folder, would replace an input or (unless told so) a file
        that exists, or is that of two outputs.
    """
    read = {file.resolve() for path in inputs for file in (*files_of(path), sidecar_of(path))}
    written: set[Path] = set()
    for out in outs:
        if not out.name.lower().endswith(ending) or out.name.lower() == ending:
            raise DataError(f"{out}: the result is written as '{ending}'; give such a name.")
        if out.is_dir():
            raise DataError(f"{out}: this is a folder; name a file in it.")
        if out.resolve() in written:
            raise DataError(
                f"{out}: two inputs of the same name would be written to it; "
                "rename one of them, or write them to different folders."
            )
        written.add(out.resolve())
        for file in (out, sidecar_of(out)):
            _check_free(file, read=read, overwrite=overwrite)


def check_folder(
    out: Path, *, inputs: Sequence[Path], files: Sequence[str], overwrite: bool = False
) -> None:
    """Check, before anything is computed, that results may be written to a folder.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    inputs : sequence of Path
        Files that are read; neither they nor what belongs to them is ever replaced.
    files : sequence of str
        Names of what will be written.
    overwrite : bool
        Whether the files of an earlier call may be replaced.

    Raises
    ------
    DataError
        If it is a file, holds an input that would be replaced, or holds earlier results.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: a file stands where the results folder is wanted; name another.")
    read = {file.resolve() for path in inputs for file in (*files_of(path), sidecar_of(path))}
    for file in (out / name for name in files):
        if file.resolve() in read:
            raise DataError(f"{file}: this is an input, which is never replaced; name another -o.")
        if file.exists() and not overwrite:
            raise DataError(
                f"{file}: it exists already; name another folder, or allow its files to be "
                "replaced (--overwrite)."
            )


def outputs_for(sources: Sequence[Path], *, out: Path) -> list[Path]:
    """Return where the result of each input goes: one file, or one of its name in a folder.

    Parameters
    ----------
    sources : sequence of Path
        The inputs.
    out : Path
        A file name (for one input) or a folder.

    Returns
    -------
    list of Path
        One per input.

    Raises
    ------
    DataError
        If one file name is given for several inputs, or there is no input.
    """
    if not sources:
        raise DataError("No input is given; name at least one image.")
    is_file_name = out.name.lower().endswith(IMAGE_ENDING) and not out.is_dir()
    if is_file_name and len(sources) > 1:
        raise DataError(
            f"{out}: {len(sources)} images cannot be written to one file; name a folder."
        )
    if is_file_name:
        return [out]
    return [out / f"{name}{IMAGE_ENDING}" for name in distinct_names(sources)]


def distinct_names(sources: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, with the folders that tell equal stems apart.

    Parameters
    ----------
    sources : sequence of Path
        Files, such as ``sub-01/gm.nii.gz`` and ``sub-02/gm.nii.gz``.

    Returns
    -------
    list of str
        Such as ``sub-01/gm`` and ``sub-02/gm``; never an absolute path.
    """
    stems = [path.stem if path.name.lower().endswith(ENDINGS) else stem(path) for path in sources]
    if len(set(stems)) == len(stems):
        return stems
    folders = [path.absolute().parent for path in sources]
    common = Path(os.path.commonpath(folders))
    return [
        (folder.relative_to(common) / name).as_posix()
        for folder, name in zip(folders, stems, strict=True)
    ]


def _check_free(file: Path, *, read: set[Path], overwrite: bool) -> None:
    if file.resolve() in read and (file.exists() or file.suffix != ".json"):
        kind = "the sidecar of an input" if file.suffix == ".json" else "an input"
        raise DataError(f"{file}: this is {kind}, which is never replaced; choose another name.")
    if file.exists() and not overwrite:
        raise DataError(
            f"{file}: it exists already; choose another name, or allow it to be replaced "
            "(--overwrite)."
        )
