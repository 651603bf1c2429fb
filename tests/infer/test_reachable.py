"""Blocks that let nothing happen to what a contrast tests are refused; all others are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.infer import block_tree, reachable
from heatlas.infer.exchangeability import Action, Exchangeability
from heatlas.infer.linear import Partition, partition

Floats = NDArray[np.float64]
N = 12
ONE = np.ones(N)
SUBJECT = np.repeat(np.arange(6), 2)
CONDITION = np.tile([0.0, 1.0], 6)
GROUP = np.repeat([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2)
AGE = np.repeat(np.array([3.0, 1, 4, 1, 5, 9]), 2)
SPEED = np.random.default_rng(3).normal(size=N)
SUBJECTS = (SUBJECT[:, None] == np.arange(6)).astype(float)


def parts_of(
    columns: list[Floats], weights: object, *, kind: str = "t"
) -> tuple[Partition, Contrast]:
    matrix = np.column_stack(columns)
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    design = Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))
    contrast = Contrast(name="asked", weights=np.array(weights, float), kind=kind)  # type: ignore[arg-type]
    return partition(design, contrast), contrast


def check(columns: list[Floats], weights: object, *, kind: str = "t", **stated: object) -> None:
    exchangeability = Exchangeability(**stated)  # type: ignore[arg-type]
    parts, contrast = parts_of(columns, weights, kind=kind)
    moved = block_tree.exchanges(block_tree.grow(exchangeability, n=N))
    reachable.check_contrast_moves(parts, moved, contrast=contrast, exchangeability=exchangeability)


def test_a_difference_between_subjects_says_nothing_within_them() -> None:
    with pytest.raises(DesignError, match=(
        "The blocks forbid every rearrangement of contrast 'asked': it does not vary within any "
        "block; use shuffle: whole\\.$"
    )):  # fmt: skip
        check([ONE, GROUP], [0, 1], blocks=SUBJECT)


def test_neither_does_it_beside_covariates_that_vary_within() -> None:
    with pytest.raises(DesignError, match="it does not vary within any block"):
        check([ONE, GROUP, CONDITION, SPEED], [0, 1, 0, 0], blocks=SUBJECT)


def test_a_condition_that_every_subject_saw_says_nothing_between_them() -> None:
    with pytest.raises(DesignError, match="same in every block; use shuffle: within"):
        check([ONE, CONDITION], [0, 1], blocks=SUBJECT, shuffle="whole")


def test_the_mean_says_nothing_under_permutations() -> None:
    with pytest.raises(DesignError, match="No permutation changes what contrast 'asked' tests"):
        check([ONE, AGE], [1, 0])
    with pytest.raises(DesignError, match="same in all maps; use mode: sign-flips"):
        check([ONE, AGE], [1, 0], blocks=SUBJECT, shuffle="both")


def test_levels_that_stay_in_place_keep_their_differences() -> None:
    site = np.repeat([1, 2], 6)
    levels = np.column_stack([-np.ones(N, int), site, np.arange(N) + 1])
    with pytest.raises(DesignError, match="does not vary between what may be exchanged"):
        check([ONE, (site == 1).astype(float)], [0, 1], blocks=levels)
    check([ONE, (site == 1).astype(float), SPEED], [0, 0, 1], blocks=levels)


@pytest.mark.parametrize(
    ("columns", "weights", "stated"),
    [
        ([SUBJECTS, CONDITION], [0, 0, 0, 0, 0, 0, 1], {"blocks": SUBJECT}),
        ([ONE, GROUP, CONDITION], [0, 0, 1], {"blocks": SUBJECT}),
        ([ONE, GROUP, GROUP * CONDITION], [0, 0, 1], {"blocks": SUBJECT}),
        ([ONE, GROUP, CONDITION], [0, 1, 0], {"blocks": SUBJECT, "shuffle": "whole"}),
        ([ONE, AGE, GROUP], [0, 1, 0], {"blocks": SUBJECT, "shuffle": "whole"}),
        ([ONE, GROUP], [0, 1], {"blocks": SUBJECT, "shuffle": "both"}),
        ([GROUP, 1 - GROUP], [1, -1], {}),
        ([ONE, 1e5 + SPEED], [0, 1], {}),
        ([SPEED], [1], {}),
    ],
)
def test_contrasts_that_vary_where_maps_move_are_let_through(
    columns: list[Floats], weights: list[float], stated: dict[str, object]
) -> None:
    check(columns, weights, **stated)


def test_an_f_is_refused_only_where_all_its_rows_stay() -> None:
    both = [[0, 1, 0], [0, 0, 1]]
    check([ONE, GROUP, CONDITION], both, kind="F", blocks=SUBJECT)
    with pytest.raises(DesignError, match="does not vary within any block"):
        check([ONE, GROUP, AGE], both, kind="F", blocks=SUBJECT)


def test_contrasts_with_the_mean_flip_signs_and_others_permute() -> None:
    centred = np.arange(N) - (N - 1) / 2
    expected: list[tuple[list[Floats], list[float], Action]] = [
        ([ONE], [1], "sign-flips"),
        ([ONE, centred], [1, 0], "sign-flips"),
        ([ONE, centred], [0, 1], "permutations"),
        ([GROUP, 1 - GROUP], [1, 0], "sign-flips"),
        ([GROUP, 1 - GROUP], [1, -1], "permutations"),
        ([SPEED], [1], "permutations"),
    ]
    for columns, weights, action in expected:
        assert reachable.action_of(parts_of(columns, weights)[0]) == action


@pytest.mark.parametrize(
    ("blocks", "shuffle", "message"),
    [
        ([1] * 4, "whole", "a single block has no other to trade places with"),
        ([1, 2, 3, 4], "within", "every block holds a single map.*shuffle: whole, or mode"),
        (np.column_stack([-np.ones(4), [-1, -1, -2, -2]]), "within", "make a label positive"),
    ],
)
def test_blocks_that_allow_the_identity_only_are_refused(
    blocks: object, shuffle: str, message: str
) -> None:
    stated = Exchangeability(blocks=blocks, shuffle=shuffle)  # type: ignore[arg-type]
    tree = block_tree.grow(stated, n=4)
    moved, units = block_tree.exchanges(tree), block_tree.flip_units(tree)
    for action in ("permutations", "both"):
        with pytest.raises(DesignError, match=message):
            reachable.check_something_moves(stated, moved=moved, units=units, action=action)  # type: ignore[arg-type]


def test_a_single_unit_cannot_be_flipped_against_anything() -> None:
    stated = Exchangeability(blocks=[1] * 4, shuffle="whole")
    units = np.zeros(4, np.int64)
    with pytest.raises(DesignError, match="give at least two blocks"):
        reachable.check_something_moves(stated, moved=(), units=units, action="sign-flips")
    singles = Exchangeability(blocks=[1, 2, 3, 4])
    reachable.check_something_moves(singles, moved=(), units=np.arange(4), action="sign-flips")


def taken_apart(action: Action = "sign-flips", **stated: object) -> str:
    exchangeability = Exchangeability(**stated)  # type: ignore[arg-type]
    return reachable.blocks_without_part(exchangeability, n=N, action=action)


def test_blocks_whose_maps_are_flipped_one_by_one_are_told() -> None:
    words = taken_apart(blocks=SUBJECT)
    assert words.startswith("Blocks taken apart: 6 of 6 blocks hold several maps")
    assert "shuffle: whole" in words
    assert taken_apart("both", blocks=SUBJECT)
    one_twice = np.array([0, 0, *range(2, N)])
    assert "1 of 11 blocks holds several maps" in taken_apart(blocks=one_twice)


def test_blocks_that_are_kept_together_or_hold_a_single_map_are_not() -> None:
    assert not taken_apart()
    assert not taken_apart(blocks=np.arange(N))
    assert not taken_apart(blocks=SUBJECT, shuffle="whole")
    assert not taken_apart("permutations", blocks=SUBJECT)


@pytest.mark.parametrize("action", ["permutations", "sign-flips"])
def test_a_way_to_shuffle_blocks_needs_blocks(action: Action) -> None:
    stated = Exchangeability(shuffle="whole")
    tree = block_tree.grow(stated, n=4)
    moved, units = block_tree.exchanges(tree), block_tree.flip_units(tree)
    with pytest.raises(DesignError, match="'whole' says how blocks are shuffled, but no blocks"):
        reachable.check_something_moves(stated, moved=moved, units=units, action=action)


def test_persons_in_the_model_without_blocks_are_told_of_where_signs_are_flipped() -> None:
    persons = [f"s{k // 2}" for k in range(N)]
    design = Design(
        matrix=np.ones((N, 1)), names=("a",), ids=tuple(map(str, range(N))),
        levels={"subject": tuple(dict.fromkeys(persons)), "group": ("x", "y")},
    )  # fmt: skip
    free = Exchangeability()
    words = reachable.factors_taken_apart(free, design, action="sign-flips")
    assert "each level of subject" in words and "shuffle: whole" in words
    assert not reachable.factors_taken_apart(free, design, action="permutations")
    named = Exchangeability(blocks=SUBJECT, shuffle="whole")
    assert not reachable.factors_taken_apart(named, design, action="sign-flips")
