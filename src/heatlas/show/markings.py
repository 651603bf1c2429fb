"""What is drawn on and under slices: outlines, contours, sides, positions, the scale bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.heatmap import HeatMap
from heatlas.show.bars import OUTLINE_DASH
from heatlas.show.layout import LABEL, Layout, TileBox
from heatlas.show.lettering import text_width
from heatlas.show.outline import trace
from heatlas.show.scene import RGB, Path, Tile, Words
from heatlas.show.view import View

Region = NDArray[np.bool_]
SMALLEST, SMALLEST_WITH_SIDE = 6.5, 9.5
LETTER = 14  # size of sides that are burnt into a slice
INSET = 9  # from the edge of a slice to what is drawn on it
BAR_LENGTHS_MM = (100, 50, 20, 10, 5)
LARGEST_BAR = 0.34  # share of the slice's width
# Black to white occur beneath a windowed image: a light line with a dark one outside of it.
LIGHT, DARK = (247, 247, 247), (8, 8, 8)


@dataclass(frozen=True)
class _Marked:
    """A kind of place that is outlined: which elements, by what line."""

    role: str
    dash: tuple[float, ...]
    of: Callable[[NDArray[np.int32]], Region]


def outline_paths(
    heat_map: HeatMap, tiles: Sequence[Tile], *, view: View, windowed: bool
) -> list[Path]:
    """Return the borders of what survives, and contours: solid for +, dashed for -.

    Parameters
    ----------
    heat_map : HeatMap
        What is drawn.
    tiles : sequence of Tile
        Its slices.
    view : View
        Scale and colours.
    windowed : bool
        Whether greys from black to white lie beneath: each line then gets a dark one outside.

    Returns
    -------
    list of Path
        Later ones lie on top.
    """
    paths: list[Path] = []
    for marked in _marked(heat_map):
        for tile in tiles:
            region = (tile.elements >= 0) & marked.of(tile.elements)
            if not region.any():
                continue
            width = max(round(view.scale), 1)
            ink = LIGHT if windowed else view.palette.ink
            if windowed:
                paths += _lines(_grown(region, by=width), tile, role=marked.role, colour=DARK,
                                width=width)  # fmt: skip
            dash = tuple(length * view.scale for length in marked.dash)
            paths += _lines(region, tile, role=marked.role, colour=ink, width=width, dash=dash)
    return paths


def tile_words(panel: HeatMap, layout: Layout, *, view: View, burnt_in: bool) -> list[Words]:
    """Return the words of all slices, those beneath in one size: the largest at which all fit.

    Parameters
    ----------
    panel : HeatMap
        Says whether positions are in mm.
    layout : Layout
        Where the slices lie.
    view : View
        Scale, side convention and colours.
    burnt_in : bool
        Whether the sides stand on the slices instead of under them.

    Returns
    -------
    list of Words
        Positions and sides.
    """
    unit = " mm" if panel.shown.mask.grid.unit == "mm" else ""
    tiles = [tile for box in layout.panels for tile in box.tiles]
    texts = [_tile_text(tile, unit=unit, first=view.first_slice) for tile in tiles]
    room = min(tile.words_width for tile in tiles)
    size = _fitting_size(texts, room=room, px=view.scale)
    if size < SMALLEST_WITH_SIDE * view.scale:
        # The sign of x says the side as well.
        texts = [text.partition(" (")[0] for text in texts]
        size = _fitting_size(texts, room=room, px=view.scale)
    words: list[Words] = []
    for tile, text in zip(tiles, texts, strict=True):
        words.append(_position(tile, text, size=size, view=view))
        if burnt_in:
            words += _sides_on(tile, view=view)
        else:
            words += _sides_under(tile, text, size=size, view=view)
    return words


def scale_bar(
    tile: TileBox, *, pixels_per_mm: float, view: View, windowed: bool
) -> tuple[list[Path], list[Words]]:
    """Return a bar of a round length in mm in the lower left corner of a slice, and its words.

    Parameters
    ----------
    tile : TileBox
        The slice.
    pixels_per_mm : float
        Its scale.
    view : View
        Sizes and colours.
    windowed : bool
        Whether greys from black to white lie beneath.

    Returns
    -------
    tuple of lists of Path and of Words
        Nothing where even the shortest bar would not fit.
    """
    fitting = [mm for mm in BAR_LENGTHS_MM if mm * pixels_per_mm <= LARGEST_BAR * tile.width]
    if not fitting:
        return [], []
    px, length = view.scale, fitting[0] * pixels_per_mm
    left, y = tile.left + INSET * px, tile.top + tile.height - INSET * px
    ends = np.array([(left, y), (left + length, y)])
    around = np.array([(left - px, y), (left + length + px, y)])
    ink = LIGHT if windowed else view.palette.ink
    paths = [Path(points=ends, colour=ink, width=2 * px, role="scale bar")]
    if windowed:
        paths.insert(0, Path(points=around, colour=DARK, width=4 * px, role="scale bar"))
    text = Words(
        text=f"{fitting[0]} mm",
        x=left,
        y=y - 0.5 * LABEL * px,
        size=LABEL * px,
        colour=ink,
        bold=True,
    )
    return paths, _shaded(text, view=view) if windowed else [text]


def _marked(heat_map: HeatMap) -> list[_Marked]:
    marked = []
    if heat_map.threshold.judges:
        for role, survives, dash in (
            ("outline +", heat_map.survives_positive, ()),
            ("outline -", heat_map.survives_negative, OUTLINE_DASH),
        ):
            if survives.any():
                marked.append(_Marked(role, dash, survives.__getitem__))
    values = heat_map.shown.values
    for level in heat_map.scale.contours:
        role, dash = ("outline contour +", ()) if level > 0 else ("outline contour -", OUTLINE_DASH)
        marked.append(_Marked(role, dash, _beyond(values, level)))
    return marked


def _beyond(values: NDArray[np.floating], level: float) -> Callable[[NDArray[np.int32]], Region]:
    def _is_beyond(elements: NDArray[np.int32]) -> Region:
        found = values[elements]
        return np.asarray(found >= level if level > 0 else found <= level)

    return _is_beyond


def _lines(
    region: Region,
    tile: Tile,
    *,
    role: str,
    colour: RGB,
    width: int,
    dash: tuple[float, ...] = (),
) -> list[Path]:
    return [
        Path(
            points=loop + (tile.left, tile.top),
            colour=colour,
            width=width,
            closed=True,
            dash=dash,
            role=role,
        )
        for loop in trace(region)
    ]


def _grown(region: Region, *, by: int) -> Region:
    """Return the region with all pixels at most so many steps away, corners included."""
    for _ in range(by):
        wide = region.copy()
        wide[1:] |= region[:-1]
        wide[:-1] |= region[1:]
        region = wide.copy()
        region[:, 1:] |= wide[:, :-1]
        region[:, :-1] |= wide[:, 1:]
    return region


def _fitting_size(texts: Sequence[str], *, room: int, px: float) -> float:
    """Return the largest size at which each text and two letters fit."""
    size = LABEL * px
    while size > SMALLEST * px and any(text_width(f"M {t} M", size=size) > room for t in texts):
        size -= 0.5 * px
    return size


def _tile_text(tile: TileBox, *, unit: str, first: int) -> str:
    text = f"{tile.axis} = {_position_words(tile.position_mm)}{unit}"
    if tile.axis == "x" and abs(tile.position_mm) >= 0.05:
        text += " (L)" if tile.position_mm < 0 else " (R)"
    return text if tile.number is None else f"{tile.number + first}: {text}"


def _position(tile: TileBox, text: str, *, size: float, view: View) -> Words:
    return Words(
        text=text,
        x=tile.words_left + tile.words_width / 2,
        y=tile.top + tile.height + LABEL * 1.25 * view.scale,
        size=size,
        colour=view.palette.ink,
        align="centre",
    )


def _ends(tile: TileBox, *, view: View) -> tuple[str, str]:
    """Return which side of the body lies at the left and at the right edge."""
    if tile.axis == "x":
        return "P", "A"
    return ("L", "R") if view.left_is_left else ("R", "L")


def _sides_under(tile: TileBox, text: str, *, size: float, view: View) -> list[Words]:
    """Return the sides beside the position, under the edges of the slice."""
    palette = view.palette
    # They stand further apart only where the slice is too small.
    middle = tile.words_left + tile.words_width / 2
    half = max(tile.width, text_width(f"M {text} M", size=size)) / 2
    y = tile.top + tile.height + LABEL * 1.25 * view.scale
    colour = palette.faint if tile.axis == "x" else palette.ink
    return [
        Words(
            text=letter, x=x, y=y, size=size, colour=colour, bold=True,
            align="left" if x < middle else "right",
        )
        for letter, x in zip(_ends(tile, view=view), (middle - half, middle + half), strict=True)
    ]  # fmt: skip


def _sides_on(tile: TileBox, *, view: View) -> list[Words]:
    """Return the sides in the upper corners of a slice, where there is mostly air.

    A slice that is cut out of the picture keeps them.
    """
    px = view.scale
    inset = min(INSET * px, 0.04 * tile.width)
    size = min(LETTER * px, max(0.09 * tile.width, SMALLEST * px))
    y = tile.top + inset + 0.73 * size
    left, right = _ends(tile, view=view)
    places = ((left, tile.left + inset, "left"), (right, tile.left + tile.width - inset, "right"))
    return [
        word
        for text, x, align in places
        for word in _shaded(
            Words(text=text, x=x, y=y, size=size, colour=LIGHT, bold=True, align=align),  # type: ignore[arg-type]  # one of its words
            view=view,
        )
    ]


def _shaded(words: Words, *, view: View) -> list[Words]:
    """Return light words over dark ones, one step to each side: readable on any grey."""
    step = view.scale
    around = ((-step, 0), (step, 0), (0, -step), (0, step))
    return [
        *(_moved(words, right=right, down=down, colour=DARK) for right, down in around),
        words,
    ]


def _moved(words: Words, *, right: float, down: float, colour: RGB) -> Words:
    return Words(
        text=words.text, x=words.x + right, y=words.y + down, size=words.size, colour=colour,
        align=words.align, bold=words.bold,
    )  # fmt: skip


def _position_words(mm: float) -> str:
    rounded = round(mm, 1) + 0.0  # no negative zero
    return f"{rounded:.1f}".removesuffix(".0").replace("-", "−")
