"""Teaching a small network to tell images apart, on one thread and to the same bytes each time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from heatlas.core.errors import DataError
from heatlas.core.random import stream
from heatlas.core.validate import check_length
from heatlas.core.value import Value
from heatlas.learn.network.architectures import ARCHITECTURES
from heatlas.learn.network.engine import Floats, as_tensor, settled
from heatlas.learn.network.model import Network, as_network


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSettings(Value):
    """How a network is taught.

    Parameters
    ----------
    n_epochs : int
        How often every image is seen.
    batch : int
        Images in one step.
    group : int
        Neighbours in the order of images that are always learnt from together: 2 for pairs whose
        difference is the lesson.
    rate : float
        Largest learning rate (Adam; it rises and falls once over the whole training).
    seed : int
        Seed of the first weights and of the order of images.
    """

    n_epochs: int = 10
    batch: int = 32
    group: int = 1
    rate: float = 1e-2
    seed: int = 0


def train_classifier(
    architecture: str,
    images: Floats,
    *,
    labels: NDArray[np.integer],
    settings: TrainingSettings | None = None,
) -> Network:
    """Teach a network to tell classes of images apart.

    Parameters
    ----------
    architecture : str
        A name in :data:`~heatlas.learn.network.architectures.ARCHITECTURES`.
    images : numpy.ndarray, shape (n, channels, ...)
        What it learns from.
    labels : numpy.ndarray of int, shape (n,)
        Class of each image, from 0.
    settings : TrainingSettings, optional
        How it is taught.

    Returns
    -------
    Network
        Giving logits.

    Raises
    ------
    DataError
        If the labels do not fit the images, or there is only one class.
    UnknownNameError
        If no architecture has that name.
    """
    settings = settings or TrainingSettings()
    check_length(labels, name="labels", expected=len(images), per="images")
    classes = int(labels.max()) + 1
    if classes < 2 or len(np.unique(labels)) != classes:
        raise DataError(
            f"labels: expected every class from 0 on, got {np.unique(labels).tolist()}."
        )
    with settled(seed=settings.seed):
        module = ARCHITECTURES[architecture](channels=images.shape[1], classes=classes)
        _fit(module.train(), images, labels=labels, settings=settings)
    return as_network(module, name=architecture, scores="logits")


def _fit(
    module: nn.Module, images: Floats, *, labels: NDArray[np.integer], settings: TrainingSettings
) -> None:
    """Run Adam over shuffled batches."""
    given, wanted = as_tensor(images), torch.from_numpy(labels.astype(np.int64))
    n_steps = settings.n_epochs * -(-len(images) // settings.batch)
    optimiser = torch.optim.Adam(module.parameters(), lr=settings.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=n_steps, pct_start=0.2
    )
    for epoch in range(settings.n_epochs):
        chance = stream(settings.seed, "training order", index=epoch)
        order = _shuffled(len(images), group=settings.group, chance=chance)
        for start in range(0, len(order), settings.batch):
            rows = torch.from_numpy(order[start : start + settings.batch])
            optimiser.zero_grad()
            loss = functional.cross_entropy(module(given[rows]), wanted[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()


def _shuffled(n: int, *, group: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of all images in a random order that keeps groups together."""
    firsts = group * chance.permutation(-(-n // group))
    numbers = (firsts[:, None] + np.arange(group)).ravel()
    return np.asarray(numbers[numbers < n])
