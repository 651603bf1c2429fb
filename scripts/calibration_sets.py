"""One set of the calibration: maps of pure noise, made and judged."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core import random
from heatlas.core.statmap import StatMap
from heatlas.infer import linear
from heatlas.infer.family import across_contrasts
from heatlas.infer.permute import permute
from heatlas.infer.thresholding import apply_threshold
from scripts.calibration_cell import ALPHA, Cell
from scripts.calibration_cells import CELLS
from scripts.calibration_samples import MASK

SEED = 20_261_121
SIGNAL = 4.0  # standard deviations between the groups, where a signal is planted
PLANTED = np.arange(MASK.size) < MASK.size // 2
SMALL = np.arange(MASK.size) % 6 < 3  # half of the grid


class Chunk(NamedTuple):
    """Some sets of one cell."""

    key: str
    first: int
    stop: int


class Found(NamedTuple):
    """What was found in some sets."""

    false: int
    """sets with at least one false positive"""
    warned: int
    """sets whose results warned of an assumption"""


def judge_sets(chunk: Chunk) -> Found:
    """Make and judge the sets of a chunk; each set has streams of its own."""
    cell = CELLS[chunk.key]
    judge = _threshold if cell.settings is None else _permute
    found = [judge(cell, index) for index in range(chunk.first, chunk.stop)]
    return Found(false=sum(one.false for one in found), warned=sum(one.warned for one in found))


def noise_of(cell: Cell, index: int) -> NDArray[np.float32]:
    """Return the maps of a set."""
    maps = cell.maps.maps(
        random.stream(SEED, f"calibration noise: {cell.key}", index=index), noise=cell.noise
    )
    if cell.beside:
        group = cell.maps.design.matrix[:, 1]
        maps[:, PLANTED] += np.float32(SIGNAL) * group[:, None].astype(np.float32)
    return maps


def _permute(cell: Cell, index: int) -> Found:
    """Judge a set by rearranging it."""
    if cell.settings is None:
        raise ValueError(f"{cell.key} makes no permutations.")
    layout = cell.maps
    # The seed is the set's as well, so that chance in checking assumptions differs between sets.
    settings = replace(cell.settings, seed=SEED + index, step=f"calibration: {cell.key}")
    results = permute(
        noise_of(cell, index),
        layout.design,
        contrasts=layout.contrasts,
        settings=settings,
        mask=MASK,
        within=SMALL if cell.small else None,
    )
    if cell.across:
        results = across_contrasts(results, names=[one.name for one in layout.contrasts])
    p = np.array([one.p for one in results])
    survives = np.nan_to_num(p, nan=2.0) <= ALPHA
    if cell.beside:
        survives[:, PLANTED] = False
    return Found(false=int(survives.any()), warned=int(any(one.warnings for one in results)))


def _threshold(cell: Cell, index: int) -> Found:
    """Judge a set by the distribution of t."""
    layout = cell.maps
    fitted = linear.fit(noise_of(cell, index), layout.design)
    tested = linear.test(fitted, layout.contrasts[0])
    stat_map = StatMap(values=tested.statistic, mask=MASK, kind="t", dof=tested.dof)
    judged = apply_threshold(stat_map, method=cell.threshold, alpha=ALPHA)
    return Found(false=int(judged.survives.any()), warned=0)
