"""Heat maps with known truth for the tests of drawing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import value_threshold
from heatlas.core.volume import Volume
from tests.phantom import affine, ball

SHAPE = (24, 28, 20)
CUT = 3.0


def brain_mask(shape: tuple[int, int, int] = SHAPE, matrix: np.ndarray | None = None) -> Mask:
    """A ball of voxels of 3 mm around the origin."""
    grid = Grid(shape=shape, affine=affine(shape=shape) if matrix is None else matrix)
    return Mask(space=grid, inside=ball(shape, radius=min(shape) / 2 - 0.5))


def blob_map(
    blobs: dict[tuple[float, float, float], float] | None = None,
    *,
    radius_mm: float = 7.0,
    mask: Mask | None = None,
    title: str = "blobs",
) -> HeatMap:
    """A t map that is 1 everywhere and has the given heights in balls around positions in mm."""
    mask = mask or brain_mask()
    values = np.ones(mask.size)
    positions = mask.positions_mm()
    for centre, height in ({(18.0, 0.0, 6.0): 6.0} if blobs is None else blobs).items():
        near = np.linalg.norm(positions - np.array(centre), axis=1) <= radius_mm
        values[near] = height
    stat_map = StatMap(
        values=values, mask=mask, kind="t", dof=(20,), n=22, groups=(("a", 12), ("b", 10))
    )
    rule = value_threshold(values, cut=CUT, two_sided=True)
    return heat_map_of(stat_map, threshold=rule, title=title)


def mean_map(offset: float = 0.0, mask: Mask | None = None) -> HeatMap:
    """A descriptive map of positive means."""
    mask = mask or brain_mask()
    values = np.linspace(0.2, 0.8, mask.size) + offset
    stat_map = StatMap(values=values, mask=mask, kind="mean", quantity="volume", unit="ml", n=12)
    return heat_map_of(stat_map, title="mean")


def with_values(heat_map: HeatMap, values: np.ndarray) -> HeatMap:
    """The same map with other values, judged anew."""
    stat_map = replace(heat_map.shown, values=values)
    rule = value_threshold(values, cut=CUT, two_sided=True)
    return heat_map_of(stat_map, threshold=rule, title=heat_map.title)


def template() -> Volume:
    """A background that is brighter towards the right and 0 outside a ball."""
    mask = brain_mask()
    bright = 100 + mask.positions_mm()[:, 0]
    return Volume(values=mask.scatter_grid(bright, fill=0.0), grid=mask.grid)
