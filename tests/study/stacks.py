"""Stacks of a few hundred voxels with a table, for tests of what a study makes of its maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns
from heatlas.stats.glm import ContrastRequest, FittedAnalysis, fit_analysis
from tests.phantom import affine

SHAPE = (8, 9, 7)


def noise(n: int, *, seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Gaussian noise, shape (n, *shape), float32."""
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def stack_of(
    maps: np.ndarray, columns: Mapping[str, Sequence[Any]], *, measure: str = "thickness"
) -> MapStack:
    """Maps of shape (n, x, y, z) with the columns of their table, all voxels in the mask."""
    shape = (maps.shape[1], maps.shape[2], maps.shape[3])
    grid = Grid(shape=shape, affine=affine(3.0, shape))
    return MapStack(
        values=maps.reshape(len(maps), -1),
        mask=Mask(space=grid, inside=np.ones(shape, bool)),
        ids=tuple(f"sub-{k + 1:02d}" for k in range(len(maps))),
        table=table_from_columns(columns),
        measure=measure,
        unit="mm",
    )


def fitted(stack: MapStack, model: str, test: str, **options: Any) -> FittedAnalysis:
    """The stack under a model with one contrast; ``kind`` and the options of fit_analysis."""
    request = ContrastRequest(name="asked", test=test, kind=options.pop("kind", "t"))
    return fit_analysis(stack, model=model, contrasts=[request], **options)
