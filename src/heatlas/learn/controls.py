"""Maps that know nothing of the network: what an explanation has to be better than."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heatlas.core.random import stream
from heatlas.core.registry import Registry
from heatlas.core.value import Value
from heatlas.learn.alignment import Alignment, on_pixels

Floats = NDArray[np.floating]
# Detail finer than this many pixels is no edge.
EDGE_SIGMA_PX = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Control(Value):
    """A map that is made without the network.

    Parameters
    ----------
    make : callable
        From the image, the explanation's alignment and a seed to a map on pixels.
    words : str
        What it is.
    n_draws : int
        How many of them are made; more than one where chance decides.
    """

    make: Callable[..., Floats]
    words: str
    n_draws: int = 1


def control_maps(name: str, image: Floats, *, alignment: Alignment, seed: int) -> list[Floats]:
    """Return the maps of a control, as many as it draws.

    Parameters
    ----------
    name : str
        A name in :data:`CONTROLS`.
    image : numpy.ndarray, shape (channels, ...)
        What the network looked at.
    alignment : Alignment
        Of the explanation, so that chance is as smooth as that is.
    seed : int
        Seed of what chance decides.

    Returns
    -------
    list of numpy.ndarray, each of shape (...)
        On the image's pixels.

    Raises
    ------
    UnknownNameError
        If there is no such control.
    """
    control = CONTROLS[name]
    chances = [stream(seed, f"control {name}", index=draw) for draw in range(control.n_draws)]
    return [control.make(image, alignment=alignment, chance=chance) for chance in chances]


def _random(image: Floats, *, alignment: Alignment, chance: np.random.Generator) -> Floats:
    return on_pixels(chance.standard_normal(alignment.layer_shape), alignment)


def _edges(image: Floats, *, alignment: Alignment, chance: np.random.Generator) -> Floats:
    slopes = [
        ndimage.gaussian_gradient_magnitude(channel.astype(np.float64), EDGE_SIGMA_PX)
        for channel in image
    ]
    return np.asarray(np.mean(slopes, axis=0))


def _intensity(image: Floats, *, alignment: Alignment, chance: np.random.Generator) -> Floats:
    return np.asarray(image.mean(axis=0, dtype=np.float64))


CONTROLS: Registry[Control] = Registry(
    "control",
    {
        "random": Control(make=_random, words="chance, as smooth as the map", n_draws=5),
        "edges": Control(make=_edges, words="the slope of the image"),
        "intensity": Control(make=_intensity, words="the image itself"),
    },
)
