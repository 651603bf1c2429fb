"""Deletion and insertion on a network whose probability is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError
from heatlas.learn.deletion import replacement_curves
from heatlas.learn.network.model import as_network


class Share(nn.Module):
    """P(class 1) is the mean of the pixels in the left half."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        share = images[:, 0, :, : images.shape[3] // 2].mean((1, 2))
        return torch.stack([1 - share, share], 1)


NETWORK = as_network(Share(), scores="probabilities")
IMAGE = np.ones((1, 8, 8), np.float32)
BLACK = np.zeros_like(IMAGE)
LEFT = np.tile(np.r_[np.ones(4), np.zeros(4)], (8, 1))


def curves(values: np.ndarray, n_steps: int = 4):  # type: ignore[no-untyped-def]
    """Curves of a map on that network."""
    return replacement_curves(
        values, network=NETWORK, image=IMAGE, baseline=BLACK, class_index=1, n_steps=n_steps
    )


def test_the_right_map_takes_the_probability_away_first_and_brings_it_first() -> None:
    found = curves(LEFT)
    assert found.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.deletion.tolist() == [1, 0.5, 0, 0, 0]
    assert found.insertion.tolist() == [0, 0.5, 1, 1, 1]
    assert (found.deletion_area, found.insertion_area, found.gain) == (0.25, 0.75, 0.5)


def test_the_wrong_map_takes_it_away_last() -> None:
    assert curves(-LEFT).gain == -0.5


def test_a_map_that_cuts_across_gains_nothing() -> None:
    assert abs(curves(LEFT.T, n_steps=8).gain) < 1e-6


def test_only_the_order_of_the_map_counts() -> None:
    values = np.random.default_rng(0).normal(size=(8, 8))
    assert curves(values).gain == curves(np.exp(3 * values)).gain


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"map: shape \(4, 8\), expected that of the image, \(8, 8\)"
    ):
        curves(LEFT[:4])
