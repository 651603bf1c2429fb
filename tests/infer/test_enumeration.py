"""Counts and lists of arrangements against all members of the group, and closed formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.infer import block_tree, enumeration
from heatlas.infer.exchangeability import Exchangeability
from tests.infer.groups import designs_of, members_of, permutations_of, tables

Floats = NDArray[np.float64]
SMALL = [name for name, labels in tables().items() if name != "twin families"]


def designs(n: int) -> dict[str, Floats]:
    """Designs with all rows different, with equal rows, with rows that mirror each other."""
    rng = np.random.default_rng(n)
    group = (np.arange(n) % 3 == 0).astype(float)
    cells = np.arange(n) // 2 % 2
    return {
        "different rows": rng.normal(size=(n, 2)),
        "two groups": np.column_stack([np.ones(n), group]),
        "halves": np.column_stack([np.ones(n), cells]),
        "mirrored rows": (np.arange(n) % 3 - 1.0)[:, None],
        "equal rows": np.ones((n, 1)),
    }


def listing(
    labels: NDArray[np.int64], matrix: Floats, *, action: str
) -> tuple[float, list[tuple[float, ...]]]:
    """The count, and the designs that the listed arrangements make."""
    blocks = None if labels.shape[1] == 1 else labels
    tree = block_tree.grow(Exchangeability(blocks=blocks), n=len(labels))
    census = enumeration.census_of(matrix, flips=action == "both")
    rows, signs = enumeration.list_arrangements(tree, census)
    flips = np.ones(rows.shape) if signs is None else signs
    np.testing.assert_array_equal(rows[0], np.arange(len(labels)))
    np.testing.assert_array_equal(flips[0], 1)
    allowed = permutations_of(labels)
    assert all(tuple(order) in allowed for order in rows.tolist())
    made = [
        tuple((flip[:, None] * matrix[order] + 0.0).ravel())
        for order, flip in zip(rows, flips, strict=True)
    ]
    return enumeration.count_arrangements(tree, census), made


@pytest.mark.parametrize("kind", list(designs(6)))
@pytest.mark.parametrize("name", tables())
def test_every_different_permutation_is_counted_and_listed_once(name: str, kind: str) -> None:
    labels = tables()[name]
    matrix = designs(len(labels))[kind]
    counted, made = listing(labels, matrix, action="permutations")
    expected = designs_of(members_of(labels, action="permutations"), matrix)
    assert counted == len(made) == len(expected)
    assert set(made) == expected


@pytest.mark.parametrize("kind", list(designs(6)))
@pytest.mark.parametrize("name", SMALL)
def test_every_different_permutation_with_signs_is_counted_and_listed_once(
    name: str, kind: str
) -> None:
    labels = tables()[name]
    matrix = designs(len(labels))[kind]
    counted, made = listing(labels, matrix, action="both")
    expected = designs_of(members_of(labels, action="both"), matrix)
    assert counted == len(made) == len(expected)
    assert set(made) == expected


def test_units_that_mirror_each_other_count_as_equal() -> None:
    labels = np.column_stack([np.ones(6, np.int64), -np.repeat([1, 2, 3], 2)])
    matrix = np.array([[1.0], [2.0], [-1.0], [-2.0], [0.0], [0.0]])
    counted, made = listing(labels, matrix, action="both")
    # Where the zeros stand, and a sign for each of the two other blocks.
    assert counted == len(set(made)) == 3 * 4


def test_rows_are_compared_to_twelve_digits_of_each_column() -> None:
    matrix = np.array([[1e9, 1e-9], [1e9 * (1 + 1e-15), 1e-9], [1e9, 2e-9], [-1e9, -1e-9]])
    census = enumeration.census_of(matrix, flips=False)
    assert census.classes[0] == census.classes[1] != census.classes[2]
    assert census.negatives[0] == census.classes[3]


def test_counts_stay_exact_until_float64_ends() -> None:
    tree = block_tree.grow(Exchangeability(), n=170)
    census = enumeration.distinct_rows(170, flips=False)
    assert enumeration.count_arrangements(tree, census) == float(math.factorial(170))
    larger = block_tree.grow(Exchangeability(), n=171)
    none_equal = enumeration.distinct_rows(171, flips=False)
    assert enumeration.count_arrangements(larger, none_equal) == math.inf
    halves = enumeration.census_of(np.repeat([0.0, 1.0], 200)[:, None], flips=False)
    of_400 = block_tree.grow(Exchangeability(), n=400)
    assert enumeration.count_arrangements(of_400, halves) == float(math.comb(400, 200))


def test_pairs_have_two_to_the_number_of_subjects() -> None:
    subject = np.repeat(np.arange(40), 2)
    tree = block_tree.grow(Exchangeability(blocks=subject), n=80)
    census = enumeration.distinct_rows(80, flips=False)
    assert enumeration.count_arrangements(tree, census) == 2.0**40
