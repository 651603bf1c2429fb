"""From heat maps and a view to a scene: the one path that every picture takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.heatmap import HeatMap
from heatlas.core.volume import Volume
from heatlas.show.bars import OUTLINE_DASH, bar_groups, bar_words, make_bar, opacity_of
from heatlas.show.layout import (
    BADGE,
    CAPTION,
    FOOT,
    HEADING,
    LABEL,
    LINE,
    MARGIN,
    TITLE,
    Layout,
    PanelBox,
    TileBox,
    Wording,
    arrange,
)
from heatlas.show.lettering import text_width
from heatlas.show.outline import trace
from heatlas.show.planes import (
    Backdrop,
    Field,
    Raster,
    field_of_view,
    gather_background,
    gather_elements,
    mosaic_cuts,
    peak_position,
    prepare_background,
    show_small_survivors,
    silhouette,
)
from heatlas.show.scene import Panel, Path, Scene, Tile, Words
from heatlas.show.view import AXES, Axis, View

ORTHO_ORDER: tuple[Axis, ...] = ("y", "x", "z")
CROSS_HAIR_GAP = 7
SMALLEST, SMALLEST_WITH_SIDE = 6.5, 9.5


def compile_scene(
    panels: Sequence[HeatMap],
    view: View | None = None,
    *,
    background: Volume | Backdrop | None = None,
) -> Scene:
    """Return the scene of one or more heat maps.

    Parameters
    ----------
    panels : sequence of HeatMap
        From left to right. Neighbours with equal colour scale and fade share one bar.
    view : View, optional
        What is looked at; the default is a mosaic.
    background : Volume or Backdrop, optional
        Anatomy beneath the maps, such as a template, or one whose greys are decided already
        (:func:`heatlas.show.planes.windowed_background`); without one the mask's shape is drawn
        grey.

    Returns
    -------
    Scene
        Plain numbers, ready for pixels or vectors.

    Raises
    ------
    DataError
        If there is no panel.

    Notes
    -----
    Each pixel shows the nearest voxel of the map and the linearly interpolated background. Memory
    grows with the number of pixels (about 60 bytes each while a slice is gathered), not with the
    size of the maps.
    """
    panels = tuple(panels)
    if not panels:
        raise DataError("There is no heat map to draw.")
    view = view or View()
    backdrop = prepare_background(background) if isinstance(background, Volume) else background
    field = field_of_view([panel.shown.mask for panel in panels], backdrop)
    cuts = _cuts(panels, view)
    layout = arrange(
        [_wording(panel, view) for panel in panels],
        groups=bar_groups(panels, px=view.scale),
        cuts=cuts,
        field=field,
        view=view,
        foot=_foot(panels, view),
    )
    return _fill(panels, layout=layout, field=field, backdrop=backdrop, view=view)


def _fill(
    panels: tuple[HeatMap, ...],
    *,
    layout: Layout,
    field: Field,
    backdrop: Backdrop | None,
    view: View,
) -> Scene:
    """Gather what every box of the layout shows."""
    cut = _Cutter(field, backdrop, view)
    drawn = [cut.panel(p, box=box) for p, box in zip(panels, layout.panels, strict=True)]
    bars = [make_bar(panels, box=box, view=view) for box in layout.bars]
    words, paths = _page_words(layout, view), [path for panel in drawn for path in panel[1]]
    for heat_map, box in zip(panels, layout.panels, strict=True):
        words += _panel_words(heat_map, box, view=view)
    words += _all_tile_words(panels[0], layout, view=view)
    for bar in bars:
        bar_text, bar_paths = bar_words(bar, panels, view=view)
        words += bar_text
        paths += bar_paths
    return Scene(
        width=layout.width,
        height=layout.height,
        scale=view.scale,
        page=view.palette.page,
        panels=tuple(panel[0] for panel in drawn),
        bars=tuple(bars),
        paths=tuple(paths),
        words=tuple(words),
        title=view.title or "; ".join(dict.fromkeys(p.title for p in panels if p.title)),
    )


def _cuts(panels: Sequence[HeatMap], view: View) -> Mapping[Axis, tuple[float, ...]]:
    if view.kind == "mosaic":
        return mosaic_cuts(panels, view)
    position = view.position_mm or peak_position(panels)
    return {axis: (round(position[AXES.index(axis)], 3),) for axis in ORTHO_ORDER}


def _wording(panel: HeatMap, view: View) -> Wording:
    caption = panel.caption() if view.captions else ""
    return Wording(title=panel.title, has_badge=panel.threshold.judges, caption=caption)


def _foot(panels: Sequence[HeatMap], view: View) -> str:
    """Return what a reader must know about every panel."""
    side = "Left is left" if view.left_is_left else "Left is right (radiological convention)"
    words = f"{side}. Each pixel shows the nearest voxel."
    if any(panel.threshold.judges for panel in panels):
        words += " Evidence below the threshold is faded, not hidden; what survives is outlined."
    return f"{words} {view.note}".rstrip()


@dataclass(frozen=True)
class _Cutter:
    """Cuts slices; a slice at one place and size is cut once for all panels."""

    field: Field
    backdrop: Backdrop | None
    view: View
    greys: dict[object, NDArray[np.uint8]] = dataclass_field(default_factory=dict)
    elements: dict[object, NDArray[np.int32]] = dataclass_field(default_factory=dict)

    def panel(self, heat_map: HeatMap, *, box: PanelBox) -> tuple[Panel, list[Path]]:
        """Return a panel with its slices, and the outlines on them."""
        tiles = [self._tile(heat_map, tile) for tile in box.tiles]
        paths = [path for tile in tiles for path in _outlines(heat_map, tile, view=self.view)]
        if self.view.kind == "ortho":
            paths += [path for tile in box.tiles for path in self._cross_hair(tile, box)]
        panel = Panel(
            title=heat_map.title,
            caption=heat_map.caption(),
            left=box.left,
            top=box.top,
            width=box.width,
            height=box.height,
            values=heat_map.shown.values,
            opacity=opacity_of(heat_map),
            scale=heat_map.scale,
            tiles=tuple(tiles),
            judged=heat_map.threshold.judges,
        )
        return panel, paths

    def _tile(self, heat_map: HeatMap, box: TileBox) -> Tile:
        raster = self._raster(box)
        place = (box.axis, box.position_mm, box.width, box.height)
        mask = heat_map.shown.mask
        key = (id(mask), *place)
        if key not in self.elements:
            self.elements[key] = gather_elements(raster, mask)
        elements = show_small_survivors(self.elements[key], raster=raster, heat_map=heat_map)
        if self.backdrop is None:
            grey = silhouette(elements, view=self.view)
        elif place in self.greys:
            grey = self.greys[place]
        else:
            grey = gather_background(raster, self.backdrop, view=self.view)
            self.greys[place] = grey
        return Tile(
            axis=box.axis,
            position_mm=box.position_mm,
            left=box.left,
            top=box.top,
            elements=elements,
            grey=grey,
        )

    def _raster(self, box: TileBox) -> Raster:
        mirrored = not self.view.left_is_left and box.axis != "x"
        return Raster(box.axis, box.position_mm, self.field, box.width, box.height, mirrored)

    def _cross_hair(self, tile: TileBox, box: PanelBox) -> list[Path]:
        """Return two thin lines through the position, open around it."""
        position = np.empty(3)
        for plane in box.tiles:
            position[AXES.index(plane.axis)] = plane.position_mm
        x, y = (self._raster(tile).to_pixels(position) + (tile.left, tile.top)).tolist()
        gap = CROSS_HAIR_GAP * self.view.scale
        ends = [
            ((tile.left, y), (x - gap, y)),
            ((x + gap, y), (tile.left + tile.width, y)),
            ((x, tile.top), (x, y - gap)),
            ((x, y + gap), (x, tile.top + tile.height)),
        ]
        colour = self.view.palette.faint
        width = 0.8 * self.view.scale
        return [
            Path(points=np.array(pair), colour=colour, width=width, role="cross-hair")
            for pair in ends
        ]


def _outlines(heat_map: HeatMap, tile: Tile, *, view: View) -> list[Path]:
    """Return the borders of what survives on a slice: solid for +, dashed for -."""
    if not heat_map.threshold.judges:
        return []
    paths = []
    dash = tuple(length * view.scale for length in OUTLINE_DASH)
    tails = (
        ("outline +", heat_map.survives_positive, ()),
        ("outline -", heat_map.survives_negative, dash),
    )
    for role, survives, pattern in tails:
        if not survives.any():
            continue
        region = np.append(survives, False)[tile.elements]
        paths += [
            Path(
                points=loop + (tile.left, tile.top),
                colour=view.palette.ink,
                width=max(round(view.scale), 1),
                closed=True,
                dash=pattern,
                role=role,
            )
            for loop in trace(region)
        ]
    return paths


def _page_words(layout: Layout, view: View) -> list[Words]:
    px, palette = view.scale, view.palette
    words = [
        Words(
            text=line,
            x=MARGIN * px,
            y=(MARGIN + HEADING * (0.8 + k * LINE)) * px,
            size=HEADING * px,
            colour=palette.ink,
            bold=True,
        )
        for k, line in enumerate(layout.heading_lines)
    ]
    words += [
        Words(
            text=line,
            x=MARGIN * px,
            y=layout.foot_top + FOOT * (1 + k * LINE) * px,
            size=FOOT * px,
            colour=palette.faint,
        )
        for k, line in enumerate(layout.foot_lines)
    ]
    return words


def _panel_words(heat_map: HeatMap, box: PanelBox, *, view: View) -> list[Words]:
    """Return the title, what survives, and the caption."""
    px, palette = view.scale, view.palette
    words, y = [], float(box.top)
    for line in box.title_lines:
        words.append(
            Words(
                text=line,
                x=box.left,
                y=y + TITLE * px,
                size=TITLE * px,
                colour=palette.ink,
                bold=True,
            )
        )
        y += TITLE * LINE * px
    if heat_map.threshold.judges:
        words.append(_badge(heat_map, box, y=y, view=view))
    for k, line in enumerate(box.caption_lines):
        y = box.caption_top + CAPTION * (1 + k * LINE) * px
        words.append(Words(text=line, x=box.left, y=y, size=CAPTION * px, colour=palette.ink))
    return words


def _badge(heat_map: HeatMap, box: PanelBox, *, y: float, view: View) -> Words:
    """Return the line that says how much survives, heavy where nothing does."""
    px = view.scale
    none = heat_map.threshold.n_surviving == 0
    text = heat_map.survivors_words()
    return Words(
        text=text if none else f"{text} survive{'s' * (heat_map.threshold.n_surviving == 1)}",
        x=box.left,
        y=y + BADGE * px,
        size=BADGE * px,
        colour=view.palette.ink if none else view.palette.faint,
        bold=none,
    )


def _all_tile_words(panel: HeatMap, layout: Layout, *, view: View) -> list[Words]:
    """Return the words under all slices, in one size: the largest at which all of them fit."""
    unit = " mm" if panel.shown.mask.grid.unit == "mm" else ""
    tiles = [tile for box in layout.panels for tile in box.tiles]
    texts = [_tile_text(tile, unit=unit) for tile in tiles]
    room = min(tile.words_width for tile in tiles)
    size = _fitting_size(texts, room=room, px=view.scale)
    if size < SMALLEST_WITH_SIDE * view.scale:
        # The sign of x says the side as well.
        texts = [text.partition(" (")[0] for text in texts]
        size = _fitting_size(texts, room=room, px=view.scale)
    return [
        word
        for tile, text in zip(tiles, texts, strict=True)
        for word in _tile_words(tile, text, size=size, view=view)
    ]


def _fitting_size(texts: Sequence[str], *, room: int, px: float) -> float:
    """Return the largest size at which each text and two letters fit."""
    size = LABEL * px
    while size > SMALLEST * px and any(text_width(f"M {t} M", size=size) > room for t in texts):
        size -= 0.5 * px
    return size


def _tile_text(tile: TileBox, *, unit: str) -> str:
    text = f"{tile.axis} = {_position_words(tile.position_mm)}{unit}"
    if tile.axis == "x" and abs(tile.position_mm) >= 0.05:
        text += " (L)" if tile.position_mm < 0 else " (R)"
    return text


def _tile_words(tile: TileBox, text: str, *, size: float, view: View) -> list[Words]:
    """Return the position under a slice, and beside it the side at which each end lies."""
    palette = view.palette
    ends = ("P", "A") if tile.axis == "x" else ("L", "R")
    if tile.axis != "x" and not view.left_is_left:
        ends = ("R", "L")
    # The letters stand under the edges of the slice, further apart only where it is too small.
    middle = tile.words_left + tile.words_width / 2
    half = max(tile.width, text_width(f"M {text} M", size=size)) / 2
    y = tile.top + tile.height + LABEL * 1.25 * view.scale
    colour = palette.faint if tile.axis == "x" else palette.ink
    letters = [
        Words(
            text=letter, x=x, y=y, size=size, colour=colour, bold=True,
            align="left" if x < middle else "right",
        )
        for letter, x in zip(ends, (middle - half, middle + half), strict=True)
    ]  # fmt: skip
    position = Words(text=text, x=middle, y=y, size=size, colour=palette.ink, align="centre")
    return [position, *letters]


def _position_words(mm: float) -> str:
    rounded = round(mm, 1) + 0.0  # no negative zero
    return f"{rounded:.1f}".removesuffix(".0").replace("-", "−")
