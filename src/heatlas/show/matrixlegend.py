"""What the signs in a matrix picture mean: their shapes, the groups' colours, and the legend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heatlas.core.matrix import JudgedMatrix
from heatlas.show.bars import OUTLINE_DASH
from heatlas.show.distribution import GROUP_COLOURS
from heatlas.show.layout import FOOT, MARGIN
from heatlas.show.lettering import text_width
from heatlas.show.scene import RGB, Path, Words
from heatlas.show.view import View

HATCH_LINE = 140  # grey level of the lines of a hatch
STRIP = 10  # thickness of a strip of groups, in pixels at scale 1
# For more groups than have colours of their own elsewhere: Paul Tol's "muted" scheme, which the
# colour-blind tell apart (Tol P, Colour schemes, SRON/EPS/TN/09-002, issue 3.2, 2021).
MANY_COLOURS: tuple[RGB, ...] = (
    (204, 102, 119), (51, 34, 136), (221, 204, 119), (17, 119, 51), (136, 204, 238),
    (136, 34, 85), (68, 170, 153), (153, 153, 51), (170, 68, 153),
)  # fmt: skip
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
    entries += [(f"group {name}", name) for name in group_signs(judged)]
    return entries


def legend_rows(
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


def draw_legend(
    judged: JudgedMatrix, *, top: float, width: float, view: View
) -> tuple[list[Words], list[Path]]:
    """Return the legend as words and samples.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn.
    top, width : float
        Baseline of the first row, and the width of the picture, in pixels.
    view : View
        Scale and theme.

    Returns
    -------
    words : list of Words
        One an entry.
    paths : list of Path
        The samples beside them.
    """
    px = view.scale
    words, paths = [], []
    for k, row in enumerate(legend_rows(judged, width=width, px=px)):
        y = top + k * LEGEND_ROW * px
        for kind, text, x in row:
            paths += _sign(kind, x, y=y, judged=judged, view=view)
            words.append(
                Words(
                    text=text,
                    x=x + LEGEND_SIGN * px,
                    y=y,
                    size=FOOT * px,
                    colour=view.palette.faint,
                )
            )
    return words, paths


def _sign(kind: str, x: float, *, y: float, judged: JudgedMatrix, view: View) -> list[Path]:
    """Return a small sample of a sign."""
    px = view.scale
    if kind.startswith("group "):
        sign = group_signs(judged)[kind.removeprefix("group ")]
        return group_box((x, y - 9 * px), size=(20 * px, STRIP * px), sign=sign, view=view)
    if kind == "mark":
        return [triangle(x + 16 * px, y - 9 * px, size=8 * px, colour=view.palette.ink)]
    if kind == "hatch":
        starts = x + np.arange(0, 16, 5) * px
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


class GroupSign(NamedTuple):
    """How a group looks: a colour, and lines along it that tell groups of one colour apart."""

    colour: RGB
    lines: int


def group_signs(judged: JudgedMatrix) -> dict[str, GroupSign]:
    """Return the sign of each group, in the order of their names."""
    groups = sorted({*judged.matrix.rows.groups, *judged.matrix.columns.groups} - {""})
    colours = GROUP_COLOURS if len(groups) <= len(GROUP_COLOURS) else MANY_COLOURS
    return {
        group: GroupSign(colours[k % len(colours)], k // len(colours))
        for k, group in enumerate(groups)
    }


def group_box(
    corner: tuple[float, float], *, size: tuple[float, float], sign: GroupSign, view: View
) -> list[Path]:
    """Return a filled rectangle from its upper left corner on, with the lines of its group.

    Parameters
    ----------
    corner, size : tuple of float
        x and y, width and height; the lines run along rows where it is as thick as a strip.
    sign : GroupSign
        Colour and number of lines.
    view : View
        Scale and theme.

    Returns
    -------
    list of Path
        The area first.
    """
    (x, y), (wide, high) = corner, size
    right, low = x + wide - 1, y + high - 1
    corners = np.array([(x, y), (right, y), (right, low), (x, low)])
    paths = [Path(points=corners, colour=sign.colour, closed=True, filled=True, role="group")]
    upright = round(wide) == round(STRIP * view.scale)
    for k in range(1, sign.lines + 1):
        share = k / (sign.lines + 1)
        along_x, along_y = x + share * (right - x), y + share * (low - y)
        ends = [(along_x, y), (along_x, low)] if upright else [(x, along_y), (right, along_y)]
        paths.append(
            Path(
                points=np.array(ends), colour=(view.palette.page,) * 3,
                width=1.5 * view.scale, role="group line",
            )
        )  # fmt: skip
    return paths


def triangle(right: float, top: float, *, size: float, colour: RGB) -> Path:
    """Return a filled triangle in the corner of which right and top are the sides."""
    corners = [(right - size, top), (right, top), (right, top + size)]
    return Path(points=np.array(corners), colour=colour, closed=True, filled=True, role="mark")
