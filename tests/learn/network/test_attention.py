"""Attention weights are the network's own, however the attention is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import NotSupportedError
from heatlas.learn.network.attention import attention_weights
from heatlas.learn.network.model import as_network
from tests.learn.nets import image, network, seeded


class Encoder(nn.Module):
    """Patches and torch's own encoder layers, without a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 16, 8, stride=8)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.scores = nn.Linear(16, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.scores(self.encoder(tokens).mean(1))


def test_weights_are_softmax_of_queries_and_keys() -> None:
    module, given = seeded("transformer-2d"), image((1, 32, 48))
    found = attention_weights(as_network(module), given)
    assert (found.patch_layer, found.patch_shape, found.extra_tokens) == ("patches", (4, 6), 1)
    assert [weights.shape for weights in found.weights] == [(4, 25, 25)] * 3
    caught = {}
    block = module.blocks[0]
    block.attention.register_forward_pre_hook(lambda layer, args: caught.update(tokens=args[0]))
    module(torch.from_numpy(given[None]))
    mixed = block.attention.mixed(caught["tokens"])[0].detach().numpy().reshape(25, 3, 4, 8)
    query, key = mixed[:, 0].transpose(1, 0, 2), mixed[:, 1].transpose(1, 2, 0)
    powers = np.exp(query @ key / np.sqrt(8))
    np.testing.assert_allclose(found.weights[0], powers / powers.sum(-1, keepdims=True), atol=1e-5)


def test_torchs_own_attention_tells_its_weights() -> None:
    module, given = seeded(Encoder), image((1, 32, 48))
    found = attention_weights(as_network(module), given)
    tokens = module.patches(torch.from_numpy(given[None])).flatten(2).transpose(1, 2)
    _, expected = module.encoder.layers[0].self_attn(
        tokens, tokens, tokens, need_weights=True, average_attn_weights=False
    )
    assert (found.extra_tokens, len(found.weights)) == (0, 2)
    np.testing.assert_allclose(found.weights[0], expected[0].detach().numpy(), atol=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_network_without_attention_is_told_so() -> None:
    with pytest.raises(NotSupportedError, match="no attention layer was seen"):
        attention_weights(network("plain-2d"), image())


def test_tokens_that_are_no_patches_are_refused() -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(28, 2, batch_first=True)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.attention(images[:, 0], images[:, 0], images[:, 0])[0].mean(1)

    with pytest.raises(
        NotSupportedError, match="its 24 tokens are not the places of a convolution"
    ):
        attention_weights(as_network(Rows()), image())
