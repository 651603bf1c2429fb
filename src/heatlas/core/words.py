"""How numbers, p values, counts and lists are put into words, the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def number(value: float, *, digits: int = 3) -> str:
    """Return a number with so many significant digits, without exponent where that is short."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")  # 9.999 has the size of 10.0
    size = math.floor(math.log10(abs(rounded)))
    if -4 <= size < 7:
        text = f"{value:,.{max(digits - 1 - size, 0)}f}"
    else:
        text = f"{value:.{digits - 1}e}"
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """Return ``p`` as the field writes it: ``p = .032``, ``p < .001``; never zero."""
    if math.isnan(p):
        return "p n/a"
    if p < 0.001:
        return "p < .001"
    if p >= 0.9995:
        return "p > .999"
    return "p = " + f"{p:.3f}".removeprefix("0")


def level(alpha: float) -> str:
    """Return a significance level as the field writes it: ``.05``."""
    return f"{alpha:g}".removeprefix("0")


def place(position_mm: Iterable[float]) -> str:
    """Return a position as ``(6.9, 24.1, 54)``, in mm and without a unit."""
    words = (f"{mm:.1f}".removesuffix(".0").replace("-", "−") for mm in position_mm)
    return f"({', '.join('0' if word == '−0' else word for word in words)})"


def percent(share: float, *, digits: int = 0) -> str:
    """Return a share between 0 and 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def count(n: int, noun: str, *, plural: str | None = None) -> str:
    """Return ``1 voxel``, ``1,234 voxels``; the plural adds an s unless given."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def join(items: Iterable[str], *, last: str = "and") -> str:
    """Return ``a, b and c``."""
    listed = list(items)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} {last} {listed[-1]}"


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known word that is spelt most like the name, if any comes close."""
    folded = {word.lower(): word for word in known}
    found = get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def unknown(kind: str, name: str, *, known: Iterable[str]) -> str:
    """Return the sentence for an unknown name: what was seen, the nearest, what is known."""
    listed = [str(word) for word in known]
    guess = nearest(name, listed)
    hint = f" Did you mean '{guess}'?" if guess else ""
    shown = ", ".join(listed[:40]) + (", ..." if len(listed) > 40 else "")
    return f"Unknown {kind} '{name}'.{hint} Known: {shown or 'none'}."
