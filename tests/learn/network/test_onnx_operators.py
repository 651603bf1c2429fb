"""Every ONNX operator against onnxruntime, in its usual forms."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from heatlas.core.errors import NotSupportedError, UnknownNameError
from heatlas.learn.network.onnx_graph import read_onnx
from heatlas.learn.network.onnx_operators import OPERATORS

CHANCE = np.random.default_rng(0)


def floats(*shape: int) -> NDArray[np.float32]:
    """Normal numbers."""
    return CHANCE.normal(size=shape).astype(np.float32)


def whole(*numbers: int) -> NDArray[np.int64]:
    """Whole numbers, as shapes and axes are given."""
    return np.array(numbers, dtype=np.int64)


FLAT, CUBE = (2, 3, 11, 8), (1, 2, 7, 6, 5)
POSITIVE = np.abs(floats(2, 3, 11, 8)) + 0.1
UNARY = [
    "Abs", "Ceil", "Dropout", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Neg", "Relu", "Sigmoid", "Softplus", "Tanh", "Flatten", "GlobalAveragePool",
    "GlobalMaxPool", "LogSoftmax", "Softmax", "Transpose", "Gelu",
]  # fmt: skip
REDUCED = [
    "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
]  # fmt: skip
# operator, shape of the image, what the file holds (None: the image itself), attributes, opset
CASES = [
    *[(name, FLAT, [], {}, 20) for name in UNARY],
    *[(name, CUBE, [], {}, 20) for name in ("GlobalAveragePool", "Relu", "Flatten")],
    *[(name, FLAT, [whole(2, 3)], {"keepdims": k}, 20) for name in REDUCED for k in (0, 1)],
    *[(name, FLAT, [], {"axes": [1]}, 11) for name in ("ReduceMean", "ReduceSum")],
    *[
        (name, FLAT, [floats(3, 1, 1)], {}, 17)
        for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Sum")
    ],
    ("Conv", FLAT, [floats(4, 3, 3, 3), floats(4)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}, 17),
    ("Conv", FLAT, [floats(4, 3, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, 17),
    ("Conv", FLAT, [floats(4, 3, 2, 3)], {"auto_pad": "SAME_LOWER", "strides": [1, 2]}, 17),
    ("Conv", FLAT, [floats(4, 3, 3, 3)], {"auto_pad": "VALID", "dilations": [2, 1]}, 17),
    ("Conv", FLAT, [floats(3, 1, 3, 3)], {"group": 3, "pads": [0, 1, 2, 1]}, 17),
    ("Conv", CUBE, [floats(3, 2, 3, 3, 3), floats(3)], {"pads": [1] * 6, "strides": [2] * 3}, 17),
    ("MaxPool", FLAT, [], {"kernel_shape": [2, 2], "strides": [2, 2]}, 17),
    ("MaxPool", FLAT, [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}, 17),
    (
        "MaxPool",
        FLAT,
        [],
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        17,
    ),
    ("MaxPool", CUBE, [], {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}, 17),
    ("AveragePool", FLAT, [], {"kernel_shape": [3, 3], "pads": [1] * 4}, 17),
    (
        "AveragePool",
        FLAT,
        [],
        {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1},
        17,
    ),
    (
        "AveragePool",
        FLAT,
        [],
        {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        17,
    ),
    ("AveragePool", CUBE, [], {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}, 17),
    (
        "BatchNormalization",
        FLAT,
        [floats(3), floats(3), floats(3), np.abs(floats(3))],
        {"epsilon": 1e-3},
        17,
    ),
    ("InstanceNormalization", FLAT, [floats(3), floats(3)], {}, 17),
    ("LayerNormalization", FLAT, [floats(8), floats(8)], {"axis": -1}, 17),
    ("LayerNormalization", FLAT, [floats(11, 8), floats(11, 8)], {"axis": 2}, 17),
    ("Gemm", (4, 6), [floats(5, 6), floats(5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}, 17),
    ("Gemm", (4, 6), [floats(6, 5)], {}, 17),
    ("Gemm", (4, 6), [floats(4, 5)], {"transA": 1}, 17),
    ("MatMul", (2, 4, 6), [floats(6, 5)], {}, 17),
    ("Pow", FLAT, [np.array(2.0, np.float32)], {}, 17),
    ("Clip", FLAT, [np.array(-0.5, np.float32), np.array(0.7, np.float32)], {}, 17),
    ("Clip", FLAT, [], {"min": 0.0, "max": 6.0}, 6),
    ("Gelu", FLAT, [], {"approximate": "tanh"}, 20),
    ("Elu", FLAT, [], {"alpha": 0.5}, 17),
    ("Softmax", FLAT, [], {"axis": 1}, 17),
    ("Softmax", FLAT, [], {"axis": 1}, 11),
    ("Flatten", FLAT, [], {"axis": 2}, 17),
    ("Reshape", FLAT, [whole(0, -1)], {}, 17),
    ("Transpose", FLAT, [], {"perm": [0, 2, 3, 1]}, 17),
    ("Concat", FLAT, [floats(2, 2, 11, 8)], {"axis": 1}, 17),
    ("Squeeze", (2, 3, 1, 1), [whole(2, 3)], {}, 17),
    ("Squeeze", (2, 3, 1, 1), [], {"axes": [2]}, 11),
    ("Squeeze", (2, 3, 1, 1), [], {}, 17),
    ("Unsqueeze", (2, 3), [whole(0, -1)], {}, 17),
    ("Unsqueeze", (2, 3), [], {"axes": [1]}, 11),
    ("Slice", FLAT, [whole(1, -5), whole(3, 2**40), whole(1, 2), whole(1, 2)], {}, 17),
    ("Slice", FLAT, [whole(-1), whole(-(2**40)), whole(3), whole(-2)], {}, 17),
    ("Slice", FLAT, [], {"starts": [1], "ends": [3], "axes": [2]}, 9),
    ("Gather", FLAT, [whole(2, -1, 0)], {"axis": 2}, 17),
    ("Gather", FLAT, [np.array(1, np.int64)], {"axis": 1}, 17),
    ("Pad", FLAT, [whole(0, 0, 1, 2, 0, 0, 3, 0), np.array(0.5, np.float32)], {}, 17),
    ("Pad", FLAT, [whole(0, 0, 1, 2, 0, 0, 3, 1)], {"mode": "reflect"}, 17),
    ("Pad", FLAT, [whole(0, 0, 1, 2, 0, 0, 3, 1)], {"mode": "edge"}, 17),
    ("Pad", FLAT, [], {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "value": 1.5}, 10),
    ("Expand", (2, 1, 4), [whole(2, 3, 1)], {}, 17),
    ("Tile", (2, 3), [whole(2, 1)], {}, 17),
    ("Cast", FLAT, [], {"to": TensorProto.INT64}, 17),
    ("Shape", FLAT, [], {}, 17),
    ("Shape", FLAT, [], {"start": 1, "end": 3}, 17),
    ("Split", FLAT, [whole(4, 7)], {"axis": 2}, 17),
]
RESIZED = [
    (mode, coordinates, rounding)
    for mode, roundings in (
        ("linear", ["floor"]),
        ("nearest", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
    )
    for coordinates in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    for rounding in roundings
]


def check(  # type: ignore[no-untyped-def]
    operator: str, images, *, held, attributes, opset: int, n_outputs: int = 1
) -> None:
    """Run one operator here and in onnxruntime."""
    names = ["image", *[f"held{k}" if v is not None else "" for k, v in enumerate(held)]]
    outputs = [f"out{k}" for k in range(n_outputs)]
    node = helper.make_node(operator, names, outputs, name="the/node.1", **attributes)
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, images.shape)],
        [onnx_output(name) for name in outputs],
        [numpy_helper.from_array(v, f"held{k}") for k, v in enumerate(held) if v is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = session.run(["out0"], {"image": images})[0]
    found = read_onnx(content)(torch.from_numpy(images)).detach().numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-4)


def onnx_output(name: str):  # type: ignore[no-untyped-def]
    """An output whose type and shape the runtime infers."""
    info = ValueInfoProto()
    info.name = name
    return info


@pytest.mark.parametrize(
    ("operator", "shape", "held", "attributes", "opset"),
    CASES,
    ids=[f"{k}-{case[0]}" for k, case in enumerate(CASES)],
)
def test_operators_are_those_of_onnxruntime(operator, shape, held, attributes, opset) -> None:  # type: ignore[no-untyped-def]
    n_outputs = len(held[0]) if operator == "Split" else 1
    images = floats(*shape)
    check(operator, images, held=held, attributes=attributes, opset=opset, n_outputs=n_outputs)


@pytest.mark.parametrize("operator", ["Log", "Sqrt", "Reciprocal"])
def test_operators_of_positive_numbers(operator: str) -> None:
    check(operator, POSITIVE, held=[], attributes={}, opset=17)


@pytest.mark.parametrize(("mode", "coordinates", "rounding"), RESIZED)
@pytest.mark.parametrize("scales", [(1, 1, 2, 3), (1, 1, 0.5, 1.5)])
def test_resizing(mode: str, coordinates: str, rounding: str, scales: tuple[float, ...]) -> None:
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates,
        "nearest_mode": rounding,
    }
    held = [np.array([], np.float32), np.array(scales, np.float32)]
    check("Resize", floats(1, 2, 6, 4), held=held, attributes=attributes, opset=17)


def test_resizing_to_sizes_in_three_axes_and_by_the_oldest_form() -> None:
    held = [None, None, whole(1, 2, 14, 6, 10)]
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    check("Resize", floats(*CUBE), held=held, attributes=attributes, opset=17)
    scales = [np.array([1, 1, 2, 2], np.float32)]
    check("Resize", floats(1, 2, 3, 4), held=scales, attributes={"mode": "nearest"}, opset=10)


def test_operators_on_shapes_and_flags() -> None:
    give = {name: OPERATORS[name] for name in OPERATORS}
    one, two = torch.tensor([1, 2, 3]), torch.tensor([3, 2, 1])
    assert give["Equal"]([one, two], {}).tolist() == [False, True, False]
    assert give["Greater"]([one, two], {}).tolist() == [False, False, True]
    assert give["Less"]([one, two], {}).tolist() == [True, False, False]
    flags = give["Not"]([give["And"]([one > 1, two > 1], {})], {})
    assert give["Where"]([flags, one, two], {}).tolist() == [1, 2, 3]
    assert give["Div"]([torch.tensor([-7]), torch.tensor([2])], {}).tolist() == [-3]
    assert give["Range"]([torch.tensor(1), torch.tensor(7), torch.tensor(2)], {}).tolist() == [
        1,
        3,
        5,
    ]
    filled = give["ConstantOfShape"]([torch.tensor([2, 2])], {"value": torch.tensor([7])})
    assert filled.tolist() == [[7, 7], [7, 7]]
    assert [part.tolist() for part in give["Split"]([one], {"n_outputs": 2})] == [[1, 2], [3]]


def test_every_operator_is_tried() -> None:
    tried = {case[0] for case in CASES} | {"Log", "Sqrt", "Reciprocal", "Resize"}
    tried |= {"Equal", "Greater", "Less", "Not", "And", "Where", "Range", "ConstantOfShape"}
    assert tried == set(OPERATORS)


def test_ways_to_resize_that_are_not_read_are_named() -> None:
    images = torch.zeros(1, 1, 4, 4)
    sizes = [images, None, None, torch.tensor([1, 1, 8, 8])]
    with pytest.raises(NotSupportedError, match="Resize by 'cubic' is not read here"):
        OPERATORS["Resize"](sizes, {"mode": "cubic"})
    with pytest.raises(NotSupportedError, match="Resize with 'tf_crop_and_resize'"):
        mode = {"coordinate_transformation_mode": "tf_crop_and_resize"}
        OPERATORS["Resize"](sizes, mode)
    with pytest.raises(UnknownNameError, match="Unknown ONNX operator 'Loop'"):
        OPERATORS["Loop"]
