"""An analysis gives every number with its n, unit, groups and origin."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError, DesignError
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import Column, table_from_columns
from heatlas.infer import linear
from heatlas.stats.glm import ContrastRequest, adjusted_values, fit_analysis

N, SHAPE = 24, (4, 3, 5)
DIFFERENCE = ContrastRequest(name="depression", test="group[depr] - group[control]")


@pytest.fixture
def stack() -> MapStack:
    rng = np.random.default_rng(8)
    mask = Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=rng.random(SHAPE) < 0.7)
    group = ["depr", "control", "depr", "depr"] * 6
    table = table_from_columns({
        "group": group,
        "gender": ["m", "m", "m", "f", "f", "f", "f", "f"] * 3,
        "subject": [f"s{k % 12}" for k in range(N)],
        "condition": ["rest"] * 12 + ["task"] * 12,
    })
    age = rng.integers(18, 60, N).astype(float)
    score = np.where(np.arange(N) == 5, np.nan, rng.normal(size=N))
    table = table.with_columns([
        Column(name="age", values=age, unit="years"), Column(name="score", values=score)
    ])  # fmt: skip
    values = rng.normal(size=(N, mask.size)) + 0.02 * age[:, None]
    values += np.array([name == "depr" for name in group])[:, None]
    return MapStack(
        values=values,
        mask=mask,
        ids=tuple(f"sub-{k}" for k in range(N)),
        table=table,
        measure="grey-matter volume",
        unit="ml/ml",
        provenance=Provenance().then("stack"),
    )


def test_a_statistic_knows_kind_dof_n_groups_and_quantity(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + age", contrasts=[DIFFERENCE])
    statistic = analysis.contrasts[0].statistic
    assert statistic.kind == "t"
    assert statistic.sample_words() == "n = 24 (6 control, 18 depr), df = 21"
    assert (statistic.quantity, statistic.unit) == ("grey-matter volume", "ml/ml")
    assert statistic.contrast == analysis.contrasts[0].name == "depression"


def test_the_statistic_and_the_effect_are_those_of_the_kernel(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + age", contrasts=[DIFFERENCE])
    found = analysis.contrasts[0]
    result = linear.test(linear.fit(stack.values, analysis.design), found.contrast)
    np.testing.assert_array_equal(found.statistic.values, result.statistic)
    assert found.effect is not None and result.effect is not None
    np.testing.assert_array_equal(found.effect.value, result.effect)
    assert found.effect.value.mean() == pytest.approx(1, abs=0.3)


def test_a_difference_comes_with_hedges_g_and_both_means(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + age", contrasts=[DIFFERENCE])
    found = analysis.contrasts[0]
    assert found.effect is not None
    assert (found.effect.kind, found.effect.unit, found.effect.n) == ("difference", "ml/ml", 24)
    assert found.standardised.kind == "Hedges g"
    assert [m.contrast for m in found.means] == ["group[depr]", "group[control]"]
    assert [(m.kind, m.n, m.groups) for m in found.means] == [
        ("mean", 18, (("depr", 18),)),
        ("mean", 6, (("control", 6),)),
    ]
    np.testing.assert_allclose(
        found.means[0].values - found.means[1].values, found.effect.value, atol=1e-12
    )


def test_means_without_covariates_are_the_plain_means(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group", contrasts=[DIFFERENCE])
    depr = np.array(stack.table.words("group")) == "depr"
    plain = stack.values[depr].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(analysis.contrasts[0].means[0].values, plain, rtol=1e-12)


def test_a_slope_comes_per_unit_of_the_covariate_with_partial_r2(stack: MapStack) -> None:
    slope = ContrastRequest(name="age", test="age")
    found = fit_analysis(stack, model="group + age", contrasts=[slope]).contrasts[0]
    assert found.effect is not None
    assert (found.effect.kind, found.effect.unit) == ("slope", "ml/ml per years")
    assert found.standardised.kind == "partial R2"
    assert found.means == ()
    assert found.statistic.groups == (("control", 6), ("depr", 18))


def test_an_f_has_no_effect_but_partial_r2_and_the_means_of_all_levels(stack: MapStack) -> None:
    request = ContrastRequest(name="any", test="group", kind="F")
    found = fit_analysis(stack, model="group + age", contrasts=[request]).contrasts[0]
    assert found.statistic.dof == (1, 21)
    assert found.effect is None
    assert found.standardised.kind == "partial R2"
    assert [m.contrast for m in found.means] == ["group[control]", "group[depr]"]


def test_one_sample_has_hedges_g_of_its_mean_and_no_groups(stack: MapStack) -> None:
    request = ContrastRequest(name="mean", test="intercept")
    found = fit_analysis(stack, model="1", contrasts=[request]).contrasts[0]
    assert found.standardised.kind == "Hedges g"
    assert found.statistic.sample_words() == "n = 24, df = 23"
    assert found.means == ()


def test_cells_are_counted_by_all_their_levels(stack: MapStack) -> None:
    test = "group[depr]:gender[m] - group[depr]:gender[f]"
    request = ContrastRequest(name="cells", test=test)
    found = fit_analysis(stack, model="group * gender", contrasts=[request]).contrasts[0]
    assert dict(found.statistic.groups)["depr/m"] == found.means[0].n
    assert sum(n for _, n in found.statistic.groups) == N


def test_a_paired_design_shows_the_conditions_and_not_every_subject(stack: MapStack) -> None:
    requests = [
        ContrastRequest(name="task", test="condition[task] - condition[rest]"),
        ContrastRequest(name="subjects", test="subject", kind="F"),
    ]
    found = fit_analysis(stack, model="C(subject) + C(condition)", contrasts=requests).contrasts
    assert found[0].statistic.groups == (("rest", 12), ("task", 12))
    assert found[0].statistic.dof == (11,)


def test_where_and_missing_decide_which_rows_of_the_stack_are_used(stack: MapStack) -> None:
    analysis = fit_analysis(
        stack,
        model="score",
        contrasts=[ContrastRequest(name="score", test="score")],
        where="gender == 'f'",
        missing="drop",
    )
    assert analysis.design.dropped == (("sub-5", "no value of score"),)
    assert analysis.design.ids == tuple(stack.ids[row] for row in analysis.rows)
    chosen = stack.take(analysis.rows)
    again = fit_analysis(
        chosen, model="score", contrasts=[ContrastRequest(name="score", test="score")]
    )
    np.testing.assert_array_equal(
        analysis.contrasts[0].statistic.values, again.contrasts[0].statistic.values
    )


def test_the_provenance_names_model_coding_weights_and_losses(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + score", contrasts=[DIFFERENCE], missing="drop")
    steps = analysis.contrasts[0].statistic.provenance.steps
    assert [step.name for step in steps] == ["stack", "fit", "test"]
    assert steps[1].parameters["model"] == "group + score"
    assert steps[1].parameters["dropped"] == 1
    assert steps[1].parameters["coding"]["score"].startswith("centred at")
    assert steps[2].parameters["weights"] == "− 2.000·group[S.control]"
    assert analysis.contrasts[0].weights_words == "− 2.000·group[S.control]"


def test_constant_elements_are_counted_and_said(stack: MapStack) -> None:
    values = stack.values.copy()
    values[:, 2] = 0.5
    flat = MapStack(values=values, mask=stack.mask, ids=stack.ids, table=stack.table)
    analysis = fit_analysis(flat, model="group", contrasts=[DIFFERENCE])
    assert analysis.n_undefined == 1
    assert np.isnan(analysis.contrasts[0].statistic.values[2])
    warnings = analysis.contrasts[0].statistic.provenance.warnings
    assert warnings == ("1 element without residual variance: no statistic is defined there.",)


def test_two_contrasts_of_one_name_are_refused(stack: MapStack) -> None:
    with pytest.raises(DesignError, match="'depression' is asked for twice"):
        fit_analysis(stack, model="group", contrasts=[DIFFERENCE, DIFFERENCE])


def test_adjusted_values_have_the_means_that_the_contrast_compares(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + age", contrasts=[DIFFERENCE])
    found = analysis.contrasts[0]
    values = adjusted_values(analysis.model, found.resolved, values=stack.values[:, 0])
    depr = np.array(stack.table.words("group")) == "depr"
    assert values[depr].mean() == pytest.approx(found.means[0].values[0])
    assert values[~depr].mean() == pytest.approx(found.means[1].values[0])


def test_adjusted_values_do_not_follow_the_covariates(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group + age", contrasts=[DIFFERENCE])
    resolved = analysis.contrasts[0].resolved
    values = adjusted_values(analysis.model, resolved, values=stack.values[:, 0])
    age = analysis.model.by_name["age"].values
    depr = np.array(stack.table.words("group")) == "depr"
    within = [np.cov(age[rows], values[rows])[0, 1] * rows.sum() for rows in (depr, ~depr)]
    raw = [np.cov(age[r], stack.values[r, 0])[0, 1] * r.sum() for r in (depr, ~depr)]
    assert abs(sum(within)) < abs(sum(raw))


def test_adjusted_values_need_one_value_per_row(stack: MapStack) -> None:
    analysis = fit_analysis(stack, model="group", contrasts=[DIFFERENCE])
    with pytest.raises(DataError, match="maps: 3 given"):
        adjusted_values(analysis.model, analysis.contrasts[0].resolved, values=np.ones(3))
