"""One cell of the calibration, and how often an exact test has a false positive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import stats

from heatlas.infer.permute import arrangements_for
from heatlas.infer.request import PermutationSettings
from scripts.calibration_samples import LAYOUTS, Layout

Verdict = Literal["exact", "conservative", "approximate", "invalid"]

ALPHA = 0.05
FEW_SIZES = 100_000  # of the statistics of different arrangements: below, ties are counted


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A method under one kind of noise, with the verdict that theory gives before any run."""

    method: str
    """in words"""
    noise: str
    layout: str
    expected: Verdict
    why: str
    settings: PermutationSettings | None = None
    """None for thresholds that take p from the distribution of t"""
    threshold: str = ""
    known: float | None = None
    """the level where it is not that of the arrangements"""
    slack: float = 0.0
    """by how much the level may differ from it"""
    warns: bool = False
    """whether most sets must have been warned of"""
    across: bool = False
    """whether the contrasts are corrected together"""
    beside: bool = False
    """whether half of the elements hold a signal, so that only the others can be false"""
    small: bool = False
    """whether only a small volume is tested"""

    @property
    def key(self) -> str:
        """What names the cell, and its streams of chance."""
        return f"{self.method} | {self.noise} | {self.layout}"

    @property
    def maps(self) -> Layout:
        """The design."""
        return LAYOUTS[self.layout]

    @cached_property
    def level(self) -> float:
        """How often an exact test of this kind has a false positive; alpha for all others."""
        if self.known is not None:
            return self.known
        if self.expected != "exact" or self.settings is None:
            return ALPHA
        plan = arrangements_for(self.maps.design, self.maps.contrasts[0], settings=self.settings)
        mirrored = self.maps.mirrored and self.settings.two_sided
        return exact_level(plan.n_possible, n_made=plan.n_arrangements, mirrored=mirrored)


def exact_level(n_possible: float, *, n_made: int, mirrored: bool) -> float:
    """Return the chance of p <= alpha where every arrangement is equally likely to be the real one.

    Mirrored arrangements have statistics of equal size, so that they come in twos. When all are
    made, p is one of 1 / n, 2 / n, ...; when they are drawn, some draws tie with the identity.
    """
    n_sizes = n_possible / (2 if mirrored else 1)
    if n_made >= n_possible:
        return float(np.floor(ALPHA * n_sizes + 1e-9) / n_sizes)
    allowed = int(np.floor(ALPHA * n_made + 1e-9))
    if n_sizes > FEW_SIZES:
        return allowed / n_made
    rank = np.arange(1, n_sizes + 1) / n_sizes
    return float(stats.binom.cdf(allowed - 1, n_made - 1, rank).mean())
