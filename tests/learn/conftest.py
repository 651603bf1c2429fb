"""One network, taught once for all tests that need one that has learnt something."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from heatlas.learn.network.model import Network
from heatlas.learn.network.training import TrainingSettings, train_classifier
from heatlas.learn.planted import PlantedImages, PlantingSettings, plant_lesions, split_by_position
from tests.learn.heads import head

SMALL = PlantingSettings(side_px=56, radius_px=(3.0, 5.0), lesion_hu=(25.0, 45.0), shift_px=2.0)


class Taught(NamedTuple):
    """A network that knows lesions of a phantom head, and images that it has not seen."""

    network: Network
    test: PlantedImages


@pytest.fixture(scope="session")
def taught() -> Taught:
    """A small network, taught in a few seconds."""
    slices = head()
    split = split_by_position(len(slices))
    train = plant_lesions(slices, which=split.train, n_pairs=240, seed=0, settings=SMALL)
    test = plant_lesions(slices, which=split.test, n_pairs=20, seed=1, settings=SMALL)
    settings = TrainingSettings(n_epochs=10, group=2)
    network = train_classifier("plain-2d", train.images, labels=train.labels, settings=settings)
    return Taught(network, test)
