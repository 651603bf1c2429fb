"""An ONNX file as a torch module: one layer a node, so that maps can be made at any of them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from heatlas.core.errors import DataError, MissingExtraError, NotSupportedError
from heatlas.core.words import join
from heatlas.learn.network.engine import reason
from heatlas.learn.network.onnx_operators import OPERATORS

# What the inputs of an operator are called when the file holds them: torch's names for the same,
# by which probes and randomised networks know what they are.
WEIGHTS = {
    "Conv": ("", "weight", "bias"),
    "Gemm": ("", "weight", "bias"),
    "MatMul": ("factor", "weight"),
    "Add": ("bias", "bias"),
    "BatchNormalization": ("", "weight", "bias", "running_mean", "running_var"),
    "InstanceNormalization": ("", "weight", "bias"),
    "LayerNormalization": ("", "weight", "bias"),
    "PRelu": ("", "slope"),
}
LEARNT = frozenset({"weight", "bias", "slope"})


class OnnxNode(nn.Module):
    """One node of the graph with the weights that the file holds for it.

    Parameters
    ----------
    operator : str
        Name of the ONNX operator.
    attributes : dict
        Its settings.
    inputs : list of str
        Names of its inputs; "" where one is left out.
    outputs : list of str
        Names of what it gives.
    """

    def __init__(
        self, *, operator: str, attributes: dict[str, Any], inputs: list[str], outputs: list[str]
    ) -> None:
        super().__init__()
        self.operator = operator
        self.attributes = attributes
        self.inputs = inputs
        self.outputs = outputs
        self.held: dict[int, str] = {}

    def hold(self, place: int, values: torch.Tensor) -> None:
        """Keep an input that the file holds, under torch's name for it."""
        names = WEIGHTS.get(self.operator, ())
        name = names[place] if place < len(names) and names[place] else f"input_{place}"
        if hasattr(self, name):
            name = f"input_{place}"
        self.held[place] = name
        if name in LEARNT and values.is_floating_point():
            self.register_parameter(name, nn.Parameter(values))
        else:
            self.register_buffer(name, values)

    def forward(self, *given: Any) -> Any:
        """Return what the operator gives; what the file holds comes in at its place."""
        rest = iter(given)
        full = [
            getattr(self, self.held[k]) if k in self.held else next(rest) if name else None
            for k, name in enumerate(self.inputs)
        ]
        return OPERATORS[self.operator](full, self.attributes)


class OnnxGraph(nn.Module):
    """A network that was read from ONNX.

    Parameters
    ----------
    image_name : str
        Name of the graph's input.
    image_shape : tuple of int or None
        Its declared shape, None where a length is free.
    output_name : str
        Name of the scores.
    """

    def __init__(
        self, *, image_name: str, image_shape: tuple[int | None, ...], output_name: str
    ) -> None:
        super().__init__()
        self.image_name = image_name
        self.image_shape = image_shape
        self.output_name = output_name
        self.nodes = nn.ModuleDict()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores, node by node."""
        values: dict[str, Any] = {self.image_name: images}
        for node in self.nodes.values():
            wanted = [n for k, n in enumerate(node.inputs) if n and k not in node.held]  # type: ignore[arg-type, operator]
            outcome = node(*(values[name] for name in wanted))
            parts = outcome if isinstance(outcome, tuple) else (outcome,)
            values.update(zip(node.outputs, parts, strict=False))  # type: ignore[arg-type]
        scores: torch.Tensor = values[self.output_name]
        return scores


def read_onnx(content: bytes) -> OnnxGraph:
    """Return the network that an ONNX file holds.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    OnnxGraph
        With one layer a node, under ``nodes``.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    DataError
        If the bytes are no ONNX file, or its weights lie in another one.
    NotSupportedError
        If it uses operators that are not read here, or has several images as input.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError(
            "Reading ONNX needs the package onnx, which is not installed: pip install "
            "'heatlas[onnx]'."
        )
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise DataError(f"ONNX: the file cannot be read ({reason(error)}); is it whole?") from error
    _check_operators(model)
    held = _held(model)
    graph = _empty_graph(model, held=held)
    opset = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=1)
    for place, proto in enumerate(model.graph.node):
        if proto.op_type == "Constant":
            held[proto.output[0]] = _constant(proto)
            continue
        name = _layer_name(proto, place=place, taken=set(graph.nodes))
        graph.nodes[name] = _node(proto, held=held, opset=opset)
    return graph


def _check_operators(model: Any) -> None:
    """Raise unless every operator is known, in ONNX's own domain."""
    nodes = model.graph.node
    if not nodes:
        raise DataError("ONNX: the file holds no graph; is it whole, and is it ONNX?")
    known = {*OPERATORS, "Constant"}
    strange = sorted({node.op_type for node in nodes if node.op_type not in known or node.domain})
    if strange:
        raise NotSupportedError(
            f"ONNX: the model uses {join(strange)}, which {'is' if len(strange) == 1 else 'are'} "
            "not read here; export it with torch.export, or simplify it (onnxsim)."
        )


def _held(model: Any) -> dict[str, torch.Tensor]:
    """Return the tensors that the file holds."""
    from onnx import TensorProto

    found = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise DataError(
                "ONNX: its weights lie in another file; save the model as one file "
                "(onnx.save(model, path, save_as_external_data=False))."
            )
        found[tensor.name] = _tensor(tensor)
    return found


def _empty_graph(model: Any, *, held: dict[str, torch.Tensor]) -> OnnxGraph:
    """Return the graph without nodes, from the declared input and the first output."""
    images = [entry for entry in model.graph.input if entry.name not in held]
    if len(images) != 1:
        names = join(repr(entry.name) for entry in images)
        raise NotSupportedError(f"ONNX: expected one image as input, got {len(images)}: {names}.")
    dims = images[0].type.tensor_type.shape.dim
    shape = tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims
    )
    return OnnxGraph(
        image_name=images[0].name, image_shape=shape, output_name=model.graph.output[0].name
    )


def _node(proto: Any, *, held: dict[str, torch.Tensor], opset: int) -> OnnxNode:
    """Return one node with its attributes and with the inputs that the file holds."""
    from onnx import helper

    attributes: dict[str, Any] = {"opset": opset, "n_outputs": len(proto.output)}
    for entry in proto.attribute:
        value = helper.get_attribute_value(entry)
        if isinstance(value, bytes):
            value = value.decode()
        attributes[entry.name] = _tensor(value) if hasattr(value, "data_type") else value
    node = OnnxNode(
        operator=proto.op_type,
        attributes=attributes,
        inputs=list(proto.input),
        outputs=list(proto.output),
    )
    for place, name in enumerate(proto.input):
        if name in held:
            node.hold(place, held[name].clone())
    return node


def _layer_name(proto: Any, *, place: int, taken: set[str]) -> str:
    """Return a name without dots and slashes, once each."""
    name = re.sub(r"\W+", "_", proto.name).strip("_") or f"{proto.op_type}_{place}"
    return name if name not in taken else f"{name}_{place}"


def _constant(proto: Any) -> torch.Tensor:
    """Return the value of a Constant node."""
    from onnx import helper

    value = helper.get_attribute_value(proto.attribute[0])
    if hasattr(value, "data_type"):
        return _tensor(value)
    return torch.as_tensor(np.asarray(value))


def _tensor(proto: Any) -> torch.Tensor:
    from onnx import numpy_helper

    return torch.from_numpy(np.array(numpy_helper.to_array(proto)))
