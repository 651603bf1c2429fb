"""The tree of the blocks against groups that are composed by brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.infer import block_tree
from heatlas.infer.exchangeability import Exchangeability
from tests.infer.groups import TWIN_FAMILIES, permutations_of, tables, units_of


def tree_of(labels: NDArray[np.int64]) -> block_tree.Node:
    blocks = None if labels.shape[1] == 1 else labels
    return block_tree.grow(Exchangeability(blocks=blocks), n=len(labels))


def reached(labels: NDArray[np.int64]) -> set[tuple[int, ...]]:
    """All that the exchanges of the tree make, in every combination of orders."""
    moved = block_tree.exchanges(tree_of(labels))
    made = {tuple(range(len(labels)))}
    for places in (block for blocks in moved for block in blocks):
        made = {
            tuple(_moved(np.array(rows), places=places, order=list(order)))
            for rows in made
            for order in itertools.permutations(range(len(places)))
        }
    return made


def _moved(rows: NDArray[np.int64], *, places: NDArray[np.int64], order: list[int]) -> list[int]:
    arranged = rows.copy()
    arranged[places] = rows[places[order]]
    return [int(row) for row in arranged]


@pytest.mark.parametrize("name", tables())
def test_the_exchanges_make_exactly_the_group_of_the_labels(name: str) -> None:
    labels = tables()[name]
    assert reached(labels) == permutations_of(labels)


@pytest.mark.parametrize("name", ["both pairs", "twin families"])
def test_the_group_is_closed_under_composition(name: str) -> None:
    made = reached(tables()[name])
    some = sorted(made)[:: max(1, len(made) // 12)]
    assert all(tuple(a[i] for i in b) in made for a in some for b in made)
    assert all(tuple(int(i) for i in np.argsort(a)) in made for a in made)


def test_twin_families_have_as_many_permutations_as_their_parts() -> None:
    # Two families of twins and a sibling: 2 for the families, 2 for the twins of each;
    # two families of two siblings: 2 for the families, 2 for the siblings of each.
    assert len(reached(TWIN_FAMILIES)) == (2 * 2 * 2) * (2 * 2 * 2)


def test_a_negative_label_keeps_the_sub_blocks_in_place_and_a_positive_one_moves_them() -> None:
    halves = np.array([1, 1, 2, 2])
    stay, move = (len(reached(np.column_stack([np.full(4, root), halves]))) for root in (-1, 1))
    assert (stay, move) == (2 * 2, 2 * 2 * 2)
    inner_stay = len(reached(np.column_stack([np.ones(4, np.int64), -halves])))
    assert inner_stay == 2


def test_labels_may_be_numbered_through_or_start_anew_in_each_block() -> None:
    anew = TWIN_FAMILIES.copy()
    anew[:, 2] = np.sign(anew[:, 2]) * (1 + (np.abs(anew[:, 2]) - 1) % 2)
    anew[:, 4] %= 10
    assert permutations_of(anew) == permutations_of(TWIN_FAMILIES)
    assert reached(anew) == reached(TWIN_FAMILIES)


def test_maps_trade_places_in_the_order_of_their_labels() -> None:
    # The second block lists its sessions in the other order.
    labels = np.array([[1, -1, 1], [1, -1, 2], [1, -2, 2], [1, -2, 1]])
    assert reached(labels) == {(0, 1, 2, 3), (3, 2, 1, 0)}


def test_a_last_column_that_several_maps_share_rules_these_maps() -> None:
    labels = np.array([[-1, 1, 1], [-1, 1, 1], [-1, 1, 2], [-1, 1, 2]])
    assert len(reached(labels)) == 2 * 2 * 2
    labels[:, 2] *= -1
    assert reached(labels) == {(0, 1, 2, 3), (2, 3, 0, 1)}


@pytest.mark.parametrize("name", tables())
def test_the_outermost_exchangeable_blocks_flip_together(name: str) -> None:
    labels = tables()[name]
    units = block_tree.flip_units(tree_of(labels))
    found = {tuple(np.flatnonzero(units == unit).tolist()) for unit in np.unique(units)}
    assert found == units_of(labels)
    assert sorted(set(units.tolist())) == list(range(len(found)))


@pytest.mark.parametrize("name", tables())
def test_orbits_are_the_places_that_a_map_can_take(name: str) -> None:
    labels = tables()[name]
    orbits = block_tree.orbits(block_tree.exchanges(tree_of(labels)), n=len(labels))
    group = permutations_of(labels)
    for i, j in itertools.combinations(range(len(labels)), 2):
        assert (orbits[i] == orbits[j]) == any(rows[i] == j for rows in group)


def test_blocks_of_one_size_are_exchanged_by_the_same_entry() -> None:
    labels = np.column_stack([-np.ones(1000, np.int64), np.repeat(np.arange(500), 2) + 1])
    (places,) = block_tree.exchanges(tree_of(labels))
    assert places.shape == (500, 2, 1)


def test_no_maps_move_where_the_tree_has_one_block_only() -> None:
    tree = block_tree.grow(Exchangeability(blocks=[4, 4, 4], shuffle="whole"), n=3)
    assert block_tree.exchanges(tree) == ()
    assert block_tree.flip_units(tree).tolist() == [0, 0, 0]


def test_a_wide_and_a_deep_tree_are_grown() -> None:
    n = 4096
    depth = int(math.log2(n))
    halves = np.arange(n)[:, None] // 2 ** np.arange(depth, 0, -1) + 1
    tree = block_tree.grow(Exchangeability(blocks=halves), n=n)
    assert [places.shape[0] for places in block_tree.exchanges(tree)] == [
        2**level for level in reversed(range(depth))
    ]


def fault(blocks: object, *, shuffle: str = "within", names: tuple[str, ...] = ()) -> str:
    """The message for these blocks."""
    given = np.asarray(blocks)
    with pytest.raises(DesignError) as caught:
        block_tree.grow(
            Exchangeability(blocks=given, shuffle=shuffle, names=names),  # type: ignore[arg-type]
            n=len(given),
        )
    return str(caught.value)


def test_whole_blocks_of_unequal_size_are_refused_with_their_sizes() -> None:
    message = fault([1, 1, 2, 2, 2, 3, 3], shuffle="whole")
    assert "unequal (2 of 2 maps and 1 of 3 maps)" in message
    assert "shuffle within blocks instead" in message


def test_exchangeable_sub_blocks_have_to_be_divided_alike() -> None:
    labels = np.array([
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 2],
        [1, 1, 2],
        [1, 2, 3],
        [1, 2, 4],
        [1, 2, 5],
        [1, 2, 6],
    ])
    message = fault(labels, names=("all", "family", "pair"))
    assert "those of level 2 ('family') that" in message.replace("the blocks of", "those of")
    assert "divided differently" in message
    assert "stays in place" in message


def test_blocks_whose_parts_come_in_another_order_are_not_alike() -> None:
    # One map in the first session and two in the second, or the other way round.
    labels = np.array([[1, -1, 1], [1, -1, 2], [1, -1, 2], [1, -2, 1], [1, -2, 1], [1, -2, 2]])
    assert "number what is alike in the same order" in fault(labels)


def test_exchangeable_sub_blocks_have_to_have_one_sign() -> None:
    labels = np.array([[1, 1, 1], [1, 1, 2], [1, -2, 3], [1, -2, 4]])
    assert "divided differently" in fault(labels)


def test_a_label_of_both_signs_is_refused() -> None:
    labels = np.array([[-1, 1, 1], [-1, -1, 2], [-1, 2, 3], [-1, 2, 4]])
    assert "label 1 of level 2 is positive for some maps and negative for others" in fault(labels)


def test_levels_that_are_not_nested_are_refused() -> None:
    labels = np.array([[-1, 1, 7], [-1, 1, 7], [-1, 1, 8], [-1, 2, 7], [-1, 2, 9], [-1, 2, 9]])
    message = fault(labels, names=("all", "site", "family"))
    assert "label 7 of level 3 ('family') stands in more than one block of level 2" in message
    assert "number the blocks of a level through, or start anew" in message
