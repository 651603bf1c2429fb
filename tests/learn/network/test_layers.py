"""The target layer is what the last convolution with extent ends in; wrong names say so."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError, UnknownNameError
from heatlas.learn.network.layers import check_layer, find_target_layer, run_layers
from heatlas.learn.network.model import as_network
from tests.learn.nets import Mixed, image, network, seeded


@pytest.mark.parametrize(
    ("make", "layer", "shape"),
    [
        ("plain-2d", "features", (1, 48, 56)),
        ("residual-2d", "blocks", (1, 48, 56)),
        ("plain-3d", "features", (1, 16, 20, 24)),
        (Mixed, "third", (1, 48, 56)),
        ("transformer-2d", "patches", (1, 32, 48)),
    ],
)
def test_the_last_convolutions_stage_is_found(
    make: object, layer: str, shape: tuple[int, ...]
) -> None:
    assert find_target_layer(network(make), image(shape)) == layer


def test_pooling_and_convolutions_without_extent_come_too_late() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.Flatten()
    )
    assert find_target_layer(as_network(module), image()) == "1"


def test_layers_are_listed_in_the_order_in_which_they_finish() -> None:
    runs = run_layers(network(Mixed), image())
    assert [(run.name, run.kind, run.shape) for run in runs] == [
        ("first", "Conv2d", (4, 20, 24)),
        ("second", "Conv2d", (6, 6, 8)),
        ("third", "Conv2d", (6, 2, 3)),
        ("scores", "Linear", (3,)),
    ]


def test_a_name_that_does_not_exist_lists_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="'blocks.3' of network 'residual-2d'. Nearest: blocks"
    ):
        check_layer(network("residual-2d"), "blocks.3", image=image())
    with pytest.raises(UnknownNameError, match="Layers with spatial extent: third, second, first"):
        check_layer(network(Mixed), "qqq", image=image())


def test_layers_that_no_map_can_be_made_at_say_why() -> None:
    with pytest.raises(DataError, match=r"gives shape \(3,\), expected channels with 2 spatial"):
        check_layer(network(Mixed), "scores", image=image())

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.step = nn.Conv2d(1, 1, 3, padding=1)
            self.unused = nn.Conv2d(1, 1, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.step(self.step(images)).mean((2, 3))

    twice = as_network(Twice())
    with pytest.raises(DataError, match="'step': it ran 2 times; name one that runs once"):
        check_layer(twice, "step", image=image())
    with pytest.raises(DataError, match="'unused': it does not run on its own"):
        check_layer(twice, "unused", image=image())
    with pytest.raises(DataError, match="no convolution with spatial extent ran"):
        find_target_layer(twice, image())


def test_hooks_do_not_stay_behind() -> None:
    net = network("plain-2d")
    run_layers(net, image())
    assert not any(layer._forward_hooks for layer in net.module.modules())


def test_the_found_layer_is_one_that_can_be_named() -> None:
    net = as_network(seeded("residual-2d"))
    layer = find_target_layer(net, image())
    assert check_layer(net, layer, image=image()).shape == (32, 3, 4)


def test_torchscript_shows_no_layers_and_says_what_to_do() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(seeded("plain-2d"), torch.zeros(1, 1, 24, 28))
    with pytest.raises(NotSupportedError, match="take a method of pixels"):
        find_target_layer(as_network(scripted, name="script"), image())
