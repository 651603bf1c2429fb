"""A number, or one number per element, with its interval, unit and n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Mask
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import number


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate(Value):
    """What was estimated, between which limits.

    Parameters
    ----------
    value, low, high : array_like of float64
        Estimate and limits of its interval: all scalars (shape ()) or all of shape (mask.size,).
    level : float
        Coverage of the interval, 0.95 by default.
    kind : str
        What it is: ``"difference"``, ``"Hedges g"``, ``"partial R2"``, ``"overlap"``.
    standard_error : array_like of float64, optional
        Same shape as the value.
    unit : str
        Unit of the value.
    n : int, optional
        Number of observations behind it.
    mask : Mask, optional
        The elements, when there is one value per element.
    provenance : Provenance
        How it came about.
    """

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float = 0.95
    kind: str = ""
    standard_error: NDArray[np.float64] | None = None
    unit: str = ""
    n: int | None = None
    mask: Mask | None = None
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that their shapes agree."""
        shape = () if self.mask is None else (self.mask.size,)
        for name in ("value", "low", "high", "standard_error"):
            given: ArrayLike | None = getattr(self, name)
            if given is None:
                continue
            array = own_array(given, name=name, dtype=np.float64)
            if array.shape != shape:
                raise DataError(f"estimate: {name} has shape {array.shape}, expected {shape}.")
            set_field(self, name, to=array)
        if not 0 < self.level < 1:
            raise DataError(f"estimate: level {self.level} is not between 0 and 1.")

    def words(self, *, digits: int = 3) -> str:
        """Return ``0.42 [0.10, 0.74] ml`` for a single number."""
        if self.mask is not None:
            raise DataError("Only a single number can be put into words; this is a map.")
        inner = f"{number(float(self.value), digits=digits)} "
        inner += f"[{number(float(self.low), digits=digits)}, "
        inner += f"{number(float(self.high), digits=digits)}]"
        return f"{inner} {self.unit}".rstrip()
