"""What a network's score rests on: activations and gradients, plain and guided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.engine import (
    Call,
    Floats,
    Interception,
    as_array,
    as_tensor,
    settled,
)
from heatlas.learn.network.model import Network, batches, forward, score_of_class

# Every way in which a rectifier is written, in a module, as a function or in an exported graph.
RECTIFIERS = frozenset({
    functional.relu, functional.relu_, torch.relu, torch.relu_, torch.Tensor.relu,
    torch.Tensor.relu_, torch.ops.aten.relu.default, torch.ops.aten.relu_.default,
})  # fmt: skip


class LayerTensors(NamedTuple):
    """What a layer gave for one image, and how the class's score changes with it."""

    activations: NDArray[np.float64]
    """shape (channels, ...)"""
    gradients: NDArray[np.float64]
    """the same shape"""


def layer_tensors(network: Network, image: Floats, *, layer: str, class_index: int) -> LayerTensors:
    """Return the activations of a layer and the gradient of the class's score there.

    Parameters
    ----------
    network : Network
        What is run.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    layer : str
        Dotted name of a layer that runs once.
    class_index : int
        The class whose score is followed.

    Returns
    -------
    LayerTensors
        Both of shape (channels, ...), float64.

    Raises
    ------
    DataError
        If the score does not depend on the layer.
    """
    with settled(), captured(network, layer) as caught:
        scores = forward(network, as_tensor(image)[None].requires_grad_())
        score = score_of_class(scores, class_index, kind=network.scores)
        if not score.requires_grad or not caught:
            raise DataError(f"layer '{layer}': the score of class {class_index} does not use it.")
        (gradient,) = torch.autograd.grad(score.sum(), caught[-1], allow_unused=True)
    if gradient is None:
        raise DataError(f"layer '{layer}': the score of class {class_index} does not use it.")
    first, second = as_array(caught[-1][0]), as_array(gradient[0])
    return LayerTensors(first.astype(np.float64), second.astype(np.float64))


def layer_activations(network: Network, image: Floats, *, layer: str) -> NDArray[np.float64]:
    """Return what a layer gave for one image.

    Parameters
    ----------
    network : Network
        What is run.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    layer : str
        Dotted name of a layer that runs once.

    Returns
    -------
    numpy.ndarray of float64, shape (channels, ...)
        Its activations.
    """
    with settled(), torch.no_grad(), captured(network, layer) as caught:
        forward(network, as_tensor(image)[None])
    return as_array(caught[-1][0]).astype(np.float64)


def input_gradients(
    network: Network, images: Floats, *, class_index: int, guided: bool = False
) -> NDArray[np.float64]:
    """Return the gradient of the class's score with respect to each value of each image.

    Parameters
    ----------
    network : Network
        What is run.
    images : numpy.ndarray, shape (n, channels, ...)
        What it looks at.
    class_index : int
        The class whose score is followed.
    guided : bool
        Whether rectifiers let only positive gradients pass (guided backpropagation).

    Returns
    -------
    numpy.ndarray of float64, shape of images
        The gradients.

    Raises
    ------
    NotSupportedError
        If guided gradients are asked of a network without rectifiers.

    References
    ----------
    Springenberg et al. (2015), Striving for simplicity: the all convolutional net.
    arXiv:1412.6806
    """
    rows, guides = [], 0

    def guide(called: Call) -> Any:
        nonlocal guides
        if not guided or called.function not in RECTIFIERS:
            return called.run()
        guides += 1
        return cast(Any, _GuidedRectifier).apply(called.arguments[0])

    with settled():
        for part in batches(network, images):
            given = as_tensor(part).requires_grad_()
            with Interception(guide):
                scores = forward(network, given)
            score = score_of_class(scores, class_index, kind=network.scores)
            (gradient,) = torch.autograd.grad(score.sum(), given)
            rows.append(as_array(gradient).astype(np.float64))
    if guided and not guides:
        raise NotSupportedError(
            f"network '{network.name}' has no rectifier (ReLU) that can be guided; take another "
            "method, such as integrated-gradients."
        )
    return np.concatenate(rows)


@contextmanager
def captured(network: Network, layer: str) -> Iterator[list[torch.Tensor]]:
    """Collect what a layer gives while the network runs, and keep it out of in-place changes."""
    caught: list[torch.Tensor] = []

    def hook(*ran: Any) -> torch.Tensor:
        caught.append(ran[-1])
        return caught[-1].clone()

    handle = network.module.get_submodule(layer).register_forward_hook(hook)
    try:
        yield caught
    finally:
        handle.remove()


class _GuidedRectifier(torch.autograd.Function):
    """A rectifier that lets only positive gradients pass, and only where it was open."""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(given)
        return given.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        given: torch.Tensor = ctx.saved_tensors[0]
        return torch.where(given > 0, gradient.clamp(min=0), 0)
