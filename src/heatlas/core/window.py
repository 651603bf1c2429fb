"""Windows: which range of values becomes the greys between black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import number

WindowShape = Literal["linear-exact", "linear", "sigmoid"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Window(Value):
    """Values between black and white.

    Parameters
    ----------
    name : str
        What it is for: ``"brain"``.
    centre, width : float
        Middle and extent of the range, in the unit of the values.
    unit : str
        That unit, ``"HU"`` for CT.
    shape : {"linear-exact", "linear", "sigmoid"}
        How values become greys, as DICOM defines it; ``linear`` counts the width in whole steps.
    table : numpy.ndarray of float64, optional
        Greys (0 to 1) of the values ``first``, ``first + 1``, ...; it takes the place of the
        formula where a file brings a table of its own.
    first : float
        Value of the table's first entry.

    References
    ----------
    DICOM PS3.3, C.11.2.1.2 (window centre and width, VOI LUT function).
    """

    name: str
    centre: float
    width: float
    unit: str = "HU"
    shape: WindowShape = "linear-exact"
    table: NDArray[np.float64] | None = None
    first: float = 0.0

    def __post_init__(self) -> None:
        """Check that the range is one."""
        check_choice(self.shape, name="shape of a window", known=get_args(WindowShape))
        smallest = 1.0 if self.shape == "linear" else 0.0
        finite = np.isfinite([self.centre, self.width]).all()
        if not finite or self.width < smallest or self.width == 0:
            raise DataError(
                f"window: centre {self.centre:g}, width {self.width:g} given; expected finite "
                "numbers and a width above 0."
            )
        if self.table is not None:
            table = own_array(self.table, name="window", dtype=np.float64, ndim=1)
            set_field(self, "table", to=table)

    @property
    def low(self) -> float:
        """Value that becomes black."""
        if self.table is not None:
            return self.first
        return self.centre - 0.5 - (self.width - 1) / 2 if self._steps else self._edge(-1)

    @property
    def high(self) -> float:
        """Value that becomes white."""
        if self.table is not None:
            return self.first + len(self.table) - 1
        return self.centre - 0.5 + (self.width - 1) / 2 if self._steps else self._edge(1)

    @property
    def words(self) -> str:
        """Return ``brain (centre 40, width 80 HU)``."""
        unit = f" {self.unit}" if self.unit else ""
        if self.table is not None:
            return f"{self.name} ({number(self.low)} to {number(self.high)}{unit} by a table)"
        return f"{self.name} (centre {_plain(self.centre)}, width {_plain(self.width)}{unit})"

    def greys(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return values as greys from 0 (black) to 1 (white), same shape; NaN stays NaN."""
        given = np.asarray(values, dtype=np.float32)
        if self.table is not None:
            places = np.arange(len(self.table)) + self.first
            return np.interp(given, places, self.table).astype(np.float32)
        if self.shape == "sigmoid":
            with np.errstate(over="ignore"):
                share = 1 / (1 + np.exp(-4 * (given - self.centre) / self.width))
            return np.asarray(share, dtype=np.float32)
        low, high = np.float32(self.low), np.float32(self.high)
        if high <= low:  # a linear window of width 1 is a step
            return np.where(np.isnan(given), given, given > low).astype(np.float32)
        return np.asarray(np.clip((given - low) / (high - low), 0, 1), dtype=np.float32)

    @property
    def _steps(self) -> bool:
        return self.shape == "linear"

    def _edge(self, side: int) -> float:
        return self.centre + side * self.width / 2


def _plain(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")
