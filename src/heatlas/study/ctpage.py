"""The page about a CT scan: what it looks like, what was found in it, and how it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heatlas.core.page import (
    Block,
    Definitions,
    Details,
    Figure,
    Note,
    Page,
    Paragraph,
    Section,
)
from heatlas.core.slicestack import SliceStack
from heatlas.core.table import Column, Table
from heatlas.core.window import Window
from heatlas.core.words import count, join
from heatlas.study.ct import CtScan


def ct_page(scan: CtScan, *, figure: Figure, windows: Sequence[Window], reason: str) -> Page:
    """Return the page about a scan.

    Parameters
    ----------
    scan : CtScan
        The scan.
    figure : Figure
        Its slices through windows.
    windows : sequence of Window
        Which ones.
    reason : str
        Why these.

    Returns
    -------
    Page
        Pictures, findings, unit, slices, provenance; nothing says whose scan it is.
    """
    slices = count(len(scan.slices), "slice")
    unit = "in Hounsfield units" if scan.is_hu else "not in Hounsfield units"
    return Page(
        title="CT scan" if scan.is_hu else "Scan",
        lead=f"{slices}, {unit}, through {count(len(windows), 'window')}.",
        sections=(
            Section(title="Slices", anchor="slices", blocks=_pictures(figure, reason=reason)),
            Section(title="What was found", anchor="found", blocks=_found(scan)),
            Section(title="Unit", anchor="unit", blocks=_unit(scan)),
            Section(title="Positions", anchor="positions", blocks=_positions(scan.slices)),
            Section(title="How it was read", anchor="provenance", blocks=_history(scan)),
        ),
        provenance=scan.volume.provenance,
    )


def _pictures(figure: Figure, *, reason: str) -> tuple[Block, ...]:
    return figure, Paragraph(text=f"Windows: {reason}.")


def _found(scan: CtScan) -> tuple[Block, ...]:
    notes = [Note(kind="warning", text=text) for text in scan.notes]
    return (*notes, Definitions(items=scan.facts))


def _unit(scan: CtScan) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(text=scan.hounsfield.words)]
    if not scan.is_hu:
        blocks.append(
            Note(
                kind="limit",
                text="Windows in HU are refused for this scan; its own range is shown instead.",
            )
        )
    own = join(window.words for window in scan.windows)
    if own:
        blocks.append(Paragraph(text=f"The source proposes: {own}."))
    return tuple(blocks)


def _positions(stack: SliceStack) -> tuple[Block, ...]:
    if stack.position_unit != "mm":
        return (Paragraph(text="The source tells no positions."),)
    centres = stack.centres_mm()
    gaps = np.full(len(stack), np.nan)
    gaps[1:] = np.linalg.norm(np.diff(stack.corners_mm, axis=0), axis=1)
    scanned = np.array([np.isfinite(pixels).mean() for pixels in stack.values])
    numbers = tuple(
        Column(name=f"{axis}_mm", values=centres[:, k], unit="mm", digits=5)
        for k, axis in enumerate("xyz")
    )
    table = Table(
        columns=(
            Column(name="slice", values=np.arange(1, len(stack) + 1, dtype=np.float64)),
            *numbers,
            Column(name="from_the_one_before_mm", values=gaps, unit="mm", digits=4),
            Column(name="scanned", values=scanned, digits=3),
        ),
        caption="Middle of each slice (RAS+), its distance from the slice before, and the share "
        "of its pixels that was scanned.",
    )
    return (Details(summary="All slices", blocks=(table,)),)


def _settings_words(parameters: Mapping[str, Any]) -> str:
    """Return settings as ``slices: 28; tilt degrees: 18.5``."""
    parts = []
    for name, setting in parameters.items():
        words = ", ".join(map(str, setting)) if isinstance(setting, list) else str(setting)
        if words:
            parts.append(f"{name.replace('_', ' ')}: {words}")
    return "; ".join(parts) or "none"


def _history(scan: CtScan) -> tuple[Block, ...]:
    steps = scan.volume.provenance.to_json()["steps"]
    items = tuple(
        (str(step["name"]), _settings_words(step.get("parameters", {}))) for step in steps
    )
    return (
        Definitions(items=items),
        Paragraph(
            text="Names, identifiers and dates of the source are not kept; inputs are told by "
            "digests. For research, not for diagnosis."
        ),
    )
