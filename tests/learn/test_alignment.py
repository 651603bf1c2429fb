"""Units lie where their receptive fields have their centres: to half a pixel on every kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError
from heatlas.learn.alignment import Alignment, align, at_pixels, identity, on_pixels, stretched
from heatlas.learn.network.model import as_network
from tests.learn.nets import Mixed, image, network

Layers = list[tuple[int, int, int, int]]


def closed_form(layers: Layers) -> tuple[float, float]:
    """Step and first centre of layers (size, stride, padding, dilation), first layer first."""
    step, start = 1.0, 0.0
    for size, stride, padding, dilation in layers:
        start += ((size - 1) * dilation / 2 - padding) * step
        step *= stride
    return step, start


PLAIN: Layers = [(3, 2, 1, 1)] * 3
MIXED: Layers = [(5, 1, 0, 1), (2, 2, 0, 1), (3, 1, 0, 2), (2, 2, 0, 1), (4, 1, 1, 1)]
RESIDUAL: Layers = [(3, 2, 1, 1), *[(3, 2, 1, 1), (3, 1, 1, 1)] * 2, *[(3, 1, 1, 1)] * 2]


@pytest.mark.parametrize(
    ("make", "layer", "shape", "layers"),
    [
        ("plain-2d", "features", (1, 112, 96), PLAIN),
        ("residual-2d", "blocks", (1, 112, 96), RESIDUAL),
        ("residual-2d", "blocks.1.first", (1, 64, 64), RESIDUAL[:4]),
        ("plain-3d", "features", (1, 24, 32, 28), PLAIN),
        ("residual-3d", "blocks", (1, 16, 24, 20), RESIDUAL),
        (Mixed, "third", (1, 48, 64), MIXED),
        ("transformer-2d", "patches", (1, 64, 48), [(8, 8, 0, 1)]),
    ],
)
def test_centres_are_right_to_half_a_pixel(
    make: object, layer: str, shape: tuple[int, ...], layers: Layers
) -> None:
    step, start = closed_form(layers)
    found = align(network(make), layer=layer, shape=shape)
    units = np.array([np.zeros(len(found.layer_shape)), np.array(found.layer_shape) - 1.0])
    centres = units @ found.affine[:-1, :-1].T + found.affine[:-1, -1]
    assert np.abs(centres - (start + step * units)).max() < 0.5
    assert found.residual_px < 0.5


def test_a_network_of_one_image_shape_is_aligned_as_well_as_it_can_be() -> None:
    features = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(*features)
            self.scores = nn.Linear(4 * 8 * 8, 2)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[-2:] != (32, 32):
                raise RuntimeError("only 32 x 32")
            return self.scores(self.features(images).flatten(1))

    found = align(as_network(Fixed()), layer="features.5", shape=(1, 32, 32))
    np.testing.assert_allclose(found.affine[:2, 2], 1.5, atol=0.25)
    np.testing.assert_allclose(np.diag(found.affine)[:2], 4, atol=0.1)
    assert found.cut_axes == ()


def test_a_layer_whose_units_all_see_everything_says_that_its_step_is_that_of_the_shapes() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.Conv2d(1, 2, 31, stride=4, padding=15)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if images.shape[-2:] != (16, 16):
                raise RuntimeError("only 16 x 16")
            return self.wide(images).mean((2, 3))

    found = align(as_network(Wide()), layer="wide", shape=(1, 16, 16))
    assert found.cut_axes == (0, 1)
    assert "every field reaches beyond the image" in found.words
    assert found.affine[0, 0] == 4


def test_a_layer_that_turns_the_image_is_refused() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(1, 2, 3, padding=1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images.transpose(2, 3)).mean((2, 3))

    with pytest.raises(DataError, match="do not lie in rows along the image's axes"):
        align(as_network(Turned()), layer="inner", shape=image((1, 24, 24)).shape)


def test_values_stand_at_the_centres_and_are_linear_between() -> None:
    affine = np.array([[4.0, 0, 3], [0, 2, 1], [0, 0, 1]])
    alignment = Alignment(layer="x", layer_shape=(3, 4), image_shape=(16, 10), affine=affine)
    features = np.random.default_rng(0).normal(size=(3, 4))
    pixels = on_pixels(features, alignment)
    np.testing.assert_allclose(pixels[3::4, 1::2][:3, :4], features)
    np.testing.assert_allclose(pixels[5, 1], (features[0, 0] + features[1, 0]) / 2)
    np.testing.assert_allclose(pixels[0, 0], features[0, 0])
    here = np.array([[5.0, 3.0], [1.0, 1.0]])
    np.testing.assert_allclose(
        at_pixels(features, alignment, pixels=here), [pixels[5, 1], pixels[3, 1]]
    )


def test_the_identity_changes_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(5, 6, 7))
    np.testing.assert_allclose(on_pixels(values, identity((5, 6, 7))), values)
    assert identity((5, 6)).words == "one value a pixel"


def test_stretching_is_torchs_bilinear_resizing() -> None:
    features = np.random.default_rng(0).normal(size=(6, 5))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(features)[None, None], size=(48, 35), mode="bilinear", align_corners=False
    )[0, 0]
    found = on_pixels(features, stretched((6, 5), image_shape=(48, 35)))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-8)


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(DataError, match="expected a 3 x 3 matrix, got"):
        Alignment(layer="x", layer_shape=(2, 2), image_shape=(4, 4), affine=np.eye(4))
    with pytest.raises(DataError, match=r"shape \(2, 3\), but layer 'input' has \(4, 4\)"):
        on_pixels(np.zeros((2, 3)), identity((4, 4)))
