"""A matrix is drawn with the colour of each value, its names, its judgement and its gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.colour import ColourScale
from heatlas.core.errors import NotSupportedError
from heatlas.core.matrix import JudgedMatrix, LabelledMatrix, Side
from heatlas.show.accessibility import verdict
from heatlas.show.matrix import compile_matrix
from heatlas.show.matrixplan import cell_areas, plan_matrix, value_words
from heatlas.show.publish import render_svg
from heatlas.show.raster import render
from heatlas.show.scene import Path, Scene
from heatlas.show.view import View

SCALE = ColourScale(
    table="vik", kind="diverging", low=-1, high=1, true_low=-0.8, true_high=0.8, label="Pearson r"
)
TREE = np.array([[0, 1, 0.5, 2], [2, 3, 1.0, 3]])


def judged(rows: int = 2, columns: int = 3, *, groups: bool = False) -> JudgedMatrix:
    """Values from -0.8 to 0.8, the last missing, the extremes surviving."""
    values = np.linspace(-0.8, 0.8, rows * columns + 1)[:-1].reshape(rows, columns)
    values[-1, -1] = np.nan
    matrix = LabelledMatrix(
        values=values,
        rows=Side(names=tuple(f"row {k}" for k in range(rows))),
        columns=Side(
            names=tuple(f"column {k}" for k in range(columns)),
            groups=tuple("xy"[k % 2] for k in range(columns)) if groups else (),
            linkage=TREE if columns == 3 else None,
        ),
    )
    nothing = np.zeros(values.shape, dtype=bool)
    return JudgedMatrix(
        matrix=matrix,
        scale=SCALE,
        survives=np.abs(np.nan_to_num(values)) > 0.5,
        own=nothing,
        marked=values == values[0, 1],
        marked_words="sign depends",
        title="A title",
        text="A caption.",
    )


def texts(scene: Scene) -> list[str]:
    return [words.text for words in scene.words]


def paths(scene: Scene, role: str) -> list[Path]:
    return [path for path in scene.paths if path.role == role]


def centre(scene: Scene, row: int, column: int, *, of: tuple[int, int]) -> np.ndarray:
    """The pixel near the lower left corner of a cell, where no word stands."""
    panel = scene.panels[0]
    y = panel.top + int(panel.height * (row + 0.8) / of[0])
    x = panel.left + int(panel.width * (column + 0.15) / of[1])
    return np.asarray(render(scene)[y, x])


def test_each_cell_has_the_colour_of_its_value() -> None:
    matrix = judged()
    scene = compile_matrix(matrix)
    for row, column in ((0, 0), (0, 2), (1, 1)):
        wanted = SCALE.colours(matrix.matrix.values[row, column])
        np.testing.assert_array_equal(centre(scene, row, column, of=(2, 3)), wanted)


def test_names_values_title_and_caption_are_written() -> None:
    said = texts(compile_matrix(judged()))
    for text in ("row 0", "column 2", "−.80", "A title", "A caption.", "Pearson r", "no value"):
        assert text in said


def test_rows_and_columns_stand_in_their_order() -> None:
    matrix = judged().matrix
    turned = LabelledMatrix(
        values=matrix.values,
        rows=Side(names=matrix.rows.names, order=[1, 0]),
        columns=matrix.columns,
    )
    given = judged()
    scene = compile_matrix(
        JudgedMatrix(
            matrix=turned, scale=SCALE, survives=given.survives, own=given.own, marked=given.marked
        )
    )
    wanted = SCALE.colours(matrix.values[1, 0])
    np.testing.assert_array_equal(centre(scene, 0, 0, of=(2, 3)), wanted)
    y = {words.text: words.y for words in scene.words}
    assert y["row 1"] < y["row 0"]


def test_survivors_are_outlined_solid_for_plus_and_dashed_for_minus() -> None:
    scene = compile_matrix(judged(columns=4))
    plus, minus = paths(scene, "outline +"), paths(scene, "outline -")
    values, survives = judged(columns=4).matrix.values, judged(columns=4).survives
    assert len(plus) == (survives & (values > 0)).sum()
    assert len(minus) == (survives & (values < 0)).sum()
    assert not plus or not plus[0].dash
    assert all(path.dash for path in minus)


@pytest.mark.parametrize("n", [4, 60])
def test_outlines_cover_no_colour_where_cells_stand_apart(n: int) -> None:
    scene = compile_matrix(judged(n, n))
    bare = Scene(width=scene.width, height=scene.height, scale=1, page=255, panels=scene.panels)
    lined = Scene(
        width=scene.width, height=scene.height, scale=1, page=255, panels=scene.panels,
        paths=tuple(path for path in scene.paths if path.role.startswith("outline")),
    )  # fmt: skip
    before, after = render(bare), render(lined)
    changed = (before != after).any(axis=2)
    assert changed.any()
    assert (before[changed] == 255).all()


def test_missing_cells_are_hatched_and_own_cells_are_plain() -> None:
    given = judged()
    own = np.zeros((2, 3), dtype=bool)
    own[0, 0] = True
    scene = compile_matrix(
        JudgedMatrix(
            matrix=given.matrix, scale=SCALE, survives=given.survives, own=own, marked=given.marked
        )
    )
    panel = scene.panels[0]
    tile = panel.tiles[0]
    row, column = np.indices(tile.elements.shape)
    last = (row > 0.6 * panel.height) & (column > 0.75 * panel.width)
    first = (row < 0.4 * panel.height) & (column < 0.25 * panel.width)
    assert (tile.elements[last] == -1).all()
    assert len(np.unique(tile.grey[last])) == 2
    assert len(np.unique(tile.grey[first])) == 1


def test_marked_cells_have_a_corner_and_its_meaning() -> None:
    scene = compile_matrix(judged())
    assert len(paths(scene, "mark")) == 2  # the cell's and the legend's
    assert "sign depends" in texts(scene)


def test_groups_colour_the_side_and_are_named() -> None:
    scene = compile_matrix(judged(groups=True))
    assert len(paths(scene, "group")) == 3 + 2
    assert {"x", "y"} <= set(texts(scene))
    assert len(paths(scene, "tree")) == 2


def test_many_groups_have_colours_of_their_own() -> None:
    given = judged(1, 9)
    side = Side(names=given.matrix.columns.names, groups=tuple("abcdefghi"))
    matrix = LabelledMatrix(values=given.matrix.values, rows=given.matrix.rows, columns=side)
    scene = compile_matrix(
        JudgedMatrix(
            matrix=matrix, scale=SCALE, survives=given.survives, own=given.own, marked=given.marked
        )
    )
    assert len({path.colour for path in paths(scene, "group")}) == 9


def test_four_hundred_maps_are_drawn_and_say_what_is_left_out() -> None:
    scene = compile_matrix(judged(400, 400))
    assert scene.width < 2200
    said = " ".join(texts(scene))
    left_out = "names of rows and columns, corner marks"
    assert f"Too small to be drawn here and found in the tables: {left_out}." in said
    assert "row 0" not in texts(scene)
    with pytest.raises(NotSupportedError, match="shows nothing"):
        compile_matrix(judged(1, 7001))


def test_long_names_keep_both_ends() -> None:
    given = judged()
    name = "task-working-memory-" * 3 + "contrast-2back"
    matrix = LabelledMatrix(
        values=given.matrix.values, rows=Side(names=(name, "b")), columns=given.matrix.columns
    )
    scene = compile_matrix(
        JudgedMatrix(
            matrix=matrix, scale=SCALE, survives=given.survives, own=given.own, marked=given.marked
        )
    )
    (shown,) = [text for text in texts(scene) if "…" in text]
    assert shown.startswith("task-working")
    assert shown.endswith("2back")


def test_nothing_lies_outside_of_the_canvas() -> None:
    for given in (judged(), judged(2, 2), judged(30, 5), judged(4, 20, groups=True)):
        for scale in (1.0, 2.0):
            scene = compile_matrix(given, View(scale=scale))
            corners = np.concatenate([path.points for path in scene.paths])
            assert (corners >= 0).all()
            assert (corners <= (scene.width, scene.height)).all()
            assert all(0 < words.y <= scene.height for words in scene.words)


def test_a_scale_of_two_doubles_the_cells() -> None:
    one, two = compile_matrix(judged()), compile_matrix(judged(), View(scale=2))
    assert two.panels[0].width == pytest.approx(2 * one.panels[0].width, abs=4)


def test_svg_holds_the_names_as_text() -> None:
    svg = render_svg(compile_matrix(judged()))
    assert "row 0" in svg
    assert "column 2" in svg


@pytest.mark.parametrize(
    ("value", "words"), [(0.274, ".27"), (-0.274, "−.27"), (-0.001, ".00"), (1.0, "1.00")]
)
def test_values_are_written_short(value: float, words: str) -> None:
    assert value_words(value) == words


def test_cells_of_a_long_matrix_stretch_until_every_name_is_read() -> None:
    for shape in ((400, 3), (3, 400)):
        scene = compile_matrix(judged(*shape))
        names = [words for words in scene.words if words.text.startswith(("row", "column"))]
        assert len(names) == sum(shape)
        assert min(words.size for words in names) >= 7
        panel = scene.panels[0]
        sides = panel.width / shape[1], panel.height / shape[0]
        assert 2 < max(sides) / min(sides) <= 4.2


def test_cells_of_other_matrices_are_square() -> None:
    for shape in ((2, 2), (24, 24), (20, 30), (4, 20)):
        plan = plan_matrix(judged(*shape), view=View())
        assert plan.rows.pitch == plan.columns.pitch


def test_outlines_of_tiny_cells_leave_their_colours_to_be_seen() -> None:
    matrix = judged(200, 200)
    scene = compile_matrix(matrix, View(scale=2))
    outlines = [path for path in scene.paths if path.role.startswith("outline")]
    assert {path.width for path in outlines} == {1.0}
    pixels, areas = render(scene), cell_areas(matrix, View(scale=2))
    for row, column in ((0, 0), (100, 7), (199, 50)):
        left, top, width, height = areas[row, column] * ([scene.width, scene.height] * 2)
        cell = pixels[round(top) : round(top + height), round(left) : round(left + width)]
        own = (cell == SCALE.colours(matrix.matrix.values[row, column])).all(axis=-1)
        assert own.mean() > 0.6


def test_colours_are_judged_with_the_outlines_only_where_there_are_some() -> None:
    outlined = judged()
    bare = replace(outlined, survives=np.zeros(outlined.matrix.shape, dtype=bool))
    assert "Only the outlines" in verdict(compile_matrix(outlined)).words()
    assert not verdict(compile_matrix(bare)).passes
