"""What the signs in a matrix picture mean: their shapes, the groups' colours, and the legend."""

from __future__ import annotations

import numpy as np

from heatlas.core.colour import SEQUENTIAL_DEFAULT, colour_table
from heatlas.core.matrix import JudgedMatrix
from heatlas.show.bars import OUTLINE_DASH
from heatlas.show.distribution import GROUP_COLOURS
from heatlas.show.layout import FOOT, MARGIN
from heatlas.show.lettering import text_width
from heatlas.show.scene import RGB, Path, Words
from heatlas.show.view import View

HATCH_LINE = 140  # grey level of the lines of a hatch
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
    entries += [(f"group {name}", name) for name in group_colours(judged)]
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
        colour = group_colours(judged)[kind.removeprefix("group ")]
        return [box(x, y - 9 * px, size=(20 * px, 10 * px), colour=colour)]
    if kind == "mark":
        return [triangle(x + 16 * px, y - 9 * px, size=8 * px, colour=view.palette.ink)]
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


def group_colours(judged: JudgedMatrix) -> dict[str, RGB]:
    """Return the colour of each group, in the order of their names."""
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


def box(x: float, y: float, *, size: tuple[float, float], colour: RGB) -> Path:
    """Return a filled rectangle from its upper left corner on."""
    wide, high = size
    corners = [(x, y), (x + wide - 1, y), (x + wide - 1, y + high - 1), (x, y + high - 1)]
    return Path(points=np.array(corners), colour=colour, closed=True, filled=True, role="group")


def triangle(right: float, top: float, *, size: float, colour: RGB) -> Path:
    """Return a filled triangle in the corner of which right and top are the sides."""
    corners = [(right - size, top), (right, top), (right, top + size)]
    return Path(points=np.array(corners), colour=colour, closed=True, filled=True, role="mark")
