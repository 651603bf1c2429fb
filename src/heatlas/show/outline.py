"""The border of what survives: closed polygons around regions of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Corners:
    """Corners of borders; each has one horizontal and one vertical neighbour."""

    x: Ints
    y: Ints
    # Step from the corner to the middle of the pixel that lies outside the region.
    out_x: NDArray[np.float64]
    out_y: NDArray[np.float64]
    # Order among two corners at one place, along the row and along the column.
    along_row: Ints
    along_column: Ints


def trace(region: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """Return closed polygons that run through the pixels just outside a region.

    Parameters
    ----------
    region : numpy.ndarray of bool, shape (height, width)
        The pixels to surround.

    Returns
    -------
    list of numpy.ndarray of float64, shape (k, 2)
        Corners (x, y) at pixel centres (k + 0.5), horizontal and vertical edges in turn; the
        last joins the first. Pixels that touch by a corner only belong to separate polygons;
        a hole has a polygon of its own. Nothing of the region is covered by the line.

    Notes
    -----
    In every row and every column of the lattice the corners pair up in order, so only the
    corners are visited one by one; time grows with their number, not with the area.
    """
    corners = _find_corners(np.pad(np.asarray(region, dtype=bool), 1))
    if not corners.x.size:
        return []
    beside = _partners(corners.y, corners.x * 2 + corners.along_row)
    above = _partners(corners.x, corners.y * 2 + corners.along_column)
    # The padding of one pixel moves everything by one.
    points = np.stack([corners.x + corners.out_x, corners.y + corners.out_y], axis=1) - 1.0
    return [points[loop] for loop in _loops(beside.tolist(), above.tolist())]


def _find_corners(padded: NDArray[np.bool_]) -> _Corners:
    """Find where borders turn, with the two corners of a checkerboard kept apart."""
    a, b = padded[:-1, :-1], padded[:-1, 1:]
    c, d = padded[1:, :-1], padded[1:, 1:]
    count = a.astype(np.int8) + b + c + d
    saddle = (count == 2) & (a == d)
    parts = [_turns((a, b, c, d), at=(count == 1), inside=True)]
    parts.append(_turns((a, b, c, d), at=(count == 3), inside=False))
    parts.append(_turns((a, b, c, d), at=saddle, inside=True))
    return _Corners(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _turns(
    cells: tuple[NDArray[np.bool_], ...], *, at: NDArray[np.bool_], inside: bool
) -> tuple[NDArray[np.generic], ...]:
    """Return the corners at places whose odd cell (the region's, or the hole's) is each in turn."""
    columns = []
    # Cells in order: upper left, upper right, lower left, lower right.
    for index, cell in enumerate(cells):
        y, x = np.nonzero(at & (cell if inside else ~cell))
        right, low = index % 2, index // 2
        sign = -1.0 if inside else 1.0
        half = np.full(x.size, 0.5 * sign)
        columns.append((
            x + 1,
            y + 1,
            half * (1 if right else -1),
            half * (1 if low else -1),
            np.full(x.size, right),
            np.full(x.size, low),
        ))
    return tuple(np.concatenate(column) for column in zip(*columns, strict=True))


def _partners(line: Ints, order: Ints) -> Ints:
    """Return for each corner the one that it is joined to along its row or column."""
    ranked = np.lexsort((order, line))
    partner = np.empty_like(ranked)
    partner[ranked[0::2]] = ranked[1::2]
    partner[ranked[1::2]] = ranked[0::2]
    return partner


def _loops(beside: list[int], above: list[int]) -> list[list[int]]:
    """Follow horizontal and vertical edges in turn until each corner is in a loop."""
    seen = bytearray(len(beside))
    loops = []
    for start in range(len(beside)):
        if seen[start]:
            continue
        loop, here = [], start
        while not seen[here]:
            there = beside[here]
            seen[here] = seen[there] = 1
            loop += [here, there]
            here = above[there]
        loops.append(loop)
    return loops
