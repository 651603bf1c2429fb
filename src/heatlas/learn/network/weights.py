"""The parameters of a network as the bytes of a state dict."""

from __future__ import annotations

import io

import torch

from heatlas.learn.network.model import Network


def state_dict_bytes(network: Network) -> bytes:
    """Return the parameters of a network, as ``torch.save(module.state_dict(), ...)`` writes them.

    Parameters
    ----------
    network : Network
        What is saved.

    Returns
    -------
    bytes
        Names and tensors, no code; equal parameters give equal bytes.
    """
    buffer = io.BytesIO()
    torch.save(dict(network.module.state_dict()), buffer)
    return buffer.getvalue()
