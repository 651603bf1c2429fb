"""Each policy takes the elements that its words promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.compare.correlation import compare_pairs
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import POLICIES, applies, select_elements
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.space import Mask
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume
from tests.compare.regions import over_regions

LEFT, RIGHT = BRAIN.copy(), BRAIN.copy()
LEFT[7:], RIGHT[:5] = False, False
VALUES = 3 + fields(3, seed=4)


def three() -> ComparedMaps:
    """Maps of the whole brain, its left part and its right part, with three backgrounds."""
    return aligned([
        volume(VALUES[0], background=0),
        volume(VALUES[1], background=-1, inside=LEFT),
        volume(VALUES[2], background=np.nan, inside=RIGHT),
    ])


def r_of(policy: str, mask: Mask | None = None) -> tuple[float, int]:
    """r and n of the first two maps."""
    chosen = select_elements(three(), policy=policy, mask=mask)
    found = compare_pairs(chosen, rows=[0], columns=[1])
    return float(found.values[0, 0]), int(found.n[0, 0])


def by_hand(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_common_takes_what_all_maps_measure() -> None:
    shared = LEFT & RIGHT
    r, n = r_of("common")
    assert n == shared.sum()
    assert r == pytest.approx(by_hand(VALUES[0][shared], VALUES[1][shared]), abs=1e-6)


def test_pairwise_takes_what_both_maps_measure() -> None:
    r, n = r_of("pairwise")
    assert n == LEFT.sum()
    assert r == pytest.approx(by_hand(VALUES[0][LEFT], VALUES[1][LEFT]), abs=1e-6)


def test_union_zero_puts_zero_where_one_map_measures_nothing() -> None:
    r, n = r_of("union-zero")
    assert n == BRAIN.sum()
    second = np.where(LEFT, VALUES[1], 0)
    assert r == pytest.approx(by_hand(VALUES[0][BRAIN], second[BRAIN]), abs=1e-6)


def test_a_mask_takes_its_voxels_and_zero_elsewhere() -> None:
    inside = np.ones(GRID.shape, dtype=bool)
    inside[:, :3] = False
    r, n = r_of("mask", Mask(space=GRID, inside=inside))
    assert n == inside.sum()
    first, second = np.where(BRAIN, VALUES[0], 0), np.where(LEFT, VALUES[1], 0)
    assert r == pytest.approx(by_hand(first[inside], second[inside]), abs=1e-6)


def test_whole_grid_is_the_usual_recipe() -> None:
    r, n = r_of("whole-grid")
    assert n == GRID.size
    first, second = np.where(BRAIN, VALUES[0], 0), np.where(LEFT, VALUES[1], -1)
    assert r == pytest.approx(by_hand(first.ravel(), second.ravel()), abs=1e-6)


def test_whole_grid_leaves_nan_out() -> None:
    chosen = select_elements(three(), policy="whole-grid")
    assert compare_pairs(chosen, rows=[0], columns=[2]).n[0, 0] == RIGHT.sum()
    np.testing.assert_array_equal(chosen.pair(0, 2), RIGHT.ravel())


def test_a_selection_knows_whether_its_maps_are_complete() -> None:
    chosen = select_elements(three(), policy="whole-grid")
    assert chosen.beyond == GRID.size - len(chosen.elements)
    assert not chosen.complete
    assert select_elements(three()).complete


def test_a_map_that_is_measured_everywhere_needs_no_fill() -> None:
    maps = aligned([
        volume(VALUES[0], background=0),
        volume(VALUES[1], inside=np.ones(GRID.shape, dtype=bool)),
    ])
    assert np.isnan(maps.fills[1])
    assert select_elements(maps, policy="whole-grid").complete
    assert not select_elements(maps, policy="pairwise").complete


def test_maps_that_share_nothing_are_refused_by_name() -> None:
    far = RIGHT & ~LEFT
    maps = aligned([volume(VALUES[0], inside=LEFT), volume(VALUES[1], inside=far)])
    with pytest.raises(DataError, match="no voxel is measured by both 'a' and 'b'. Check"):
        select_elements(maps)
    three = aligned([
        volume(VALUES[0], inside=LEFT),
        volume(VALUES[1], inside=far),
        volume(VALUES[0], inside=np.ones(GRID.shape, dtype=bool)),
    ])
    with pytest.raises(DataError, match="by all 3 maps.*'a' and 'b': 0 voxels.*pairwise"):
        select_elements(three)
    found = compare_pairs(select_elements(maps, policy="pairwise"), rows=[0], columns=[1])
    assert np.isnan(found.values[0, 0])
    assert found.n[0, 0] == 0


def test_the_mask_must_be_named_and_fit() -> None:
    with pytest.raises(DataError, match="--mask"):
        select_elements(three(), policy="mask")
    with pytest.raises(UnknownNameError, match="Did you mean 'pairwise'"):
        select_elements(three(), policy="pairwize")


def test_every_policy_says_what_it_does() -> None:
    assert [rule.name for rule in POLICIES.values()] == list(POLICIES)
    assert all(rule.words for rule in POLICIES.values())


# --------------------------------------------------------------------------------- regions


def regions(*, stored: bool) -> ComparedMaps:
    """Two maps over six regions of which each measures five; files store -1 elsewhere."""
    values = np.array([[1.0, 2, 3, 5, 4, np.nan], [np.nan, 5, 1, 2, 2, 8]])
    maps = over_regions(values)
    return replace(maps, stored=np.nan_to_num(values, nan=-1)) if stored else maps


@pytest.mark.parametrize(
    ("policy", "one", "other"),
    [
        ("common", [2, 3, 5, 4], [5, 1, 2, 2]),
        ("pairwise", [2, 3, 5, 4], [5, 1, 2, 2]),
        ("union-zero", [1, 2, 3, 5, 4, 0], [0, 5, 1, 2, 2, 8]),
        ("whole-grid", [1, 2, 3, 5, 4, -1], [-1, 5, 1, 2, 2, 8]),
    ],
)
def test_policies_know_regions(policy: str, one: list[float], other: list[float]) -> None:
    found = compare_pairs(
        select_elements(regions(stored=True), policy=policy), rows=[0], columns=[1]
    )
    assert found.values[0, 0] == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-7)
    assert found.n[0, 0] == len(one)


def test_a_mask_means_nothing_to_regions() -> None:
    maps = regions(stored=True)
    with pytest.raises(DataError, match="compared over regions"):
        select_elements(maps, policy="mask", mask=maps.mask)
    assert not applies("mask", maps, mask=maps.mask)


def test_tables_store_no_background() -> None:
    maps = regions(stored=False)
    assert not applies("whole-grid", maps)
    with pytest.raises(DataError, match="tables of regions store no background"):
        select_elements(maps, policy="whole-grid")
    assert applies("common", maps) and applies("union-zero", maps)


def test_regions_without_overlap_are_named_as_regions() -> None:
    maps = over_regions(np.array([[1.0, 2, 3, np.nan], [np.nan, np.nan, np.nan, 2.0]]))
    with pytest.raises(DataError, match="no region is measured by both 'map 00' and 'map 01'"):
        select_elements(maps)
