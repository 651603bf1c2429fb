"""Groups of arrangements by brute force, from the definition of the blocks and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Member = tuple[tuple[int, ...], tuple[int, ...]]
"""Which row stands in each place, and its sign."""

# Families of the kind that the Human Connectome Project recruited: the family type holds families
# that may be exchanged; twins and the sibling of one family stay apart (family negative), two
# ordinary siblings may be exchanged (family positive).
TWIN_FAMILIES = np.array([
    [-1, 1, -1, 1000, 11],
    [-1, 2, 3, 10, 31],
    [-1, 1, -1, 1000, 12],
    [-1, 1, -1, 10, 13],
    [-1, 1, -2, 10, 21],
    [-1, 1, -2, 1000, 22],
    [-1, 2, 4, 10, 41],
    [-1, 1, -2, 1000, 23],
    [-1, 2, 4, 10, 42],
    [-1, 2, 3, 10, 32],
])


def tables() -> dict[str, Labels]:
    """Small blocks of every kind, as levels."""
    ones = np.ones(6, np.int64)
    pairs = np.array([3, 1, 2, 2, 3, 1])
    return {
        "free": np.ones((4, 1), np.int64),
        "within pairs": np.column_stack([-ones, pairs]),
        "within unequal": np.column_stack([-ones, [7, 9, 9, 9, 7, 5]]),
        "whole pairs": np.column_stack([ones, -pairs]),
        "both pairs": np.column_stack([ones, pairs]),
        "nothing": np.column_stack([-ones, -pairs]),
        "runs of sessions": np.column_stack([
            -np.ones(8),
            [1, 1, 1, 1, 2, 2, 2, 2],
            [-1, -1, -2, -2, 3, 3, 4, 4],
        ]).astype(np.int64),
        "twin families": TWIN_FAMILIES,
    }


def permutations_of(labels: Labels) -> set[tuple[int, ...]]:
    """Every permutation that the signs of the labels allow."""
    return {rows for rows, _ in members_of(labels, action="permutations")}


def members_of(labels: Labels, *, action: str) -> set[Member]:
    """Every permutation, pattern of signs, or pair of them."""
    chosen = {
        "permutations": [*_swaps(labels)],
        "sign-flips": [*_flips(labels)],
        "both": [*_swaps(labels), *_flips(labels)],
    }
    return _closure(chosen[action], len(labels))


def _swaps(labels: Labels) -> Iterable[Member]:
    """Yield the exchanges of neighbours, of which all permutations are made."""
    n = len(labels)
    for parts in exchangeable_parts(labels):
        for first, second in zip(parts[:-1], parts[1:], strict=True):
            rows = list(range(n))
            for a, b in zip(first, second, strict=True):
                rows[a], rows[b] = b, a
            yield tuple(rows), (1,) * n


def _flips(labels: Labels) -> Iterable[Member]:
    """Yield the sign-flip of each unit."""
    n = len(labels)
    for unit in units_of(labels):
        yield tuple(range(n)), tuple(-1 if row in unit else 1 for row in range(n))


def exchangeable_parts(labels: Labels) -> Iterable[list[list[int]]]:
    """Yield the parts of each block with a positive label, rows in order of the inner labels."""
    n_levels = labels.shape[1]
    for level in range(n_levels):
        for path in sorted({tuple(row) for row in labels[:, : level + 1].tolist()}):
            if path[-1] < 0:
                continue
            inside = [i for i in range(len(labels)) if tuple(labels[i, : level + 1]) == path]
            if level + 1 == n_levels:
                yield [[i] for i in inside]
                continue
            inside.sort(key=lambda i: (*np.abs(labels[i, level + 1 :]), i))
            names = list(dict.fromkeys(labels[inside, level + 1].tolist()))
            yield [[i for i in inside if labels[i, level + 1] == name] for name in names]


def units_of(labels: Labels) -> set[tuple[int, ...]]:
    """The rows that flip together: what lies under the outermost positive label."""
    units = set()
    for row in range(len(labels)):
        positive = np.flatnonzero(labels[row] > 0)
        depth = positive[0] + 2 if positive.size else labels.shape[1] + 1
        if depth > labels.shape[1]:
            units.add((row,))
        else:
            same = (labels[:, :depth] == labels[row, :depth]).all(axis=1)
            units.add(tuple(np.flatnonzero(same).tolist()))
    return units


def designs_of(members: Iterable[Member], matrix: NDArray[np.float64]) -> set[tuple[float, ...]]:
    """The different designs that the members make."""
    return {
        tuple((np.array(signs)[:, None] * matrix[list(rows)] + 0.0).ravel())
        for rows, signs in members
    }


def _closure(generators: list[Member], n: int) -> set[Member]:
    """Compose until nothing new appears."""
    identity: Member = (tuple(range(n)), (1,) * n)
    known, fresh = {identity}, [identity]
    while fresh:
        rows, signs = fresh.pop()
        for other, flips in generators:
            made = (
                tuple(rows[i] for i in other),
                tuple(signs[i] * flip for i, flip in zip(other, flips, strict=True)),
            )
            if made not in known:
                known.add(made)
                fresh.append(made)
    return known
