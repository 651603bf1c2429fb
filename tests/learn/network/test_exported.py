"""Exported programs keep their layers; what could run code in them is refused unless trusted."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.network.exported import read_exported
from heatlas.learn.network.exported_archive import SAFE_FORMULA, SAFE_TARGETS
from heatlas.learn.network.model import Network, as_network, class_scores
from heatlas.learn.saliency import explain
from tests.learn.nets import image, seeded

SHAPE = (1, 24, 28)


def program(module: nn.Module, *, free_batch: bool = False) -> bytes:
    """A module as an exported program."""
    stream = io.BytesIO()
    sizes = ({0: torch.export.Dim("n", min=1, max=64)},) if free_batch else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = torch.zeros(2 if free_batch else 1, *SHAPE)
        torch.export.save(torch.export.export(module, (images,), dynamic_shapes=sizes), stream)
    return stream.getvalue()


def rewritten(content: bytes, change: Callable[[str, bytes], bytes]) -> io.BytesIO:
    """The same archive with changed files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(stream, "w") as after:
        for name in before.namelist():
            after.writestr(name, change(name, before.read(name)))
    return stream


@pytest.mark.parametrize("kind", ["plain-2d", "residual-2d"])
@pytest.mark.parametrize("free_batch", [False, True])
def test_scores_and_maps_are_those_of_the_network_before(kind: str, free_batch: bool) -> None:
    module = seeded(kind)
    found, shape = read_exported(
        io.BytesIO(program(module, free_batch=free_batch)), trust_model=False
    )
    assert shape == (None if free_batch else 1, *SHAPE)
    before, after = as_network(module), Network(module=found, name="x", batch=shape[0] or 16)
    images = np.stack([image(SHAPE, seed=seed) for seed in range(3)])
    np.testing.assert_allclose(class_scores(after, images), class_scores(before, images), atol=1e-5)
    one, two = (explain(net, images[0], class_index=1) for net in (before, after))
    np.testing.assert_allclose(one.features, two.features, atol=1e-5)
    assert one.layer == two.layer
    np.testing.assert_allclose(one.alignment.affine, two.alignment.affine, atol=0.05)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace('"use_pickle": false', '"use_pickle": true'), "pickled tensors"),
        (
            lambda text: text.replace("torch.ops.aten.relu.default", "torch.hub.load"),
            "calls 'torch.hub",
        ),
        (lambda text: text.replace("torch.ops.aten.relu.default", "_operator.attrgetter"), "calls"),
    ],
)
def test_what_could_run_code_is_refused(change: Callable[[str], str], sentence: str) -> None:
    content = program(seeded("plain-2d"))

    def rewrite(name: str, data: bytes) -> bytes:
        return change(data.decode()).encode() if name.endswith(".json") else data

    with pytest.raises(NotSupportedError, match=f"{sentence}.*reading the file could run code"):
        read_exported(rewritten(content, rewrite), trust_model=False)


def test_a_size_that_is_code_is_refused() -> None:
    content = program(seeded("plain-2d"), free_batch=True)
    formula = "__import__('os').getcwd()"

    def rewrite(name: str, data: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return data
        graph = json.loads(data)

        def visit(entry: object) -> None:
            if isinstance(entry, dict):
                if "expr_str" in entry:
                    entry["expr_str"] = formula
                for inner in entry.values():
                    visit(inner)
            elif isinstance(entry, list):
                for inner in entry:
                    visit(inner)

        visit(graph)
        assert formula in json.dumps(graph)
        return json.dumps(graph).encode()

    with pytest.raises(NotSupportedError, match="a size in it is '__import__"):
        read_exported(rewritten(content, rewrite), trust_model=False)


def test_formulas_and_targets_of_honest_programs_pass() -> None:
    for formula in (
        "s0",
        "2*s77 + 1",
        "Max(1, s0//2)",
        "FloorDiv(u0, 4)",
        "-int_oo",
        "Symbol('s7', integer=True)",
    ):
        assert SAFE_FORMULA.fullmatch(formula), formula
    for formula in (
        "exec(chr(95))",
        "s0.__class__",
        "eval(s0)",
        "open",
        "'a'",
        "lambda: 0",
        "Symbol('x')",
        "Integer.mro",
    ):
        assert not SAFE_FORMULA.fullmatch(formula), formula
    assert SAFE_TARGETS.fullmatch("torch.ops.aten.conv2d.default")
    for target in ("torch.load", "_operator.attrgetter", "torch.ops.load_library", "os.system"):
        assert not SAFE_TARGETS.fullmatch(target), target


def test_a_damaged_program_is_one_sentence_even_when_trusted() -> None:
    content = program(seeded("plain-2d"))

    def spoil(name: str, data: bytes) -> bytes:
        return b"{}" if name.endswith("models/model.json") else data

    with pytest.raises(DataError, match=r"torch.export: the file cannot be read"):
        read_exported(rewritten(content, spoil), trust_model=True)


def test_two_images_as_input_are_refused() -> None:
    class Two(nn.Module):
        def forward(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
            return (one + two).mean((2, 3))

    stream = io.BytesIO()
    images = (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    torch.export.save(torch.export.export(Two(), images), stream)
    with pytest.raises(NotSupportedError, match="expected one image as input, got 2"):
        read_exported(stream, trust_model=False)
