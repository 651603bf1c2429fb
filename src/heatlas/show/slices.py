"""Slices as pictures: a mosaic or three orthogonal planes, as pixels or as vector graphics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heatlas.core.heatmap import HeatMap
from heatlas.core.volume import Volume
from heatlas.show.compile import compile_scene
from heatlas.show.publish import render_svg
from heatlas.show.raster import render
from heatlas.show.view import View


def draw_png_pixels(
    panels: Sequence[HeatMap], *, view: View | None = None, background: Volume | None = None
) -> NDArray[np.uint8]:
    """Return heat maps as pixels.

    Parameters
    ----------
    panels : sequence of HeatMap
        From left to right; neighbours with equal scale share one colour bar.
    view : View, optional
        What is looked at; the default is a mosaic.
    background : Volume, optional
        Anatomy beneath the maps.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    return render(compile_scene(panels, view, background=background))


def draw_svg(
    panels: Sequence[HeatMap], *, view: View | None = None, background: Volume | None = None
) -> str:
    """Return heat maps as SVG: words and outlines as vectors, slices as embedded images.

    Parameters
    ----------
    panels, view, background
        As of :func:`draw_png_pixels`.

    Returns
    -------
    str
        The document; equal input gives equal text.
    """
    return render_svg(compile_scene(panels, view, background=background))
