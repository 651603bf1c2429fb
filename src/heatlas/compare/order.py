"""In which order rows and columns stand: clusters whose leaves lie next to their likes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import pdist, squareform

from heatlas.core.matrix import LabelledMatrix, Side

Floats = NDArray[np.float64]
FEWEST = 3  # entries that a tree can put into an order
# Optimal leaf order takes time with the third power of the entries.
MOST_ORDERED = 600


def cluster(matrix: LabelledMatrix) -> LabelledMatrix:
    """Return the matrix with the order and the tree of its rows and columns.

    Parameters
    ----------
    matrix : LabelledMatrix
        Likenesses; NaN cells count as 0.

    Returns
    -------
    LabelledMatrix
        Same values, with order and linkage on both sides. Fewer than three entries keep their
        order and get no tree.

    Notes
    -----
    Average linkage. Entries of a matrix against itself are as far apart as 1 minus their value;
    rows (columns) of a matrix of two sets as the Euclidean distance of their values. The leaves
    are turned so that neighbours are as alike as the tree allows (for up to 600 entries). The
    order of the input changes nothing: entries are sorted by name first, and the tree is read
    from the end whose name comes first.

    References
    ----------
    Bar-Joseph, Gifford, Jaakkola (2001), Fast optimal leaf ordering for hierarchical clustering,
    doi:10.1093/bioinformatics/17.suppl_1.S22.
    """
    values = np.nan_to_num(matrix.values)
    if matrix.is_square:
        side = _ordered(matrix.rows, values, is_square=True)
        columns = replace(matrix.columns, order=side.order, linkage=side.linkage)
        return replace(matrix, rows=side, columns=columns)
    return replace(
        matrix,
        rows=_ordered(matrix.rows, values, is_square=False),
        columns=_ordered(matrix.columns, values.T, is_square=False),
    )


def _ordered(side: Side, values: Floats, *, is_square: bool) -> Side:
    """Return a side with the order and tree of the rows of the values."""
    if len(side) < FEWEST:
        return side
    by_name = sorted(range(len(side)), key=lambda k: side.names[k])
    distances = _distances(values, by_name, is_square=is_square)
    tree = linkage(distances, method="average")
    if len(side) <= MOST_ORDERED:
        tree = optimal_leaf_ordering(tree, distances)
    leaves = [by_name[k] for k in leaves_list(tree)]
    if side.names[leaves[-1]] < side.names[leaves[0]]:
        leaves = leaves[::-1]
    return replace(side, order=np.array(leaves), linkage=_renumbered(tree, by_name))


def _distances(values: Floats, by_name: list[int], *, is_square: bool) -> Floats:
    """Return distances between the entries in the order of their names, condensed."""
    if not is_square:
        others = np.lexsort(values[by_name])  # the order of the other side changes no digit
        return np.asarray(pdist(values[by_name][:, others]))
    square = 1 - values[np.ix_(by_name, by_name)]
    square = np.maximum((square + square.T) / 2, 0)
    np.fill_diagonal(square, 0)
    return np.asarray(squareform(square, checks=False))


def _renumbered(tree: Floats, by_name: list[int]) -> Floats:
    """Return the tree with the entries' own numbers as leaves."""
    numbers = np.array([*by_name, *range(len(by_name), 2 * len(by_name) - 1)], dtype=np.float64)
    renumbered = np.array(tree)
    renumbered[:, :2] = numbers[tree[:, :2].astype(int)]
    return renumbered
