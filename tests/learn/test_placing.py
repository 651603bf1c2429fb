"""Explanations keep their place in millimetres, on any grid."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.learn.placing import explanation_volume
from heatlas.learn.saliency import explain
from tests.learn.nets import image, network

SLICE = Grid(
    shape=(32, 40, 1),
    affine=np.array([[0.0, -0.8, 0, 20], [0.8, 0, 0, -10], [0, 0, 5, 30], [0, 0, 0, 1]]),
)
FLAT = explain(network("plain-2d"), image((1, 32, 40)), class_index=1)
SOLID = explain(network("plain-3d"), image((1, 16, 20, 24)), class_index=1)


def test_on_the_images_own_grid_the_values_are_the_maps() -> None:
    found = explanation_volume(FLAT, image_grid=SLICE)
    np.testing.assert_allclose(found.values[..., 0], FLAT.values, atol=1e-6)
    assert found.grid is SLICE
    assert found.provenance.steps[-1].name == "place"


def test_a_finer_grid_of_the_whole_scan_gets_the_slice_where_it_was_cut() -> None:
    steps = np.diag([0.5, 0.5, 1, 1.0])
    steps[:3, 3] = [4, 6, -2]
    scan = Grid(shape=(40, 50, 5), affine=SLICE.affine @ steps)
    found = explanation_volume(FLAT, image_grid=SLICE, to=scan)
    assert np.isnan(found.values[:, :, [0, 1, 3, 4]]).all()
    np.testing.assert_allclose(found.values[::2, ::2, 2], FLAT.values[4:24, 6:31], atol=1e-6)
    peak = np.unravel_index(np.nanargmax(found.values[:, :, 2]), (40, 50))
    here = scan.to_mm([*peak, 2])
    again = SLICE.to_voxels(here)[:2]
    assert (
        FLAT.values[tuple(np.round(again).astype(int))]
        >= np.sort(FLAT.values[4:24, 6:31].ravel())[-9]
    )


def test_solid_maps_are_placed_and_what_lies_outside_is_not_a_number() -> None:
    grid = Grid(shape=(16, 20, 24), affine=np.diag([2.0, 2, 2, 1]))
    shifted = Grid(shape=(16, 20, 24), affine=grid.affine @ _shift(3, 0, 0))
    found = explanation_volume(SOLID, image_grid=grid, to=shifted)
    np.testing.assert_allclose(found.values[:13], SOLID.values[3:], atol=1e-6)
    assert np.isnan(found.values[13:]).all()


def test_grids_that_do_not_fit_are_one_sentence() -> None:
    other = Grid(shape=(40, 32, 1), affine=np.eye(4))
    with pytest.raises(SpaceMismatchError, match=r"shape \(32, 40\) does not fit the image's grid"):
        explanation_volume(FLAT, image_grid=other)
    with pytest.raises(SpaceMismatchError, match="does not fit"):
        explanation_volume(FLAT, image_grid=Grid(shape=(32, 40, 2), affine=np.eye(4)))
    far = Grid(shape=(4, 4, 4), affine=np.diag([1.0, 1, 1, 1]) @ _shift(900, 0, 0))
    with pytest.raises(SpaceMismatchError, match="no voxel of the wanted grid lies inside"):
        explanation_volume(FLAT, image_grid=SLICE, to=far)


def _shift(*steps: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = steps
    return matrix
