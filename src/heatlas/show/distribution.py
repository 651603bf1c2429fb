"""The values of groups on one axis: every value, their density, and the mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from heatlas.core.errors import DataError
from heatlas.core.words import number
from heatlas.show.lettering import text_width, wrap
from heatlas.show.publish import render_svg
from heatlas.show.scene import RGB, Path, Scene, Words
from heatlas.show.view import THEMES

Floats = NDArray[np.float64]
# Okabe & Ito: told apart by all dichromats. Rows are named as well, so grey-scale loses nothing.
GROUP_COLOURS: tuple[RGB, ...] = ((0, 94, 158), (203, 84, 0), (0, 128, 96), (158, 80, 130))
WIDTH, MARGIN, NAMES, ROW, AXIS_ROW = 720, 20, 190, 92, 54
TITLE, LABEL, SMALL = 15, 12.5, 11
MOST_POINTS = 400  # values drawn in a group; more would hide each other
LEVEL = 0.95
THEME = THEMES["light"]


@dataclass(frozen=True)
class _Group:
    """A group's finite values in order, and its place on the canvas."""

    name: str
    values: Floats
    top: float
    colour: RGB

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    def interval(self) -> tuple[float, float] | None:
        """Return the limits of the mean's interval by Student's t, None for a single value."""
        n = len(self.values)
        if n < 2:
            return None
        half = stats.t.ppf(0.5 + LEVEL / 2, n - 1) * self.values.std(ddof=1) / math.sqrt(n)
        return self.mean - float(half), self.mean + float(half)


@dataclass(frozen=True)
class _Axis:
    """Values to pixels."""

    low: float
    high: float

    def x(self, values: ArrayLike) -> Floats:
        share = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        return MARGIN + NAMES + share * (WIDTH - 2 * MARGIN - NAMES)


def distribution_svg(
    groups: Sequence[tuple[str, ArrayLike]], *, quantity: str, unit: str = "", title: str = ""
) -> str:
    """Return how groups are distributed on one axis, as SVG.

    Parameters
    ----------
    groups : sequence of (str, array_like)
        Name and values of each group, from top to bottom; values that are not finite are left
        out and not counted.
    quantity, unit : str
        What the values are, for the axis.
    title : str
        Heading.

    Returns
    -------
    str
        Every value as a dot, a density above, and the mean with its 95 % interval; equal input
        gives equal text.

    Raises
    ------
    DataError
        If no group holds a finite value.
    """
    return render_svg(distribution_scene(groups, quantity=quantity, unit=unit, title=title))


def distribution_scene(
    groups: Sequence[tuple[str, ArrayLike]], *, quantity: str, unit: str = "", title: str = ""
) -> Scene:
    """Return the scene that :func:`distribution_svg` draws."""
    heading = wrap(title, width=WIDTH - 2 * MARGIN, size=TITLE, bold=True)
    top = MARGIN + len(heading) * TITLE * 1.4
    rows = _placed(groups, top=top)
    axis = _axis_of(rows)
    bottom = top + ROW * len(rows)
    paths, words = _axis_marks(axis, top=top, bottom=bottom)
    label = f"{quantity} ({unit})" if unit else quantity
    middle = (MARGIN + NAMES + WIDTH - MARGIN) / 2
    words.append(
        Words(
            text=label, x=middle, y=bottom + 40, size=LABEL, colour=THEME.ink, align="centre"
        )  # fmt: skip
    )
    words += [
        Words(
            text=line, x=MARGIN, y=MARGIN + TITLE * (0.8 + 1.4 * k), size=TITLE,
            colour=THEME.ink, bold=True,
        )
        for k, line in enumerate(heading)
    ]  # fmt: skip
    peak = max(float(_density(row)[1].max(initial=0.0)) for row in rows)
    for row in rows:
        paths += _row_paths(row, axis, peak=peak)
        words += _row_words(row)
    return Scene(
        width=WIDTH,
        height=round(bottom + AXIS_ROW),
        scale=1.0,
        page=THEME.page,
        paths=tuple(paths),
        words=tuple(words),
        title=title or label,
    )


def nice_ticks(low: float, high: float, *, n: int = 6) -> Floats:
    """Return about n round numbers from low to high, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / max(n - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1, 2, 5, 10), key=lambda m: abs(math.log(m * power / rough))) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return np.arange(first, last + 1, dtype=np.float64) * step


def _tick_words(value: float, *, step: float) -> str:
    """Return a tick with as many decimals as its step needs."""
    decimals = max(-math.floor(math.log10(step)), 0)
    if decimals > 5 or abs(value) >= 1e7:
        return number(value)
    return f"{value + 0.0:,.{decimals}f}".replace("-", "−")


def _placed(groups: Sequence[tuple[str, ArrayLike]], *, top: float) -> list[_Group]:
    rows = []
    for k, (name, values) in enumerate(groups):
        array = np.asarray(values, dtype=np.float64).ravel()
        finite = np.sort(array[np.isfinite(array)])
        colour = GROUP_COLOURS[k % len(GROUP_COLOURS)]
        rows.append(_Group(str(name), finite, top + k * ROW, colour))
    if not any(row.values.size for row in rows):
        raise DataError("No group holds a finite value, so there is nothing to draw.")
    return rows


def _axis_of(rows: Sequence[_Group]) -> _Axis:
    """Return an axis around all values, intervals and densities, with a margin."""
    ends = [row.values for row in rows]
    ends += [_density(row)[0] for row in rows]
    ends += [np.array(row.interval() or ()) for row in rows if row.values.size]
    everything = np.concatenate(ends)
    low, high = float(everything.min()), float(everything.max())
    span = (high - low) or abs(high) or 1.0
    return _Axis(low - 0.03 * span, high + 0.03 * span)


def _axis_marks(axis: _Axis, *, top: float, bottom: float) -> tuple[list[Path], list[Words]]:
    paths, words = [], []
    left, right = MARGIN + NAMES, WIDTH - MARGIN
    ticks = nice_ticks(axis.low, axis.high)
    for tick in ticks:
        x = float(axis.x(tick))
        paths.append(_line([(x, top + 6), (x, bottom)], colour=(228, 230, 233), role="grid"))
        paths.append(_line([(x, bottom), (x, bottom + 5)], colour=THEME.ink, role="tick"))
        words.append(
            Words(
                text=_tick_words(float(tick), step=float(ticks[1] - ticks[0])), x=x, y=bottom + 19,
                size=SMALL, colour=THEME.ink, align="centre",
            )
        )  # fmt: skip
    paths.append(_line([(left, bottom), (right, bottom)], colour=THEME.ink, role="axis"))
    return paths, words


def _density(row: _Group) -> tuple[Floats, Floats]:
    """Return places and Gaussian density (Scott's rule), both empty where it is undefined."""
    values = row.values
    if len(values) < 3 or np.ptp(values) <= 1e-12 * max(float(np.abs(values).max()), 1e-300):
        return np.zeros(0), np.zeros(0)
    density = stats.gaussian_kde(values)
    reach = 2.5 * float(np.sqrt(density.covariance[0, 0]))
    places = np.linspace(values[0] - reach, values[-1] + reach, 160)
    return places, np.asarray(density(places), dtype=np.float64)


def _row_paths(row: _Group, axis: _Axis, *, peak: float) -> list[Path]:
    """Return density above, dots below, and the mean with its interval between them."""
    if not row.values.size:
        return []
    base = row.top + 52
    paths = []
    places, density = _density(row)
    if density.size:
        curve = np.stack([axis.x(places), base - 40 * density / peak], axis=1)
        area = np.concatenate([[[curve[0, 0], base]], curve, [[curve[-1, 0], base]]])
        paths.append(
            Path(
                points=area, colour=row.colour, closed=True, filled=True, opacity=0.22,
                role="density",
            )
        )  # fmt: skip
        paths.append(Path(points=curve, colour=row.colour, width=1.2, role="density"))
    dots = [_dot(x, y, radius=2.1) for x, y in _strip(row, axis, base=base)]
    paths += [
        Path(
            points=dot, colour=row.colour, closed=True, filled=True, opacity=0.6, role="value"
        )  # fmt: skip
        for dot in dots
    ]
    return paths + _mean_paths(row, axis, y=base)


def _strip(row: _Group, axis: _Axis, *, base: float) -> Floats:
    """Return where the values' dots lie: spread in height by rank, so that ties are seen."""
    values = row.values
    if len(values) > MOST_POINTS:
        values = values[np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int)]
    golden = (np.arange(len(values)) * (math.sqrt(5) - 1) / 2) % 1
    return np.stack([axis.x(values), base + 13 + 17 * golden], axis=1)


def _mean_paths(row: _Group, axis: _Axis, *, y: float) -> list[Path]:
    paths = []
    interval = row.interval()
    if interval is not None:
        low, high = axis.x(interval).tolist()
        paths.append(_line([(low, y), (high, y)], colour=THEME.ink, width=2.4, role="interval"))
        for end in (low, high):
            cap = [(end, y - 4), (end, y + 4)]
            paths.append(_line(cap, colour=THEME.ink, width=1.4, role="interval"))
    dot = _dot(float(axis.x(row.mean)), y, radius=4.4)
    paths.append(Path(points=dot, colour=THEME.ink, closed=True, filled=True, role="mean"))
    return paths


def _row_words(row: _Group) -> list[Words]:
    n = len(row.values)
    lines = [(row.name, LABEL, True), (f"n = {n:,}", SMALL, False)]
    if n:
        interval = row.interval()
        text = f"mean {number(row.mean)}"
        if interval is not None:
            text += f" [{number(interval[0])}, {number(interval[1])}]"
        lines.append((text, SMALL, False))
    if n > MOST_POINTS:
        lines.append((f"{MOST_POINTS} values shown", SMALL, False))
    words = []
    y = row.top + 32
    for text, size, bold in lines:
        while size > 7 and text_width(text, size=size, bold=bold) > NAMES - 10:
            size -= 0.5
        colour = row.colour if bold else THEME.ink
        words.append(Words(text=text, x=MARGIN, y=y, size=size, colour=colour, bold=bold))
        y += 17
    return words


def _line(
    points: Sequence[tuple[float, float]], *, colour: RGB, role: str, width: float = 1.0
) -> Path:
    return Path(points=np.array(points, dtype=float), colour=colour, width=width, role=role)


def _dot(x: float, y: float, *, radius: float) -> Floats:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
