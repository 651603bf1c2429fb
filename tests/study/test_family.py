"""Contrasts that cannot be corrected together are told apart before a map is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.request import PermutationMethod, PermutationSettings
from heatlas.study.family import check_family

N = 12
GROUPS = np.repeat(np.arange(3), 4)
DESIGN = Design(
    matrix=np.column_stack([np.ones(N), GROUPS == 1, GROUPS == 2, np.arange(N) ** 2]),
    names=("mean", "a", "b", "age"),
    ids=tuple(map(str, range(N))),
)


def contrast(name: str, *rows: list[float], kind: Any = "t") -> Contrast:
    return Contrast(name=name, weights=np.array(rows), kind=kind)


A = contrast("a", [0, 1, 0, 0])
AGE = contrast("age", [0, 0, 0, 1])
MEAN = contrast("mean", [1, 0.3, 0.3, 0])
ANY = contrast("any", [0, 1, 0, 0], [0, 0, 1, 0], kind="F")
SLOPE = contrast("slope", [0, 0, 0, 1], kind="F")


def settings(method: PermutationMethod = "max-t", **changed: Any) -> PermutationSettings:
    return PermutationSettings(n_permutations=100, method=method, **changed)


def test_contrasts_of_one_statistic_make_a_family() -> None:
    check_family(DESIGN, [A, AGE], settings=settings("tfce"))
    check_family(DESIGN, [A], settings=settings("tfce"))


def test_max_t_compares_different_statistics_by_their_p() -> None:
    check_family(DESIGN, [A, AGE, ANY, SLOPE], settings=settings())


@pytest.mark.parametrize(
    "asked", [settings("tfce"), settings(variance_groups=GROUPS)], ids=["tfce", "v and G"]
)
def test_values_without_a_common_scale_are_refused(asked: PermutationSettings) -> None:
    with pytest.raises(DesignError, match="F of 2 columns and t of 1 column.*no common scale"):
        check_family(DESIGN, [A, ANY], settings=asked)
    with pytest.raises(DesignError, match="no common scale"):
        check_family(DESIGN, [ANY, SLOPE], settings=asked)


def test_permutations_and_sign_flips_make_no_family() -> None:
    with pytest.raises(DesignError, match="permutations for a and age and sign-flips for mean"):
        check_family(DESIGN, [A, AGE, MEAN], settings=settings())
    flipped = settings(exchangeability=Exchangeability(mode="sign-flips"))
    check_family(DESIGN, [A, AGE, MEAN], settings=flipped)


def test_projections_of_different_covariates_make_no_family() -> None:
    projected = settings(residuals="huh-jhun")
    with pytest.raises(DesignError, match="Huh-Jhun residuals of a and age are projections"):
        check_family(DESIGN, [A, AGE], settings=projected)
    check_family(DESIGN, [A, contrast("less", [0, -1, 0, 0])], settings=projected)
