"""Deletion and insertion: what happens to P(class) when the image is taken away or brought in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.learn.network.engine import in_parts
from heatlas.learn.network.model import Network, probabilities

Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves(Value):
    """P(class) while pixels are replaced, those of the largest values first.

    Parameters
    ----------
    shares : array_like of float64, shape (n,)
        Share of the pixels that were replaced, 0 to 1.
    deletion : array_like of float64, shape (n,)
        P(class) when the image's pixels become the baseline's.
    insertion : array_like of float64, shape (n,)
        P(class) when the baseline's pixels become the image's.
    """

    shares: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Take ownership of the curves."""
        for name in ("shares", "deletion", "insertion"):
            owned = own_array(getattr(self, name), name=name, dtype=np.float64, ndim=1)
            set_field(self, name, to=owned)

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve: small where the map finds what the class rests on."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve: large where the map finds what the class rests on."""
        return float(np.trapezoid(self.insertion, self.shares))

    @property
    def gain(self) -> float:
        """Insertion less deletion: 0 for a map that says nothing about the class."""
        return self.insertion_area - self.deletion_area


def replacement_curves(
    values: Floats,
    *,
    network: Network,
    image: Floats,
    baseline: Floats,
    class_index: int,
    n_steps: int,
) -> Curves:
    """Replace pixels in the order of a map and follow P(class).

    Parameters
    ----------
    values : numpy.ndarray, shape (...)
        The map; of equal values the first pixel goes first.
    network : Network
        What is asked; it has to know what its scores are.
    image, baseline : numpy.ndarray, shape (channels, ...)
        What it looks at, and what stands for nothing.
    class_index : int
        Whose probability is followed.
    n_steps : int
        Equal steps from none to all pixels.

    Returns
    -------
    Curves
        n_steps + 1 points each.

    Raises
    ------
    DataError
        If the map does not have the image's shape.

    References
    ----------
    Petsiuk, Das, Saenko (2018), RISE: randomized input sampling for explanation of black-box
    models. arXiv:1806.07421
    """
    if values.shape != image.shape[1:]:
        raise DataError(
            f"map: shape {values.shape}, expected that of the image, {image.shape[1:]}."
        )
    order = np.argsort(-values.ravel(), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    counts = np.round(np.linspace(0, order.size, n_steps + 1)).astype(np.int64)
    masks = ((rank < n).reshape(1, *values.shape) for n in counts)
    images = (
        np.where(mask, *pair) for mask in masks for pair in ((baseline, image), (image, baseline))
    )
    shares = np.concatenate([
        probabilities(network, np.stack(part))[:, class_index]
        for part in in_parts(images, network.batch)
    ])
    return Curves(shares=counts / order.size, deletion=shares[::2], insertion=shares[1::2])
