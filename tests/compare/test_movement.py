"""Cells whose sign turns come first, then those that move farthest."""

from __future__ import annotations

import numpy as np

from heatlas.compare.movement import movement_table
from heatlas.core.matrix import LabelledMatrix, Side


def test_what_turns_comes_first_and_then_what_moves_farthest() -> None:
    here = np.array([[0.1, 0.5, 0.2]])
    other = np.array([[-0.1, 0.9, np.nan]])
    matrix = LabelledMatrix(
        values=here, rows=Side(names=("a",)), columns=Side(names=("x", "y", "z")), kind="Pearson r"
    )
    found = movement_table(
        matrix,
        {"common": here, "whole-grid": other},
        shown=np.array([[True, True, True]]),
        turned=np.array([[True, False, False]]),
        element="region",
    )
    assert found.words("column") == ("x", "y", "z")
    np.testing.assert_allclose(found.numbers("range"), [0.2, 0.4, np.nan])
    assert "under 2 policies" in found.caption
    assert "the sign of 1 of 3 cells" in found.caption
    assert "region" in found.column("common").description
