"""CT slices through windows: a row for each window, sides burnt in, millimetres, a grey ramp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from heatlas.core.errors import DataError
from heatlas.core.slicestack import SliceStack
from heatlas.core.validate import set_field
from heatlas.core.value import Value
from heatlas.core.window import Window
from heatlas.core.words import count
from heatlas.show.lettering import wrap
from heatlas.show.scene import Greys, Path, Scene, Words
from heatlas.show.view import THEMES

MARGIN, GAP, HEAD, LABEL, FOOT, TITLE = 16, 4, 26, 17, 11, 16
RAMP, RAMP_ROOM, RAMP_GAP = 12, 70, 12
SIDE, SMALL = 13, 11
NARROWEST = 480
LINE = 1.35
INK, FAINT = THEMES["dark"].ink, THEMES["dark"].faint
PAGE = 0
HATCH = (24, 48)
HATCH_PERIOD = 8
BODY_SHARE = 0.12  # between black and white of the widest window: below lies air
CROP_MARGIN_MM = 6.0
SMALLEST_SHARE = 0.005
NICE_MM = (1, 2, 5, 10, 20, 50, 100, 200)
SIDES = (("L", "R"), ("P", "A"), ("I", "S"))  # towards the low and the high end of x, y and z
# What runs to the right and down, by the axis across the slice: towards the low end of each.
DISPLAY = {0: (1, 2), 1: (0, 2), 2: (0, 1)}

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class SliceView(Value):
    """How slices are looked at through windows.

    Parameters
    ----------
    numbers : tuple of int
        Which slices, from 0, from left to right.
    left_is_left : bool
        True draws the left of the body on the left; the default is the radiological view.
    width_px : int
        Width of the picture at ``scale`` 1.
    scale : float
        Pixels per unit of width.
    title : str
        Heading.
    note : str
        One more sentence at the foot.
    """

    numbers: tuple[int, ...]
    left_is_left: bool = False
    width_px: int = 1270
    scale: float = 1.0
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Check the sizes."""
        set_field(self, "numbers", to=tuple(int(k) for k in self.numbers))
        if not 1 <= len(self.numbers) <= 12:
            raise DataError(f"view: {len(self.numbers)} slices in a row; 1 to 12 can be drawn.")
        if not 0.5 <= self.scale <= 8 or not 200 <= self.width_px <= 8000:
            raise DataError("view: scale 0.5 to 8 and a width of 200 to 8,000 px are drawn.")


def spread_slices(stack: SliceStack, *, n: int, above: float | None = None) -> tuple[int, ...]:
    """Return n slice numbers spread over the stack, its ends left out where there are enough.

    Parameters
    ----------
    stack : SliceStack
        The slices.
    n : int
        How many are wanted; all where there are fewer.
    above : float, optional
        Slices that hold next to nothing above this value are passed over, such as -300 HU.

    Returns
    -------
    tuple of int
        Rising.
    """
    numbers = np.arange(len(stack))
    if above is not None:
        with np.errstate(invalid="ignore"):
            held = np.array([np.mean(pixels > above) for pixels in stack.values])
        numbers = numbers[held > SMALLEST_SHARE] if (held > SMALLEST_SHARE).any() else numbers
    if len(numbers) <= n:
        return tuple(numbers.tolist())
    edges = np.linspace(0, len(numbers), n + 1)
    return tuple(int(numbers[int(k)]) for k in (edges[:-1] + edges[1:]) / 2)


def compile_windows(stack: SliceStack, windows: Sequence[Window], *, view: SliceView) -> Scene:
    """Return the scene of slices through one or more windows.

    Parameters
    ----------
    stack : SliceStack
        Slices as acquired; NaN is padding, drawn hatched and never as air.
    windows : sequence of Window
        One row each, from top to bottom.
    view : SliceView
        Which slices, and how.

    Returns
    -------
    Scene
        Plain numbers, ready for pixels or vectors.

    Raises
    ------
    DataError
        If no window is given, or a slice number does not exist.

    Notes
    -----
    Each slice is shown in its own plane: pixels are averaged where the picture is coarser and
    interpolated linearly where it is finer, in the values' own unit, before they are windowed.
    """
    _check(stack, windows, view=view)
    turn = _turn(stack, left_is_left=view.left_is_left)
    box = _body(stack, windows, view=view)
    size = _tile_size(box, turn, stack=stack, view=view)
    tiles = [_tile(stack.values[k][box], turn, size=size) for k in view.numbers]
    hatched = any(bool((tile.cover < 0.5).any()) for tile in tiles)
    page = _Page(view=view, turn=turn, size=size, per_mm=size.per_mm, n_rows=len(windows))
    greys, words, paths = [], _heading(view), []
    for row, window in enumerate(windows):
        greys += _row_greys(tiles, window, page=page, row=row)
        words += _row_words(stack, window, page=page, row=row)
        paths.append(_scale_bar(page, row=row))
    foot = _foot(stack, view, hatched=hatched)
    words += _foot_words(foot, page=page)
    lines = len(_foot_lines(foot, page))
    height = round(page.bottom + (lines * FOOT * LINE + MARGIN) * view.scale)
    return Scene(
        width=page.width,
        height=height,
        scale=view.scale,
        page=PAGE,
        greys=tuple(greys),
        paths=tuple(paths),
        words=tuple(words),
        title=view.title or "CT slices",
    )


def windows_caption(stack: SliceStack, windows: Sequence[Window], *, view: SliceView) -> str:
    """Return one sentence that says what the picture shows."""
    through = "; ".join(window.words for window in windows)
    return (
        f"{count(len(view.numbers), 'slice')} of {len(stack)} through {through}. "
        f"{_foot(stack, view, hatched=False)}"
    )


# ---------------------------------------------------------------- geometry


@dataclass(frozen=True)
class _Turn:
    """How a slice is turned for display: transposed first, then mirrored."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool
    letters: tuple[str, str]
    """On the left and on the right of the picture; empty where sides are not known."""
    axis: int
    """World axis across the slice."""


@dataclass(frozen=True)
class _Size:
    """A tile in pixels, and pixels per mm of the picture."""

    width: int
    height: int
    per_mm: float


@dataclass(frozen=True)
class _Tile:
    """Values of a tile's pixels, and which share of each was scanned."""

    values: Floats
    cover: Floats


@dataclass(frozen=True)
class _Page:
    """Where rows lie."""

    view: SliceView
    turn: _Turn
    size: _Size
    per_mm: float
    n_rows: int

    def top(self, row: int) -> float:
        """Top of the slices of a row."""
        px = self.view.scale
        head = MARGIN + (TITLE * LINE if self.view.title else 0)
        return (head + row * (HEAD + LABEL + GAP) + HEAD) * px + row * self.size.height

    def left(self, k: int) -> float:
        """Left edge of a slice."""
        return MARGIN * self.view.scale + k * (self.size.width + GAP * self.view.scale)

    @property
    def width(self) -> int:
        """Width of the picture: no more than its slices need, and no less than its words."""
        needed = _ramp_left(self) / self.view.scale + RAMP_ROOM + MARGIN
        return round(min(max(needed, NARROWEST), self.view.width_px) * self.view.scale)

    @property
    def bottom(self) -> float:
        """Below the last row."""
        return self.top(self.n_rows - 1) + self.size.height + (LABEL + 8) * self.view.scale


def _check(stack: SliceStack, windows: Sequence[Window], *, view: SliceView) -> None:
    if not windows:
        raise DataError("There is no window to look through.")
    for k in view.numbers:
        if not 0 <= k < len(stack):
            raise DataError(
                f"view: there is no slice {k}; the scan has {len(stack)}, numbered from 0."
            )


def _turn(stack: SliceStack, *, left_is_left: bool) -> _Turn:
    """Return how slices are turned so that right, front and head end up where readers look."""
    axis = int(np.argmax(np.abs(stack.normals[0])))
    across, down = DISPLAY[axis]
    to_right = -np.eye(3)[across]
    if left_is_left and axis != 0:
        to_right = -to_right
    to_below = -np.eye(3)[down]
    columns = stack.column_steps_mm[0] / np.linalg.norm(stack.column_steps_mm[0])
    rows = stack.row_steps_mm[0] / np.linalg.norm(stack.row_steps_mm[0])
    transpose = abs(float(columns @ to_right)) < abs(float(rows @ to_right))
    horizontal, vertical = (rows, columns) if transpose else (columns, rows)
    low, high = SIDES[across]
    letters = (high, low) if float(to_right[across]) < 0 else (low, high)
    return _Turn(
        transpose=transpose,
        flip_rows=float(vertical @ to_below) < 0,
        flip_columns=float(horizontal @ to_right) < 0,
        letters=letters if stack.position_unit == "mm" else ("", ""),
        axis=axis,
    )


def _turned(pixels: Floats, turn: _Turn) -> Floats:
    if turn.transpose:
        pixels = pixels.T
    if turn.flip_rows:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if turn.flip_columns else pixels


def _body(stack: SliceStack, windows: Sequence[Window], *, view: SliceView) -> tuple[slice, slice]:
    """Return the part of the slices that holds more than air, in rows and columns."""
    widest = max(windows, key=lambda window: window.high - window.low)
    cut = widest.low + BODY_SHARE * (widest.high - widest.low)
    seen = np.zeros(stack.values.shape[1:], dtype=bool)
    for k in view.numbers:
        with np.errstate(invalid="ignore"):
            seen |= stack.values[k] > cut
    parts = []
    for side, pixel in ((1, stack.pixel_mm[0]), (0, stack.pixel_mm[1])):
        share = seen.mean(axis=side)
        filled = np.flatnonzero(share > 0.01)
        if not filled.size:
            parts.append(slice(0, len(share)))
            continue
        reach = round(CROP_MARGIN_MM / pixel) if stack.position_unit == "mm" else 4
        parts.append(
            slice(max(int(filled[0]) - reach, 0), min(int(filled[-1]) + reach + 1, len(share)))
        )
    return parts[0], parts[1]


def _tile_size(
    box: tuple[slice, slice], turn: _Turn, *, stack: SliceStack, view: SliceView
) -> _Size:
    """Return the size of all tiles: one scale, the row as wide as the page allows."""
    mm = [(part.stop - part.start) * pixel for part, pixel in zip(box, stack.pixel_mm, strict=True)]
    high_mm, wide_mm = (mm[1], mm[0]) if turn.transpose else (mm[0], mm[1])
    n = len(view.numbers)
    room = (view.width_px - 2 * MARGIN - RAMP_ROOM - RAMP_GAP - n * GAP) * view.scale / n
    limit = min(room, 520 * view.scale)
    per_mm = min(limit / wide_mm, 620 * view.scale / high_mm)
    return _Size(max(round(wide_mm * per_mm), 8), max(round(high_mm * per_mm), 8), per_mm)


def _tile(pixels: Floats, turn: _Turn, *, size: _Size) -> _Tile:
    """Return a slice at the size of its tile, padding kept apart from what was scanned."""
    turned = _turned(pixels, turn)
    scanned = np.isfinite(turned)
    total = _resized(np.where(scanned, turned, 0).astype(np.float32), size)
    if scanned.all():
        return _Tile(total, np.ones_like(total))
    cover = _resized(scanned.astype(np.float32), size)
    return _Tile(np.divide(total, cover, out=np.zeros_like(total), where=cover > 0.01), cover)


def _resized(values: Floats, size: _Size) -> Floats:
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(image.resize((size.width, size.height), Image.Resampling.BILINEAR))


# ---------------------------------------------------------------- what is drawn


def _row_greys(tiles: Sequence[_Tile], window: Window, *, page: _Page, row: int) -> list[Greys]:
    top = round(page.top(row))
    greys = [
        Greys(left=round(page.left(k)), top=top, grey=_grey(tile, window))
        for k, tile in enumerate(tiles)
    ]
    ramp = np.linspace(window.high, window.low, page.size.height)
    shown = np.rint(255 * window.greys(ramp)).astype(np.uint8)
    width = round(RAMP * page.view.scale)
    return [
        *greys,
        Greys(left=_ramp_left(page), top=top, grey=np.tile(shown[:, None], (1, width))),
    ]


def _ramp_left(page: _Page) -> int:
    return round(page.left(len(page.view.numbers)) + RAMP_GAP * page.view.scale)


def _grey(tile: _Tile, window: Window) -> NDArray[np.uint8]:
    """Return the greys of a tile; what was not scanned is hatched."""
    grey = np.rint(255 * window.greys(tile.values)).astype(np.uint8)
    height, width = grey.shape
    stripes = (np.arange(height)[:, None] + np.arange(width)[None, :]) % HATCH_PERIOD
    hatch = np.where(stripes < HATCH_PERIOD // 4, HATCH[1], HATCH[0]).astype(np.uint8)
    return np.where(tile.cover < 0.5, hatch, grey)


def _heading(view: SliceView) -> list[Words]:
    if not view.title:
        return []
    px = view.scale
    y = (MARGIN + TITLE) * px
    return [Words(text=view.title, x=MARGIN * px, y=y, size=TITLE * px, colour=INK, bold=True)]


def _row_words(stack: SliceStack, window: Window, *, page: _Page, row: int) -> list[Words]:
    """Return the window's name over a row, places under its slices, sides upon them."""
    px = page.view.scale
    top, size = page.top(row), page.size
    title = f"{window.words[:1].upper()}{window.words[1:]}"
    words = [
        Words(text=title, x=MARGIN * px, y=top - 8 * px, size=SIDE * px, colour=INK, bold=True)
    ]
    for k, number in enumerate(page.view.numbers):
        middle = page.left(k) + size.width / 2
        below = top + size.height + (LABEL - 4) * px
        words.append(
            Words(
                text=_place(stack, number, axis=page.turn.axis),
                x=middle,
                y=below,
                size=SMALL * px,
                colour=FAINT,
                align="centre",
            )
        )
        words += _side_words(page, k=k, top=top)
    return [*words, *_ramp_words(window, page=page, top=top), *_bar_words(page, row=row)]


def _side_words(page: _Page, *, k: int, top: float) -> list[Words]:
    px, (left, right) = page.view.scale, page.turn.letters
    if not left:
        return []
    y, inset = top + (SIDE + 3) * px, 5 * px
    return [
        Words(text=left, x=page.left(k) + inset, y=y, size=SIDE * px, colour=INK, bold=True),
        Words(
            text=right,
            x=page.left(k) + page.size.width - inset,
            y=y,
            size=SIDE * px,
            colour=INK,
            bold=True,
            align="right",
        ),
    ]


def _place(stack: SliceStack, number: int, *, axis: int) -> str:
    if stack.position_unit != "mm":
        return f"slice {number + 1} of {len(stack)}"
    mm = float(stack.centres_mm()[number, axis])
    return f"{'xyz'[axis]} {mm:.1f} mm".replace("-", "−")


def _ramp_words(window: Window, *, page: _Page, top: float) -> list[Words]:
    px = page.view.scale
    x = _ramp_left(page) + (RAMP + 5) * px
    unit = f" {window.unit}" if window.unit else ""
    places = (
        (top + SMALL * px, f"{window.high:,.4g}{unit}"),
        (top + page.size.height / 2 + SMALL * px / 3, f"{(window.low + window.high) / 2:,.4g}"),
        (top + page.size.height, f"{window.low:,.4g}"),
    )
    return [
        Words(text=text.replace("-", "−"), x=x, y=y, size=SMALL * px, colour=INK)
        for y, text in places
    ]


def _bar_mm(page: _Page) -> float:
    """Return the longest round length that takes no more than a third of a slice."""
    fitting = [mm for mm in NICE_MM if mm * page.per_mm <= page.size.width / 3]
    return float(fitting[-1] if fitting else NICE_MM[0])


def _scale_bar(page: _Page, *, row: int) -> Path:
    px = page.view.scale
    x, y = page.left(0) + 8 * px, page.top(row) + page.size.height - 8 * px
    ends = np.array([(x, y), (x + _bar_mm(page) * page.per_mm, y)])
    return Path(points=ends, colour=INK, width=2 * px, role="scale bar")


def _bar_words(page: _Page, *, row: int) -> list[Words]:
    px = page.view.scale
    y = page.top(row) + page.size.height - 13 * px
    unit = "mm" if page.turn.letters[0] else "pixels"
    text = f"{_bar_mm(page):g} {unit}"
    return [Words(text=text, x=page.left(0) + 8 * px, y=y, size=SMALL * px, colour=INK)]


def _foot(stack: SliceStack, view: SliceView, *, hatched: bool) -> str:
    """Return what a reader must know about every slice."""
    if stack.position_unit != "mm":
        sides = "The source tells no sides."
    elif view.left_is_left:
        sides = "Left is left."
    else:
        sides = "Left is right (radiological convention)."
    parts = [sides, "Each slice in its own plane."]
    if hatched:
        parts.append("Hatched: padding, not scanned.")
    return " ".join([*parts, view.note]).strip()


def _foot_lines(foot: str, page: _Page) -> tuple[str, ...]:
    px = page.view.scale
    return wrap(foot, width=page.width - 2 * MARGIN * px, size=FOOT * px)


def _foot_words(foot: str, *, page: _Page) -> list[Words]:
    px = page.view.scale
    return [
        Words(
            text=line,
            x=MARGIN * px,
            y=page.bottom + FOOT * (1 + k * LINE) * px,
            size=FOOT * px,
            colour=FAINT,
        )
        for k, line in enumerate(_foot_lines(foot, page))
    ]
