"""What may be measured of a cell whose expected verdict is true, and whether it was."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from heatlas.infer.fwe import clopper_pearson
from scripts.calibration_cell import ALPHA, Cell
from scripts.calibration_sets import Found

FAMILY_ERROR = 0.01  # chance that any of the exact cells of a right engine misses its band
TOLERANCE = 0.5  # of alpha, that an approximate level may be off (Bradley 1978)
MOST = 0.5  # share of sets that must have been warned of


class Measured(NamedTuple):
    """A cell after its sets were judged."""

    cell: Cell
    found: Found
    n_sets: int
    low: int
    """fewest sets with a false positive that the expected verdict allows"""
    high: int
    """most of them"""

    @property
    def rate(self) -> float:
        """Share of sets with a false positive."""
        return self.found.false / self.n_sets

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate."""
        low, high = clopper_pearson([self.found.false], self.n_sets)
        return float(low[0]), float(high[0])

    @property
    def warned(self) -> float | None:
        """Share of sets that were warned of; None where no assumption is looked at."""
        return None if self.cell.settings is None else self.found.warned / self.n_sets

    @property
    def in_band(self) -> bool:
        """Whether the rate is one that the expected verdict allows."""
        return self.low <= self.found.false <= self.high

    @property
    def reached(self) -> bool:
        """Whether rate and warnings are as expected."""
        return self.in_band and not (self.cell.warns and (self.warned or 0) <= MOST)


class Together(NamedTuple):
    """All exact cells as one, which sees a bias too small for each of them."""

    n_cells: int
    false: int
    n_sets: int
    low: int
    high: int

    @property
    def reached(self) -> bool:
        """Whether the number of false positives is one that exact levels allow."""
        return self.low <= self.false <= self.high


def measure(found: dict[str, tuple[Cell, Found]], *, n_sets: int) -> list[Measured]:
    """Hold each cell against the band of its verdict."""
    n_exact = sum(cell.expected == "exact" for cell, _ in found.values())
    error = FAMILY_ERROR / max(n_exact, 1)
    return [
        Measured(cell, one, n_sets, *band_of(cell, n_sets=n_sets, error=error))
        for cell, one in found.values()
    ]


def band_of(cell: Cell, *, n_sets: int, error: float) -> tuple[int, int]:
    """Return the fewest and the most sets with a false positive that the verdict allows.

    A cell whose verdict is true misses its band with a chance of at most ``error``.
    """
    if cell.expected == "conservative":
        return 0, _most(n_sets, level=ALPHA, error=error)
    if cell.expected == "invalid":
        return _most(n_sets, level=ALPHA, error=error) + 1, n_sets
    off = TOLERANCE * ALPHA if cell.expected == "approximate" else cell.slack
    level = cell.level
    fewest = stats.binom.ppf(error / 2, n_sets, level - off)
    return int(fewest), _most(n_sets, level=level + off, error=error / 2)


def together(measured: list[Measured]) -> Together | None:
    """Hold all exact cells against their levels at once, at 99 %; None where there is none."""
    exact = [one for one in measured if one.cell.expected == "exact"]
    if not exact:
        return None
    sets = np.array([one.n_sets for one in exact])
    level = np.array([one.cell.level for one in exact])
    slack = np.array([one.cell.slack for one in exact])
    width = stats.norm.isf(FAMILY_ERROR / 2) * math.sqrt((sets * level * (1 - level)).sum())
    return Together(
        n_cells=len(exact),
        false=sum(one.found.false for one in exact),
        n_sets=int(sets.sum()),
        low=math.ceil((sets * (level - slack)).sum() - width),
        high=math.floor((sets * (level + slack)).sum() + width),
    )


def _most(n_sets: int, *, level: float, error: float) -> int:
    """Return the number of sets that is exceeded with a chance of at most ``error``."""
    return int(stats.binom.isf(error, n_sets, level))
