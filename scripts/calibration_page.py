"""The calibration in words and tables, for readers of the documentation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from scripts.calibration_bands import Measured, Together, together
from scripts.calibration_cell import ALPHA
from scripts.calibration_cells import SECTIONS, N
from scripts.calibration_samples import MASK, NOISE_WORDS, SHAPE
from scripts.calibration_sets import SEED

HEADER = [
    "method", "noise", "maps", "expected", "why", "false positives", "95 % interval",
    "allowed", "warned", "reached",
]  # fmt: skip

TEMPLATE = Path(__file__).with_suffix(".md")


def page_of(measured: Sequence[Measured]) -> str:
    """Return the page as Markdown."""
    by_key = {one.cell.key: one for one in measured}
    sections = {
        title: [_row(by_key[cell.key]) for cell in cells if cell.key in by_key]
        for title, cells in SECTIONS.items()
    }
    tables = [f"## {title}\n\n{_table(rows)}" for title, rows in sections.items() if rows]
    return TEMPLATE.read_text(encoding="utf-8").format(
        n_sets=max(one.n_sets for one in measured),
        n_exact=sum(one.cell.expected == "exact" for one in measured),
        n=N,
        alpha=ALPHA,
        elements=MASK.size,
        shape=" × ".join(str(side) for side in SHAPE),
        seed=SEED,
        outcome=_outcome(measured),
        false_alarms=_false_alarms(measured),
        rate=defaultdict(lambda: math.nan, {key: one.rate for key, one in by_key.items()}),
        tables="\n".join(tables),
        noises="\n".join(f"- *{name}*: {words}" for name, words in NOISE_WORDS.items()),
    )


def _outcome(measured: Sequence[Measured]) -> str:
    """Say how many cells are as expected, and what all exact ones are together."""
    missed = [one.cell for one in measured if not one.reached]
    words = f"**{len(measured) - len(missed)} of {len(measured)} cells are as expected.**"
    if missed:
        words += (
            " Not: " + "; ".join(f"{c.method}, {c.noise}, {c.maps.words}" for c in missed) + "."
        )
    pooled = together(list(measured))
    return words if pooled is None else f"{words} {_pooled_words(pooled)}"


def _false_alarms(measured: Sequence[Measured]) -> str:
    """Say where an exact test was most often warned of."""
    exact = [one for one in measured if one.cell.expected == "exact" and one.warned is not None]
    if not exact:
        return ""
    most = max(exact, key=lambda one: one.warned or 0)
    return (
        f"Among the exact cells no more than {_warned(most)} of the sets were warned of, the most "
        f"in: {most.cell.method}, {most.cell.noise}, {most.cell.maps.words}."
    )


def _pooled_words(pooled: Together) -> str:
    """Say what all exact cells are together."""
    low, high = pooled.low / pooled.n_sets, pooled.high / pooled.n_sets
    verdict = "inside" if pooled.reached else "outside"
    return (
        f"All {pooled.n_cells} exact cells together: {pooled.false:,} false sets of "
        f"{pooled.n_sets:,}, {pooled.false / pooled.n_sets:.4f}, {verdict} the 99 % band of "
        f"their levels ({low:.4f} to {high:.4f}), which would show a bias too small for a single "
        "cell."
    )


def _row(one: Measured) -> list[str]:
    low, high = one.interval
    cell = one.cell
    allowed = f"{one.low / one.n_sets:.3f} to {one.high / one.n_sets:.3f}"
    if cell.expected == "conservative":
        allowed = f"up to {one.high / one.n_sets:.3f}"
    if cell.expected == "invalid":
        allowed = f"from {one.low / one.n_sets:.3f}"
    return [
        cell.method, cell.noise, cell.maps.words, cell.expected, cell.why, f"{one.rate:.3f}",
        f"{low:.3f} to {high:.3f}", allowed, _warned(one), "yes" if one.reached else "**no**",
    ]  # fmt: skip


def _warned(one: Measured) -> str:
    return "–" if one.warned is None else f"{100 * one.warned:.0f} %"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEADER, ["---"] * len(HEADER), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
