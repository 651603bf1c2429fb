"""The attention weights of a transformer, layer by layer, and the layer that cut the patches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heatlas.core.errors import NotSupportedError
from heatlas.learn.network.engine import (
    Call,
    Floats,
    Interception,
    as_array,
    as_tensor,
    settled,
)
from heatlas.learn.network.layers import run_layers
from heatlas.learn.network.model import Network, forward


class Attention(NamedTuple):
    """How much each token looked at each other one."""

    weights: list[NDArray[np.float64]]
    """one array (heads, tokens, tokens) a layer, first layer first"""
    patch_layer: str
    """the layer whose places became tokens"""
    patch_shape: tuple[int, ...]
    """its spatial shape"""
    extra_tokens: int
    """tokens before the patches, such as the class token"""


def attention_weights(network: Network, image: Floats) -> Attention:
    """Return the attention weights of all layers for one image.

    Parameters
    ----------
    network : Network
        A transformer that cuts the image into patches by a convolution and attends through
        ``scaled_dot_product_attention`` or ``torch.nn.MultiheadAttention``.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.

    Returns
    -------
    Attention
        Weights and the patches that they are about.

    Raises
    ------
    NotSupportedError
        If no attention is seen, or its tokens are not patches of the image.
    """
    seen: list[torch.Tensor] = []

    def watch(called: Call) -> Any:
        if called.name == "scaled_dot_product_attention":
            seen.append(_dot_product_weights(called))
        return called.run()

    with settled(), torch.no_grad(), _weights_told(network.module) as told, Interception(watch):
        forward(network, as_tensor(image)[None])
    weights = [as_array(tensor[0]).astype(np.float64) for tensor in told or seen]
    if not weights:
        raise NotSupportedError(
            f"network '{network.name}': no attention layer was seen, so there is nothing to roll "
            "out; attention-rollout is for transformers, take grad-cam for convolutions."
        )
    tokens = weights[0].shape[-1]
    axes = image.ndim - 1
    for run in run_layers(network, image):
        extra = tokens - math.prod(run.shape[1:]) if run.is_spatial(axes) else -1
        if run.is_convolution and 0 <= extra <= 5:
            return Attention(weights, run.name, run.shape[1:], extra)
    raise NotSupportedError(
        f"network '{network.name}': its {tokens} tokens are not the places of a convolution that "
        "cuts the image into patches, so the attention cannot be laid onto the image."
    )


@contextmanager
def _weights_told(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Make every torch.nn.MultiheadAttention tell its weights, in the order in which they run."""
    told: list[torch.Tensor] = []

    def ask(*asked: Any) -> Any:
        _, arguments, keywords = asked
        return arguments, keywords | {"need_weights": True, "average_attn_weights": False}

    def hear(*ran: Any) -> None:
        told.append(ran[-1][1])

    layers = [layer for layer in module.modules() if isinstance(layer, nn.MultiheadAttention)]
    handles: list[Any] = []
    quick = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it never calls the attention layer itself
    for layer in layers:
        handles.append(layer.register_forward_pre_hook(ask, with_kwargs=True))
        handles.append(layer.register_forward_hook(hear))
    try:
        yield told
    finally:
        torch.backends.mha.set_fastpath_enabled(quick)
        for handle in handles:
            handle.remove()


def _dot_product_weights(called: Call) -> torch.Tensor:
    """Return softmax(q k' / sqrt(d) + mask) of a scaled dot-product attention."""
    names = ("query", "key", "value", "attn_mask")
    given = dict(zip(names, called.arguments, strict=False)) | dict(called.keywords)
    query, key, mask = given["query"], given["key"], given.get("attn_mask")
    products = (given.get("scale") or 1 / math.sqrt(query.shape[-1])) * query @ key.mT
    if mask is not None and mask.dtype == torch.bool:
        products = products.masked_fill(~mask, float("-inf"))
    elif mask is not None:
        products = products + mask
    return torch.softmax(products, dim=-1)
