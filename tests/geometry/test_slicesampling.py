"""Sampling line by line gives what sampling voxel by voxel gives, and both give the truth."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.slicestack import SliceStack
from heatlas.core.space import Grid
from heatlas.geometry import slicesampling
from heatlas.geometry.slicesampling import sample_slices
from heatlas.geometry.slicestack import upright_grid

PLACES = np.array([0.0, 2.0, 4.0, 5.1, 8.5, 12.0])
AXIAL = ((-1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0))
CORONAL = ((-1.0, 0, 0), (0, 0, -1.0), (0, 1.0, 0))
SAGITTAL = ((0, -1.0, 0), (0, 0, -1.0), (1.0, 0, 0))


def stack_of(
    kind: tuple[tuple[float, ...], ...], *, tilt: float = 0.0, turned: bool = False
) -> SliceStack:
    """Six slices whose values are random; the tilt is about the axis of the columns."""
    right, down, way = (np.array(vector) for vector in kind)
    angle = np.radians(tilt)
    down = np.cos(angle) * down - np.sin(angle) * way
    if turned:
        right, down = down, right
    shape, n = (20, 23), len(PLACES)
    rng = np.random.default_rng(3)
    return SliceStack(
        values=rng.normal(size=(n, *shape)).astype(np.float32),
        corners_mm=np.array([3.0, -7.0, 11.0]) + np.outer(PLACES, way),
        row_steps_mm=np.tile(1.3 * down, (n, 1)),
        column_steps_mm=np.tile(0.9 * right, (n, 1)),
    )


def both_ways(
    stack: SliceStack, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> tuple[np.ndarray, np.ndarray]:
    """The same samples by lines and by voxels."""
    quick = sample_slices(stack, grid)
    monkeypatch.setattr(slicesampling, "_line", lambda map_: None)
    return quick, sample_slices(stack, grid)


@pytest.mark.parametrize("kind", [AXIAL, CORONAL, SAGITTAL])
@pytest.mark.parametrize("tilt", [0.0, 18.5, -30.0])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [None, 1.0])
def test_lines_and_voxels_agree(
    kind: tuple[tuple[float, ...], ...], tilt: float, turned: bool, size: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stack = stack_of(kind, tilt=tilt, turned=turned)
    grid = upright_grid(stack, voxel_size_mm=size)
    quick, slow = both_ways(stack, grid, monkeypatch)
    assert np.array_equal(np.isnan(quick), np.isnan(slow))
    assert np.isfinite(quick).mean() > 0.3
    assert np.nanmax(np.abs(quick - slow)) < 1e-4


def test_padding_is_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stack_of(AXIAL, tilt=18.5)
    values = stack.values.copy()
    values[np.random.default_rng(0).random(values.shape) < 0.3] = np.nan
    holed = SliceStack(
        values=values,
        corners_mm=stack.corners_mm,
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=stack.column_steps_mm,
    )
    quick, slow = both_ways(holed, upright_grid(holed, voxel_size_mm=0.8), monkeypatch)
    assert (np.isnan(quick) != np.isnan(slow)).mean() < 1e-3  # exactly half of the weight
    both = np.isfinite(quick) & np.isfinite(slow)
    assert np.abs(quick - slow)[both].max() < 1e-3


def test_slices_turned_about_two_axes_go_voxel_by_voxel() -> None:
    right = np.array([-0.8, 0.6, 0.0])
    down = np.array([-0.6, -0.8, 0.0]) * np.cos(0.3) + np.array([0, 0, -np.sin(0.3)])
    stack = stack_of(AXIAL)
    oblique = SliceStack(
        values=stack.values,
        corners_mm=stack.corners_mm,
        row_steps_mm=np.tile(down, (6, 1)),
        column_steps_mm=np.tile(right, (6, 1)),
    )
    rows, columns = np.indices(stack.values.shape[1:])
    pixels = np.stack([rows, columns], axis=-1)
    height = np.stack([oblique.to_mm(k, pixels)[..., 2] for k in range(6)])
    filled = SliceStack(
        values=height.astype(np.float32),
        corners_mm=oblique.corners_mm,
        row_steps_mm=oblique.row_steps_mm,
        column_steps_mm=oblique.column_steps_mm,
    )
    grid = upright_grid(filled, voxel_size_mm=1.0)
    truth = grid.positions_mm()[:, 2].reshape(grid.shape)
    gap = np.abs(sample_slices(filled, grid) - truth)
    assert np.isfinite(gap).any()
    assert np.nanmax(gap) < 1e-3
