"""Which corrected p the arrangements of a test can reach at all, known before a map is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.words import level, number
from heatlas.infer.arrangements import BLOCK, Arrangements
from heatlas.infer.linear import Partition, partition
from heatlas.infer.permute import arrangements_for
from heatlas.infer.request import PermutationSettings

Floats = NDArray[np.float64]
MOST_COMPARED = 10_000  # beyond so many arrangements the few that tie with the identity matter not
SAME = 1e-9  # share of a unit vector that counts as rounding


def reach_note(
    design: Design, contrast: Contrast, *, settings: PermutationSettings, alpha: float
) -> str:
    """Say whether no corrected p can reach alpha, whatever the maps hold.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        What is tested.
    settings : PermutationSettings
        How.
    alpha : float
        Family-wise level.

    Returns
    -------
    str
        A sentence; ``""`` where alpha is within reach.

    Raises
    ------
    DesignError
        If the design cannot estimate the contrast, or blocks forbid every rearrangement.
    """
    arrangements = arrangements_for(design, contrast, settings=settings)
    n, smallest = arrangements.n_arrangements, 1 / arrangements.n_arrangements
    # Of the projected residuals of Huh and Jhun there is no column to compare.
    if settings.residuals == "freedman-lane" and arrangements.exact and n <= MOST_COMPARED:
        tied = _n_tied(partition(design, contrast), arrangements, contrast=contrast,
                       two_sided=settings.two_sided)  # fmt: skip
        smallest = tied / n
    return reach_words(n, exact=arrangements.exact, smallest=smallest, alpha=alpha)


def reach_words(n: int, *, exact: bool, smallest: float, alpha: float) -> str:
    """Return the sentence that alpha cannot be reached; ``""`` where it can.

    Parameters
    ----------
    n : int
        Number of arrangements, the identity included.
    exact : bool
        Whether these are all that exist.
    smallest : float
        Smallest corrected p within reach.
    alpha : float
        Family-wise level.

    Returns
    -------
    str
        With the numbers.
    """
    if smallest <= alpha * (1 + 1e-12):
        return ""
    why = "exist" if exact else "were asked for"
    return (
        f"Only {n:,} arrangements {why}, so no corrected p can be below {smallest:.3g} and "
        f"{level(alpha)} cannot be reached."
    )


def possible_words(n_possible: float) -> str:
    """Return how many arrangements exist: ``70``, ``about 1.5e+20``, ``more than 1e+300``."""
    if n_possible > 1e300:
        return "more than 1e+300"
    if n_possible < 1e6:
        return f"{n_possible:,.0f}"
    return f"about {number(n_possible, digits=2)}"


def _n_tied(
    parts: Partition, arrangements: Arrangements, *, contrast: Contrast, two_sided: bool
) -> int:
    """Count the arrangements that give every map the statistic that it has anyway.

    That is so where tested and nuisance columns span what they spanned before (and, of a
    one-sided t, the tested one keeps its direction): when two groups of one size trade all places.
    """
    columns = np.concatenate([parts.interest, parts.nuisance], axis=1)
    q = parts.interest.shape[1]
    signed = contrast.kind == "t" and not two_sided
    tied = 0
    for index in range(arrangements.n_blocks):
        moved = _arranged(columns, arrangements, index=index)
        inside = np.einsum("np,bnr->bpr", columns, moved)
        same = np.abs((inside**2).sum(axis=(1, 2)) - columns.shape[1]) < SAME * columns.shape[1]
        nuisance = (inside[:, q:, q:] ** 2).sum(axis=(1, 2))
        same &= np.abs(nuisance - (columns.shape[1] - q)) < SAME * columns.shape[1]
        if signed:
            same &= inside[:, 0, 0] > 0
        used = min(arrangements.n_arrangements - index * BLOCK, BLOCK)
        tied += int(same[:used].sum())
    return max(tied, 1)


def _arranged(columns: Floats, arrangements: Arrangements, *, index: int) -> Floats:
    """Return the columns under each arrangement of a block, shape (BLOCK, n, p)."""
    rows, signs = arrangements.block(index)
    moved = np.broadcast_to(columns, (BLOCK, *columns.shape)) if rows is None else columns[rows]
    return np.asarray(moved if signs is None else moved * signs[..., None])
