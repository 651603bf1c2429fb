"""A formula and a table become the design that other software would build, or a clear refusal."""

from __future__ import annotations

import formulaic
import numpy as np
import pytest

from heatlas.core.errors import DesignError, HeatlasError, UnknownNameError
from heatlas.core.table import Table, table_from_columns
from heatlas.stats.formula import build_design, build_model, rows_used

N = 36
IDS = tuple(f"sub-{k:02d}" for k in range(1, N + 1))


@pytest.fixture
def table() -> Table:
    rng = np.random.default_rng(11)
    parts = rng.normal(size=(3, N)) * 50
    return table_from_columns({
        "group": ["depr", "control", "depr"] * (N // 3),
        "gender": ["m", "m", "f", "f"] * (N // 4),
        "site": [1, 2, 3, 3, 2, 1] * (N // 6),
        "age": rng.integers(18, 60, N),
        "score": np.where(np.arange(N) % 12 == 4, np.nan, rng.normal(size=N)),
        "HADS-anx": rng.normal(size=N),
        "gm": parts[0], "wm": parts[1], "csf": parts[2], "brain": parts.sum(axis=0),
        "one": ["a"] * N,
        "flat": [3.0] * N,
        "typo": ["4", "five", *["6"] * (N - 2)],
        "person": list(IDS),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("1", "1"),
        ("group", "C(group, contr.sum)"),
        ("C(site) + age", "C(site, contr.sum) + center(age)"),
        ("C(site) * age", "C(site, contr.sum) * center(age)"),
        ("group * gender * age",
         "C(group, contr.sum) * C(gender, contr.sum) * center(age)"),
        ("(group + gender + age)**2",
         "(C(group, contr.sum) + C(gender, contr.sum) + center(age))**2"),
        ("C(site) + C(site):age", "C(site, contr.sum) + C(site, contr.sum):center(age)"),
        ("C(site):gender", "C(site, contr.sum):C(gender, contr.sum)"),
        ("0 + group + age", "0 + C(group, contr.sum) + center(age)"),
        ("group * age - 1", "C(group, contr.sum) * center(age) - 1"),
        ("age - 1", "age - 1"),
        ("scale(age) + `HADS-anx`", "scale(age) + center(`HADS-anx`)"),
        ("group * gender - group:gender", "C(group, contr.sum) + C(gender, contr.sum)"),
    ],
)  # fmt: skip
def test_the_design_is_the_one_that_formulaic_materialises(
    table: Table, ours: str, theirs: str
) -> None:
    design = build_design(table, model=ours, ids=IDS)
    expected = formulaic.model_matrix(theirs, table.to_frame()).to_numpy(dtype=float)
    np.testing.assert_allclose(design.matrix, expected, atol=1e-12)


def test_columns_terms_levels_and_coding_are_named(table: Table) -> None:
    design = build_design(table, model="C(site) + group:age + age", ids=IDS)
    assert design.names == ("intercept", "site[S.1]", "site[S.2]", "age", "group[S.control]:age")
    assert dict(design.terms) == {
        "intercept": (0,), "site": (1, 2), "age": (3,), "group:age": (4,)
    }  # fmt: skip
    assert design.levels["site"] == ("1", "2", "3")
    assert design.coding["site"].startswith("sum-to-zero over 1, 2, 3")
    assert design.coding["age"].startswith("centred at ")
    assert design.dof == N - 5


def test_words_are_factors_with_or_without_c(table: Table) -> None:
    bare = build_design(table, model="group", ids=IDS)
    called = build_design(table, model="C(group)", ids=IDS)
    assert bare.names == called.names
    np.testing.assert_array_equal(bare.matrix, called.matrix)


def test_a_covariate_is_centred_at_the_rows_used(table: Table) -> None:
    built = build_model(table, model="age", ids=IDS, where="group == 'depr'")
    assert built.design.matrix[:, 1].mean() == pytest.approx(0, abs=1e-12)
    assert built.design.n == 24
    assert built.design.ids[:2] == ("sub-01", "sub-03")
    np.testing.assert_array_equal(built.rows[:2], [0, 2])
    assert built.where == "group == 'depr'"


def test_a_paired_design_has_a_column_for_each_pair_but_one() -> None:
    pairs = table_from_columns({
        "subject": [f"s{k}" for k in range(6)] * 2,
        "condition": ["rest"] * 6 + ["task"] * 6,
    })
    ids = tuple(str(k) for k in range(12))
    design = build_design(pairs, model="C(subject) + C(condition)", ids=ids)
    assert design.matrix.shape == (12, 7)
    assert design.dof == 5


def test_missing_values_are_refused_with_columns_counts_and_ids(table: Table) -> None:
    with pytest.raises(DesignError) as error:
        build_design(table, model="score + age", ids=IDS)
    assert "3 of 36 rows" in str(error.value)
    assert "score in 3: sub-05, sub-17, sub-29" in str(error.value)
    assert "missing: drop" in str(error.value)


def test_dropped_rows_are_listed_with_their_reason(table: Table) -> None:
    built = build_model(table, model="score + age", ids=IDS, missing="drop")
    assert built.design.dropped[0] == ("sub-05", "no value of score")
    assert len(built.design.dropped) == 3
    assert built.design.n == N - 3
    assert 4 not in built.rows
    np.testing.assert_array_equal(
        rows_used(table, model="score + age", ids=IDS, missing="drop"), built.rows
    )


def test_missing_values_of_other_columns_and_rows_do_not_matter(table: Table) -> None:
    assert build_design(table, model="age", ids=IDS).n == N
    built = build_model(table, model="score", ids=IDS, where="site == 1")
    assert built.design.dropped == ()


def test_a_table_without_a_complete_row_is_refused(table: Table) -> None:
    empty = table.take([4, 16, 28])
    with pytest.raises(DesignError, match="All 3 rows lack a value of score"):
        build_design(empty, model="score", ids=IDS[:3], missing="drop")


def test_an_empty_selection_is_refused(table: Table) -> None:
    with pytest.raises(DesignError, match="no row satisfies where: age > 200"):
        build_design(table, model="age", ids=IDS, where="age > 200")


def test_an_unknown_column_gives_the_nearest_spelling(table: Table) -> None:
    with pytest.raises(UnknownNameError, match="Unknown column 'agee'. Did you mean 'age'"):
        build_design(table, model="agee", ids=IDS)


def test_a_name_cut_short_by_a_hyphen_is_told_about_backticks(table: Table) -> None:
    with pytest.raises(UnknownNameError, match="stand in backticks: `HADS-anx`"):
        build_design(table, model="HADS-anx", ids=IDS)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("one", "Factor 'one' has only one level, 'a'"),
        ("flat", "Covariate 'flat' is 3 in all 36 rows"),
        ("typo", "Column 'typo' must be numeric, but row 2 holds 'five'"),
        ("scale(group)", "Column 'group' must be numeric, but row 1 holds 'depr'"),
        ("person + age", r"37 regressors \(intercept 1, person 35 and age 1\) .* only 36 maps"),
        ("person", "36 regressors .* it needs more maps than regressors"),
        ("brain + age + gm + wm + csf", r"not independent: brain = gm \+ wm \+ csf;"),
        ("age + C(age)", "used both as a factor, C\\(age\\), and as a number"),
        ("age**2", r"write I\(age\*\*2\) for the square"),
        ("(age + site)**7", r"expected 2, 3 or 4 after \*\*"),
        ("y ~ age", "leave out the left side"),
        ("2*age", "the number 2 is no term"),
        ("group[depr]", "cannot be read here"),
        ("age/site", "cannot be read here"),
        ("", "The model is empty"),
        ("0", "has no columns"),
        ("age +", "check its operators and parentheses"),
        ("(age", "check its operators and parentheses"),
        ("age site", "check its operators and parentheses"),
        ("np.log(age)", "Unknown function 'np.log'"),
        ("__import__('os')", "Unknown function '__import__'"),
        ("C(age, contr.treatment)", "one column name inside"),
    ],
)
def test_a_model_that_cannot_be_estimated_is_refused(table: Table, model: str, words: str) -> None:
    with pytest.raises(DesignError, match=words):
        build_design(table, model=model, ids=IDS)


def test_an_empty_cell_of_an_interaction_is_named(table: Table) -> None:
    with pytest.raises(DesignError, match="no map has group 'control' and site '1'"):
        build_design(table, model="group * C(site)", ids=IDS)


def test_a_nested_factor_is_refused_with_its_columns() -> None:
    pairs = table_from_columns({
        "subject": [f"s{k}" for k in range(6)] * 2,
        "group": ["a", "a", "a", "b", "b", "b"] * 2,
        "condition": ["rest"] * 6 + ["task"] * 6,
    })
    ids = tuple(str(k) for k in range(12))
    with pytest.raises(DesignError, match=r"not independent: .*group\[S.a\]"):
        build_design(pairs, model="group + subject + condition", ids=ids)


def test_nearly_collinear_covariates_are_told(table: Table) -> None:
    noise = np.random.default_rng(1).normal(size=N)
    more = table_from_columns({"a": table.numbers("gm"), "b": table.numbers("gm") + noise})
    built = build_model(more, model="a + b", ids=IDS)
    assert len(built.warnings) == 2
    assert built.warnings[0].startswith("a is nearly a combination of the other terms")
    assert build_model(table, model="group + age", ids=IDS).warnings == ()


def test_text_from_strangers_raises_nothing_but_our_errors(table: Table) -> None:
    rng = np.random.default_rng(2)
    pieces = [
        "age",
        "group",
        "C(site)",
        "+",
        "-",
        "*",
        ":",
        "(",
        ")",
        "**",
        "1",
        "0",
        "2",
        "`",
        ",",
    ]
    for _ in range(150):
        model = " ".join(rng.choice(pieces, size=rng.integers(1, 8)))
        try:
            assert build_design(table, model=model, ids=IDS).n == N
        except HeatlasError as error:
            assert len(str(error)) < 600
