"""The border of what survives: closed polygons around regions of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# Of the 16 ways in which four pixels (bits 0 to 3: upper left, upper right, lower left, lower
# right) belong to the region: which one is the odd one out, or the
# two outside in a checkerboard.
ODD_PIXELS = {
    code: np.array([k for k in range(4) if (code >> k & 1) == (code.bit_count() == 1)])
    for code in range(16)
    if code.bit_count() in (1, 3) or code in (6, 9)
}
IS_CORNER = np.array([code in ODD_PIXELS for code in range(16)])
IS_SADDLE = np.array([code in (6, 9) for code in range(16)], dtype=np.int64)
# The outside lies away from a lone pixel of the region, and towards a lone pixel of the outside.
OUTWARD = np.array([-1.0 if code.bit_count() == 1 else 1.0 for code in range(16)])


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
        last joins the first. Pixels that touch by a corner share a polygon; a hole has one of
        its own. Nothing of the region is covered by the line.

    Notes
    -----
    In every row and every column of the lattice the corners pair up in order, so only the
    corners are visited one by one; time grows with their number, not with the area.
    """
    region = np.asarray(region, dtype=bool)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not rows.size:
        return []
    top, left = rows[0], columns[0]
    part = region[top : rows[-1] + 1, left : columns[-1] + 1]
    corners = _find_corners(np.pad(part, 1))
    beside = _partners(corners.y, corners.x * 2 + corners.along_row)
    above = _partners(corners.x, corners.y * 2 + corners.along_column)
    # The padding of one pixel moves everything by one.
    points = np.stack([corners.x + corners.out_x, corners.y + corners.out_y], axis=1)
    points += (left - 1.0, top - 1.0)
    return [points[loop] for loop in _loops(beside.tolist(), above.tolist())]


def _find_corners(padded: NDArray[np.bool_]) -> _Corners:
    """Find where borders turn, with the two corners of a checkerboard kept apart."""
    # The four pixels around each place of the lattice, as bits; read in reading order.
    bits = padded.astype(np.uint8)
    around = bits[:-1, :-1] | bits[:-1, 1:] << 1 | bits[1:, :-1] << 2 | bits[1:, 1:] << 3
    flat = np.flatnonzero(IS_CORNER[around])
    code = around.ravel()[flat]
    # A checkerboard (6 and 9) has two corners at one place: one for each pixel outside.
    place = np.repeat(flat, 1 + IS_SADDLE[code])
    odd = np.concatenate([ODD_PIXELS[kind] for kind in code.tolist()] or [np.empty(0, np.int64)])
    sign = np.repeat(OUTWARD[code], 1 + IS_SADDLE[code])
    y, x = np.divmod(place, around.shape[1])
    right, low = odd % 2, odd // 2
    out_x, out_y = sign * (right - 0.5), sign * (low - 0.5)
    return _Corners(x + 1, y + 1, out_x, out_y, right, low)


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
