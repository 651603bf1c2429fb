"""What no permutation can reach is known beforehand, and equals what the test finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationSettings
from heatlas.study.reach import possible_words, reach_note, reach_words


def design_of(*columns: Any) -> Design:
    matrix = np.column_stack([np.ones(len(columns[0])), *columns]) if columns else np.ones((5, 1))
    names = tuple(f"c{k}" for k in range(matrix.shape[1]))
    return Design(matrix=matrix, names=names, ids=tuple(map(str, range(len(matrix)))))


def last(design: Design, *, q: int = 1) -> Contrast:
    """The last q columns, as a t or an F."""
    weights = np.eye(design.matrix.shape[1])[-q:]
    return Contrast(name="c", weights=weights, kind="t" if q == 1 else "F")


def groups(*sizes: int) -> list[np.ndarray]:
    """Indicator columns of all groups but the first."""
    of_rows = np.repeat(np.arange(len(sizes)), sizes)
    return [(of_rows == k).astype(float) for k in range(1, len(sizes))]


CASES = {
    "two groups of three": (design_of(*groups(3, 3)), 1, {}),
    "two groups of four": (design_of(*groups(4, 4)), 1, {}),
    "unequal groups": (design_of(*groups(2, 4)), 1, {}),
    "one tail": (design_of(*groups(3, 3)), 1, {"two_sided": False}),
    "three groups, F": (design_of(*groups(2, 2, 2)), 2, {}),
    "one sample": (design_of(), 1, {}),
    "one sample, one tail": (design_of(), 1, {"two_sided": False}),
    "a covariate": (design_of([1.0, 2, 4, 8, 3, 9], *groups(3, 3)), 1, {}),
    "blocks": (
        design_of([0.0, 1, 0, 1, 0, 1]),
        1,
        {"exchangeability": Exchangeability(blocks=np.array([1, 1, 2, 2, 3, 3]))},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_smallest_p_is_the_one_that_a_perfect_effect_reaches(case: str) -> None:
    design, q, options = CASES[case]
    settings = PermutationSettings(n_permutations=5000, **options)
    contrast = last(design, q=q)
    signal = design.matrix[:, -q:] @ np.arange(1.0, q + 1)
    noise = np.random.default_rng(1).normal(size=(design.n, 3))
    maps = 40 * signal[:, None] + noise
    (found,) = permute(maps, design, contrasts=[contrast], settings=settings)
    assert found.exact
    smallest = found.smallest_p
    below, at = smallest * 0.99, smallest * 1.01
    note = reach_note(design, contrast, settings=settings, alpha=below)
    assert note.startswith(f"Only {found.n_permutations} arrangements exist")
    assert f"below {smallest:.3g} and" in note
    assert reach_note(design, contrast, settings=settings, alpha=at) == ""


def test_drawn_permutations_reach_one_over_their_number() -> None:
    design = design_of(np.arange(30.0) ** 2)
    settings = PermutationSettings(n_permutations=50)
    assert reach_note(design, last(design), settings=settings, alpha=0.05) == ""
    note = reach_note(design, last(design), settings=settings, alpha=0.01)
    assert note == (
        "Only 50 arrangements were asked for, so no corrected p can be below 0.02 and .01 cannot "
        "be reached."
    )


def test_projected_maps_are_counted_after_the_projection() -> None:
    design = design_of([1.0, 2, 4, 8, 3, 9], *groups(3, 3))
    settings = PermutationSettings(residuals="huh-jhun")
    note = reach_note(design, last(design), settings=settings, alpha=0.01)
    assert note.startswith("Only 24 arrangements exist")


def test_blocks_that_forbid_every_rearrangement_show_here() -> None:
    design = design_of(*groups(3, 3))
    blocks = Exchangeability(blocks=np.array([1, 1, 1, 2, 2, 2]))
    settings = PermutationSettings(exchangeability=blocks)
    with pytest.raises(DesignError, match="forbid every rearrangement"):
        reach_note(design, last(design), settings=settings, alpha=0.05)


def test_alpha_itself_is_within_reach() -> None:
    assert reach_words(20, exact=True, smallest=0.05, alpha=0.05) == ""


@pytest.mark.parametrize(
    ("n", "words"),
    [(70, "70"), (12_870, "12,870"), (6.1234e103, "about 6.1e+103"), (np.inf, "more than 1e+300")],
)
def test_the_number_of_possible_arrangements_is_told_in_words(n: float, words: str) -> None:
    assert possible_words(n) == words
