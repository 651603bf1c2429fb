"""Whether a figure can be read: by normal and dichromatic eyes, and printed in grey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.colour import ColourScale
from heatlas.core.heatmap import HeatMap
from heatlas.core.table import Table, table_from_columns
from heatlas.core.value import Value, freeze
from heatlas.core.words import join, number
from heatlas.show.scene import Scene
from heatlas.show.view import THEMES, Theme

Floats = NDArray[np.float64]
Vision = Literal["normal", "protanopia", "deuteranopia", "tritanopia", "grey-scale"]
Aspect = Literal["sign", "order", "background"]
Status = Literal["pass", "by outline", "fail"]

# Full severity, for linear RGB: Machado, Oliveira & Fernandes (2009), doi:10.1109/TVCG.2009.113.
DICHROMACIES: Mapping[Vision, tuple[tuple[float, float, float], ...]] = freeze({
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
})
VISIONS: tuple[Vision, ...] = ("normal", *DICHROMACIES, "grey-scale")
LUMINANCE = (0.2126, 0.7152, 0.0722)
RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE_D65 = (0.95047, 1.0, 1.08883)

# Smallest CIEDE2000 differences that pass. About 1 is just seen when two patches touch; colours
# that are looked up in a bar or seen at a distance need several times that.
NEEDED: Mapping[Aspect, float] = freeze({"sign": 10.0, "order": 1.0, "background": 5.0})
STEPS = 10  # steps into which an arm of the scale is divided
LIGHTNESS_SLACK = 3.0  # in L*, over a whole arm; smaller reversals are not seen


@dataclass(frozen=True, kw_only=True, eq=False)
class Check(Value):
    """One aspect for one kind of vision.

    Parameters
    ----------
    vision : str
        ``"normal"``, a dichromacy or ``"grey-scale"``.
    aspect : {"sign", "order", "background"}
        Whether + and - of one magnitude differ; whether neighbouring steps of the bar differ and
        grow lighter or darker in order; whether what survives differs from the background.
    smallest : float
        Smallest CIEDE2000 difference that was found.
    needed : float
        Smallest one that passes.
    status : {"pass", "by outline", "fail"}
        Outlines, solid for + and dashed for -, rescue sign and background, but not order.
    """

    vision: Vision
    aspect: Aspect
    smallest: float
    needed: float
    status: Status


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict(Value):
    """What can be told apart in a figure, and by whom.

    Parameters
    ----------
    scales : tuple of str
        Names of the colour tables that were judged.
    checks : tuple of Check
        Of every table (the worst panel), kind of vision and aspect.
    """

    scales: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def passes(self) -> bool:
        """True when every aspect can be read by everybody, by colour or by outline."""
        return all(check.status != "fail" for check in self.checks)

    def words(self) -> str:
        """Return the verdict in a few sentences."""
        tables = join(f"'{name}'" for name in self.scales)
        if not self.passes:
            opening = f"The colours of {tables} fail: {_list_of(self._found('fail'))}."
        else:
            opening = f"The colours of {tables} pass for normal vision, three dichromacies and grey"
            opening += "-scale."
        rescued = self._found("by outline")
        if rescued:
            opening += f" Only the outlines (solid for +, dashed for −) tell {_list_of(rescued)}."
        return opening

    def table(self) -> Table:
        """Return one row per kind of vision and aspect, with the numbers."""
        checks = self.checks
        return table_from_columns(
            {
                "vision": [check.vision for check in checks],
                "aspect": [ASPECT_WORDS[check.aspect] for check in checks],
                "smallest CIEDE2000": np.array([check.smallest for check in checks]),
                "needed": np.array([check.needed for check in checks]),
                "verdict": [check.status for check in checks],
            },
            caption="Smallest colour differences in the figure, by kind of vision.",
        )

    def _found(self, status: Status) -> list[Check]:
        return [check for check in self.checks if check.status == status]


ASPECT_WORDS: Mapping[Aspect, str] = freeze({
    "sign": "+ from −",
    "order": "neighbouring steps in order",
    "background": "what survives from the background",
})


def verdict(figure: HeatMap | Scene, *, theme: str = "light") -> Verdict:
    """Return whether a heat map or a whole scene can be read by everybody.

    Parameters
    ----------
    figure : HeatMap or Scene
        What is judged: its colour scales, fades and backgrounds.
    theme : {"light", "dark"}
        Theme in which a heat map is to be drawn; a scene knows its own.

    Returns
    -------
    Verdict
        Numbers, words and a table.

    Notes
    -----
    Colours are compared by CIEDE2000 (Sharma, Wu & Dalal 2005, doi:10.1002/col.20070) after
    simulating dichromacies (Machado et al. 2009, doi:10.1109/TVCG.2009.113).
    """
    if isinstance(figure, HeatMap):
        judged = figure.threshold.judges
        cases = [_Case(figure.scale, judged, _greys(THEMES[theme]))]
    else:
        page = next(t for t in THEMES.values() if t.page == figure.page)
        greys = figure.tissue or _greys(page)
        cases = [_Case(panel.scale, panel.judged, greys) for panel in figure.panels]
    checks = [check for case in cases for check in _checks(case)]
    return Verdict(
        scales=tuple(dict.fromkeys(case.scale.table for case in cases)),
        checks=tuple(_worst(checks)),
    )


def simulate(colours: ArrayLike, vision: Vision) -> Floats:
    """Return linear RGB, 0 to 1, of sRGB colours (0 to 255) as seen by a kind of vision."""
    share = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    if vision == "grey-scale":
        return np.repeat((linear @ np.array(LUMINANCE))[..., None], 3, axis=-1)
    if vision == "normal":
        return linear
    return np.asarray(np.clip(linear @ np.array(DICHROMACIES[vision]).T, 0, 1))


def to_lab(linear: ArrayLike) -> Floats:
    """Return CIE L*a*b* (D65) of linear RGB, shape (..., 3)."""
    ratio = np.asarray(linear, dtype=np.float64) @ np.array(RGB_TO_XYZ).T / np.array(WHITE_D65)
    edge = 6 / 29
    root = np.where(ratio > edge**3, np.cbrt(ratio), ratio / (3 * edge**2) + 4 / 29)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the CIEDE2000 difference of CIE L*a*b* colours.

    Parameters
    ----------
    first, second : array_like, shape (..., 3)
        L*, a* and b*; they broadcast.

    Returns
    -------
    numpy.ndarray of float64
        The differences.

    References
    ----------
    Sharma, Wu & Dalal (2005), doi:10.1002/col.20070; the numbers of equations are theirs.
    """
    one, two = np.broadcast_arrays(
        np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    )
    chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(two[..., 1], two[..., 2])) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))  # (2) to (5)
    c1, h1 = _polar(one, stretch)
    c2, h2 = _polar(two, stretch)
    hue_step = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)  # (10)
    d_light, d_chroma = two[..., 0] - one[..., 0], c2 - c1
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(hue_step / 2))  # (11)
    light, mean_chroma = (one[..., 0] + two[..., 0]) / 2, (c1 + c2) / 2
    hue = _mean_hue(h1, h2, grey=c1 * c2 == 0)
    s_light, s_chroma, s_hue, turn = _weights(light, mean_chroma, hue=hue)
    parts = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    total = parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2 + turn * parts[1] * parts[2]
    return np.asarray(np.sqrt(np.maximum(total, 0)))


def _polar(lab: Floats, stretch: Floats) -> tuple[Floats, Floats]:
    """Return chroma and hue in degrees, (6) and (7)."""
    a, b = stretch * lab[..., 1], lab[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _mean_hue(h1: Floats, h2: Floats, *, grey: NDArray[np.bool_]) -> Floats:
    """Return the mean of two hues the short way round, (14)."""
    total = h1 + h2
    apart = np.abs(h1 - h2) > 180
    mean = np.where(apart, np.where(total < 360, total + 360, total - 360), total) / 2
    return np.where(grey, total, mean)


def _weights(light: Floats, chroma: Floats, *, hue: Floats) -> tuple[Floats, ...]:
    """Return S_L, S_C, S_H and R_T, (15) to (21)."""
    angle = np.radians(hue)
    tilt = 1 - 0.17 * np.cos(angle - np.radians(30)) + 0.24 * np.cos(2 * angle)
    tilt += 0.32 * np.cos(3 * angle + np.radians(6)) - 0.20 * np.cos(4 * angle - np.radians(63))
    s_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * tilt
    turn = 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    bend = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    return s_light, s_chroma, s_hue, -np.sin(np.radians(2 * bend)) * turn


@dataclass(frozen=True)
class _Case:
    """One colour scale on one background, with or without outlines."""

    scale: ColourScale
    outlined: bool
    greys: tuple[int, int]

    def magnitudes(self) -> Floats:
        """Return magnitudes that survive, or the upper half of the scale where none is judged."""
        cut = max((abs(cut) for cut in self.scale.cuts), default=self.scale.high / 2)
        return np.linspace(min(cut, self.scale.high), self.scale.high, 64)

    def surviving(self) -> Floats:
        """Return the values that survive on either side, as far as the picture holds them."""
        size = self.magnitudes()
        if self.scale.kind == "diverging":
            return np.concatenate([-size, size])
        return size


def _greys(theme: Theme) -> tuple[int, int]:
    return theme.dark, theme.bright


def _checks(case: _Case) -> list[Check]:
    checks = []
    for vision in VISIONS:
        if case.scale.kind == "diverging":
            checks.append(_check_sign(case, vision))
        checks.append(_check_order(case, vision))
        if case.outlined:
            checks.append(_check_background(case, vision))
    return checks


def _check_sign(case: _Case, vision: Vision) -> Check:
    size = case.magnitudes()
    smallest = ciede2000(_seen(case, size, vision=vision), _seen(case, -size, vision=vision)).min()
    return _made("sign", vision, smallest=float(smallest), rescued=case.outlined)


def _check_order(case: _Case, vision: Vision) -> Check:
    """Check each arm of the bar: neighbours must differ, and lightness must not turn back."""
    low = 0.0 if case.scale.kind == "diverging" else case.scale.low
    arms = [np.linspace(low, case.scale.high, STEPS + 1)]
    if case.scale.kind == "diverging":
        arms.append(-arms[0])
    smallest = np.inf
    for arm in arms:
        seen = _seen(case, arm, vision=vision)
        smallest = min(smallest, float(ciede2000(seen[:-1], seen[1:]).min()))
        lightness = np.diff(_seen(case, np.linspace(arm[0], arm[-1], 65), vision=vision)[:, 0])
        turned_back = min(lightness[lightness > 0].sum(), -lightness[lightness < 0].sum())
        smallest = 0.0 if turned_back > LIGHTNESS_SLACK else smallest
    return _made("order", vision, smallest=smallest, rescued=False)


def _check_background(case: _Case, vision: Vision) -> Check:
    greys = np.arange(case.greys[0], case.greys[1] + 1, 2)
    tissue = to_lab(simulate(np.repeat(greys[:, None], 3, axis=1), vision))
    seen = _seen(case, case.surviving(), vision=vision)
    smallest = ciede2000(seen[:, None], tissue[None]).min()
    return _made("background", vision, smallest=float(smallest), rescued=case.outlined)


def _seen(case: _Case, values: Floats, *, vision: Vision) -> Floats:
    return to_lab(simulate(case.scale.colours(values), vision))


def _made(aspect: Aspect, vision: Vision, *, smallest: float, rescued: bool) -> Check:
    needed = NEEDED[aspect]
    status: Status = "pass" if smallest >= needed else "by outline" if rescued else "fail"
    return Check(vision=vision, aspect=aspect, smallest=smallest, needed=needed, status=status)


def _worst(checks: list[Check]) -> list[Check]:
    """Return the worst check of each vision and aspect, over all panels."""
    rank: Mapping[Status, int] = {"fail": 0, "by outline": 1, "pass": 2}
    worst: dict[tuple[Vision, Aspect], Check] = {}
    for check in checks:
        key = (check.vision, check.aspect)
        other = worst.get(key)
        if other is None or (rank[check.status], check.smallest) < (
            rank[other.status],
            other.smallest,
        ):
            worst[key] = check
    return list(worst.values())


def _list_of(checks: list[Check]) -> str:
    """Return what cannot be told apart, and by which vision."""
    aspects = dict.fromkeys(check.aspect for check in checks)
    parts = []
    for aspect in aspects:
        found = [check for check in checks if check.aspect == aspect]
        low = number(min(check.smallest for check in found), digits=2)
        by = "every kind of vision" if len(found) == len(VISIONS) else join(c.vision for c in found)
        parts.append(f"{ASPECT_WORDS[aspect]} in {by} (ΔE {low}, needed {found[0].needed:g})")
    return join(parts)
