"""Frozen values: pickle, copies, and nobody can write into them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from types import MappingProxyType

import cloudpickle
import numpy as np
import pytest

from heatlas.core.cohort import Cohort, Exclusion, FileReference
from heatlas.core.colour import ColourScale
from heatlas.core.design import Contrast, Design
from heatlas.core.estimate import Estimate
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.page import Page, Paragraph, Section
from heatlas.core.provenance import Provenance, Step
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.statmap import StatMap
from heatlas.core.table import Column, Table, table_from_columns
from heatlas.core.threshold import Threshold, value_threshold
from heatlas.core.validate import is_owned
from heatlas.core.value import Value, freeze, thaw
from heatlas.core.volume import Volume


def grid() -> Grid:
    """Return a grid of 24 voxels."""
    return Grid(shape=(2, 3, 4), affine=np.diag([2.0, 2, 2, 1]))


def mask() -> Mask:
    """Return a mask of five voxels."""
    return Mask(space=grid(), inside=np.arange(24) < 5)


def stat_map() -> StatMap:
    """Return a t map on the mask."""
    return StatMap(values=np.array([-3.0, -1, 0, 1, 4]), mask=mask(), kind="t", dof=(9,), n=10)


def stack() -> MapStack:
    """Return two maps on the mask."""
    table = table_from_columns({"age": [1, 2]})
    return MapStack(values=np.ones((2, 5)), mask=mask(), ids=("a", "b"), table=table)


def judged() -> Threshold:
    """Return a judgement of the t map with all its arrays."""
    return Threshold(
        method="max-t",
        words="w",
        survives=np.arange(5) > 3,
        logp=np.arange(5.0),
        undecided=np.zeros(5, bool),
        null_maxima=np.arange(3.0),
    )


VALUES: dict[str, Callable[[], Value]] = {
    "Grid": grid,
    "Mask": mask,
    "Volume": lambda: Volume(values=np.zeros((2, 3, 4)), grid=grid()),
    "Column": lambda: Column(name="x", values=np.array([1.0, np.nan])),
    "Table": lambda: table_from_columns({"x": [1.0], "w": ["a"]}),
    "Step": lambda: Step(name="s", parameters={"a": {"b": [1]}}, inputs={"x": "sha256:0"}),
    "Provenance": lambda: Provenance().then("s", parameters={"a": 1}),
    "MapStack": stack,
    "StatMap": stat_map,
    "Estimate": lambda: Estimate(value=1.0, low=0.0, high=2.0, standard_error=0.5),
    "Design": lambda: Design(
        matrix=np.ones((3, 1)), names=("i",), ids=("a", "b", "c"), terms={"i": (0,)}
    ),
    "Contrast": lambda: Contrast(name="c", weights=np.array([1.0, -1.0])),
    "Threshold": judged,
    "ColourScale": lambda: ColourScale(
        table="vik", kind="diverging", low=-1, high=1, true_low=-1, true_high=1
    ),
    "HeatMap": lambda: heat_map_of(
        stat_map(), threshold=value_threshold(stat_map().values, cut=2, two_sided=True)
    ),
    "Page": lambda: Page(
        title="t",
        lead="l",
        sections=(Section(title="s", anchor="s", blocks=(Paragraph(text=""),)),),
    ),
    "Cohort": lambda: Cohort(
        table=table_from_columns({"id": ["a"]}),
        id_column="id",
        files=(FileReference(name="a.nii", digest="sha256:0"),),
        exclusions=(Exclusion(id="b", reason="moved"),),
    ),
}  # fmt: skip


def arrays_in(item: object) -> list[np.ndarray]:
    """Return every array in a value, at any depth."""
    if isinstance(item, np.ndarray):
        return [item]
    if isinstance(item, Value):
        return [a for f in fields(item) for a in arrays_in(getattr(item, f.name))]
    if isinstance(item, tuple):
        return [a for entry in item for a in arrays_in(entry)]
    return []


def same(first: object, second: object) -> bool:
    """Say whether two values hold the same content."""
    if isinstance(first, Value) and isinstance(second, Value):
        names = [f.name for f in fields(first)]
        return type(first) is type(second) and all(
            same(getattr(first, name), getattr(second, name)) for name in names
        )
    if isinstance(first, np.ndarray):
        return isinstance(second, np.ndarray) and first.dtype == second.dtype and bool(
            np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
        )  # fmt: skip
    if isinstance(first, tuple):
        return (
            isinstance(second, tuple)
            and len(first) == len(second)
            and all(same(a, b) for a, b in zip(first, second, strict=True))
        )
    return bool(first == second)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("module", [pickle, cloudpickle])
def test_a_pickled_value_comes_back_whole_and_read_only(name: str, module: object) -> None:
    value = VALUES[name]()
    back = pickle.loads(module.dumps(value))  # type: ignore[attr-defined]
    assert same(back, value)
    assert all(is_owned(array) for array in arrays_in(back))


@pytest.mark.parametrize("name", VALUES)
def test_copies_of_a_value_cannot_be_written_to(name: str) -> None:
    value = VALUES[name]()
    for twin in (copy.copy(value), copy.deepcopy(value), copy.deepcopy([value])[0]):
        assert same(twin, value)
        assert all(is_owned(array) for array in arrays_in(twin))


@pytest.mark.parametrize("name", VALUES)
def test_fields_and_arrays_of_a_value_are_frozen(name: str) -> None:
    value = VALUES[name]()
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)  # type: ignore[arg-type]
    for array in arrays_in(value):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize("name", VALUES)
def test_values_take_keywords_only(name: str) -> None:
    with pytest.raises(TypeError, match="positional"):
        type(VALUES[name]())(1)  # type: ignore[call-arg]


def test_values_compare_by_identity() -> None:
    assert grid() != grid()
    assert len({grid(), grid()}) == 2


def test_mappings_of_a_value_do_not_follow_the_caller() -> None:
    given = {"a": [1, {"b": 2}]}
    step = Step(name="s", parameters=given)
    given["a"].append(3)
    given["c"] = []
    assert step.to_json()["parameters"] == {"a": [1, {"b": 2}]}
    with pytest.raises(TypeError):
        step.parameters["a"] = 0  # type: ignore[index]


def test_thaw_undoes_freeze_for_mappings_at_any_depth() -> None:
    frozen = freeze({"a": [{"b": 1}, 2]})
    assert isinstance(frozen["a"][0], MappingProxyType)
    assert thaw(frozen) == {"a": ({"b": 1}, 2)}


def test_a_value_inside_a_value_is_kept_as_it_is() -> None:
    drawn = VALUES["HeatMap"]()
    assert isinstance(drawn, HeatMap)
    assert drawn.shown is drawn.judged
    assert isinstance(Table(columns=(Column(name="x", values=("a",)),)).columns[0], Column)
