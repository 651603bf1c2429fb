"""The layers of a network: which ran, what they gave, and which one a map is made at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError, UnknownNameError
from heatlas.core.value import Value
from heatlas.core.words import join
from heatlas.learn.network.engine import Floats, as_tensor, settled
from heatlas.learn.network.model import Network, call

NEAREST = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRun(Value):
    """What a layer did while one image went through the network.

    Parameters
    ----------
    name : str
        Its dotted name in the network.
    kind : str
        Its class's name.
    shape : tuple of int
        Shape of what it gave last, without the batch; () where that was no single tensor.
    calls : int
        How often it ran.
    is_convolution : bool
        Whether it has convolution weights of the image's dimension.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    calls: int
    is_convolution: bool

    def is_spatial(self, axes: int) -> bool:
        """Say whether it gave channels with spatial extent."""
        return len(self.shape) == axes + 1 and max(self.shape[1:]) > 1


def run_layers(network: Network, image: Floats) -> tuple[LayerRun, ...]:
    """Return the layers that ran, in the order in which they finished.

    Parameters
    ----------
    network : Network
        What is run.
    image : numpy.ndarray, shape (channels, ...)
        One image that fits it.

    Returns
    -------
    tuple of LayerRun
        Containers finish after what they hold; the whole network is left out.

    Raises
    ------
    DataError
        If the image does not fit the network.
    NotSupportedError
        If it is TorchScript, which shows no layers.
    """
    if isinstance(network.module, torch.jit.ScriptModule):
        raise NotSupportedError(
            f"network '{network.name}': TorchScript does not let its layers be looked at; take a "
            "method of pixels (integrated-gradients, smoothgrad, occlusion), or torch.export."
        )
    axes = image.ndim - 1
    finished: list[tuple[str, tuple[int, ...]]] = []

    def watch(name: str) -> Callable[..., None]:
        def hook(*ran: Any) -> None:
            output = ran[-1]
            shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            finished.append((name, shape))

        return hook

    layers = {name: layer for name, layer in network.module.named_modules() if name}
    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    try:
        with settled(), torch.no_grad():
            call(network, as_tensor(image)[None])
    finally:
        for handle in handles:
            handle.remove()
    last = {name: place for place, (name, _) in enumerate(finished)}
    names = [name for name, _ in finished]
    return tuple(
        LayerRun(
            name=name,
            kind=type(layers[name]).__name__,
            shape=finished[place][1],
            calls=names.count(name),
            is_convolution=is_convolution(layers[name], axes=axes),
        )
        for name, place in sorted(last.items(), key=lambda item: item[1])
    )


def is_convolution(layer: nn.Module, *, axes: int) -> bool:
    """Say whether a layer holds convolution weights itself, whatever its class is called."""
    weight = getattr(layer, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim == axes + 2


def find_target_layer(network: Network, image: Floats) -> str:
    """Return the layer that maps are made at: what the last convolution with extent ends in.

    Parameters
    ----------
    network : Network
        What is looked at.
    image : numpy.ndarray, shape (channels, ...)
        One image that fits it.

    Returns
    -------
    str
        Of the layers that finish after the last convolution and keep its shape (its
        normalisation, its rectifier, the block that adds the shortcut) the last one.

    Raises
    ------
    DataError
        If no convolution ran whose output has spatial extent.
    """
    axes = image.ndim - 1
    runs = run_layers(network, image)
    places = [
        place
        for place, run in enumerate(runs)
        if run.is_convolution and run.is_spatial(axes) and run.calls == 1
    ]
    if not places:
        raise DataError(
            f"network '{network.name}': no convolution with spatial extent ran, so no layer can be "
            f"found; name one. {_known(runs, axes=axes)}"
        )
    shape = runs[places[-1]].shape
    return [r.name for r in runs[places[-1] :] if r.shape == shape and r.calls == 1][-1]


def check_layer(network: Network, layer: str, *, image: Floats) -> LayerRun:
    """Return the named layer if a map can be made at it.

    Parameters
    ----------
    network : Network
        What is looked at.
    layer : str
        Dotted name.
    image : numpy.ndarray, shape (channels, ...)
        One image that fits the network.

    Returns
    -------
    LayerRun
        What the layer did.

    Raises
    ------
    UnknownNameError
        If there is no such layer; the message lists the nearest names.
    DataError
        If the layer did not run, ran more than once, or gave nothing with spatial extent.
    """
    axes = image.ndim - 1
    runs = {run.name: run for run in run_layers(network, image)}
    if layer not in dict(network.module.named_modules()) or not layer:
        close = get_close_matches(layer, list(runs), n=NEAREST, cutoff=0.3)
        hint = (
            f"Nearest: {join(close, last='or')}." if close else _known([*runs.values()], axes=axes)
        )
        raise UnknownNameError(f"Unknown layer '{layer}' of network '{network.name}'. {hint}")
    run = runs.get(layer)
    if run is None:
        raise DataError(f"layer '{layer}': it does not run on its own; name another one.")
    if run.calls > 1:
        raise DataError(f"layer '{layer}': it ran {run.calls} times; name one that runs once.")
    if not run.is_spatial(axes):
        raise DataError(
            f"layer '{layer}': it gives shape {run.shape}, expected channels with {axes} spatial "
            f"axes. {_known(list(runs.values()), axes=axes)}"
        )
    return run


def _known(runs: Sequence[LayerRun], *, axes: int) -> str:
    """Return the layers that could be named, last first."""
    names = [run.name for run in runs if run.is_spatial(axes) and run.calls == 1]
    return f"Layers with spatial extent: {', '.join(names[::-1][:NEAREST]) or 'none'}."
