"""A network whose map is known, a small scan, and the explanation of one by the other."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heatlas.core.slicestack import SliceStack
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.geometry.slicestack import slices_of
from heatlas.prep.ct import check_hounsfield
from heatlas.study.ct import CtScan
from heatlas.study.explain import (
    ExplainSettings,
    ModelExplanation,
    explain_model,
    volume_of,
)
from heatlas.study.explainexample import Example, ExampleSettings, run_example
from heatlas.study.networkimages import NetworkInput

SHAPE = (40, 48, 5)
TILTED = np.array([[2.0, 0, 0, -40], [0, 1.9, 0, -45], [0, 0.6, 5.0, -10], [0, 0, 0, 1.0]])
BRIGHT = (12, 30, 3)
"""voxel that the network looks for: in slice 4"""


class Brightest(nn.Module):
    """Gives class 1 the mean of what is bright: its map is the image, wherever that lies."""

    def __init__(self, axes: int = 2) -> None:
        super().__init__()
        convolution = nn.Conv2d if axes == 2 else nn.Conv3d
        self.look = convolution(1, 1, 3, padding=1)
        self.scores = nn.Linear(1, 2)
        with torch.no_grad():
            self.look.weight.zero_()
            self.look.weight[(0, 0, *[1] * axes)] = 1
            self.look.bias.zero_()
            self.scores.weight.copy_(torch.tensor([[-40.0], [40.0]]))
            self.scores.bias.copy_(torch.tensor([0.2, -0.2]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(torch.relu(self.look(images)).flatten(2).mean(2))


def scan_of(values: NDArray[np.floating], *, affine: NDArray[np.float64] = TILTED) -> CtScan:
    """A scan in HU on a tilted grid."""
    x, y, z = values.shape
    volume = Volume(values=values.astype(np.float32), grid=Grid(shape=(x, y, z), affine=affine))
    return scan_of_slices(slices_of(volume, unit="HU"))


def scan_of_slices(stack: SliceStack) -> CtScan:
    """The same from slices."""
    check = check_hounsfield(stack.values)
    return CtScan(volume=volume_of(stack), slices=stack, unit="HU", hounsfield=check)


def bright_scan() -> CtScan:
    """Air with one bright place."""
    values = np.full(SHAPE, -1000.0)
    values[6:-6, 6:-6] = 10.0
    values[BRIGHT] = 80.0
    return scan_of(values)


@cache
def explained(*methods: str) -> ModelExplanation:
    """The bright scan as the network sees it, quickly checked."""
    return explain_model(
        Brightest(),
        bright_scan(),
        look=NetworkInput(window="brain"),
        class_index=1,
        settings=ExplainSettings(methods=methods or ("hirescam",), quick=True),
    )


TINY = ExampleSettings(n_pairs=12, n_test_pairs=4, n_epochs=1, methods=("hirescam",), quick=True)


@cache
def example() -> Example:
    """A tiny example: nothing is learnt in it."""
    return run_example(settings=TINY)
