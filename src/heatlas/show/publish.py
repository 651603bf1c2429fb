"""A scene as vector graphics for papers: the one door to matplotlib, without its global state."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from heatlas.show.lettering import FAMILIES, FAMILY
from heatlas.show.raster import bar_pixels, grey_pixels, tile_pixels
from heatlas.show.scene import RGB, Path, Scene, Words

POINTS_PER_INCH = 72  # one unit of the nominal size is one point, so that sizes need no conversion
SETTINGS: dict[Any, Any] = {  # Any: matplotlib types its keys as a list of literals
    "svg.fonttype": "none",  # words stay words: searchable, readable aloud
    "svg.hashsalt": "heatlas",
    "svg.image_inline": True,
    "pdf.fonttype": 42,
    "font.family": FAMILY,
    "image.composite_image": False,
    "path.simplify": False,
    "text.parse_math": False,
}
METADATA = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Producer": None}}


def render_svg(scene: Scene) -> str:
    """Return a scene as SVG.

    Parameters
    ----------
    scene : Scene
        What is drawn.

    Returns
    -------
    str
        A document with words as text, lines as vectors and slices as embedded images, whose
        colours are those of the raster. It holds a ``<metadata>`` element and no date.
    """
    text = _save(scene, kind="svg").decode("utf-8")
    # Points on paper, but pixels on a screen: without a unit it is as large as the PNG.
    text = re.sub(
        r'(<svg [^>]*?)width="([\d.]+)pt" height="([\d.]+)pt"', r'\1width="\2" height="\3"', text
    )
    fonts = ", ".join(f"'{name}'" if " " in name else name for name in FAMILIES)
    return text.replace(f"'{FAMILY}'", fonts)


def render_pdf(scene: Scene, *, subject: str = "", keywords: str = "") -> bytes:
    """Return a scene as a PDF of one page, without a date.

    Parameters
    ----------
    scene : Scene
        What is drawn.
    subject, keywords : str
        Entries of the document's information: the caption and the provenance.

    Returns
    -------
    bytes
        The file.
    """
    entries = {"Subject": subject, "Keywords": keywords}
    return _save(scene, kind="pdf", entries={key: text for key, text in entries.items() if text})


def _save(scene: Scene, *, kind: str, entries: Mapping[str, str] | None = None) -> bytes:
    with rc_context(SETTINGS):
        figure = _figure(scene)
        buffer = io.BytesIO()
        title = {"Title": scene.title} if scene.title else {}
        figure.savefig(buffer, format=kind, metadata={**METADATA[kind], **title, **(entries or {})})
    return buffer.getvalue()


def _figure(scene: Scene) -> Figure:
    """Put everything on one pair of axes whose units are the scene's pixels."""
    width, height = scene.width / scene.scale, scene.height / scene.scale
    figure = Figure(
        figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), dpi=POINTS_PER_INCH
    )
    page = scene.page / 255
    figure.set_facecolor((page, page, page))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    for picture in scene.greys:
        _add_image(axes, grey_pixels(picture), left=picture.left, top=picture.top)
    for panel in scene.panels:
        for tile in panel.tiles:
            _add_image(axes, tile_pixels(panel, tile), left=tile.left, top=tile.top)
    for bar in scene.bars:
        _add_image(axes, bar_pixels(bar), left=bar.left, top=bar.top)
    for alike in _runs(scene.paths):
        axes.add_artist(_patch(alike, scale=scene.scale))
    for words in scene.words:
        _add_words(axes, words, scale=scene.scale)
    return figure


def _add_image(axes: Axes, pixels: NDArray, *, left: int, top: int) -> None:  # type: ignore[type-arg]
    height, width = pixels.shape[:2]
    # "none" embeds the very pixels; anything else would compute new ones.
    image = AxesImage(
        axes, interpolation="none", extent=(left, left + width, top + height, top), origin="upper"
    )
    image.set_data(pixels)
    axes.add_artist(image)


def _runs(paths: Sequence[Path]) -> list[list[Path]]:
    """Return neighbours that are drawn alike together: one element instead of thousands."""
    groups = groupby(enumerate(paths), key=lambda item: _style(*item))
    return [[path for _, path in group] for _, group in groups]


def _style(number: int, path: Path) -> tuple[object, ...]:
    """Return by what a line looks; areas keep to themselves, since two may overlap."""
    alone = number if path.filled else -1
    return path.colour, path.width, path.dash, path.opacity, alone


def _patch(alike: Sequence[Path], *, scale: float) -> PathPatch:
    path = alike[0]
    colour = _share(path.colour)
    dashes = [length / (path.width or 1) for length in path.dash]
    return PathPatch(
        Outline.make_compound_path(*map(_outline, alike)),
        facecolor=colour if path.filled else "none",
        edgecolor="none" if path.filled else colour,
        linewidth=path.width / scale,
        linestyle=(0, dashes) if dashes else "solid",
        capstyle="butt",
        joinstyle="miter",
        alpha=path.opacity if path.opacity < 1 else None,
    )


def _outline(path: Path) -> Outline:
    if not path.closed:
        return Outline(path.points, closed=False)
    return Outline([*path.points, path.points[0]], closed=True)


def _add_words(axes: Axes, words: Words, *, scale: float) -> None:
    axes.text(
        words.x,
        words.y,
        words.text,
        fontsize=words.size / scale,
        color=_share(words.colour),
        fontweight="bold" if words.bold else "normal",
        ha={"left": "left", "centre": "center", "right": "right"}[words.align],
        va="baseline",
        rotation=90 if words.upright else 0,
        rotation_mode="anchor",
    )


def _share(colour: RGB) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
