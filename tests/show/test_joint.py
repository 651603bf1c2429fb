"""Counts lie where their values say, blank where there are none, with a bar beside."""

from __future__ import annotations

import numpy as np

from heatlas.show.joint import compile_joint, compile_points
from heatlas.show.raster import render
from heatlas.show.scene import Scene

EDGES = np.linspace(-1, 1, 5)


def scene(counts: np.ndarray) -> Scene:
    return compile_joint(counts, x_edges=EDGES, y_edges=10 * EDGES, names=("across", "up"))


def pixel(drawn: Scene, x: float, y: float) -> np.ndarray:
    """The colour at shares of the way to the right and upwards."""
    panel = drawn.panels[0]
    row = panel.top + int((1 - y) * panel.height)
    return np.asarray(render(drawn)[row, panel.left + int(x * panel.width)])


def test_y_rises_upwards_and_x_to_the_right() -> None:
    counts = np.zeros((4, 4))
    counts[3, 0] = 100
    drawn = scene(counts)
    assert (pixel(drawn, 0.1, 0.9) != 250).any()
    for x, y in ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1)):
        assert (pixel(drawn, x, y) == 250).all()


def test_colours_follow_the_logarithm_of_the_count() -> None:
    counts = np.ones((4, 4))
    counts[0, 0] = 1000
    drawn = scene(counts)
    scale = drawn.panels[0].scale
    np.testing.assert_array_equal(pixel(drawn, 0.1, 0.1), scale.colours(3.0))
    np.testing.assert_array_equal(pixel(drawn, 0.9, 0.9), scale.colours(0.0))
    assert len(drawn.bars) == 1


def test_axes_are_named_and_ticked() -> None:
    said = {words.text for words in scene(np.ones((4, 4))).words}
    assert {"across", "up", "0", "log10 of voxels"} <= said


def test_nothing_lies_outside_of_the_canvas() -> None:
    drawn = scene(np.ones((4, 4)))
    corners = np.concatenate([path.points for path in drawn.paths])
    assert (corners >= 0).all()
    assert (corners <= (drawn.width, drawn.height)).all()


def dots(drawn: Scene) -> np.ndarray:
    """Centres of the dots."""
    return np.array([path.points.mean(axis=0) for path in drawn.paths if path.role == "dot"])


def test_each_point_is_a_dot_where_its_values_say() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 2.0]), np.array([5.0, 5.0, 7.0, 9.0])
    centres = dots(compile_points(x, y, names=("across", "up")))
    assert np.corrcoef(centres[:, 0], x)[0, 1] > 0.999999
    assert np.corrcoef(centres[:, 1], y)[0, 1] < -0.999999


def test_dots_lie_within_the_frame_and_are_drawn() -> None:
    drawn = compile_points(np.arange(3.0), np.full(3, 4.0), names=("across", "up"))
    (frame,) = [path.points for path in drawn.paths if path.role == "frame"]
    for path in drawn.paths:
        if path.role == "dot":
            assert (path.points > frame.min(axis=0)).all()
            assert (path.points < frame.max(axis=0)).all()
    column, row = dots(drawn)[1].astype(int)
    assert tuple(render(drawn)[row, column]) == (0, 94, 158)
