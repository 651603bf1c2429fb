"""Slices through windows: sides, millimetres, padding apart from air, greys as the ramp says."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.slicestack import SliceStack
from heatlas.core.window import Window
from heatlas.show.raster import render
from heatlas.show.scene import Scene
from heatlas.show.windows import (
    HATCH,
    SliceView,
    compile_windows,
    spread_slices,
    windows_caption,
)

BRAIN = Window(name="brain", centre=40, width=80)
BONE = Window(name="bone", centre=400, width=1800)


def head(*, n: int = 3, padded: bool = False, rows: str = "-y", columns: str = "-x") -> SliceStack:
    """Slices of 60 x 80 mm: 40 HU with 80 HU at the patient's left and 0 HU at the front."""
    stored = {"-y": (0.0, -1.0, 0.0), "+y": (0.0, 1.0, 0.0), "-x": (-1.0, 0.0, 0.0)}
    stored |= {"+x": (1.0, 0.0, 0.0), "-z": (0.0, 0.0, -1.0)}
    down, right = np.array(stored[rows]), np.array(stored[columns])
    corner = np.array([0.0, 0.0, 0.0]) - 29.5 * down - 39.5 * right
    across = np.cross(right, down)
    values = np.full((n, 60, 80), 40, dtype=np.float32)
    row, column = np.indices((60, 80))
    place = corner + row[..., None] * down + column[..., None] * right
    values[:, place[..., 0] < -30] = 80
    values[:, place[..., 1] > 20] = 0
    if padded:
        values[:, 40:50] = np.nan
    return SliceStack(
        values=values,
        corners_mm=corner + np.outer(np.arange(n) * 5, across),
        row_steps_mm=np.tile(down, (n, 1)),
        column_steps_mm=np.tile(right, (n, 1)),
        unit="HU",
    )


def scene(stack: SliceStack, *, left_is_left: bool = False, **settings: object) -> Scene:
    """The first slice through the brain window."""
    view = SliceView(numbers=(0,), left_is_left=left_is_left, width_px=600, **settings)  # type: ignore[arg-type]
    return compile_windows(stack, [BRAIN], view=view)


def slice_of(picture: Scene) -> np.ndarray:
    """Grey levels of the first slice."""
    return picture.greys[0].grey.astype(int)


def letters(picture: Scene) -> str:
    """Side letters from left to right."""
    found = [words for words in picture.words if words.text in set("LRAPIS")]
    return "".join(words.text for words in sorted(found, key=lambda words: words.x))


@pytest.mark.parametrize("rows", ["-y", "+y"])
@pytest.mark.parametrize("columns", ["-x", "+x"])
def test_the_radiological_view_shows_left_on_the_right_however_stored(
    rows: str, columns: str
) -> None:
    picture = scene(head(rows=rows, columns=columns))
    grey = slice_of(picture)
    assert letters(picture) == "RL"
    assert grey[-1, -1] == 255  # the patient's left, at the back
    assert grey[-1, 0] < 200
    assert grey[0].max() == 0  # the front is above


@pytest.mark.parametrize("columns", ["-x", "+x"])
def test_the_neurological_view_shows_left_on_the_left(columns: str) -> None:
    picture = scene(head(columns=columns), left_is_left=True)
    assert letters(picture) == "LR"
    assert slice_of(picture)[-1, 0] == 255


def test_a_transposed_slice_is_turned_upright() -> None:
    stored = head()
    turned = SliceStack(
        values=stored.values.transpose(0, 2, 1),
        corners_mm=stored.corners_mm,
        row_steps_mm=stored.column_steps_mm,
        column_steps_mm=stored.row_steps_mm,
        unit="HU",
    )
    assert np.array_equal(slice_of(scene(turned)), slice_of(scene(stored)))


def test_a_coronal_slice_has_the_head_above(tmp_path: object) -> None:
    stack = head(rows="-z", columns="-x")
    picture = scene(stack)
    assert letters(picture) == "RL"
    assert any(words.text.startswith("y ") for words in picture.words)


def test_sides_that_nobody_knows_are_not_drawn() -> None:
    stack = head()
    unknown = SliceStack(
        values=stack.values,
        corners_mm=stack.corners_mm,
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=stack.column_steps_mm,
        position_unit="unknown",
    )
    picture = scene(unknown)
    assert letters(picture) == ""
    said = " ".join(words.text for words in picture.words)
    assert "The source tells no sides" in said
    assert " mm" not in said


def test_greys_are_those_of_the_window() -> None:
    grey = slice_of(scene(head()))
    middle = grey[grey.shape[0] * 3 // 4, grey.shape[1] // 2]
    assert middle == 128


def test_padding_is_hatched_and_air_is_black() -> None:
    picture = scene(head(padded=True))
    grey = slice_of(picture)
    # The front is cropped: what is left shows 24 mm before the padding and 10 mm behind it.
    middle = round(grey.shape[0] * (1 - 15 / 44))
    assert set(np.unique(grey[middle - 4 : middle + 4])) == set(HATCH)
    assert "Hatched: padding" in " ".join(words.text for words in picture.words)
    assert "Hatched" not in " ".join(words.text for words in scene(head()).words)


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    picture = scene(head())
    (bar,) = (path for path in picture.paths if path.role == "scale bar")
    (words,) = (words for words in picture.words if words.text.endswith(" mm") and " " in words.text
                and words.text[0].isdigit())  # fmt: skip
    drawn = bar.points[1, 0] - bar.points[0, 0]
    per_mm = picture.greys[0].grey.shape[1] / 80
    assert drawn == pytest.approx(float(words.text.split()[0]) * per_mm, rel=0.02)


def test_each_window_has_a_row_and_a_ramp_with_its_ends() -> None:
    view = SliceView(numbers=(0, 1, 2), title="A head")
    picture = compile_windows(head(), [BRAIN, BONE], view=view)
    assert len(picture.greys) == 2 * (3 + 1)
    said = [words.text for words in picture.words]
    assert {"80 HU", "40", "0", "1,300 HU", "−500", "A head"} <= set(said)
    ramp = picture.greys[3].grey[:, 0]
    assert ramp[0] == 255
    assert ramp[-1] == 0
    assert (np.diff(ramp.astype(int)) <= 0).all()
    assert render(picture).shape == (picture.height, picture.width, 3)


def test_everything_lies_on_the_canvas() -> None:
    view = SliceView(numbers=(0, 1, 2), scale=2.0)
    picture = compile_windows(head(), [BRAIN, BONE], view=view)
    for grey in picture.greys:
        height, width = grey.grey.shape
        assert 0 <= grey.left <= picture.width - width
        assert 0 <= grey.top <= picture.height - height
    assert all(0 <= words.y <= picture.height for words in picture.words)


def test_slices_are_spread_over_those_that_hold_something() -> None:
    stack = head(n=9)
    assert spread_slices(stack, n=3) == (1, 4, 7)
    assert spread_slices(stack, n=20) == tuple(range(9))
    values = stack.values.copy()
    values[:4] = -1000
    empty = SliceStack(
        values=values,
        corners_mm=stack.corners_mm,
        row_steps_mm=stack.row_steps_mm,
        column_steps_mm=stack.column_steps_mm,
    )
    assert spread_slices(empty, n=2, above=-300) == (5, 7)


def test_the_caption_names_windows_and_side() -> None:
    words = windows_caption(head(), [BRAIN], view=SliceView(numbers=(1,)))
    assert words.startswith("1 slice of 3 through brain (centre 40, width 80 HU).")
    assert "Left is right" in words


@pytest.mark.parametrize(
    ("view", "windows", "word"),
    [
        (SliceView(numbers=(7,)), [BRAIN], "there is no slice 7; the scan has 3"),
        (SliceView(numbers=(0,)), [], "no window"),
    ],
)
def test_what_cannot_be_drawn_is_refused(view: SliceView, windows: list[Window], word: str) -> None:
    with pytest.raises(DataError, match=word):
        compile_windows(head(), windows, view=view)


def test_a_row_has_a_length_that_fits() -> None:
    with pytest.raises(DataError, match="1 to 12"):
        SliceView(numbers=())
