"""Correction over contrasts against the plain maximum over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, NotSupportedError
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.family import across_contrasts
from heatlas.infer.permute import permute
from heatlas.infer.pvalues import log10_p
from heatlas.infer.request import PermutationSettings

AGE = Contrast(name="age", weights=np.array([0.0, 1, 0]))
SIZE = Contrast(name="size", weights=np.array([0.0, 0, 1]))
BOTH = Contrast(name="both", weights=np.array([[0.0, 1, 0], [0, 0, 1]]), kind="F")


def study() -> tuple[NDArray[np.float32], Design]:
    rng = np.random.default_rng(3)
    matrix = np.column_stack([np.ones(20), rng.standard_normal((20, 2))])
    maps = rng.standard_normal((20, 300)).astype(np.float32)
    maps[:, :4] += 1.2 * matrix[:, 1:2].astype(np.float32)
    ids = tuple(map(str, range(20)))
    return maps, Design(matrix=matrix, names=("intercept", "age", "size"), ids=ids)


def judged(*contrasts: Contrast, **settings: Any) -> tuple[PermutationResult, ...]:
    maps, design = study()
    asked = PermutationSettings(**{"n_permutations": 400, "seed": 5, **settings})
    return permute(maps, design, contrasts=contrasts, settings=asked)


def test_contrasts_of_one_statistic_share_the_largest_value() -> None:
    alone = judged(AGE, SIZE)
    together = across_contrasts(alone, names=["age", "size"])
    largest = np.maximum(alone[0].null_maxima, alone[1].null_maxima)
    for one, family in zip(alone, together, strict=True):
        np.testing.assert_array_equal(family.null_maxima, largest)
        expected = (largest[:, None] >= np.abs(one.statistic) * (1 - 1e-5)).sum(axis=0)
        np.testing.assert_array_equal(family.counts, np.maximum(expected, 1))
        assert (family.counts >= one.counts).all()
        assert family.family == ("age", "size")


def test_t_and_f_are_compared_by_their_p() -> None:
    alone = judged(AGE, BOTH)
    t, f = across_contrasts(alone, names=["age", "both"])
    scales = [
        log10_p(one.null_maxima, kind=one.kind, dof=one.dof, two_sided=one.two_sided)
        for one in alone
    ]
    largest = np.maximum(*scales)
    observed = log10_p(alone[0].statistic, kind="t", dof=alone[0].dof, two_sided=True)
    expected = (largest[:, None] >= observed * (1 - 1e-5)).sum(axis=0)
    np.testing.assert_array_equal(t.counts, np.maximum(expected, 1))
    back = log10_p(f.null_maxima, kind="F", dof=f.dof, two_sided=False)
    np.testing.assert_allclose(back, largest, rtol=1e-6)


def test_contrasts_of_other_arrangements_are_refused() -> None:
    (few,), (many,) = judged(AGE), judged(SIZE, n_permutations=500)
    with pytest.raises(DataError, match="same arrangements"):
        across_contrasts([few, many], names=["age", "size"])


def test_step_down_is_refused_across_contrasts() -> None:
    with pytest.raises(NotSupportedError, match="max-t"):
        across_contrasts(judged(AGE, SIZE, method="step-down"), names=["age", "size"])
