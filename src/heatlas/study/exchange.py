"""From columns of the table to what may be rearranged: blocks, and groups of one variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import Table
from heatlas.core.words import count
from heatlas.infer.exchangeability import Exchangeability
from heatlas.stats.marginal import BuiltModel
from heatlas.study.spec import AnalysisSpec

SHOWN = 5
FEWEST = 2  # maps of a group, so that it has a variance


def exchangeability_of(
    analysis: AnalysisSpec, table: Table, *, model: BuiltModel
) -> Exchangeability:
    """Return which maps of an analysis may trade places.

    Parameters
    ----------
    analysis : AnalysisSpec
        Names the columns.
    table : Table
        The cohort.
    model : BuiltModel
        Which rows of the table the analysis uses.

    Returns
    -------
    Exchangeability
        Blocks as numbers, words in sorted order from 1 on; free where the study names none.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    DesignError
        If a map has no block, or labels are neither words nor whole numbers.
    """
    asked = analysis.exchangeability
    if asked is None:
        return Exchangeability()
    if not asked.columns:
        return Exchangeability(mode=asked.mode)
    columns = [
        _labels(table, name, model=model, what="exchangeability.blocks") for name in asked.columns
    ]
    return Exchangeability(
        blocks=columns[0] if len(columns) == 1 else np.column_stack(columns),
        shuffle=asked.shuffle,
        mode=asked.mode,
        names=asked.columns,
    )


def variance_groups_of(
    analysis: AnalysisSpec, table: Table, *, model: BuiltModel
) -> NDArray[np.int64] | None:
    """Return the variance group of each map of an analysis, None where the study names none.

    Parameters
    ----------
    analysis : AnalysisSpec
        Names the column.
    table : Table
        The cohort.
    model : BuiltModel
        Which rows of the table the analysis uses.

    Returns
    -------
    numpy.ndarray of int64 or None
        Groups numbered from 1, shape (n,).

    Raises
    ------
    UnknownNameError
        If there is no such column.
    DesignError
        If a map has no group, or a group has a single map.
    """
    name = analysis.variance_groups
    if name is None:
        return None
    labels = _labels(table, name, model=model, what="variance_groups")
    groups = np.unique(labels, return_inverse=True)[1].ravel() + 1
    words = table.take(model.rows).words(name)
    sizes = np.bincount(groups)[1:]
    for group in np.flatnonzero(sizes < FEWEST) + 1:
        word = words[int(np.flatnonzero(groups == group)[0])]
        raise DesignError(
            f"variance_groups: group '{word}' of column '{name}' has "
            f"{count(int(sizes[group - 1]), 'map')}, which has no variance of its own; join it "
            "with another group, or leave it out by where."
        )
    return groups


def _labels(table: Table, name: str, *, model: BuiltModel, what: str) -> NDArray[np.int64]:
    """Return the labels of a column as numbers, words in sorted order from 1 on."""
    try:
        column = table.column(name).take(model.rows)
    except UnknownNameError as error:
        raise UnknownNameError(f"{what}: {error}") from error
    lost = np.flatnonzero(column.missing)
    if len(lost):
        shown = ", ".join(model.design.ids[int(k)] for k in lost[:SHOWN])
        more = ", ..." if len(lost) > SHOWN else ""
        raise DesignError(
            f"{what}: column '{name}' has no value for {count(len(lost), 'map')} ({shown}{more}); "
            "every map needs one, so fill it in or leave these rows out by where."
        )
    if not isinstance(column.values, np.ndarray):
        words = np.array([str(word) for word in column.values])
        return np.asarray(np.unique(words, return_inverse=True)[1].ravel() + 1, dtype=np.int64)
    odd = np.flatnonzero(column.values != np.round(column.values))
    if len(odd):
        raise DesignError(
            f"{what}: column '{name}' holds {column.values[odd[0]]:g}; blocks and groups are named "
            "by words or whole numbers."
        )
    return column.values.astype(np.int64)
