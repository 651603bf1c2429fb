"""Colour bars tell limits, thresholds and the fade that their panels use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.colour import scale_for, value_faded
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.statmap import StatKind
from heatlas.core.threshold import strength_of
from heatlas.show.bars import bar_groups, bar_ticks, fade_of, opacity_of
from heatlas.show.compile import compile_scene
from heatlas.show.raster import bar_pixels, composite
from heatlas.show.view import View
from tests.show.maps import CUT, blob_map, mean_map, with_values

BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -4.0}


def effect_map() -> HeatMap:
    """An effect judged by a t map."""
    judged = blob_map(BOTH)
    effect = replace(judged.shown, values=judged.shown.values / 10, kind="effect", dof=())
    return heat_map_of(effect, threshold=judged.threshold, judged=judged.judged)


def test_ticks_stand_at_thresholds_and_true_extremes() -> None:
    ticks = {tick.kind: tick for tick in bar_ticks(blob_map(BOTH).scale)}
    assert ticks["maximum"].value == 6
    assert ticks["minimum"].value == -4
    values = [tick.value for tick in bar_ticks(blob_map(BOTH).scale) if tick.kind == "threshold"]
    assert values == [CUT, -CUT]
    assert ticks["minimum"].words == "min −4.00"


def test_values_beyond_the_bar_are_told_and_get_an_arrow_head() -> None:
    panel = blob_map(BOTH)
    panel = replace(panel, scale=scale_for(panel.shown, threshold=panel.threshold, limit=5))
    scene = compile_scene([panel])
    assert [p.role for p in scene.paths].count("arrow head") == 1
    arrow = next(p for p in scene.paths if p.role == "arrow head")
    assert arrow.colour == tuple(panel.scale.colours(5.0).tolist())
    assert arrow.points[:, 1].min() < scene.bars[0].top
    words = [word.text for word in scene.words]
    assert "max 6.00" in words
    assert "5.00" in words


def test_no_arrow_head_where_nothing_saturates() -> None:
    scene = compile_scene([blob_map(BOTH)])
    assert not [path for path in scene.paths if path.role == "arrow head"]


def test_a_threshold_that_nothing_reaches_is_on_the_bar() -> None:
    panel = blob_map({(18.0, 0.0, 6.0): 2.0})
    assert "3.00" in [word.text for word in compile_scene([panel]).words]


def test_the_bar_is_drawn_with_the_fade_of_its_panels() -> None:
    panel = blob_map(BOTH)
    (bar,) = compile_scene([panel]).bars
    expected = composite(
        panel.scale,
        bar.values,
        opacity=panel.scale.opacity(bar.values),
        grey=View().palette.backdrop,
    )
    np.testing.assert_array_equal(bar_pixels(bar)[:, 0], expected)
    np.testing.assert_array_equal(bar.opacity[:, 0], bar.opacity[:, -1])


def test_an_effect_fades_by_the_statistic_that_judged_it_and_its_bar_shows_that() -> None:
    panel = effect_map()
    fade = fade_of(panel)
    assert not fade.own
    assert fade.full == CUT
    expected = np.minimum(np.abs(panel.judged.values) / CUT, 1) ** 2
    np.testing.assert_allclose(opacity_of(panel), expected, rtol=1e-6)
    scene = compile_scene([panel])
    assert scene.bars[0].opacity[0, 0] == 0
    assert scene.bars[0].opacity[0, -1] == 1
    assert "|t| < 3.00" in [word.text for word in scene.words]


def test_missing_values_are_transparent() -> None:
    values = blob_map().shown.values.copy()
    values[:7] = np.nan
    assert (opacity_of(with_values(blob_map(), values))[:7] == 0).all()
    assert (opacity_of(mean_map()) == 1).all()


@pytest.mark.parametrize("kind", ["statistic", "effect"])
def test_survivors_are_opaque(kind: str) -> None:
    panel = blob_map(BOTH) if kind == "statistic" else effect_map()
    assert (opacity_of(panel)[panel.threshold.survives] == 1).all()


def test_panels_of_one_quantity_share_a_bar_and_a_difference_has_its_own() -> None:
    scale = mean_map().scale
    means = [mean_map(), replace(mean_map(0.0), scale=scale)]
    groups = bar_groups([*means, effect_map()], px=1)
    assert [group.panels for group in groups] == [(0, 1), (2,)]
    assert len(compile_scene([*means, effect_map()]).bars) == 2


def test_panels_with_different_thresholds_do_not_share_a_bar() -> None:
    other = blob_map(BOTH)
    other = replace(other, scale=replace(other.scale, cuts=(-2.0, 2.0), fade_full=2.0))
    assert len(bar_groups([blob_map(BOTH), other], px=1)) == 2


def test_the_bar_names_quantity_and_unit() -> None:
    words = [word.text for word in compile_scene([mean_map()]).words if word.upright]
    assert words == ["volume (ml)"]


def test_words_of_ticks_do_not_touch() -> None:
    crowded = replace(blob_map(BOTH).scale, cuts=(5.9, 5.95, -3.9), true_low=-3.95)
    panel = replace(blob_map(BOTH), scale=crowded)
    scene = compile_scene([panel])
    right = scene.bars[0].left + scene.bars[0].opacity.shape[1]
    heights = sorted(w.y for w in scene.words if w.x == right + 10)
    assert min(np.diff(heights)) > 11


def test_the_legend_explains_each_outline_that_is_there() -> None:
    both = [word.text for word in compile_scene([blob_map(BOTH)]).words]
    assert "+ survives" in both and "− survives" in both
    none = [word.text for word in compile_scene([blob_map({})]).words]
    assert "+ survives" not in none and "− survives" not in none


def test_where_no_cut_says_what_survives_the_strength_sets_the_opacity() -> None:
    panel = blob_map(BOTH)
    rule = panel.threshold
    strength = strength_of(panel.judged.values, survives=rule.survives)
    panel = replace(panel, threshold=replace(rule, cut=None, strength=strength))
    opacity = opacity_of(panel)
    assert (opacity[rule.survives] == 1).all()
    assert opacity[~rule.survives].max() <= 0.5
    words = [word.text for word in compile_scene([panel]).words]
    assert "faded where" in words and "not surviving" in words
    one_sided = replace(panel, threshold=replace(panel.threshold, two_sided=False))
    assert opacity_of(one_sided)[rule.survives].min() == 0.25


@pytest.mark.parametrize(
    ("kind", "label"),
    [("v", "v statistic"), ("G", "G statistic"), ("tfce", "TFCE"), ("cluster mass",) * 2],
)
def test_a_bar_is_labelled_by_its_statistic(kind: StatKind, label: str) -> None:
    shown = replace(blob_map(BOTH).shown, kind=kind, dof=())
    words = [word.text for word in compile_scene([heat_map_of(shown)]).words if word.upright]
    assert words == [label]


def test_the_bar_of_a_map_faded_by_value_has_that_very_fade_and_its_contours() -> None:
    panel = mean_map()
    panel = replace(panel, scale=value_faded(panel.scale, ceiling=0.7, contours=(0.4,)))
    scene = compile_scene([panel])
    (bar,) = scene.bars
    share = bar.values / panel.scale.high
    np.testing.assert_allclose(bar.opacity, 0.7 * np.repeat(share[:, None], 16, axis=1), atol=1e-6)
    shown = panel.shown.values / panel.scale.high
    np.testing.assert_allclose(opacity_of(panel), 0.7 * shown, atol=1e-6)
    (tick,) = [tick for tick in bar.ticks if tick.kind == "contour"]
    assert (tick.value, tick.words) == (0.4, "0.4")
    assert "≥ 0.4" in [word.text for word in scene.words]


def test_the_opacity_of_some_elements_is_that_of_all() -> None:
    for panel in (blob_map(BOTH), effect_map(), mean_map()):
        some = np.array([5, 0, 77])
        np.testing.assert_array_equal(opacity_of(panel, some), opacity_of(panel)[some])


def test_a_picture_of_few_slices_has_the_colours_of_a_picture_of_all() -> None:
    panel = blob_map(BOTH)
    few = compile_scene([panel], View(axes=("z",), cuts={"z": (3.0,)})).panels[0]
    (tile,) = few.tiles
    seen = np.unique(tile.elements[tile.elements >= 0])
    np.testing.assert_array_equal(few.opacity[seen], opacity_of(panel)[seen])


def test_a_minimum_that_differs_from_zero_by_rounding_is_told_as_zero() -> None:
    scale = replace(mean_map().scale, true_low=1e-43)
    words = {tick.kind: tick.words for tick in bar_ticks(scale)}
    assert words["minimum"] == "min 0"
    assert words["maximum"].startswith("max 0.8")
