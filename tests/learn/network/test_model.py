"""A network is a copy that is only looked at; inputs that do not fit it are one sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError
from heatlas.learn.network.model import (
    Network,
    as_network,
    check_class,
    class_score,
    class_scores,
    probabilities,
    with_scores_known,
)
from tests.learn.nets import Linear, OneScore, image, network, seeded


def test_the_module_that_was_given_stays_as_it_is() -> None:
    module = seeded("plain-2d").train()
    found = as_network(module)
    assert module.training
    assert not found.module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    with torch.no_grad():
        module.scores.bias += 1
    assert not torch.equal(found.module.scores.bias, module.scores.bias)


def test_scores_and_probabilities_are_those_of_torch() -> None:
    module, images = (
        seeded("plain-2d", classes=3),
        np.stack([image(seed=seed) for seed in range(20)]),
    )
    found = with_scores_known(as_network(module), images[0])
    expected = module(torch.from_numpy(images)).detach()
    np.testing.assert_allclose(class_scores(found, images), expected.numpy(), atol=1e-6)
    softmax = torch.softmax(expected.double(), 1).numpy()
    np.testing.assert_allclose(probabilities(found, images), softmax, atol=1e-6)
    np.testing.assert_allclose(class_score(found, images, class_index=2), expected[:, 2], atol=1e-6)


def test_a_single_output_stands_for_two_classes() -> None:
    images = image()[None]
    logit = with_scores_known(network(OneScore), images[0])
    squashed = with_scores_known(network(OneScore, squashed=True), images[0])
    assert (logit.scores, squashed.scores) == ("logits", "probabilities")
    np.testing.assert_allclose(
        probabilities(logit, images), probabilities(squashed, images), atol=1e-6
    )
    z = class_score(logit, images, class_index=1)
    np.testing.assert_allclose(class_score(logit, images, class_index=0), -z)
    p = class_score(squashed, images, class_index=1)
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-z)), atol=1e-6)
    np.testing.assert_allclose(class_score(squashed, images, class_index=0), 1 - p)


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.Sigmoid()])
def test_probabilities_are_found_from_the_last_step(last: nn.Module) -> None:
    module = nn.Sequential(seeded("plain-2d"), last)
    found = with_scores_known(as_network(module), image())
    assert found.scores == "probabilities"
    assert with_scores_known(found, image()) is found


def test_what_the_scores_are_can_be_said() -> None:
    assert (
        with_scores_known(as_network(seeded(Linear), scores="logits"), image()).scores == "logits"
    )
    with pytest.raises(DataError, match="scores: 'odds' is not one of logits, probabilities"):
        as_network(seeded(Linear), scores="odds")
    with pytest.raises(DataError, match="say whether it gives logits or probabilities"):
        probabilities(network(Linear), image()[None])


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((3, 24, 24), r"first convolution takes 1 channel of 2-D images, got shape \(3, 24, 24\)"),
        ((1, 8, 24, 24), r"takes 1 channel of 2-D images, got shape \(1, 8, 24, 24\)"),
    ],
)
def test_an_image_with_other_channels_or_axes_is_one_sentence(
    shape: tuple[int, ...], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        class_scores(network("plain-2d"), np.zeros((1, *shape), np.float32))


def test_an_image_of_another_size_than_a_linear_layer_wants_is_one_sentence() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 2))
    with pytest.raises(DataError, match=r"image of shape \(1, 24, 28\) .* does not fit it: mat1"):
        class_scores(as_network(module, name="flat"), image()[None])


def test_scores_for_every_pixel_are_refused() -> None:
    with pytest.raises(DataError, match="expected one row of class scores an image"):
        class_scores(as_network(nn.Conv2d(1, 2, 3)), image()[None])


def test_what_is_no_network_or_no_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected a torch.nn.Module, got str"):
        as_network("model.pt")
    with pytest.raises(DataError, match="no image given"):
        class_scores(network(Linear), np.zeros((0, 1, 24, 24), np.float32))
    with pytest.raises(DataError, match="class 2: network 'x' has 2 classes, numbered 0 to 1"):
        check_class(Network(module=nn.Identity(), name="x"), 2, n_classes=2)


def test_the_digest_follows_the_parameters() -> None:
    module = seeded(Linear)
    before = as_network(module).digest
    assert as_network(module).digest == before
    with torch.no_grad():
        module.scores.bias += 1e-3
    assert as_network(module).digest != before
