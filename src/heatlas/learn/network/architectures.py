"""Small networks by name: plain and residual ones in two and three axes, a vision transformer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from heatlas.core.registry import Registry

WIDTHS = (12, 24, 32)
SHARPNESS = 5.0


class PlainNet(nn.Module):
    """Three convolutions, each halving the image, then the peak of each channel and scores.

    Parameters
    ----------
    axes : int
        2 or 3.
    channels : int
        Channels of the image.
    classes : int
        Number of scores.
    """

    def __init__(self, *, axes: int = 2, channels: int = 1, classes: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in WIDTHS:
            layers += [_convolution(axes, channels, width, stride=2), _norm(axes, width), nn.ReLU()]
            channels = width
        self.features = nn.Sequential(*layers)
        self.scores = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores, shape (n, classes)."""
        return cast(torch.Tensor, self.scores(_peaks(self.features(images))))


class Block(nn.Module):
    """Two convolutions and a shortcut.

    Parameters
    ----------
    axes : int
        2 or 3.
    channels, width : int
        Channels that come in and go out.
    stride : int
        Step of the first convolution.
    """

    def __init__(self, *, axes: int, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(axes, channels, width, stride=stride)
        self.first_norm = _norm(axes, width)
        self.second = _convolution(axes, width, width, stride=1)
        self.second_norm = _norm(axes, width)
        self.shortcut = _convolution(axes, channels, width, stride=stride, size=1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return relu(shortcut + convolutions)."""
        inner = functional.relu(self.first_norm(self.first(given)))
        inner = self.second_norm(self.second(inner))
        return functional.relu(inner + self.shortcut(given))


class ResidualNet(nn.Module):
    """A convolution and three residual blocks, an eighth of the image in the end, then scores.

    Parameters
    ----------
    axes : int
        2 or 3.
    channels : int
        Channels of the image.
    classes : int
        Number of scores.
    """

    def __init__(self, *, axes: int = 2, channels: int = 1, classes: int = 2) -> None:
        super().__init__()
        self.stem = _convolution(axes, channels, WIDTHS[0], stride=2)
        blocks, before = [], WIDTHS[0]
        for width, stride in zip(WIDTHS, (2, 2, 1), strict=True):
            blocks.append(Block(axes=axes, channels=before, width=width, stride=stride))
            before = width
        self.blocks = nn.Sequential(*blocks)
        self.scores = nn.Linear(before, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores, shape (n, classes)."""
        features = self.blocks(functional.relu(self.stem(images)))
        return cast(torch.Tensor, self.scores(_peaks(features)))


class Attention(nn.Module):
    """Self-attention over tokens.

    Parameters
    ----------
    width : int
        Length of a token.
    heads : int
        Number of heads.
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return each token's mixture of all, shape (n, tokens, width)."""
        n, length, width = tokens.shape
        split = self.mixed(tokens).reshape(n, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixture = functional.scaled_dot_product_attention(query, key, value)
        return cast(torch.Tensor, self.joined(mixture.transpose(1, 2).reshape(n, length, width)))


class TransformerBlock(nn.Module):
    """Attention and a small perceptron, both with a shortcut.

    Parameters
    ----------
    width : int
        Length of a token.
    heads : int
        Number of heads.
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width=width, heads=heads)
        self.inner_norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return tokens of the same shape."""
        tokens = tokens + self.attention(self.attention_norm(tokens))
        return cast(torch.Tensor, tokens + self.inner(self.inner_norm(tokens)))


class VisionTransformer(nn.Module):
    """Patches as tokens beside a class token; positions are sines, so any image size will do.

    Parameters
    ----------
    channels : int
        Channels of the image.
    classes : int
        Number of scores.
    patch : int
        Side of a patch in pixels.
    width, heads, depth : int
        Length of a token, heads of a layer, number of layers.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 2,
        patch: int = 8,
        width: int = 32,
        heads: int = 4,
        depth: int = 3,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        blocks = [TransformerBlock(width=width, heads=heads) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores, shape (n, classes)."""
        patches = self.patches(images)
        places = patches + _sines(patches.shape[1], rows=patches.shape[2], columns=patches.shape[3])
        tokens = places.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        return cast(torch.Tensor, self.scores(self.norm(self.blocks(tokens))[:, 0]))


ARCHITECTURES: Registry[Callable[..., nn.Module]] = Registry(
    "architecture",
    {
        "plain-2d": lambda **sizes: PlainNet(axes=2, **sizes),
        "plain-3d": lambda **sizes: PlainNet(axes=3, **sizes),
        "residual-2d": lambda **sizes: ResidualNet(axes=2, **sizes),
        "residual-3d": lambda **sizes: ResidualNet(axes=3, **sizes),
        "transformer-2d": VisionTransformer,
    },
)


def _convolution(axes: int, *widths: int, stride: int, size: int = 3) -> nn.Module:
    """Return a convolution over that many axes, padded so that its centre stays on the image."""
    kind: Any = nn.Conv2d if axes == 2 else nn.Conv3d
    layer: nn.Module = kind(*widths, size, stride=stride, padding=size // 2)
    return layer


def _norm(axes: int, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if axes == 2 else nn.BatchNorm3d(width)


def _peaks(features: torch.Tensor) -> torch.Tensor:
    """Return the smooth maximum of each channel, so that one small finding is enough for a score.

    The mean would thin it out by the number of places; the maximum itself would teach one place.
    """
    places = features.flatten(2)
    return (torch.logsumexp(SHARPNESS * places, dim=2) - math.log(places.shape[2])) / SHARPNESS


def _sines(width: int, *, rows: int, columns: int) -> torch.Tensor:
    """Return sines and cosines of row and column, shape (width, rows, columns)."""
    quarter = width // 4
    rates = torch.exp(-math.log(100.0) * torch.arange(quarter) / quarter)[:, None]
    down = (rates * torch.arange(rows))[:, :, None].expand(-1, -1, columns)
    along = (rates * torch.arange(columns))[:, None, :].expand(-1, rows, -1)
    return torch.cat([down.sin(), down.cos(), along.sin(), along.cos()])
