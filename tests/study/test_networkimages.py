from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from heatlas.core.errors import DataError
from heatlas.core.volume import Volume
from heatlas.learn.network.model import Network, as_network
from heatlas.study.networkimages import NetworkInput, mask_of_slice, network_images
from tests.learn.nets import seeded
from tests.study.explaining import BRIGHT, Brightest, bright_scan

BRAIN = NetworkInput(window="brain")


def test_every_slice_becomes_an_image_from_0_to_1() -> None:
    scan = bright_scan()
    shown = network_images(scan, as_network(Brightest()), asked=BRAIN)
    assert shown.images.shape == (5, 1, *scan.slices.values.shape[1:])
    assert (shown.images.min(), shown.images.max()) == (0, 1)
    brightest = np.unravel_index(shown.images.argmax(), shown.images.shape)
    assert brightest[0] == BRIGHT[2]
    assert "0 to 80 HU becomes 0 to 1" in shown.words


def test_the_grey_is_repeated_for_networks_of_several_channels() -> None:
    shown = network_images(
        bright_scan(), as_network(seeded("plain-2d", channels=3)), asked=BRAIN
    )  # fmt: skip
    assert shown.images.shape[1] == 3
    np.testing.assert_array_equal(shown.images[:, 0], shown.images[:, 2])
    assert "repeated in 3 channels" in shown.words


def test_a_network_of_volumes_gets_the_volume() -> None:
    scan = bright_scan()
    shown = network_images(scan, as_network(Brightest(axes=3)), asked=BRAIN)
    assert shown.images.shape == (1, 1, *scan.volume.grid.shape)
    asked = NetworkInput(window="brain", slices=(2,))
    with pytest.raises(DataError, match="leave out --slices"):
        network_images(scan, as_network(Brightest(axes=3)), asked=asked)


def test_what_the_file_of_a_network_declares_is_what_it_gets() -> None:
    module = Brightest(axes=3)
    hidden = Network(module=nn.Sequential(module), name="net", image_shape=(3, None, None, None))
    assert network_images(bright_scan(), hidden, asked=BRAIN).images.shape[:2] == (1, 3)
    slices = Network(module=nn.Flatten(), name="net", image_shape=(None, 24, 28))
    shown = network_images(bright_scan(), slices, asked=BRAIN)
    assert shown.axes == 2
    assert shown.images.shape[1] == 1
    asked = NetworkInput(window="brain", axes=2)
    with pytest.raises(DataError, match="axes: 2 given, but network 'net' takes 3-D images"):
        network_images(bright_scan(), hidden, asked=asked)


def test_a_mask_falls_onto_a_slice_by_its_millimetres() -> None:
    scan = bright_scan()
    values = np.zeros(scan.volume.grid.shape, np.float32)
    values[BRIGHT] = 1
    mask = Volume(values=values, grid=scan.volume.grid)
    inside = mask_of_slice(mask, scan.slices, number=BRIGHT[2] + 1)
    (place,) = np.argwhere(inside)
    mm = scan.slices.to_mm(BRIGHT[2], place[None].astype(float))[0]
    np.testing.assert_allclose(mm, scan.volume.grid.to_mm(np.array(BRIGHT)), atol=1e-9)
    assert not mask_of_slice(mask, scan.slices, number=1).any()


def test_too_many_slices_are_refused() -> None:
    with pytest.raises(DataError, match="up to 20"):
        NetworkInput(window="brain", slices=tuple(range(1, 22)))
