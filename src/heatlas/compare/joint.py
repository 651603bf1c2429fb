"""How the values of two maps go together: counts of elements over both values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

Floats = NDArray[np.float64]
N_BINS = 44
TAIL = 0.001  # share of the elements beyond each end, which are counted in the outermost bins


@dataclass(frozen=True, kw_only=True, eq=False)
class JointHistogram(Value):
    """Counts of elements by the values of two maps.

    Parameters
    ----------
    counts : array_like of float64, shape (y bins, x bins)
        How many elements; y rises with the row number.
    x_edges, y_edges : array_like of float64
        Limits of the bins; values beyond the ends are counted in the outermost bins.
    """

    counts: Floats
    x_edges: Floats
    y_edges: Floats

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit."""
        for name, ndim in (("counts", 2), ("x_edges", 1), ("y_edges", 1)):
            array = own_array(getattr(self, name), name=name, dtype=np.float64, ndim=ndim)
            set_field(self, name, to=array)
        if self.counts.shape != (len(self.y_edges) - 1, len(self.x_edges) - 1):
            raise DataError(f"counts: shape {self.counts.shape} does not fit the edges.")


def joint_histogram(selection: Selection, *, row: int, column: int) -> JointHistogram:
    """Count the elements of a cell by both maps' values.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    row, column : int
        Numbers of the maps; the column's values run along x, the row's along y.

    Returns
    -------
    JointHistogram
        44 bins each way between the values that 0.1 % of the elements lie beyond.

    Raises
    ------
    DataError
        If the two maps share no element.
    """
    shared = selection.pair(row, column)
    if not shared.any():
        raise DataError("The two maps share no voxel, so there is nothing to count.")
    y, x = selection.values_of(row)[shared], selection.values_of(column)[shared]
    x_edges, y_edges = _edges(x), _edges(y)
    counts, _, _ = np.histogram2d(
        np.clip(y, y_edges[0], y_edges[-1]),
        np.clip(x, x_edges[0], x_edges[-1]),
        bins=(y_edges, x_edges),
    )
    return JointHistogram(counts=counts, x_edges=x_edges, y_edges=y_edges)


def _edges(values: Floats) -> Floats:
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    if not high > low:
        low, high = float(values.min()), float(values.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, N_BINS + 1)
