"""Centres of receptive fields, by gradients, against their closed form."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from heatlas.core.errors import DataError
from heatlas.learn.network.model import as_network
from heatlas.learn.network.probe import probe_axis
from tests.learn.nets import Mixed, image, network


def test_centres_are_the_closed_form_whatever_the_weights_are() -> None:
    probe = probe_axis(network(Mixed), layer="third", shape=(1, 96, 64), axis=0)
    whole = probe.whole
    assert whole.sum() >= 2
    # conv 5, pool 2, conv 3 dilated by 2, pool 2, conv 4 padded by 1: 2 + .5 + 4 + 1 + 2
    np.testing.assert_allclose(probe.centres[whole, 0], 9.5 + 4 * probe.units[whole], atol=0.1)


def test_a_field_that_the_border_cuts_is_known() -> None:
    probe = probe_axis(network("plain-2d"), layer="features", shape=(1, 64, 48), axis=0)
    assert probe.units.tolist() == [0, 2, 4, 5, 7]
    assert probe.whole.tolist() == [False, True, True, True, False]
    np.testing.assert_allclose(probe.centres[1:4, 0], [16, 32, 40], atol=1e-4)


def test_the_network_is_left_as_it_was() -> None:
    net = network("residual-2d")
    before = net.digest
    probe_axis(net, layer="blocks", shape=(1, 64, 64), axis=1)
    assert net.digest == before


def test_a_layer_that_sees_nothing_of_the_image_is_one_sentence() -> None:
    class Blind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, images):  # type: ignore[no-untyped-def]
            return self.inner(0 * images.detach()).mean((2, 3))

    with pytest.raises(DataError, match="'inner': nothing of the image reaches it"):
        probe_axis(as_network(Blind()), layer="inner", shape=image().shape, axis=0)


def test_an_image_that_does_not_reach_the_layer_is_one_sentence() -> None:
    with pytest.raises(DataError, match=r"'third': images of shape \(1, 8, 8\) do not reach it"):
        probe_axis(network(Mixed), layer="third", shape=(1, 8, 8), axis=0)
