"""Cells lie where the picture shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.matrix import JudgedMatrix, Side
from heatlas.show.matrix import compile_matrix
from heatlas.show.matrixplan import cell_areas, plan_matrix
from heatlas.show.raster import render
from heatlas.show.view import View
from tests.show.test_matrix import SCALE, judged


def turned(matrix: JudgedMatrix) -> JudgedMatrix:
    """The same with rows and columns in another order."""
    inner = matrix.matrix
    rows = Side(names=inner.rows.names, order=np.array([1, 0]))
    columns = Side(names=inner.columns.names, order=np.array([2, 0, 1]))
    return replace(matrix, matrix=replace(inner, rows=rows, columns=columns))


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_middle_of_each_area_has_the_colour_of_its_cell(scale: float) -> None:
    matrix, view = turned(judged()), View(scale=scale)
    scene = compile_matrix(matrix, view)
    pixels, areas = render(scene), cell_areas(matrix, view)
    for row, column in ((0, 0), (0, 2), (1, 1)):
        left, top, width, height = areas[row, column]
        y, x = (top + 0.8 * height) * scene.height, (left + 0.15 * width) * scene.width
        wanted = SCALE.colours(matrix.matrix.values[row, column])
        np.testing.assert_array_equal(pixels[int(y), int(x)], wanted)


def test_areas_do_not_overlap_and_lie_within_the_picture() -> None:
    areas = cell_areas(judged(5, 7), View()).reshape(-1, 4)
    ends = areas[:, :2] + areas[:, 2:]
    assert areas.min() > 0
    assert ends.max() < 1
    for k, (start, end) in enumerate(zip(areas[:, :2], ends, strict=True)):
        apart = (end <= areas[:, :2] + 1e-9).any(axis=1) | (ends <= start + 1e-9).any(axis=1)
        assert apart.sum() == len(areas) - 1, k


def test_names_shrink_with_the_cells_until_they_go() -> None:
    sizes = [plan_matrix(judged(n, n), view=View()).rows.name_size for n in (4, 100, 400)]
    assert sizes[0] > sizes[1] > 0
    assert sizes[2] == 0
