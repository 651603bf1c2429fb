"""Pixels have the colours of the scale, exactly."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from heatlas.core.colour import ColourScale
from heatlas.show.compile import compile_scene
from heatlas.show.lettering import typeface
from heatlas.show.raster import ANCHORS, SEEN, composite, render, tile_pixels
from heatlas.show.scene import Greys, Path, Scene, Words
from heatlas.show.view import View
from tests.show.maps import blob_map, mean_map, template, with_values

BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -6.0}


def empty(**settings: object) -> Scene:
    return Scene(width=60, height=40, scale=1.0, page=255, **settings)  # type: ignore[arg-type]


def test_opaque_values_have_the_very_colours_of_the_scale() -> None:
    panel = mean_map()
    scene = compile_scene([panel], View(captions=False), background=template())
    pixels = render(scene)
    for tile in scene.panels[0].tiles:
        height, width = tile.elements.shape
        drawn = pixels[tile.top : tile.top + height, tile.left : tile.left + width]
        inside = tile.elements >= 0
        values = panel.shown.values[tile.elements[inside]]
        np.testing.assert_array_equal(drawn[inside], panel.scale.colours(values))


def test_faded_values_are_mixed_with_the_background_within_one_level() -> None:
    panel = blob_map(BOTH)
    drawn = compile_scene([panel], background=template()).panels[0]
    for tile in drawn.tiles:
        inside = tile.elements >= 0
        values = panel.shown.values[tile.elements[inside]]
        share = panel.scale.opacity(values)[:, None]
        grey = tile.grey[inside][:, None].astype(float)
        expected = share * panel.scale.colours(values) + (1 - share) * grey
        assert np.abs(tile_pixels(drawn, tile)[inside] - expected).max() <= 0.51
        np.testing.assert_array_equal(tile_pixels(drawn, tile)[~inside][:, 0], tile.grey[~inside])


def test_opacity_that_no_pixel_can_show_is_left_out_without_a_difference() -> None:
    scale = ColourScale(table="vik", kind="diverging", low=-1, high=1, true_low=-1, true_high=1)
    greys = np.arange(256)[:, None]
    values = np.linspace(-1, 1, 101)[None]
    below = composite(scale, values, opacity=np.float32(SEEN * 0.999), grey=greys)
    np.testing.assert_array_equal(below, np.broadcast_to(greys[..., None], below.shape))


def test_composite_is_the_colour_at_one_and_the_grey_at_zero() -> None:
    scale = ColourScale(
        table="vik", kind="diverging", low=-1, high=1, true_low=-1, true_high=1
    )  # fmt: skip
    values = np.linspace(-1, 1, 300)
    np.testing.assert_array_equal(
        composite(scale, values, opacity=1, grey=77), scale.colours(values)
    )
    assert (composite(scale, values, opacity=0, grey=77) == 77).all()


def test_missing_values_leave_the_background_as_it_is() -> None:
    panel = blob_map()
    values = panel.shown.values.copy()
    values[: values.size // 2] = np.nan
    drawn = compile_scene([with_values(panel, values)], background=template()).panels[0]
    for tile in drawn.tiles:
        unknown = (tile.elements >= 0) & np.append(np.isnan(values), False)[tile.elements]
        pixels = tile_pixels(drawn, tile)[unknown]
        np.testing.assert_array_equal(pixels, np.repeat(tile.grey[unknown][:, None], 3, axis=1))


def test_pictures_are_the_same_every_time() -> None:
    def picture() -> str:
        pixels = render(compile_scene([mean_map(), blob_map(BOTH)], background=template()))
        return hashlib.sha256(pixels.tobytes()).hexdigest()

    assert picture() == picture()


def outline(dash: tuple[float, ...]) -> Path:
    corners = np.array([[10.5, 5.5], [40.5, 5.5], [40.5, 30.5], [10.5, 30.5]])
    return Path(points=corners, colour=(0, 0, 0), closed=True, dash=dash, role="outline +")


def test_a_solid_outline_is_closed_and_one_pixel_wide() -> None:
    pixels = render(empty(paths=(outline(()),)))
    dark = pixels[:, :, 0] == 0
    assert dark.sum() == 2 * (30 + 25)
    assert dark[5, 10:41].all() and dark[30, 10:41].all()
    assert dark[5:31, 10].all() and dark[5:31, 40].all()


def test_a_dashed_outline_leaves_its_gaps_out() -> None:
    pixels = render(empty(paths=(outline((4.0, 3.0)),)))
    dark = (pixels[:, :, 0] == 0).sum()
    assert dark == pytest.approx(2 * 55 * 4 / 7, abs=4)


def test_an_outline_is_thicker_at_a_larger_scale() -> None:
    thick = replace(outline(()), width=2.0)
    assert (render(empty(paths=(thick,)))[:, :, 0] == 0).sum() > 1.8 * 110


def test_an_outline_beyond_the_canvas_is_cut_off() -> None:
    corners = np.array([[-5.5, -5.5], [99.5, -5.5], [99.5, 20.5], [-5.5, 20.5]])
    path = Path(points=corners, colour=(0, 0, 0), closed=True, role="outline -")
    dark = render(empty(paths=(path,)))[:, :, 0] == 0
    assert dark[20].all()
    assert dark.sum() == 60


@pytest.mark.parametrize("align", ["left", "centre", "right"])
def test_words_stand_where_their_alignment_says(align: str) -> None:
    words = Words(text="HHH", x=30, y=25, size=12, colour=(0, 0, 0), align=align)  # type: ignore[arg-type]
    columns = np.nonzero((render(empty(words=(words,)))[:, :, 0] < 128).any(axis=0))[0]
    middle = {"left": 42, "centre": 30, "right": 18}[align]
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(middle, abs=3)


@pytest.mark.parametrize("place", [(30.0, 20.0), (30.37, 20.81), (-3.6, 4.2), (57.5, 39.9)])
@pytest.mark.parametrize("align", ["left", "centre", "right"])
def test_words_are_those_of_pillow_to_the_pixel(place: tuple[float, float], align: str) -> None:
    x, y = place
    words = Words(text="Té −12.5 mm", x=x, y=y, size=11.3, colour=(250, 120, 10), align=align)  # type: ignore[arg-type]
    scene = empty(words=(words,))
    plain = Image.new("RGB", (scene.width, scene.height), (scene.page,) * 3)
    ImageDraw.Draw(plain).text(
        place, words.text, fill=words.colour, font=typeface(11.3), anchor=ANCHORS[align]
    )
    assert np.array_equal(render(scene), np.asarray(plain))


def test_upright_words_run_upwards() -> None:
    words = Words(
        text="HHHL", x=30, y=20, size=9, colour=(0, 0, 0), align="centre", upright=True
    )  # fmt: skip
    dark = render(empty(words=(words,)))[:, :, 0] < 128
    rows, columns = np.nonzero(dark)
    assert np.ptp(rows) > 2 * np.ptp(columns)
    # The foot of the L, the last letter, is a line along the baseline at the upper end.
    assert columns[rows < np.median(rows)].max() <= 31


def test_filled_areas_and_lines_are_drawn() -> None:
    area = Path(
        points=np.array([[5, 5], [20, 5], [20, 15], [5, 15]]), colour=(200, 0, 0), closed=True,
        filled=True, role="density",
    )  # fmt: skip
    line = Path(
        points=np.array([[0.0, 30.0], [59.0, 30.0]]),
        colour=(0, 0, 0),
        dash=(4.0, 4.0),
        role="legend",
    )
    pixels = render(empty(paths=(area, line)))
    assert tuple(pixels[10, 10]) == (200, 0, 0)
    dark = (pixels[30, :, 0] == 0).sum()
    assert 25 <= dark <= 42


def test_anatomy_alone_is_drawn_in_its_own_greys() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    pixels = render(empty(greys=(Greys(left=5, top=7, grey=grey),)))
    assert np.array_equal(pixels[7:10, 5:9], np.repeat(grey[:, :, None], 3, axis=2))
    assert (pixels[:7] == 255).all()
