"""A matrix as a picture: coloured cells, names, trees, groups, outlines, one bar, one caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import SEQUENTIAL_DEFAULT, colour_table
from heatlas.core.errors import NotSupportedError
from heatlas.core.matrix import JudgedMatrix, Side
from heatlas.show.bars import OUTLINE_DASH, TICK_REACH, bar_marks, bar_ticks
from heatlas.show.dendrogram import branches
from heatlas.show.distribution import GROUP_COLOURS
from heatlas.show.layout import BAR_WIDTH, CAPTION, FOOT, HEADING, LABEL, LINE, MARGIN
from heatlas.show.lettering import text_width, wrap
from heatlas.show.outline import trace
from heatlas.show.scene import RGB, Bar, Panel, Path, Scene, Tile, Words
from heatlas.show.view import View

# Sizes in pixels at scale 1.
LARGEST_CELL, SMALLEST_CELL = 58, 4
SEPARATE, NARROW_GAP = 14, 2  # cells of at least this size stand apart
ALONE, WIDE_GAP = 30, 6  # and from this size on each has an outline of its own
TREE, STRIP, NAME_GAP = 54, 10, 7
LONGEST_NAME = 210
NAME_SIZES = (11.0, 10.0, 9.0, 8.0, 7.0)
VALUE_SIZES = (12.0, 11.0, 10.0, 9.0, 8.0)
BAR_HEIGHT, BAR_LABEL, BAR_AWAY = 190, 26, 22
NARROWEST = 620
WIDEST = 7000  # pixels of cells; beyond, cells shrink below the smallest readable size
HATCH, HATCH_LINE, HATCH_PAGE, OWN_GREY = 6, 140, 240, 226
DARK = 0.32  # luminance below which words on a cell are light


@dataclass(frozen=True)
class _Plan:
    """Where everything lies, in whole pixels."""

    px: float
    pitch: int
    gap: int
    left: int
    top: int
    rows: int
    columns: int
    name_size: float
    value_size: float
    bar_left: int
    width: int
    height: int
    heading: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    legend_top: float

    @property
    def right(self) -> int:
        return self.left + self.columns * self.pitch - self.gap

    @property
    def bottom(self) -> int:
        return self.top + self.rows * self.pitch - self.gap

    @property
    def cell(self) -> int:
        return self.pitch - self.gap

    @property
    def alone(self) -> bool:
        return self.gap >= WIDE_GAP * self.px

    def middle(self, number: int, *, of: int) -> float:
        """Return the middle of a row (of = top) or a column (of = left)."""
        return of + number * self.pitch + self.cell / 2


def compile_matrix(judged: JudgedMatrix, view: View | None = None) -> Scene:
    """Return the scene of a matrix.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn; rows and columns appear in its order.
    view : View, optional
        Width, scale, theme, title and note; None is ``View()``.

    Returns
    -------
    Scene
        Values stand in the cells where they fit, names where they can be read; survivors are
        outlined, solid for + and dashed for -, and cells without a value are hatched.

    Raises
    ------
    NotSupportedError
        If there are more than 7,000 rows or columns, of which a picture shows nothing.

    Notes
    -----
    The canvas takes the room that the cells need: 58 pixels each where few, 4 where many. From
    1,750 rows or columns on cells are smaller than can be outlined, and the picture says so.
    """
    view = view or View()
    judged = judged.ordered()
    plan = _plan(judged, view=view)
    bar = _bar(judged, plan=plan, view=view)
    words, paths = bar_marks(bar, view=view)
    paths += [*_trees(judged, plan=plan, view=view), *_strips(judged, plan=plan)]
    paths += [*_outlines(judged, plan=plan, view=view), *_marks(judged, plan=plan)]
    words += [*_names(judged, plan=plan, view=view), *_values(judged, plan=plan)]
    words += _texts(plan, view=view)
    legend_words, legend_paths = _legend(judged, plan=plan, view=view)
    return Scene(
        width=plan.width,
        height=plan.height,
        scale=view.scale,
        page=view.palette.page,
        panels=(_panel(judged, plan=plan, view=view),),
        bars=(bar,),
        paths=tuple([*paths, *legend_paths]),
        words=tuple([*words, *legend_words]),
        title=judged.title or judged.caption(),
    )


# ----------------------------------------------------------------------------------- layout


def _plan(judged: JudgedMatrix, *, view: View) -> _Plan:
    """Return where everything goes: cells as large as the width allows."""
    matrix, px = judged.matrix, view.scale
    rows, columns = matrix.shape
    if max(rows, columns) > WIDEST:
        raise NotSupportedError(
            f"A picture of {rows:,} x {columns:,} cells shows nothing; compare fewer maps, or read "
            "the tables."
        )
    bar_room = _bar_room(judged, px=px)
    beside = (TREE + STRIP + LONGEST_NAME / 2 + 2 * MARGIN) * px + bar_room
    pitch = int(min(LARGEST_CELL * px, (view.width_px * px - beside) / max(columns, rows * 0.8)))
    pitch = max(pitch, min(round(SMALLEST_CELL * px), WIDEST // max(rows, columns)), 1)
    gap = round((WIDE_GAP if pitch >= ALONE * px else NARROW_GAP) * px)
    gap = gap if pitch >= SEPARATE * px else 0
    name_size = _largest(NAME_SIZES, room=pitch / px) * px
    row_room = _names_room(matrix.rows, size=name_size, px=px)
    left = round((MARGIN + _beside(matrix.rows)) * px)
    bar_left = round(left + columns * pitch + row_room + BAR_AWAY * px)
    width = round(max(bar_left + bar_room + MARGIN * px, NARROWEST * px))
    heading = wrap(view.title or judged.title, width=width - 2 * MARGIN * px, size=HEADING * px,
                   bold=True)  # fmt: skip
    head = MARGIN + (len(heading) * HEADING * LINE + 8 if heading else 0)
    top = round((head + _beside(matrix.columns)) * px)
    cells_end = top + rows * pitch
    column_room = _names_room(matrix.columns, size=name_size, px=px)
    bar_end = top + (BAR_HEIGHT + 20) * px
    legend_top = max(cells_end + column_room, bar_end) + 16 * px
    texts = [
        judged.caption() if view.captions else "",
        _left_out(judged, pitch=pitch, name_size=name_size, px=px),
        view.note,
    ]
    lines = tuple(
        wrap(text, width=width - 2 * MARGIN * px, size=CAPTION * px) for text in texts if text
    )
    legend_rows = len(_legend_rows(judged, width=width, px=px))
    height = legend_top + (LEGEND_ROW * legend_rows + 10) * px
    height += sum(map(len, lines)) * CAPTION * LINE * px + MARGIN * px
    return _Plan(
        px=px,
        pitch=pitch,
        gap=gap,
        left=left,
        top=top,
        rows=rows,
        columns=columns,
        name_size=name_size,
        value_size=_value_size(judged, room=pitch - gap, px=px),
        bar_left=bar_left,
        width=width,
        height=round(height),
        heading=heading,
        lines=lines,
        legend_top=legend_top,
    )


def _bar_room(judged: JudgedMatrix, *, px: float) -> float:
    """Return how wide the bar is with its ticks and its label, in pixels."""
    widest = max(text_width(tick.words, size=LABEL * px) for tick in bar_ticks(judged.scale))
    return widest + (BAR_WIDTH + TICK_REACH + BAR_LABEL) * px


def _beside(side: Side) -> float:
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


def _value_size(judged: JudgedMatrix, *, room: float, px: float) -> float:
    """Return the largest size at which every value fits its cell; 0 if none."""
    finite = judged.matrix.values[np.isfinite(judged.matrix.values)]
    if not finite.size or room < 9 * px:
        return 0.0
    texts = {value_words(float(value)) for value in finite}
    for size in VALUE_SIZES:
        widest = max(text_width(text, size=size * px) for text in texts)
        if widest <= room - 4 * px and size * 1.1 * px <= room:
            return size * px
    return 0.0


def _left_out(judged: JudgedMatrix, *, pitch: int, name_size: float, px: float) -> str:
    """Return the sentence about what cells of this size cannot show."""
    missing = []
    if not name_size:
        missing.append("names")
    if pitch < SMALLEST_CELL * px and judged.survives.any():
        missing.append("outlines")
    if pitch < SEPARATE * px and judged.marked.any():
        missing.append("corner marks")
    if not missing:
        return ""
    return f"Too small to be drawn here and found in the tables: {', '.join(missing)}."


# ------------------------------------------------------------------------------------ cells


def _panel(judged: JudgedMatrix, *, plan: _Plan, view: View) -> Panel:
    """Return the cells: coloured where there is evidence, hatched where there is none."""
    height, width = plan.bottom - plan.top, plan.right - plan.left
    row, row_inside = _pixels(height, plan=plan)
    column, column_inside = _pixels(width, plan=plan)
    inside = row_inside[:, None] & column_inside[None, :]
    number = row[:, None] * plan.columns + column[None, :]
    values = judged.matrix.values.ravel()
    known = np.isfinite(values) & ~judged.own.ravel()
    y, x = np.indices((height, width))
    hatch = (x + y) % round(HATCH * plan.px) < max(round(plan.px), 1)
    grey = np.where(hatch, HATCH_LINE, HATCH_PAGE)
    grey = np.where(judged.own.ravel()[number], OWN_GREY, grey)
    return Panel(
        title=judged.title,
        caption=judged.caption(),
        left=plan.left,
        top=plan.top,
        width=width,
        height=height,
        values=np.nan_to_num(values),
        opacity=np.ones(values.size, dtype=np.float32),
        scale=judged.scale,
        tiles=(
            Tile(
                axis="z",
                position_mm=0.0,
                left=plan.left,
                top=plan.top,
                elements=np.where(inside & known[number], number, -1).astype(np.int32),
                grey=np.where(inside, grey, view.palette.page).astype(np.uint8),
            ),
        ),
    )


def _pixels(length: int, *, plan: _Plan) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the cell of each pixel along an axis, and whether it lies in the cell or in a gap."""
    cell, within = np.divmod(np.arange(length), plan.pitch)
    return cell, within < plan.cell


def _outlines(judged: JudgedMatrix, *, plan: _Plan, view: View) -> list[Path]:
    """Return outlines of survivors: each cell's own, or the border of neighbours in small cells."""
    if plan.pitch < SMALLEST_CELL * plan.px:
        return []
    paths = []
    with np.errstate(invalid="ignore"):
        tails = (("outline +", judged.matrix.values > 0), ("outline -", judged.matrix.values < 0))
    for role, tail in tails:
        region = judged.survives & tail & ~judged.own
        dash = tuple(length * plan.px for length in OUTLINE_DASH) if role == "outline -" else ()
        width = 2 * plan.px if plan.alone else plan.px
        paths += [
            Path(
                points=points, colour=view.palette.ink, width=width, closed=True, dash=dash,
                role=role,
            )
            for points in _polygons(region, plan=plan)
        ]  # fmt: skip
    return paths


def _polygons(region: NDArray[np.bool_], *, plan: _Plan) -> list[NDArray[np.float64]]:
    """Return lines that cover no colour where there are gaps: boxes, or borders of regions."""
    if not plan.alone:
        pixels = np.repeat(np.repeat(region, plan.pitch, axis=0), plan.pitch, axis=1)
        shift = plan.gap // 2
        return [points + (plan.left - shift, plan.top - shift) for points in trace(pixels)]
    # Half a pixel, because a line of even width is centred between two of them.
    reach = plan.px
    boxes = []
    for row, column in np.argwhere(region).tolist():
        x = plan.left + column * plan.pitch - reach - 0.5
        y = plan.top + row * plan.pitch - reach - 0.5
        size = plan.cell + 2 * reach
        boxes.append(np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size)]))
    return boxes


def _marks(judged: JudgedMatrix, *, plan: _Plan) -> list[Path]:
    """Return a triangle in the upper right corner of each marked cell."""
    if not plan.gap:
        return []
    size = max(min(plan.cell * 0.22, 8 * plan.px), 4 * plan.px)
    paths = []
    for row, column in np.argwhere(judged.marked & ~judged.own).tolist():
        right = plan.left + column * plan.pitch + plan.cell
        top = plan.top + row * plan.pitch
        paths.append(
            _triangle(right, top, size=size, colour=_ink_on(judged, row, column=column))
        )  # fmt: skip
    return paths


def _triangle(right: float, top: float, *, size: float, colour: RGB) -> Path:
    corners = [(right - size, top), (right, top), (right, top + size)]
    return Path(points=np.array(corners), colour=colour, closed=True, filled=True, role="mark")


def _values(judged: JudgedMatrix, *, plan: _Plan) -> list[Words]:
    """Return the values of the cells, if they fit."""
    if not plan.value_size:
        return []
    values = judged.matrix.values
    return [
        Words(
            text=value_words(float(values[row, column])),
            x=plan.middle(column, of=plan.left),
            y=plan.middle(row, of=plan.top) + 0.36 * plan.value_size,
            size=plan.value_size,
            colour=_ink_on(judged, row, column=column),
            align="centre",
        )
        for row, column in np.argwhere(np.isfinite(values) & ~judged.own).tolist()
    ]


def value_words(value: float) -> str:
    """Return a value with two decimals, without the zero before them: ``−.27``."""
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"−{text}" if round(value, 2) < 0 else text


def _ink_on(judged: JudgedMatrix, row: int, *, column: int) -> RGB:
    """Return black or white, whichever can be read on a cell's colour."""
    red, green, blue = judged.scale.colours(judged.matrix.values[row, column]).tolist()
    shares = [(channel / 255) ** 2.2 for channel in (red, green, blue)]
    luminance = 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]
    return (255, 255, 255) if luminance < DARK else (20, 22, 26)


# --------------------------------------------------------------------------- around the cells


def _names(judged: JudgedMatrix, *, plan: _Plan, view: View) -> list[Words]:
    """Return the names: rows to the right of the cells, columns upright beneath."""
    size, px = plan.name_size, plan.px
    if not size:
        return []
    words = [
        Words(
            text=_shortened(name, size=size, px=px),
            x=plan.right + NAME_GAP * px,
            y=plan.middle(k, of=plan.top) + 0.36 * size,
            size=size,
            colour=view.palette.ink,
        )
        for k, name in enumerate(judged.matrix.rows.names)
    ]
    words += [
        Words(
            text=_shortened(name, size=size, px=px),
            x=plan.middle(k, of=plan.left) + 0.36 * size,
            y=plan.bottom + NAME_GAP * px,
            size=size,
            colour=view.palette.ink,
            align="right",
            upright=True,
        )
        for k, name in enumerate(judged.matrix.columns.names)
    ]
    return words


def _shortened(name: str, *, size: float, px: float) -> str:
    """Return a name that fits, its middle left out: both ends tell files apart."""
    shown, kept = name, len(name)
    while text_width(shown, size=size) > LONGEST_NAME * px and kept > 2:
        kept -= 1
        shown = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    return shown


def _trees(judged: JudgedMatrix, *, plan: _Plan, view: View) -> list[Path]:
    """Return the tree of the rows to the left of the cells and that of the columns above."""
    reach = TREE * plan.px
    lines = []
    rows, columns = judged.matrix.rows, judged.matrix.columns
    if rows.linkage is not None:
        start = plan.left - (_beside(rows) - TREE) * plan.px
        leaves = [plan.middle(k, of=plan.top) for k in range(len(rows))]
        for bracket in branches(rows.linkage, leaves, reach=reach):
            lines.append(np.stack([start - bracket[:, 1], bracket[:, 0]], axis=1))
    if columns.linkage is not None:
        start = plan.top - (_beside(columns) - TREE) * plan.px
        leaves = [plan.middle(k, of=plan.left) for k in range(len(columns))]
        for bracket in branches(columns.linkage, leaves, reach=reach):
            lines.append(np.stack([bracket[:, 0], start - bracket[:, 1]], axis=1))
    return [
        Path(points=points, colour=view.palette.faint, width=plan.px, role="tree")
        for points in lines
    ]


def _strips(judged: JudgedMatrix, *, plan: _Plan) -> list[Path]:
    """Return the groups' colours between trees and cells."""
    colours = _group_colours(judged)
    paths = []
    wide, away = STRIP * plan.px, (STRIP + 4) * plan.px
    for side, is_row in ((judged.matrix.rows, True), (judged.matrix.columns, False)):
        for k, group in enumerate(side.groups):
            if group not in colours:
                continue
            if is_row:
                x, y = plan.left - away, float(plan.top + k * plan.pitch)
                size = (wide, float(plan.cell))
            else:
                x, y = float(plan.left + k * plan.pitch), plan.top - away
                size = (float(plan.cell), wide)
            paths.append(_box(x, y, size=size, colour=colours[group]))
    return paths


def _box(x: float, y: float, *, size: tuple[float, float], colour: RGB) -> Path:
    wide, high = size
    corners = [(x, y), (x + wide - 1, y), (x + wide - 1, y + high - 1), (x, y + high - 1)]
    return Path(points=np.array(corners), colour=colour, closed=True, filled=True, role="group")


def _group_colours(judged: JudgedMatrix) -> dict[str, RGB]:
    groups = sorted({*judged.matrix.rows.groups, *judged.matrix.columns.groups} - {""})
    if len(groups) <= len(GROUP_COLOURS):
        return dict(zip(groups, GROUP_COLOURS, strict=False))
    places = np.linspace(0, 255, len(groups)).round().astype(int)
    return {
        group: (int(red), int(green), int(blue))
        for group, (red, green, blue) in zip(
            groups, colour_table(SEQUENTIAL_DEFAULT)[places], strict=True
        )
    }


def _bar(judged: JudgedMatrix, *, plan: _Plan, view: View) -> Bar:
    height = round(BAR_HEIGHT * plan.px)
    return Bar(
        left=plan.bar_left,
        top=plan.top + round(8 * plan.px),
        values=np.linspace(judged.scale.high, judged.scale.low, height),
        opacity=np.ones((height, round(BAR_WIDTH * plan.px)), dtype=np.float32),
        backdrop=view.palette.page,
        scale=judged.scale,
        label=judged.scale.label,
        ticks=bar_ticks(judged.scale),
        panels=(0,),
    )


# ------------------------------------------------------------------------------------- words

LEGEND_ROW, LEGEND_SIGN, LEGEND_GAP = 18, 28, 22


def _legend_entries(judged: JudgedMatrix) -> list[tuple[str, str]]:
    """Return what the signs in the picture mean: (kind, words)."""
    values, entries = judged.matrix.values, []
    with np.errstate(invalid="ignore"):
        if (judged.survives & (values > 0)).any():
            entries.append(("outline +", "+ survives"))
        if (judged.survives & (values < 0)).any():
            entries.append(("outline -", "− survives"))
    if (judged.marked & ~judged.own).any():
        entries.append(("mark", judged.marked_words))
    if (np.isnan(values) & ~judged.own).any():
        entries.append(("hatch", "no value"))
    entries += [(f"group {name}", name) for name in _group_colours(judged)]
    return entries


def _legend_rows(
    judged: JudgedMatrix, *, width: float, px: float
) -> list[list[tuple[str, str, float]]]:
    """Return the entries with where each begins, in rows that fit the width."""
    rows: list[list[tuple[str, str, float]]] = []
    x = 0.0
    for kind, text in _legend_entries(judged):
        length = (LEGEND_SIGN + LEGEND_GAP) * px + text_width(text, size=FOOT * px)
        if not rows or x + length > width - MARGIN * px:
            rows.append([])
            x = MARGIN * px
        rows[-1].append((kind, text, x))
        x += length
    return rows


def _legend(judged: JudgedMatrix, *, plan: _Plan, view: View) -> tuple[list[Words], list[Path]]:
    """Return what the signs mean, under the cells."""
    words, paths = [], []
    for k, row in enumerate(_legend_rows(judged, width=plan.width, px=plan.px)):
        y = plan.legend_top + k * LEGEND_ROW * plan.px
        for kind, text, x in row:
            paths += _sign(kind, x, y=y, judged=judged, plan=plan, view=view)
            words.append(
                Words(
                    text=text,
                    x=x + LEGEND_SIGN * plan.px,
                    y=y,
                    size=FOOT * plan.px,
                    colour=view.palette.faint,
                )
            )
    return words, paths


def _sign(
    kind: str, x: float, *, y: float, judged: JudgedMatrix, plan: _Plan, view: View
) -> list[Path]:
    """Return a small sample of a sign."""
    px = plan.px
    if kind.startswith("group "):
        colour = _group_colours(judged)[kind.removeprefix("group ")]
        return [_box(x, y - 9 * px, size=(20 * px, 10 * px), colour=colour)]
    if kind == "mark":
        return [_triangle(x + 16 * px, y - 9 * px, size=8 * px, colour=view.palette.ink)]
    if kind == "hatch":
        starts = x + np.arange(0, 21, 5) * px
        return [
            Path(
                points=np.array([(start, y), (start + 5 * px, y - 9 * px)]),
                colour=(HATCH_LINE,) * 3, width=px, role="legend",
            )
            for start in starts
        ]  # fmt: skip
    dash = tuple(length * px for length in OUTLINE_DASH) if kind == "outline -" else ()
    points = np.array([(x, y - 4 * px), (x + 20 * px, y - 4 * px)])
    return [Path(points=points, colour=view.palette.ink, width=2 * px, dash=dash, role="legend")]


def _texts(plan: _Plan, *, view: View) -> list[Words]:
    """Return heading and caption."""
    px = plan.px
    words = [
        Words(
            text=line, x=MARGIN * px, y=MARGIN * px + HEADING * px * (0.8 + LINE * k),
            size=HEADING * px, colour=view.palette.ink, bold=True,
        )
        for k, line in enumerate(plan.heading)
    ]  # fmt: skip
    flat = [line for lines in plan.lines for line in lines]
    first = plan.height - MARGIN * px - (len(flat) - 1) * CAPTION * LINE * px
    words += [
        Words(
            text=line, x=MARGIN * px, y=first + k * CAPTION * LINE * px, size=CAPTION * px,
            colour=view.palette.ink,
        )
        for k, line in enumerate(flat)
    ]  # fmt: skip
    return words
