"""A study so small that it runs in a second: twelve maps with a known blob, and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import yaml
from numpy.typing import NDArray

from tests.phantom import affine, group_maps

SHAPE = (12, 14, 12)
N_PER_GROUP = 6
IDS = tuple(f"sub-{k + 1:02d}" for k in range(2 * N_PER_GROUP))
GROUPS = ("ill",) * N_PER_GROUP + ("well",) * N_PER_GROUP
AGES = (31, 45, 28, 52, 39, 60, 33, 47, 29, 55, 41, 36)
ILL_WELL = {"name": "ill-well", "test": "group[ill] - group[well]"}
MEAN = {"name": "mean", "model": "1", "contrasts": [{"name": "mean", "test": "intercept"}]}
SETTINGS: Mapping[str, Any] = {
    "heatlas": 1,
    "name": "tiny",
    "cohort": {"tables": ["people.tsv"], "maps": "maps/{participant_id}.nii.gz"},
    "analyses": [{"name": "groups", "model": "C(group) + age", "contrasts": [ILL_WELL]}],
    "inference": {"method": "max-t", "n_permutations": 200},
    "seed": 7,
}


def tiny_study(
    folder: Path, *, columns: Mapping[str, Sequence[object]] | None = None, **changes: Any
) -> Path:
    """Write twelve maps, their table and a study file, and return the path of the study file.

    Parameters
    ----------
    folder : Path
        Where they go.
    columns : mapping, optional
        Columns of the table beside or instead of ``group`` and ``age``.
    **changes : Any
        Entries of the study file that differ from ``SETTINGS``.

    Returns
    -------
    Path
        ``study.yaml`` in the folder.
    """
    found = group_maps(N_PER_GROUP, SHAPE, effect=6.0, seed=3)
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    for name, values in zip(IDS, found.maps, strict=True):
        write_map(folder / "maps" / f"{name}.nii.gz", values)
    write_tsv(folder / "people.tsv", people(**(columns or {})))
    return write_study(folder, **changes)


def people(**columns: Sequence[object]) -> dict[str, Sequence[object]]:
    """Return the columns of the table, some of them added or changed."""
    return {"participant_id": IDS, "group": GROUPS, "age": AGES, **columns}


def write_study(folder: Path, **changes: Any) -> Path:
    """Write ``study.yaml`` with some entries changed."""
    path = folder / "study.yaml"
    settings = yaml.safe_dump({**SETTINGS, **changes}, sort_keys=False)
    path.write_text(settings, encoding="utf-8")
    return path


def analysis(model: str, *tests: str, kind: str = "t", **changes: Any) -> list[dict[str, Any]]:
    """Return the ``analyses`` of a study file with one model and its contrasts."""
    asked = [{"name": f"c{k + 1}", "test": test, "kind": kind} for k, test in enumerate(tests)]
    return [{"name": "asked", "model": model, "contrasts": asked, **changes}]


def write_map(path: Path, values: NDArray[Any], *, voxel_mm: float = 3.0) -> None:
    """Write one map as float32 around the middle of the template."""
    x, y, z = values.shape[:3]
    image = nib.Nifti1Image(values.astype(np.float32), affine(voxel_mm, (x, y, z)))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def write_tsv(path: Path, columns: Mapping[str, Sequence[object]]) -> None:
    """Write columns of equal length as a table."""
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def outputs(folder: Path) -> dict[str, bytes]:
    """Return every file of a results folder but for the log and the hidden state, by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: path.read_bytes()
        for name, path in named.items()
        if name != "log.jsonl" and not name.startswith(".heatlas/")
    }
