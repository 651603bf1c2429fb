"""Networks from files: each kind is recognised by content; code needs trust; faults say so."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError, UnknownNameError
from heatlas.learn.network.files import READERS, load_network
from heatlas.learn.network.model import as_network, class_scores
from heatlas.learn.saliency import explain
from tests.learn.nets import image, seeded
from tests.learn.network.test_exported import program
from tests.learn.network.test_onnx_graph import exported, graph_of

IMAGES = image((1, 24, 28))[None]


def saved(content: object) -> io.BytesIO:
    """What torch.save writes."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream


def scripted(module: nn.Module) -> io.BytesIO:
    """A module as TorchScript."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, torch.from_numpy(IMAGES)), stream)
    return stream


def factory() -> nn.Module:
    """A user's own architecture."""
    return seeded("plain-2d", classes=4)


@pytest.mark.parametrize("architecture", ["plain-2d", "residual-2d"])
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": s}])
def test_weights_fill_their_architecture_with_its_channels_and_classes(architecture, wrap) -> None:  # type: ignore[no-untyped-def]
    module = seeded(architecture, channels=2, classes=3)
    stream = saved(wrap(module.state_dict()))
    net = load_network(stream, name="net", architecture=architecture)
    images = image((2, 24, 28))[None]
    np.testing.assert_allclose(class_scores(net, images), class_scores(as_network(module), images))
    assert (net.origin, net.name) == ("state dict", "net")


def test_every_kind_of_file_gives_the_scores_of_the_network_before() -> None:
    module = seeded("plain-2d")
    expected = class_scores(as_network(module), IMAGES)
    streams = {
        "torch.export": io.BytesIO(program(module)),
        "ONNX": io.BytesIO(exported(module, (1, 24, 28))),
        "TorchScript": scripted(module),
    }
    for origin, stream in streams.items():
        net = load_network(stream, name="net", trust_model=origin == "TorchScript")
        assert net.origin == origin
        np.testing.assert_allclose(class_scores(net, IMAGES), expected, atol=1e-5)
    assert len(READERS) == len(streams) + 1


def test_torchscript_is_code_and_gives_maps_of_pixels() -> None:
    stream = scripted(seeded("plain-2d"))
    with pytest.raises(NotSupportedError, match="TorchScript is code that runs when it is read"):
        load_network(stream, name="net")
    net = load_network(stream, name="net", trust_model=True)
    expected = explain(as_network(seeded("plain-2d")), IMAGES[0], method="occlusion", class_index=1)
    found = explain(net, IMAGES[0], method="occlusion", class_index=1)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-5)


def test_a_factory_is_code_and_needs_trust() -> None:
    stream, path = saved(factory().state_dict()), "tests.learn.network.test_files:factory"
    with pytest.raises(NotSupportedError, match="is code; if you trust it, say so"):
        load_network(stream, name="net", architecture=path)
    net = load_network(stream, name="net", architecture=path, trust_model=True)
    assert class_scores(net, IMAGES).shape == (1, 4)
    for wrong, sentence in (
        ("no.such.package:factory", "cannot be made: No module named 'no'"),
        ("tests.learn.network.test_files:IMAGES", "cannot be made"),
        ("builtins:dict", "gives no torch.nn.Module"),
    ):
        with pytest.raises(DataError, match=sentence):
            load_network(stream, name="net", architecture=wrong, trust_model=True)


def test_objects_in_a_weights_file_are_not_unpickled() -> None:
    class Bomb:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return pytest.fail, ("the file ran code",)

    for content in ({"weight": Bomb()}, seeded("plain-2d")):
        for architecture in ("plain-2d", None):
            with pytest.raises(NotSupportedError, match="holds objects besides weights"):
                load_network(saved(content), name="net", architecture=architecture)


def test_a_bare_pickle_is_refused_without_words_of_torch() -> None:
    with warnings.catch_warnings(), pytest.raises(NotSupportedError, match="objects besides"):
        warnings.simplefilter("error")
        load_network(io.BytesIO(pickle.dumps(seeded)), name="net", architecture="plain-2d")


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (b"", DataError, "the file is empty"),
        (b"\x89HDF\r\n\x1a\nxxxx", NotSupportedError, "a Keras model: convert it to ONNX"),
        (b"PK\x03\x04 cut short", DataError, "damaged or cut short"),
        (b"<html>not found</html>", DataError, "ONNX: .* is it whole"),
    ],
)
def test_files_that_are_no_network_are_one_sentence(
    content: bytes, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        load_network(io.BytesIO(content), name="net", architecture="plain-2d")


@pytest.mark.parametrize(
    ("entry", "error", "sentence"),
    [
        ("model.weights.h5", NotSupportedError, "inputs-as-nchw"),
        ("word/document.xml", DataError, "this archive holds no network that is known here"),
    ],
)
def test_other_archives_are_one_sentence(entry: str, error: type[Exception], sentence: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(entry, b"content")
    with pytest.raises(error, match=sentence):
        load_network(stream, name="net")


def test_weights_that_do_not_fit_are_one_sentence() -> None:
    stream = saved(seeded("plain-2d").state_dict())
    with pytest.raises(DataError, match="holds weights only; name their architecture: plain-2d"):
        load_network(stream, name="net")
    with pytest.raises(DataError, match="do not fit 'residual-2d': Missing key"):
        load_network(stream, name="net", architecture="residual-2d")
    with pytest.raises(UnknownNameError, match="Unknown architecture 'resnet50'"):
        load_network(stream, name="net", architecture="resnet50")
    with pytest.raises(DataError, match="are not those of a 'plain-2d'; the file holds 'w'"):
        load_network(saved({"w": torch.zeros(2)}), name="net", architecture="plain-2d")
    with pytest.raises(DataError, match="expected a state dict, names with tensors"):
        load_network(saved([1, 2]), name="net", architecture="plain-2d")
    whole = stream.getvalue()
    with pytest.raises(DataError, match="damaged or cut short"):
        load_network(io.BytesIO(whole[: len(whole) // 2]), name="net", architecture="plain-2d")


def test_a_network_for_several_images_at_once_is_refused() -> None:
    stream = io.BytesIO()
    images = torch.zeros(4, 1, 24, 28)
    torch.export.save(torch.export.export(seeded("plain-2d"), (images,)), stream)
    with pytest.raises(NotSupportedError, match="exported for 4 images at once"):
        load_network(stream, name="net")


def test_an_image_that_is_not_as_the_file_declares_is_one_sentence() -> None:
    nodes = [
        helper.make_node("Transpose", ["image0"], ["a"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["a"], ["scores"], axes=[2, 3], keepdims=0),
    ]
    content = graph_of(nodes, shape=["n", 32, 32, 1]).SerializeToString()
    net = load_network(io.BytesIO(content), name="keras")
    for channels, sentence in (
        (1, r"declares images of 32 x 32 x 1, got 1 x 32 x 32 .* Its channels come last: convert"),
        (3, r"declares images of 32 x 32 x 1, got 3 x 32 x 32 \(channels first\)\.$"),
    ):
        with pytest.raises(DataError, match=sentence):
            class_scores(net, np.zeros((1, channels, 32, 32), np.float32))
    fixed = load_network(io.BytesIO(program(seeded("plain-2d"))), name="fixed")
    with pytest.raises(DataError, match="declares images of 1 x 24 x 28, got 1 x 32 x 32"):
        class_scores(fixed, np.zeros((1, 1, 32, 32), np.float32))
