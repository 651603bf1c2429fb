"""Networks that have forgotten what they learnt, layer by layer from the output down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from heatlas.core.random import stream
from heatlas.learn.network.engine import as_array, copied
from heatlas.learn.network.model import Network


def parameter_layers(network: Network) -> tuple[str, ...]:
    """Return the names of the layers that hold parameters, those nearest to the input first.

    Parameters
    ----------
    network : Network
        What is looked at.

    Returns
    -------
    tuple of str
        In the order of definition; "" stands for parameters of the network itself.
    """
    names = (name.rpartition(".")[0] for name, _ in network.module.named_parameters())
    return tuple(dict.fromkeys(names))


def randomise(network: Network, *, layers: tuple[str, ...], seed: int) -> Network:
    """Return the network with the parameters of some layers drawn anew.

    Parameters
    ----------
    network : Network
        What is copied.
    layers : tuple of str
        Layers that forget.
    seed : int
        Which draw.

    Returns
    -------
    Network
        Weights are normal with the mean and standard deviation that they had, so that signals
        keep their size; vectors (biases, normalisations) are shuffled. Each layer draws from a
        stream of its own, so that cascades agree on the layers they share.
    """
    module = copied(network.module)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.rpartition(".")[0] in layers:
                chance = stream(seed, f"randomise {name}")
                parameter.copy_(torch.from_numpy(_redrawn(as_array(parameter), chance)))
    return replace(network, module=module)


def cascade(network: Network, *, levels: int, seed: int) -> Iterator[tuple[str, Network]]:
    """Yield the network with more and more layers randomised, from the output to the input.

    Parameters
    ----------
    network : Network
        What is copied.
    levels : int
        Into how many steps the layers are grouped, if there are more.
    seed : int
        Which draw.

    Yields
    ------
    str
        The deepest layer that is randomised so far.
    Network
        The network with it and all layers behind it randomised; at last with all.

    References
    ----------
    Adebayo et al. (2018), Sanity checks for saliency maps. arXiv:1810.03292
    """
    layers = parameter_layers(network)
    ends = np.unique(np.round(np.linspace(1, len(layers), min(levels, len(layers)))).astype(int))
    for end in ends.tolist():
        chosen = layers[len(layers) - end :]
        yield chosen[0], randomise(network, layers=chosen, seed=seed)


def _redrawn(values: NDArray[Any], chance: np.random.Generator) -> NDArray[Any]:
    """Return other values of the same spread."""
    if values.ndim < 2:
        return chance.permutation(values.ravel()).reshape(values.shape)
    drawn = chance.standard_normal(values.shape) * values.std() + values.mean()
    return np.asarray(drawn, dtype=values.dtype)
