"""Maps come onto one grid without background mixed into what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.background import find_background
from heatlas.compare.maps import ComparedMaps, align_maps, measured_volume
from heatlas.core.errors import DataError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume
from tests.phantom import SHAPE, affine


def test_only_measured_voxels_have_values() -> None:
    half = BRAIN.copy()
    half[6:] = False
    maps = aligned([
        volume(5 + fields(1)[0]),
        volume(fields(1, seed=1)[0], background=-1, inside=half),
    ])
    assert maps.mask.size == BRAIN.sum()
    np.testing.assert_array_equal(maps.shared, [[BRAIN.sum(), half.sum()], [half.sum()] * 2])
    assert maps.measured_by_all.sum() == half.sum()
    np.testing.assert_array_equal(maps.fills, [0, -1])


def test_a_coarser_grid_never_sees_the_background() -> None:
    coarse = Grid(shape=(6, 7, 5), affine=affine(6.0, (6, 7, 5)))
    constant = 10 + 0.01 * fields(1)[0]
    near = aligned([volume(constant, background=0), volume(constant, background=-1)], grid=coarse)
    values = near.values[:, near.measured_by_all]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)
    assert abs(values - 10).max() < 0.1


def test_taking_maps_keeps_names_and_fills() -> None:
    maps = aligned([volume(fields(1, seed=k)[0], background=-k) for k in range(3)])
    taken = maps.take([2, 0])
    assert taken.names == ("c", "a")
    np.testing.assert_array_equal(taken.fills, [-2, 0])
    assert len(taken) == 2
    assert maps.take([0, 1, 2]) is maps


def test_a_measured_volume_holds_nan_elsewhere() -> None:
    brain = volume(fields(1)[0], background=-1)
    measured = measured_volume(brain, background=find_background(brain))
    np.testing.assert_array_equal(np.isnan(measured.values), ~BRAIN)


def test_a_map_of_one_value_is_refused() -> None:
    with pytest.raises(DataError, match="x: it is constant, 2 in all 1,680"):
        aligned([Volume(values=np.full(SHAPE, 2.0), grid=GRID, name="x")])


def test_a_map_in_which_nothing_was_measured_is_refused() -> None:
    with pytest.raises(DataError, match="x: nothing in it was measured"):
        aligned([Volume(values=np.full(SHAPE, np.nan), grid=GRID, name="x")])


def test_names_and_fills_belong_to_maps() -> None:
    maps = aligned([volume(fields(1)[0])])
    with pytest.raises(DataError, match="fills"):
        ComparedMaps(values=maps.values, mask=maps.mask, fills=[0.0, 1.0], names=("a",))
    with pytest.raises(ValueError, match="longer"):
        align_maps([], names=["a"], grid=GRID)
