"""Which arrangements a test makes, against itertools, counting and the definition of blocks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.infer.arrangements import (
    Arrangements,
    free_arrangements,
    listed_arrangements,
    plan_arrangements,
)
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.linear import partition
from tests.infer.groups import TWIN_FAMILIES, members_of

Columns = list[NDArray[np.floating]]
FREE = Exchangeability()


def plan_of(
    columns: Columns,
    weights: list[float],
    n_permutations: int = 1000,
    *,
    exchangeability: Exchangeability = FREE,
    levels: dict[str, tuple[str, ...]] | None = None,
) -> Arrangements:
    matrix = np.column_stack(columns)
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    ids = tuple(map(str, range(len(matrix))))
    design = Design(matrix=matrix, names=names, ids=ids, levels=levels or {})
    contrast = Contrast(name="c", weights=np.array(weights))
    return plan_arrangements(
        design, partition(design, contrast), contrast=contrast, exchangeability=exchangeability,
        n_permutations=n_permutations, seed=5, step="a",
    )  # fmt: skip


def made_by(plan: Arrangements) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Every arrangement of a plan as rows and signs."""
    for number in range(plan.n_arrangements):
        rows, signs = plan.block(number // 128)
        i = number % 128
        yield (
            tuple(range(plan.n)) if rows is None else tuple(rows[i].tolist()),
            (1,) * plan.n if signs is None else tuple(int(sign) for sign in signs[i]),
        )


def two_groups(k: int, n: int) -> Columns:
    group = (np.arange(n) * 5 % n < k).astype(float)  # the members stand in no order
    return [np.ones(n), group]


def test_every_relabeling_of_two_groups_is_made_once_and_the_identity_first() -> None:
    columns = two_groups(3, 7)
    plan = plan_of(columns, [0, 1])
    assert plan.n_possible == plan.n_arrangements == math.comb(7, 3)
    assert plan.exact
    rows = [rows for rows, _ in made_by(plan)]
    labels = [tuple(columns[1][list(order)]) for order in rows]
    everything = {tuple(float(i in chosen) for i in range(7))
                  for chosen in itertools.combinations(range(7), 3)}  # fmt: skip
    assert len(labels) == len(set(labels))
    assert set(labels) == everything
    assert rows[0] == tuple(range(7))
    assert all(sorted(order) == list(range(7)) for order in rows)


def test_a_continuous_covariate_makes_every_permutation_distinct() -> None:
    plan = plan_of([np.ones(5), np.arange(5.0) ** 2], [0, 1])
    assert plan.n_possible == math.factorial(5)
    assert {rows for rows, _ in made_by(plan)} == set(itertools.permutations(range(5)))


def test_more_permutations_than_wanted_are_drawn_and_counted() -> None:
    plan = plan_of([np.ones(30), np.arange(30.0)], [0, 1])
    assert not plan.exact
    assert plan.n_arrangements == 1000
    assert plan.n_possible == float(math.factorial(30))
    assert len({rows for rows, _ in made_by(plan)}) == 1000


def test_counts_beyond_float64_are_infinite() -> None:
    assert plan_of([np.ones(400), np.arange(400.0)], [0, 1]).n_possible == math.inf
    assert plan_of([np.ones(2000)], [1]).n_possible == math.inf


def test_one_sample_flips_signs_each_pattern_once_when_all_fit() -> None:
    plan = plan_of([np.ones(6)], [1], n_permutations=64)
    assert plan.action == "sign-flips"
    assert plan.exact
    patterns = [signs for _, signs in made_by(plan)]
    assert patterns[0] == (1,) * 6
    assert set(patterns) == set(itertools.product((-1, 1), repeat=6))


def test_the_mode_overrules_the_contrast() -> None:
    covariate = np.arange(9.0) - 4
    assert plan_of([np.ones(9), covariate], [1, 0]).action == "sign-flips"
    flipped = Exchangeability(mode="sign-flips")
    assert plan_of([np.ones(9), covariate], [0, 1], exchangeability=flipped).n_possible == 2**9
    both = Exchangeability(mode="both")
    plan = plan_of([np.ones(9), covariate], [1, 0], exchangeability=both)
    assert plan.n_possible == 2**9 * math.factorial(9)
    assert plan.noun == "rearrangement"


def test_pairs_swap_their_two_maps_though_every_row_has_its_subject() -> None:
    subject = np.repeat(np.arange(5), 2)
    columns = [*(subject == s for s in range(5)), np.tile([0.0, 1.0], 5)]
    stated = Exchangeability(blocks=subject, names=("subject",))
    plan = plan_of(columns, [0, 0, 0, 0, 0, 1], exchangeability=stated)
    assert plan.exact
    assert plan.n_possible == 2**5
    assert len({rows for rows, _ in made_by(plan)}) == 2**5
    for rows, _ in made_by(plan):
        np.testing.assert_array_equal(subject[list(rows)], subject)
    assert plan.words == (
        "errors exchangeable within each subject (5 blocks): residuals of the covariates "
        "(Freedman-Lane) permuted within blocks"
    )


def test_repeated_measures_count_equal_conditions_of_a_subject_once() -> None:
    subject, condition = np.repeat(np.arange(3), 4), np.tile([0.0, 0, 1, 1], 3)
    columns = [*(subject == s for s in range(3)), condition]
    plan = plan_of(columns, [0, 0, 0, 1], exchangeability=Exchangeability(blocks=subject))
    assert plan.n_possible == math.comb(4, 2) ** 3


def test_whole_subjects_trade_places_between_groups() -> None:
    subject = np.repeat(np.arange(6), 2)
    group, session = np.repeat([0.0, 0, 0, 1, 1, 1], 2), np.tile([0.0, 1.0], 6)
    stated = Exchangeability(blocks=subject, shuffle="whole", names=("subject",))
    plan = plan_of([np.ones(12), group, session], [0, 1, 0], exchangeability=stated)
    assert plan.n_possible == math.comb(6, 3)
    for rows, _ in made_by(plan):
        np.testing.assert_array_equal(session[list(rows)], session)
        assert all(subject[a] == subject[b] for a, b in zip(rows[::2], rows[1::2], strict=True))


def test_whole_subjects_flip_their_signs_together() -> None:
    subject = np.repeat(np.arange(12), 2)
    stated = Exchangeability(blocks=subject, shuffle="whole", names=("subject",))
    plan = plan_of([np.ones(24)], [1], 5000, exchangeability=stated)
    assert plan.n_possible == plan.n_arrangements == 2**12
    assert all(signs[::2] == signs[1::2] for _, signs in made_by(plan))
    assert plan.words == (
        "errors independent between blocks (12 blocks of subject) and symmetric around zero: "
        "signs of whole blocks flipped"
    )


def test_families_of_twins_are_rearranged_as_their_labels_allow() -> None:
    stated = Exchangeability(blocks=TWIN_FAMILIES)
    columns = [np.ones(10), np.random.default_rng(0).normal(size=10)]
    plan = plan_of(columns, [0, 1], exchangeability=stated)
    assert set(made_by(plan)) == members_of(TWIN_FAMILIES, action="permutations")
    assert plan.n_possible == 64


def test_drawn_arrangements_within_blocks_stay_there() -> None:
    site = np.array([4, 4, 9, 9, 9, 9, 4, 4, 4, 1, 1, 1])
    covariate = np.random.default_rng(0).normal(size=12)
    plan = plan_of(
        [np.ones(12), covariate], [0, 1], 300, exchangeability=Exchangeability(blocks=site)
    )
    assert plan.n_possible == math.factorial(5) * math.factorial(4) * math.factorial(3)
    for rows, _ in made_by(plan):
        np.testing.assert_array_equal(site[list(rows)], site)


def test_blocks_that_forbid_the_contrast_are_refused_but_may_be_flipped() -> None:
    subject = np.repeat(np.arange(6), 2)
    columns = [np.ones(12), np.repeat([0.0, 0, 0, 1, 1, 1], 2)]
    with pytest.raises(DesignError, match="does not vary within any block; use shuffle: whole"):
        plan_of(columns, [0, 1], exchangeability=Exchangeability(blocks=subject))
    flipped = Exchangeability(blocks=subject, mode="sign-flips", shuffle="whole")
    assert plan_of(columns, [0, 1], exchangeability=flipped).n_possible == 2**6


def test_faulty_blocks_are_refused() -> None:
    columns = [np.ones(6), np.arange(6.0)]
    faulty = {
        "5 labels given for 6 maps": Exchangeability(blocks=[1, 1, 2, 2, 2]),
        "unequal": Exchangeability(blocks=[1, 1, 2, 2, 2, 2], shuffle="whole"),
        "single block": Exchangeability(blocks=[1] * 6, shuffle="whole"),
        "single map": Exchangeability(blocks=range(6)),
    }  # fmt: skip
    for message, stated in faulty.items():
        with pytest.raises(DesignError, match=message):
            plan_of(columns, [0, 1], exchangeability=stated)


def test_words_name_the_factors_whose_levels_repeat() -> None:
    columns = [*two_groups(5, 12), np.arange(12.0)]
    levels = {"subject": tuple(f"s{i}" for i in range(6)), "group": ("a", "b")}
    assert plan_of(columns, [0, 1, 0], levels=levels).words == (
        "errors exchangeable across all maps: residuals of the covariates (Freedman-Lane) permuted "
        "freely, without blocks, not only within the levels of subject"
    )
    stated = Exchangeability(blocks=np.repeat(np.arange(6), 2))
    in_blocks = plan_of(columns, [0, 1, 0], levels=levels, exchangeability=stated)
    assert "levels of" not in in_blocks.words


def test_without_covariates_the_maps_themselves_are_rearranged() -> None:
    assert plan_of([np.ones(9)], [1]).words == (
        "errors independent and symmetric around zero: signs of the maps flipped freely, without "
        "blocks"
    )


def test_free_arrangements_take_all_rows_as_different() -> None:
    options = {"n_permutations": 500, "seed": 1, "step": "a", "words": "as told"}
    permuted = free_arrangements(5, action="permutations", **options)  # type: ignore[arg-type]
    assert {rows for rows, _ in made_by(permuted)} == set(itertools.permutations(range(5)))
    assert (permuted.exact, permuted.words) == (True, "as told")
    both = free_arrangements(4, action="both", **options)  # type: ignore[arg-type]
    assert both.n_possible == 2**4 * math.factorial(4)
    assert len(set(made_by(both))) == both.n_arrangements == 384
    flipped = free_arrangements(9, action="sign-flips", **options)  # type: ignore[arg-type]
    assert (flipped.n_possible, flipped.n_arrangements) == (512, 500)


def test_given_arrangements_are_taken_in_their_order() -> None:
    rows = np.stack([np.random.default_rng(i).permutation(6) for i in range(200)])
    rows[0] = np.arange(6)
    plan = listed_arrangements(rows, words="as in the file")
    assert (plan.n_blocks, plan.n_arrangements, plan.exact) == (2, 200, False)
    assert [list(order) for order, _ in made_by(plan)] == rows.tolist()
    assert plan.action == "permutations"
    signs = np.sign(np.random.default_rng(1).normal(size=rows.shape))
    signs[0] = 1
    both = listed_arrangements(rows, signs=signs)
    assert [list(flips) for _, flips in made_by(both)] == signs.tolist()
    assert both.action == "both"
    flips = listed_arrangements(np.tile(np.arange(6), (200, 1)), signs=signs, n_possible=64)
    assert (flips.action, flips.exact, flips.block(0).rows) == ("sign-flips", True, None)
    assert len({str(plan.key()), str(both.key()), str(flips.key())}) == 3


def test_given_arrangements_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match="every row from 0 to 2 once; number 2 is not"):
        listed_arrangements([[0, 1, 2], [0, 0, 2]])
    with pytest.raises(DataError, match="none is given"):
        listed_arrangements(np.zeros((0, 3)))
    with pytest.raises(DataError, match="the first has to be the identity"):
        listed_arrangements([[0, 2, 1], [0, 1, 2]])
    with pytest.raises(DataError, match="the first has to be the identity"):
        listed_arrangements([[0, 1], [0, 1]], signs=[[1, -1], [1, 1]])
    with pytest.raises(DataError, match="expected 1 or -1"):
        listed_arrangements([[0, 1], [1, 0]], signs=[[1, 1], [1, 0]])


def test_blocks_of_unequal_sizes_flip_as_wholes_but_do_not_trade_places() -> None:
    whole = Exchangeability(blocks=[1, 1, 1, 2, 2, 3, 4], shuffle="whole")
    plan = plan_of([np.ones(7)], [1.0], exchangeability=whole)
    assert plan.n_arrangements == plan.n_possible == 2**4
    assert {signs for _, signs in made_by(plan)} == {
        (a, a, a, b, b, c, d) for a, b, c, d in itertools.product((1, -1), repeat=4)
    }
    with pytest.raises(DesignError, match="only blocks of one size can be exchanged as wholes"):
        plan_of([np.ones(7), np.arange(7.0)], [0.0, 1.0], exchangeability=whole)
