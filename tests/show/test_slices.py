"""The recipes give pixels, SVG and thumbnails."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.show.slices import draw_png_pixels, draw_svg, thumbnail
from heatlas.show.view import View
from tests.phantom import affine
from tests.show.maps import blob_map, mean_map, template


def test_pixels_have_the_width_of_the_view() -> None:
    pixels = draw_png_pixels([blob_map()], view=View(width_px=600, scale=2), background=template())
    assert pixels.dtype == np.uint8
    assert pixels.shape[1:] == (1200, 3)


def test_the_svg_of_several_panels_names_all_of_them() -> None:
    text = draw_svg([mean_map(), blob_map()], view=View(n_slices=2))
    assert ">mean</text>" in text and ">blobs</text>" in text


def test_a_thumbnail_shows_three_slices_with_left_on_the_left() -> None:
    shape = (20, 24, 16)
    grid = Grid(shape=shape, affine=affine(shape=shape))
    values = np.zeros(shape)
    values[15:, :, :] = 1.0  # on the right
    pixels = thumbnail(values, grid, size_px=60)
    assert pixels.shape == (60, 180, 3)
    axial, coronal = pixels[:, :60, 0], pixels[:, 60:120, 0]
    for tile in (axial, coronal):
        assert tile[30, 45] == 255
        assert tile[30, 15] == 0


def test_a_thumbnail_does_not_depend_on_how_the_file_was_stored() -> None:
    shape = (21, 25, 17)
    grid = Grid(shape=shape, affine=affine(shape=shape))
    values = np.random.default_rng(0).random(shape)
    turn = np.array([[-1, 0, 0, shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    stored = Grid(shape=shape, affine=grid.affine @ turn)
    first = thumbnail(values, grid, size_px=61)
    second = thumbnail(values[::-1], stored, size_px=61)
    assert (first == second).mean() > 0.99


def test_a_thumbnail_of_nothing_is_black() -> None:
    shape = (4, 4, 4)
    grid = Grid(shape=shape, affine=affine(shape=shape))
    assert not thumbnail(np.full(shape, np.nan), grid, size_px=20).any()
    assert not thumbnail(np.zeros(shape), grid, size_px=20).any()


def test_a_thumbnail_can_be_coloured() -> None:
    shape = (8, 8, 8)
    grid = Grid(shape=shape, affine=affine(shape=shape))
    pixels = thumbnail(np.random.default_rng(0).random(shape), grid, size_px=30, table="batlow")
    assert (pixels[:, :, 0] != pixels[:, :, 2]).any()


def test_values_that_do_not_fit_the_grid_are_refused() -> None:
    with pytest.raises(SpaceMismatchError, match="does not fit"):
        thumbnail(np.zeros((2, 2, 2)), Grid(shape=(3, 3, 3), affine=np.eye(4)), size_px=20)
