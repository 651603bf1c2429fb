"""The legend names what the picture shows, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.matrix import JudgedMatrix
from heatlas.show.accessibility import Vision, ciede2000, simulate, to_lab
from heatlas.show.matrixlegend import (
    MANY_COLOURS,
    draw_legend,
    group_box,
    group_signs,
    legend_rows,
)
from heatlas.show.view import View
from tests.show.test_matrix import judged


def entries(*, groups: bool = False, width: float = 2000) -> list[str]:
    rows = legend_rows(judged(3, 4, groups=groups), width=width, px=1)
    return [text for row in rows for _, text, _ in row]


def test_every_sign_in_the_picture_is_explained_once() -> None:
    assert entries() == ["+ survives", "− survives", "sign depends", "no value"]
    assert entries(groups=True)[-2:] == ["x", "y"]


def test_what_is_not_drawn_is_not_explained() -> None:
    matrix = judged()
    nothing = np.zeros(matrix.matrix.shape, dtype=bool)
    full = replace(matrix.matrix, values=np.ones(matrix.matrix.shape))
    plain = replace(matrix, matrix=full, survives=nothing, marked=nothing)
    assert legend_rows(plain, width=500, px=1) == []


def test_entries_that_do_not_fit_go_into_another_row() -> None:
    rows = legend_rows(judged(groups=True), width=240, px=1)
    assert len(rows) > 1
    words, _ = draw_legend(judged(groups=True), top=100, width=240, view=View())
    assert len({word.y for word in words}) == len(rows)


def grouped(n: int) -> JudgedMatrix:
    """A matrix in which each column is a group of its own."""
    matrix = judged(2, n)
    columns = replace(matrix.matrix.columns, groups=tuple(f"g{k:02d}" for k in range(n)))
    return replace(matrix, matrix=replace(matrix.matrix, columns=columns))


@pytest.mark.parametrize("n", [2, 4, 9, 20])
def test_groups_have_signs_of_their_own(n: int) -> None:
    signs = group_signs(grouped(n))
    assert list(signs) == sorted(signs)
    assert len(set(signs.values())) == n


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia", "tritanopia"])
def test_many_colours_are_told_apart_by_everybody(vision: Vision) -> None:
    seen = to_lab(simulate(np.array(MANY_COLOURS), vision))
    apart = ciede2000(seen[:, None], seen[None])[np.triu_indices(len(seen), 1)]
    assert apart.min() > 6


def test_lines_tell_groups_of_one_colour_apart() -> None:
    signs = list(group_signs(grouped(20)).values())
    assert signs[0].colour == signs[9].colour == signs[18].colour
    for k, n_lines in ((0, 0), (9, 1), (18, 2)):
        drawn = group_box((0, 0), size=(20, 10), sign=signs[k], view=View())
        assert [path.role for path in drawn] == ["group", *["group line"] * n_lines]
        assert all(path.points[0, 1] == path.points[1, 1] for path in drawn[1:])
