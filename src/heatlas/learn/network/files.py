"""Networks from files: weights of a named architecture, exported programs, ONNX, TorchScript."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pickle import UnpicklingError
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.registry import Registry
from heatlas.core.words import count, join
from heatlas.learn.network.architectures import ARCHITECTURES
from heatlas.learn.network.engine import RUN_FAULTS, reason
from heatlas.learn.network.exported import read_exported
from heatlas.learn.network.model import BATCH, Network
from heatlas.learn.network.onnx_graph import read_onnx

ZIP, HDF5, OLD_PICKLE = b"PK\x03\x04", b"\x89HDF", b"\x80"
KERAS = (
    "a Keras model: convert it to ONNX (python -m tf2onnx.convert --saved-model FOLDER "
    "--inputs-as-nchw NAME_OF_INPUT:0 --output model.onnx) and give that"
)


class Opened(NamedTuple):
    """An open file with what the user says about it."""

    stream: BinaryIO
    architecture: str | None
    trust_model: bool


class Read(NamedTuple):
    """What a reader found."""

    module: nn.Module
    origin: str
    shape: tuple[int | None, ...] = ()
    """of a batch of images as the file declares it; None where a length is free"""


def load_network(
    stream: BinaryIO,
    *,
    name: str,
    architecture: str | None = None,
    trust_model: bool = False,
) -> Network:
    """Read a network from an open file.

    Parameters
    ----------
    stream : binary stream
        Open and seekable: a state dict, an exported program (.pt2), ONNX or TorchScript.
    name : str
        What the network is called; a file's stem, never a path.
    architecture : str, optional
        For a state dict: a name in :data:`~heatlas.learn.network.architectures.ARCHITECTURES`, or
        "package.module:factory", which is code and needs ``trust_model``.
    trust_model : bool
        Whether what is code may be run: TorchScript, a factory, parts of exported programs that
        hold more than torch's operators.

    Returns
    -------
    Network
        Ready to be explained.

    Raises
    ------
    DataError
        If the file cannot be read, or does not fit the architecture.
    NotSupportedError
        If it is code and not trusted, or of a kind that is not read here.
    UnknownNameError
        If there is no such architecture.

    Notes
    -----
    Weights are read without unpickling objects (``weights_only=True``). Exported programs are
    looked through before torch reads them, because torch unpickles what the file asks it to.
    """
    opened = Opened(stream, architecture, trust_model)
    found = READERS[_kind(stream)](opened)
    batch = found.shape[0] if found.shape else None
    if batch not in {None, 1}:
        raise NotSupportedError(
            f"network '{name}': it was exported for {count(batch or 0, 'image')} at once; "
            "export it for one, or with a free batch."
        )
    return Network(
        module=found.module,
        name=name,
        origin=found.origin,
        batch=batch or BATCH,
        image_shape=found.shape[1:],
    )


def _kind(stream: BinaryIO) -> str:
    """Return which kind of file it is, by its content."""
    stream.seek(0)
    start = stream.read(8)
    if not start:
        raise DataError("network: the file is empty.")
    if start.startswith(HDF5):
        raise NotSupportedError(f"network: this is {KERAS}.")
    if start.startswith(ZIP):
        return _kind_of_archive(stream)
    if start.startswith(OLD_PICKLE):
        return "weights"
    return "onnx"


def _kind_of_archive(stream: BinaryIO) -> str:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise DataError(f"network: the file is damaged or cut short ({reason(error)}).") from error
    if "model.weights.h5" in names:
        raise NotSupportedError(f"network: this is {KERAS}.")
    if any(re.search(r"(^|/)(models/[^/]+|serialized_exported_program)\.json$", n) for n in names):
        return "exported"
    if any("/code/" in n for n in names):
        return "torchscript"
    if any(n.endswith("data.pkl") for n in names):
        return "weights"
    raise DataError("network: this archive holds no network that is known here.")


def _read_weights(opened: Opened) -> Read:
    """Fill a named architecture with the weights of a state dict."""
    weights = _weights(opened.stream)
    if opened.architecture is None:
        raise DataError(
            "network: the file holds weights only; name their architecture: "
            f"{', '.join(ARCHITECTURES)}, or package.module:factory with trust_model."
        )
    module = _module(opened.architecture, weights=weights, trust_model=opened.trust_model)
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        faults = [line.strip() for line in str(error).splitlines()[1:3]]
        raise DataError(
            f"network: the weights do not fit '{opened.architecture}': {' '.join(faults)}"
        ) from error
    return Read(module, "state dict")


def _weights(stream: BinaryIO) -> dict[str, torch.Tensor]:
    """Return the tensors of a state dict by name; checkpoints may hold it one level down."""
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of torch's own, about kinds of pickles
            content: Any = torch.load(stream, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise NotSupportedError(
            "network: the file holds objects besides weights, and reading those runs code; save "
            "the weights alone: torch.save(model.state_dict(), path)."
        ) from error
    except (*RUN_FAULTS, EOFError, KeyError) as error:
        raise DataError(f"network: the file is damaged or cut short: {reason(error)}.") from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise DataError("network: expected a state dict, names with tensors.")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _module(
    architecture: str, *, weights: Mapping[str, torch.Tensor], trust_model: bool
) -> nn.Module:
    """Return the architecture, with as many channels and classes as the weights have."""
    if ":" in architecture:
        return _made_by_factory(architecture, trust_model=trust_model)
    make = ARCHITECTURES[architecture]
    kernels = [value for value in weights.values() if value.ndim >= 4]
    scores = weights.get("scores.bias")
    if not kernels or scores is None:
        raise DataError(
            f"network: the weights are not those of a '{architecture}'; the file holds "
            f"{join([repr(key) for key in list(weights)[:3]]) or 'none'}."
        )
    return make(channels=kernels[0].shape[1], classes=len(scores))


def _made_by_factory(architecture: str, *, trust_model: bool) -> nn.Module:
    if not trust_model:
        raise NotSupportedError(
            f"network: '{architecture}' is code; if you trust it, say so (--trust-model, in Python "
            "trust_model=True)."
        )
    package, _, factory = architecture.partition(":")
    try:
        module = getattr(import_module(package), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise DataError(f"network: '{architecture}' cannot be made: {reason(error)}.") from error
    if not isinstance(module, nn.Module):
        raise DataError(f"network: '{architecture}' gives no torch.nn.Module.")
    return module


def _read_program(opened: Opened) -> Read:
    module, shape = read_exported(opened.stream, trust_model=opened.trust_model)
    return Read(module, "torch.export", shape)


def _read_onnx(opened: Opened) -> Read:
    opened.stream.seek(0)
    graph = read_onnx(opened.stream.read())
    return Read(graph, "ONNX", graph.image_shape)


def _read_torchscript(opened: Opened) -> Read:
    if not opened.trust_model:
        raise NotSupportedError(
            "network: TorchScript is code that runs when it is read; if you trust whoever made it, "
            "say so (--trust-model, in Python trust_model=True), or use torch.export."
        )
    opened.stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.export is its successor
            load: Any = torch.jit.load
            module: nn.Module = load(opened.stream, map_location="cpu")
    except RUN_FAULTS as error:
        raise DataError(f"network: the TorchScript cannot be read: {reason(error)}.") from error
    return Read(module, "TorchScript")


READERS: Registry[Callable[[Opened], Read]] = Registry(
    "kind of network file",
    {
        "weights": _read_weights,
        "exported": _read_program,
        "onnx": _read_onnx,
        "torchscript": _read_torchscript,
    },
)
