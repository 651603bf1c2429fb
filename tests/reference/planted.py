"""Planted blobs: how much of them Heatlas and MRtrix3 find by TFCE, with equal permutations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heatlas.core.design import Contrast, Design
from heatlas.core.space import Grid, Mask
from heatlas.infer.arrangements import listed_arrangements
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationSettings, TfceSettings
from tests.reference import mrtrix

Floats = NDArray[np.float64]
SHAPE = (14, 14, 12)
N = 24
ALPHA = 0.05
WEIGHTS = np.array([0.0, 1, 0])
TIE = 1e-5  # mrclusterstats keeps float32: a maximum this close below a value reaches it
TOOLS = ("heatlas t", "heatlas z", "mrclusterstats")


class Blob(NamedTuple):
    """What is planted."""

    radius: float
    """voxels"""
    effect: float
    """standard deviations between the groups"""


BLOBS = {"focal": Blob(1.5, 2.4), "wide": Blob(4.0, 1.1)}


class Found(NamedTuple):
    """The share of a blob that each tool finds in each set, shape (sets,)."""

    shares: dict[str, Floats]

    def power(self, tool: str) -> float:
        """Expected share."""
        return float(self.shares[tool].mean())

    def lead(self, tool: str, *, over: str) -> tuple[float, float]:
        """Difference of two tools' power and its standard error, sets taken as pairs."""
        difference = self.shares[tool] - self.shares[over]
        return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def find_blobs(blob: Blob, folder: Path, *, n_sets: int, n_permutations: int, seed: int) -> Found:
    """Plant a blob in n_sets samples and look for it, one-sided at a family-wise .05.

    Both are given the same permutations, and p is counted by one rule: the share of maxima, the
    identity included, that reach a voxel's value.
    """
    shares: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    for number in range(n_sets):
        chance = np.random.default_rng([seed, number])
        matrix = np.column_stack([np.ones(N), np.arange(N) % 2, chance.standard_normal(N)])
        maps, truth = _planted(blob, matrix[:, 1], chance=chance)
        rows = np.array([np.arange(N), *(chance.permutation(N) for _ in range(n_permutations - 1))])
        for tool in TOOLS:
            if tool == "mrclusterstats":
                survives = _by_mrtrix(folder, maps, matrix=matrix, rows=rows)
            else:
                survives = _by_heatlas(maps, matrix, rows=rows, statistic=tool[-1])
            shares[tool].append(float(survives[truth.ravel()].mean()))
    return Found({tool: np.array(found) for tool, found in shares.items()})


def _planted(
    blob: Blob, group: Floats, *, chance: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return smooth noise of variance 1 with an effect in one ball, and the ball."""
    sigma, middle = 1.2, (np.array(SHAPE) - 1) / 2
    impulse = np.zeros(SHAPE)
    impulse[0, 0, 0] = 1
    norm = np.linalg.norm(ndimage.gaussian_filter(impulse, sigma, mode="wrap"))
    noise = chance.standard_normal((N, *SHAPE))
    maps = ndimage.gaussian_filter(noise, (0, sigma, sigma, sigma), mode="wrap") / norm
    distance = np.linalg.norm(np.moveaxis(np.indices(SHAPE), 0, -1) - middle, axis=-1)
    truth = distance <= blob.radius
    maps[:, truth] += blob.effect * group[:, None]
    return maps.reshape(N, -1).astype(np.float32), truth


def _by_mrtrix(
    folder: Path, maps: NDArray[np.float32], *, matrix: Floats, rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    image = nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4))
    mrtrix.write_images(folder, maps, image=image)
    mrtrix.write_model(folder, matrix, weights=WEIGHTS)
    options = mrtrix.permutations_file(folder, rows)
    found = mrtrix.mrclusterstats(folder, options=options, threads=1)
    return _reached(found.enhanced, found.maxima) <= ALPHA


def _by_heatlas(
    maps: NDArray[np.float32], matrix: Floats, *, rows: NDArray[np.int64], statistic: Any
) -> NDArray[np.bool_]:
    settings = PermutationSettings(
        n_permutations=len(rows), two_sided=False, method="tfce",
        tfce=TfceSettings(statistic=statistic),
    )  # fmt: skip
    design = Design(matrix=matrix, names=("mean", "group", "age"), ids=tuple(map(str, range(N))))
    (found,) = permute(
        maps, design, contrasts=[Contrast(name="group", weights=WEIGHTS)], settings=settings,
        mask=Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=np.ones(SHAPE, bool)),
        # MRtrix moves the maps, Heatlas the rows of the design: the inverse is the same test.
        engine=Engine(arrangements=listed_arrangements(np.argsort(rows, axis=1))),
    )  # fmt: skip
    return _reached(found.observed, found.null_maxima) <= ALPHA


def _reached(values: Floats, maxima: Floats) -> Floats:
    """Return the share of maxima that reach each value."""
    below = np.searchsorted(np.sort(maxima), values - TIE * np.abs(values))
    return 1 - below / len(maxima)
