"""Colour bars: their ticks, the fade that they share with their panels, and what explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import ColourScale
from heatlas.core.colour import fade as fade_evidence
from heatlas.core.heatmap import HeatMap
from heatlas.core.value import field_values
from heatlas.core.words import number
from heatlas.show.layout import (
    BAR_WIDTH,
    FOOT,
    LABEL,
    LEGEND_LINE,
    LEGEND_TOP,
    MIN_BAR,
    BarBox,
    Group,
)
from heatlas.show.lettering import text_width, wrap
from heatlas.show.scene import RGB, Bar, Path, Tick, Words
from heatlas.show.view import View

ARROW = 9
FADE_WIDTH = 28
TICK_REACH = 10
LABEL_LINE = 15
OUTLINE_DASH = (4.0, 3.0)
STATISTIC_NAMES = {kind: f"{kind} statistic" for kind in ("t", "F", "z", "v", "G")}
# Where two ticks would touch, the one that comes first here stays.
PRIORITY = ("maximum", "minimum", "threshold", "contour", "end", "zero")
ACROSS = ("threshold", "contour")  # ticks whose line crosses the bar


@dataclass(frozen=True)
class Fade:
    """What sets the opacity: the shown value itself, or another statistic up to ``full``."""

    own: bool
    full: float | None = None
    words: str = ""


def fade_of(heat_map: HeatMap) -> Fade:
    """Return what fades a heat map: what is judged, where that is not what is shown."""
    if heat_map.threshold.strength is not None:
        return Fade(own=False, full=1.0, words="not surviving")
    shown, judged = heat_map.shown, heat_map.judged
    same = judged is shown or np.array_equal(judged.values, shown.values, equal_nan=True)
    if same or not heat_map.threshold.judges:
        return Fade(own=True)
    full = heat_map.scale.fade_full or abs(heat_map.threshold.cut or 0.0)
    finite = np.abs(judged.values[np.isfinite(judged.values)])
    full = full or float(finite.max(initial=0.0)) or 1.0
    name = f"|{judged.symbol}|" if judged.is_signed else judged.symbol
    return Fade(own=False, full=full, words=f"{name} < {number(full)}")


def opacity_of(heat_map: HeatMap, elements: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """Return the opacity of some elements (all, unless named); 0 where nothing is known.

    The judged magnitude decides, or the value that is shown.
    """
    chosen = slice(None) if elements is None else elements
    shown, fade = heat_map.shown.values[chosen], fade_of(heat_map)
    if fade.own:
        opacity = heat_map.scale.opacity(shown)
    else:
        judged, strength = heat_map.judged, heat_map.threshold.strength
        evidence = judged.values if strength is None else strength
        opacity = heat_map.scale.ceiling * fade_evidence(
            np.asarray(evidence[chosen], dtype=np.float64),
            full=fade.full or 1.0,
            one_sided=judged.is_signed and not heat_map.threshold.two_sided,
        )
    found = np.asarray(opacity, dtype=np.float32)
    found[np.isnan(shown)] = 0
    return found


def bar_groups(panels: Sequence[HeatMap], *, px: float) -> list[Group]:
    """Return neighbouring panels with equal scale and fade: they share one bar."""
    groups: list[tuple[int, ...]] = []
    for index, panel in enumerate(panels):
        if groups and _bar_key(panels[groups[-1][0]]) == _bar_key(panel):
            groups[-1] = (*groups[-1], index)
        else:
            groups.append((index,))
    return [
        Group(
            group,
            bar_width=_column_width(panels[group[0]], px=px),
            legend_lines=len(_legend_lines([panels[index] for index in group])),
        )
        for group in groups
    ]


def _column_width(panel: HeatMap, *, px: float) -> float:
    """Return the room for a bar, its ticks and its label, in pixels."""
    ticks = bar_ticks(panel.scale)
    widest = max(text_width(t.words, size=LABEL * px, bold=t.kind in ACROSS) for t in ticks)
    width = BAR_WIDTH if fade_of(panel).own else FADE_WIDTH
    lines = _label_lines(_label(panel.scale), px=px)
    return max((width + TICK_REACH + 8 + LABEL_LINE * len(lines)) * px + widest, 100 * px)


def bar_ticks(scale: ColourScale) -> tuple[Tick, ...]:
    """Return the ticks from high to low: true extremes, thresholds, ends and zero."""
    ticks = [
        Tick(value=scale.true_high, kind="maximum", words=f"max {_told(scale.true_high, scale)}"),
        Tick(value=scale.true_low, kind="minimum", words=f"min {_told(scale.true_low, scale)}"),
        *(Tick(value=cut, kind="threshold", words=number(cut)) for cut in scale.cuts),
        *(Tick(value=level, kind="contour", words=_as_given(level)) for level in scale.contours),
        Tick(value=scale.high, kind="end", words=number(scale.high)),
        Tick(value=scale.low, kind="end", words=number(scale.low)),
        Tick(value=0.0, kind="zero", words="0"),
    ]
    seen: set[float] = set()
    kept = []
    for tick in ticks:
        extreme = tick.kind in ("maximum", "minimum")
        if tick.value not in seen and (extreme or scale.low <= tick.value <= scale.high):
            kept.append(tick)
            seen.add(tick.value)
    return tuple(sorted(kept, key=lambda tick: -tick.value))


def make_bar(panels: Sequence[HeatMap], *, box: BarBox, view: View) -> Bar:
    """Return the bar that serves the panels of a box."""
    panel = panels[box.panels[0]]
    scale, fade = panel.scale, fade_of(panel)
    arrow = round(ARROW * view.scale)
    top = box.top + arrow * scale.saturates_high
    height = max(box.height - arrow * (scale.saturates_high + scale.saturates_low), 4)
    values = np.linspace(scale.high, scale.low, height)
    width = round((BAR_WIDTH if fade.own else FADE_WIDTH) * view.scale)
    if fade.own:
        opacity = np.repeat(scale.opacity(values)[:, None], width, axis=1)
    else:
        opacity = scale.ceiling * np.tile(np.linspace(0, 1, width) ** 2, (height, 1))
    return Bar(
        left=box.left,
        top=top,
        values=values,
        opacity=opacity.astype(np.float32),
        backdrop=view.palette.backdrop,
        scale=scale,
        label=_label(scale),
        ticks=bar_ticks(scale),
        panels=box.panels,
    )


def bar_words(bar: Bar, panels: Sequence[HeatMap], *, view: View) -> tuple[list[Words], list[Path]]:
    """Return everything around a bar: frame, arrow heads, ticks, label and legend."""
    served = [panels[index] for index in bar.panels]
    words, paths = bar_marks(bar, view=view)
    legend_words, legend_paths = _legend(bar, served, view=view)
    return [*words, *legend_words], [*paths, *legend_paths]


def bar_marks(bar: Bar, *, view: View) -> tuple[list[Words], list[Path]]:
    """Return frame, arrow heads, ticks and label of a bar."""
    words, paths = _tick_marks(bar, view=view)
    words += _label_words(bar, words, view=view)
    return words, [*_frame(bar, view=view), *_arrows(bar, view=view), *paths]


def _told(value: float, scale: ColourScale) -> str:
    """Return a value in words; what lies within a millionth of the bar around 0 is 0."""
    return number(0.0 if abs(value) < 1e-6 * (scale.high - scale.low) else value)


def _as_given(level: float) -> str:
    """Return a level that somebody stated, without digits that nobody stated."""
    return f"{level:g}".replace("-", "−")


def _bar_key(panel: HeatMap) -> tuple[object, ...]:
    return (*field_values(panel.scale).values(), fade_of(panel))


def _frame(bar: Bar, *, view: View) -> list[Path]:
    height, width = bar.opacity.shape
    left, top, right, bottom = bar.left, bar.top, bar.left + width, bar.top + height
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [
        Path(
            points=np.array(corners, dtype=float),
            colour=view.palette.faint,
            width=0.8 * view.scale,
            closed=True,
            role="bar frame",
        )
    ]


def _arrows(bar: Bar, *, view: View) -> list[Path]:
    """Return an arrow head in the last colour at each end beyond which values saturate."""
    height, width = bar.opacity.shape
    reach = ARROW * view.scale
    middle, right = bar.left + width / 2, bar.left + width
    ends = []
    if bar.scale.saturates_high:
        ends.append((bar.scale.high, float(bar.top), -reach))
    if bar.scale.saturates_low:
        ends.append((bar.scale.low, float(bar.top + height), reach))
    return [
        Path(
            points=np.array([(bar.left, y), (right, y), (middle, y + step)]),
            colour=_end_colour(bar, value),
            closed=True,
            filled=True,
            role="arrow head",
        )
        for value, y, step in ends
    ]


def _end_colour(bar: Bar, value: float) -> RGB:
    red, green, blue = bar.scale.colours(value).tolist()
    return red, green, blue


def _tick_marks(bar: Bar, *, view: View) -> tuple[list[Words], list[Path]]:
    """Return tick lines and their words, pushed apart where they would touch."""
    px, palette = view.scale, view.palette
    height, width = bar.opacity.shape
    right = bar.left + width
    kept = _roomy(bar, gap=LABEL * 1.15 * px)
    places = [_tick_y(bar, tick.value, px=px) for tick in kept]
    lines = _pushed(places, gap=LABEL * 1.25 * px)
    words, paths = [], []
    for tick, place, line in zip(kept, places, lines, strict=True):
        start = bar.left if tick.kind in ACROSS else right
        points = [(start, place), (right + 3 * px, place), (right + 7 * px, line)]
        paths.append(Path(points=np.array(points), colour=palette.ink, width=px, role="tick"))
        words.append(
            Words(
                text=tick.words,
                x=right + TICK_REACH * px,
                y=line + 0.36 * LABEL * px,
                size=LABEL * px,
                colour=palette.faint if tick.kind in ("end", "zero") else palette.ink,
                bold=tick.kind in ACROSS,
            )
        )
    return words, paths


def _tick_y(bar: Bar, value: float, *, px: float) -> float:
    """Return the height of a value on the bar; saturated extremes lie at the arrow's tip."""
    height = bar.opacity.shape[0]
    if value > bar.scale.high:
        return float(bar.top - ARROW * px)
    if value < bar.scale.low:
        return float(bar.top + height + ARROW * px)
    share = (bar.scale.high - value) / (bar.scale.high - bar.scale.low)
    return float(bar.top + share * height)


def _roomy(bar: Bar, *, gap: float) -> list[Tick]:
    """Return the ticks without ends and zeros that would touch one that matters more."""
    kept: list[Tick] = []
    for tick in sorted(bar.ticks, key=lambda tick: PRIORITY.index(tick.kind)):
        place = _tick_y(bar, tick.value, px=1)
        near = any(abs(_tick_y(bar, other.value, px=1) - place) < gap for other in kept)
        if not near or _is_owed(tick, bar.scale):
            kept.append(tick)
    return sorted(kept, key=lambda tick: -tick.value)


def _is_owed(tick: Tick, scale: ColourScale) -> bool:
    """Say whether a tick must stay: extremes, thresholds, and ends at which values saturate."""
    if tick.kind == "end":
        return scale.saturates_high if tick.value == scale.high else scale.saturates_low
    return tick.kind != "zero"


def _pushed(places: list[float], *, gap: float) -> list[float]:
    """Return heights at least ``gap`` apart, in order, as near to the wanted ones as can be."""
    moved = list(places)
    for _ in range(50):
        for k in range(len(moved) - 1):
            short = gap - (moved[k + 1] - moved[k])
            if short > 1e-9:
                moved[k] -= short / 2
                moved[k + 1] += short / 2
    return moved


def _label(scale: ColourScale) -> str:
    return STATISTIC_NAMES.get(scale.label, scale.label)


def _label_lines(label: str, *, px: float) -> tuple[str, ...]:
    """Return the label in lines that are no longer than the shortest bar with some air."""
    return wrap(label, width=1.25 * MIN_BAR * px, size=LABEL * px)


def _label_words(bar: Bar, ticks: list[Words], *, view: View) -> list[Words]:
    """Return quantity and unit, written upwards beside the ticks."""
    px = view.scale
    right = max(word.x + text_width(word.text, size=word.size, bold=word.bold) for word in ticks)
    middle = bar.top + bar.opacity.shape[0] / 2
    return [
        Words(
            text=line,
            x=right + (LABEL_LINE + 3 + k * LABEL_LINE) * px,
            y=middle,
            size=LABEL * px,
            colour=view.palette.ink,
            align="centre",
            upright=True,
        )
        for k, line in enumerate(_label_lines(bar.label, px=px))
    ]


def _legend(bar: Bar, served: Sequence[HeatMap], *, view: View) -> tuple[list[Words], list[Path]]:
    """Return what outlines and fade mean, under the bar."""
    px, palette = view.scale, view.palette
    y = bar.top + bar.opacity.shape[0] + (LEGEND_TOP + ARROW * bar.scale.saturates_low) * px
    lines = _legend_lines(served)
    words, paths = [], []
    for text, dash in lines:
        x = float(bar.left)
        if dash is not None:
            points = np.array([(x, y - 4 * px), (x + 22 * px, y - 4 * px)])
            dashes = tuple(length * px for length in dash)
            paths.append(
                Path(points=points, colour=palette.ink, width=px, dash=dashes, role="legend")
            )
            x += 28 * px
        words.append(Words(text=text, x=x, y=y, size=FOOT * px, colour=palette.faint))
        y += LEGEND_LINE * px
    return words, paths


def _legend_lines(served: Sequence[HeatMap]) -> list[tuple[str, tuple[float, ...] | None]]:
    judging = [panel for panel in served if panel.threshold.judges]
    lines: list[tuple[str, tuple[float, ...] | None]] = []
    signed = any(panel.judged.is_signed for panel in judging)
    if any(panel.survives_positive.any() for panel in judging):
        lines.append(("+ survives" if signed else "survives", ()))
    if any(panel.survives_negative.any() for panel in judging):
        lines.append(("− survives", OUTLINE_DASH))
    for level in sorted(served[0].scale.contours, reverse=True):
        sign, dash = ("≥", ()) if level > 0 else ("≤", OUTLINE_DASH)
        lines.append((f"{sign} {_as_given(level)}", dash))
    fade = fade_of(served[0])
    if not fade.own:
        lines += [("faded where", None), (fade.words, None)]
    return lines
