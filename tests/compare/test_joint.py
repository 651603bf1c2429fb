"""A joint histogram counts every shared element once."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.joint import (
    N_BINS,
    JointHistogram,
    joint_histogram,
    joint_histograms,
    shared_values,
)
from heatlas.compare.policy import select_elements
from heatlas.core.errors import DataError
from tests.compare.fields import BRAIN, aligned, fields, volume

LEFT, RIGHT = BRAIN.copy(), BRAIN.copy()
LEFT[5:], RIGHT[:6] = False, False


def test_every_shared_element_is_counted_once_whatever_its_value() -> None:
    values = fields(2)
    values[0][6, 7, 5] = 1e6
    chosen = select_elements(aligned([volume(values[0]), volume(values[1])]))
    found = joint_histogram(chosen, row=0, column=1)
    assert found.counts.shape == (N_BINS, N_BINS)
    assert found.counts.sum() == BRAIN.sum()
    assert found.y_edges[-1] < 1e6


def test_rows_run_up_and_columns_across() -> None:
    values = fields(1)[0]
    chosen = select_elements(aligned([volume(10 * values), volume(values)]))
    found = joint_histogram(chosen, row=0, column=1)
    assert found.y_edges[-1] == pytest.approx(10 * found.x_edges[-1], rel=1e-5)
    filled = np.argwhere(found.counts > 0)
    assert (np.abs(filled[:, 0] - filled[:, 1]) <= 1).all()


def test_a_constant_has_bins_around_it() -> None:
    flat = np.where(np.arange(10) < 6, 4.0, fields(1)[0])
    low = BRAIN & (np.arange(10) < 6)
    maps = aligned([volume(flat), volume(fields(1, seed=2)[0], inside=low)])
    found = joint_histogram(select_elements(maps, policy="pairwise"), row=0, column=1)
    assert found.y_edges[0] < 4 < found.y_edges[-1]


def test_nothing_shared_is_nothing_to_count() -> None:
    maps = aligned([volume(fields(1)[0], inside=LEFT), volume(fields(1)[0], inside=RIGHT)])
    with pytest.raises(DataError, match="share no voxel"):
        joint_histogram(select_elements(maps, policy="pairwise"), row=0, column=1)


def test_counts_fit_their_edges() -> None:
    with pytest.raises(DataError, match="fit the edges"):
        JointHistogram(counts=np.ones((2, 3)), x_edges=[0, 1], y_edges=[0, 1, 2])


@pytest.mark.parametrize("policy", ["common", "pairwise", "union-zero"])
def test_many_cells_are_counted_as_one_by_one(policy: str) -> None:
    values = fields(3)
    maps = aligned([volume(values[0]), volume(values[1], inside=LEFT), volume(values[2])])
    chosen = select_elements(maps, policy=policy)
    pairs = [(0, 1), (2, 0), (1, 2)]
    for (row, column), found in zip(pairs, joint_histograms(chosen, pairs), strict=True):
        alone = joint_histogram(chosen, row=row, column=column)
        np.testing.assert_array_equal(found.counts, alone.counts)
        np.testing.assert_array_equal(found.x_edges, alone.x_edges)


def test_counts_equal_those_of_numpy() -> None:
    values = fields(2)
    chosen = select_elements(aligned([volume(values[0]), volume(values[1])]))
    found = joint_histogram(chosen, row=0, column=1)
    y, x = shared_values(chosen, row=0, column=1)
    edges = (found.y_edges, found.x_edges)
    inside = [np.clip(v, e[0], e[-1]) for v, e in zip((y, x), edges, strict=True)]
    expected, _, _ = np.histogram2d(*inside, bins=edges)
    np.testing.assert_array_equal(found.counts, expected)
