"""Exported programs (.pt2): read their layers, and the shape of the images that they take."""

from __future__ import annotations

import warnings
from typing import Any, BinaryIO

import torch
from torch import nn
from torch._export.verifier import SpecViolationError
from torch.export import UnflattenedModule
from torch.fx import Graph

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.engine import RUN_FAULTS, reason
from heatlas.learn.network.exported_archive import harmless_copy

FAULTS = (*RUN_FAULTS, KeyError, AttributeError, NameError, SyntaxError, SpecViolationError)


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
        If it takes more than one image, or holds what is not known to be harmless and is not
        trusted (see :func:`~heatlas.learn.network.exported_archive.harmless_copy`).
    """
    archive = stream if trust_model else harmless_copy(stream)
    archive.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch's own, about its own names
            program = torch.export.load(archive)
            module = torch.export.unflatten(program)
            shape = _shape(program)
            _forget_shapes(module)
    except FAULTS as error:
        raise DataError(f"torch.export: the file cannot be read: {reason(error)}.") from error
    return module, shape


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
