"""Where in the image each unit of a layer looks: centres of receptive fields by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from heatlas.core.errors import DataError
from heatlas.core.random import stream
from heatlas.learn.network.engine import (
    RUN_FAULTS,
    Call,
    Floats,
    Interception,
    as_array,
    copied,
    settled,
)
from heatlas.learn.network.model import Network

UNITS = 5
DRAWS = 1
# Values of one batch of probes: bounds memory.
BATCH_VALUES = 1 << 21
# Above the first share of its peak a profile has its centre; above the second one it is "seen".
CORE = 0.5
SEEN = 0.02


class _Reached(Exception):  # no fault: it ends a run as soon as the layer has run
    """The layer ran; nothing behind it is of interest."""


class Probe(NamedTuple):
    """Units along one axis of a layer and the centres of what they see."""

    image_length: int
    """length of the probed image along the axis"""
    layer_length: int
    """length of the layer along it"""
    units: NDArray[np.int64]
    """shape (n,): which unit along the axis; the others are in the middle"""
    centres: NDArray[np.float64]
    """shape (n, axes): centre of its receptive field, in pixels of the image"""
    whole: NDArray[np.bool_]
    """shape (n,): whether all that the unit sees lies inside of the image"""
    core_inside: NDArray[np.bool_]
    """shape (n,): whether the part above half of the peak does"""


def probe_axis(network: Network, *, layer: str, shape: tuple[int, ...], axis: int) -> Probe:
    """Find the centres of the receptive fields of units along one axis of a layer.

    Parameters
    ----------
    network : Network
        Any architecture.
    layer : str
        Dotted name of a layer with spatial extent.
    shape : tuple of int
        Shape of an image: (channels, ...).
    axis : int
        Spatial axis, counted from 0.

    Returns
    -------
    Probe
        Up to five units and their centres.

    Raises
    ------
    DataError
        If images of that shape do not reach the layer, or nothing of the image does.

    Notes
    -----
    The probe looks at a copy whose convolution kernels are constant over their extent, random and
    positive over channels, with normalisations set to do nothing and maxima taken as means: every
    path is open, and each unit's gradient is symmetric about the centre of its field. Strides,
    paddings, dilations, shortcuts and poolings lie where they do in the network. One forward and
    one backward pass for all units, in parts of bounded memory.
    """
    chance = stream(0, f"receptive field probe, axis {axis}")
    module = _opened(network.module, chance)
    with settled(), Interception(_mean_for_maximum):
        layer_shape = tuple(_run_to(module, _draw(1, shape, chance=chance), layer=layer).shape[2:])
        if len(layer_shape) != len(shape) - 1:
            raise DataError(f"layer '{layer}': it gives {layer_shape} for an image of {shape[1:]}.")
        units = _line(layer_shape, axis=axis)
        profiles = _profiles(module, units, layer=layer, shape=shape, chance=chance)
    centres = np.zeros(units.shape)
    for other in range(len(layer_shape)):
        centres[:, other] = _centres(_along(profiles, other))
    along = _along(profiles, axis)
    return Probe(
        image_length=shape[1 + axis],
        layer_length=layer_shape[axis],
        units=units[:, axis],
        centres=centres,
        whole=_is_inside(along, level=SEEN),
        core_inside=_is_inside(along, level=CORE),
    )


def _opened(module: nn.Module, chance: np.random.Generator) -> nn.Module:
    """Return a copy in which every path is open and every kernel is constant over its extent."""
    module = copied(module)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            last = name.rsplit(".", 1)[-1]
            if tensor.ndim >= 2 and last == "weight":
                tensor.copy_(_constant_kernels(tuple(tensor.shape), chance))
            elif tensor.ndim <= 1 and last in {"bias", "running_mean"}:
                tensor.zero_()
            elif tensor.ndim <= 1 and last in {"weight", "running_var"}:
                tensor.fill_(1)
    return module


def _constant_kernels(shape: tuple[int, ...], chance: np.random.Generator) -> torch.Tensor:
    """Return positive kernels, random over channels and constant over their extent."""
    pairs = chance.uniform(0.5, 1.5, size=shape[:2]).reshape(*shape[:2], *[1] * (len(shape) - 2))
    weights = np.broadcast_to(pairs / np.prod(shape[1:]), shape)
    return torch.from_numpy(weights.astype(np.float32))


def _draw(n: int, shape: Sequence[int], *, chance: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(chance.uniform(0.5, 1.5, size=(n, *shape)).astype(np.float32))


def _mean_for_maximum(called: Call) -> Any:
    """Take the mean where a network takes the maximum: the same window, but no favourite."""
    if called.name not in {"max_pool2d", "max_pool3d"}:
        return called.run()
    names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = dict(zip(names, called.arguments, strict=False)) | dict(called.keywords)
    pool: Any = functional.avg_pool2d if called.name == "max_pool2d" else functional.avg_pool3d
    window = given["kernel_size"]
    stride, padding = given.get("stride") or window, given.get("padding", 0)
    return pool(given["input"], window, stride, padding, given.get("ceil_mode", False))


def _run_to(module: nn.Module, images: torch.Tensor, *, layer: str) -> torch.Tensor:
    """Run a module as far as one layer and return what that gave."""
    caught: list[torch.Tensor] = []

    def hook(*ran: Any) -> None:
        caught.append(ran[-1])
        raise _Reached

    handle = module.get_submodule(layer).register_forward_hook(hook)
    try:
        module(images)
    except _Reached:
        return caught[-1]
    except RUN_FAULTS as error:
        shape = tuple(images.shape[1:])
        raise DataError(f"layer '{layer}': images of shape {shape} do not reach it.") from error
    finally:
        handle.remove()
    raise DataError(f"layer '{layer}': it did not run.")


def _line(layer_shape: tuple[int, ...], *, axis: int) -> NDArray[np.int64]:
    """Return units along an axis through the middle of the layer, shape (n, axes)."""
    steps = np.unique(np.round(np.linspace(0, layer_shape[axis] - 1, UNITS)).astype(np.int64))
    units = np.tile(np.array(layer_shape, dtype=np.int64) // 2, (len(steps), 1))
    units[:, axis] = steps
    return units


def _profiles(
    module: nn.Module,
    units: NDArray[np.int64],
    *,
    layer: str,
    shape: tuple[int, ...],
    chance: np.random.Generator,
) -> Floats:
    """Return how much each pixel moves each unit, shape (units, ...), over draws and channels."""
    found = np.zeros((len(units), *shape[1:]))
    jobs = [place for place in range(len(units)) for _ in range(DRAWS)]
    size = max(1, BATCH_VALUES // int(np.prod(shape)))
    for part in (jobs[start : start + size] for start in range(0, len(jobs), size)):
        images = _draw(len(part), shape, chance=chance).requires_grad_()
        gradient = _unit_gradients(module, images, units=units[part], layer=layer)
        for row, place in enumerate(part):
            found[place] += np.abs(gradient[row]).sum(axis=0)
    return found


def _unit_gradients(
    module: nn.Module, images: torch.Tensor, *, units: NDArray[np.int64], layer: str
) -> Floats:
    """Return the gradient of one unit an image; networks of single images take them in turn."""
    try:
        output = _run_to(module, images, layer=layer)
    except DataError:
        if len(images) == 1:
            raise
        rows = [slice(row, row + 1) for row in range(len(images))]
        one_by_one = [
            _unit_gradients(
                module, images[row].detach().requires_grad_(), units=units[row], layer=layer
            )
            for row in rows
        ]
        return np.concatenate(one_by_one)
    total = sum(output[(row, slice(None), *unit)].sum() for row, unit in enumerate(units.tolist()))
    gradient = None
    if isinstance(total, torch.Tensor) and total.requires_grad:
        (gradient,) = torch.autograd.grad(total, images, allow_unused=True)
    if gradient is None:
        raise DataError(f"layer '{layer}': nothing of the image reaches it.")
    return as_array(gradient)


def _along(profiles: Floats, axis: int) -> Floats:
    """Return the profiles along one spatial axis, summed over the others, shape (units, length)."""
    others = tuple(1 + other for other in range(profiles.ndim - 1) if other != axis)
    return np.asarray(profiles.sum(axis=others))


def _centres(profiles: Floats) -> NDArray[np.float64]:
    """Return the centre of mass of each profile (rows) above half of its peak."""
    above = np.maximum(profiles - CORE * profiles.max(axis=1, keepdims=True), 0)
    total = above.sum(axis=1)
    if not (total > 0).all():
        raise DataError("layer: some of its units see nothing of the image.")
    return np.asarray(above @ np.arange(profiles.shape[1]) / total)


def _is_inside(profiles: Floats, *, level: float) -> NDArray[np.bool_]:
    """Say for each profile whether its part above a share of the peak lies inside of the image.

    Steps of a convolution leave gaps in a profile: a part that comes as near to the border as its
    widest gap may have lost something beyond it.
    """
    pixels = np.arange(profiles.shape[1])
    seen = [pixels[row > level * row.max()] for row in profiles]
    gap = max(int(np.diff(places).max(initial=1)) for places in seen) - 1
    first, last = np.array([(places[0], places[-1]) for places in seen]).T
    return np.asarray((first > gap) & (last < pixels[-1] - gap))
