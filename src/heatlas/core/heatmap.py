"""The one thing that may reach a screen: evidence, its judgement, its colours, its provenance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatlas.core.colour import ColourScale, scale_for
from heatlas.core.errors import SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.renderer import render_png
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold, no_threshold
from heatlas.core.validate import check_length
from heatlas.core.value import Value
from heatlas.core.words import count, number


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMap(Value):
    """A map together with everything that a reader must know to trust it.

    Parameters
    ----------
    shown : StatMap
        What the colours show: the statistic itself, an effect or a mean.
    judged : StatMap
        The statistic by which it was judged; its magnitude sets the opacity.
    threshold : Threshold
        The rule and what survives it.
    scale : ColourScale
        How shown values become colours.
    title : str
        Short heading.
    element : str
        Word for one element: ``"voxel"``.
    provenance : Provenance
        How it came about.
    """

    shown: StatMap
    judged: StatMap
    threshold: Threshold
    scale: ColourScale
    title: str = ""
    element: str = "voxel"
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Check that all parts speak of the same elements."""
        if not self.shown.mask.same_as(self.judged.mask):
            raise SpaceMismatchError("The map shown and the map judged have different masks.")
        size = self.shown.mask.size
        check_length(self.threshold.survives, name="threshold", expected=size, per="elements")

    @property
    def survives_positive(self) -> np.ndarray:
        """Surviving elements with a judged value above zero, shape (v,)."""
        return self.threshold.survives & (self.judged.values > 0)

    @property
    def survives_negative(self) -> np.ndarray:
        """Surviving elements with a judged value below zero, shape (v,)."""
        return self.threshold.survives & (self.judged.values < 0)

    def caption(self) -> str:
        """Return one sentence that says what is seen and how it was judged."""
        parts = [self._what(), self.judged.sample_words()]
        if self.threshold.judges:
            parts += [
                self._sides(),
                self.threshold.words,
                self._cut_words(),
                self.survivors_words(),
            ]
        return ", ".join(part for part in parts if part)

    def survivors_words(self) -> str:
        """Return ``1,870 voxels (1,857 +, 13 −)`` or ``no voxel survives``."""
        total = self.threshold.n_surviving
        if total == 0:
            return f"no {self.element} survives"
        words = count(total, self.element)
        if self.judged.is_signed and self.threshold.two_sided:
            up, down = int(self.survives_positive.sum()), int(self.survives_negative.sum())
            words += f" ({up:,} +, {down:,} −)"
        return words

    def draw(self) -> bytes:
        """Return the default picture of the map as PNG bytes."""
        return render_png(self)

    def _repr_png_(self) -> bytes:
        """Let notebooks show the map."""
        return self.draw()

    def _what(self) -> str:
        shown = self.shown
        quantity = shown.quantity or str(shown.kind)
        unit = f" in {shown.unit}" if shown.unit else ""
        of = f" of {shown.contrast}" if shown.contrast else ""
        if shown.is_statistic:
            return f"{shown.symbol} map{of}"
        if shown.kind == "mean":
            return f"mean {quantity}{unit}{of}"
        if shown.kind == "effect":
            return f"{quantity}{unit}: effect{of}"
        return f"{quantity} map{unit}{of}"

    def _sides(self) -> str:
        if self.judged.kind == "F" or not self.judged.is_signed:
            return ""
        return "two-sided" if self.threshold.two_sided else "one-sided"

    def _cut_words(self) -> str:
        rule = self.threshold
        if rule.method == "value":
            return ""
        if rule.extended_cut is not None:
            if rule.quantity == "cluster extent" and self.element == "voxel":
                return f"{rule.quantity} > {rule.extended_cut:,.0f} {self.element}s"
            return f"{rule.quantity} > {number(rule.extended_cut, digits=3)}"
        if rule.cut is None:
            return ""
        bars = rule.two_sided and self.judged.is_signed
        name = self.judged.symbol if self.judged.is_statistic else "value"
        name = f"|{name}|" if bars else name
        return f"{name} > {number(rule.cut, digits=3)}"


def heat_map_of(
    stat_map: StatMap,
    *,
    threshold: Threshold | None = None,
    judged: StatMap | None = None,
    scale: ColourScale | None = None,
    title: str = "",
) -> HeatMap:
    """Return the heat map of a statistic or of a descriptive map with default colours.

    Parameters
    ----------
    stat_map : StatMap
        What the colours show.
    threshold : Threshold, optional
        Judgement; without one the map is descriptive.
    judged : StatMap, optional
        The statistic that was judged, where it is not the map shown.
    scale : ColourScale, optional
        Colours; the default comes from :func:`heatlas.core.colour.scale_for`.
    title : str
        Short heading.

    Returns
    -------
    HeatMap
        Ready to be drawn.
    """
    rule = threshold or no_threshold(stat_map.mask.size)
    fade_rule = rule if judged is None else None
    return HeatMap(
        shown=stat_map,
        judged=judged or stat_map,
        threshold=rule,
        scale=scale or scale_for(stat_map, threshold=fade_rule),
        title=title,
        provenance=stat_map.provenance,
    )
