"""Atlases from files: any label image, with a table of names in the wild."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.core.table import Table
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import count, join
from heatlas.io.nifti import read_volume, stem
from heatlas.io.source import digest_file, open_source
from heatlas.io.tables import read_table

# How tables in the wild call the column of labels and that of names, in order of preference.
LABEL_COLUMNS = ("index", "label", "id", "value", "key", "no", "number", "roi", "intensity")
NAME_COLUMNS = ("name", "region", "label_name", "labelname", "structure", "roi_name", "label")
# Names by which tables call the label 0 when it is no region.
BACKGROUND_NAMES = {"unknown", "background", "none", "clear label", "unlabelled", "unlabeled", ""}
_LARGEST = np.iinfo(np.int32).max
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True, eq=False)
class ShippedAtlas(Value):
    """An atlas that comes with Heatlas.

    Parameters
    ----------
    title : str
        Word for captions.
    image, labels : str
        File names in the package's data folder.
    citation : str
        What to cite.
    """

    title: str
    image: str
    labels: str
    citation: str


ATLASES: Registry[ShippedAtlas] = Registry(
    "atlas",
    {
        "aal": ShippedAtlas(
            title="AAL",
            image="aal.nii.gz",
            labels="aal.csv",
            citation="Tzourio-Mazoyer N, Landeau B, Papathanassiou D, et al. (2002). Automated "
            "anatomical labeling of activations in SPM using a macroscopic anatomical parcellation "
            "of the MNI MRI single-subject brain. NeuroImage. doi:10.1006/nimg.2001.0978; its "
            "second version with 120 regions: Rolls ET, Joliot M, Tzourio-Mazoyer N (2015). "
            "Implementation of a new parcellation of the orbitofrontal cortex in the automated "
            "anatomical labeling atlas. NeuroImage. doi:10.1016/j.neuroimage.2015.07.075",
        )
    },
)


# Where the regions of published tables lie, for names as these tables spell them: L_insula, Rput.
CENTRES: Registry[Path] = Registry(
    "centres", {"desikan-killiany": _DATA / "desikan_killiany.tsv"}
)  # fmt: skip


def shipped_atlas(name: str) -> Atlas:
    """Read an atlas that comes with Heatlas.

    Parameters
    ----------
    name : str
        ``"aal"``: automated anatomical labelling, second version, 120 regions, 2 mm, in MNI space.

    Returns
    -------
    Atlas
        With its names and its citation.

    Raises
    ------
    UnknownNameError
        If there is no such atlas.
    """
    entry = ATLASES[name]
    return read_atlas(
        _DATA / entry.image, _DATA / entry.labels, name=entry.title, citation=entry.citation
    )


def read_atlas(
    image: Path, labels: Path | None = None, *, name: str = "", citation: str = ""
) -> Atlas:
    """Read a label image and the names of its labels.

    Parameters
    ----------
    image : Path
        Whole numbers; 0 belongs to no region.
    labels : Path, optional
        CSV or TSV with a column of labels (``index``, ``label``, ``id`` ...) and one of names, or a
        FreeSurfer colour table. Without it regions are called ``"label 7"``.
    name : str
        Word for the atlas; the image's stem if empty.
    citation : str
        What to cite.

    Returns
    -------
    Atlas
        Labels of the image without a name, and names without a voxel, are counted in its
        provenance.

    Raises
    ------
    DataError
        If the image holds no labels, or image and table do not belong together.
    """
    volume = read_volume(image, precision="float64")
    numbers = _whole_numbers(volume, path=image)
    names = read_label_names(labels) if labels is not None else {}
    warnings = _match(numbers, names, image=image, labels=labels) if labels is not None else []
    inputs = {labels.name: digest_file(labels)} if labels is not None else {}
    return Atlas(
        name=name or stem(image),
        labels=numbers,
        grid=volume.grid,
        names=names,
        citation=citation,
        provenance=volume.provenance.then("read labels", inputs=inputs, warnings=warnings),
    )


def read_label_names(path: Path) -> dict[int, str]:
    """Return the name of each label in a table.

    Parameters
    ----------
    path : Path
        See :func:`read_atlas`.

    Returns
    -------
    dict of int to str
        In the table's order.

    Raises
    ------
    DataError
        If there are no two such columns, a label is no whole number, or one label has two names.
    """
    table, label_column, name_column = _label_table(path)
    names: dict[int, str] = {}
    rows = zip(table.words(label_column), table.words(name_column), strict=True)
    for row, (label, words) in enumerate(rows, start=1):
        number = _label(label, path=path, row=row)
        if names.setdefault(number, words or "") != (words or ""):
            raise DataError(f"{path}: label {number} has two names, '{names[number]}' and "
                            f"'{words}'; keep one.")  # fmt: skip
    return names


def _whole_numbers(volume: Volume, *, path: Path) -> NDArray[np.int32]:
    values = np.nan_to_num(volume.values)
    rounded = np.rint(values)
    if np.abs(values - rounded).max() > 1e-3 or np.abs(rounded).max() > _LARGEST:
        raise DataError(f"{path}: an atlas holds a whole number per voxel, but this image does "
                        "not; give a label image (a maximum-probability atlas).")  # fmt: skip
    labels: NDArray[np.int32] = rounded.astype(np.int32)
    return labels


def _label_table(path: Path) -> tuple[Table, str, str]:
    """Return the table with the names of its two columns; colour tables have no header."""
    has_header = _has_header(path)
    table = read_table(path, header=has_header)
    if not has_header and len(table.columns) > 1:
        return table, table.names[0], table.names[1]
    known = {name.strip().lower(): name for name in table.names}
    label = next((known[word] for word in LABEL_COLUMNS if word in known), None)
    words = [known[word] for word in NAME_COLUMNS if word in known and known[word] != label]
    if label is not None and words:
        return table, label, words[0]
    raise DataError(
        f"{path}: no columns of labels and names are found among {join(table.names)}; "
        "call them 'index' and 'name'."
    )


def _has_header(path: Path) -> bool:
    """Say whether the first line names columns: that of a colour table begins with a label."""
    with open_source(path) as source:
        start = source.read(min(source.size, 1000)).decode("utf-8", errors="replace")
    words = re.split(r"[\s,;]+", start.strip(), maxsplit=1)
    return not words[0].isdecimal()


def _label(label: str | None, *, path: Path, row: int) -> int:
    try:
        number = float(label or "")
    except ValueError:
        number = np.nan
    if not number.is_integer():
        raise DataError(f"{path}: row {row} has the label '{label or ''}'; a label is a whole "
                        "number.")  # fmt: skip
    return int(number)


def _match(
    numbers: NDArray[np.int32], names: dict[int, str], *, image: Path, labels: Path
) -> list[str]:
    """Compare the labels of image and table and return what a reader must know."""
    found = {int(label) for label in np.unique(numbers)} - {0}
    unnamed = sorted(found - set(names))
    if found and len(unnamed) == len(found):
        raise DataError(f"{labels}: it names none of the {count(len(found), 'label')} of "
                        f"{image.name}; the two do not belong together.")  # fmt: skip
    if names.get(0, "").strip().lower() not in BACKGROUND_NAMES:
        raise DataError(f"{labels}: label 0 is called '{names[0]}', but 0 is the background of "
                        f"{image.name}, so all names may be shifted; take the table that belongs "
                        "to the image.")  # fmt: skip
    warnings = []
    if unnamed:
        few = [str(label) for label in unnamed]
        text = f"{count(len(unnamed), 'label')} without a name ({_few(few)})"
        warnings.append(f"{image.name}: {text}")
    empty = [name for label, name in names.items() if label and label not in found]
    if empty:
        text = f"{count(len(empty), 'name')} without a voxel in {image.name} ({_few(empty)})"
        warnings.append(f"{labels.name}: {text}")
    return warnings


def _few(words: list[str]) -> str:
    return join(words[:5] + ["others"] * (len(words) > 5))
