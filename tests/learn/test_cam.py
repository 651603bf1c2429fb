"""Class-activation maps against their formulas, written out by hand or by captum."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.learn.cam import (
    channel_masks,
    eigen_cam,
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    layer_cam,
)

CHANCE = np.random.default_rng(0)
SHAPES = [(3, 4, 5), (3, 4, 5, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_are_their_sums_written_out(shape: tuple[int, ...]) -> None:
    activations, gradients = CHANCE.normal(size=(2, *shape))
    grad, plus, hires, layer = (np.zeros(shape[1:]) for _ in range(4))
    for a, g in zip(activations, gradients, strict=True):
        grad += g.mean() * a
        hires += g * a
        layer += np.where(g > 0, g, 0) * a
        alpha = g**2 / (2 * g**2 + a.sum() * g**3)
        plus += (alpha * np.where(g > 0, g, 0)).sum() * a
    np.testing.assert_allclose(grad_cam(activations, gradients), grad, atol=1e-12)
    np.testing.assert_allclose(hires_cam(activations, gradients), hires, atol=1e-12)
    np.testing.assert_allclose(layer_cam(activations, gradients), layer, atol=1e-12)
    np.testing.assert_allclose(grad_cam_plus_plus(activations, gradients), plus, atol=1e-12)
    assert (grad < 0).any()


def test_a_channel_without_gradient_has_no_share_in_grad_cam_plus_plus() -> None:
    activations, gradients = CHANCE.normal(size=(2, 3, 4, 4))
    gradients[1] = 0
    found = grad_cam_plus_plus(activations, gradients)
    np.testing.assert_allclose(found, grad_cam_plus_plus(activations[[0, 2]], gradients[[0, 2]]))


def test_eigen_cam_is_the_leading_eigenvector_with_activity_positive() -> None:
    activations = np.abs(CHANCE.normal(size=(4, 5, 6)))
    rows = activations.reshape(4, -1)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    expected = (vectors[:, values.argmax()] @ rows).reshape(5, 6)
    found = eigen_cam(activations)
    np.testing.assert_allclose(found, expected * np.sign(expected.sum()), atol=1e-10)
    assert found.sum() > 0


def test_masks_run_from_zero_to_one_and_flat_channels_let_nothing_through() -> None:
    activations = CHANCE.normal(size=(3, 4, 5))
    activations[1] = 2
    masks = channel_masks(activations)
    assert masks[[0, 2]].min() == 0
    assert masks[[0, 2]].max() == 1
    assert (masks[1] == 0).all()
    with pytest.raises(DataError, match="an activation of the layer is not finite"):
        channel_masks(np.full((1, 2, 2), np.nan))
