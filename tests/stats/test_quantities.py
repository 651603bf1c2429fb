"""The contrast language is read as weighted sums of means and slopes, and nothing else."""

from __future__ import annotations

import pytest

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import table_from_columns
from heatlas.stats.formula import build_model
from heatlas.stats.marginal import BuiltModel
from heatlas.stats.quantities import Quantity, read_sums

DEPR = Quantity(levels=(("group", "depr"),))
CONTROL = Quantity(levels=(("group", "control"),))
AGE = Quantity(slopes=("age",))


@pytest.fixture
def model() -> BuiltModel:
    table = table_from_columns({
        "group": ["depr", "control"] * 6,
        "gender": ["m", "m", "f", "f"] * 3,
        "age": [20, 31, 29, 44, 52, 38, 25, 61, 33, 47, 50, 22],
        "HADS-anx": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
    })
    ids = tuple(str(k) for k in range(12))
    return build_model(table, model="group * age + gender + `HADS-anx`", ids=ids)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("group[depr] - group[control]", {DEPR: 1, CONTROL: -1}),
        ("C(group)[depr]", {DEPR: 1}),
        ("group['depr']", {DEPR: 1}),
        ("0.5*(group[depr] + group[control]) - age/4", {DEPR: 0.5, CONTROL: 0.5, AGE: -0.25}),
        ("-(age - 2*age)", {AGE: 1}),
        ("age * 1/3", {AGE: 1 / 3}),
        ("group[depr] + age - age", {DEPR: 1}),
        ("intercept", {Quantity(): 1}),
        ("`HADS-anx`", {Quantity(slopes=("HADS-anx",)): 1}),
        ("group[depr]:age", {Quantity(levels=(("group", "depr"),), slopes=("age",)): 1}),
        ("group[depr]:gender[m]", {Quantity(levels=(("group", "depr"), ("gender", "m"))): 1}),
        ("age:group", {Quantity(term=("age", "group")): 1}),
    ],
)
def test_a_contrast_is_a_weighted_sum(
    model: BuiltModel, test: str, expected: dict[Quantity, float]
) -> None:
    (total,) = read_sums(test, model=model, what="Contrast 'c'")
    assert total == pytest.approx(expected)


def test_commas_separate_rows(model: BuiltModel) -> None:
    rows = read_sums("age, group[depr] - group[control]", model=model, what="Contrast 'c'")
    assert rows == [{AGE: 1}, {DEPR: 1, CONTROL: -1}]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("", "it ends where"),
        ("group[depr] -", "it ends where"),
        ("((age)", "it ends where"),
        ("(age age)", r"a \) is missing"),
        ("age age", "'age' is not expected"),
        ("age[3]", "age is no factor of the model"),
        ("intercept[3]", "intercept is no factor of the model"),
        ("[depr]", "'depr' is not expected"),
        ("age ** 2", r"'\*\*' is not expected"),
        ("age + 1", "but not be added to it"),
        ("1 + 1", "the number 2 alone"),
        ("age * age", "cannot be multiplied"),
        ("1 / age", "only a number other than 0 can stand after /"),
        ("age / 0", "only a number other than 0 can stand after /"),
        ("group[depr]:group[control]", "names something twice"),
        ("group:gender[m]", "name a level of group as well"),
        ("age:3", "stands where a name is expected"),
        ("C(age)", "age is a covariate"),
        ("group[depr", "its ] is missing"),
        ("group[depr] - group[depr]", "cancels out"),
        ("0 * age", "cancels out"),
        ("(" * 200 + "age" + ")" * 200, "nested too deeply"),
        ("__import__('os')", "Unknown function"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    model: BuiltModel, test: str, words: str
) -> None:
    with pytest.raises(DesignError, match=words) as error:
        read_sums(test, model=model, what="Contrast 'c'")
    assert str(error.value).startswith("Contrast 'c'")


def test_an_unknown_level_gives_the_nearest_spelling(model: BuiltModel) -> None:
    with pytest.raises(UnknownNameError, match="level of group 'dep'. Did you mean 'depr'"):
        read_sums("group[dep]", model=model, what="Contrast 'c'")


def test_a_factor_that_is_not_in_the_model_is_told(model: BuiltModel) -> None:
    with pytest.raises(UnknownNameError, match="'site'.*Known: intercept, group, age, gender"):
        read_sums("site[1] - site[2]", model=model, what="Contrast 'c'")


def test_a_model_without_intercept_has_none_to_test() -> None:
    table = table_from_columns({"age": [1, 2, 4]})
    built = build_model(table, model="age - 1", ids=("a", "b", "c"))
    with pytest.raises(DesignError, match="the model has no intercept"):
        read_sums("intercept", model=built, what="Contrast 'c'")
