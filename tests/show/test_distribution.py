"""Distributions show every value, the mean and its interval."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy import stats

from heatlas.core.errors import DataError
from heatlas.show.distribution import (
    GROUP_COLOURS,
    MOST_POINTS,
    distribution_scene,
    distribution_svg,
    nice_ticks,
)
from heatlas.show.raster import render

RNG = np.random.default_rng(5)
GROUPS = [("depr", RNG.normal(0.5, 0.1, 51)), ("control", RNG.normal(0.55, 0.1, 21))]


def test_the_words_tell_n_mean_and_interval_of_each_group() -> None:
    scene = distribution_scene(GROUPS, quantity="grey-matter volume", unit="ml/ml", title="T")
    said = [word.text for word in scene.words]
    for name, values in GROUPS:
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert name in said
        assert f"n = {len(values)}" in said
        assert f"mean {values.mean():.3f} [{low:.3f}, {high:.3f}]" in said
    assert "grey-matter volume (ml/ml)" in said


def test_every_value_is_a_dot_at_its_place_on_one_axis() -> None:
    scene = distribution_scene(GROUPS, quantity="q")
    dots = [path.points.mean(axis=0)[0] for path in scene.paths if path.role == "value"]
    values = np.concatenate([np.sort(values) for _, values in GROUPS])
    assert len(dots) == 72
    slope, intercept = np.polyfit(values, dots, 1)
    np.testing.assert_allclose(dots, slope * values + intercept, atol=1e-6)
    means = [p.points.mean(axis=0)[0] for p in scene.paths if p.role == "mean"]
    expected = [slope * group.mean() + intercept for _, group in GROUPS]
    np.testing.assert_allclose(means, expected, atol=1e-6)


def test_missing_values_are_not_counted() -> None:
    values = np.array([1.0, np.nan, 2.0, np.inf, 3.0])
    said = [w.text for w in distribution_scene([("a", values)], quantity="q").words]
    assert "n = 3" in said


@pytest.mark.parametrize(
    "values", [[2.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 2.0], [1e-9, 2e-9]]
)
def test_small_and_constant_groups_can_be_drawn(values: list[float]) -> None:
    scene = distribution_scene([("a", values), ("empty", [])], quantity="q")
    assert render(scene).shape == (scene.height, scene.width, 3)
    assert "n = 0" in [word.text for word in scene.words]


def test_large_groups_show_a_part_and_say_so() -> None:
    scene = distribution_scene([("a", RNG.random(5000))], quantity="q")
    assert [path.role for path in scene.paths].count("value") == MOST_POINTS
    assert f"{MOST_POINTS} values shown" in [word.text for word in scene.words]


def test_the_svg_parses_and_is_the_same_every_time() -> None:
    text = distribution_svg(GROUPS, quantity="q", unit="ml", title="T")
    assert ET.fromstring(text).tag.endswith("svg")
    assert text == distribution_svg(GROUPS, quantity="q", unit="ml", title="T")


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to draw"):
        distribution_svg([("a", [np.nan])], quantity="q")


@pytest.mark.parametrize(("low", "high"), [(0.42, 0.91), (-3, 1e4), (1e-9, 3e-9), (-0.2, 0.2)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert 3 <= len(ticks) <= 11
    assert ticks[0] >= low - 1e-9 * (high - low) and ticks[-1] <= high + 1e-9 * (high - low)
    step = float(np.diff(ticks)[0])
    assert step / 10 ** np.floor(np.log10(step) + 1e-9) == pytest.approx(
        min((1, 2, 5), key=lambda m: abs(m - step / 10 ** np.floor(np.log10(step) + 1e-9)))
    )


def test_the_first_two_groups_can_be_told_apart_by_everybody() -> None:
    from heatlas.show.accessibility import VISIONS, ciede2000, simulate, to_lab

    first, second = GROUP_COLOURS[:2]
    for vision in VISIONS:
        gap = ciede2000(to_lab(simulate(first, vision)), to_lab(simulate(second, vision)))
        assert gap > (5 if vision == "grey-scale" else 15)
