"""A matrix as a picture: coloured cells, names, trees, groups, outlines, one bar, one caption."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.matrix import JudgedMatrix
from heatlas.show.bars import OUTLINE_DASH, bar_marks, bar_ticks
from heatlas.show.dendrogram import branches
from heatlas.show.layout import BAR_WIDTH, CAPTION, HEADING, LINE, MARGIN
from heatlas.show.lettering import text_width
from heatlas.show.matrixlegend import (
    HATCH_LINE,
    STRIP,
    draw_legend,
    group_box,
    group_signs,
    triangle,
)
from heatlas.show.matrixplan import (
    BAR_HEIGHT,
    LONGEST_NAME,
    NAME_GAP,
    SMALLEST_CELL,
    TREE,
    Lane,
    MatrixPlan,
    beside,
    plan_matrix,
    value_words,
)
from heatlas.show.outline import trace
from heatlas.show.scene import RGB, Bar, Panel, Path, Scene, Tile, Words
from heatlas.show.view import View

HATCH, HATCH_PAGE, OWN_GREY = 6, 240, 226
FINE = 8  # outlines of cells below this size are thin, so that colours are seen
DARK = 0.32  # luminance below which words on a cell are light


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
    The canvas takes the room that the cells need: 58 pixels each where few, 4 where many. Where
    one side is far longer than the other, cells stretch along the short one. From
    1,750 rows or columns on cells are smaller than can be outlined, and the picture says so.
    """
    view = view or View()
    judged = judged.ordered()
    plan = plan_matrix(judged, view=view)
    bar = _bar(judged, plan=plan, view=view)
    words, paths = bar_marks(bar, view=view)
    paths += [*_trees(judged, plan=plan, view=view), *_strips(judged, plan=plan, view=view)]
    paths += [*_outlines(judged, plan=plan, view=view), *_marks(judged, plan=plan)]
    words += [*_names(judged, plan=plan, view=view), *_values(judged, plan=plan)]
    words += _texts(plan, view=view)
    legend_words, legend_paths = draw_legend(
        judged, top=plan.legend_top, width=plan.width, view=view
    )
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


# ------------------------------------------------------------------------------------ cells


def _panel(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> Panel:
    """Return the cells: coloured where there is evidence, hatched where there is none."""
    height, width = plan.rows.end - plan.rows.start, plan.columns.end - plan.columns.start
    row, row_inside = _pixels(height, lane=plan.rows)
    column, column_inside = _pixels(width, lane=plan.columns)
    inside = row_inside[:, None] & column_inside[None, :]
    number = row[:, None] * plan.columns.n + column[None, :]
    values = judged.matrix.values.ravel()
    known = np.isfinite(values) & ~judged.own.ravel()
    y, x = np.indices((height, width))
    hatch = (x + y) % round(HATCH * plan.px) < max(round(plan.px), 1)
    grey = np.where(hatch, HATCH_LINE, HATCH_PAGE)
    grey = np.where(judged.own.ravel()[number], OWN_GREY, grey)
    return Panel(
        title=judged.title,
        caption=judged.caption(),
        left=plan.columns.start,
        top=plan.rows.start,
        width=width,
        height=height,
        values=np.nan_to_num(values),
        opacity=np.ones(values.size, dtype=np.float32),
        scale=judged.scale,
        judged=bool(judged.survives.any()) and plan.smallest >= SMALLEST_CELL * plan.px,
        tiles=(
            Tile(
                axis="z",
                position_mm=0.0,
                left=plan.columns.start,
                top=plan.rows.start,
                elements=np.where(inside & known[number], number, -1).astype(np.int32),
                grey=np.where(inside, grey, view.palette.page).astype(np.uint8),
            ),
        ),
    )


def _pixels(length: int, *, lane: Lane) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the cell of each pixel along an axis, and whether it lies in the cell or in a gap."""
    cell, within = np.divmod(np.arange(length), lane.pitch)
    return cell, within < lane.cell


def _outlines(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> list[Path]:
    """Return outlines of survivors: each cell's own, or the border of neighbours in small cells."""
    if plan.smallest < SMALLEST_CELL * plan.px:
        return []
    fine = plan.smallest < FINE * plan.px
    dashes = (plan.smallest / 4,) * 2 if fine else tuple(x * plan.px for x in OUTLINE_DASH)
    width = 2 * plan.px if plan.alone else max(plan.px / 2, 1) if fine else plan.px
    paths = []
    with np.errstate(invalid="ignore"):
        tails = (("outline +", judged.matrix.values > 0), ("outline -", judged.matrix.values < 0))
    for role, tail in tails:
        region = judged.survives & tail & ~judged.own
        dash = dashes if role == "outline -" else ()
        paths += [
            Path(
                points=points, colour=view.palette.ink, width=width, closed=True, dash=dash,
                role=role,
            )
            for points in _polygons(region, plan=plan)
        ]  # fmt: skip
    return paths


def _polygons(region: NDArray[np.bool_], *, plan: MatrixPlan) -> list[NDArray[np.float64]]:
    """Return lines that cover no colour where there are gaps: boxes, or borders of regions."""
    if not plan.alone:
        pixels = np.repeat(region, plan.rows.pitch, axis=0)
        pixels = np.repeat(pixels, plan.columns.pitch, axis=1)
        shift = plan.gap // 2
        corner = (plan.columns.start - shift, plan.rows.start - shift)
        return [points + corner for points in trace(pixels)]
    # Half a pixel, because a line of even width is centred between two of them.
    reach = plan.px
    boxes = []
    for row, column in np.argwhere(region).tolist():
        x, y = plan.columns.begin(column) - reach - 0.5, plan.rows.begin(row) - reach - 0.5
        right, low = x + plan.columns.cell + 2 * reach, y + plan.rows.cell + 2 * reach
        boxes.append(np.array([(x, y), (right, y), (right, low), (x, low)]))
    return boxes


def _marks(judged: JudgedMatrix, *, plan: MatrixPlan) -> list[Path]:
    """Return a triangle in the upper right corner of each marked cell."""
    if not plan.gap:
        return []
    size = max(min((plan.smallest - plan.gap) * 0.22, 8 * plan.px), 4 * plan.px)
    paths = []
    for row, column in np.argwhere(judged.marked & ~judged.own).tolist():
        right = plan.columns.begin(column) + plan.columns.cell
        top = plan.rows.begin(row)
        paths.append(
            triangle(right, top, size=size, colour=_ink_on(judged, row, column=column))
        )  # fmt: skip
    return paths


def _values(judged: JudgedMatrix, *, plan: MatrixPlan) -> list[Words]:
    """Return the values of the cells, if they fit."""
    if not plan.value_size:
        return []
    values = judged.matrix.values
    return [
        Words(
            text=value_words(float(values[row, column])),
            x=plan.columns.middle(column),
            y=plan.rows.middle(row) + 0.36 * plan.value_size,
            size=plan.value_size,
            colour=_ink_on(judged, row, column=column),
            align="centre",
        )
        for row, column in np.argwhere(np.isfinite(values) & ~judged.own).tolist()
    ]


def _ink_on(judged: JudgedMatrix, row: int, *, column: int) -> RGB:
    """Return black or white, whichever can be read on a cell's colour."""
    red, green, blue = judged.scale.colours(judged.matrix.values[row, column]).tolist()
    shares = [(channel / 255) ** 2.2 for channel in (red, green, blue)]
    luminance = 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]
    return (255, 255, 255) if luminance < DARK else (20, 22, 26)


# --------------------------------------------------------------------------- around the cells


def _names(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> list[Words]:
    """Return the names: rows to the right of the cells, columns upright beneath."""
    px, words = plan.px, []
    for lane, side in ((plan.rows, judged.matrix.rows), (plan.columns, judged.matrix.columns)):
        size, is_row = lane.name_size, lane is plan.rows
        for k, name in enumerate(side.names if size else ()):
            along = lane.middle(k) + 0.36 * size
            words.append(
                Words(
                    text=_shortened(name, size=size, px=px),
                    x=plan.columns.end + NAME_GAP * px if is_row else along,
                    y=along if is_row else plan.rows.end + NAME_GAP * px,
                    size=size,
                    colour=view.palette.ink,
                    align="left" if is_row else "right",
                    upright=not is_row,
                )
            )
    return words


def _shortened(name: str, *, size: float, px: float) -> str:
    """Return a name that fits, its middle left out: both ends tell files apart."""
    shown, kept = name, len(name)
    while text_width(shown, size=size) > LONGEST_NAME * px and kept > 2:
        kept -= 1
        shown = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    return shown


def _trees(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> list[Path]:
    """Return the tree of the rows to the left of the cells and that of the columns above."""
    reach = TREE * plan.px
    lines = []
    rows, columns = judged.matrix.rows, judged.matrix.columns
    if rows.linkage is not None:
        start = plan.columns.start - (beside(rows) - TREE) * plan.px
        leaves = [plan.rows.middle(k) for k in range(len(rows))]
        for bracket in branches(rows.linkage, leaves, reach=reach):
            lines.append(np.stack([start - bracket[:, 1], bracket[:, 0]], axis=1))
    if columns.linkage is not None:
        start = plan.rows.start - (beside(columns) - TREE) * plan.px
        leaves = [plan.columns.middle(k) for k in range(len(columns))]
        for bracket in branches(columns.linkage, leaves, reach=reach):
            lines.append(np.stack([bracket[:, 0], start - bracket[:, 1]], axis=1))
    return [
        Path(points=points, colour=view.palette.faint, width=plan.px, role="tree")
        for points in lines
    ]


def _strips(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> list[Path]:
    """Return the groups' colours between trees and cells."""
    signs = group_signs(judged)
    wide, away = STRIP * plan.px, (STRIP + 4) * plan.px
    rows, columns = plan.rows, plan.columns
    places = [
        (group, (columns.start - away, float(rows.begin(k))), (wide, float(rows.cell)))
        for k, group in enumerate(judged.matrix.rows.groups)
    ] + [
        (group, (float(columns.begin(k)), rows.start - away), (float(columns.cell), wide))
        for k, group in enumerate(judged.matrix.columns.groups)
    ]
    return [
        path
        for group, corner, size in places
        if group in signs
        for path in group_box(corner, size=size, sign=signs[group], view=view)
    ]


def _bar(judged: JudgedMatrix, *, plan: MatrixPlan, view: View) -> Bar:
    height = round(BAR_HEIGHT * plan.px)
    return Bar(
        left=plan.bar_left,
        top=plan.rows.start + round(8 * plan.px),
        values=np.linspace(judged.scale.high, judged.scale.low, height),
        opacity=np.ones((height, round(BAR_WIDTH * plan.px)), dtype=np.float32),
        backdrop=view.palette.page,
        scale=judged.scale,
        label=judged.scale.label,
        ticks=bar_ticks(judged.scale),
        panels=(0,),
    )


def _texts(plan: MatrixPlan, *, view: View) -> list[Words]:
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
