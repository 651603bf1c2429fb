"""The ONNX operators of usual image networks, each as torch computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, cast

import torch
from torch.nn import functional

from heatlas.core.errors import NotSupportedError
from heatlas.core.registry import Registry

Tensor = torch.Tensor
Given = Sequence[Any]  # tensors, None where an optional input is left out
Attributes = Mapping[str, Any]
Operator = Callable[[Given, Attributes], Any]
# Types of ONNX by their numbers.
TYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32,
    7: torch.int64, 9: torch.bool, 10: torch.float16, 11: torch.float64,
}  # fmt: skip


def _optional(given: Given, place: int) -> Any:
    return given[place] if len(given) > place else None


def _numbers(given: Given, attributes: Attributes, *, place: int, name: str) -> list[int] | None:
    """Return whole numbers that newer operators take as an input and older ones as an attribute."""
    tensor = _optional(given, place)
    if tensor is not None:
        return cast(list[int], tensor.flatten().tolist())
    return list(attributes[name]) if name in attributes else None


def _unary(function: Callable[[Tensor], Tensor]) -> Operator:
    return lambda given, attributes: function(given[0])


def _binary(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda given, attributes: function(given[0], given[1])


def _many(function: Callable[[Any, Any], Any]) -> Operator:
    return lambda given, attributes: reduce(function, given)


def _divide(first: Tensor, second: Tensor) -> Tensor:
    whole = not first.is_floating_point() and not second.is_floating_point()
    return torch.div(first, second, rounding_mode="trunc" if whole else None)


def _clip(given: Given, attributes: Attributes) -> Tensor:
    low = attributes.get("min", _optional(given, 1))
    high = attributes.get("max", _optional(given, 2))
    return cast(Tensor, given[0] if low is None and high is None else given[0].clamp(low, high))


def _hard_sigmoid(given: Given, attributes: Attributes) -> Tensor:
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return cast(Tensor, (alpha * given[0] + beta).clamp(0, 1))


def _gelu(given: Given, attributes: Attributes) -> Tensor:
    return functional.gelu(given[0], approximate=attributes.get("approximate", "none"))


def _prelu(given: Given, attributes: Attributes) -> Tensor:
    return torch.where(given[0] >= 0, given[0], given[1] * given[0])


# ---------------------------------------------------------------- windows


def _pads(attributes: Attributes, *, sizes: Sequence[int], window: Sequence[int]) -> list[int]:
    """Return how much is added before and after each axis: starts first, then ends."""
    axes = len(window)
    mode = attributes.get("auto_pad", "NOTSET")
    if mode in {"NOTSET", "VALID"}:
        return list(attributes.get("pads", [0] * 2 * axes)) if mode == "NOTSET" else [0] * 2 * axes
    strides = attributes.get("strides", [1] * axes)
    dilations = attributes.get("dilations", [1] * axes)
    starts, ends = [], []
    for size, length, stride, dilation in zip(sizes, window, strides, dilations, strict=True):
        reach = (length - 1) * dilation + 1
        total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        less, more = total // 2, total - total // 2
        starts.append(less if mode == "SAME_UPPER" else more)
        ends.append(more if mode == "SAME_UPPER" else less)
    return starts + ends


def _padded(images: Tensor, pads: Sequence[int], *, value: float = 0.0) -> Tensor:
    """Return images with so much added before and after each spatial axis."""
    if not any(pads):
        return images
    axes = len(pads) // 2
    pairs = [(pads[axis], pads[axis + axes]) for axis in reversed(range(axes))]
    return functional.pad(images, [n for pair in pairs for n in pair], value=value)


def _conv(given: Given, attributes: Attributes) -> Tensor:
    images, weight = given[0], given[1]
    axes = weight.ndim - 2
    pads = _pads(attributes, sizes=images.shape[2:], window=weight.shape[2:])
    functions: dict[int, Any] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
    same = pads[:axes] == pads[axes:]
    outcome = functions[axes](
        images if same else _padded(images, pads),
        weight,
        _optional(given, 2),
        stride=attributes.get("strides", 1),
        padding=tuple(pads[:axes]) if same else 0,
        dilation=attributes.get("dilations", 1),
        groups=attributes.get("group", 1),
    )
    return cast(Tensor, outcome)


def _max_pool(given: Given, attributes: Attributes) -> Tensor:
    window = list(attributes["kernel_shape"])
    axes = len(window)
    pads = _pads(attributes, sizes=given[0].shape[2:], window=window)
    functions: dict[int, Any] = {
        1: functional.max_pool1d,
        2: functional.max_pool2d,
        3: functional.max_pool3d,
    }
    inside = pads[:axes] == pads[axes:] and all(
        2 * p <= w for p, w in zip(pads, window, strict=False)
    )
    outcome = functions[axes](
        given[0] if inside else _padded(given[0], pads, value=float("-inf")),
        window,
        stride=attributes.get("strides", [1] * axes),
        padding=tuple(pads[:axes]) if inside else 0,
        dilation=attributes.get("dilations", 1),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )
    return cast(Tensor, outcome)


def _average_pool(given: Given, attributes: Attributes) -> Tensor:
    window = list(attributes["kernel_shape"])
    axes = len(window)
    functions: dict[int, Any] = {
        1: functional.avg_pool1d,
        2: functional.avg_pool2d,
        3: functional.avg_pool3d,
    }
    pads = _pads(attributes, sizes=given[0].shape[2:], window=window)
    stride = attributes.get("strides", [1] * axes)
    rounds_up = bool(attributes.get("ceil_mode", 0))

    def pool(images: Tensor) -> Tensor:
        return cast(Tensor, functions[axes](images, window, stride, 0, rounds_up))

    mean = pool(_padded(given[0], pads))
    if attributes.get("count_include_pad", 0) or not any(pads):
        return mean
    return mean / pool(_padded(torch.ones_like(given[0]), pads))


def _global_pool(function: Callable[..., Tensor]) -> Operator:
    return lambda given, attributes: function(
        given[0], dim=tuple(range(2, given[0].ndim)), keepdim=True
    )


# ---------------------------------------------------------------- normalisations and products


def _batch_normalisation(given: Given, attributes: Attributes) -> Tensor:
    images, weight, bias, mean, variance = given[:5]
    epsilon = attributes.get("epsilon", 1e-5)
    return functional.batch_norm(images, mean, variance, weight, bias, False, 0.0, epsilon)


def _layer_normalisation(given: Given, attributes: Attributes) -> Tensor:
    images, axis = given[0], attributes.get("axis", -1)
    shape = images.shape[axis:]
    bias = _optional(given, 2)
    return functional.layer_norm(images, shape, given[1], bias, attributes.get("epsilon", 1e-5))


def _instance_normalisation(given: Given, attributes: Attributes) -> Tensor:
    epsilon = attributes.get("epsilon", 1e-5)
    return functional.instance_norm(given[0], weight=given[1], bias=given[2], eps=epsilon)


def _gemm(given: Given, attributes: Attributes) -> Tensor:
    first = given[0].T if attributes.get("transA", 0) else given[0]
    second = given[1].T if attributes.get("transB", 0) else given[1]
    outcome = attributes.get("alpha", 1.0) * (first @ second)
    offset = _optional(given, 2)
    return cast(
        Tensor, outcome if offset is None else outcome + attributes.get("beta", 1.0) * offset
    )


def _softmax(function: Callable[..., Tensor]) -> Operator:
    def softmax(given: Given, attributes: Attributes) -> Tensor:
        if attributes["opset"] >= 13:
            return function(given[0], dim=attributes.get("axis", -1))
        axis = attributes.get("axis", 1) % given[0].ndim
        flat = given[0].flatten(axis)  # older ones take all axes from there on as one
        return function(flat, dim=-1).reshape(given[0].shape)

    return softmax


def _reduction(function: Callable[..., Tensor]) -> Operator:
    def reduced(given: Given, attributes: Attributes) -> Tensor:
        axes = _numbers(given, attributes, place=1, name="axes")
        if not axes:
            if attributes.get("noop_with_empty_axes", 0):
                return cast(Tensor, given[0])
            axes = list(range(given[0].ndim))
        return function(given[0], dim=tuple(axes), keepdim=bool(attributes.get("keepdims", 1)))

    return reduced


# ---------------------------------------------------------------- shapes


def _reshape(given: Given, attributes: Attributes) -> Tensor:
    wanted = _numbers(given, attributes, place=1, name="shape") or []
    if not attributes.get("allowzero", 0):
        wanted = [given[0].shape[k] if n == 0 else n for k, n in enumerate(wanted)]
    return cast(Tensor, given[0].reshape(wanted))


def _flatten(given: Given, attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", 1)
    rows = math.prod(given[0].shape[:axis])
    return cast(Tensor, given[0].reshape(rows, -1))


def _transpose(given: Given, attributes: Attributes) -> Tensor:
    order = attributes.get("perm", list(range(given[0].ndim))[::-1])
    return cast(Tensor, given[0].permute(order))


def _squeeze(given: Given, attributes: Attributes) -> Tensor:
    axes = _numbers(given, attributes, place=1, name="axes")
    return cast(Tensor, given[0].squeeze() if axes is None else given[0].squeeze(tuple(axes)))


def _unsqueeze(given: Given, attributes: Attributes) -> Tensor:
    axes = _numbers(given, attributes, place=1, name="axes") or []
    outcome = given[0]
    for axis in sorted(axis % (given[0].ndim + len(axes)) for axis in axes):
        outcome = outcome.unsqueeze(axis)
    return cast(Tensor, outcome)


def _slice(given: Given, attributes: Attributes) -> Tensor:
    starts = _numbers(given, attributes, place=1, name="starts") or []
    ends = _numbers(given, attributes, place=2, name="ends") or []
    axes = _numbers(given, attributes, place=3, name="axes") or list(range(len(starts)))
    steps = _numbers(given, attributes, place=4, name="steps") or [1] * len(starts)
    outcome = given[0]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = range(outcome.shape[axis])[slice(start, end, step)]
        outcome = outcome.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
    return cast(Tensor, outcome)


def _gather(given: Given, attributes: Attributes) -> Tensor:
    axis = attributes.get("axis", 0) % given[0].ndim
    index = given[1] % given[0].shape[axis]
    chosen = given[0].index_select(axis, index.flatten())
    shape = [*given[0].shape[:axis], *index.shape, *given[0].shape[axis + 1 :]]
    return cast(Tensor, chosen.reshape(shape))


def _split(given: Given, attributes: Attributes) -> tuple[Tensor, ...]:
    axis = attributes.get("axis", 0)
    sizes = _numbers(given, attributes, place=1, name="split")
    if sizes is None:
        sizes_of = math.ceil(given[0].shape[axis] / attributes["n_outputs"])
        return torch.split(given[0], sizes_of, dim=axis)
    return torch.split(given[0], sizes, dim=axis)


def _pad(given: Given, attributes: Attributes) -> Tensor:
    pads = _numbers(given, attributes, place=1, name="pads") or []
    axes = _numbers(given, attributes, place=3, name="axes") or list(range(len(pads) // 2))
    mode = attributes.get("mode", "constant")
    before, after = [0] * given[0].ndim, [0] * given[0].ndim
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[place + len(axes)]
    if mode == "constant":
        value = _optional(given, 2)
        filler = float(attributes.get("value", 0.0) if value is None else value)
        return _padded(given[0], before + after, value=filler)
    pairs = [(before[axis], after[axis]) for axis in reversed(range(2, given[0].ndim))]
    flat = [n for pair in pairs for n in pair]
    return functional.pad(given[0], flat, mode="replicate" if mode == "edge" else str(mode))


def _shape(given: Given, attributes: Attributes) -> Tensor:
    shape = list(given[0].shape)[attributes.get("start", 0) : attributes.get("end")]
    return torch.tensor(shape, dtype=torch.int64)


def _filled(given: Given, attributes: Attributes) -> Tensor:
    value = attributes.get("value", torch.zeros(1))
    return cast(Tensor, value.expand(given[0].tolist()).clone())


def _expand(given: Given, attributes: Attributes) -> Tensor:
    return cast(Tensor, given[0] * torch.ones(given[1].tolist(), dtype=given[0].dtype))


# ---------------------------------------------------------------- resizing


def _resize(given: Given, attributes: Attributes) -> Tensor:
    """Resize axis by axis; every way to place the new samples is a formula for one axis."""
    outcome = given[0]
    mode = attributes.get("mode", "nearest")
    if mode not in {"nearest", "linear"}:
        raise NotSupportedError(
            f"ONNX: Resize by '{mode}' is not read here; use nearest or linear."
        )
    if len(given) == 2:  # before version 11: scales only, counted from the corner
        scales, sizes = given[1], None
        attributes = {
            **attributes,
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
    else:
        scales, sizes = _optional(given, 2), _optional(given, 3)
    for axis, old in enumerate(given[0].shape):
        if sizes is not None and sizes.numel():
            new, scale = int(sizes[axis]), int(sizes[axis]) / old
        else:
            scale = float(scales[axis])
            new = math.floor(old * scale)
        if new != old or scale != 1:
            at = _sources(new, old=old, scale=scale, attributes=attributes)
            outcome = _sampled(
                outcome, at, axis=axis, mode=mode, rounding=attributes.get("nearest_mode")
            )
    return cast(Tensor, outcome)


def _sources(new: int, *, old: int, scale: float, attributes: Attributes) -> Tensor:
    """Return where each new sample lies among the old ones."""
    index = torch.arange(new, dtype=torch.float32)
    mode = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "asymmetric":
        return index / scale
    if mode == "align_corners":
        return index * (old - 1) / (new - 1) if new > 1 else torch.zeros(1)
    if mode == "pytorch_half_pixel" and new == 1:
        return torch.zeros(1)
    if mode in {"half_pixel", "pytorch_half_pixel"}:
        return (index + 0.5) / scale - 0.5
    raise NotSupportedError(f"ONNX: Resize with '{mode}' is not read here.")


def _sampled(values: Tensor, at: Tensor, *, axis: int, mode: str, rounding: str | None) -> Tensor:
    """Return the samples at those places along one axis, the outermost ones beyond the border."""
    last = values.shape[axis] - 1
    if mode == "nearest":
        rules: dict[str, Callable[[Tensor], Tensor]] = {
            "floor": torch.floor,
            "ceil": torch.ceil,
            "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
            "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
        }
        rule = rules[rounding or "round_prefer_floor"]
        return values.index_select(axis, rule(at).long().clamp(0, last))
    place = at.clamp(0, last)
    low = place.floor().long()
    share = (place - low).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    first = values.index_select(axis, low)
    return first + share * (values.index_select(axis, (low + 1).clamp(max=last)) - first)


OPERATORS: Registry[Operator] = Registry(
    "ONNX operator",
    {
        "Abs": _unary(torch.abs),
        "Add": _binary(torch.add),
        "And": _binary(torch.logical_and),
        "AveragePool": _average_pool,
        "BatchNormalization": _batch_normalisation,
        "Cast": lambda given, attributes: given[0].to(TYPES[attributes["to"]]),
        "Ceil": _unary(torch.ceil),
        "Clip": _clip,
        "Concat": lambda given, attributes: torch.cat(list(given), dim=attributes["axis"]),
        "ConstantOfShape": _filled,
        "Conv": _conv,
        "Div": _binary(_divide),
        "Dropout": _unary(lambda images: images),
        "Elu": lambda given, attributes: functional.elu(given[0], attributes.get("alpha", 1.0)),
        "Equal": _binary(torch.eq),
        "Erf": _unary(torch.erf),
        "Exp": _unary(torch.exp),
        "Expand": _expand,
        "Flatten": _flatten,
        "Floor": _unary(torch.floor),
        "Gather": _gather,
        "Gelu": _gelu,
        "Gemm": _gemm,
        "GlobalAveragePool": _global_pool(torch.mean),
        "GlobalMaxPool": _global_pool(torch.amax),
        "Greater": _binary(torch.gt),
        "HardSigmoid": _hard_sigmoid,
        "HardSwish": _unary(functional.hardswish),
        "Identity": _unary(lambda images: images),
        "InstanceNormalization": _instance_normalisation,
        "LayerNormalization": _layer_normalisation,
        "LeakyRelu": lambda given, attributes: functional.leaky_relu(
            given[0], attributes.get("alpha", 0.01)
        ),
        "Less": _binary(torch.lt),
        "Log": _unary(torch.log),
        "LogSoftmax": _softmax(torch.log_softmax),
        "MatMul": _binary(torch.matmul),
        "Max": _many(torch.maximum),
        "MaxPool": _max_pool,
        "Min": _many(torch.minimum),
        "Mul": _binary(torch.mul),
        "Neg": _unary(torch.neg),
        "Not": _unary(torch.logical_not),
        "PRelu": _prelu,
        "Pad": _pad,
        "Pow": _binary(torch.pow),
        "Range": lambda given, attributes: torch.arange(*(end.item() for end in given)),
        "Reciprocal": _unary(torch.reciprocal),
        "ReduceL2": _reduction(torch.linalg.vector_norm),
        "ReduceLogSumExp": _reduction(torch.logsumexp),
        "ReduceMax": _reduction(torch.amax),
        "ReduceMean": _reduction(torch.mean),
        "ReduceMin": _reduction(torch.amin),
        "ReduceSum": _reduction(torch.sum),
        "Relu": _unary(torch.relu),
        "Reshape": _reshape,
        "Resize": _resize,
        "Shape": _shape,
        "Sigmoid": _unary(torch.sigmoid),
        "Slice": _slice,
        "Softmax": _softmax(torch.softmax),
        "Softplus": _unary(functional.softplus),
        "Split": _split,
        "Sqrt": _unary(torch.sqrt),
        "Squeeze": _squeeze,
        "Sub": _binary(torch.sub),
        "Sum": _many(torch.add),
        "Tanh": _unary(torch.tanh),
        "Tile": lambda given, attributes: given[0].tile(tuple(given[1].tolist())),
        "Transpose": _transpose,
        "Unsqueeze": _unsqueeze,
        "Where": lambda given, attributes: torch.where(*given),
    },
)
