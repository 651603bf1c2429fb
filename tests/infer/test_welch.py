"""v and G against scipy, Welch (1951) and a sandwich of group variances."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from heatlas.core.design import Contrast, Design
from heatlas.infer import linear
from heatlas.infer.arranged import Statistic, arrange
from heatlas.infer.residuals import freedman_lane, unit_residuals
from heatlas.infer.statistics import all_statistics, observed_statistics
from tests.infer.rearranged_study import LABELS, F, N, T, some_arrangements, statistic_of, study


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
