"""Every method by its name: captum's values on the layer, signed, aligned, the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.learn.alignment import on_pixels
from heatlas.learn.network.model import as_network
from heatlas.learn.network.randomise import randomise
from heatlas.learn.saliency import METHODS, SaliencySettings, explain
from tests.learn.nets import SHAPES, Linear, OneScore, image, network, seeded

LAYERS = {"plain-2d": "features", "residual-2d": "blocks", "plain-3d": "features"}
QUICK = SaliencySettings(n_steps=8, n_draws=4)
# Rollout is for transformers, guided backpropagation for networks with rectifiers.
PAIRS = [
    (method, kind)
    for method in METHODS
    for kind in ("residual-2d", "plain-3d", "transformer-2d")
    if method
    not in ({"guided-backpropagation"} if kind == "transformer-2d" else {"attention-rollout"})
]


@pytest.mark.parametrize("kind", list(LAYERS))
def test_grad_cam_is_captums_before_it_is_laid_onto_pixels(kind: str) -> None:
    module, given = seeded(kind), image(SHAPES[kind])
    found = explain(as_network(module), given, method="grad-cam", class_index=1)
    oracle = LayerGradCam(module, module.get_submodule(LAYERS[kind]))
    expected = oracle.attribute(torch.from_numpy(given[None]), target=1, relu_attributions=False)
    assert found.layer == LAYERS[kind]
    np.testing.assert_allclose(found.features, expected[0, 0].detach().numpy(), atol=1e-5)


def test_grad_cam_of_a_linear_head_is_the_class_activation_map() -> None:
    module, given = seeded(Linear), image()
    weights = module.scores.weight[1].detach().numpy()
    activations = module.features(torch.from_numpy(given[None]))[0].detach().numpy()
    expected = np.tensordot(weights, activations, axes=1) / activations[0].size
    for method in ("grad-cam", "hirescam"):
        found = explain(as_network(module), given, method=method, class_index=1)
        np.testing.assert_allclose(found.features, expected, atol=1e-6)
        assert found.values.min() < 0 < found.values.max()


def test_score_cam_weighs_each_channel_by_what_it_lets_through() -> None:
    module, given = seeded(Linear), image()
    settings = SaliencySettings(baseline="zero")
    found = explain(as_network(module), given, method="score-cam", class_index=1, settings=settings)
    activations = module.features(torch.from_numpy(given[None]))[0].detach().numpy()
    expected = np.zeros(given.shape[1:])

    def probability(values: np.ndarray) -> float:
        scores = module(torch.from_numpy(values[None].astype(np.float32)))
        return float(torch.softmax(scores, 1)[0, 1].detach())

    for channel in activations:
        mask = (channel - channel.min()) / np.ptp(channel)
        expected += (probability(mask * given) - probability(0 * given)) * channel
    np.testing.assert_allclose(found.features, expected, atol=1e-5)


def test_attention_rollout_is_the_product_of_the_layers_with_their_shortcuts() -> None:
    module, given = seeded("transformer-2d"), image((1, 32, 48))
    caught = []
    for block in module.blocks:
        block.attention.register_forward_pre_hook(
            lambda layer, args: caught.append((layer, args[0]))
        )
    module(torch.from_numpy(given[None]))
    rolled = torch.eye(25, dtype=torch.float64)
    for layer, tokens in caught:
        query, key, _ = layer.mixed(tokens)[0].double().reshape(25, 3, 4, 8).unbind(1)
        weights = torch.softmax(torch.einsum("qhd,khd->hqk", query, key) / 8**0.5, -1).mean(0)
        rolled = (weights + torch.eye(25)) / 2 @ rolled
    expected = rolled[0, 1:].reshape(4, 6).detach().numpy()
    found = explain(as_network(module), given, method="attention-rollout")
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    assert found.layer == "patches"
    assert "knows of no class" in found.caption


@pytest.mark.parametrize(("method", "kind"), PAIRS)
def test_every_method_gives_the_same_map_twice_on_the_pixels_of_the_image(
    method: str, kind: str
) -> None:
    given = image(SHAPES[kind])
    first, second = (
        explain(network(kind), given, method=method, class_index=1, settings=QUICK)
        for _ in range(2)
    )
    assert first.values.shape == given.shape[1:]
    assert first.values.tobytes() == second.values.tobytes()
    assert not first.is_empty
    np.testing.assert_allclose(first.values, on_pixels(first.features, first.alignment), atol=1e-6)
    assert np.array_equal(first.positive, np.maximum(first.values, 0))


def test_the_two_classes_of_one_output_have_opposite_maps() -> None:
    maps = [explain(network(OneScore), image(), class_index=k).features for k in (0, 1)]
    np.testing.assert_allclose(maps[0], -maps[1])


def test_what_was_found_and_what_was_named_is_recorded() -> None:
    net, given = network("residual-2d"), image((1, 32, 32))
    found = explain(net, given)
    named = explain(net, given, class_index=found.class_index, layer="blocks.0")
    assert (found.layer_was_found, found.class_was_found) == (True, True)
    assert (named.layer_was_found, named.class_was_found) == (False, False)
    assert "layer 'blocks' (found), units of 'blocks' lie every 8.00 and 8.00 px" in found.caption
    assert "class asked for" in named.caption
    assert "layer 'blocks.0' (named)" in named.caption
    (step,) = named.provenance.steps
    assert step.parameters["layer"] == "blocks.0"
    assert step.parameters["scores"] == "logits"
    assert set(step.inputs) == {"image", "network"}


def test_the_map_follows_the_network() -> None:
    net, given = network("plain-2d"), image()
    other = randomise(net, layers=("scores", "features.6"), seed=1)
    first, second = (explain(which, given, class_index=1).values for which in (net, other))
    assert np.abs(first - second).max() > 1e-5


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"method": "gradcam"}, UnknownNameError, "Did you mean 'grad-cam'"),
        (
            {"class_index": 5},
            DataError,
            "class 5: network 'plain-2d' has 2 classes, numbered 0 to 1",
        ),
        ({"layer": "feature"}, UnknownNameError, "Unknown layer 'feature' .* Nearest: features"),
        ({"layer": "scores"}, DataError, "expected channels with 2 spatial axes"),
        ({"method": "occlusion", "layer": "features"}, DataError, "it is not made at a layer"),
    ],
)
def test_wrong_requests_are_one_sentence(
    options: dict[str, object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        explain(network("plain-2d"), image(), **options)


def test_settings_that_no_method_can_use_are_refused() -> None:
    with pytest.raises(DataError, match="n_steps: at least 1 is needed, got 0"):
        SaliencySettings(n_steps=0)
    with pytest.raises(DataError, match="noise_share: expected more than 0"):
        SaliencySettings(noise_share=0)


def test_an_explanation_whose_shapes_do_not_agree_is_refused() -> None:
    found = explain(network("plain-2d"), image())
    with pytest.raises(DataError, match=r"values has shape \(2, 2\), expected \(24, 28\)"):
        replace(found, values=np.zeros((2, 2), np.float32))
