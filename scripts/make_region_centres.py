"""Write src/heatlas/io/data/desikan_killiany.tsv from labelled fsaverage5 meshes (build time).

Usage: python -m scripts.make_region_centres FOLDER
The folder holds meshes and labels of the ENIGMA toolbox: fsa5_lh.gii, fsa5_rh.gii, sctx_lh.gii,
sctx_rh.gii, aparc_fsa5.csv and aparc_aseg_fsa5_with_sctx.csv. A centre is the mean of a region's
vertices.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

TARGET = Path(__file__).parent.parent / "src" / "heatlas" / "io" / "data" / "desikan_killiany.tsv"
CORTEX_LABELS, ALL_LABELS = "aparc_fsa5.csv", "aparc_aseg_fsa5_with_sctx.csv"
# In the order of the labels, 1 to 35 of each hemisphere; None is the callosum, which no table has.
CORTEX = (
    "bankssts", "caudalanteriorcingulate", "caudalmiddlefrontal", None, "cuneus", "entorhinal",
    "fusiform", "inferiorparietal", "inferiortemporal", "isthmuscingulate", "lateraloccipital",
    "lateralorbitofrontal", "lingual", "medialorbitofrontal", "middletemporal", "parahippocampal",
    "paracentral", "parsopercularis", "parsorbitalis", "parstriangularis", "pericalcarine",
    "postcentral", "posteriorcingulate", "precentral", "precuneus", "rostralanteriorcingulate",
    "rostralmiddlefrontal", "superiorfrontal", "superiorparietal", "superiortemporal",
    "supramarginal", "frontalpole", "temporalpole", "transversetemporal", "insula",
)  # fmt: skip
# 71 to 78 on the left, 79 to 86 on the right.
DEEP = ("accumb", "amyg", "caud", "hippo", "pal", "put", "thal", "LatVent")


def names() -> dict[int, str]:
    """Return the name of each label, as published tables of effect sizes spell it."""
    cortex = [f"{side}_{name}" if name else None for side in "LR" for name in CORTEX]
    deep = [f"{side}{name}" for side in "LR" for name in DEEP]
    return {label: name for label, name in enumerate([*cortex, *deep], start=1) if name}


def centres(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Return the mean position of each region's vertices, in mm."""
    cortex = np.vstack([vertices(folder / f"fsa5_{side}.gii") for side in ("lh", "rh")])
    left, right = (vertices(folder / f"sctx_{side}.gii") for side in ("lh", "rh"))
    all_labels = read_labels(folder / ALL_LABELS)
    # The file goes through cortex and deep structures of the left, then of the right. It has one
    # label too many on the left and one too few on the right, so each part is counted from its end.
    deep_left = all_labels[len(cortex) // 2 :][: len(left)]
    places = np.vstack([cortex, left, right])
    labels = [read_labels(folder / CORTEX_LABELS), deep_left, all_labels[-len(right) :]]
    of_vertex = np.concatenate(labels)
    return {name: places[of_vertex == label].mean(axis=0) for label, name in names().items()}


def vertices(mesh: Path) -> NDArray[np.float64]:
    """Return the vertices of a mesh, shape (n, 3)."""
    return np.asarray(nibabel.load(mesh).darrays[0].data, dtype=np.float64)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Return one label a vertex."""
    return np.loadtxt(path, delimiter=",").astype(np.int64)


if __name__ == "__main__":
    rows = ["name\tx\ty\tz"]
    for region, place in centres(Path(sys.argv[1])).items():
        rows.append("\t".join([region, *(f"{value:.1f}" for value in place + 0.0)]))
    TARGET.write_text("\n".join(rows) + "\n", encoding="utf-8")
