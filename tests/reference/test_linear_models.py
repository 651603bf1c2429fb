"""Linear models equal statsmodels, nilearn and published R output on the same numbers.

R's numbers are those printed by its own documentation: ``?sleep``/``?t.test`` (Student 1908),
``?PlantGrowth`` (Dobson 1983), and the regression of ``mtcars`` on wt, qsec and am.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
import statsmodels.formula.api as smf
from patsy import dmatrix
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.anova import anova_lm

from heatlas.core.stack import MapStack
from heatlas.stats.formula import build_model
from heatlas.stats.glm import ContrastRequest, FittedContrast, fit_analysis
from tests.reference.models import stack_of

N = 60
MODELS = {
    "group + age": "C(group, Sum) + age0",
    "group * gender + age": "C(group, Sum) * C(gender, Sum) + age0",
    "C(site) * age + gender": "C(site, Sum) * age0 + C(gender, Sum)",
    "group * C(site) * age": "C(group, Sum) * C(site, Sum) * age0",
}


@pytest.fixture(scope="module")
def frame() -> pandas.DataFrame:
    rng = np.random.default_rng(21)
    table = pandas.DataFrame({
        "group": ["depr", "control", "depr", "depr"] * 15,
        "gender": ["m"] * 20 + ["f"] * 40,
        "site": [1, 2, 10, 10, 1] * 12,
        "age": rng.integers(18, 70, N).astype(float),
    })
    table["age0"] = table.age - table.age.mean()
    noise = rng.normal(size=N)
    table["y"] = np.float32(700 + 0.5 * table.age + 3 * (table.group == "depr") + 5 * noise)
    table["y"] = table["y"].astype(float)
    return table


@pytest.fixture(scope="module")
def stack(frame: pandas.DataFrame) -> MapStack:
    columns: dict[str, Any] = {n: frame[n].to_list() for n in ("group", "gender", "site", "age")}
    return stack_of(frame[["y"]].to_numpy(), **columns)


def contrast_of(stack: MapStack, model: str, *, test: str, kind: str = "t") -> FittedContrast:
    request = ContrastRequest(name="c", test=test, kind=kind)  # type: ignore[arg-type]
    return fit_analysis(stack, model=model, contrasts=[request]).contrasts[0]


def ols(formula: str, frame: pandas.DataFrame) -> tuple[Any, Any]:
    """A least-squares fit of statsmodels, and patsy's description of its columns."""
    design = dmatrix(formula, frame)
    return OLS(frame["y"].to_numpy(), np.asarray(design)).fit(), design.design_info


def marginal(info: Any, frame: pandas.DataFrame, **levels: object) -> np.ndarray:
    """Weights of a marginal mean by brute force: the mean of the grid's rows, age at its mean."""
    free = {
        name: [levels[name]] if name in levels else sorted(set(frame[name]))
        for name in ("group", "gender", "site")
    }
    grid = pandas.MultiIndex.from_product(list(free.values()), names=list(free)).to_frame()
    grid["age0"] = 0.0
    return np.asarray(dmatrix(info, grid.reset_index(drop=True))).mean(axis=0)


@pytest.mark.parametrize(("ours", "theirs"), MODELS.items())
def test_slopes_their_t_and_their_intervals_equal_statsmodels(
    stack: MapStack, frame: pandas.DataFrame, ours: str, theirs: str
) -> None:
    oracle = smf.ols(f"y ~ {theirs}", frame).fit()
    found = contrast_of(stack, ours, test="age")
    assert found.effect is not None
    interval = oracle.conf_int().loc["age0"]
    np.testing.assert_allclose(found.statistic.values, oracle.tvalues["age0"], rtol=1e-6)
    np.testing.assert_allclose(found.effect.value, oracle.params["age0"], rtol=1e-6)
    np.testing.assert_allclose(found.effect.standard_error, oracle.bse["age0"], rtol=1e-6)
    np.testing.assert_allclose(found.effect.low, interval[0], rtol=1e-6)
    np.testing.assert_allclose(found.effect.high, interval[1], rtol=1e-6)


DIFFERENCES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("group[depr] - group[control]", {"group": "depr"}, {"group": "control"}),
    ("gender[m] - gender[f]", {"gender": "m"}, {"gender": "f"}),
    ("site[10] - site[2]", {"site": 10}, {"site": 2}),
    ("group[depr]:gender[m] - group[control]:gender[m]",
     {"group": "depr", "gender": "m"}, {"group": "control", "gender": "m"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "test", "higher", "lower"),
    [
        (model, test, higher, lower)
        for model in MODELS
        for test, higher, lower in DIFFERENCES
        if all(factor in model for factor in higher)
    ],
)
def test_differences_of_marginal_means_equal_the_reference_grid(
    stack: MapStack,
    frame: pandas.DataFrame,
    ours: str,
    test: str,
    higher: dict[str, object],
    lower: dict[str, object],
) -> None:
    oracle, info = ols(MODELS[ours], frame)
    weights = [marginal(info, frame, **levels) for levels in (higher, lower)]
    expected = oracle.t_test(weights[0] - weights[1])
    found = contrast_of(stack, ours, test=test)
    assert found.effect is not None
    np.testing.assert_allclose(found.statistic.values, expected.tvalue.item(), rtol=1e-6)
    np.testing.assert_allclose(found.effect.value, expected.effect.item(), rtol=1e-6)
    for mean, row in zip(found.means, weights, strict=True):
        np.testing.assert_allclose(mean.values, oracle.t_test(row).effect.item(), rtol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), MODELS.items())
def test_the_f_of_every_term_equals_statsmodels_type_three(
    stack: MapStack, frame: pandas.DataFrame, ours: str, theirs: str
) -> None:
    expected = anova_lm(smf.ols(f"y ~ {theirs}", frame).fit(), typ=3)
    terms = build_model(stack.table, model=ours, ids=stack.ids).design.terms
    assert len(terms) == len(expected) - 1
    for row, (f, df) in expected.drop("Residual")[["F", "df"]].iterrows():
        plain = str(row).replace(", Sum)", ")").replace("age0", "age").lower().replace("c(", "C(")
        found = contrast_of(stack, ours, test=plain, kind="F")
        assert found.statistic.dof[0] == df
        np.testing.assert_allclose(found.statistic.values, f, rtol=1e-6)


def test_a_slope_within_a_level_equals_statsmodels(
    stack: MapStack, frame: pandas.DataFrame
) -> None:
    oracle = smf.ols("y ~ C(group) + C(group):age0", frame).fit()
    for level in ("control", "depr"):
        found = contrast_of(stack, "group * age", test=f"group[{level}]:age")
        expected = oracle.tvalues[f"C(group)[{level}]:age0"]
        np.testing.assert_allclose(found.statistic.values, expected, rtol=1e-6)


def test_marginal_means_of_an_unbalanced_two_by_two_weigh_cells_equally() -> None:
    """Cells a/x: 1, 3; a/y: 10; b/x: 4; b/y: 6, 8, 10. Means 2, 10, 4, 8: a is 6 and b is 6."""
    stack = stack_of(
        [1, 3, 10, 4, 6, 8, 10], g=["a", "a", "a", "b", "b", "b", "b"], h=list("xxyxyyy")
    )
    found = contrast_of(stack, "g * h", test="g[a] - g[b]")
    assert found.effect is not None
    np.testing.assert_allclose([mean.values[0] for mean in found.means], [6, 6], atol=1e-12)
    np.testing.assert_allclose(found.effect.value, 0, atol=1e-12)
    cell = contrast_of(stack, "g * h", test="g[a]:h[y] - g[b]:h[y]")
    assert cell.effect is not None
    np.testing.assert_allclose(cell.effect.value, 2, atol=1e-12)


SLEEP = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0,
         1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]  # fmt: skip


def test_a_paired_design_gives_the_paired_t_of_r() -> None:
    """``t.test(extra ~ group, data = sleep, paired = TRUE)``: t = -4.0621, df = 9, -1.58 h."""
    subjects = [f"s{k}" for k in range(10)] * 2
    stack = stack_of(SLEEP, drug=[1] * 10 + [2] * 10, subject=subjects)
    found = contrast_of(stack, "C(subject) + C(drug)", test="drug[1] - drug[2]")
    assert found.effect is not None
    assert found.statistic.dof == (9,)
    np.testing.assert_allclose(found.statistic.values, -4.0621, atol=5e-5)
    np.testing.assert_allclose(found.effect.value, -1.58, rtol=1e-6)
    np.testing.assert_allclose(
        [found.effect.low, found.effect.high], [[-2.4598858], [-0.7001142]], rtol=1e-6
    )


def test_two_samples_give_the_pooled_t_of_r() -> None:
    """``t.test(extra ~ group, data = sleep, var.equal = TRUE)``: t = -1.8608, df = 18."""
    stack = stack_of(SLEEP, drug=[1] * 10 + [2] * 10)
    found = contrast_of(stack, "C(drug)", test="drug[1] - drug[2]")
    assert found.statistic.dof == (18,)
    np.testing.assert_allclose(found.statistic.values, -1.8608, atol=5e-5)


PLANTS = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14,
          4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69,
          6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]  # fmt: skip
TREATMENT = ["ctrl"] * 10 + ["trt1"] * 10 + ["trt2"] * 10


def test_one_way_anova_gives_the_f_of_r() -> None:
    """``anova(lm(weight ~ group, PlantGrowth))``: F = 4.8461 on 2 and 27 df."""
    found = contrast_of(stack_of(PLANTS, group=TREATMENT), "group", test="group", kind="F")
    assert found.statistic.dof == (2, 27)
    np.testing.assert_allclose(found.statistic.values, 4.8461, atol=5e-5)
    np.testing.assert_allclose([m.values[0] for m in found.means], [5.032, 4.661, 5.526], rtol=1e-6)


@pytest.mark.parametrize(
    ("level", "estimate", "t"), [("trt1", -0.371, -1.331), ("trt2", 0.494, 1.772)]
)
def test_treatments_against_control_give_the_t_of_r(level: str, estimate: float, t: float) -> None:
    """``summary(lm(weight ~ group, PlantGrowth))``."""
    stack = stack_of(PLANTS, group=TREATMENT)
    found = contrast_of(stack, "group", test=f"group[{level}] - group[ctrl]")
    assert found.effect is not None
    np.testing.assert_allclose(found.effect.value, estimate, rtol=1e-5)
    np.testing.assert_allclose(found.statistic.values, t, atol=5e-4)


def test_estimates_equal_nilearn_on_the_same_design(
    stack: MapStack, frame: pandas.DataFrame
) -> None:
    from nilearn.glm import OLSModel, compute_contrast

    rng = np.random.default_rng(9)
    maps = (rng.normal(size=(N, 30)) + 100).astype(np.float32)
    columns: dict[str, Any] = {n: frame[n].to_list() for n in ("group", "gender", "site", "age")}
    many = stack_of(maps, **columns)
    requests = [
        ContrastRequest(name="t", test="group[depr] - group[control]"),
        ContrastRequest(name="F", test="site", kind="F"),
    ]
    analysis = fit_analysis(many, model="group + C(site) + age", contrasts=requests)
    results = OLSModel(analysis.design.matrix).fit(maps.astype(np.float64))
    labels = np.zeros(30)
    for found in analysis.contrasts:
        weights = found.contrast.weights
        expected = compute_contrast(
            labels,
            {0.0: results},
            weights if found.statistic.kind == "F" else weights[0],
            stat_type=found.statistic.kind,
        )
        np.testing.assert_allclose(found.statistic.values, expected.stat().ravel(), rtol=1e-6)
