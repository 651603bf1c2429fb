"""Which cells rest on the same elements, so that what depends on those is counted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.policy import Selection

Packed = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class CellSet:
    """Cells that rest on the same elements."""

    elements: NDArray[np.bool_]
    """which elements of the selection's mask"""
    across: list[int]
    """place of each cell among the rows"""
    down: list[int]
    """place of each cell among the columns"""


def cell_sets(
    selection: Selection, *, rows: Sequence[int], columns: Sequence[int]
) -> Iterator[CellSet]:
    """Yield the cells of two different maps, put together by the elements that they rest on.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.

    Yields
    ------
    CellSet
        In the order of their first cells.

    Notes
    -----
    Memory: one bit for each element of each map.
    """
    packed = {k: np.packbits(selection.usable_by(k)) for k in sorted({*rows, *columns})}
    join = np.bitwise_or if selection.join == "either" else np.bitwise_and
    cells: dict[bytes, tuple[list[int], list[int]]] = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row != column:
                shared = join(packed[row], packed[column])
                key = blake2b(shared.tobytes(), digest_size=16).digest()
                across, down = cells.setdefault(key, ([], []))
                across.append(i)
                down.append(j)
    for across, down in cells.values():
        shared = join(packed[rows[across[0]]], packed[columns[down[0]]])
        elements = np.unpackbits(shared, count=selection.mask.size).astype(bool)
        yield CellSet(elements=elements, across=across, down=down)
