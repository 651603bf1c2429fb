"""The linear model of the demo study's maps: Heatlas beside nilearn's second level."""

from __future__ import annotations

import csv
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np

from heatlas.core.design import Contrast, Design
from heatlas.infer import linear

DEMO = Path(__file__).resolve().parents[1] / "demo" / "depression"
NAMES = ("intercept", "group", "age", "gender", "brain_ml")
WEIGHTS = {"group": [0, 1, 0, 0, 0], "age": [0, 0, 1, 0, 0], "gender": [0, 0, 0, 1, 0]}
TARGET_S = 0.3


class Demo(NamedTuple):
    """The demo cohort, ready for a model."""

    values: np.ndarray
    """shape (72, voxels), float32, smoothed, voxels with at least 0.1 in all maps"""
    design: Design
    images: list[Any]
    """the smoothed maps as images, for the peer"""
    mask: Any
    """the mask as an image"""


def demo_cohort() -> Demo:
    """Read, smooth (8 mm) and mask the maps of the demo study; nilearn does both."""
    from nilearn.image import smooth_img

    rows = _table(DEMO / "participants.tsv")
    volumes = {row["participant_id"]: row for row in _table(DEMO / "gm" / "volumes.tsv")}
    files = [DEMO / "gm" / f"{row['participant_id']}_gm.nii.gz" for row in rows]
    images = [smooth_img(str(file), 8) for file in files]
    stacked = np.stack([np.asarray(image.dataobj, dtype=np.float32) for image in images])
    inside = (stacked >= 0.1).all(axis=0)
    matrix = np.column_stack([
        np.ones(len(rows)),
        [1.0 if row["group"] == "depr" else -1.0 for row in rows],
        [float(row["age"]) for row in rows],
        [1.0 if row["gender"] == "m" else -1.0 for row in rows],
        [float(volumes[row["participant_id"]]["brain_ml"]) for row in rows],
    ])
    design = Design(matrix=matrix, names=NAMES, ids=tuple(row["participant_id"] for row in rows))
    mask = nibabel.Nifti1Image(inside.astype(np.uint8), images[0].affine)
    return Demo(np.ascontiguousarray(stacked[:, inside]), design, images, mask)


def best_time(work: Callable[[], object], *, repeats: int = 3) -> float:
    """Shortest of some runs, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def heatlas_model(demo: Demo) -> list[linear.ContrastResult]:
    """One fit, three t and one F, each with estimate and interval."""
    fitted = linear.fit(demo.values, demo.design)
    contrasts = [Contrast(name=name, weights=np.array(w, float)) for name, w in WEIGHTS.items()]
    both = np.array([WEIGHTS["group"], WEIGHTS["gender"]], float)
    contrasts.append(Contrast(name="both", weights=both, kind="F"))
    return [linear.test(fitted, contrast) for contrast in contrasts]


def nilearn_model(demo: Demo) -> np.ndarray:
    """The same with SecondLevelModel; returns the t of the first contrast."""
    import pandas
    from nilearn.glm.second_level import SecondLevelModel

    matrix = pandas.DataFrame(demo.design.matrix, columns=list(NAMES))
    model = SecondLevelModel(mask_img=demo.mask, minimize_memory=False)
    model.fit(demo.images, design_matrix=matrix)
    maps = [model.compute_contrast(w, output_type="all") for w in WEIGHTS.values()]
    model.compute_contrast([WEIGHTS["group"], WEIGHTS["gender"]], second_level_stat_type="F")
    return np.asarray(model.masker_.transform(maps[0]["stat"])).ravel()


def nilearn_kernel(demo: Demo) -> None:
    """Nilearn's model on the bare matrix, without its images."""
    from nilearn.glm import compute_contrast
    from nilearn.glm.first_level import run_glm

    labels, fits = run_glm(demo.values, demo.design.matrix, noise_model="ols")
    for weights in WEIGHTS.values():
        compute_contrast(labels, fits, np.array(weights), stat_type="t").stat()
    both = np.array([WEIGHTS["group"], WEIGHTS["gender"]])
    compute_contrast(labels, fits, both, stat_type="F").stat()


def main() -> int:
    """Run all and print the ratios."""
    warnings.simplefilter("ignore")
    demo = demo_cohort()
    print(f"{len(demo.values)} maps x {demo.values.shape[1]:,} voxels, 5 regressors, 3 t and 1 F")
    ours = best_time(lambda: heatlas_model(demo))
    kernel = best_time(lambda: nilearn_kernel(demo))
    whole = best_time(lambda: nilearn_model(demo), repeats=1)
    gap = np.abs(nilearn_model(demo) - heatlas_model(demo)[0].statistic).max()
    print(f"heatlas              {ours:8.3f} s  (target {TARGET_S} s)")
    print(f"nilearn run_glm      {kernel:8.3f} s  {kernel / ours:6.1f} x")
    print(f"nilearn SecondLevel  {whole:8.3f} s  {whole / ours:6.1f} x, images included")
    print(f"largest difference of t: {gap:.1e}")
    print(
        f"ratio: nilearn takes {whole / ours:.1f} times as long with its images, "
        f"{kernel / ours:.1f} times on the bare matrix"
    )
    return 0 if ours <= TARGET_S else 1


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


if __name__ == "__main__":
    sys.exit(main())
