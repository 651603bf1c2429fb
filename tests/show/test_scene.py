"""Scenes own their numbers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heatlas.show.compile import compile_scene
from heatlas.show.raster import render
from heatlas.show.scene import Path, Scene
from tests.show.maps import blob_map


def test_the_numbers_of_a_scene_cannot_be_changed() -> None:
    scene = compile_scene([blob_map()])
    for array in (scene.panels[0].tiles[0].elements, scene.bars[0].values, scene.paths[0].points):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_path_does_not_follow_the_callers_array() -> None:
    points = np.zeros((2, 2))
    path = Path(points=points, colour=(0, 0, 0))
    points[:] = 9
    assert not path.points.any()


def test_a_scene_draws_the_same_after_a_journey_through_pickle() -> None:
    scene = compile_scene([blob_map()])
    again = pickle.loads(pickle.dumps(scene))
    assert isinstance(again, Scene)
    np.testing.assert_array_equal(render(again), render(scene))
