"""Many maps on one space: the matrix that every model reads, one table row per map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Mask
from heatlas.core.table import Table
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value


@dataclass(frozen=True, kw_only=True, eq=False)
class MapStack(Value):
    """n maps of v elements each.

    Parameters
    ----------
    values : array_like of float32, shape (n, v)
        One row per map, one column per element of the mask; all finite.
    mask : Mask
        The elements, and the space in which they lie.
    ids : tuple of str
        Name of each map, unique.
    table : Table
        One row per map, in the same order.
    measure : str
        What the values are, in words: ``"grey-matter volume"``.
    unit : str
        Unit of the values, ``""`` if unknown.
    provenance : Provenance
        How the stack came about.
    """

    values: NDArray[np.float32]
    mask: Mask
    ids: tuple[str, ...]
    table: Table
    measure: str = "value"
    unit: str = ""
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the values and check that everything fits."""
        values = own_array(self.values, name="maps", dtype=np.float32, ndim=2)
        set_field(self, "values", to=values)
        set_field(self, "ids", to=tuple(str(name) for name in self.ids))
        check_length(self.ids, name="ids", expected=len(values), per="maps")
        check_length(self.table, name="table rows", expected=len(values), per="maps")
        check_length(values.T, name="elements", expected=self.mask.size, per="mask elements")
        if len(set(self.ids)) < len(self.ids):
            raise DataError("ids: each map needs a name of its own.")
        if not np.isfinite(values).all():
            bad = [name for name, row in zip(self.ids, values, strict=True)
                   if not np.isfinite(row).all()]  # fmt: skip
            raise DataError(f"maps: values inside the mask are not finite in {', '.join(bad)}.")

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> MapStack:
        """Return the stack with only these maps, in this order."""
        return replace(
            self,
            values=self.values[rows],
            ids=tuple(self.ids[int(row)] for row in rows),
            table=self.table.take(rows),
        )
