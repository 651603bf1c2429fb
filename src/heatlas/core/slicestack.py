"""Slices as acquired: each with its own position and orientation, before any grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SliceStack(Value):
    """Parallel or other slices of one scan, in the order of their positions.

    Parameters
    ----------
    values : array_like of float32, shape (n, rows, columns)
        One value per pixel; NaN where nothing was scanned (padding).
    corners_mm : array_like, shape (n, 3)
        Centre of the first pixel (row 0, column 0) of each slice in mm, RAS+.
    row_steps_mm, column_steps_mm : array_like, shape (n, 3)
        From a pixel to the one below it, and to the one on its right, in mm, RAS+.
    thickness_mm : float, optional
        Nominal thickness of a slice; how far a single slice reaches.
    unit : str
        Unit of the values, such as ``"HU"``; empty where nothing says it.
    position_unit : {"mm", "unknown"}
        ``"unknown"`` where the source tells no positions, as for pictures.
    name : str
        Word for the scan in messages; never an identity.
    provenance : Provenance
        How it came about.
    """

    values: NDArray[np.float32]
    corners_mm: Floats
    row_steps_mm: Floats
    column_steps_mm: Floats
    thickness_mm: float | None = None
    unit: str = ""
    position_unit: Literal["mm", "unknown"] = "mm"
    name: str = ""
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit each other."""
        values = own_array(self.values, name="slices", dtype=np.float32, ndim=3)
        if not values.size:
            raise DataError("slices: there is no pixel in them.")
        set_field(self, "values", to=values)
        for name in ("corners_mm", "row_steps_mm", "column_steps_mm"):
            array = own_array(getattr(self, name), name=name, dtype=np.float64, ndim=2)
            if array.shape != (len(values), 3) or not np.isfinite(array).all():
                raise DataError(
                    f"slices: {name} needs 3 finite numbers for each of {len(values)} slices."
                )
            set_field(self, name, to=array)
        if (np.linalg.norm(self.normals, axis=1) < 0.5).any():
            raise DataError("slices: rows and columns of a slice run the same way.")

    def __len__(self) -> int:
        """Return the number of slices."""
        return int(self.values.shape[0])

    @cached_property
    def normals(self) -> Floats:
        """Unit vector across each slice, columns x rows, shape (n, 3)."""
        across = np.cross(self.column_steps_mm, self.row_steps_mm)
        area = np.linalg.norm(self.column_steps_mm, axis=1) * np.linalg.norm(
            self.row_steps_mm, axis=1
        )
        return np.asarray(across / np.maximum(area, 1e-12)[:, None])

    @property
    def along_mm(self) -> Floats:
        """Place of each slice along the first one's normal, shape (n,)."""
        return np.asarray(self.corners_mm @ self.normals[0])

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance of rows and of columns in the first slice."""
        down, right = self.row_steps_mm[0], self.column_steps_mm[0]
        return float(np.linalg.norm(down)), float(np.linalg.norm(right))

    @property
    def is_parallel(self) -> bool:
        """True when all slices have the same orientation and pixel size (1e-4 of a pixel)."""
        step = min(self.pixel_mm)
        return all(
            bool(np.abs(steps - steps[0]).max() <= 1e-4 * step)
            for steps in (self.row_steps_mm, self.column_steps_mm)
        )

    def to_mm(self, number: int, pixels: ArrayLike) -> Floats:
        """Return where pixels (row, column) of one slice lie, in mm, shape (..., 3)."""
        rows, columns = np.moveaxis(np.asarray(pixels, dtype=np.float64), -1, 0)
        return np.asarray(
            self.corners_mm[number]
            + rows[..., None] * self.row_steps_mm[number]
            + columns[..., None] * self.column_steps_mm[number]
        )

    def centres_mm(self) -> Floats:
        """Return the middle of each slice in mm, shape (n, 3)."""
        rows, columns = self.values.shape[1:]
        down, right = (rows - 1) / 2, (columns - 1) / 2
        return np.asarray(self.corners_mm + down * self.row_steps_mm + right * self.column_steps_mm)
