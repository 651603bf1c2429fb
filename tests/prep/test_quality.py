"""The map that lies farthest from the rest comes first, by distances that plain numpy agrees to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import median_abs_deviation

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns
from heatlas.prep.quality import distance_to_rest

SHAPE = (30, 31, 32)


def stack_of(values: np.ndarray) -> MapStack:
    """Maps named m0, m1, ... on the first voxels of a grid."""
    inside = np.arange(np.prod(SHAPE)) < values.shape[1]
    ids = tuple(f"m{k}" for k in range(len(values)))
    return MapStack(
        values=values,
        mask=Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=inside),
        ids=ids,
        table=table_from_columns({"id": ids}),
        unit="ml",
    )


def alike(n: int = 9, size: int = 400, *, seed: int = 1) -> np.ndarray:
    """Maps that share an anatomy and differ by noise."""
    rng = np.random.default_rng(seed)
    return rng.normal(10, 3, size) + rng.normal(size=(n, size))


@pytest.mark.parametrize("size", [1, 400, 20_000])
def test_distances_equal_a_plain_computation(size: int) -> None:
    values = alike(6, size).astype(np.float32).astype(np.float64)
    table = distance_to_rest(stack_of(values))
    found = {name: row for row, name in enumerate(table.words("id"))}
    rows = [found[f"m{k}"] for k in range(6)]
    rest = np.array([np.delete(values, k, axis=0).mean(axis=0) for k in range(6)])
    rms = np.sqrt(((values - rest) ** 2).mean(axis=1))
    assert_allclose(table.numbers("distance")[rows], rms, rtol=1e-9)
    z = (rms - np.median(rms)) / median_abs_deviation(rms, scale="normal")
    assert_allclose(table.numbers("robust_z")[rows], z, rtol=1e-4)
    if size > 1:
        r = [np.corrcoef(values[k], rest[k])[0, 1] for k in range(6)]
        assert_allclose(table.numbers("correlation_with_rest")[rows], r, rtol=1e-9)


def test_a_planted_outlier_comes_first_and_alone_is_marked() -> None:
    values = alike()
    values[5] += np.random.default_rng(2).normal(0, 4, values.shape[1])
    table = distance_to_rest(stack_of(values))
    assert table.words("id")[0] == "m5"
    assert table.words("mark") == ("outlier", *[None] * 8)
    assert table.numbers("correlation_with_rest")[0] == table.numbers("correlation_with_rest").min()


def test_a_map_of_another_scale_is_an_outlier_although_it_correlates() -> None:
    values = alike()
    values[3] *= 1.5
    table = distance_to_rest(stack_of(values))
    assert table.words("id")[0] == "m3"
    assert table.words("mark")[0] == "outlier"


def test_maps_come_worst_first() -> None:
    values = alike()
    values[2] += np.random.default_rng(3).normal(0, 2, values.shape[1])
    z = distance_to_rest(stack_of(values)).numbers("robust_z")
    assert (np.diff(z) <= 0).all()


def test_order_and_marks_do_not_depend_on_the_unit_of_the_maps() -> None:
    stack = stack_of(alike())
    table = distance_to_rest(stack)
    scaled = distance_to_rest(replace(stack, values=stack.values * 1024, unit="µl"))
    assert scaled.words("id") == table.words("id")
    assert_allclose(scaled.numbers("robust_z"), table.numbers("robust_z"), rtol=1e-9)
    assert_allclose(scaled.numbers("distance"), 1024 * table.numbers("distance"), rtol=1e-9)
    assert (table.column("distance").unit, scaled.column("distance").unit) == ("ml", "µl")


def test_maps_that_are_all_the_same_hold_no_outlier() -> None:
    values = np.tile(alike(1), (7, 1))
    table = distance_to_rest(stack_of(values))
    assert set(table.words("mark")) == {None}
    assert table.words("id") == tuple(f"m{k}" for k in range(7))


def test_a_map_that_differs_from_identical_others_is_marked() -> None:
    values = np.tile(alike(1), (7, 1))
    values[4] += np.random.default_rng(4).normal(size=values.shape[1])
    table = distance_to_rest(stack_of(values))
    assert table.words("id")[0] == "m4"
    assert table.words("mark") == ("outlier", *[None] * 6)


def test_a_constant_map_has_no_correlation_and_is_not_lost() -> None:
    values = alike()
    values[6] = 0
    table = distance_to_rest(stack_of(values))
    assert table.words("id")[0] == "m6"
    assert np.isnan(table.numbers("correlation_with_rest")[0])
    assert len(table) == 9


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_maps_are_refused(n: int) -> None:
    with pytest.raises(DataError, match=f"at least 3 maps, got {n}"):
        distance_to_rest(stack_of(alike(n)))
