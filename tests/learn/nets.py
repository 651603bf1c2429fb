"""Small networks and images for the tests of explanations, the same in every run."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from heatlas.learn.network.architectures import ARCHITECTURES
from heatlas.learn.network.model import Network, as_network

SHAPES = {
    "plain-2d": (1, 48, 56),
    "residual-2d": (1, 48, 56),
    "plain-3d": (1, 16, 20, 24),
    "transformer-2d": (1, 32, 48),
}


class Mixed(nn.Module):
    """Every kind of step that moves a receptive field: no padding, dilation, pooling, even size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 5)
        self.second = nn.Conv2d(4, 6, 3, dilation=2)
        self.third = nn.Conv2d(6, 6, 4, padding=1)
        self.scores = nn.Linear(6, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = functional.max_pool2d(functional.relu(self.first(images)), 2)
        features = functional.max_pool2d(functional.gelu(self.second(features)), 2)
        return self.scores(self.third(features).mean((2, 3)))


class Linear(nn.Module):
    """A convolution and a linear layer: what follows the layer is linear, whose CAM is known."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 3, 3, padding=1)
        self.scores = nn.Linear(3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(self.features(images).mean((2, 3)))


class OneScore(nn.Module):
    """A single output: a logit, or a probability."""

    def __init__(self, *, squashed: bool = False) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 3, 3, padding=1)
        self.score = nn.Linear(3, 1)
        self.squashed = squashed

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = self.score(torch.relu(self.features(images)).mean((2, 3)))
        return torch.sigmoid(score) if self.squashed else score


def seeded(make: type[nn.Module] | str, **sizes: object) -> nn.Module:
    """A network with parameters that depend on nothing but its kind."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        module = ARCHITECTURES[make](**sizes) if isinstance(make, str) else make(**sizes)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return module.eval()


def network(make: type[nn.Module] | str, **sizes: object) -> Network:
    """The same as a value."""
    return as_network(seeded(make, **sizes), name=make if isinstance(make, str) else "")


def image(shape: tuple[int, ...] = (1, 24, 28), seed: int = 0) -> NDArray[np.float32]:
    """An image of noise with a bright corner."""
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    values[(slice(None), *[slice(0, length // 3) for length in shape[1:]])] += 2
    return values
