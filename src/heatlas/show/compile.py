"""From heat maps and a view to a scene: the one path that every picture takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.heatmap import HeatMap
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.show.bars import bar_groups, bar_words, make_bar, opacity_of
from heatlas.show.layout import (
    BADGE,
    CAPTION,
    FOOT,
    HEADING,
    LINE,
    MARGIN,
    TITLE,
    Layout,
    PanelBox,
    TileBox,
    Wording,
    arrange,
)
from heatlas.show.markings import outline_paths, scale_bar, tile_words
from heatlas.show.planes import (
    Backdrop,
    Cut,
    Field,
    Raster,
    box_mm,
    field_cut,
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
from heatlas.show.stored import Stack, StoredSlice, stack_of, stored_cuts
from heatlas.show.view import AXES, Axis, View
from heatlas.show.window import WindowedVolume, bright_slices, gather_window, window_field

ORTHO_ORDER: tuple[Axis, ...] = ("y", "x", "z")
CROSS_HAIR_GAP = 7
NOTICEABLE = 0.5  # opacity from which on a map is never cropped by the window's field
TISSUE_GREY = 96  # of soft tissue in a window of its own, under the colour bar
TILTED = 0.5  # degrees: less is not worth a word
PLANE_NAMES = {"x": "sagittal", "y": "coronal", "z": "axial"}


def compile_scene(
    panels: Sequence[HeatMap],
    view: View | None = None,
    *,
    background: Volume | WindowedVolume | None = None,
) -> Scene:
    """Return the scene of one or more heat maps.

    Parameters
    ----------
    panels : sequence of HeatMap
        From left to right. Neighbours with equal colour scale and fade share one bar.
    view : View, optional
        What is looked at; the default is a mosaic.
    background : Volume or WindowedVolume, optional
        Anatomy beneath the maps: a template, whose tissue gives the greys, or an image between
        stated limits, such as CT. Without one the mask's shape is drawn grey.

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
    seen = _seen(panels, view=view, background=background)
    cuts = _cuts(panels, seen)
    layout = arrange(
        [_wording(panel, view) for panel in panels],
        groups=bar_groups(panels, px=view.scale),
        cuts=cuts,
        view=view,
        foot=_foot(panels, seen),
        pitch_mm=None if seen.stack is None else seen.stack.pitch_mm,
    )
    return _fill(panels, layout=layout, cutter=_Cutter(seen), view=view)


@dataclass(frozen=True)
class _Seen:
    """What is looked at: stored slices of a stack, or planes through a field, over a backdrop."""

    view: View
    backdrop: Backdrop | WindowedVolume | None
    field: Field
    stack: Stack | None

    @property
    def windowed(self) -> bool:
        """True where greys run from black to white."""
        return isinstance(self.backdrop, WindowedVolume)


def _seen(
    panels: tuple[HeatMap, ...], *, view: View, background: Volume | WindowedVolume | None
) -> _Seen:
    masks = [panel.shown.mask for panel in panels]
    backdrop = prepare_background(background) if isinstance(background, Volume) else background
    if view.kind == "stored":
        grid = masks[0].grid if backdrop is None else _grid_of(backdrop)
        stack = stack_of(grid, left_is_left=view.left_is_left)
        return _Seen(view, backdrop, Field(np.zeros(3), np.zeros(3)), stack)
    if isinstance(backdrop, WindowedVolume):
        return _Seen(view, backdrop, _window_and_maps(backdrop, panels), None)
    return _Seen(view, backdrop, field_of_view(masks, backdrop), None)


def _grid_of(backdrop: Backdrop | WindowedVolume) -> Grid:
    return backdrop.volume.grid if isinstance(backdrop, WindowedVolume) else backdrop.grid


def _window_and_maps(window: WindowedVolume, panels: tuple[HeatMap, ...]) -> Field:
    """Return the field of a windowed image, wider where a map is noticeable beyond it."""
    field = window_field(window)
    low, high = field.low, field.high
    for panel in panels:
        mask = panel.shown.mask
        noticeable = mask.scatter_grid(opacity_of(panel) >= NOTICEABLE, fill=False)
        if noticeable.any():
            box = box_mm(noticeable.astype(bool), mask.grid)
            low, high = np.minimum(low, box[0]), np.maximum(high, box[1])
    return Field(low=low, high=high)


def _fill(panels: tuple[HeatMap, ...], *, layout: Layout, cutter: _Cutter, view: View) -> Scene:
    """Gather what every box of the layout shows."""
    windowed = cutter.seen.windowed
    drawn = [cutter.panel(p, box=box) for p, box in zip(panels, layout.panels, strict=True)]
    bars = [make_bar(panels, box=box, view=view) for box in layout.bars]
    if windowed:  # the same grey in both themes: beneath lies the image, not the page
        bars = [replace(bar, backdrop=TISSUE_GREY) for bar in bars]
    words, paths = _page_words(layout, view), [path for panel in drawn for path in panel[1]]
    for heat_map, box in zip(panels, layout.panels, strict=True):
        words += _panel_words(heat_map, box, view=view)
        if view.scale_bar and heat_map.shown.mask.grid.unit == "mm":
            tile = box.tiles[0]
            per_mm = tile.width / cutter.across_mm(tile)
            lines, length = scale_bar(tile, pixels_per_mm=per_mm, view=view, windowed=windowed)
            paths, words = [*paths, *lines], [*words, *length]
    words += tile_words(panels[0], layout, view=view, burnt_in=windowed)
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
        tissue=(0, 255) if windowed else None,
    )


def _cuts(panels: tuple[HeatMap, ...], seen: _Seen) -> list[list[Cut]]:
    """Return the slices in rows."""
    view, field = seen.view, seen.field
    if seen.stack is not None:
        along, backdrop = seen.stack.along, seen.backdrop
        among = None
        if isinstance(backdrop, WindowedVolume):
            among = partial(bright_slices, backdrop, along=along)
        return stored_cuts(seen.stack, panels, view=view, among=among)
    if view.kind == "mosaic":
        rows = mosaic_cuts(panels, view, extent=field if seen.windowed else None)
        return [[field_cut(axis, mm, field=field) for mm in rows[axis]] for axis in rows]
    position = view.position_mm or peak_position(panels)
    places = [(axis, round(position[AXES.index(axis)], 3)) for axis in ORTHO_ORDER]
    return [[field_cut(axis, mm, field=field) for axis, mm in places]]


def _wording(panel: HeatMap, view: View) -> Wording:
    caption = panel.caption() if view.captions else ""
    return Wording(title=panel.title, has_badge=panel.threshold.judges, caption=caption)


def _foot(panels: Sequence[HeatMap], seen: _Seen) -> str:
    """Return what a reader must know about every panel."""
    view, backdrop = seen.view, seen.backdrop
    side = "Left is left" if view.left_is_left else "Left is right (radiological convention)"
    words = [f"{side}. Each pixel shows the nearest voxel."]
    if isinstance(backdrop, WindowedVolume):
        words = [f"{side}. {backdrop.sentence} Each pixel shows the nearest voxel of the map."]
    if seen.stack is not None:
        words.append(_stored_words(seen.stack, first=view.first_slice))
    if any(panel.threshold.judges for panel in panels):
        words.append(
            "Evidence below the threshold is faded, not hidden; what survives is outlined."
        )
    if any(panel.scale.ramp == "value" for panel in panels):
        words.append("Opacity is proportional to the magnitude, as on the bar.")
    return " ".join([*words, view.note]).rstrip()


def _stored_words(stack: Stack, *, first: int) -> str:
    alone = stack.n_slices == 1
    words = f"Slices of the image's own grid; {first} is the most {stack.first_side}"
    if alone:
        words = f"Slice {first} of the image's own grid"
    if stack.tilt_degrees < TILTED:
        return f"{words}."
    plane = PLANE_NAMES[stack.axis]
    are, whose = ("It is", "its") if alone else ("They are", "their")
    return (
        f"{words}. {are} tilted by {stack.tilt_degrees:.1f}° against the {plane} plane: "
        f"{stack.axis} is that of {whose} middle."
    )


@dataclass(frozen=True)
class _Cutter:
    """Cuts slices; a slice at one place and size is cut once for all panels."""

    seen: _Seen
    greys: dict[object, NDArray[np.uint8]] = dataclass_field(default_factory=dict)
    elements: dict[object, NDArray[np.int32]] = dataclass_field(default_factory=dict)

    def panel(self, heat_map: HeatMap, *, box: PanelBox) -> tuple[Panel, list[Path]]:
        """Return a panel with its slices, and the outlines on them."""
        tiles = [self._tile(heat_map, tile) for tile in box.tiles]
        view = self.seen.view
        paths = outline_paths(heat_map, tiles, view=view, windowed=self.seen.windowed)
        if view.kind == "ortho":
            paths += [path for tile in box.tiles for path in self._cross_hair(tile, box)]
        panel = Panel(
            title=heat_map.title,
            caption=heat_map.caption(),
            left=box.left,
            top=box.top,
            width=box.width,
            height=box.height,
            values=heat_map.shown.values,
            opacity=_opacity_on(tiles, heat_map),
            scale=heat_map.scale,
            tiles=tuple(tiles),
            judged=heat_map.threshold.judges,
        )
        return panel, paths

    def across_mm(self, box: TileBox) -> float:
        """Return the width of a slice in mm."""
        if self.seen.stack is not None:
            return self.seen.stack.cut(box.number or 0).across_mm
        return field_cut(box.axis, box.position_mm, field=self.seen.field).across_mm

    def _tile(self, heat_map: HeatMap, box: TileBox) -> Tile:
        raster = self._raster(box)
        place = (box.axis, box.position_mm, box.number, box.width, box.height)
        mask = heat_map.shown.mask
        key = (id(mask), *place)
        if key not in self.elements:
            self.elements[key] = gather_elements(raster, mask)
        elements = show_small_survivors(self.elements[key], raster=raster, heat_map=heat_map)
        if self.seen.backdrop is None:
            grey = silhouette(elements, view=self.seen.view)
        else:
            if place not in self.greys:
                self.greys[place] = self._grey(raster)
            grey = self.greys[place]
        for array in (elements, grey):
            array.setflags(write=False)  # so that the tile takes it without a copy
        return Tile(
            axis=box.axis,
            position_mm=box.position_mm,
            left=box.left,
            top=box.top,
            elements=elements,
            grey=grey,
            number=box.number,
        )

    def _grey(self, raster: Raster | StoredSlice) -> NDArray[np.uint8]:
        view, backdrop = self.seen.view, self.seen.backdrop
        if isinstance(backdrop, WindowedVolume):
            return gather_window(raster, backdrop, theme=view.palette)
        if backdrop is None:
            return np.full((raster.height, raster.width), view.palette.page, dtype=np.uint8)
        return gather_background(raster, backdrop, view=view)

    def _raster(self, box: TileBox) -> Raster | StoredSlice:
        seen = self.seen
        if seen.stack is not None and box.number is not None:
            return StoredSlice(seen.stack, box.number, box.width, box.height)
        mirrored = not seen.view.left_is_left and box.axis != "x"
        return Raster(box.axis, box.position_mm, seen.field, box.width, box.height, mirrored)

    def _cross_hair(self, tile: TileBox, box: PanelBox) -> list[Path]:
        """Return two thin lines through the position, open around it."""
        position = np.empty(3)
        for plane in box.tiles:
            position[AXES.index(plane.axis)] = plane.position_mm
        x, y = (self._raster(tile).to_pixels(position) + (tile.left, tile.top)).tolist()
        view = self.seen.view
        gap = CROSS_HAIR_GAP * view.scale
        ends = [
            ((tile.left, y), (x - gap, y)),
            ((x + gap, y), (tile.left + tile.width, y)),
            ((x, tile.top), (x, y - gap)),
            ((x, y + gap), (x, tile.top + tile.height)),
        ]
        colour = view.palette.faint
        width = 0.8 * view.scale
        return [
            Path(points=np.array(pair), colour=colour, width=width, role="cross-hair")
            for pair in ends
        ]


def _opacity_on(tiles: Sequence[Tile], heat_map: HeatMap) -> NDArray[np.float32]:
    """Return the opacity of the elements that some slice shows, 0 for all others.

    A volume has a hundred times as many elements as a picture shows.
    """
    if sum(tile.elements.size for tile in tiles) >= heat_map.shown.mask.size:
        return opacity_of(heat_map)
    shown = np.zeros(heat_map.shown.mask.size, dtype=bool)
    for tile in tiles:
        shown[tile.elements[tile.elements >= 0]] = True
    elements = np.flatnonzero(shown)
    opacity = np.zeros(shown.shape, dtype=np.float32)
    opacity[elements] = opacity_of(heat_map, elements)
    return opacity


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
