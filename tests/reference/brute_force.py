"""Permutation tests as their definitions say, in plain loops of numpy and scipy alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

Floats = NDArray[np.float64]
Move = tuple[Sequence[int], Sequence[float]]
"""Which map stands in each place, and its sign."""
TIE = 1e-9


def free_moves(n: int) -> list[Move]:
    """Every order of n maps."""
    return [(rows, np.ones(n)) for rows in itertools.permutations(range(n))]


def flips_of(units: Sequence[int]) -> list[Move]:
    """Every pattern of signs; maps with one label flip together."""
    labels = np.unique(units, return_inverse=True)[1]
    patterns = itertools.product((1.0, -1.0), repeat=int(labels.max()) + 1)
    return [(range(len(labels)), np.array(pattern)[labels]) for pattern in patterns]


def within_moves(blocks: Sequence[int]) -> list[Move]:
    """Every order that leaves each map in its block."""
    places = [np.flatnonzero(np.array(blocks) == block) for block in sorted(set(blocks))]
    moves: list[Move] = []
    for orders in itertools.product(*(itertools.permutations(place) for place in places)):
        rows = np.empty(len(blocks), int)
        for place, order in zip(places, orders, strict=True):
            rows[place] = order
        moves.append((rows, np.ones(len(blocks))))
    return moves


def whole_moves(blocks: Sequence[int]) -> list[Move]:
    """Every order of whole blocks of one size, the maps of each in their order."""
    places = [np.flatnonzero(np.array(blocks) == block) for block in sorted(set(blocks))]
    moves: list[Move] = []
    for order in itertools.permutations(range(len(places))):
        rows = np.empty(len(blocks), int)
        for place, other in zip(places, order, strict=True):
            rows[place] = places[other]
        moves.append((rows, np.ones(len(blocks))))
    return moves


def products_of(first: Iterable[Move], second: Iterable[Move]) -> list[Move]:
    """Every move of the first kind after every one of the second."""
    others = [(np.array(rows), np.array(signs)) for rows, signs in second]
    return [
        (rows[list(then)], signs[list(then)] * after)
        for then, after in first
        for rows, signs in others
    ]


def arranged(maps: Floats, nuisance: Floats, *, moves: Iterable[Move]) -> Iterable[Floats]:
    """Yield the maps whose residuals of the nuisance were moved, as Freedman and Lane wrote it."""
    fit = nuisance @ linalg.pinv(nuisance) @ maps
    residuals = maps - fit
    for rows, signs in moves:
        yield fit + np.asarray(signs)[:, None] * residuals[list(rows)]


def t_of(maps: Floats, matrix: Floats, *, weights: Floats) -> Floats:
    """t of a contrast in each element, by least squares."""
    inverse = linalg.pinv(matrix)
    beta = inverse @ maps
    left = maps - matrix @ beta
    dof = len(maps) - np.linalg.matrix_rank(matrix)
    variance = (left**2).sum(axis=0) / dof
    return np.asarray(
        weights @ beta / np.sqrt(variance * (weights @ inverse @ inverse.T @ weights))
    )


def f_of(maps: Floats, matrix: Floats, *, nuisance: Floats) -> Floats:
    """F of what the matrix explains beyond the nuisance in each element."""
    full, less = (((maps - x @ linalg.pinv(x) @ maps) ** 2).sum(axis=0) for x in (matrix, nuisance))
    ranks = [int(np.linalg.matrix_rank(x)) for x in (matrix, nuisance)]
    return np.asarray((less - full) / (ranks[0] - ranks[1]) / (full / (len(maps) - ranks[0])))


def corrected_p(observed: Floats, maxima: Sequence[float]) -> Floats:
    """Share of the maxima that reach each value."""
    reach = observed - TIE * np.abs(observed)
    return np.array([np.mean([largest >= value for largest in maxima]) for value in reach])


def stepped_down_p(observed: Floats, arrangements: Sequence[Floats]) -> Floats:
    """Corrected p of Westfall and Young's step-down procedure, from all arrangements' values."""
    p, largest_p = np.empty(len(observed)), 0.0
    left = list(range(len(observed)))
    for element in sorted(left, key=lambda e: -observed[e]):
        reached = [max(values[e] for e in left) >= observed[element] * (1 - TIE)
                   for values in arrangements]  # fmt: skip
        largest_p = max(largest_p, float(np.mean(reached)))
        p[element] = largest_p
        left.remove(element)
    return p


def tfce_of(volume: Floats) -> Floats:
    """Exact TFCE of the positive tail (E = 1/2, H = 2, faces touch): one labelling per height."""
    enhanced, below = np.zeros(volume.shape), 0.0
    for height in np.unique(volume[volume > 0]):
        components, _ = ndimage.label(volume >= height)
        sizes = np.bincount(components.ravel())
        step = (height**3 - below**3) / 3
        enhanced += np.where(components > 0, np.sqrt(sizes[components]) * step, 0)
        below = height
    return enhanced


def clusters_of(volume: Floats, *, cut: float, weigh: Callable[[Floats], Floats]) -> Floats:
    """Sum of the weights of each voxel's cluster above a cut (faces touch), 0 outside clusters."""
    components, n = ndimage.label(volume > cut)
    sums = np.array([0.0, *(weigh(volume[components == k]).sum() for k in range(1, n + 1))])
    return np.asarray(sums[components])
