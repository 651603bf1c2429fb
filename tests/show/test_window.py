"""Greys between stated limits: exact where pixels are voxels, never mixed with padding."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.core.window import Window
from heatlas.show.planes import Field, Raster, voxels_of
from heatlas.show.stored import StoredSlice, stack_of
from heatlas.show.view import THEMES
from heatlas.show.window import (
    BETWEEN,
    HATCH,
    WindowedVolume,
    bright_slices,
    gather_window,
    window_field,
)
from tests.show.ct import BRAIN, ct_grid, hounsfield, windowed

DARK = THEMES["dark"]


def expected_greys(values: np.ndarray) -> np.ndarray:
    """The window's greys by its definition, in float64."""
    share = np.clip((values.astype(np.float64) - 0) / 80, 0, 1)
    return np.floor(255 * share + 0.5).astype(int)


def grid_of(diagonal: tuple[float, float, float], shape: tuple[int, int, int]) -> Grid:
    affine = np.diag([*diagonal, 1.0])
    affine[:3, 3] = -np.array(diagonal) * (np.array(shape) - 1) / 2
    return Grid(shape=shape, affine=affine)


def test_a_windowed_volume_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(windowed(padded=True)))
    assert (again.low, again.high, again.window.name) == (0.0, 80.0, "brain")
    assert again.has_padding


def test_it_says_its_limits_and_whether_something_was_not_measured() -> None:
    brain = "Grey: brain (centre 40, width 80 HU), black at 0 HU, white at 80 HU"
    assert windowed().sentence == f"{brain}."
    assert windowed(padded=True).sentence == f"{brain}; hatched: not scanned."
    lung = Window(name="lung", centre=-600, width=1500, unit="")
    words = WindowedVolume(volume=windowed().volume, window=lung).sentence
    assert words.endswith("black at −1,350, white at 150.")


def test_windows_of_files_keep_their_shape() -> None:
    grid = ct_grid()
    values = np.linspace(-100, 200, grid.size, dtype=np.float32).reshape(grid.shape)
    sigmoid = Window(name="file", centre=40, width=80, shape="sigmoid")
    table = Window(name="file", centre=40, width=80, table=np.linspace(0, 1, 81) ** 2)
    for window in (sigmoid, table):
        found = WindowedVolume(volume=windowed().volume, window=window).greys(values)
        assert np.abs(found - 255 * window.greys(values)).max() <= 0.5


def test_a_stored_slice_whose_pixels_are_its_voxels_is_drawn_as_it_is() -> None:
    grid, values = ct_grid(), hounsfield()
    raster = StoredSlice(stack_of(grid, left_is_left=False), 2, 20, 24)
    grey = gather_window(raster, windowed(values, grid=grid), theme=DARK)
    # Stored from right to left, so that the first column is the patient's right; top is front.
    np.testing.assert_array_equal(grey, expected_greys(values[:, :, 2].T[::-1]))
    other = StoredSlice(stack_of(grid, left_is_left=True), 2, 20, 24)
    mirrored = gather_window(other, windowed(values, grid=grid), theme=DARK)
    np.testing.assert_array_equal(mirrored, grey[:, ::-1])


def test_a_slice_of_512_by_512_is_drawn_as_it_is() -> None:
    grid = grid_of((-0.45, 0.45, 5), (512, 512, 1))
    values = hounsfield(grid.shape)
    raster = StoredSlice(stack_of(grid, left_is_left=False), 0, 512, 512)
    grey = gather_window(raster, windowed(values, grid=grid), theme=DARK)
    np.testing.assert_array_equal(grey, expected_greys(values[:, :, 0].T[::-1]))


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_planes_along_the_axes_are_interpolated_linearly(
    turn: tuple[int, int, int], axis: str
) -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 80, (9, 11, 10)).astype(np.float32)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([2.0, -2.5, 3.0])[list(turn)]
    matrix[:3, 3] = -np.diag(matrix[:3, :3] @ np.diag([4.0, 5, 4.5]))
    window = windowed(values, grid=Grid(shape=values.shape, affine=matrix))
    field = window_field(window)
    middle = float((field.low + field.high)["xyz".index(axis)] / 2) + 0.3
    # More pixels than voxels: between voxels, nothing is averaged.
    raster = Raster(axis, middle, field, 61, 63, mirrored=True)  # type: ignore[arg-type]
    grey = gather_window(raster, window, theme=DARK)
    places = np.stack(voxels_of(raster, window.volume.grid))
    last = np.array(values.shape)[:, None, None] - 1
    inside = ((places >= 0) & (places <= last)).all(axis=0)
    assert inside.sum() > 1000
    linear = map_coordinates(values, places, order=1)
    assert np.abs(grey[inside] - expected_greys(linear)[inside]).max() <= 1


def test_planes_across_a_sheared_grid_are_interpolated_linearly() -> None:
    values = np.random.default_rng(1).uniform(0, 80, (20, 24, 6)).astype(np.float32)
    window = windowed(values)
    raster = Raster("x", 0.3, window_field(window), 50, 60, mirrored=False)
    grey = gather_window(raster, window, theme=DARK)
    places = np.stack(voxels_of(raster, window.volume.grid)).astype(np.float64)
    last = np.array(values.shape)[:, None, None] - 1
    inside = ((places >= 0) & (places <= last)).all(axis=0)
    assert inside.sum() > 300
    expected = expected_greys(map_coordinates(values, places, order=1))
    assert np.abs(grey[inside].astype(int) - expected[inside]).max() <= 1
    assert (grey[0] == DARK.page).any()  # beyond the tilted grid lies the page


def test_the_mean_of_many_voxels_is_shown_where_pixels_are_larger() -> None:
    rng = np.random.default_rng(2)
    grid = grid_of((1, 1, 5), (240, 240, 1))
    values = (40 + rng.normal(0, 20, grid.shape)).astype(np.float32)
    wide = Window(name="wide", centre=0, width=2000)
    window = replace(windowed(values, grid=grid), window=wide)
    raster = StoredSlice(stack_of(grid, left_is_left=True), 0, 30, 30)
    grey = gather_window(raster, window, theme=DARK)
    sampled = values[4::8, 4::8, 0].std() * 255 / 2000
    assert grey.mean() == pytest.approx(255 * 1040 / 2000, abs=0.6)
    assert grey[1:-1, 1:-1].std() < 0.5 * sampled  # noise is averaged, not picked


def test_padding_is_hatched_and_darkens_nothing_beside_it() -> None:
    grid = grid_of((1, 1, 5), (40, 40, 1))
    values = np.full(grid.shape, 41, np.float32)
    values[:15] = np.nan
    window = windowed(values, grid=grid)
    for size in (40, 56, 20):
        raster = StoredSlice(stack_of(grid, left_is_left=True), 0, size, size)
        grey = gather_window(raster, window, theme=DARK)
        assert set(np.unique(grey)) <= {HATCH, BETWEEN, 131}
        assert (grey[:, -1] == 131).all()
        hatched = (grey[:, : size // 4] == HATCH).mean()
        assert 0.05 < hatched < 0.3  # and no pixel is black: what was not measured is no air


def test_a_thin_slice_is_seen_within_half_its_thickness_only() -> None:
    grid = grid_of((1, 1, 6), (12, 12, 1))
    window = windowed(np.full(grid.shape, 40, np.float32), grid=grid)
    field = Field(low=np.full(3, -10.0), high=np.full(3, 10.0))
    for mm, seen in ((0.0, True), (2.9, True), (-2.9, True), (3.2, False)):
        grey = gather_window(Raster("z", mm, field, 20, 20, mirrored=False), window, theme=DARK)
        assert (grey[10, 10] == 128) == seen
        assert grey[0, 0] == DARK.page


def test_the_field_holds_what_is_not_black() -> None:
    grid = grid_of((1, 1, 1), (40, 40, 40))
    values = np.full(grid.shape, -1000, np.float32)
    values[10:20, 15:30, 5:35] = 35
    field = window_field(windowed(values, grid=grid))
    margin = 0.015 * 30
    np.testing.assert_allclose(field.low, np.array([10, 15, 5]) - 20 - margin)
    np.testing.assert_allclose(field.high, np.array([20, 30, 35]) - 20 + margin)
    black = windowed(np.full(grid.shape, -1000, np.float32), grid=grid)
    assert window_field(black).size(0) > 39  # nothing is bright: all of it


def test_values_of_float64_are_windowed_too() -> None:
    grid = ct_grid()
    volume = Volume(values=np.full(grid.shape, 20.0, np.float64), grid=grid)
    window = WindowedVolume(volume=volume, window=BRAIN)
    raster = StoredSlice(stack_of(grid, left_is_left=False), 0, 20, 24)
    assert (gather_window(raster, window, theme=DARK) == 64).all()


def test_bright_slices_hold_more_than_air_and_padding() -> None:
    values = np.full((10, 10, 6), -1000, np.float32)
    values[2:8, 2:8, 2:4] = 35
    values[:, :, 5] = np.nan
    grid = Grid(shape=values.shape, affine=np.eye(4))
    assert bright_slices(windowed(values, grid=grid), along=2).tolist() == [2, 3]
    black = windowed(np.full(values.shape, -1000, np.float32), grid=grid)
    assert bright_slices(black, along=2).size == 6
