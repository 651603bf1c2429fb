"""Controls know the image or nothing at all, never the network."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import UnknownNameError
from heatlas.learn.alignment import identity, stretched
from heatlas.learn.controls import CONTROLS, control_maps
from tests.learn.nets import image

ALIGNMENT = stretched((4, 5), image_shape=(24, 28))


@pytest.mark.parametrize("name", list(CONTROLS))
def test_every_control_lies_on_the_pixels_and_follows_its_seed(name: str) -> None:
    maps = [control_maps(name, image(), alignment=ALIGNMENT, seed=seed) for seed in (0, 0, 1)]
    assert all(values.shape == (24, 28) for draws in maps for values in draws)
    assert np.array_equal(maps[0], maps[1])
    assert (name == "random") != np.array_equal(maps[0], maps[2])


def test_chance_is_as_smooth_as_the_map() -> None:
    rough = control_maps("random", image(), alignment=identity((24, 28)), seed=0)[0]
    smooth = control_maps("random", image(), alignment=ALIGNMENT, seed=0)[0]
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()


def test_edges_stand_at_edges_and_intensity_is_the_image() -> None:
    step = np.zeros((2, 16, 16), np.float32)
    step[:, :, 8:] = [[[1]], [[3]]]
    edges = control_maps("edges", step, alignment=identity((16, 16)), seed=0)[0]
    assert set(edges.argmax(axis=1)) <= {7, 8}
    intensity = control_maps("intensity", step, alignment=identity((16, 16)), seed=0)[0]
    np.testing.assert_allclose(intensity, step.mean(axis=0))


def test_an_unknown_control_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Known: random, edges, intensity"):
        control_maps("chance", image(), alignment=ALIGNMENT, seed=0)
