"""A tree of merges as lines beside the rows or above the columns of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def branches(linkage: Floats, leaves: Sequence[float], *, reach: float) -> list[Floats]:
    """Return the lines of a tree whose leaves lie on the axis along = leaves, away = 0.

    Parameters
    ----------
    linkage : numpy.ndarray, shape (k - 1, 4)
        Merges: two clusters, their distance, their size; leaf number k stands k-th.
    leaves : sequence of float, length k
        Where each leaf stands along the axis.
    reach : float
        How far the last merge lies away from the axis.

    Returns
    -------
    list of numpy.ndarray, shape (4, 2)
        One bracket a merge: (along, away) of its four corners.
    """
    tallest = float(linkage[:, 2].max())
    stretch = reach / tallest if tallest > 0 else 0.0
    along = [*map(float, leaves)]
    away = [0.0] * len(along)
    brackets = []
    for first, second, distance, _ in linkage.tolist():
        one, other = int(first), int(second)
        height = distance * stretch
        brackets.append(
            np.array([
                (along[one], away[one]),
                (along[one], height),
                (along[other], height),
                (along[other], away[other]),
            ])
        )
        along.append((along[one] + along[other]) / 2)
        away.append(height)
    return brackets
