"""Pointing: how often a map's peak lies inside of a planted lesion, aligned and stretched.

The usual way stretches a layer's map over the image; ours lays each unit onto the centre of its
receptive field. Both use the same networks, trained here on one head's CT slices with planted soft
lesions, and judged on slices from other parts of that head. Everything is synthetic but the head.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from heatlas.learn.alignment import align, on_pixels, stretched
from heatlas.learn.cam import grad_cam, hires_cam, layer_cam
from heatlas.learn.network.gradients import layer_tensors
from heatlas.learn.network.layers import find_target_layer
from heatlas.learn.network.model import probabilities
from heatlas.learn.network.training import TrainingSettings, train_classifier
from heatlas.learn.planted import PlantedImages, plant_lesions, split_by_position

SEEDS = range(5)
ARCHITECTURES = ("plain-2d", "residual-2d")
METHODS = {"grad-cam": grad_cam, "hirescam": hires_cam, "layercam": layer_cam}
N_TRAIN, N_TEST = 800, 60
WAYS = ("aligned", "stretched")


class Judged(NamedTuple):
    """One trained network on the images with a lesion that it found."""

    accuracy: float
    seconds: float
    hits: dict[tuple[str, str], float]
    """share of peaks inside of the lesion, by method and way"""


def read_series(folder: Path) -> NDArray[np.float32]:
    """Read a CT series in the order of its slices, in Hounsfield units."""
    from pydicom import dcmread

    slices = sorted(
        (dcmread(path) for path in folder.glob("*.dcm")),
        key=lambda found: float(found.ImagePositionPatient[2]),
    )
    values = [s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices]
    return np.stack(values).astype(np.float32)


def judge(architecture: str, *, train: PlantedImages, test: PlantedImages, seed: int) -> Judged:
    """Train one network and point with it."""
    start = time.process_time()
    settings = TrainingSettings(seed=seed, group=2)
    network = train_classifier(architecture, train.images, labels=train.labels, settings=settings)
    seconds = time.process_time() - start
    shares = probabilities(network, test.images)[:, 1]
    found = np.flatnonzero((test.labels == 1) & (shares > 0.5))
    hits: dict[tuple[str, str], list[bool]] = {}
    layer = find_target_layer(network, test.images[0])
    ours = align(network, layer=layer, shape=test.images[0].shape)
    usual = stretched(ours.layer_shape, image_shape=ours.image_shape)
    for k in found:
        tensors = layer_tensors(network, test.images[k], layer=layer, class_index=1)
        for method, formula in METHODS.items():
            for way, alignment in zip(WAYS, (ours, usual), strict=True):
                values = on_pixels(formula(*tensors), alignment)
                hits.setdefault((method, way), []).append(test.masks[k].flat[values.argmax()])
    accuracy = float(((shares > 0.5) == test.labels).mean())
    return Judged(accuracy, seconds, {key: float(np.mean(row)) for key, row in hits.items()})


def interval(values: NDArray[np.float64], *, low: float = 0.0) -> str:
    """Mean and 95 % interval over seeds, in per cent, within what is possible."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    mean = values.mean()
    ends = max(mean - half, low), min(mean + half, 1.0)
    return f"{100 * mean:.1f} % [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"


def main() -> int:
    """Print how often each way points into the lesion."""
    named = os.environ.get("HEATLAS_TEST_DATA")
    folder = Path(named or ".") / "ct" / "head_ge"
    if not folder.is_dir():
        print("set HEATLAS_TEST_DATA to the folder of real test data to run this benchmark")
        return 0
    series = read_series(folder)
    split = split_by_position(len(series))
    differences = []
    for architecture in ARCHITECTURES:
        judged = []
        for seed in SEEDS:
            train = plant_lesions(series, which=split.train, n_pairs=N_TRAIN, seed=seed)
            test = plant_lesions(series, which=split.test, n_pairs=N_TEST, seed=1000 + seed)
            judged.append(judge(architecture, train=train, test=test, seed=seed))
            print(f"{architecture}, seed {seed}: accuracy on other slices "
                  f"{100 * judged[-1].accuracy:.0f} %, {judged[-1].seconds:.0f} CPU-s of training",
                  flush=True)  # fmt: skip
        for method in METHODS:
            ways = {way: np.array([row.hits[method, way] for row in judged]) for way in WAYS}
            difference = ways["aligned"] - ways["stretched"]
            differences.append(difference.mean())
            print(f"{architecture}, {method}: peak inside of the lesion, aligned "
                  f"{interval(ways['aligned'])}, stretched {interval(ways['stretched'])}, "
                  f"difference {interval(difference, low=-1.0)}", flush=True)  # fmt: skip
    print(f"difference: aligned maps point {100 * np.mean(differences):.1f} points more often into "
          f"the lesion ({len(SEEDS)} seeds, {len(ARCHITECTURES)} architectures)")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
