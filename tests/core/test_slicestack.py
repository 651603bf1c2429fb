"""Slices as acquired know where each of their pixels lies."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.slicestack import SliceStack


def tilted(n: int = 3) -> SliceStack:
    """Slices of 4 x 5 pixels, tilted by the angle of a 3-4-5 triangle, moving along z."""
    return SliceStack(
        values=np.zeros((n, 4, 5), dtype=np.float32),
        corners_mm=np.array([(10.0, 20.0, 7.0 * k) for k in range(n)]),
        row_steps_mm=np.tile((0.0, -0.8, -0.6), (n, 1)),
        column_steps_mm=np.tile((-2.0, 0.0, 0.0), (n, 1)),
    )


def test_a_pixel_lies_where_corner_and_steps_put_it() -> None:
    stack = tilted()
    assert np.allclose(stack.to_mm(2, (0, 0)), (10, 20, 14))
    assert np.allclose(stack.to_mm(1, [(1, 2), (3, 4)]), [(6, 19.2, 6.4), (2, 17.6, 5.2)])


def test_the_middle_of_a_slice_is_the_mean_of_its_pixels() -> None:
    stack = tilted()
    every = [(row, column) for row in range(4) for column in range(5)]
    assert np.allclose(stack.centres_mm()[1], stack.to_mm(1, every).mean(axis=0))


def test_the_normal_is_a_unit_vector_across_rows_and_columns() -> None:
    stack = tilted()
    assert np.allclose(np.linalg.norm(stack.normals, axis=1), 1)
    assert np.allclose(stack.normals @ stack.row_steps_mm[0], 0)
    assert np.allclose(stack.normals @ stack.column_steps_mm[0], 0)
    # Slices that move along z come 0.8 of that way closer along a normal tilted by 36.87 degrees.
    assert np.allclose(np.abs(np.diff(stack.along_mm)), 7 * 0.8)


def test_pixel_sizes_are_the_lengths_of_the_steps() -> None:
    assert tilted().pixel_mm == pytest.approx((1.0, 2.0))


def test_slices_of_another_orientation_are_not_parallel() -> None:
    steps = np.tile((-2.0, 0.0, 0.0), (3, 1))
    steps[1] = (-2.0, 0.01, 0.0)
    stack = tilted()
    turned = SliceStack(
        values=stack.values,
        corners_mm=stack.corners_mm,
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=steps,
    )
    assert stack.is_parallel
    assert not turned.is_parallel


def test_values_are_owned_and_survive_a_pickle() -> None:
    stack = tilted()
    assert not stack.values.flags.writeable
    again = pickle.loads(pickle.dumps(stack))
    assert np.array_equal(again.corners_mm, stack.corners_mm)
    assert not again.values.flags.writeable


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"corners_mm": np.zeros((2, 3))}, "corners_mm needs 3 finite numbers for each of 3"),
        ({"corners_mm": np.full((3, 3), np.nan)}, "corners_mm"),
        ({"row_steps_mm": np.tile((-2.0, 0.0, 0.0), (3, 1))}, "run the same way"),
        ({"values": np.zeros((3, 0, 5), dtype=np.float32)}, "no pixel"),
    ],
)
def test_what_cannot_be_a_stack_is_refused(change: dict[str, np.ndarray], word: str) -> None:
    stack = tilted()
    given = {
        name: getattr(stack, name)
        for name in ("values", "corners_mm", "row_steps_mm", "column_steps_mm")
    }
    with pytest.raises(DataError, match=word):
        SliceStack(**{**given, **change})
