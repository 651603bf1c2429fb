"""What users state of the errors: labels as given, their faults, and the words for them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heatlas.core.errors import DataError, DesignError
from heatlas.infer.exchangeability import Action, Exchangeability, assumption_words


@pytest.mark.parametrize(
    ("shuffle", "root", "sign"), [("within", -1, 1), ("whole", 1, -1), ("both", 1, 1)]
)
def test_one_column_becomes_two_levels_whose_signs_say_what_moves(
    shuffle: str, root: int, sign: int
) -> None:
    stated = Exchangeability(blocks=[5, -3, 0, 5], shuffle=shuffle)  # type: ignore[arg-type]
    expected = [[root, sign * number] for number in (3, 1, 2, 3)]
    np.testing.assert_array_equal(stated.levels(4), expected)
    assert stated.kind == shuffle


def test_without_blocks_there_is_one_block_whose_maps_move() -> None:
    np.testing.assert_array_equal(Exchangeability().levels(3), [[1], [1], [1]])
    assert Exchangeability().kind == "free"


def test_labels_survive_a_pickle_and_belong_to_nobody_else() -> None:
    given = np.array([[-1, 2], [-1, 3]])
    stated = Exchangeability(blocks=given, names=("all", "site"), mode="both")
    given[:] = 9
    again = pickle.loads(pickle.dumps(stated))
    np.testing.assert_array_equal(again.blocks, [[-1, 2], [-1, 3]])
    assert (again.kind, again.mode, again.names) == ("multi-level", "both", ("all", "site"))
    assert not again.blocks.flags.writeable


def test_whole_numbers_may_come_as_floats_or_as_a_single_column() -> None:
    stated = Exchangeability(blocks=np.array([[1.0], [2.0]]))
    assert stated.blocks is not None
    assert stated.blocks.tolist() == [1, 2]


@pytest.mark.parametrize("blocks", [[1.5, 2], ["a", "b"], [np.nan, 1], [np.inf, 1]])
def test_labels_that_are_not_whole_numbers_are_refused(blocks: list[object]) -> None:
    with pytest.raises(DesignError, match=r"whole numbers; number the blocks, for instance with"):
        Exchangeability(blocks=blocks)  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [np.ones((2, 2, 2), int), np.ones((0, 2), int), 3])
def test_labels_of_another_shape_are_refused(blocks: object) -> None:
    with pytest.raises(DesignError, match="one label per map or one column per level"):
        Exchangeability(blocks=blocks)  # type: ignore[arg-type]


def test_labels_of_another_number_than_the_maps_are_refused() -> None:
    with pytest.raises(DesignError, match="3 labels given for 4 maps; give one label per map"):
        Exchangeability(blocks=[1, 1, 2]).levels(4)


def test_a_zero_has_no_sign_to_go_by() -> None:
    with pytest.raises(DesignError, match=r"row 2 of level 2 \('site'\) is 0.*number the blocks"):
        Exchangeability(blocks=np.array([[-1, 1], [-1, 0]]), names=("all", "site"))


def test_the_first_column_of_several_has_to_be_the_whole_sample() -> None:
    with pytest.raises(DesignError, match="level 1 has 2 labels.*put a column of 1 before it"):
        Exchangeability(blocks=np.array([[1, 1], [2, 2]]))


def test_shuffle_is_not_asked_where_the_signs_say_it() -> None:
    with pytest.raises(DesignError, match="leave shuffle out"):
        Exchangeability(blocks=np.array([[1, 1], [1, 2]]), shuffle="whole")


def test_unknown_words_are_refused() -> None:
    with pytest.raises(DataError, match="shuffle: 'between' is not one of within, whole, both"):
        Exchangeability(blocks=[1, 2], shuffle="between")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="mode: 'flip' is not one of permutations, sign-flips"):
        Exchangeability(mode="flip")  # type: ignore[arg-type]


SITES = Exchangeability(blocks=[1, 1, 2, 2, 3, 3], names=("site",))
SUBJECTS = Exchangeability(blocks=[1, 1, 2, 2, 3, 3], names=("subject",), shuffle="whole")
UNNAMED = Exchangeability(blocks=[1, 1, 2, 2, 3, 3], shuffle="both")
LEVELS = Exchangeability(blocks=np.array([[-1, 1], [-1, 2]]), names=("all", "site"))


@pytest.mark.parametrize(
    ("stated", "action", "expected"),
    [
        (
            Exchangeability(),
            "permutations",
            "errors exchangeable across all maps: maps permuted freely, without blocks",
        ),
        (
            Exchangeability(),
            "sign-flips",
            "errors independent and symmetric around zero: signs of the maps flipped freely, "
            "without blocks",
        ),
        (
            Exchangeability(),
            "both",
            "errors exchangeable across all maps, independent and symmetric around zero: maps "
            "permuted freely, without blocks, and signs flipped",
        ),
        (
            SITES,
            "permutations",
            "errors exchangeable within each site (3 blocks): maps permuted within blocks",
        ),
        (
            SITES,
            "sign-flips",
            "errors independent and symmetric around zero: signs of single maps flipped",
        ),
        (
            SUBJECTS,
            "permutations",
            "errors exchangeable between whole blocks (3 blocks of subject): maps permuted in "
            "whole blocks",
        ),
        (
            SUBJECTS,
            "sign-flips",
            "errors independent between blocks (3 blocks of subject) and symmetric around zero: "
            "signs of whole blocks flipped",
        ),
        (
            UNNAMED,
            "both",
            "errors exchangeable within each block and between whole blocks (3 blocks), "
            "independent between blocks and symmetric around zero: maps permuted within blocks "
            "and in whole blocks, and signs of whole blocks flipped",
        ),
        (
            LEVELS,
            "permutations",
            "errors exchangeable within and between blocks as the signs of their labels say "
            "(2 levels: all, site): maps permuted accordingly",
        ),
        (
            LEVELS,
            "sign-flips",
            "errors independent between the outermost exchangeable blocks (2 levels: all, site) "
            "and symmetric around zero: signs of such blocks flipped",
        ),
    ],
)
def test_words_say_what_is_assumed_and_what_is_done(
    stated: Exchangeability, action: Action, expected: str
) -> None:
    assert assumption_words(stated, action, what="maps") == expected
