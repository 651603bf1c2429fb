"""Clusters stand together, and the order of the input changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.order import cluster
from heatlas.core.matrix import LabelledMatrix, Side

NAMES = ("a1", "b1", "a2", "b2", "a3", "b3")


def blocks() -> LabelledMatrix:
    """Two groups of three, alike within and not across, with a little noise."""
    group = np.array([name[0] == "a" for name in NAMES])
    noise = np.random.default_rng(0).normal(scale=0.03, size=(6, 6))
    values = np.where(group[:, None] == group, 0.8, -0.1) + (noise + noise.T) / 2
    np.fill_diagonal(values, 1)
    side = Side(names=NAMES)
    return LabelledMatrix(values=values, rows=side, columns=side)


def shown(side: Side) -> list[str]:
    return [side.names[k] for k in side.shown]


def test_groups_stand_together() -> None:
    clustered = cluster(blocks())
    groups = "".join(name[0] for name in shown(clustered.rows))
    assert groups in {"aaabbb", "bbbaaa"}
    assert clustered.columns.shown == clustered.rows.shown
    assert clustered.rows.linkage is not None


def test_the_order_of_the_input_changes_nothing() -> None:
    matrix = blocks()
    turn = [3, 0, 5, 1, 4, 2]
    side = Side(names=tuple(NAMES[k] for k in turn))
    turned = LabelledMatrix(values=matrix.values[np.ix_(turn, turn)], rows=side, columns=side)
    assert shown(cluster(turned).rows) == shown(cluster(matrix).rows)
    one, other = cluster(matrix).ordered().rows, cluster(turned).ordered().rows
    assert one.linkage is not None
    assert other.linkage is not None
    np.testing.assert_allclose(one.linkage, other.linkage)


def test_rows_and_columns_of_two_sets_get_orders_of_their_own() -> None:
    values = blocks().values[:, :4]
    matrix = LabelledMatrix(values=values, rows=Side(names=NAMES), columns=Side(names=NAMES[:4]))
    clustered = cluster(matrix)
    assert clustered.rows.linkage is not None
    assert clustered.columns.linkage is not None
    assert len(clustered.columns.linkage) == 3


def test_missing_cells_are_no_obstacle() -> None:
    values = np.array(blocks().values)
    values[0, 1] = values[1, 0] = np.nan
    side = Side(names=NAMES)
    clustered = cluster(LabelledMatrix(values=values, rows=side, columns=side))
    assert sorted(clustered.rows.shown) == list(range(6))
    assert np.isnan(clustered.values[0, 1])


def test_two_entries_keep_their_order() -> None:
    matrix = LabelledMatrix(
        values=np.eye(2), rows=Side(names=("b", "a")), columns=Side(names=("c", "d"))
    )
    assert cluster(matrix).rows.shown == (0, 1)
    assert cluster(matrix).rows.linkage is None


@pytest.mark.parametrize("n", [3, 40])
def test_a_tree_has_one_merge_less_than_leaves(n: int) -> None:
    values = np.corrcoef(np.random.default_rng(n).normal(size=(n, 9)))
    side = Side(names=tuple(f"m{k:02d}" for k in range(n)))
    tree = cluster(LabelledMatrix(values=values, rows=side, columns=side)).rows.linkage
    assert tree is not None
    assert tree.shape == (n - 1, 4)
