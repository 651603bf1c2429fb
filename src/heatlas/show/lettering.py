"""How wide words are: the one typeface of all pictures, measured before anything is drawn."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import ImageFont

# Spaces at which a line may break: not beside a sign, so that "p < .05" and "13 −" stay whole.
SEPARABLE = re.compile(r"(?<![<>=≥≤|+−]) +(?![<>=≥≤+−])")
FAMILY = "DejaVu Sans"
# Where the typeface is missing on the reader's machine, Verdana shares its widths.
FAMILIES = ("DejaVu Sans", "Verdana", "Geneva", "sans-serif")


@cache
def typeface(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, as matplotlib ships it, at a size in pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    basic = ImageFont.Layout.BASIC  # the same on every machine, with or without raqm
    return ImageFont.truetype(str(_folder() / name), size, layout_engine=basic)


@lru_cache(maxsize=1 << 14)
def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Return how many pixels a line of text takes."""
    return float(typeface(size, bold=bold).getlength(text))


@lru_cache(maxsize=1 << 9)
def inked(
    text: str, *, size: float, bold: bool, anchor: str, start: tuple[float, float]
) -> tuple[Any, tuple[int, int]]:  # Pillow's own kind of memory, which has no public name
    """Return a line of text as ink, and how far it lies from its whole pixel.

    ``start`` is the part of the place that is no whole pixel. Figures of one scan repeat most of
    their words, and drawing letters takes longer than drawing a slice.
    """
    font = typeface(size, bold=bold)
    ink, (right, down) = font.getmask2(text, "L", anchor=anchor, start=start, stroke_filled=True)
    return ink, (int(right), int(down))


def wrap(text: str, *, width: float, size: float, bold: bool = False) -> tuple[str, ...]:
    """Return the text in lines that are no wider than ``width`` pixels, words kept whole.

    A single word that is wider than the line is broken where it must be.
    """
    lines: list[str] = []
    line = ""
    for word in SEPARABLE.split(text.strip()):
        longer = f"{line} {word}".strip()
        if text_width(longer, size=size, bold=bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *whole, line = _pieces(word, width=width, size=size, bold=bold)
        lines += whole
    return (*lines, line) if line else tuple(lines)


def _pieces(word: str, *, width: float, size: float, bold: bool) -> list[str]:
    """Return a word in pieces that each fit the line."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width(pieces[-1] + letter, size=size, bold=bold) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


@cache
def _folder() -> Path:
    # Looking a package up does not import it: matplotlib stays behind its one door.
    spec = find_spec("matplotlib")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(list(places or ["."])[0]) / "mpl-data" / "fonts" / "ttf"
