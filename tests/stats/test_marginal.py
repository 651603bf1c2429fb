"""Marginal means average the other factors with equal weights and hold covariates at their mean."""

from __future__ import annotations

import pickle
from itertools import product as cross

import numpy as np
import pytest

from heatlas.core.table import Table, table_from_columns
from heatlas.stats.formula import build_model
from heatlas.stats.marginal import BuiltModel

IDS = tuple(str(k) for k in range(30))
MODELS = [
    "group + gender + age", "group * gender + age", "group * gender * age", "0 + group + age",
    "group + group:age", "group:gender", "group * scale(age) + I(age**2)", "age:score + group",
]  # fmt: skip


@pytest.fixture
def table() -> Table:
    rng = np.random.default_rng(7)
    return table_from_columns({
        "group": list(rng.choice(["a", "b", "c"], 30)),
        "gender": list(rng.choice(["m", "f"], 30)),
        "age": rng.integers(18, 60, 30),
        "score": rng.normal(size=30),
    })


def predicted(built: BuiltModel, table: Table, *, coefficients: np.ndarray) -> dict[tuple, float]:
    """Mean of each cell of the reference grid, found by brute force from a design on it."""
    grid = list(cross(*(factor.levels for factor in built.factors)))
    rows = []
    for levels in grid:
        fixed = dict(zip((f.name for f in built.factors), levels, strict=True))
        rows.append(built.weights(levels=fixed))
    return dict(zip(grid, np.array(rows) @ coefficients, strict=True))


@pytest.mark.parametrize("model", MODELS)
def test_a_free_factor_is_the_plain_mean_over_its_cells(table: Table, model: str) -> None:
    built = build_model(table, model=model, ids=IDS)
    coefficients = np.random.default_rng(1).normal(size=len(built.design.names))
    cells = predicted(built, table, coefficients=coefficients)
    expected = np.mean([value for levels, value in cells.items() if levels[0] == "b"])
    mean = built.weights(levels={"group": "b"}) @ coefficients
    assert mean == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("model", MODELS[:6])
def test_a_row_at_the_mean_of_the_covariates_is_the_mean_of_its_cell(
    table: Table, model: str
) -> None:
    """A person of mean age gets the very row of the design that names the cell's mean."""
    mean_age = float(np.mean(table.numbers("age")))
    built = build_model(table, model=model, ids=IDS)
    ages = table.numbers("age").copy()
    # Two more people, placed so that the mean stays: one at it, and the rows are compared there.
    extended = table_from_columns({
        "group": [*table.words("group"), "b"],
        "gender": [*table.words("gender"), "m"],
        "age": np.append(ages, mean_age),
    })
    larger = build_model(extended, model=model, ids=(*IDS, "30"))
    fixed = {f.name: level for f, level in zip(larger.factors, ("b", "m"), strict=False)}
    np.testing.assert_allclose(larger.design.matrix[-1], built.weights(levels=fixed), atol=1e-10)


def test_a_slope_is_the_change_of_the_mean_when_the_covariate_grows_by_one(table: Table) -> None:
    built = build_model(table, model="group * gender * age", ids=IDS)
    coefficients = np.random.default_rng(1).normal(size=len(built.design.names))
    row = np.flatnonzero(np.array(table.words("group")) == "c")[0]
    gender = table.words("gender")[row]
    levels = {"group": "c", "gender": gender}
    age = built.by_name["age"].values[row]
    by_slope = (
        built.weights(levels=levels) + age * built.weights(levels=levels, slopes=frozenset({"age"}))
    ) @ coefficients
    assert built.design.matrix[row] @ coefficients == pytest.approx(by_slope)


def test_rows_with_levels_are_counted(table: Table) -> None:
    built = build_model(table, model="group * gender", ids=IDS)
    expected = sum(
        pair == ("b", "m") for pair in zip(table.words("group"), table.words("gender"), strict=True)
    )
    assert built.count({"group": "b", "gender": "m"}) == expected


def test_a_model_survives_pickling(table: Table) -> None:
    built = build_model(table, model="group * age", ids=IDS)
    again = pickle.loads(pickle.dumps(built))
    np.testing.assert_array_equal(again.design.matrix, built.design.matrix)
    np.testing.assert_array_equal(
        again.weights(levels={"group": "a"}), built.weights(levels={"group": "a"})
    )
    assert not again.rows.flags.writeable
