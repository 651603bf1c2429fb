"""How far each cell of a comparison moves under other policies about background."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.policy import POLICIES
from heatlas.core.matrix import LabelledMatrix
from heatlas.core.table import Column, Table
from heatlas.core.words import count

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def movement_table(
    matrix: LabelledMatrix,
    by_policy: Mapping[str, Floats],
    *,
    shown: Flags,
    turned: Flags,
    element: str = "voxel",
) -> Table:
    """Return one row a cell: its value under every policy and how far it moves.

    Parameters
    ----------
    matrix : LabelledMatrix
        Names of rows and columns, and what is measured.
    by_policy : mapping of str to numpy.ndarray of float64, shape (rows, columns)
        The measure under each policy.
    shown : numpy.ndarray of bool, shape (rows, columns)
        Cells that get a row.
    turned : numpy.ndarray of bool, shape (rows, columns)
        Cells whose sign depends on the policy; they come first.
    element : str
        What is compared, voxels or regions.

    Returns
    -------
    Table
        What moves farthest comes first.
    """
    row, column = np.nonzero(shown)
    values = {name: cells[shown] for name, cells in by_policy.items()}
    spread = _spread(np.stack(list(values.values())))
    turns = turned[shown]
    columns = [
        Column(name="row", values=tuple(matrix.rows.names[k] for k in row)),
        Column(name="column", values=tuple(matrix.columns.names[k] for k in column)),
        *(
            Column(name=name, values=cells, description=POLICIES[name].words_for(element))
            for name, cells in values.items()
        ),
        Column(name="range", values=spread, description="largest minus smallest value"),
        Column(
            name="sign_depends_on_policy",
            values=tuple("yes" if turn else "no" for turn in turns),
        ),
    ]
    caption = (
        f"{matrix.kind} under {count(len(values), 'policy', plural='policies')} about background; "
        f"the sign of {int(turns.sum())} of {count(len(turns), 'cell')} depends on it."
    )
    order = np.lexsort((-np.nan_to_num(spread), ~turns))
    return Table(columns=tuple(columns), caption=caption).take(order)


def _spread(stacked: Floats) -> Floats:
    """Return the range of each column, NaN where fewer than two values are known."""
    known = np.isfinite(stacked).sum(axis=0)
    high = np.where(np.isnan(stacked), -np.inf, stacked).max(axis=0)
    low = np.where(np.isnan(stacked), np.inf, stacked).min(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known > 1, high - low, np.nan))
