"""Activations and gradients are autograd's; guided ones are captum's, however ReLU is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop
from torch import nn
from torch.nn import functional

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.gradients import input_gradients, layer_activations, layer_tensors
from heatlas.learn.network.model import as_network
from tests.learn.nets import OneScore, image, network, seeded


class Rectified(nn.Module):
    """A network whose rectifiers are modules (which captum sees), functions or in place."""

    def __init__(self, *, how: str) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.one, self.two = nn.ReLU(), nn.ReLU()
        self.scores = nn.Linear(4, 2)
        self.how = how

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        one = {"module": self.one, "function": functional.relu, "method": torch.Tensor.relu}
        two = {"module": self.two, "function": torch.relu, "method": functional.relu_}
        features = one[self.how](self.first(images))
        return self.scores(two[self.how](self.second(features)).mean((2, 3)))


def test_gradients_are_those_of_autograd() -> None:
    module, images = seeded("residual-2d"), np.stack([image(seed=seed) for seed in range(3)])
    given = torch.from_numpy(images).requires_grad_()
    (expected,) = torch.autograd.grad(module(given)[:, 1].sum(), given)
    found = input_gradients(as_network(module), images, class_index=1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-7)


@pytest.mark.parametrize("how", ["module", "function", "method"])
def test_guided_gradients_are_captums(how: str) -> None:
    oracle = seeded(Rectified, how="module")
    images = torch.from_numpy(image()[None]).requires_grad_()
    with pytest.warns(UserWarning, match="backward hooks"):
        expected = GuidedBackprop(oracle).attribute(images, target=1)
    found = input_gradients(network(Rectified, how=how), image()[None], class_index=1, guided=True)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-7)
    plain = input_gradients(network(Rectified, how=how), image()[None], class_index=1)
    assert np.abs(found - plain).max() > 1e-5


def test_nothing_to_guide_is_said() -> None:
    with pytest.raises(NotSupportedError, match=r"no rectifier \(ReLU\) that can be guided"):
        input_gradients(network("transformer-2d"), image()[None], class_index=0, guided=True)


def test_activations_stay_what_the_layer_gave_when_the_next_step_works_in_place() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(2)
    )
    module(torch.zeros(1, 1, 24, 28))
    expected = module[0](torch.from_numpy(image()[None]))[0].detach().numpy()
    tensors = layer_tensors(as_network(module), image(), layer="0", class_index=1)
    np.testing.assert_allclose(tensors.activations, expected, atol=1e-6)
    np.testing.assert_allclose(
        layer_activations(as_network(module), image(), layer="0"), expected, atol=1e-6
    )
    assert (expected < 0).any()


def test_the_two_classes_of_a_single_output_pull_in_opposite_directions() -> None:
    net = network(OneScore)
    first, second = (input_gradients(net, image()[None], class_index=k) for k in (0, 1))
    np.testing.assert_allclose(first, -second)


def test_a_score_that_does_not_use_the_layer_is_one_sentence() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.aside = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.aside(images)
            return self.used(images).mean((2, 3))

    with pytest.raises(DataError, match="'aside': the score of class 1 does not use it"):
        layer_tensors(as_network(Aside()), image(), layer="aside", class_index=1)
