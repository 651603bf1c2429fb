"""A scene as pixels, fast: one gather per slice through the colour table, words by Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from heatlas.core.colour import ColourScale
from heatlas.show.lettering import inked, typeface
from heatlas.show.scene import RGB, Bar, Greys, Panel, Path, Scene, Tile, Words

Pixels = NDArray[np.uint8]
SEEN = np.float32(0.5 / 255)  # a smaller opacity changes no pixel
ANCHORS = {"left": "ls", "centre": "ms", "right": "rs"}


def render(scene: Scene) -> Pixels:
    """Return the picture of a scene.

    Parameters
    ----------
    scene : Scene
        What is drawn.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    canvas = np.full((scene.height, scene.width, 3), scene.page, dtype=np.uint8)
    for picture in scene.greys:
        _paste(canvas, grey_pixels(picture), left=picture.left, top=picture.top)
    for panel in scene.panels:
        for tile in panel.tiles:
            _paste(canvas, tile_pixels(panel, tile), left=tile.left, top=tile.top)
    for bar in scene.bars:
        _paste(canvas, bar_pixels(bar), left=bar.left, top=bar.top)
    _draw_outlines(canvas, [path for path in scene.paths if path.role.startswith("outline")])
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    for path in scene.paths:
        if not path.role.startswith("outline"):
            _draw_path(pen, path)
    for words in scene.words:
        _draw_words(image, words, pen=pen)
    return np.asarray(image)


def grey_pixels(picture: Greys) -> Pixels:
    """Return the pixels of anatomy without a map, shape (height, width, 3)."""
    return np.repeat(picture.grey[:, :, None], 3, axis=2)


def tile_pixels(panel: Panel, tile: Tile) -> Pixels:
    """Return the pixels of one slice, shape (height, width, 3)."""
    pixels = np.repeat(tile.grey[:, :, None], 3, axis=2)
    opacity = panel.opacity[tile.elements]
    seen = (opacity >= SEEN) & (tile.elements >= 0)
    elements = tile.elements[seen]
    pixels[seen] = composite(
        panel.scale,
        panel.values[elements],
        opacity=opacity[seen],
        grey=tile.grey[seen],
    )
    return pixels


def bar_pixels(bar: Bar) -> Pixels:
    """Return the pixels of a colour bar, shape (height, width, 3)."""
    values = np.broadcast_to(bar.values[:, None], bar.opacity.shape)
    return composite(bar.scale, values, opacity=bar.opacity, grey=bar.backdrop)


def composite(
    scale: ColourScale, values: ArrayLike, *, opacity: ArrayLike, grey: ArrayLike
) -> Pixels:
    """Return values as colours over grey, with an opacity each.

    Parameters
    ----------
    scale : ColourScale
        How values become colours.
    values : array_like
        Any shape.
    opacity, grey : array_like
        0 to 1, and 0 to 255; they broadcast with the values.

    Returns
    -------
    numpy.ndarray of uint8, shape (..., 3)
        RGB.
    """
    over = np.asarray(opacity, dtype=np.float32)[..., None]
    under = np.asarray(grey, dtype=np.float32)[..., None]
    mixed = scale.colours(values) - under
    mixed *= over
    mixed += under + np.float32(0.5)  # the cast cuts the fraction off
    return mixed.astype(np.uint8)


def _paste(canvas: Pixels, pixels: Pixels, *, left: int, top: int) -> None:
    height, width = pixels.shape[:2]
    canvas[top : top + height, left : left + width] = pixels


def _draw_outlines(canvas: Pixels, paths: Sequence[Path]) -> None:
    """Draw closed polygons of horizontal and vertical edges, all of one kind at once."""
    kinds: dict[tuple[object, ...], list[Path]] = {}
    for path in paths:
        kinds.setdefault((path.colour, path.width, path.dash), []).append(path)
    for alike in kinds.values():
        width, colour = round(alike[0].width), alike[0].colour
        _stamp(canvas, _outline_pixels(alike), width=width, colour=colour)


def _outline_pixels(paths: Sequence[Path]) -> NDArray[np.int64]:
    """Return the pixels (x, y) along the polygons that their dashes leave in."""
    corners = np.floor(np.concatenate([path.points for path in paths])).astype(np.int64)
    counts = np.array([len(path.points) for path in paths])
    last = np.cumsum(counts) - 1
    following = np.arange(1, len(corners) + 1)
    following[last] = last - counts + 1
    edges = corners[following] - corners
    lengths = np.abs(edges).sum(axis=1)
    ends = np.cumsum(lengths)
    edge = np.repeat(np.arange(len(corners)), lengths)
    along = np.arange(ends[-1]) - (ends - lengths)[edge]
    points = corners[edge] + np.sign(edges)[edge] * along[:, None]
    if paths[0].dash:
        # Each polygon starts its dashes anew.
        first = np.repeat(last - counts + 1, counts)
        travelled = along + (ends - lengths)[edge] - (ends - lengths)[first[edge]]
        points = points[travelled % sum(paths[0].dash) < paths[0].dash[0]]
    return np.asarray(points)


def _stamp(canvas: Pixels, places: NDArray[np.int64], *, width: int, colour: RGB) -> None:
    """Colour a square of so many pixels at each place that lies on the canvas."""
    start = -((width - 1) // 2)
    for down in range(start, start + width):
        for right in range(start, start + width):
            x, y = places[:, 0] + right, places[:, 1] + down
            seen = (x >= 0) & (y >= 0) & (x < canvas.shape[1]) & (y < canvas.shape[0])
            canvas[y[seen], x[seen]] = colour


def _draw_path(pen: ImageDraw.ImageDraw, path: Path) -> None:
    points = [(float(x), float(y)) for x, y in path.points]
    if path.filled:
        pen.polygon(points, fill=path.colour)
        return
    if path.closed:
        points.append(points[0])
    width = max(round(path.width), 1)
    for piece in _dashed(points, path.dash) if path.dash else [points]:
        pen.line(piece, fill=path.colour, width=width)


def _dashed(
    points: Sequence[tuple[float, float]], dash: tuple[float, ...]
) -> list[list[tuple[float, float]]]:
    """Return the pieces of a line that its dashes leave in."""
    corners = np.asarray(points)
    travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    pieces = []
    for start in np.arange(0, travelled[-1], sum(dash)):
        ends = np.array([start, min(start + dash[0], travelled[-1])])
        x, y = (np.interp(ends, travelled, corners[:, axis]) for axis in (0, 1))
        pieces.append([(float(x[0]), float(y[0])), (float(x[1]), float(y[1]))])
    return pieces


def _draw_words(image: Image.Image, words: Words, *, pen: ImageDraw.ImageDraw) -> None:
    if not words.upright:
        # As ``pen.text`` does it, but for the letters, which are drawn once in a process.
        (x_part, x), (y_part, y) = math.modf(words.x), math.modf(words.y)
        ink, (right, down) = inked(
            words.text,
            size=words.size,
            bold=words.bold,
            anchor=ANCHORS[words.align],
            start=(x_part, y_part),
        )
        place = (int(x) + right, int(y) + down)
        pen.draw.draw_bitmap(place, ink, pen.draw.draw_ink(words.colour))
        return
    font = typeface(words.size, bold=words.bold)
    ascent, descent = font.getmetrics()
    length = int(font.getlength(words.text)) + 2
    ink = Image.new("L", (length, ascent + descent), 0)
    ImageDraw.Draw(ink).text((1, ascent), words.text, fill=255, font=font, anchor="ls")
    turned = ink.transpose(Image.Transpose.ROTATE_90)
    before = {"left": length, "centre": length / 2, "right": 0}[words.align]
    image.paste(words.colour, (round(words.x - ascent), round(words.y - before)), turned)
