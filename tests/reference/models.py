"""Stacks of plain numbers, so that published examples go through the whole path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns


def stack_of(values: ArrayLike, **columns: Sequence[Any]) -> MapStack:
    """A stack with one element per column of the values, and a table of these columns."""
    maps = np.asarray(values, dtype=np.float32)
    maps = maps.reshape(len(maps), -1)
    mask = Mask(
        space=Grid(shape=(maps.shape[1], 1, 1), affine=np.eye(4)),
        inside=np.ones(maps.shape[1], dtype=bool),
    )
    ids = tuple(str(row) for row in range(len(maps)))
    return MapStack(
        values=maps,
        mask=mask,
        ids=ids,
        table=table_from_columns(columns or {"row": list(range(len(maps)))}),
    )
