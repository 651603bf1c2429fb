"""A small CT with known truth for the tests of windows and stored slices."""

from __future__ import annotations

import numpy as np

from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.volume import Volume
from heatlas.core.window import Window
from heatlas.show.window import WindowedVolume

SHAPE = (20, 24, 6)
BRAIN = Window(name="brain", centre=40, width=80)


def tilted_affine(*, tilt_degrees: float = 18.0, pitch_mm: float = 0.5) -> np.ndarray:
    """Slices tilted against the axial plane, each straight above the one before it: shear."""
    angle = np.radians(tilt_degrees)
    matrix = np.eye(4)
    matrix[:3, 0] = (-pitch_mm, 0, 0)
    matrix[:3, 1] = (0, pitch_mm * np.cos(angle), pitch_mm * np.sin(angle))
    matrix[:3, 2] = (0, 0, 4.0)
    matrix[:3, 3] = (5.0, -6.0, -10.0)
    return matrix


def ct_grid(shape: tuple[int, int, int] = SHAPE, *, tilt_degrees: float = 18.0) -> Grid:
    """Stored from right to left, as radiological files are."""
    return Grid(shape=shape, affine=tilted_affine(tilt_degrees=tilt_degrees))


def hounsfield(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """A value of its own in each voxel, between -1000 and 1500."""
    return np.random.default_rng(3).uniform(-1000, 1500, shape).astype(np.float32)


def windowed(
    values: np.ndarray | None = None, *, grid: Grid | None = None, padded: bool = False
) -> WindowedVolume:
    """The CT in a brain window; the first four columns may be padding."""
    grid = grid or ct_grid()
    values = hounsfield(grid.shape) if values is None else values
    if padded:
        values = values.copy()
        values[:4] = np.nan
    volume = Volume(values=values, grid=grid, name="ct")
    return WindowedVolume(volume=volume, window=BRAIN)


def value_map(values: np.ndarray, grid: Grid) -> HeatMap:
    """A descriptive map of every voxel of a grid."""
    mask = Mask(space=grid, inside=np.ones(grid.shape, bool))
    stat_map = StatMap(values=values.ravel(), mask=mask, kind="value", quantity="saliency")
    return heat_map_of(stat_map, title="saliency")
