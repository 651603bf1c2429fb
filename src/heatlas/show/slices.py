"""Slices as pictures: a mosaic or three orthogonal planes, as pixels or as vector graphics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import colour_table
from heatlas.core.errors import SpaceMismatchError
from heatlas.core.heatmap import HeatMap
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.show.compile import compile_scene
from heatlas.show.planes import IN_PLANE, Field, Raster, box_mm, voxels_of
from heatlas.show.publish import render_svg
from heatlas.show.raster import render
from heatlas.show.view import AXES, Axis, View
from heatlas.show.window import WindowedVolume

THUMBNAIL_ORDER: tuple[Axis, ...] = ("z", "y", "x")
GREY_SHARE = 0.998  # brightest share of the values that a thumbnail lets saturate


def draw_png_pixels(
    panels: Sequence[HeatMap],
    *,
    view: View | None = None,
    background: Volume | WindowedVolume | None = None,
) -> NDArray[np.uint8]:
    """Return heat maps as pixels.

    Parameters
    ----------
    panels : sequence of HeatMap
        From left to right; neighbours with equal scale share one colour bar.
    view : View, optional
        What is looked at; the default is a mosaic.
    background : Volume or WindowedVolume, optional
        Anatomy beneath the maps.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    return render(compile_scene(panels, view, background=background))


def draw_svg(
    panels: Sequence[HeatMap],
    *,
    view: View | None = None,
    background: Volume | WindowedVolume | None = None,
) -> str:
    """Return heat maps as SVG: words and outlines as vectors, slices as embedded images.

    Parameters
    ----------
    panels : sequence of HeatMap
        From left to right.
    view : View, optional
        What is looked at.
    background : Volume or WindowedVolume, optional
        Anatomy beneath the maps.

    Returns
    -------
    str
        The document; equal input gives equal text.
    """
    return render_svg(compile_scene(panels, view, background=background))


def thumbnail(
    values: NDArray[np.floating], grid: Grid, *, size_px: int = 96, table: str | None = None
) -> NDArray[np.uint8]:
    """Return the three middle slices of one map side by side, left on the left.

    Parameters
    ----------
    values : numpy.ndarray, shape grid.shape
        The map; NaN is drawn black.
    grid : Grid
        Where its voxels lie.
    size_px : int
        Edge of the square into which each slice fits.
    table : str, optional
        Colour table, such as ``"batlow"``; the default is grey.

    Returns
    -------
    numpy.ndarray of uint8, shape (size_px, 3 * size_px, 3)
        RGB.

    Raises
    ------
    SpaceMismatchError
        If the values do not fit the grid.
    """
    if values.shape != grid.shape:
        raise SpaceMismatchError(f"values: shape {values.shape} does not fit {grid.shape}.")
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    if table is not None:
        colours = colour_table(table)
    known = np.isfinite(values)
    finite = values[known]
    low, high = (finite.min(), np.quantile(finite, GREY_SHARE)) if finite.size else (0, 1)
    canvas = np.zeros((size_px, 3 * size_px, 3), dtype=np.uint8)
    field = Field(*box_mm(known if known.any() else ~known, grid))
    for place, axis in enumerate(THUMBNAIL_ORDER):
        shown = _middle_slice(values, grid, axis=axis, field=field, size_px=size_px)
        share = np.clip((shown - low) / (high - low if high > low else 1), 0, 1)
        pixels = colours[np.rint(np.nan_to_num(share) * 255).astype(np.uint8)]
        pixels[np.isnan(shown)] = 0
        top = (size_px - pixels.shape[0]) // 2
        left = place * size_px + (size_px - pixels.shape[1]) // 2
        canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return canvas


def _middle_slice(
    values: NDArray[np.floating], grid: Grid, *, axis: Axis, field: Field, size_px: int
) -> NDArray[np.float64]:
    """Return the nearest values on the plane through the middle of the field; NaN outside."""
    longest = max(field.size(k) for k in range(3))
    across, up = IN_PLANE[axis]
    width = max(round(field.size(across) / longest * size_px), 1)
    height = max(round(field.size(up) / longest * size_px), 1)
    fixed = AXES.index(axis)
    middle = float(field.low[fixed] + field.high[fixed]) / 2
    raster = Raster(axis, middle, field, width, height, mirrored=False)
    nearest = [np.rint(place).astype(np.int64) for place in voxels_of(raster, grid)]
    inside = np.ones((height, width), dtype=bool)
    for place, length in zip(nearest, grid.shape, strict=True):
        inside &= (place >= 0) & (place < length)
    shown = np.full((height, width), np.nan)
    shown[inside] = values[tuple(place[inside] for place in nearest)]
    return shown
