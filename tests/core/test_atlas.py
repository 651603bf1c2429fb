"""The atlas as a value: names by position, and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heatlas.core.atlas import UNLABELLED, Atlas
from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from tests.phantom import affine

GRID = Grid(shape=(5, 5, 5), affine=affine(3.0, (5, 5, 5)))  # centre of the middle voxel: 0, 0, 0


def atlas(**options: object) -> Atlas:
    labels = np.zeros(GRID.shape, dtype=np.int32)
    labels[2, 2, 2] = 7
    labels[4, 4, 4] = 9
    given = {"name": "test", "labels": labels, "grid": GRID, "names": {7: "Middle"}}
    return Atlas(**{**given, **options})  # type: ignore[arg-type]


def test_the_nearest_voxel_names_a_position() -> None:
    assert atlas().at([[0, 0, 0], [1.4, -1.4, 0], [1.6, 0, 0]]) == ("Middle", "Middle", UNLABELLED)


def test_a_label_without_a_name_is_called_by_its_number() -> None:
    assert atlas().at([[6, 6, 6]]) == ("label 9",)


@pytest.mark.parametrize("position", [[500, 0, 0], [-7.6, 0, 0], [0, 0, 7.6]])
def test_outside_the_grid_nothing_is_labelled(position: list[float]) -> None:
    assert atlas().at([position]) == (UNLABELLED,)


def test_one_position_may_be_given_alone() -> None:
    assert atlas().at([0, 0, 0]) == ("Middle",)


def test_no_positions_have_no_names() -> None:
    assert atlas().at(np.empty((0, 3))) == ()


def test_regions_are_those_of_the_image_in_the_order_of_labels() -> None:
    named = atlas(names={9: "Corner", 7: "Middle", 12: "Elsewhere", 0: "Background"})
    assert named.regions == ("Middle", "Corner")
    assert 0 not in named.names


def test_an_atlas_survives_pickling_with_whole_numbers_as_labels() -> None:
    again = pickle.loads(pickle.dumps(atlas()))
    assert dict(again.names) == {7: "Middle"}
    assert not again.labels.flags.writeable


def test_later_writes_to_the_callers_array_change_nothing() -> None:
    labels = np.ones(GRID.shape, dtype=np.int32)
    kept = atlas(labels=labels)
    labels[:] = 5
    assert kept.present.tolist() == [1]


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(SpaceMismatchError, match="does not fit"):
        atlas(labels=np.ones((5, 5, 4), dtype=np.int32))


def test_labels_that_are_no_whole_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="whole numbers"):
        atlas(labels=np.ones(GRID.shape))


def test_an_image_without_any_label_is_refused() -> None:
    with pytest.raises(DataError, match="no voxel belongs to a region"):
        atlas(labels=np.zeros(GRID.shape, dtype=np.int32))
