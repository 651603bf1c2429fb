"""A network as a frozen value, and its scores and probabilities for images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heatlas.core.errors import DataError
from heatlas.core.validate import check_choice, set_field
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.learn.network.engine import (
    RUN_FAULTS,
    Call,
    Floats,
    Interception,
    as_array,
    as_tensor,
    copied,
    reason,
    settled,
)

Module = nn.Module  # for the signatures of rooms that do not know torch
Scores = Literal["logits", "probabilities"]
BATCH = 16
# The last step of a network that gives probabilities, by the name of torch's function.
SQUASHING = frozenset({"softmax", "sigmoid", "special_softmax"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Network(Value):
    """A classifier of images that is only looked at: a copy in evaluation mode, on the CPU.

    Parameters
    ----------
    module : torch.nn.Module
        Takes images (n, channels, rows, columns) or (n, channels, x, y, z), float32, and returns
        scores (n, classes), or (n, 1) for two classes.
    name : str
        What it is called in captions.
    origin : str
        Where it comes from: "Python", "state dict", "torch.export", "ONNX", "TorchScript".
    scores : {"logits", "probabilities"}, optional
        What the scores are; None where that is still to be found from a run.
    batch : int
        Most images in one run; 1 for networks that were exported so.
    image_shape : tuple of int or None, optional
        Shape of an image, channels first, where a file declares one; None for a free length.
    """

    module: nn.Module
    name: str
    origin: str = "Python"
    scores: Scores | None = None
    batch: int = BATCH
    image_shape: tuple[int | None, ...] = ()

    def __post_init__(self) -> None:
        """Take a copy that nobody else can train or hook."""
        if self.scores is not None:
            check_choice(self.scores, name="scores", known=get_args(Scores))
        module = copied(self.module)
        set_field(self, "module", to=module)

    @property
    def digest(self) -> str:
        """Digest of all parameters and buffers with their names."""
        found = hashlib.sha256()
        for name, tensor in self.module.state_dict().items():
            found.update(name.encode())
            found.update(np.ascontiguousarray(as_array(tensor)).tobytes())
        return "sha256:" + found.hexdigest()


def as_network(module: nn.Module, *, name: str = "", scores: Scores | None = None) -> Network:
    """Return a module as a network.

    Parameters
    ----------
    module : torch.nn.Module
        A classifier of images; it is copied and stays as it is.
    name : str
        What it is called; its class's name by default.
    scores : {"logits", "probabilities"}, optional
        What its scores are; found from its last step where not given.

    Returns
    -------
    Network
        The copy, in evaluation mode.

    Raises
    ------
    DataError
        If it is no torch module.
    """
    if not isinstance(module, nn.Module):
        raise DataError(f"network: expected a torch.nn.Module, got {type(module).__name__}.")
    return Network(module=module, name=name or type(module).__name__, scores=scores)


def class_scores(network: Network, images: Floats) -> NDArray[np.float64]:
    """Return the raw scores of images, shape (n, outputs).

    Parameters
    ----------
    network : Network
        What is run.
    images : numpy.ndarray, shape (n, channels, ...)
        What it looks at.

    Returns
    -------
    numpy.ndarray of float64, shape (n, outputs)
        As the network gives them; one output stands for two classes.

    Raises
    ------
    DataError
        If the images do not fit the network or its scores are not one row an image.
    """
    rows = []
    with settled(), torch.no_grad():
        for part in batches(network, images):
            rows.append(as_array(forward(network, as_tensor(part))).astype(np.float64))
    return np.concatenate(rows)


def class_score(network: Network, images: Floats, *, class_index: int) -> NDArray[np.float64]:
    """Return the score of one class for images, shape (n,).

    Parameters
    ----------
    network : Network
        What is run.
    images : numpy.ndarray, shape (n, channels, ...)
        What it looks at.
    class_index : int
        Which class; a single output stands for class 1.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Logits or probabilities, as the network gives them.
    """
    scores = torch.from_numpy(class_scores(network, images))
    return as_array(score_of_class(scores, class_index, kind=network.scores))


def probabilities(network: Network, images: Floats) -> NDArray[np.float64]:
    """Return the probability of each class for images, shape (n, classes).

    Parameters
    ----------
    network : Network
        One whose scores are known (see :func:`with_scores_known`).
    images : numpy.ndarray, shape (n, channels, ...)
        What it looks at.

    Returns
    -------
    numpy.ndarray of float64, shape (n, classes)
        Softmax of logits (a single logit gives two classes), or the network's own probabilities.

    Raises
    ------
    DataError
        If it is not known what the scores are.
    """
    if network.scores is None:
        raise DataError(f"network '{network.name}': say whether it gives logits or probabilities.")
    scores = class_scores(network, images)
    if network.scores == "probabilities":
        return scores if scores.shape[1] > 1 else np.hstack([1 - scores, scores])
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def with_scores_known(network: Network, image: Floats) -> Network:
    """Return the network with what its scores are: probabilities if its last step squashes them.

    Parameters
    ----------
    network : Network
        One that may not say what it gives.
    image : numpy.ndarray, shape (channels, ...)
        An image that fits it.

    Returns
    -------
    Network
        The same where it is known already.

    Raises
    ------
    DataError
        If the image does not fit the network.
    """
    if network.scores is not None:
        return network
    squashed: list[Any] = []

    def watch(step: Call) -> Any:
        outcome = step.run()
        if step.name in SQUASHING:
            squashed.append(outcome)
        return outcome

    with settled(), torch.no_grad(), Interception(watch):
        output = scores_of(call(network, as_tensor(image)[None]))
    rows = as_array(output)
    sums_to_one = rows.ndim == 2 and rows.shape[1] > 1 and rows.min() >= 0
    sums_to_one = sums_to_one and bool(np.abs(rows.sum(axis=1) - 1).max() < 1e-4)
    is_squashed = bool(squashed) and squashed[-1] is output
    found: Scores = "probabilities" if is_squashed or sums_to_one else "logits"
    return replace(network, scores=found)


def check_class(network: Network, class_index: int, *, n_classes: int) -> None:
    """Raise DataError unless the network has that class."""
    if not 0 <= class_index < n_classes:
        classes = count(n_classes, "class", plural="classes")
        raise DataError(
            f"class {class_index}: network '{network.name}' has {classes}, numbered 0 to "
            f"{n_classes - 1}."
        )


def batches(network: Network, images: Floats) -> Iterator[Floats]:
    """Yield the images in parts that the network takes at once."""
    if len(images) == 0:
        raise DataError("network: no image given, expected at least one.")
    for start in range(0, len(images), network.batch):
        yield images[start : start + network.batch]


def forward(network: Network, images: torch.Tensor) -> torch.Tensor:
    """Return the scores of a batch, shape (n, outputs), checked."""
    scores = scores_of(call(network, images))
    if scores.ndim != 2 or len(scores) != len(images):
        raise DataError(
            f"network '{network.name}': gives {tuple(scores.shape)} for {len(images)} images, "
            "expected one row of class scores an image."
        )
    return scores


def call(network: Network, images: torch.Tensor) -> Any:
    """Run the module; an input that does not fit it is one sentence."""
    check_images(network, images)
    return guarded(network, lambda: network.module(images), shape=tuple(images.shape[1:]))


def guarded(network: Network, run: Callable[[], Any], *, shape: tuple[int, ...]) -> Any:
    """Return what a run of the network gives; a fault in it becomes a DataError."""
    try:
        return run()
    except RUN_FAULTS as error:
        raise DataError(
            f"network '{network.name}': an image of shape {shape} (channels first) does not fit "
            f"it: {reason(error)}."
        ) from error


def check_images(network: Network, images: torch.Tensor) -> None:
    """Raise DataError unless the images are as declared, or as the first convolution takes them."""
    shape = tuple(images.shape[1:])
    if network.image_shape:
        _check_declared(network, shape)
        return
    first = first_convolution(network.module)
    if first is None:
        return
    axes, channels = first
    if len(shape) != axes + 1 or shape[0] != channels:
        raise DataError(
            f"network '{network.name}': its first convolution takes "
            f"{count(channels, 'channel')} of {axes}-D images, got shape {shape} (channels first)."
        )


def _check_declared(network: Network, shape: tuple[int, ...]) -> None:
    """Raise DataError unless an image has the shape that the network's file declares."""
    wanted = network.image_shape
    if len(wanted) == len(shape) and all(
        n in {None, m} for n, m in zip(wanted, shape, strict=True)
    ):
        return
    words = " x ".join("any" if n is None else str(n) for n in wanted)
    hint = ""
    if len(wanted) == len(shape) and wanted[-1] == shape[0]:
        hint = " Its channels come last: convert it with tf2onnx --inputs-as-nchw."
    raise DataError(
        f"network '{network.name}': its file declares images of {words}, got "
        f"{' x '.join(str(n) for n in shape)} (channels first).{hint}"
    )


def first_convolution(module: nn.Module) -> tuple[int, int] | None:
    """Return the spatial axes and input channels of the first convolution, if that is torch's."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            return layer.weight.ndim - 2, int(layer.in_channels)
    return None


def scores_of(output: Any) -> torch.Tensor:
    """Return the scores inside of what a module returned."""
    if isinstance(output, list | tuple) and output:
        output = output[0]
    output = getattr(output, "logits", output)
    if not isinstance(output, torch.Tensor):
        raise DataError(f"network: gives a {type(output).__name__}, expected a tensor of scores.")
    return output


def score_of_class(scores: torch.Tensor, class_index: int, *, kind: Scores | None) -> torch.Tensor:
    """Return the score of one class a row; a single output stands for class 1."""
    if scores.shape[1] > 1:
        return scores[:, class_index]
    if class_index == 1:
        return scores[:, 0]
    return 1 - scores[:, 0] if kind == "probabilities" else -scores[:, 0]
