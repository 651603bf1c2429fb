"""Two maps' values against each other as a small picture: counts in bins, or a dot an element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import SEQUENTIAL_DEFAULT, ColourScale
from heatlas.show.bars import bar_marks, bar_ticks
from heatlas.show.distribution import nice_ticks
from heatlas.show.layout import BAR_WIDTH, MARGIN
from heatlas.show.lettering import text_width
from heatlas.show.scene import Bar, Panel, Path, Scene, Tile, Words
from heatlas.show.view import View

Floats = NDArray[np.float64]
SIDE, LEFT, TOP, RIGHT, BOTTOM = 264, 66, 16, 124, 46
BAR_AWAY, BAR_HEIGHT = 16, 150
SIZE = 10.5
DOT, SMALL_DOT, FEW_POINTS = 3.2, 2.0, 200
DOT_COLOUR = (0, 94, 158)
_ANGLES = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def compile_joint(
    counts: Floats,
    *,
    x_edges: Floats,
    y_edges: Floats,
    names: tuple[str, str],
    view: View | None = None,
) -> Scene:
    """Return the scene of a joint histogram.

    Parameters
    ----------
    counts : numpy.ndarray, shape (y bins, x bins)
        How many elements; y rises with the row number.
    x_edges, y_edges : numpy.ndarray
        Limits of the bins.
    names : tuple of str
        What runs along x and along y.
    view : View, optional
        Scale and theme; None is ``View()``.

    Returns
    -------
    Scene
        Bins without an element are blank; colours follow the logarithm of the count.
    """
    view = view or View()
    px = view.scale
    side, left, top = round(SIDE * px), round(LEFT * px), round(TOP * px)
    values = np.log10(np.maximum(counts, 1)).ravel()
    high = max(float(values.max()), 0.1)
    scale = ColourScale(
        table=SEQUENTIAL_DEFAULT,
        kind="sequential",
        low=0.0,
        high=high,
        true_low=0.0,
        true_high=high,
        label="log10 of voxels",
    )
    bar = _bar(scale, view=view)
    words, paths = bar_marks(bar, view=view)
    axis_paths, axis_words = _axes((x_edges, y_edges), view=view)
    panel = Panel(
        title="",
        caption="",
        left=left,
        top=top,
        width=side,
        height=side,
        values=values,
        opacity=np.ones(values.size, dtype=np.float32),
        scale=scale,
        tiles=(_tile(counts, side=side, left=left, top=top),),
    )
    return Scene(
        width=round((LEFT + SIDE + RIGHT) * px),
        height=round((TOP + SIDE + BOTTOM) * px),
        scale=px,
        page=view.palette.page,
        panels=(panel,),
        bars=(bar,),
        paths=tuple([*paths, *axis_paths]),
        words=tuple([*words, *axis_words, *_names(names, view=view)]),
        title=f"{names[1]} against {names[0]}",
    )


def compile_points(
    x: Floats, y: Floats, *, names: tuple[str, str], view: View | None = None
) -> Scene:
    """Return the scene of a scatter of few points.

    Parameters
    ----------
    x, y : numpy.ndarray, shape (n,)
        One value a point each.
    names : tuple of str
        What runs along x and along y.
    view : View, optional
        Scale and theme; None is ``View()``.

    Returns
    -------
    Scene
        A dot a point, all inside the frame.
    """
    view = view or View()
    px, edges = view.scale, (_around(x), _around(y))
    across, up = (
        (values - ends[0]) / (ends[1] - ends[0]) for values, ends in zip((x, y), edges, strict=True)
    )
    reach = (DOT if len(x) <= FEW_POINTS else SMALL_DOT) * px
    dots = [
        Path(
            points=_CIRCLE * reach + ((LEFT + SIDE * right) * px, (TOP + SIDE * (1 - high)) * px),
            colour=DOT_COLOUR, closed=True, filled=True, role="dot", opacity=0.75,
        )
        for right, high in zip(across.tolist(), up.tolist(), strict=True)
    ]  # fmt: skip
    paths, words = _axes(edges, view=view)
    return Scene(
        width=round((LEFT + SIDE + MARGIN) * px),
        height=round((TOP + SIDE + BOTTOM) * px),
        scale=px,
        page=view.palette.page,
        paths=tuple([*paths, *dots]),
        words=tuple([*words, *_names(names, view=view)]),
        title=f"{names[1]} against {names[0]}",
    )


def _around(values: Floats) -> Floats:
    """Return limits a twentieth beyond the smallest and the largest value."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) / 20 or 0.5
    return np.array([low - room, high + room])


def _bar(scale: ColourScale, *, view: View) -> Bar:
    px = view.scale
    height = round(BAR_HEIGHT * px)
    return Bar(
        left=round((LEFT + SIDE + BAR_AWAY) * px),
        top=round((TOP + 8) * px),
        values=np.linspace(scale.high, scale.low, height),
        opacity=np.ones((height, round(BAR_WIDTH * px)), dtype=np.float32),
        backdrop=view.palette.page,
        scale=scale,
        label=scale.label,
        ticks=bar_ticks(scale),
        panels=(0,),
    )


def _tile(counts: Floats, *, side: int, left: int, top: int) -> Tile:
    """Return the bins as pixels, the largest y on top."""
    n_y, n_x = counts.shape
    row = n_y - 1 - np.arange(side) * n_y // side
    column = np.arange(side) * n_x // side
    number_of = row[:, None] * n_x + column[None, :]
    seen = counts.ravel()[number_of] > 0
    return Tile(
        axis="z",
        position_mm=0.0,
        left=left,
        top=top,
        elements=np.where(seen, number_of, -1).astype(np.int32),
        grey=np.full((side, side), 250, dtype=np.uint8),
    )


def _axes(edges: tuple[Floats, Floats], *, view: View) -> tuple[list[Path], list[Words]]:
    """Return frame and ticks of both axes."""
    px, palette = view.scale, view.palette
    low_x, high_y = LEFT * px, TOP * px
    high_x, low_y = low_x + SIDE * px, high_y + SIDE * px
    corners = [(low_x, high_y), (high_x, high_y), (high_x, low_y), (low_x, low_y)]
    paths = [Path(points=np.array(corners), colour=palette.faint, width=px, closed=True,
                  role="frame")]  # fmt: skip
    words = []
    for tick, share in _ticks(edges[0]):
        x = low_x + share * SIDE * px
        paths.append(_tick([(x, low_y), (x, low_y + 4 * px)], view=view))
        words.append(_label(_number(tick), x, y=low_y + 16 * px, align="centre", view=view))
    for tick, share in _ticks(edges[1]):
        y = low_y - share * SIDE * px
        paths.append(_tick([(low_x - 4 * px, y), (low_x, y)], view=view))
        words.append(
            _label(_number(tick), low_x - 7 * px, y=y + 0.36 * SIZE * px, align="right", view=view)
        )
    return paths, words


def _ticks(edges: Floats) -> list[tuple[float, float]]:
    """Return round values within the edges and where they lie, 0 to 1."""
    low, high = float(edges[0]), float(edges[-1])
    inside = [tick for tick in nice_ticks(low, high, n=4).tolist() if low <= tick <= high]
    return [(tick, (tick - low) / (high - low)) for tick in inside]


def _number(tick: float) -> str:
    return f"{tick + 0.0:.6g}".replace("-", "−")


def _tick(points: list[tuple[float, float]], *, view: View) -> Path:
    return Path(
        points=np.array(points), colour=view.palette.faint, width=view.scale, role="tick"
    )  # fmt: skip


def _label(text: str, x: float, *, y: float, align: str, view: View) -> Words:
    return Words(
        text=text,
        x=x,
        y=y,
        size=SIZE * view.scale,
        colour=view.palette.faint,
        align="centre" if align == "centre" else "right",
    )


def _names(names: tuple[str, str], *, view: View) -> list[Words]:
    """Return the names under and beside the axes, smaller where they are long."""
    px, words = view.scale, []
    for name, upright in zip(names, (False, True), strict=True):
        size = SIZE * px
        while size > 6 * px and text_width(name, size=size) > SIDE * px:
            size -= 0.5
        middle = (TOP if upright else LEFT) + SIDE / 2
        words.append(
            Words(
                text=name,
                x=14 * px if upright else middle * px,
                y=middle * px if upright else (TOP + SIDE + 36) * px,
                size=size,
                colour=view.palette.ink,
                align="centre",
                upright=upright,
            )
        )
    return words
