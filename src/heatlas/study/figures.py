"""The pictures of a run: drawn once, kept as PNG for the page and as SVG for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import shared_scale
from heatlas.core.errors import DataError
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.page import Figure
from heatlas.core.provenance import Provenance
from heatlas.core.validate import set_field
from heatlas.core.value import Value, freeze
from heatlas.io.picture import embed_svg, png_bytes, webp_bytes
from heatlas.show.slices import draw_png_pixels, draw_svg
from heatlas.show.view import View
from heatlas.study.backdrop import Background
from heatlas.study.findings import JudgedAnalysis, JudgedContrast

MOSAIC = View(kind="mosaic", width_px=1000, scale=1.2)
ORTHO = View(kind="ortho", width_px=800)
MEANS = View(kind="mosaic", axes=("z", "y"), n_slices=2, width_px=1000, scale=1.2)
PAIR = View(kind="mosaic", axes=("z", "y"), n_slices=3, width_px=1000, scale=1.2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing(Value):
    """A picture to be drawn; it can travel to a worker.

    Parameters
    ----------
    name : str
        File stem in the results' ``figures`` folder.
    panels : tuple of HeatMap
        From left to right.
    view : View
        What is looked at.
    background : Background
        Anatomy beneath.
    vector : bool
        Whether an SVG is wanted beside the PNG.
    """

    name: str
    panels: tuple[HeatMap, ...]
    view: View
    background: Background
    vector: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn(Value):
    """A finished picture.

    Parameters
    ----------
    figure : Figure
        For the page, which says the caption itself.
    files : mapping of str to bytes
        For the folder, by file name: PNG, and SVG where wanted, each with its caption in the
        picture and its provenance inside.
    """

    figure: Figure
    files: Mapping[str, bytes]

    def __post_init__(self) -> None:
        """Freeze the files."""
        set_field(self, "files", to=freeze(self.files))


def contrast_drawings(
    analysis: JudgedAnalysis, judged: JudgedContrast, *, background: Background
) -> tuple[Drawing, ...]:
    """Return the drawings of a contrast: mosaic, planes through its peak, and group means.

    Parameters
    ----------
    analysis : JudgedAnalysis
        The analysis that the contrast belongs to.
    judged : JudgedContrast
        What is drawn.
    background : Background
        Anatomy beneath.

    Returns
    -------
    tuple of Drawing
        The third one only where the contrast compares two means.
    """
    stem = f"{analysis.name}_{judged.contrast.name}"
    drawings = [
        Drawing(
            name=f"{stem}_mosaic",
            panels=(judged.heat_map,),
            view=MOSAIC,
            background=background,
            vector=True,
        ),
        Drawing(
            name=f"{stem}_peak",
            panels=(judged.heat_map,),
            view=_peak_view(judged),
            background=background,
        ),
    ]
    if judged.effect is not None and judged.effect.kind == "difference" and judged.means:
        panels = mean_panels(judged)
        drawings.append(
            Drawing(name=f"{stem}_means", panels=panels, view=MEANS, background=background)
        )
    return tuple(drawings)


def _peak_view(judged: JudgedContrast) -> View:
    """Return planes through the strongest element that was judged, where nothing survives."""
    k = judged.strongest
    if k is None or judged.threshold.n_surviving:
        return ORTHO
    x, y, z = judged.statistic.mask.positions_mm()[k].tolist()
    return replace(ORTHO, position_mm=(x, y, z))


def mean_panels(judged: JudgedContrast) -> tuple[HeatMap, ...]:
    """Return two group means on one bar, and their difference on a bar of its own."""
    scale = shared_scale(list(judged.means))
    means = [
        heat_map_of(mean, scale=scale, title=f"mean, {mean.contrast}") for mean in judged.means
    ]
    statistic = judged.statistic
    if judged.effect is None:
        raise DataError(f"Contrast '{judged.contrast.name}' has no difference to draw.")
    difference = replace(statistic, values=judged.effect.value, kind="effect", dof=())
    shown = heat_map_of(
        difference,
        threshold=judged.threshold,
        judged=statistic,
        title=f"difference, {judged.contrast.test}",
    )
    return (*means, shown)


def side_by_side(
    name: str,
    contrasts: Sequence[JudgedContrast],
    *,
    titles: Sequence[str],
    background: Background,
) -> Drawing:
    """Return one drawing of several contrasts that ask the same of different models, on one bar."""
    maps = [judged.statistic for judged in contrasts]
    panels = []
    limit = max(float(np.nanmax(np.abs(m.values))) for m in maps)
    for judged, title in zip(contrasts, titles, strict=True):
        scale = shared_scale(maps, threshold=judged.threshold, limit=limit)
        panels.append(replace(judged.heat_map, scale=scale, title=title))
    return Drawing(name=name, panels=tuple(panels), view=PAIR, background=background)


def draw_drawing(drawing: Drawing) -> Drawn:
    """Draw a picture; a top-level function, so that workers can run it."""
    caption = " | ".join(panel.caption() for panel in drawing.panels)
    beneath = drawing.background
    view = replace(drawing.view, note=f"{drawing.view.note} {beneath.sentence}".strip())
    pixels = draw_png_pixels(drawing.panels, view=view, background=beneath.volume)
    bare = draw_png_pixels(
        drawing.panels, view=replace(view, captions=False), background=beneath.volume
    )
    provenance = _provenance(drawing)
    files = {f"{drawing.name}.png": png_bytes(pixels, provenance=provenance, caption=caption)}
    if drawing.vector:
        plain = draw_svg(drawing.panels, view=view, background=beneath.volume)
        svg = embed_svg(plain, provenance=provenance, caption=caption)
        files[f"{drawing.name}.svg"] = svg.encode()
    return Drawn(figure=page_figure(drawing.name, bare, caption=caption), files=files)


def page_figure(
    name: str, pixels: NDArray[np.uint8], *, caption: str, css_scale: float = 1.2
) -> Figure:
    """Return pixels as a figure of a page, whose own provenance covers it.

    Parameters
    ----------
    name : str
        Stem of the name.
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        The picture.
    caption : str
        What is seen.
    css_scale : float
        Pixels per CSS pixel.

    Returns
    -------
    Figure
        Lossless, without metadata, at its size on the page.
    """
    return Figure(
        name=name,
        content=webp_bytes(pixels),
        caption=caption,
        width=round(pixels.shape[1] / css_scale),
        height=round(pixels.shape[0] / css_scale),
        media_type="image/webp",
    )


def _provenance(drawing: Drawing) -> Provenance:
    """Return how the first panel came about, with the drawing as its last step."""
    first = drawing.panels[0]
    settings = {
        "panels": [panel.title or panel.shown.contrast for panel in drawing.panels],
        "view": drawing.view.kind,
        "threshold": [panel.threshold.words for panel in drawing.panels],
        "colours": [panel.scale.table for panel in drawing.panels],
        "background": drawing.background.words,
    }
    return first.shown.provenance.then("draw", parameters=settings)
