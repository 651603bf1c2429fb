"""Statistics of many arrangements at once against scipy and statsmodels-like refits by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.infer import linear
from heatlas.infer.arranged import Statistic, arrange
from heatlas.infer.arrangements import Arrangements, listed_arrangements
from heatlas.infer.residuals import freedman_lane, unit_residuals
from heatlas.infer.shares import shares_to_statistics
from heatlas.infer.statistics import all_statistics, largest_statistics, observed_statistics

N = 14
LABELS = (np.arange(N) >= 5).astype(np.int64)
T = Contrast(name="t", weights=np.array([0.0, 1, 0]))
F = Contrast(name="F", weights=np.array([[0.0, 1, 0], [0, 0, 1]]), kind="F")


def study(v: int = 600) -> tuple[NDArray[np.float32], Design]:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(N), LABELS, rng.standard_normal(N)]).astype(float)
    maps = rng.standard_normal((N, v)).astype(np.float32)
    return maps, Design(matrix=matrix, names=("a", "b", "c"), ids=tuple(map(str, range(N))))


def some_arrangements(n: int = 9) -> Arrangements:
    rng = np.random.default_rng(6)
    rows = np.array([np.arange(N), *(rng.permutation(N) for _ in range(n - 1))])
    return listed_arrangements(rows)


def statistic_of(
    design: Design, contrast: Contrast, *, signed: bool = False, grouped: bool = False
) -> tuple[linear.Partition, Statistic]:
    parts = linear.partition(design, contrast)
    kind: Any = {"t": "v", "F": "G"}[contrast.kind] if grouped else contrast.kind
    dof = {"t": (parts.dof,), "F": (2.0, parts.dof)}.get(kind, ())
    return parts, Statistic(
        interest=parts.interest,
        nuisance=parts.nuisance,
        kind=kind,
        dof=dof,
        signed=signed,
        groups=LABELS if grouped else None,
    )


@pytest.mark.parametrize("contrast", [T, F])
def test_statistics_of_each_arrangement_equal_a_refit(contrast: Contrast) -> None:
    maps, design = study()
    parts, tested = statistic_of(design, contrast)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 9))
    found = all_statistics(
        arranged, residuals, tested=tested, out=np.empty((9, maps.shape[1]), np.float32)
    )
    rows = some_arrangements().block(0).rows
    assert rows is not None
    for i in range(9):
        moved = residuals[np.argsort(rows[i])].astype(float)
        expected = linear.test(linear.fit(moved, design), contrast).statistic
        np.testing.assert_allclose(found[i], expected, rtol=2e-4, atol=2e-5)
    largest = largest_statistics(arranged, residuals, tested=tested)
    np.testing.assert_allclose(largest, np.abs(found).max(axis=1), rtol=1e-5)


def test_the_largest_signed_statistic_is_not_that_of_the_magnitude() -> None:
    maps, design = study()
    parts, tested = statistic_of(design, T, signed=True)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 9))
    every = all_statistics(
        arranged, residuals, tested=tested, out=np.empty((9, maps.shape[1]), np.float32)
    )
    largest = largest_statistics(arranged, residuals, tested=tested)
    np.testing.assert_allclose(largest, every.max(axis=1), rtol=1e-5)


@pytest.mark.parametrize("contrast", [T, F])
def test_observed_statistics_equal_those_of_the_model(contrast: Contrast) -> None:
    maps, design = study()
    parts, tested = statistic_of(design, contrast)
    block, _ = unit_residuals(maps, parts.nuisance)
    expected = linear.test(linear.fit(maps, design), contrast).statistic
    np.testing.assert_allclose(observed_statistics(block, tested=tested), expected, rtol=1e-10)


def test_v_of_two_groups_is_welchs_t() -> None:
    maps, _ = study()
    design = Design(
        matrix=np.column_stack([LABELS == 1, LABELS == 0]).astype(float),
        names=("one", "two"),
        ids=tuple(map(str, range(N))),
    )
    contrast = Contrast(name="difference", weights=np.array([1.0, -1]))
    parts, tested = statistic_of(design, contrast, grouped=True)
    block, _ = unit_residuals(maps, parts.nuisance)
    expected = stats.ttest_ind(
        maps[LABELS == 1].astype(float), maps[LABELS == 0].astype(float), equal_var=False
    ).statistic
    np.testing.assert_allclose(observed_statistics(block, tested=tested), expected, rtol=1e-9)


def test_g_of_three_groups_is_welchs_anova() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat([0, 1, 2], [4, 6, 8])
    maps = rng.standard_normal((18, 20)) * np.array([1.0, 2, 3])[groups][:, None]
    design = Design(matrix=np.eye(3)[groups], names=("a", "b", "c"), ids=tuple(map(str, range(18))))
    contrast = Contrast(name="any", weights=np.array([[1.0, -1, 0], [0, 1, -1]]), kind="F")
    parts = linear.partition(design, contrast)
    tested = Statistic(
        interest=parts.interest, nuisance=parts.nuisance, kind="G", dof=(), signed=False,
        groups=groups,
    )  # fmt: skip
    block, _ = unit_residuals(maps, parts.nuisance)
    found = observed_statistics(block, tested=tested)
    np.testing.assert_allclose(found, [welch_anova(column, groups) for column in maps.T])


def welch_anova(values: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    """Welch's F as in Welch (1951)."""
    parts = [values[groups == g] for g in np.unique(groups)]
    n = np.array([len(part) for part in parts])
    weight = n / np.array([part.var(ddof=1) for part in parts])
    means = np.array([part.mean() for part in parts])
    k, grand = len(parts), (weight * means).sum() / weight.sum()
    spread = ((1 - weight / weight.sum()) ** 2 / (n - 1)).sum()
    above = (weight * (means - grand) ** 2).sum() / (k - 1)
    return float(above / (1 + 2 * (k - 2) / (k**2 - 1) * spread))


def test_v_with_a_covariate_equals_the_sandwich_of_group_variances() -> None:
    maps, design = study(30)
    parts, tested = statistic_of(design, T, grouped=True)
    block, _ = unit_residuals(maps, parts.nuisance)
    x = design.matrix
    inverse = np.linalg.pinv(x)
    residual_maker = np.eye(N) - x @ inverse
    beta = inverse @ maps.astype(float)
    errors = residual_maker @ maps
    freedom = np.diag(residual_maker)
    for v in range(30):
        weights = np.zeros(N)
        for group in (0, 1):
            inside = group == LABELS
            weights[inside] = freedom[inside].sum() / (errors[inside, v] ** 2).sum()
        variance = np.linalg.inv(x.T @ (weights[:, None] * x))[1, 1]
        expected = beta[1, v] / np.sqrt(variance)
        assert observed_statistics(block[:, v : v + 1], tested=tested)[0] == pytest.approx(expected)


@pytest.mark.parametrize("contrast", [T, F])
def test_welch_statistics_of_an_arrangement_equal_those_of_moved_maps(contrast: Contrast) -> None:
    maps, design = study(40)
    parts, tested = statistic_of(design, contrast, grouped=True)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 9))
    found = all_statistics(arranged, residuals, tested=tested, out=np.empty((9, 40), np.float32))
    rows = some_arrangements().block(0).rows
    assert rows is not None
    for i in range(9):
        moved, _ = unit_residuals(residuals[np.argsort(rows[i])], np.zeros((N, 0)))
        np.testing.assert_allclose(
            found[i], observed_statistics(moved, tested=tested), rtol=1e-4, atol=1e-5
        )


def test_statistics_of_near_perfect_fits_are_computed_in_float64() -> None:
    maps, design = study(300)
    maps[:, :5] = 1e-4 * maps[:, :5] + LABELS[:, None]
    parts, tested = statistic_of(design, T)
    residuals = freedman_lane(maps, parts).residuals
    arranged = arrange(tested, some_arrangements(), block=0).take(slice(0, 1))
    every = all_statistics(arranged, residuals, tested=tested, out=np.empty((1, 300), np.float32))
    expected = linear.test(linear.fit(maps, design), T).statistic
    limit = shares_to_statistics(np.ones(1), tested=tested)[0]
    np.testing.assert_allclose(every[0], np.clip(expected, -limit, limit), rtol=1e-2)
    largest = largest_statistics(arranged, residuals, tested=tested)
    assert largest[0] == pytest.approx(np.abs(every).max(), rel=1e-3)


def test_a_variance_group_without_degrees_of_freedom_is_refused() -> None:
    _, design = study()
    parts = linear.partition(design, T)
    groups = np.append(np.zeros(N - 1, int), 1)
    with pytest.raises(DesignError, match="Variance group 2 of 2"):
        Statistic(
            interest=parts.interest,
            nuisance=np.concatenate([parts.nuisance, np.eye(N)[:, -1:]], axis=1),
            kind="v", dof=(), signed=False, groups=groups,
        )  # fmt: skip
