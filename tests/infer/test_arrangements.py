"""Which arrangements exist and are drawn, against itertools and counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.infer import arrangements
from heatlas.infer.arrangements import PermutationSettings, Plan, plan_arrangements
from heatlas.infer.linear import partition


def plan_of(
    columns: list[NDArray[np.floating]], weights: list[float], n_permutations: int = 1000
) -> Plan:
    matrix = np.column_stack(columns)
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    design = Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))
    contrast = Contrast(name="c", weights=np.array(weights))
    settings = PermutationSettings(n_permutations=n_permutations, seed=5, step="a")
    return plan_arrangements(
        design, partition(design, contrast), contrast=contrast, settings=settings
    )


def two_groups(k: int, n: int) -> list[NDArray[np.floating]]:
    group = (np.arange(n) * 5 % n < k).astype(float)  # the members stand in no order
    return [np.ones(n), group]


def test_two_groups_have_as_many_relabelings_as_subsets() -> None:
    plan = plan_of(two_groups(3, 7), [0, 1])
    assert plan.n_possible == plan.n_arrangements == math.comb(7, 3)
    assert plan.exact


def test_every_relabeling_of_two_groups_is_made_once_and_the_identity_first() -> None:
    columns = two_groups(3, 7)
    plan = plan_of(columns, [0, 1])
    assert plan.listed is not None
    labels = [tuple(columns[1][row]) for row in plan.listed]
    everything = {tuple(float(i in chosen) for i in range(7))
                  for chosen in itertools.combinations(range(7), 3)}  # fmt: skip
    assert len(labels) == len(set(labels))
    assert set(labels) == everything
    assert plan.listed[0].tolist() == list(range(7))
    assert all(sorted(row) == list(range(7)) for row in plan.listed.tolist())


def test_a_continuous_covariate_makes_every_permutation_distinct() -> None:
    plan = plan_of([np.ones(5), np.arange(5.0) ** 2], [0, 1])
    assert plan.listed is not None
    assert plan.n_possible == math.factorial(5)
    assert {tuple(row) for row in plan.listed.tolist()} == set(itertools.permutations(range(5)))


def test_more_permutations_than_wanted_are_drawn_and_counted() -> None:
    plan = plan_of([np.ones(30), np.arange(30.0)], [0, 1])
    assert plan.listed is None
    assert not plan.exact
    assert plan.n_arrangements == 1000
    assert plan.n_possible == pytest.approx(math.factorial(30), rel=1e-9)


def test_counts_beyond_float64_are_infinite() -> None:
    assert plan_of([np.ones(400), np.arange(400.0)], [0, 1]).n_possible == math.inf


def test_one_sample_flips_signs_each_pattern_once_when_all_fit() -> None:
    plan = plan_of([np.ones(6)], [1], n_permutations=64)
    assert plan.sign_flips and plan.exact
    rows = arrangements.arranged_columns(plan, 0)[0]
    patterns = {tuple(np.sign(row)) for row in rows[: plan.n_arrangements]}
    assert patterns == set(itertools.product((-1.0, 1.0), repeat=6))
    np.testing.assert_array_equal(rows[0], plan.interest[:, 0])


def test_the_mean_beside_a_centred_covariate_flips_signs_too() -> None:
    covariate = np.arange(9.0) - 4
    assert plan_of([np.ones(9), covariate], [1, 0]).sign_flips
    assert not plan_of([np.ones(9), covariate], [0, 1]).sign_flips
    cells = two_groups(4, 9)
    assert plan_of([cells[1], 1 - cells[1]], [1, 0]).sign_flips
    assert not plan_of([cells[1], 1 - cells[1]], [1, -1]).sign_flips


def test_blocks_draw_other_permutations_but_the_same_each_time() -> None:
    plan = plan_of([np.ones(30), np.arange(30.0)], [0, 1])
    first, again, second = (arrangements.arranged_columns(plan, b) for b in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first[0, 0], plan.interest[:, 0])


def test_every_row_lands_on_every_place_equally_often() -> None:
    plan = plan_of([np.ones(4), np.arange(4.0)], [0, 1], n_permutations=20)
    drawn = np.concatenate([arrangements._permutations(plan, block) for block in range(1, 30)])
    shares = (drawn[:, :, None] == np.arange(4)).mean(axis=0)
    np.testing.assert_allclose(shares, 0.25, atol=5 * np.sqrt(0.1875 / len(drawn)))


def test_the_constant_is_left_out_of_the_nuisance_of_permutations() -> None:
    covariate = np.random.default_rng(0).normal(size=12)
    plan = plan_of([*two_groups(5, 12), covariate], [0, 1, 0])
    assert plan.nuisance.shape == (12, 1)
    np.testing.assert_allclose(plan.nuisance.sum(), 0, atol=1e-12)


def test_words_say_what_was_assumed() -> None:
    group, covariate = two_groups(5, 12)[1], np.arange(12.0)
    matrix = np.column_stack([np.ones(12), group, covariate])
    subjects = tuple(f"s{i}" for i in range(6))
    design = Design(matrix=matrix, names=("i", "g", "c"), ids=tuple(map(str, range(12))),
                    levels={"subject": subjects})  # fmt: skip
    plan = plan_of([np.ones(12), group, covariate], [0, 1, 0])
    words = arrangements.exchangeability_words(plan, design)
    assert words == (
        "errors exchangeable across all maps: residuals of the covariates (Freedman-Lane) permuted "
        "freely, without blocks, not only within the levels of subject"
    )


def test_a_single_permutation_is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 are needed, got 1"):
        PermutationSettings(n_permutations=1)
