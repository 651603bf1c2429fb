"""A small network learns what was planted, and the same seed teaches it the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.learn.network.model import probabilities
from heatlas.learn.network.training import TrainingSettings, train_classifier

CHANCE = np.random.default_rng(0)
IMAGES = CHANCE.normal(size=(24, 1, 24, 24)).astype(np.float32)
LABELS = np.tile([0, 1], 12)
QUICK = TrainingSettings(n_epochs=2, batch=8, group=2)


def test_what_was_taught_is_known_on_slices_that_were_not_seen(taught) -> None:  # type: ignore[no-untyped-def]
    shares = probabilities(taught.network, taught.test.images)[:, 1]
    assert ((shares > 0.5) == taught.test.labels).mean() > 0.8


def test_the_same_seed_gives_the_same_bytes_and_leaves_torch_alone() -> None:
    state = torch.random.get_rng_state()
    one, same, other = (
        train_classifier(
            "plain-2d", IMAGES, labels=LABELS, settings=TrainingSettings(n_epochs=1, seed=seed)
        ).digest
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("architecture", ["residual-2d", "transformer-2d"])
def test_every_architecture_can_be_taught(architecture: str) -> None:
    network = train_classifier(architecture, IMAGES, labels=LABELS, settings=QUICK)
    assert (network.scores, network.name) == ("logits", architecture)
    assert np.isfinite(probabilities(network, IMAGES)).all()


def test_labels_that_do_not_fit_are_one_sentence() -> None:
    with pytest.raises(DataError, match="labels: 23 given, but there are 24 images"):
        train_classifier("plain-2d", IMAGES, labels=LABELS[:-1])
    with pytest.raises(DataError, match=r"expected every class from 0 on, got \[0\]"):
        train_classifier("plain-2d", IMAGES, labels=0 * LABELS)
    with pytest.raises(UnknownNameError, match="Unknown architecture 'vgg'"):
        train_classifier("vgg", IMAGES, labels=LABELS)
