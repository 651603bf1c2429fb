"""Where everything in a matrix picture lies: cells, names, trees, bar and words, in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import NotSupportedError
from heatlas.core.matrix import JudgedMatrix, Side
from heatlas.core.words import join
from heatlas.show.bars import TICK_REACH, bar_ticks
from heatlas.show.layout import BAR_WIDTH, CAPTION, HEADING, LABEL, LINE, MARGIN
from heatlas.show.lettering import text_width, wrap
from heatlas.show.matrixlegend import LEGEND_ROW, STRIP, legend_rows
from heatlas.show.view import View

# Sizes in pixels at scale 1.
LARGEST_CELL, SMALLEST_CELL = 58, 4
READABLE_CELL = 9  # the smallest of a matrix far longer than wide: its names fit
MOST_SQUARE, LONGEST_CELL, STRETCHED = 1.5, 4, 36  # cells are square up to 3 x 2 rows and columns
SMALLEST_VALUES = 9
SEPARATE, NARROW_GAP = 14, 2  # cells of at least this size stand apart
ALONE, WIDE_GAP = 30, 6  # and from this size on each has an outline of its own
TREE, NAME_GAP = 54, 7
LONGEST_NAME = 210
NAME_SIZES = (11.0, 10.0, 9.0, 8.0, 7.0)
VALUE_SIZES = (12.0, 11.0, 10.0, 9.0, 8.0)
BAR_HEIGHT, BAR_LABEL, BAR_AWAY = 190, 26, 22
NARROWEST = 620
WIDEST = 7000  # pixels of cells; beyond, cells shrink below the smallest readable size


@dataclass(frozen=True)
class Lane:
    """Where the rows, or the columns, lie along their axis, in whole pixels."""

    start: int
    pitch: int
    gap: int
    n: int
    name_size: float

    @property
    def cell(self) -> int:
        """Size of a cell without the gap."""
        return self.pitch - self.gap

    @property
    def end(self) -> int:
        """Where the last cell ends."""
        return self.start + self.n * self.pitch - self.gap

    def begin(self, number: int) -> int:
        """Return where a cell begins."""
        return self.start + number * self.pitch

    def middle(self, number: int) -> float:
        """Return the middle of a cell."""
        return self.begin(number) + self.cell / 2


@dataclass(frozen=True)
class MatrixPlan:
    """Where everything lies, in whole pixels; rows and columns as they are shown."""

    px: float
    rows: Lane
    columns: Lane
    value_size: float
    bar_left: int
    width: int
    height: int
    heading: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    legend_top: float

    @property
    def gap(self) -> int:
        """Room between two cells."""
        return self.rows.gap

    @property
    def smallest(self) -> int:
        """The smaller of the two pitches."""
        return min(self.rows.pitch, self.columns.pitch)

    @property
    def alone(self) -> bool:
        """True where each cell has an outline of its own."""
        return self.gap >= WIDE_GAP * self.px


def cell_areas(judged: JudgedMatrix, view: View) -> NDArray[np.float64]:
    """Return where each cell lies in the picture of a matrix.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn.
    view : View
        The view with which :func:`heatlas.show.matrix.compile_matrix` draws it.

    Returns
    -------
    numpy.ndarray, shape (rows, columns, 4)
        Left, top, width and height as shares of the picture, in the order of the matrix itself.
    """
    plan = plan_matrix(judged.ordered(), view=view)
    place = [np.argsort(side.shown) for side in (judged.matrix.rows, judged.matrix.columns)]
    areas = np.empty((*judged.matrix.shape, 4))
    areas[..., 0] = (plan.columns.start + place[1] * plan.columns.pitch) / plan.width
    areas[..., 1] = (plan.rows.start + place[0][:, None] * plan.rows.pitch) / plan.height
    areas[..., 2] = plan.columns.cell / plan.width
    areas[..., 3] = plan.rows.cell / plan.height
    return areas


def plan_matrix(judged: JudgedMatrix, *, view: View) -> MatrixPlan:
    """Return where everything goes: cells as large as the width allows.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn, its rows and columns already in the order in which they are shown.
    view : View
        Width, scale, title and note.

    Returns
    -------
    MatrixPlan
        In pixels of the canvas.

    Raises
    ------
    NotSupportedError
        If there are more than 7,000 rows or columns.
    """
    matrix, px = judged.matrix, view.scale
    rows, columns = matrix.shape
    if max(rows, columns) > WIDEST:
        raise NotSupportedError(
            f"A picture of {rows:,} x {columns:,} cells shows nothing; compare fewer maps, or read "
            "the tables."
        )
    bar_room = _bar_room(judged, px=px)
    around = (TREE + STRIP + LONGEST_NAME / 2 + 2 * MARGIN) * px + bar_room
    down, across = _pitches(matrix.shape, room=view.width_px * px - around, px=px)
    gap = _gap(min(down, across), px=px)
    left = round((MARGIN + beside(matrix.rows)) * px)
    row_size = _largest(NAME_SIZES, room=down / px) * px
    row_room = _names_room(matrix.rows, size=row_size, px=px)
    bar_left = round(left + columns * across + row_room + BAR_AWAY * px)
    width = round(max(bar_left + bar_room + MARGIN * px, NARROWEST * px))
    heading = wrap(view.title or judged.title, width=width - 2 * MARGIN * px, size=HEADING * px,
                   bold=True)  # fmt: skip
    head = MARGIN + (len(heading) * HEADING * LINE + 8 if heading else 0)
    top = round((head + beside(matrix.columns)) * px)
    column_size = _largest(NAME_SIZES, room=across / px) * px
    column_room = _names_room(matrix.columns, size=column_size, px=px)
    bar_end = top + (BAR_HEIGHT + 20) * px
    legend_top = max(top + rows * down + column_room, bar_end) + 16 * px
    lanes = Lane(top, down, gap, rows, row_size), Lane(left, across, gap, columns, column_size)
    lines = _lines(judged, lanes, width=width - 2 * MARGIN * px, view=view)
    height = legend_top + (LEGEND_ROW * len(legend_rows(judged, width=width, px=px)) + 10) * px
    height += sum(map(len, lines)) * CAPTION * LINE * px + MARGIN * px
    return MatrixPlan(
        px=px,
        rows=lanes[0],
        columns=lanes[1],
        value_size=_value_size(judged, room=(across - gap, down - gap), px=px),
        bar_left=bar_left,
        width=width,
        height=round(height),
        heading=heading,
        lines=lines,
        legend_top=legend_top,
    )


def _pitches(shape: tuple[int, int], *, room: float, px: float) -> tuple[int, int]:
    """Return the pitch of rows and of columns: equal, unless one side is far longer.

    Cells become longer along the short side, so that its names and values can be read, and along
    the long side they are at least as large as the smallest letters.
    """
    rows, columns = shape
    longest = max(shape)
    pitch = int(min(LARGEST_CELL * px, room / max(columns, rows * 0.8)))
    ratio = longest / min(shape) / MOST_SQUARE
    smallest = SMALLEST_CELL if ratio <= 1 else READABLE_CELL
    pitch = max(pitch, min(round(smallest * px), WIDEST // longest), 1)
    stretched = min(round(pitch * min(max(ratio, 1), LONGEST_CELL)), round(STRETCHED * px))
    other = max(pitch, stretched)
    return (pitch, other) if rows > columns else (other, pitch)


def _gap(pitch: int, *, px: float) -> int:
    """Return the room between two cells, none where they are small."""
    if pitch < SEPARATE * px:
        return 0
    return round((WIDE_GAP if pitch >= ALONE * px else NARROW_GAP) * px)


def _lines(
    judged: JudgedMatrix, lanes: tuple[Lane, Lane], *, width: float, view: View
) -> tuple[tuple[str, ...], ...]:
    """Return the paragraphs under the picture: caption, what is left out, note."""
    px = view.scale
    texts = (
        judged.caption() if view.captions else "",
        _left_out(judged, lanes, px=px),
        view.note,
    )
    return tuple(wrap(text, width=width, size=CAPTION * px) for text in texts if text)


def _bar_room(judged: JudgedMatrix, *, px: float) -> float:
    """Return how wide the bar is with its ticks and its label, in pixels."""
    widest = max(text_width(tick.words, size=LABEL * px) for tick in bar_ticks(judged.scale))
    return widest + (BAR_WIDTH + TICK_REACH + BAR_LABEL) * px


def beside(side: Side) -> float:
    """Return the room for a side's tree and colours, in nominal pixels."""
    return (TREE + 6 if side.linkage is not None else 0) + (STRIP + 4 if side.groups else 0)


def _largest(sizes: Sequence[float], *, room: float) -> float:
    """Return the largest size of letters that a row of so many pixels holds; 0 if none."""
    return next((size for size in sizes if size * 1.15 <= room), 0.0)


def _names_room(side: Side, *, size: float, px: float) -> float:
    if not size:
        return 8 * px
    longest = max(text_width(name, size=size) for name in side.names)
    return min(longest, LONGEST_NAME * px) + (NAME_GAP + 8) * px


def _value_size(judged: JudgedMatrix, *, room: tuple[int, int], px: float) -> float:
    """Return the largest size at which every value fits its cell; 0 if none."""
    finite = judged.matrix.values[np.isfinite(judged.matrix.values)]
    wide, high = room
    if not finite.size or min(room) < SMALLEST_VALUES * px:
        return 0.0
    texts = {value_words(float(value)) for value in finite}
    for size in VALUE_SIZES:
        widest = max(text_width(text, size=size * px) for text in texts)
        if widest <= wide - 4 * px and size * 1.1 * px <= high:
            return size * px
    return 0.0


def _left_out(judged: JudgedMatrix, lanes: tuple[Lane, Lane], *, px: float) -> str:
    """Return the sentence about what cells of this size cannot show."""
    pitch = min(lane.pitch for lane in lanes)
    sides = zip(lanes, ("rows", "columns"), strict=True)
    unnamed = [side for lane, side in sides if not lane.name_size]
    missing = [f"names of {join(unnamed)}"] if unnamed else []
    if pitch < SMALLEST_CELL * px and judged.survives.any():
        missing.append("outlines")
    if pitch < SEPARATE * px and judged.marked.any():
        missing.append("corner marks")
    if not missing:
        return ""
    return f"Too small to be drawn here and found in the tables: {', '.join(missing)}."


def value_words(value: float) -> str:
    """Return a value with two decimals, without the zero before them: ``−.27``."""
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"−{text}" if round(value, 2) < 0 else text
