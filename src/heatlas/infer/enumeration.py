"""How many arrangements differ, and all of them where they are few."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heatlas.infer.block_tree import Node, Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Census:
    """Which rows of a design are equal, and equal to the negative of which.

    Parameters
    ----------
    classes : numpy.ndarray of int64, shape (n,)
        The class of each row; equal rows have the same, and exchanging them changes nothing.
    negatives : numpy.ndarray of int64, shape (n,)
        The class of each row with its sign changed.
    flips : bool
        Whether the signs of the units change as well: the parts of the outermost blocks whose
        parts are exchanged, and single maps where there are none.
    """

    classes: Rows
    negatives: Rows
    flips: bool
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict, init=False)

    def content(self, node: Node, *, sign: int = 1) -> int:
        """Return a number for all that can stand in place of a block without its signs changing.

        Two blocks have the same number if and only if rearranging what is inside the one can make
        it equal to the other.
        """
        if not node.children:
            row = node.rows[0]
            return self._number("map", int((self.classes if sign > 0 else self.negatives)[row]))
        if len(node.children) == 1:
            return self.content(node.children[0], sign=sign)
        parts = [self.content(child, sign=sign) for child in node.children]
        return self._number("block", *(sorted(parts) if node.moves else parts))

    def unit(self, node: Node) -> int:
        """Return the same for a unit whose sign may change."""
        return min(self.content(node), self.content(node, sign=-1))

    def mirrors(self, node: Node) -> bool:
        """Whether a block with all signs changed can be rearranged into itself."""
        return self.content(node) == self.content(node, sign=-1)

    def _number(self, *key: object) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def census_of(rows: Floats, *, flips: bool) -> Census:
    """Compare the rows of a design.

    Parameters
    ----------
    rows : numpy.ndarray of float64, shape (n, p)
        The design; twelve digits of each column's largest magnitude are compared.
    flips : bool
        Whether signs change.

    Returns
    -------
    Census
        The classes of the rows.
    """
    size = np.abs(rows).max(axis=0)
    rounded = np.round(rows / np.where(size > 0, size, 1), 12)
    both = np.concatenate([rounded, -rounded]) + 0.0  # no negative zeros
    classes = np.unique(both, axis=0, return_inverse=True)[1].ravel()
    return Census(classes=classes[: len(rows)], negatives=classes[len(rows) :], flips=flips)


def distinct_rows(n: int, *, flips: bool) -> Census:
    """Return the census of n rows of which no two are equal, whatever their signs."""
    return Census(classes=np.arange(n), negatives=np.arange(n) + n, flips=flips)


def count_arrangements(tree: Node, census: Census) -> float:
    """Return how many arrangements of the design differ; infinite beyond float64.

    Parameters
    ----------
    tree : Node
        What is exchanged.
    census : Census
        The rows of the design.

    Returns
    -------
    float
        At least 1.
    """
    return as_float(_count(tree, census, flips=census.flips))


def as_float(number: int) -> float:
    """Return a whole number as float64, infinite beyond its range."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _count(node: Node, census: Census, *, flips: bool) -> int:
    """Count the different contents of a block; ``flips``: it holds units whose signs change."""
    if not node.children:
        return 1 + (flips and not census.mirrors(node))
    if not (flips and node.moves):
        own = _orders(node, census) if node.moves else 1
        return own * _product(_count(child, census, flips=flips) for child in node.children)
    return _orders(node, census, flips=True) * _product(
        _count(unit, census, flips=False) * (1 if census.mirrors(unit) else 2)
        for unit in node.children
    )


def _product(numbers: Iterator[int]) -> int:
    """Multiply small and large numbers in a balanced order, which is fast for very many."""
    left = list(numbers)
    while len(left) > 1:
        pairs = [a * b for a, b in zip(left[::2], left[1::2], strict=False)]
        left = pairs + left[len(left) - len(left) % 2 :]
    return left[0] if left else 1


def _orders(node: Node, census: Census, *, flips: bool = False) -> int:
    """Return in how many orders the parts of a block can stand, equal ones alike."""
    kinds = _kinds(node, census, flips=flips)
    orders = math.factorial(len(kinds))
    times = np.bincount(kinds)
    for repeated in times[times > 1]:
        orders //= math.factorial(int(repeated))
    return orders


def _kinds(node: Node, census: Census, *, flips: bool) -> Rows:
    """Number the parts of a block from 0, those alike that can become equal."""
    numbers = [census.unit(child) if flips else census.content(child) for child in node.children]
    return np.asarray(np.unique(numbers, return_inverse=True)[1]).ravel()


def list_arrangements(tree: Node, census: Census) -> tuple[Rows, Floats | None]:
    """Return every arrangement that differs once, the identity first.

    Parameters
    ----------
    tree : Node
        What is exchanged.
    census : Census
        The rows of the design.

    Returns
    -------
    rows : numpy.ndarray of int64, shape (N, n)
        Which row of the design stands in each place.
    signs : numpy.ndarray of float64, shape (N, n), or None
        Its sign; None where signs do not change.
    """
    signed = _list(tree, census, flips=census.flips)
    listed = np.empty_like(signed)
    listed[:, tree.rows] = signed
    rows = np.abs(listed) - 1
    return rows, np.sign(listed).astype(np.float64) if census.flips else None


def _list(node: Node, census: Census, *, flips: bool) -> Rows:
    """List the different contents of a block as signed row numbers from 1, shape (N, maps)."""
    if not node.children:
        one = node.rows[None] + 1
        return np.concatenate([one, -one]) if flips and not census.mirrors(node) else one
    moves = node.moves
    inside = [_list(child, census, flips=flips and not moves) for child in node.children]
    if flips and moves:
        inside = [
            rows if census.mirrors(unit) else np.concatenate([rows, -rows])
            for rows, unit in zip(inside, node.children, strict=True)
        ]
    if not moves:
        return _combine(inside)
    kinds = [int(kind) for kind in _kinds(node, census, flips=flips)]
    return np.concatenate([
        _combine([inside[part] for part in order]) for order in _distinct_orders(kinds)
    ])


def _combine(parts: Sequence[Rows]) -> Rows:
    """Put every content of each part beside every content of the others, the first ones first."""
    sizes = tuple(len(part) for part in parts)
    chosen = np.unravel_index(np.arange(math.prod(sizes)), sizes)
    return np.concatenate([part[i] for part, i in zip(parts, chosen, strict=True)], axis=1)


def _distinct_orders(kinds: list[int]) -> Iterator[list[int]]:
    """Yield every distinct order of the parts once, as their numbers, the given one first."""
    yield list(range(len(kinds)))
    places: dict[int, list[int]] = {}
    for part, kind in enumerate(kinds):
        places.setdefault(kind, []).append(part)
    sequence = sorted(kinds)
    while True:
        if sequence != kinds:
            following = {kind: iter(parts) for kind, parts in places.items()}
            yield [next(following[kind]) for kind in sequence]
        if not _advance(sequence):
            return


def _advance(sequence: list[int]) -> bool:
    """Turn the sequence into the next one in lexicographic order; False after the last."""
    i = len(sequence) - 2
    while i >= 0 and sequence[i] >= sequence[i + 1]:
        i -= 1
    if i < 0:
        return False
    j = len(sequence) - 1
    while sequence[j] <= sequence[i]:
        j -= 1
    sequence[i], sequence[j] = sequence[j], sequence[i]
    sequence[i + 1 :] = reversed(sequence[i + 1 :])
    return True
