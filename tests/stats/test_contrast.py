"""Contrasts resolve to the weights that they mean, and say what a positive value means."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError, DesignError
from heatlas.core.table import Table, table_from_columns
from heatlas.stats.contrast import parse_contrast, resolve_contrast
from heatlas.stats.formula import build_model
from heatlas.stats.marginal import BuiltModel

N = 24


@pytest.fixture
def table() -> Table:
    rng = np.random.default_rng(4)
    return table_from_columns({
        "group": ["depr", "control", "depr", "depr"] * 6,
        "gender": ["m", "m", "m", "f", "f", "f", "f", "f"] * 3,
        "site": ["a", "b", "c"] * 8,
        "age": rng.integers(18, 60, N),
        "score": rng.normal(size=N),
    })


def built(table: Table, model: str) -> BuiltModel:
    return build_model(table, model=model, ids=tuple(str(k) for k in range(N)))


def weights(table: Table, model: str, *, test: str, kind: str = "t") -> dict[str, list[float]]:
    """Weights of the columns that take part."""
    made = built(table, model)
    contrast = parse_contrast(made, name="c", test=test, kind=kind)  # type: ignore[arg-type]
    used = contrast.weights.any(axis=0)
    return {
        name: column.tolist()
        for name, column, use in zip(made.design.names, contrast.weights.T, used, strict=True)
        if use
    }


@pytest.mark.parametrize(
    ("model", "test", "expected"),
    [
        ("group + age", "group[depr] - group[control]", {"group[S.control]": [-2]}),
        ("group + age", "group[depr]", {"intercept": [1], "group[S.control]": [-1]}),
        ("group + age", "age", {"age": [1]}),
        ("group * age", "age", {"age": [1]}),
        ("1", "intercept", {"intercept": [1]}),
        ("group * gender + age", "intercept", {"intercept": [1]}),
        ("site", "0.5*(site[a] + site[b]) - site[c]", {"site[S.a]": [1.5], "site[S.b]": [1.5]}),
        ("0 + group", "group[depr] - group[control]",
         {"group[control]": [-1], "group[depr]": [1]}),
        ("group * age", "group[depr]:age", {"age": [1], "group[S.control]:age": [-1]}),
        ("group + group:age", "group[depr]:age", {"group[depr]:age": [1]}),
        ("group + group:age", "age", {"group[control]:age": [0.5], "group[depr]:age": [0.5]}),
        ("group * gender", "group[depr]:gender[m]",
         {"intercept": [1], "group[S.control]": [-1], "gender[S.f]": [-1],
          "group[S.control]:gender[S.f]": [1]}),
        ("group * gender", "group:gender", {"group[S.control]:gender[S.f]": [1]}),
        ("group * age", "C(group):age", {"group[S.control]:age": [1]}),
        ("group * age", "age:group", {"group[S.control]:age": [1]}),
        ("age:score + group", "age:score", {"age:score": [1]}),
        ("scale(age) + I(score**2)", "scale(age) - 2*I(score**2)",
         {"scale(age)": [1], "I(score**2)": [-2]}),
        ("age - 1", "age", {"age": [1]}),
    ],
)  # fmt: skip
def test_weights_of_a_t(
    table: Table, model: str, test: str, expected: dict[str, list[float]]
) -> None:
    found = weights(table, model, test=test)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "test", "expected"),
    [
        ("site + age", "site", {"site[S.a]": [1, 0], "site[S.b]": [0, 1]}),
        ("site * age", "age:C(site)", {"site[S.a]:age": [1, 0], "site[S.b]:age": [0, 1]}),
        ("site + age", "age", {"age": [1]}),
        ("site + age", "intercept", {"intercept": [1]}),
        ("site + age", "site[a] - site[b], age",
         {"site[S.a]": [1, 0], "site[S.b]": [-1, 0], "age": [0, 1]}),
    ],
)  # fmt: skip
def test_weights_of_an_f(
    table: Table, model: str, test: str, expected: dict[str, list[float]]
) -> None:
    assert weights(table, model, test=test, kind="F") == expected


def test_a_covariate_stands_at_its_mean_without_centring(table: Table) -> None:
    """In a model through the origin the mean of a group is taken where people are."""
    uncentred = built(table, "age - 1")
    assert uncentred.weights(levels={})[0] == pytest.approx(table.numbers("age").mean())


def test_an_additive_model_with_many_levels_needs_no_grid() -> None:
    """400 x 300 cells would be 120,000 rows of 700 columns."""
    rng = np.random.default_rng(0)
    table = table_from_columns({
        "person": [f"p{k % 400}" for k in range(1200)],
        "batch": [f"b{k}" for k in rng.permutation(np.arange(1200) % 300)],
    })
    model = build_model(table, model="person + batch", ids=tuple(map(str, range(1200))))
    contrast = parse_contrast(model, name="c", test="batch[b1] - batch[b2]")
    used = {model.design.names[k]: w for k, w in enumerate(contrast.weights[0]) if w}
    assert used == {"batch[S.b1]": 1, "batch[S.b2]": -1}


@pytest.mark.parametrize(
    ("model", "test", "kind", "words"),
    [
        ("group + age + gender", "group[depr] - group[control]", "t",
         "group depr higher than control, adjusted for age, gender"),
        ("group * gender", "group[depr]:gender[m] - group[control]:gender[m]", "t",
         "group depr higher than control, in gender m"),
        ("group * gender", "group[depr]:gender[m] - group[control]:gender[f]", "t",
         "group depr, gender m higher than control, f"),
        ("group + gender", "group[depr] - gender[m]", "t",
         "group depr higher than gender m"),
        ("group", "group[depr] - intercept", "t", "group depr higher than the mean"),
        ("group + age", "age", "t", "higher with age, adjusted for group"),
        ("group + age", "-age", "t", "lower with age, adjusted for group"),
        ("1", "intercept", "t", "mean above zero"),
        ("group", "group[depr]", "t", "mean of group depr above zero"),
        ("group - 1", "group[depr] - 2*group[control]", "t",
         "group[depr] higher than 2·group[control]"),
        ("group * age", "group[depr]:age", "t", "higher with age in group depr"),
        ("group * age", "group[depr]:age - group[control]:age", "t",
         "slope of age in group depr higher than in group control"),
        ("site", "0.5*(site[a] + site[b]) - site[c]", "t",
         "0.5·site[a] + 0.5·site[b] higher than site[c]"),
        ("group * age", "group:age", "t", "coefficient of group[S.control]:age above zero"),
        ("site + age", "site", "F", "levels of site differ, adjusted for age"),
        ("site + age", "age", "F", "any change with age, adjusted for site"),
        ("site * age", "site:age", "F", "any interaction of site and age"),
        ("site - 1", "site", "F", "any mean of site other than zero"),
        ("site + site:age", "site:age", "F", "any slope of age within site other than zero"),
        ("1", "intercept", "F", "a mean other than zero"),
        ("group", "group[depr] - group[control]", "F",
         "group[depr] higher than group[control], or the reverse"),
    ],
)  # fmt: skip
def test_words_say_what_a_positive_value_means(
    table: Table, model: str, test: str, kind: str, words: str
) -> None:
    contrast = parse_contrast(built(table, model), name="c", test=test, kind=kind)  # type: ignore[arg-type]
    assert contrast.words == words


@pytest.mark.parametrize(
    ("model", "test", "kind", "shape", "means", "factors"),
    [
        ("group + age", "group[control] - group[depr]", "t", "difference",
         ["group[control]", "group[depr]"], ("group",)),
        ("group + age", "-group[control] + group[depr]", "t", "difference",
         ["group[depr]", "group[control]"], ("group",)),
        ("1", "intercept", "t", "mean", ["intercept"], ()),
        ("group + age", "age", "t", "slope", [], ()),
        ("group * age", "group[depr]:age", "t", "slope", [], ("group",)),
        ("group + age", "2*group[control]", "t", "combination", ["group[control]"], ("group",)),
        ("site", "site", "F", "F", ["site[a]", "site[b]", "site[c]"], ("site",)),
        ("group * gender", "group:gender", "F", "F",
         ["group[control]:gender[f]", "group[control]:gender[m]",
          "group[depr]:gender[f]", "group[depr]:gender[m]"], ("group", "gender")),
    ],
)  # fmt: skip
def test_a_resolved_contrast_knows_its_shape_and_its_means(
    table: Table, model: str, test: str, kind: str, shape: str, means: list[str], factors: tuple
) -> None:
    resolved = resolve_contrast(built(table, model), name="c", test=test, kind=kind)  # type: ignore[arg-type]
    assert resolved.shape == shape
    assert [mean.text for mean in resolved.means] == means
    assert resolved.factors == factors


@pytest.mark.parametrize(
    ("model", "test", "kind", "words"),
    [
        (
            "group + age",
            "group",
            "t",
            r"name them, as in group\[depr\] - group\[control\], or test the term alone",
        ),
        ("site * age", "site:age", "t", r"as in site\[b\]:age - site\[a\]:age"),
        ("group + age", "group:age", "t", "group:age is no term of the model; its terms are"),
        ("group + age", "group:age", "F", "group:age is no term of the model; its terms are"),
        ("group + age", "group[depr]:age", "t", "the same slope of age in every level of group"),
        ("age + score", "age:score", "t", "age:score is no term of the model"),
        ("age:score + group", "age", "t", "cancels out"),
        ("group + age", "age, age", "F", "say the same thing twice"),
        ("group + age", "age, group[depr]", "t", "need kind: F"),
    ],
)
def test_what_the_model_does_not_estimate_is_refused(
    table: Table, model: str, test: str, kind: str, words: str
) -> None:
    with pytest.raises(DesignError, match=words):
        resolve_contrast(built(table, model), name="c", test=test, kind=kind)  # type: ignore[arg-type]


def test_an_unknown_kind_is_refused(table: Table) -> None:
    with pytest.raises(DataError, match="'z' is not one of t, F"):
        parse_contrast(built(table, "group"), name="c", test="group", kind="z")  # type: ignore[arg-type]
