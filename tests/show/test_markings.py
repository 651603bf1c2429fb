"""Outlines, contours, sides and the scale bar can be read on any grey."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.colour import value_faded
from heatlas.core.heatmap import HeatMap
from heatlas.show.compile import compile_scene
from heatlas.show.layout import TileBox
from heatlas.show.markings import DARK, LIGHT, outline_paths, scale_bar
from heatlas.show.raster import render
from heatlas.show.scene import Path, Scene, Tile
from heatlas.show.view import View
from tests.show.ct import ct_grid, value_map, windowed
from tests.show.maps import blob_map

BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -6.0}
STORED = View(kind="stored", left_is_left=False, theme="dark", scale_bar=True)


def flat_map(size: int = 30) -> tuple[HeatMap, Tile]:
    """A signed map of one slice, 1 in a square and -1 in another, and that slice."""
    values = np.zeros((size, size))
    values[5:12, 5:12], values[18:25, 18:25] = 1.0, -1.0
    grid = ct_grid((size, size, 1), tilt_degrees=0)
    panel = value_map(values.reshape(size, size, 1), grid)
    scale = value_faded(panel.scale, contours=(-0.5, 0.5))
    elements = np.arange(size * size, dtype=np.int32).reshape(size, size)
    tile = Tile(axis="z", position_mm=0, left=0, top=0, elements=elements,
                grey=np.zeros((size, size), np.uint8))  # fmt: skip
    return replace(panel, scale=scale), tile


def drawn(paths: list[Path], size: int = 30) -> np.ndarray:
    """The paths alone, on mid grey."""
    scene = Scene(width=size, height=size, scale=1.0, page=128, paths=tuple(paths))
    return render(scene)[:, :, 0]


def test_contours_surround_what_is_beyond_them_solid_above_and_dashed_below_zero() -> None:
    panel, tile = flat_map()
    paths = outline_paths(panel, [tile], view=View(), windowed=False)
    by_role = {path.role: path for path in paths}
    assert set(by_role) == {"outline contour +", "outline contour -"}
    plus, minus = by_role["outline contour +"], by_role["outline contour -"]
    assert not plus.dash and minus.dash
    assert plus.points.min() == 4.5 and plus.points.max() == 12.5
    assert minus.points.min() == 17.5 and minus.points.max() == 25.5


def test_on_a_window_each_line_has_a_dark_one_outside_and_covers_nothing_of_its_region() -> None:
    panel, tile = flat_map()
    pixels = drawn(outline_paths(panel, [tile], view=View(), windowed=True))
    assert (pixels[5:12, 5:12] == 128).all() and (pixels[18:25, 18:25] == 128).all()
    assert (pixels[4, 4:13] == LIGHT[0]).all() and (pixels[3, 3:14] == DARK[0]).all()
    around = pixels[17, 17:26]  # dashed: light with gaps, the dark line beside it is whole
    assert set(np.unique(around)) == {128, LIGHT[0]}
    assert (pixels[16, 16:27] == DARK[0]).all()


def test_what_survives_is_outlined_for_both_tails_over_a_window() -> None:
    panel = blob_map(BOTH)
    grid = panel.shown.mask.grid
    window = windowed(np.full(grid.shape, 40, np.float32), grid=grid)
    scene = compile_scene([panel], replace(STORED, slices=(10, 12)), background=window)
    light = {p.role for p in scene.paths if p.role.startswith("outline") and p.colour == LIGHT}
    dark = {p.role for p in scene.paths if p.role.startswith("outline") and p.colour == DARK}
    assert light == dark == {"outline +", "outline -"}


@pytest.mark.parametrize(
    ("pixels_per_mm", "mm"), [(0.5, 100), (2.2, 50), (5, 20), (12, 10), (30, 5)]
)
def test_the_scale_bar_has_a_round_length_that_fits(pixels_per_mm: float, mm: int) -> None:
    box = TileBox("z", 0.0, 100, 50, 512, 400, 100, 512)
    paths, words = scale_bar(box, pixels_per_mm=pixels_per_mm, view=View(), windowed=True)
    line = next(path for path in paths if path.colour == LIGHT)
    assert np.ptp(line.points[:, 0]) == pytest.approx(mm * pixels_per_mm)
    assert np.ptp(line.points[:, 0]) < 0.35 * 512
    assert {word.text for word in words} == {f"{mm} mm"}
    assert line.points[:, 1].max() < 450 and line.points[:, 0].min() > 100


def test_a_slice_too_small_for_any_bar_has_none() -> None:
    box = TileBox("z", 0.0, 0, 0, 40, 40, 0, 40)
    assert scale_bar(box, pixels_per_mm=4, view=View(), windowed=False) == ([], [])


def test_the_sides_stand_on_slices_of_a_window_and_nowhere_under_them() -> None:
    grid = ct_grid((60, 60, 3), tilt_degrees=0)
    window = windowed(np.full(grid.shape, 40, np.float32), grid=grid)
    panel = value_map(np.linspace(0, 1, grid.size).reshape(grid.shape), grid)
    scene = compile_scene([panel], STORED, background=window)
    for tile in scene.panels[0].tiles:
        height, width = tile.grey.shape
        for letter, left in (("R", True), ("L", False)):
            over = [
                word for word in scene.words
                if word.text == letter and word.colour == LIGHT
                and tile.left <= word.x <= tile.left + width
                and tile.top <= word.y <= tile.top + height
            ]  # fmt: skip
            assert len(over) == 1
            assert (over[0].x < tile.left + width / 2) == left
    letters = [word for word in scene.words if word.text in ("L", "R")]
    assert len(letters) == 3 * 2 * 5  # each light one stands on four dark ones
