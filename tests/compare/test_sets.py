"""Cells are put together by the elements that they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.policy import select_elements
from heatlas.compare.sets import cell_sets
from tests.compare.fields import BRAIN, aligned, fields, volume

HALF = BRAIN & (np.arange(BRAIN.shape[2]) < 5)


@pytest.mark.parametrize("policy", ["pairwise", "union-zero"])
def test_every_cell_of_two_maps_stands_in_one_set(policy: str) -> None:
    inside = [BRAIN, HALF, BRAIN, HALF]
    maps = aligned([volume(v, inside=i) for v, i in zip(fields(4), inside, strict=True)])
    chosen = select_elements(maps, policy=policy)
    sets = list(cell_sets(chosen, rows=range(4), columns=range(4)))
    assert len(sets) == 2
    seen = [cell for s in sets for cell in zip(s.across, s.down, strict=True)]
    assert sorted(seen) == [(i, j) for i in range(4) for j in range(4) if i != j]
    for cells in sets:
        for i, j in zip(cells.across, cells.down, strict=True):
            np.testing.assert_array_equal(cells.elements, chosen.pair(i, j))
