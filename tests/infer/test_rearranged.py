"""Drawn arrangements belong to their group, are uniform over it, and do not depend on the order."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from heatlas.infer import block_tree
from heatlas.infer.exchangeability import Action, Exchangeability
from heatlas.infer.rearranged import BLOCK, Arrangements
from tests.infer.groups import Labels, Member, members_of, tables

MANY = 10**6
MOVING = [name for name in tables() if name != "nothing"]


def drawn(labels: Labels, *, action: Action, n_arrangements: int = MANY) -> Arrangements:
    blocks = None if labels.shape[1] == 1 else labels
    tree = block_tree.grow(Exchangeability(blocks=blocks), n=len(labels))
    return Arrangements(
        n=len(labels), n_arrangements=n_arrangements, n_possible=np.inf, action=action, words="",
        seed=4, step="a", exchanged=block_tree.exchanges(tree), units=block_tree.flip_units(tree),
    )  # fmt: skip


def members(arrangements: Arrangements, index: int) -> list[Member]:
    n = arrangements.n
    rows, signs = arrangements.block(index)
    rows = np.tile(np.arange(n), (BLOCK, 1)) if rows is None else rows
    signs = np.ones((BLOCK, n)) if signs is None else signs
    return [
        (tuple(r), tuple(int(sign) for sign in s))
        for r, s in zip(rows.tolist(), signs.tolist(), strict=True)
    ]


@pytest.mark.parametrize("action", ["permutations", "sign-flips", "both"])
@pytest.mark.parametrize("name", MOVING)
def test_drawn_arrangements_are_uniform_over_the_group(name: str, action: Action) -> None:
    labels = tables()[name]
    if name == "twin families" and action == "both":
        labels = labels[[0, 2, 3, 4, 5, 7]]  # a group that is small enough to be covered
    group = members_of(labels, action=action)
    arrangements = drawn(labels, action=action)
    n_blocks = 2 + 30 * len(group) // BLOCK
    seen = Counter(m for i in range(1, 1 + n_blocks) for m in members(arrangements, i))
    assert set(seen) <= group
    counts = [seen[member] for member in sorted(group)]
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("action", ["permutations", "sign-flips", "both"])
def test_the_identity_comes_first_and_fills_what_is_beyond_the_last(action: Action) -> None:
    labels = tables()["both pairs"]
    arrangements = drawn(labels, action=action, n_arrangements=BLOCK + 5)
    identity: Member = (tuple(range(6)), (1,) * 6)
    assert arrangements.n_blocks == 2
    first, last = members(arrangements, 0), members(arrangements, 1)
    assert first[0] == identity
    assert set(last[5:]) == {identity}
    assert len(set(first)) >= 8


@pytest.mark.parametrize("action", ["permutations", "sign-flips", "both"])
def test_blocks_are_the_same_in_any_order_and_process(action: Action) -> None:
    labels = tables()["twin families"]
    arrangements = drawn(labels, action=action)
    forwards = [members(arrangements, i) for i in range(4)]
    again = pickle.loads(pickle.dumps(arrangements))
    backwards = [members(again, i) for i in reversed(range(4))]
    assert forwards == backwards[::-1]
    assert forwards[1] != forwards[2]


def test_more_arrangements_begin_with_the_same_ones() -> None:
    labels = tables()["both pairs"]
    few, many = (drawn(labels, action="both", n_arrangements=n) for n in (150, 400))
    assert members(few, 1)[:22] == members(many, 1)[:22]


def test_free_draws_are_those_of_a_plain_permutation() -> None:
    arrangements = drawn(np.ones((9, 1), np.int64), action="permutations")
    rows = arrangements.block(3).rows
    assert rows is not None
    shares = (rows[:, :, None] == np.arange(9)).mean(axis=0)
    np.testing.assert_allclose(shares, 1 / 9, atol=5 * np.sqrt(8 / 81 / BLOCK))


def test_few_sign_flips_are_counted_through_and_each_made_once() -> None:
    arrangements = Arrangements(
        n=8, n_arrangements=256, n_possible=256, action="sign-flips", words=""
    )
    signs = [sign for i in range(2) for _, sign in members(arrangements, i)]
    assert arrangements.exact
    assert len(set(signs)) == 256
    assert signs[0] == (1,) * 8


def test_counted_sign_flips_end_with_the_identity() -> None:
    arrangements = Arrangements(n=6, n_arrangements=8, n_possible=8, action="sign-flips", words="",
                                units=[0, 0, 1, 1, 2, 2])  # type: ignore[arg-type]  # fmt: skip
    signs = [sign for _, sign in members(arrangements, 0)]
    assert len(set(signs[:8])) == 8
    assert all(sign[0::2] == sign[1::2] for sign in signs)
    assert set(signs[8:]) == {(1,) * 6}


def test_keys_are_plain_data_and_tell_sets_apart() -> None:
    labels = tables()
    made = [
        drawn(labels["both pairs"], action="permutations"),
        drawn(labels["both pairs"], action="both"),
        drawn(labels["within pairs"], action="permutations"),
        drawn(labels["both pairs"], action="permutations", n_arrangements=200),
        Arrangements(n=6, n_arrangements=64, n_possible=64, action="sign-flips", words=""),
        Arrangements(n=6, n_arrangements=60, n_possible=64, action="sign-flips", words=""),
    ]
    keys = [json.dumps(one.key(), sort_keys=True) for one in made]
    assert len(set(keys)) == len(keys)
    again = drawn(labels["both pairs"], action="permutations")
    assert json.dumps(again.key(), sort_keys=True) == keys[0]


@pytest.mark.parametrize(
    ("action", "noun"),
    [("permutations", "permutation"), ("sign-flips", "sign-flip"), ("both", "rearrangement")],
)
def test_each_action_has_its_noun(action: Action, noun: str) -> None:
    assert drawn(tables()["free"], action=action).noun == noun
