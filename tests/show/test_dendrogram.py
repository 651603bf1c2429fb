"""A tree's brackets join what was merged, as high as the distance says."""

from __future__ import annotations

import numpy as np

from heatlas.show.dendrogram import branches

TREE = np.array([[0, 1, 0.5, 2], [3, 2, 1.0, 3]])


def test_brackets_join_leaves_and_clusters_at_their_height() -> None:
    first, last = branches(TREE, [10, 20, 40], reach=60)
    np.testing.assert_array_equal(first, [(10, 0), (10, 30), (20, 30), (20, 0)])
    np.testing.assert_array_equal(last, [(15, 30), (15, 60), (40, 60), (40, 0)])


def test_equal_entries_merge_without_height() -> None:
    (bracket,) = branches(np.array([[0, 1, 0.0, 2]]), [1, 2], reach=60)
    assert (bracket[:, 1] == 0).all()
