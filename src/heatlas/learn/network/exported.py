"""Exported programs (.pt2): read only where nothing in them can run code of its own."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import torch
from torch import nn
from torch.export import UnflattenedModule
from torch.fx import Graph

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.engine import RUN_FAULTS, reason

# Targets that a graph may call: torch's own operators on tensors, and plain arithmetic on sizes.
SAFE_TARGETS = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+|torch\.sym_(int|float|max|min|not)|"
    r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|pow|and_|or_)"
)
# Sizes are formulas that torch hands to sympy, which evaluates them as Python: symbols, numbers and
# a few functions only.
SAFE_FORMULA = re.compile(
    r"(?:Symbol\('[su]\d+'(?:, (?:positive|integer|nonnegative)=True)*\)|Integer|Add|Mul|Pow|"
    r"[su]\d+|\d+|Max|Min|Mod|FloorDiv|CleanDiv|CeilToInt|floor|ceiling|Eq|Ne|Le|Lt|Ge|Gt|True|"
    r"False|And|Or|Not|int_oo|oo|[\s()+\-*/,<>=!&|])*"
)


def read_exported(
    stream: BinaryIO, *, trust_model: bool
) -> tuple[nn.Module, tuple[int | None, ...]]:
    """Return the module of an exported program, with its layers, and its declared shape.

    Parameters
    ----------
    stream : binary stream
        Open and seekable.
    trust_model : bool
        Whether parts that could run code may be read.

    Returns
    -------
    module : torch.nn.Module
        Its layers have the names that they had before.
    shape : tuple of int or None
        Of the images that it takes, the batch first; None where a length is free.

    Raises
    ------
    DataError
        If it cannot be read.
    NotSupportedError
        If it holds pickles, other operators than torch's, or formulas that are code, and the model
        is not trusted.
    """
    if not trust_model:
        _check_harmless(stream)
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch's own, about its own names
            program = torch.export.load(stream)
            module = torch.export.unflatten(program)
            shape = _shape(program)
            _forget_shapes(module)
    except (*RUN_FAULTS, KeyError, AttributeError) as error:
        raise DataError(f"torch.export: the file cannot be read: {reason(error)}.") from error
    return module, shape


def _check_harmless(stream: BinaryIO) -> None:
    """Raise NotSupportedError unless nothing in the archive can run code when it is read."""
    faults: list[str] = []
    stream.seek(0)
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        if not any(re.fullmatch(r"[^/]+/models/[^/]+\.json", name) for name in names):
            faults.append("it has the layout of an old version, which holds pickles")
        if any("/data/aotinductor/" in name or "custom_obj_" in name for name in names):
            faults.append("it holds compiled code or custom objects")
        for name in names:
            if name.endswith(".json"):
                faults += _faults(json.loads(archive.read(name)))
    if faults:
        raise NotSupportedError(
            f"torch.export: {faults[0]}, so reading the file could run code; if you trust whoever "
            "made it, say so (--trust-model, in Python trust_model=True)."
        )


def _faults(content: Any) -> Iterator[str]:
    """Yield what in a parsed file of the archive could run code."""
    for key, value in _entries(content):
        if key == "use_pickle" and value:
            yield "it holds pickled tensors"
        elif key == "target" and isinstance(value, str) and not SAFE_TARGETS.fullmatch(value):
            yield f"its graph calls '{value[:60]}'"
        elif key == "expr_str" and not SAFE_FORMULA.fullmatch(str(value)):
            yield f"a size in it is '{str(value)[:60]}'"


def _entries(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield key, value
            yield from _entries(value)
    elif isinstance(content, list):
        for value in content:
            yield from _entries(value)


def _forget_shapes(module: UnflattenedModule) -> None:
    """Take out the stand-ins of tensors that an export leaves behind: they cannot be copied."""
    module.check_input_constraints = False
    for part in module.modules():
        graph = getattr(part, "graph", None)
        for node in graph.nodes if isinstance(graph, Graph) else ():
            node.meta.clear()


def _shape(program: Any) -> tuple[int | None, ...]:
    """Return the declared shape of the images, None where a length is free."""
    images = program.graph_signature.user_inputs
    if len(images) != 1:
        raise NotSupportedError(f"torch.export: expected one image as input, got {len(images)}.")
    (node,) = [node for node in program.graph.nodes if node.name == images[0]]
    return tuple(n if isinstance(n, int) else None for n in node.meta["val"].shape)
