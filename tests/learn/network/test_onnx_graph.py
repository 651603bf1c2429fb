"""Whole ONNX networks give onnxruntime's scores, and maps can be made at their nodes."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.learn.alignment import align
from heatlas.learn.network.layers import find_target_layer
from heatlas.learn.network.model import as_network, class_scores
from heatlas.learn.network.onnx_graph import read_onnx
from heatlas.learn.network.randomise import parameter_layers, randomise
from heatlas.learn.saliency import SaliencySettings, explain
from tests.learn.nets import Mixed, image, seeded


class Pooled(nn.Module):
    """What a converted Keras network looks like: normalisation, pooling, flattening, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU6(), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1), nn.Hardswish(), nn.AvgPool2d(2),
        )  # fmt: skip
        self.scores = nn.Sequential(nn.Flatten(), nn.Linear(8 * 6 * 7, 3), nn.Softmax(dim=1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(self.features(images))


def exported(module: nn.Module, shape: tuple[int, ...]) -> bytes:
    """A module as ONNX with a free batch."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is old
        torch.onnx.export(
            module,
            (torch.zeros(2, *shape),),
            stream,
            input_names=["image"],
            dynamic_axes={"image": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    return stream.getvalue()


NETS = [
    ("plain-2d", (1, 48, 56)),
    ("residual-2d", (1, 48, 56)),
    ("plain-3d", (1, 16, 20, 24)),
    (Mixed, (1, 48, 56)),
    (Pooled, (1, 24, 28)),
]


@pytest.mark.parametrize(("make", "shape"), NETS)
def test_scores_are_onnxruntimes(make: object, shape: tuple[int, ...]) -> None:
    content = exported(seeded(make), shape)
    images = np.stack([image(shape, seed=seed) for seed in range(3)])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"image": images})[0]
    found = class_scores(as_network(read_onnx(content)), images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("make", "shape"), NETS[:4])
def test_maps_and_alignment_are_those_of_the_network_before(
    make: object, shape: tuple[int, ...]
) -> None:
    module, given = seeded(make), image(shape)
    before, after = as_network(module), as_network(read_onnx(exported(module, shape)))
    layer = find_target_layer(after, given)
    assert layer.startswith("nodes.")
    one, two = (explain(net, given, method="hirescam", class_index=1) for net in (before, after))
    np.testing.assert_allclose(one.alignment.affine, two.alignment.affine, atol=0.05)
    np.testing.assert_allclose(one.features, two.features, atol=1e-5)


def test_probabilities_are_found_and_rectifiers_are_guided() -> None:
    module = seeded(Pooled)
    net = as_network(read_onnx(exported(module, (1, 24, 28))))
    found = explain(net, image(), method="grad-cam", settings=SaliencySettings(baseline="zero"))
    expected = module(torch.from_numpy(image()[None]))[0].max()
    assert found.provenance.steps[0].parameters["scores"] == "probabilities"
    assert found.probability == pytest.approx(float(expected.detach()), abs=1e-6)
    plain = seeded("plain-2d")
    one, two = (
        explain(which, image(), method="guided-backpropagation", class_index=1)
        for which in (as_network(plain), as_network(read_onnx(exported(plain, (1, 24, 28)))))
    )
    np.testing.assert_allclose(one.values, two.values, atol=1e-6)


def test_weights_have_torchs_names_and_can_be_forgotten() -> None:
    net = as_network(read_onnx(exported(seeded(Pooled), (1, 24, 28))))
    layers = parameter_layers(net)
    assert len(layers) >= 3
    names = {name.rsplit(".", 1)[-1] for name, _ in net.module.named_parameters()}
    assert names == {"weight", "bias"}
    assert randomise(net, layers=layers, seed=0).digest != net.digest


def graph_of(nodes: list, *, shape: list, held: list = (), inputs: int = 1) -> onnx.ModelProto:  # type: ignore[type-arg, assignment]
    """A model of these nodes."""
    images = [
        helper.make_tensor_value_info(f"image{k}", TensorProto.FLOAT, shape) for k in range(inputs)
    ]
    scores = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "graph", images, scores, list(held))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_unknown_operators_are_all_named_in_one_sentence() -> None:
    nodes = [
        helper.make_node("LSTM", ["image0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("NonZero", ["b"], ["scores"]),
    ]
    content = graph_of(nodes, shape=[1, 4]).SerializeToString()
    with pytest.raises(NotSupportedError, match="uses LSTM and NonZero, which are not read here"):
        read_onnx(content)
    nodes = [helper.make_node("Relu", ["image0"], ["scores"], domain="com.maker")]
    with pytest.raises(NotSupportedError, match="uses Relu, which is not read here"):
        read_onnx(graph_of(nodes, shape=[1, 4]).SerializeToString())


def test_several_images_and_weights_elsewhere_are_refused() -> None:
    nodes = [helper.make_node("Add", ["image0", "image1"], ["scores"])]
    with pytest.raises(NotSupportedError, match="expected one image as input, got 2: 'image0' and"):
        read_onnx(graph_of(nodes, shape=[1, 4], inputs=2).SerializeToString())
    outside = numpy_helper.from_array(np.zeros(4, np.float32), "held")
    outside.data_location = TensorProto.EXTERNAL
    nodes = [helper.make_node("Add", ["image0", "held"], ["scores"])]
    with pytest.raises(DataError, match="its weights lie in another file; save the model as one"):
        read_onnx(graph_of(nodes, shape=[1, 4], held=[outside]).SerializeToString())


def test_files_that_are_cut_short_or_something_else_are_one_sentence() -> None:
    content = exported(seeded("plain-2d"), (1, 24, 28))
    for broken in (content[: len(content) // 2], b"not an onnx file at all", b"\x08\x07"):
        with pytest.raises(DataError, match=r"ONNX: .* is it whole"):
            read_onnx(broken)


def test_names_become_layers_once_each() -> None:
    nodes = [
        helper.make_node("Relu", ["image0"], ["a"], name="model/act.1/Relu:0"),
        helper.make_node("Relu", ["a"], ["b"], name="model/act.1/Relu:0"),
        helper.make_node("Relu", ["b"], ["scores"]),
    ]
    graph = read_onnx(graph_of(nodes, shape=[1, 4]).SerializeToString())
    assert list(graph.nodes) == ["model_act_1_Relu_0", "model_act_1_Relu_0_1", "Relu_2"]


def test_the_map_of_a_padded_keras_like_network_is_aligned() -> None:
    held = [numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "kernel")]
    nodes = [
        helper.make_node(
            "Conv",
            ["image0", "kernel"],
            ["a"],
            name="conv",
            auto_pad="SAME_UPPER",
            strides=[2, 2],
        ),
        helper.make_node("ReduceMean", ["a"], ["scores"], axes=[2, 3], keepdims=0),
    ]
    net = as_network(
        read_onnx(graph_of(nodes, shape=["n", 1, 32, 32], held=held).SerializeToString())
    )
    found = align(net, layer="nodes.conv", shape=(1, 32, 32))
    np.testing.assert_allclose(found.affine, [[2, 0, 1], [0, 2, 1], [0, 0, 1]], atol=1e-3)
