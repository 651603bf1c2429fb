"""A picture as plain numbers: where every slice, bar, line and word lies, before any pixel.

Coordinates are pixels of the canvas, x to the right and y down; pixel (i, j) covers the square
from (j, i) to (j + 1, i + 1). Slices are gathered from the **nearest** voxel, so that each pixel
has the colour of a value that was really measured; the grey background is interpolated linearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import ColourScale
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.show.view import Axis

RGB = tuple[int, int, int]
Align = Literal["left", "centre", "right"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile(Value):
    """One slice.

    Parameters
    ----------
    axis : {"x", "y", "z"}
        Axis that the slice cuts across.
    position_mm : float
        Where it cuts.
    left, top : int
        Corner on the canvas.
    elements : numpy.ndarray of int32, shape (height, width)
        Element of the map that each pixel shows, -1 where there is none.
    grey : numpy.ndarray of uint8, shape (height, width)
        Background.
    number : int, optional
        Which stored slice it is, from 0.
    """

    axis: Axis
    position_mm: float
    left: int
    top: int
    elements: NDArray[np.int32]
    grey: NDArray[np.uint8]
    number: int | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name, dtype in (("elements", np.int32), ("grey", np.uint8)):
            array = own_array(getattr(self, name), name=name, dtype=dtype, ndim=2)
            set_field(self, name, to=array)


@dataclass(frozen=True, kw_only=True, eq=False)
class Greys(Value):
    """Anatomy alone: a slice or a grey ramp without a map over it.

    Parameters
    ----------
    left, top : int
        Corner on the canvas.
    grey : numpy.ndarray of uint8, shape (height, width)
        Its pixels.
    """

    left: int
    top: int
    grey: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Take ownership of the pixels."""
        set_field(self, "grey", to=own_array(self.grey, name="grey", dtype=np.uint8, ndim=2))


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel(Value):
    """One heat map on the canvas.

    Parameters
    ----------
    title, caption : str
        Words over and under it.
    left, top, width, height : int
        Its rectangle, words included.
    values : numpy.ndarray, shape (v,)
        What the colours show.
    opacity : numpy.ndarray of float32, shape (v,)
        0 to 1.
    scale : ColourScale
        How values become colours.
    tiles : tuple of Tile
        Its slices.
    judged : bool
        Whether what survives is outlined; False for descriptive maps.
    """

    title: str
    caption: str
    left: int
    top: int
    width: int
    height: int
    values: NDArray[np.floating]
    opacity: NDArray[np.float32]
    scale: ColourScale
    tiles: tuple[Tile, ...]
    judged: bool = True

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        opacity = own_array(self.opacity, name="opacity", dtype=np.float32, ndim=1)
        set_field(self, "opacity", to=opacity)
        set_field(self, "tiles", to=tuple(self.tiles))


@dataclass(frozen=True, kw_only=True, eq=False)
class Tick(Value):
    """A mark on a colour bar.

    Parameters
    ----------
    value : float
        What it marks.
    kind : {"threshold", "contour", "minimum", "maximum", "end", "zero"}
        Why it is there; minimum and maximum are those of the picture.
    words : str
        What stands beside it.
    """

    value: float
    kind: Literal["threshold", "contour", "minimum", "maximum", "end", "zero"]
    words: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Bar(Value):
    """A colour bar, drawn from top (high) to bottom (low).

    Parameters
    ----------
    left, top : int
        Corner on the canvas.
    values : numpy.ndarray of float64, shape (height,)
        Value of each row.
    opacity : numpy.ndarray of float32, shape (height, width)
        The very fade of the panels. Where the statistic that sets it is not what is shown, it
        runs from left (no evidence) to right (threshold).
    backdrop : int
        Grey level beneath.
    scale : ColourScale
        How values become colours.
    label : str
        Quantity and unit.
    ticks : tuple of Tick
        From high to low.
    panels : tuple of int
        Panels that it serves.
    """

    left: int
    top: int
    values: NDArray[np.float64]
    opacity: NDArray[np.float32]
    backdrop: int
    scale: ColourScale
    label: str
    ticks: tuple[Tick, ...]
    panels: tuple[int, ...]

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        set_field(self, "values", to=own_array(self.values, name="bar", dtype=np.float64, ndim=1))
        opacity = own_array(self.opacity, name="opacity", dtype=np.float32, ndim=2)
        set_field(self, "opacity", to=opacity)


@dataclass(frozen=True, kw_only=True, eq=False)
class Words(Value):
    """A piece of text on the canvas.

    Parameters
    ----------
    text : str
        What it says, one line.
    x, y : float
        Where its baseline begins, is centred or ends.
    size : float
        Size of the letters in pixels.
    colour : tuple of int
        RGB.
    align : {"left", "centre", "right"}
        What x means.
    bold, upright : bool
        Heavy letters; letters that run upwards.
    """

    text: str
    x: float
    y: float
    size: float
    colour: RGB
    align: Align = "left"
    bold: bool = False
    upright: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Path(Value):
    """A line or an area on the canvas.

    Parameters
    ----------
    points : numpy.ndarray of float64, shape (k, 2)
        Corners, x and y.
    colour : tuple of int
        RGB.
    width : float
        Width of the line in pixels.
    closed : bool
        Whether the last corner joins the first.
    filled : bool
        Whether the inside is filled instead of the line drawn.
    dash : tuple of float
        Lengths drawn and left out in pixels; empty for a solid line.
    role : str
        What it is: ``"outline +"``, ``"outline -"``, ``"tick"``, ``"cross-hair"``, ...
    opacity : float
        0 to 1, of a filled area.
    """

    points: NDArray[np.float64]
    colour: RGB
    width: float = 1.0
    closed: bool = False
    filled: bool = False
    dash: tuple[float, ...] = ()
    role: str = ""
    opacity: float = 1.0

    def __post_init__(self) -> None:
        """Take ownership of the corners."""
        points = own_array(self.points, name="path", dtype=np.float64, ndim=2)
        set_field(self, "points", to=points)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene(Value):
    """Everything that is drawn, as plain numbers.

    Parameters
    ----------
    width, height : int
        Size of the canvas in pixels.
    scale : float
        Pixels per unit of the nominal size.
    page : int
        Grey level of the page.
    panels : tuple of Panel
        The heat maps.
    bars : tuple of Bar
        Their colour bars.
    paths : tuple of Path
        Lines and areas, later ones on top.
    words : tuple of Words
        All text.
    title : str
        What the picture is called by screen readers.
    greys : tuple of Greys
        Anatomy without a map, beneath everything else.
    tissue : tuple of int, optional
        Darkest and brightest grey beneath the colours, where they are not the theme's.
    """

    width: int
    height: int
    scale: float
    page: int
    panels: tuple[Panel, ...] = ()
    bars: tuple[Bar, ...] = ()
    paths: tuple[Path, ...] = ()
    words: tuple[Words, ...] = ()
    title: str = ""
    greys: tuple[Greys, ...] = ()
    tissue: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Make the sequences tuples."""
        for name in ("panels", "bars", "paths", "words", "greys"):
            set_field(self, name, to=tuple(getattr(self, name)))
