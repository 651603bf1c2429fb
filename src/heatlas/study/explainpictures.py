"""Pictures of explanations: maps over the windowed slice that they explain, as it was acquired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.heatmap import HeatMap
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
from heatlas.study.overlay import CT_VIEW, Look, lay_over

DOTS_PER_INCH = 96.0
ONE_PX, PANEL_PX, WIDEST_PX = 760, 330, 1320
Grey = NDArray[np.float32]


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

    scene = _scene(found, [found.main], width_px=ONE_PX, note=found.verdict)
    drawn = _drawn(found.provenance)
    svg = embed_svg(render_svg(scene), provenance=drawn, caption=found.caption)
    return _png(scene, provenance=drawn, caption=found.caption), svg.encode()


def main_figure(found: ModelExplanation) -> Figure:
    """Return the main map as a figure of a page."""
    scene = _scene(found, [found.main], width_px=ONE_PX, note=found.verdict)
    return _figure(scene, name="explanation", caption=found.caption, provenance=found.provenance)


def view_figure(found: ModelExplanation, view: ExplainedView) -> Figure:
    """Return one explained slice as a figure of a page.

    Parameters
    ----------
    found : ModelExplanation
        What was found.
    view : ExplainedView
        One of its views.

    Returns
    -------
    Figure
        The map over its slice.
    """
    scene = _scene(found, [view], width_px=ONE_PX, note=view.card.verdict)
    name = f"explanation-{view.number}-{view.explanation.method}"
    caption = f"{view.explanation.caption} ({view.place}). {view.card.verdict}"
    return _figure(scene, name=name, caption=caption, provenance=found.provenance)


def methods_figure(found: ModelExplanation, *, truth: Volume | None = None) -> Figure:
    """Return the main view by every method, side by side over the same slice.

    Parameters
    ----------
    found : ModelExplanation
        What was found.
    truth : Volume, optional
        A mask on the grid of the slices that stands beside the maps.

    Returns
    -------
    Figure
        Each map with its own colour bar: their values have different units.
    """
    views = [found.main, *found.others]
    caption = (
        f"The decision on {found.main.place} by {len(views)} methods; each has values of its own "
        "kind, so the colours of two maps cannot be compared."
    )
    width = min(max(PANEL_PX * len(views), ONE_PX), WIDEST_PX)
    scene = _scene(found, views, width_px=width, note=caption)
    return _figure(scene, name="methods", caption=caption, provenance=found.provenance)


def slice_volume(stack: SliceStack, values: Grey, *, number: int, name: str = "") -> Volume:
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

    Returns
    -------
    Volume
        As acquired: nothing is interpolated.
    """
    kept = slice(number - 1, number)
    alone = replace(
        stack,
        values=values[None],
        corners_mm=stack.corners_mm[kept],
        row_steps_mm=stack.row_steps_mm[kept],
        column_steps_mm=stack.column_steps_mm[kept],
        name=name,
    )
    return sheared_volume(alone)


def heat_map_of_view(found: ModelExplanation, view: ExplainedView) -> HeatMap:
    """Return an explained view as a heat map, signed, its colours symmetric about 0."""
    ct = _ct(found, number=view.number)
    return lay_over(ct, _stat_map(found, view), look=Look(title=_title(view)))[0]


def _scene(
    found: ModelExplanation, views: Sequence[ExplainedView], *, width_px: int, note: str
) -> Scene:
    ct = _ct(found, number=views[0].number)
    panels = [
        lay_over(ct, _stat_map(found, view), look=Look(title=_title(view)))[0] for view in views
    ]
    asked: View = replace(
        CT_VIEW, width_px=width_px, captions=len(views) == 1, note=note, scale=2.0
    )
    if views[0].number == WHOLE_VOLUME:
        asked = replace(asked, kind="ortho")
    return compile_scene(panels, asked, background=ct)


def _ct(found: ModelExplanation, *, number: int) -> WindowedVolume:
    """Return what lies beneath: the slice as acquired, or the volume."""
    window, scan = found.shown.window, found.scan
    volume = scan.volume
    if number != WHOLE_VOLUME:
        volume = slice_volume(scan.slices, scan.slices.values[number - 1], number=number)
    return WindowedVolume(
        volume=volume, low=window.low, high=window.high, words=window.words, unit=window.unit
    )


def _stat_map(found: ModelExplanation, view: ExplainedView) -> StatMap:
    method = METHODS[view.explanation.method]
    if view.number == WHOLE_VOLUME:
        volume = Volume(values=view.values, grid=found.scan.volume.grid)
    else:
        volume = slice_volume(found.scan.slices, view.values, number=view.number)
    mask = Mask(space=volume.grid, inside=np.isfinite(volume.values), words="what the network saw")
    about = f"class {view.explanation.class_index}" if method.of_class else "any class"
    return StatMap(
        values=mask.gather(volume.values),
        mask=mask,
        kind="value",
        quantity=f"{method.title}, evidence for {about}",
        contrast=_title(view),
        provenance=found.provenance,
    )


def _title(view: ExplainedView) -> str:
    return f"{METHODS[view.explanation.method].title}: {view.card.standing}"


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
