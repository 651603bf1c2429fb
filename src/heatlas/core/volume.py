"""One image: values on a grid, with the stored step of the file that it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import SpaceMismatchError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume(Value):
    """Values on a grid of voxels.

    Parameters
    ----------
    values : array_like of float32 or float64, shape grid.shape
        One value per voxel, axes as the grid's; NaN where there is none.
    grid : Grid
        Where the voxels lie.
    stored_step : float, optional
        Smallest difference that the source file can hold (``scl_slope`` of integer files).
    name : str
        Word for the image in messages and captions (a file's stem, never a path).
    provenance : Provenance
        How it came about.
    """

    values: NDArray[np.floating]
    grid: Grid
    stored_step: float | None = None
    name: str = ""
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the values."""
        given = np.asarray(self.values)
        dtype = np.float64 if given.dtype == np.float64 else np.float32
        values = own_array(self.values, name="volume", dtype=dtype, ndim=3)
        if values.shape != self.grid.shape:
            raise SpaceMismatchError(
                f"volume: shape {values.shape} does not fit the grid's {self.grid.shape}."
            )
        set_field(self, "values", to=values)
