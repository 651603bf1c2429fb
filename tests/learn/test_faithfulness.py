"""The trust card: a taught network's map passes, an untrained one's is flagged, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from heatlas.core.errors import DataError
from heatlas.learn.faithfulness import TrustSettings, assess
from heatlas.learn.network.model import probabilities
from heatlas.learn.saliency import Explanation, explain
from heatlas.learn.trust import TrustCard
from tests.learn.conftest import Taught
from tests.learn.nets import network

QUICK = TrustSettings(n_steps=10, n_levels=4, n_networks=2, n_untrained=10, n_noisy=2)


def outcomes(card: TrustCard) -> dict[str, bool]:
    """Checks by name."""
    return {check.name: check.passed for check in card.checks}


def found_lesions(taught: Taught) -> list[int]:
    """The four images with a lesion that the network is most sure of."""
    shares = probabilities(taught.network, taught.test.images)[:, 1]
    return np.argsort(-shares * taught.test.labels, kind="stable")[:4].tolist()


class Fixed(nn.Module):
    """A network whose only feature cannot be learnt: the map is the image, whatever it learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.ones(1, 1, 3, 3) / 9)
        self.feature = nn.Identity()
        self.scores = nn.Linear(1, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        smooth = torch.nn.functional.conv2d(images, self.kernel, padding=1)
        return self.scores(self.feature(smooth).mean((2, 3)))


def test_most_maps_of_a_taught_network_hold_and_point_into_the_lesion(taught: Taught) -> None:
    cards = []
    for k in found_lesions(taught):
        image = taught.test.images[k]
        explanation = explain(taught.network, image, method="hirescam", class_index=1)
        mask = taught.test.masks[k]
        cards.append(
            assess(explanation, network=taught.network, image=image, mask=mask, settings=QUICK)
        )
    for name in ("decision", "baseline", "training", "randomisation", "faithfulness", "stability"):
        assert np.mean([outcomes(card)[name] for card in cards]) >= 0.75, name
    assert sum(card.standing != "no evidence" for card in cards) >= 3
    ours, *controls = cards[0].rankings
    assert ours.gain > max(control.gain for control in controls)
    assert [control.name for control in controls] == ["random", "edges", "intensity"]
    assert cards[0].forgetting[0].layer == "scores"
    assert cards[0].forgetting[-1].layer == "features.0"


@pytest.mark.parametrize("method", ["grad-cam", "integrated-gradients"])
@pytest.mark.parametrize("kind", ["plain-2d", "residual-2d"])
def test_an_untrained_network_is_flagged(taught: Taught, method: str, kind: str) -> None:
    image, net = taught.test.images[1], network(kind)
    card = assess(explain(net, image, method=method), network=net, image=image, settings=QUICK)
    assert card.standing == "no evidence"
    assert "do not read this map as model evidence" in card.verdict
    assert not outcomes(card)["baseline"]
    assert abs(card.probability - card.baseline_probability) < 0.1


def test_a_map_that_ignores_what_was_learnt_fails_the_randomisation_check(taught: Taught) -> None:
    image, net = taught.test.images[1], network(Fixed)
    explanation = explain(net, image, method="hirescam", layer="feature")
    card = assess(explanation, network=net, image=image, settings=QUICK)
    assert not outcomes(card)["randomisation"]
    assert card.forgetting[-1].spearman == pytest.approx(1)
    assert "randomisation" in card.verdict


def test_forgetting_the_output_changes_no_map_of_an_early_layer_without_class(
    taught: Taught,
) -> None:
    image = taught.test.images[found_lesions(taught)[0]]
    explanation = explain(taught.network, image, method="eigen-cam", layer="features.0")
    card = assess(explanation, network=taught.network, image=image, settings=QUICK)
    assert card.forgetting[0].spearman == pytest.approx(1)
    assert card.forgetting[-1].spearman < 0.99


def test_integrated_gradients_likeness_to_the_image_is_told_with_every_card(taught: Taught) -> None:
    image, net = taught.test.images[1], network("plain-2d")
    card = assess(explain(net, image, method="occlusion"), network=net, image=image, settings=QUICK)
    direct = assess(
        explain(net, image, method="integrated-gradients", class_index=card.class_index),
        network=net,
        image=image,
        settings=QUICK,
    )
    assert card.gradients_input_likeness == pytest.approx(direct.input_likeness, abs=1e-3)
    assert card.gradients_input_likeness > 0.3
    assert 0 <= card.gradients_untrained_likeness <= 1


def test_the_same_seed_gives_the_same_card(taught: Taught) -> None:
    image = taught.test.images[1]
    explanation = explain(taught.network, image, method="smoothgrad")
    first, second = (
        assess(explanation, network=taught.network, image=image, settings=QUICK) for _ in range(2)
    )
    assert [check.found for check in first.checks] == [check.found for check in second.checks]
    assert first.forgetting[-1].spearman == second.forgetting[-1].spearman


def test_the_card_says_what_it_was_made_of(taught: Taught) -> None:
    image, mask = taught.test.images[1], taught.test.masks[1]
    explanation = explain(taught.network, image)
    card = assess(explanation, network=taught.network, image=image, mask=mask, settings=QUICK)
    first, second = card.provenance.steps
    assert (first.name, second.name) == ("explain", "assess")
    assert second.parameters["n_steps"] == 10
    assert second.parameters["baseline"] == explanation.settings.baseline == card.baseline
    assert set(second.inputs) == {"mask"}
    assert set(card.baseline_probabilities) == {"blur", "local-mean", "mean", "zero"}
    assert card.baseline_probability == min(card.baseline_probabilities.values())
    assert all(check.rule and check.found.endswith(".") for check in card.checks)


def test_an_image_or_a_mask_that_does_not_belong_is_one_sentence(taught: Taught) -> None:
    image = taught.test.images[1]
    explanation: Explanation = explain(taught.network, image)
    other = taught.test.images[3]
    with pytest.raises(DataError, match="this image is not the one that the map explains"):
        assess(explanation, network=taught.network, image=other)
    for mask, sentence in (
        (np.ones((4, 4)), r"mask: shape \(4, 4\), expected that of the image, \(56, 56\)"),
        (np.zeros((56, 56)), "mask: it is empty"),
    ):
        with pytest.raises(DataError, match=sentence):
            assess(explanation, network=taught.network, image=image, mask=mask)


def test_numbers_that_no_check_can_use_are_refused() -> None:
    with pytest.raises(DataError, match="n_networks: at least 1 is needed, got 0"):
        TrustSettings(n_networks=0)
    with pytest.raises(DataError, match="noise_share: expected more than 0"):
        replace(TrustSettings(), noise_share=-1)
