"""One file as a value: the only place that finds out what kind of file it is."""

from __future__ import annotations

from pathlib import Path

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.table import Table
from heatlas.core.volume import Volume
from heatlas.io.dicom_head import is_dicom
from heatlas.io.nifti import read_header, read_volume
from heatlas.io.source import check_file
from heatlas.io.tables import ENDINGS, read_table
from heatlas.study.spec import StudySpec, read_spec

IMAGES = (".nii", ".nii.gz", ".img", ".hdr", ".mgz", ".mgh", ".mnc", ".brik", ".brik.gz", ".head")
STUDIES = (".yaml", ".yml")
WITH_PROVENANCE = (".png", ".svg", ".pdf", ".html", ".json")
KNOWN = (
    f"Heatlas loads images ({', '.join(IMAGES)}), tables ({', '.join(ENDINGS)}) and study files "
    f"({', '.join(STUDIES)})"
)


def load(path: Path | str, *, volume: int | None = None) -> Volume | Table | StudySpec:
    """Read one file.

    Parameters
    ----------
    path : Path or str
        An image of any format that nibabel reads, a table (TSV, CSV), or a study file (YAML).
    volume : int, optional
        Which volume of an image with several, from 0.

    Returns
    -------
    Volume, Table or StudySpec
        By the kind of file.

    Raises
    ------
    DataError
        If the file is missing, damaged, or an image with several volumes of which none is named.
    NotSupportedError
        If it is of another kind; the message says what can be loaded.
    SpecError
        If it is a study file with faults.

    Notes
    -----
    The kind is told by the ending of the name; a file whose content contradicts it is refused.
    """
    path = Path(path)
    name = path.name.lower()
    if name.endswith(IMAGES):
        return _load_image(path, volume=volume)
    check_file(path)
    if volume is not None:
        raise DataError(f"{path}: only images have volumes, and this is none.")
    if name.endswith(ENDINGS):
        return read_table(path)
    if name.endswith(STUDIES):
        return read_spec(path)
    raise _unknown(path)


def _load_image(path: Path, *, volume: int | None) -> Volume:
    header = read_header(path)
    if volume is None and header.n_volumes > 1:
        shape = " x ".join(map(str, header.shape))
        raise DataError(
            f"{path}: it holds {header.n_volumes} volumes ({shape}); load one of them, such as "
            f"load('{path.name}', volume=0), up to volume={header.n_volumes - 1}."
        )
    return read_volume(path, volume=volume)


def _unknown(path: Path) -> NotSupportedError:
    """Return the error for a kind of file that is not loaded, with the way out."""
    name = path.name.lower()
    if name.endswith(WITH_PROVENANCE):
        return NotSupportedError(
            f"{path}: this is a result to look at, not one to compute with; inspect_file (heatlas "
            f"inspect) says how it was made. {KNOWN}."
        )
    if is_dicom(path):
        return NotSupportedError(
            f"{path}: this is DICOM; read_ct (heatlas ct) reads it with all slices of its series. "
            f"{KNOWN}."
        )
    if name.endswith((".xlsx", ".xls", ".ods")):
        return NotSupportedError(
            f"{path}: this is a workbook; save the sheet as CSV or TSV. {KNOWN}."
        )
    ending = path.suffix or "no ending"
    return NotSupportedError(f"{path}: files with {ending} are not known. {KNOWN}.")
