"""Where panels, slices, bars and words go on the canvas; nothing is drawn or gathered here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heatlas.show.lettering import wrap
from heatlas.show.planes import Cut
from heatlas.show.view import Axis, View

# Sizes in pixels at scale 1.
MARGIN = 22
PANEL_GAP = 30
TILE_GAP = 9
LABEL_ROW = 20
BAR_GAP = 16
BAR_WIDTH = 16
MAX_TILE = 430
MAX_STORED = 640  # longest edge of a stored slice, which is shown voxel by voxel
MIN_PANEL = 330  # narrowest panel of stored slices: captions need some width
MIN_BAR, MAX_BAR = 150, 300
LEGEND_TOP, LEGEND_LINE = 30, 16
PANELS_PER_ROW = 4
ORTHO_ROW = 520  # a panel that is narrower puts its three planes in two rows
HEADING, TITLE, BADGE, LABEL, CAPTION, FOOT = 19, 15, 12.5, 11, 12, 10.5
LINE = 1.42  # line height in sizes


@dataclass(frozen=True)
class Group:
    """Neighbouring panels that share a colour bar, and the room that it takes."""

    panels: tuple[int, ...]
    bar_width: float
    legend_lines: int = 0


@dataclass(frozen=True)
class TileBox:
    """Where one slice lies, what it cuts, and the room for the words under it."""

    axis: Axis
    position_mm: float
    left: int
    top: int
    width: int
    height: int
    words_left: int
    words_width: int
    number: int | None = None


@dataclass(frozen=True)
class PanelBox:
    """Where one panel lies: its words and its slices."""

    left: int
    top: int
    width: int
    height: int
    tiles_top: int
    tiles_height: int
    caption_top: int
    title_lines: tuple[str, ...]
    caption_lines: tuple[str, ...]
    tiles: tuple[TileBox, ...]


@dataclass(frozen=True)
class BarBox:
    """Where one colour bar lies and which panels it serves."""

    left: int
    top: int
    height: int
    panels: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The whole canvas."""

    width: int
    height: int
    heading_lines: tuple[str, ...]
    foot_top: int
    foot_lines: tuple[str, ...]
    panels: tuple[PanelBox, ...]
    bars: tuple[BarBox, ...]


@dataclass(frozen=True)
class Wording:
    """What a panel says: a heading, whether a line about survivors follows, and its caption."""

    title: str
    has_badge: bool
    caption: str


def arrange(
    wording: Sequence[Wording],
    *,
    groups: Sequence[Group],
    cuts: Sequence[Sequence[Cut]],
    view: View,
    foot: str,
    pitch_mm: float | None = None,
) -> Layout:
    """Return where everything goes.

    Parameters
    ----------
    wording : sequence of Wording
        One entry a panel.
    groups : sequence of Group
        Neighbouring panels that share a colour bar, in order.
    cuts : sequence of sequences of Cut
        Rows of slices, from top to bottom.
    view : View
        Width, scale and kind.
    foot : str
        The line under everything.
    pitch_mm : float, optional
        Distance of voxels within stored slices: a voxel takes a whole number of pixels where
        there is room, and the canvas is no wider than they need.

    Returns
    -------
    Layout
        Whole pixels.
    """
    px = view.scale
    rows = _rows(groups)
    width = round(view.width_px * px)
    panel_width = _panel_width(rows, width=width, px=px)
    tiles = _tiles(cuts, width=panel_width, view=view, pitch_mm=pitch_mm)
    if pitch_mm is not None:
        needed = max(max(tile.left + tile.width for tile in tiles), round(MIN_PANEL * px))
        panel_width = min(panel_width, needed)
        width = min(width, round(_row_width(rows, panel_width, px=px)))
    heading = wrap(view.title, width=width - 2 * MARGIN * px, size=HEADING * px, bold=True)
    top = MARGIN * px + len(heading) * HEADING * LINE * px
    panels: list[PanelBox] = []
    bars: list[BarBox] = []
    for row in rows:
        words = [wording[index] for group in row for index in group.panels]
        boxes = _row_boxes(words, tiles=tiles, top=top, width=panel_width, px=px)
        boxes = _with_room_for_bars(boxes, row, px=px)
        placed, served = _place(row, boxes, px=px)
        panels += placed
        bars += served
        top = max(box.top + box.height for box in placed) + PANEL_GAP * px
    top -= (PANEL_GAP - 12) * px
    foot_lines = wrap(foot, width=width - 2 * MARGIN * px, size=FOOT * px)
    height = round(top + len(foot_lines) * FOOT * LINE * px + MARGIN * 0.6 * px)
    return Layout(width, height, heading, round(top), foot_lines, tuple(panels), tuple(bars))


def _rows(groups: Sequence[Group]) -> list[list[Group]]:
    """Break the groups into rows of panels; a group that is broken has a bar in each row."""
    rows: list[list[Group]] = [[]]
    for group in groups:
        rest = group.panels
        while rest:
            room = PANELS_PER_ROW - sum(len(other.panels) for other in rows[-1])
            if room == 0:
                rows.append([])
                continue
            rows[-1].append(replace(group, panels=rest[:room]))
            rest = rest[room:]
    return rows


def _panel_width(rows: list[list[Group]], *, width: int, px: float) -> int:
    """Return the width of a panel, the same in all rows: that of the fullest row."""
    room = [(width - _beside(row, px=px)) / sum(len(g.panels) for g in row) for row in rows]
    return max(int(min(room)), 24)


def _row_width(rows: list[list[Group]], panel_width: int, *, px: float) -> float:
    """Return the width of the widest row."""
    return max(
        sum(len(group.panels) for group in row) * panel_width + _beside(row, px=px) for row in rows
    )


def _beside(row: list[Group], *, px: float) -> float:
    """Return what a row needs beside its panels: bars, gaps and margins."""
    panels = sum(len(group.panels) for group in row)
    bars = sum(group.bar_width + BAR_GAP * px for group in row)
    return bars + (panels - 1) * PANEL_GAP * px + 2 * MARGIN * px


def _tiles(
    cuts: Sequence[Sequence[Cut]], *, width: int, view: View, pitch_mm: float | None
) -> tuple[TileBox, ...]:
    """Return the slices of a panel whose corner is (0, 0)."""
    px = view.scale
    is_ortho = view.kind == "ortho"
    rows = _broken(cuts, one_row=width >= ORTHO_ROW * px) if is_ortho else cuts
    per_mm = _pixels_per_mm(rows, width=width, view=view, pitch_mm=pitch_mm)
    boxes: list[TileBox] = []
    top = 0.0
    for row in rows:
        sizes = [_tile_size(cut, per_mm=per_mm) for cut in row]
        tallest = max(height for _, height in sizes)
        cell = _cell_mm(rows) * per_mm + TILE_GAP * px
        left = 0.0
        for cut, (wide, high) in zip(row, sizes, strict=True):
            # Cells of a mosaic stand in columns; the three planes of an ortho view on a line.
            room = wide if is_ortho else cell - TILE_GAP * px
            place = (round(left + (room - wide) / 2), round(top + tallest - high))
            words = (round(left), round(room))
            box = TileBox(cut.axis, cut.position_mm, *place, wide, high, *words, cut.number)
            boxes.append(box)
            left += wide + 3 * TILE_GAP * px if is_ortho else cell
        top += tallest + (LABEL_ROW + TILE_GAP) * px
    return tuple(boxes)


def _broken(cuts: Sequence[Sequence[Cut]], *, one_row: bool) -> Sequence[Sequence[Cut]]:
    """Return the planes of an ortho view in one row, or in two where it is narrow."""
    planes = [cut for row in cuts for cut in row]
    return [planes] if one_row or len(planes) < 3 else [planes[:2], planes[2:]]


def _pixels_per_mm(
    rows: Sequence[Sequence[Cut]], *, width: int, view: View, pitch_mm: float | None
) -> float:
    """Return one scale for all slices, so that they can be compared."""
    px = view.scale
    longest = max(max(cut.across_mm, cut.up_mm) for row in rows for cut in row)
    if view.kind == "ortho":
        return min(
            MAX_TILE * px / longest,
            *(
                (width - 3 * (len(row) - 1) * TILE_GAP * px) / sum(cut.across_mm for cut in row)
                for row in rows
            ),
        )
    n = max(map(len, rows))
    room = (width - (n - 1) * TILE_GAP * px) / (n * _cell_mm(rows))
    if pitch_mm is None:
        return min(room, MAX_TILE * px / longest)
    whole = int(min(room, MAX_STORED * px / longest) * pitch_mm + 1e-6)
    return whole / pitch_mm if whole >= 1 else min(room, 1 / pitch_mm)


def _cell_mm(rows: Sequence[Sequence[Cut]]) -> float:
    """Return the widest slice of a mosaic in mm."""
    return max(cut.across_mm for row in rows for cut in row)


def _tile_size(cut: Cut, *, per_mm: float) -> tuple[int, int]:
    return max(round(cut.across_mm * per_mm), 1), max(round(cut.up_mm * per_mm), 1)


def _row_boxes(
    words: Sequence[Wording], *, tiles: tuple[TileBox, ...], top: float, width: int, px: float
) -> list[PanelBox]:
    """Return the panels of one row, all at the left edge, their slices on one line."""
    titles = [wrap(w.title, width=width, size=TITLE * px, bold=True) for w in words]
    captions = [wrap(w.caption, width=width, size=CAPTION * px) for w in words]
    head = max(len(lines) for lines in titles) * TITLE * LINE * px
    head += BADGE * LINE * px if any(w.has_badge for w in words) else 0
    head += 6 * px if head else 0
    tiles_height = max(tile.top + tile.height for tile in tiles)
    caption_top = top + head + tiles_height + (LABEL_ROW + 8) * px
    tail = max(len(lines) for lines in captions) * CAPTION * LINE * px
    bottom = caption_top + tail
    return [
        PanelBox(
            left=0,
            top=round(top),
            width=width,
            height=round(bottom - top),
            tiles_top=round(top + head),
            tiles_height=tiles_height,
            caption_top=round(caption_top),
            title_lines=title,
            caption_lines=caption,
            tiles=tiles,
        )
        for title, caption in zip(titles, captions, strict=True)
    ]


def _place(
    row: list[Group], boxes: list[PanelBox], *, px: float
) -> tuple[list[PanelBox], list[BarBox]]:
    """Put the panels of a row side by side, each group followed by its bar."""
    left = MARGIN * px
    placed: list[PanelBox] = []
    bars: list[BarBox] = []
    for group in row:
        for _ in group.panels:
            placed.append(_moved(boxes[len(placed)], left=round(left)))
            left += placed[-1].width + PANEL_GAP * px
        left += (BAR_GAP - PANEL_GAP) * px
        last = placed[-1]
        height = _bar_height(last, px=px)
        bars.append(BarBox(round(left), last.tiles_top, height, group.panels))
        left += group.bar_width + PANEL_GAP * px
    return placed, bars


def _bar_height(box: PanelBox, *, px: float) -> int:
    return round(min(max(0.72 * box.tiles_height, MIN_BAR * px), MAX_BAR * px))


def _with_room_for_bars(boxes: list[PanelBox], row: list[Group], *, px: float) -> list[PanelBox]:
    """Return the panels of a row, as high as the longest bar with its legend at least."""
    lines = max(group.legend_lines for group in row)
    needed = _bar_height(boxes[0], px=px) + (LEGEND_TOP + LEGEND_LINE * lines) * px
    bottom = max(boxes[0].tiles_top + needed, boxes[0].top + boxes[0].height)
    return [replace(box, height=round(bottom - box.top)) for box in boxes]


def _moved(box: PanelBox, *, left: int) -> PanelBox:
    """Return a panel at its place, with its slices moved along."""
    tiles = tuple(
        replace(
            tile,
            left=tile.left + left,
            top=tile.top + box.tiles_top,
            words_left=tile.words_left + left,
        )
        for tile in box.tiles
    )
    return replace(box, left=left, tiles=tiles)
