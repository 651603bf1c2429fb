"""Every architecture gives one row of scores an image, at any size that its steps allow."""

from __future__ import annotations

import pytest
import torch

from heatlas.core.errors import UnknownNameError
from heatlas.learn.network.architectures import ARCHITECTURES


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_scores_have_one_row_an_image(name: str) -> None:
    sizes = (16, 24, 32) if name.endswith("3d") else (32, 48)
    module = ARCHITECTURES[name](channels=2, classes=5).eval()
    assert module(torch.zeros(3, 2, *sizes)).shape == (3, 5)
    assert module(torch.zeros(1, 2, *[2 * size for size in sizes])).shape == (1, 5)


def test_a_residual_net_is_its_shortcuts_when_its_convolutions_are_silent() -> None:
    module = ARCHITECTURES["residual-2d"]().eval()
    block = module.blocks[0]
    with torch.no_grad():
        block.second.weight.zero_()
        block.second.bias.zero_()
    given = torch.rand(1, 12, 8, 8)
    assert torch.allclose(block(given), torch.relu(block.shortcut(given)))


def test_a_transformer_knows_where_a_patch_lies() -> None:
    module = ARCHITECTURES["transformer-2d"]().eval()
    with torch.no_grad():
        module.class_token.normal_()
    images = torch.zeros(2, 1, 32, 32)
    images[0, 0, :8, :8] = 1
    images[1, 0, 24:, 24:] = 1
    first, second = module(images)
    assert not torch.allclose(first, second)


def test_an_unknown_architecture_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'plain-2d'"):
        ARCHITECTURES["plain2d"]
