"""The legend names what the picture shows, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heatlas.show.matrixlegend import draw_legend, group_colours, legend_rows
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


def test_groups_have_colours_of_their_own() -> None:
    colours = group_colours(judged(groups=True))
    assert list(colours) == ["x", "y"]
    assert len(set(colours.values())) == 2
