"""Outlines are closed, surround exactly what survives, and cover none of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path
from scipy import ndimage

from heatlas.show.outline import trace


def test_one_pixel_has_one_square_around_it() -> None:
    region = np.zeros((5, 6), dtype=bool)
    region[2, 3] = True
    (loop,) = trace(region)
    # Through the middles of the pixels around (row 2, column 3).
    assert {tuple(corner) for corner in loop} == {(2.5, 1.5), (4.5, 1.5), (4.5, 3.5), (2.5, 3.5)}


def test_nothing_has_no_outline() -> None:
    assert trace(np.zeros((4, 4), dtype=bool)) == []


def test_pixels_that_touch_by_a_corner_share_an_outline() -> None:
    assert len(trace(np.eye(2, dtype=bool))) == 1
    assert len(trace(np.eye(2, dtype=bool)[::-1])) == 1


def test_a_hole_has_its_own_outline() -> None:
    region = np.ones((5, 5), dtype=bool)
    region[2, 2] = False
    assert sorted(len(loop) for loop in trace(region)) == [4, 4]


@pytest.mark.parametrize("corner", [(0, 0), (0, 5), (3, 0), (3, 5)])
def test_a_region_at_the_edge_is_closed_too(corner: tuple[int, int]) -> None:
    region = np.zeros((4, 6), dtype=bool)
    region[corner] = True
    (loop,) = trace(region)
    assert len(loop) == 4


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_loops_run_outside_the_region_and_enclose_it(region: np.ndarray) -> None:
    loops = trace(region)
    rows, columns = np.indices(region.shape)
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    enclosed = np.zeros(region.size, dtype=int)
    for loop in loops:
        steps = loop - np.roll(loop, -1, axis=0)
        assert (steps != 0).sum(axis=1).max() <= 1  # horizontal or vertical, the last one too
        enclosed += Path(np.vstack([loop, loop[:1]])).contains_points(centres)
    assert not (_pixels_on(loops, region.shape) & region).any()
    assert (enclosed.reshape(region.shape)[region] % 2 == 1).all()


def _pixels_on(loops: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    canvas = np.zeros(shape, dtype=bool)
    for loop in loops:
        for start, end in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            n = int(np.abs(end - start).sum())
            for k in range(n + 1):
                x, y = start + (end - start) * (k / n if n else 0)
                row, column = int(np.floor(y)), int(np.floor(x))
                if 0 <= row < shape[0] and 0 <= column < shape[1]:
                    canvas[row, column] = True
    return canvas


def test_there_is_one_loop_for_each_piece_and_each_hole() -> None:
    region = np.random.default_rng(3).random((40, 50)) < 0.4
    n_pieces = ndimage.label(region, structure=np.ones((3, 3)))[1]
    n_outsides = ndimage.label(np.pad(~region, 1, constant_values=True))[1]
    assert len(trace(region)) == n_pieces + n_outsides - 1
