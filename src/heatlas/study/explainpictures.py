"""Pictures of explanations: maps over the windowed slice that they explain, as it was acquired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import DIVERGING_DEFAULT, ColourScale, value_faded
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.page import Figure
from heatlas.core.provenance import Provenance
from heatlas.core.slicestack import SliceStack
from heatlas.core.space import Mask
from heatlas.core.statmap import StatMap
from heatlas.core.volume import Volume
from heatlas.geometry.slicestack import sheared_volume
from heatlas.io.picture import embed_svg, png_bytes
from heatlas.learn.saliency import METHODS
from heatlas.show.compile import compile_scene
from heatlas.show.raster import render
from heatlas.show.scene import Scene
from heatlas.show.view import View
from heatlas.show.window import WindowedVolume
from heatlas.study.explain import WHOLE_VOLUME, ExplainedView, ModelExplanation
from heatlas.study.networkimages import mask_of_slice
from heatlas.study.overlay import CT_VIEW, MOST_OPAQUE, Look, lay_over

DOTS_PER_INCH = 96.0
ONE_PX, PANEL_PX, ROOM_PX, MOST_PANELS = 760, 260, 150, 4
SHARE = "share of the map's largest magnitude"
Grey = NDArray[np.float32]
Box = tuple[tuple[int, int], ...]


def explanation_pictures(found: ModelExplanation) -> tuple[bytes, bytes]:
    """Return the main map over its slice as PNG and as SVG, provenance inside.

    Parameters
    ----------
    found : ModelExplanation
        What was found.

    Returns
    -------
    tuple of bytes
        The PNG and the SVG.
    """
    from heatlas.show.publish import render_svg

    scene = _scene_of_one(found, found.main)
    drawn = _drawn(found.provenance)
    svg = embed_svg(render_svg(scene), provenance=drawn, caption=found.caption)
    return _png(scene, provenance=drawn, caption=found.caption), svg.encode()


def view_figure(found: ModelExplanation, view: ExplainedView) -> Figure:
    """Return an explained view as a figure of a page.

    Parameters
    ----------
    found : ModelExplanation
        What was found.
    view : ExplainedView
        One of its views.

    Returns
    -------
    Figure
        The map over its slice, with a colour bar in its own values.
    """
    scene = _scene_of_one(found, view)
    name = f"explanation-{view.number}-{view.explanation.method}"
    return _figure(scene, name=name, caption=_caption(view), provenance=found.provenance)


def methods_figures(
    found: ModelExplanation, *, truth: Volume | None = None, name: str = "methods"
) -> tuple[Figure, ...]:
    """Return the main view by every method over the part of the slice that the network sees.

    Parameters
    ----------
    found : ModelExplanation
        What was found.
    truth : Volume, optional
        Where the truth lies, drawn before the maps; one slice thick, where the slice is.
    name : str
        Stem of the figures' names.

    Returns
    -------
    tuple of Figure
        Up to four panels each, which share one bar: values are shares of each map's own largest
        magnitude, since methods have values of different kinds.
    """
    views = (found.main, *found.others)
    maps = [_stat_map(found, view, as_share=True) for view in views]
    if truth is not None:
        maps.insert(0, _truth_map(found, truth))
    panels = _in_shared_colours(maps)
    rows = [panels[k : k + MOST_PANELS] for k in range(0, len(panels), MOST_PANELS)]
    methods = f"{len(views)} methods" if len(views) > 1 else "one method"
    caption = (
        f"What the decision of network '{found.network.name}' on {found.main.place} rests on, by "
        f"{methods}; P(class {found.main.explanation.class_index}) = "
        f"{found.main.explanation.probability:.2f}. Colours are shares of each map's own largest "
        "magnitude."
    )
    return tuple(
        _figure(
            _scene_of_panels(found, row),
            name=f"{name}-{k + 1}",
            caption=caption,
            provenance=found.provenance,
        )
        for k, row in enumerate(rows)
    )


def slice_volume(
    stack: SliceStack, values: Grey, *, number: int, name: str = "", box: Box = ()
) -> Volume:
    """Return values of one slice as a volume one slice thick, where the slice lies.

    Parameters
    ----------
    stack : SliceStack
        The slices.
    values : numpy.ndarray, shape (rows, columns)
        On the pixels of that slice.
    number : int
        Which, from 1.
    name : str
        What the values are.
    box : tuple of (int, int)
        Rows and columns to keep; all where left out.

    Returns
    -------
    Volume
        As acquired: nothing is interpolated.
    """
    kept = slice(number - 1, number)
    (top, bottom), (left, right) = box or ((0, values.shape[0]), (0, values.shape[1]))
    corner = stack.to_mm(number - 1, np.array([[top, left]], dtype=np.float64))
    alone = replace(
        stack,
        values=values[None, top:bottom, left:right],
        corners_mm=corner,
        row_steps_mm=stack.row_steps_mm[kept],
        column_steps_mm=stack.column_steps_mm[kept],
        name=name,
    )
    return sheared_volume(alone)


# ---------------------------------------------------------------- scenes


def _scene_of_one(found: ModelExplanation, view: ExplainedView) -> Scene:
    ct = _ct(found, number=view.number)
    panel = lay_over(ct, _stat_map(found, view), look=Look(title=_title(view)))[0]
    asked = replace(_view(view.number), width_px=ONE_PX, note=_caption(view))
    return compile_scene([panel], asked, background=ct)


def _scene_of_panels(found: ModelExplanation, panels: Sequence[HeatMap]) -> Scene:
    number = found.main.number
    ct = _ct(found, number=number, box=_box(found))
    asked = replace(_view(number), width_px=PANEL_PX * len(panels) + ROOM_PX)
    return compile_scene(panels, asked, background=ct)


def _view(number: int) -> View:
    if number == WHOLE_VOLUME:
        return replace(CT_VIEW, kind="ortho", captions=False, scale=2.0)
    return replace(CT_VIEW, first_slice=number, captions=False, scale=2.0)


def _ct(found: ModelExplanation, *, number: int, box: Box = ()) -> WindowedVolume:
    """Return what lies beneath: the slice as acquired, or the volume."""
    scan = found.scan
    volume = scan.volume
    if number != WHOLE_VOLUME:
        values = scan.slices.values[number - 1]
        volume = slice_volume(scan.slices, values, number=number, box=box)
    return WindowedVolume(volume=volume, window=found.shown.window)


def _box(found: ModelExplanation) -> Box:
    return found.shown.frame.box if found.main.number != WHOLE_VOLUME else ()


# ---------------------------------------------------------------- heat maps


def _stat_map(found: ModelExplanation, view: ExplainedView, *, as_share: bool = False) -> StatMap:
    """Return a view as a map in space; as shares of its largest magnitude where asked."""
    method, values = METHODS[view.explanation.method], view.values
    about = f"class {view.explanation.class_index}" if method.of_class else "any class"
    quantity = f"{method.title}, evidence for {about}"
    if as_share:
        values = values / (float(np.nanmax(np.abs(values))) or 1.0)
        quantity = SHARE
    box = _box(found) if as_share else ()
    return _in_space(
        found, values, number=view.number, quantity=quantity, title=_title(view), box=box
    )


def _in_space(
    found: ModelExplanation,
    values: Grey,
    *,
    number: int,
    quantity: str,
    title: str,
    box: Box,
) -> StatMap:
    if number == WHOLE_VOLUME:
        volume = Volume(values=values, grid=found.scan.volume.grid)
    else:
        volume = slice_volume(found.scan.slices, values, number=number, box=box)
    mask = Mask(space=volume.grid, inside=np.isfinite(volume.values), words="what the network saw")
    return StatMap(
        values=mask.gather(volume.values),
        mask=mask,
        kind="value",
        quantity=quantity,
        contrast=title,
        provenance=found.provenance,
    )


def _truth_map(found: ModelExplanation, truth: Volume) -> StatMap:
    """Return where the truth lies: 1 inside, 0 outside."""
    number = found.main.number
    inside = mask_of_slice(truth, found.scan.slices, number=number)
    return _in_space(
        found,
        inside.astype(np.float32),
        number=number,
        quantity=SHARE,
        title="The planted lesion",
        box=_box(found),
    )


def _in_shared_colours(maps: Sequence[StatMap]) -> list[HeatMap]:
    """Return maps of shares as heat maps that share one bar, from -1 to 1."""
    scale = ColourScale(
        table=DIVERGING_DEFAULT,
        kind="diverging",
        low=-1.0,
        high=1.0,
        true_low=min(float(m.values.min()) for m in maps),
        true_high=max(float(m.values.max()) for m in maps),
        label=SHARE,
    )
    faded = value_faded(scale, ceiling=MOST_OPAQUE)
    return [heat_map_of(stat_map, scale=faded, title=stat_map.contrast) for stat_map in maps]


# ---------------------------------------------------------------- words and files


def _title(view: ExplainedView) -> str:
    return f"{METHODS[view.explanation.method].title}: {view.card.standing}"


def _caption(view: ExplainedView) -> str:
    return f"{view.explanation.caption} ({view.place}). {view.card.verdict}"


def _drawn(provenance: Provenance) -> Provenance:
    return provenance.then("draw", parameters={"view": CT_VIEW.kind})


def _png(scene: Scene, *, provenance: Provenance, caption: str) -> bytes:
    dpi = DOTS_PER_INCH * scene.scale
    return png_bytes(render(scene), provenance=provenance, caption=caption, dpi=dpi)


def _figure(scene: Scene, *, name: str, caption: str, provenance: Provenance) -> Figure:
    return Figure(
        name=name,
        content=_png(scene, provenance=_drawn(provenance), caption=caption),
        caption=caption,
        width=round(scene.width / scene.scale),
        height=round(scene.height / scene.scale),
    )
