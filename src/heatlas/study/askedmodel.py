"""What a test is asked of, and the same model once it was read, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.infer.exchangeability import Exchangeability
from heatlas.stats.formula import Missing
from heatlas.stats.glm import ContrastRequest

Labels = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TableModel(Value):
    """A model in words of a table.

    Parameters
    ----------
    model : str
        Right-hand side of the regression.
    tests : tuple of ContrastRequest
        What is asked of it.
    table : Path, optional
        One row per map; not needed by the model ``"1"``.
    id_column : str, optional
        Column that names the maps.
    where : str, optional
        Condition that selects rows.
    missing : {"refuse", "drop"}
        What to do with rows that lack a value of the model.
    blocks : tuple of str
        Columns of exchangeability blocks, the outermost level first.
    variance_groups : str, optional
        Column that says whose errors share a variance.
    """

    model: str
    tests: tuple[ContrastRequest, ...]
    table: Path | None = None
    id_column: str | None = None
    where: str | None = None
    missing: Missing = "refuse"
    blocks: tuple[str, ...] = ()
    variance_groups: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from."""
        return () if self.table is None else (self.table,)


@dataclass(frozen=True, kw_only=True, eq=False)
class FslModel(Value):
    """A model in the design files of FSL.

    Parameters
    ----------
    design_mat : Path
        One row per map.
    con : Path
        t contrasts, one per row.
    fts : Path, optional
        F tests: which rows of ``con`` belong to each.
    grp : Path, optional
        Exchangeability blocks, as in randomise (where FLAME reads groups of one variance).
    variance_groups : Path, optional
        Another such file: whose errors share a variance.
    """

    design_mat: Path
    con: Path
    fts: Path | None = None
    grp: Path | None = None
    variance_groups: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from."""
        named = (self.design_mat, self.con, self.fts, self.grp, self.variance_groups)
        return tuple(path for path in named if path is not None)


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadModel(Value):
    """A model that was read, before any map is.

    Parameters
    ----------
    rows : numpy.ndarray of int64
        Which of the maps it uses.
    design : Design
        One row for each of them.
    contrasts : tuple of Contrast
        What is tested.
    exchangeability : Exchangeability
        What may be rearranged.
    variance_groups : numpy.ndarray of int64, optional
        Groups of one variance.
    notes : tuple of str
        What a reader must know about it.
    """

    rows: Labels
    design: Design
    contrasts: tuple[Contrast, ...]
    exchangeability: Exchangeability
    variance_groups: Labels | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        set_field(self, "rows", to=own_array(self.rows, name="rows", dtype=np.int64, ndim=1))
        if self.variance_groups is not None:
            groups = own_array(self.variance_groups, name="variance groups", dtype=np.int64, ndim=1)
            set_field(self, "variance_groups", to=groups)
