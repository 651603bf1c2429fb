"""Exchangeability blocks as a tree: which blocks trade places, which maps flip together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from heatlas.core.errors import DesignError
from heatlas.core.words import count, join
from heatlas.infer.exchangeability import Exchangeability, Labels

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Node:
    """A block of maps, or a single map.

    Parameters
    ----------
    rows : numpy.ndarray of int64
        The maps below, in the order in which they trade places with those of another block.
    children : tuple of Node
        The sub-blocks, in the same order; empty for a single map.
    moves : bool
        Whether the sub-blocks may be exchanged with each other as wholes.
    shape : tuple
        How the block is divided; blocks of one shape can take each other's place.
    """

    rows: Rows
    children: tuple[Node, ...] = ()
    moves: bool = False
    shape: tuple[Any, ...] = ()  # nested without end, which no type can say


def grow(exchangeability: Exchangeability, *, n: int, alike: bool = True) -> Node:
    """Return the tree of the blocks of n maps.

    Parameters
    ----------
    exchangeability : Exchangeability
        The blocks.
    n : int
        Number of maps.
    alike : bool
        Whether blocks have to be able to trade places; those whose signs flip need not.

    Returns
    -------
    Node
        The root.

    Raises
    ------
    DesignError
        If the labels do not fit the maps, if they are not nested, or if blocks that may be
        exchanged differ in size or division.
    """
    labels = exchangeability.levels(n)
    moves = bool(labels[0, 0] > 0)
    return _branch(np.arange(n), labels, level=0, moves=moves, named=exchangeability, alike=alike)


def _branch(
    rows: Rows, labels: Labels, *, level: int, moves: bool, named: Exchangeability, alike: bool
) -> Node:
    """Return the block that holds these rows at this level."""
    if len(rows) == 1:
        return Node(rows=rows)
    if level + 1 == labels.shape[1]:
        children = [Node(rows=rows[i : i + 1]) for i in range(len(rows))]
    else:
        groups = _groups(rows, labels, level=level, named=named)
        below = level + 1
        children = [
            _branch(group, labels, level=below, moves=bool(labels[group[0], below] > 0),
                    named=named, alike=alike)
            for group in groups
        ]  # fmt: skip
    if moves and alike:
        _check_alike(children, level=level, named=named)
    return Node(
        rows=np.concatenate([child.rows for child in children]),
        children=tuple(children),
        moves=moves,
        shape=children[0].shape
        if len(children) == 1
        else (moves, tuple(child.shape for child in children)),
    )


def _groups(rows: Rows, labels: Labels, *, level: int, named: Exchangeability) -> list[Rows]:
    """Return the rows of each sub-block, in order of the labels without their sign."""
    below = labels[rows, level + 1]
    order = np.argsort(np.abs(below), kind="stable")
    rows, below = rows[order], below[order]
    starts = np.flatnonzero(np.diff(np.abs(below))) + 1
    groups = np.split(rows, starts)
    for group, signs in zip(groups, np.split(np.sign(below), starts), strict=True):
        if signs.min() != signs.max():
            raise DesignError(
                f"blocks: label {abs(labels[group[0], level + 1])} of "
                f"{named.level_name(level + 1)} is positive for some maps and negative for "
                "others of one block; give it one sign, or number two blocks."
            )
    if level + 2 < labels.shape[1]:
        _check_nested(groups, labels, level=level + 2, named=named)
    return groups


def _check_nested(
    groups: list[Rows], labels: Labels, *, level: int, named: Exchangeability
) -> None:
    """Raise where sub-blocks share some labels: neither numbered through nor started anew."""
    sets = sorted((set(np.abs(labels[group, level]).tolist()) for group in groups), key=len)
    if len(set().union(*sets)) == sum(map(len, sets)):
        return
    if all(first <= second for first, second in zip(sets[:-1], sets[1:], strict=True)):
        return
    shared = next(
        label for i, some in enumerate(sets) for other in sets[i + 1 :] for label in some & other
    )
    raise DesignError(
        f"blocks: label {shared} of {named.level_name(level)} stands in more than one block of "
        f"{named.level_name(level - 1)}, while other labels stand in one only; levels must be "
        "nested: number the blocks of a level through, or start anew in each block of the level "
        "above."
    )


def _check_alike(children: list[Node], *, level: int, named: Exchangeability) -> None:
    """Raise unless all sub-blocks can take each other's place."""
    if len({child.shape for child in children}) == 1:
        return
    sizes = np.array([len(child.rows) for child in children])
    where = "" if named.kind != "multi-level" else f" of {named.level_name(level + 1)}"
    remedy = (
        "shuffle within blocks instead"
        if named.kind != "multi-level"
        else "gather those that are alike under labels of their own, of a level that stays in place"
    )
    if sizes.min() < sizes.max():
        known, times = np.unique(sizes, return_counts=True)
        listed = join(f"{k} of {count(int(s), 'map')}" for s, k in zip(known, times, strict=True))
        raise DesignError(
            f"blocks: only blocks of one size can be exchanged as wholes, but those{where} are "
            f"unequal ({listed}); {remedy}."
        )
    raise DesignError(
        f"blocks: the blocks{where} that may be exchanged as wholes are divided differently, taken "
        f"in the order of their labels; number what is alike in the same order, or {remedy}."
    )


def exchanges(tree: Node) -> tuple[Rows, ...]:
    """Return what trades places, the innermost first, each of shape (blocks, parts, maps).

    One entry holds all blocks of one depth that have as many parts of one size; the parts of a
    block are exchanged with each other, independently of the other blocks.
    """
    found: dict[tuple[int, int, int], list[Rows]] = {}
    for depth, node in _walk(tree):
        if node.moves and len(node.children) > 1:
            parts = np.stack([child.rows for child in node.children])
            found.setdefault((-depth, *parts.shape), []).append(parts)
    return tuple(np.stack(found[key]) for key in sorted(found))


def _walk(tree: Node) -> Iterator[tuple[int, Node]]:
    """Yield every block with its depth."""
    waiting = [(0, tree)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        waiting.extend((depth + 1, child) for child in reversed(node.children) if child.children)


def flip_units(tree: Node) -> Rows:
    """Return the number of the unit of each map; the signs of a unit flip together."""
    units = np.zeros(len(tree.rows), np.int64)
    groups = _units(tree)
    groups.sort(key=lambda rows: int(rows.min()))
    for number, rows in enumerate(groups):
        units[rows] = number
    return units


def _units(node: Node) -> list[Rows]:
    """Return the rows of each unit: the parts of the outermost blocks whose parts move."""
    if not node.children:
        return [node.rows]
    if node.moves:
        return [child.rows for child in node.children]
    return [rows for child in node.children for rows in _units(child)]


def orbits(moved: tuple[Rows, ...], *, n: int) -> Rows:
    """Return a number for each map, the same for all whose places it can take."""
    ends = [(parts[:, :-1].ravel(), parts[:, 1:].ravel()) for parts in moved]
    if not ends:
        return np.arange(n)
    first, second = (np.concatenate(side) for side in zip(*ends, strict=True))
    links = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
