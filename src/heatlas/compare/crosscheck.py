"""The judgement once more where maps are not stationary: an effective n counted within blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.nulls import Certainty, judge_correlations
from heatlas.compare.policy import Selection, select_elements
from heatlas.compare.stationarity import (
    Stationarity,
    check_stationarity,
    local_share,
    selected_blocks,
)
from heatlas.core.execute import Executor
from heatlas.core.space import Grid
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossCheck(Value):
    """How stationary maps are, and each cell's judgement if they are so within blocks only.

    Parameters
    ----------
    names : tuple of str
        The maps that were checked.
    even : Stationarity
        One value a map.
    pairs : numpy.ndarray of bool, shape (rows, columns)
        Cells of two maps that are both flagged: the others need no second judgement.
    n_eff, p : numpy.ndarray of float64, shape (rows, columns)
        Effective n and two-sided p; in cells that are no such pair those of the default.
    p_fwer : numpy.ndarray of float64, shape (rows, columns)
        p corrected over all distinct cells by Holm.
    """

    names: tuple[str, ...]
    even: Stationarity
    pairs: Flags
    n_eff: Floats
    p: Floats
    p_fwer: Floats

    def take(self, cells: tuple[NDArray[np.int64], ...]) -> CrossCheck:
        """Return the same with rows and columns in another order."""
        return replace(
            self,
            pairs=self.pairs[cells],
            n_eff=self.n_eff[cells],
            p=self.p[cells],
            p_fwer=self.p_fwer[cells],
        )


def cross_check(
    selection: Selection,
    r: Floats,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    n_eff: Floats,
    n_given: int = 0,
    executor: Executor | None = None,
) -> CrossCheck | None:
    """Check maps for stationarity, and judge again the pairs in which neither is stationary.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    r : numpy.ndarray of float64, shape (rows, columns)
        Their correlations.
    rows, columns : sequence of int
        Numbers of the maps.
    n_eff : numpy.ndarray of float64, shape (rows, columns)
        Dutilleul's; NaN is not judged.
    n_given : int
        How many maps were regressed out.
    executor : Executor, optional
        Runs maps side by side in threads; None takes one after the other.

    Returns
    -------
    CrossCheck or None
        Not yet corrected over cells; None over parcels, and where no voxel is shared by all maps.

    Notes
    -----
    Where one map of a pair is stationary, its covariance can be taken out of the sum over places,
    and Dutilleul's n is right whatever the other map does.
    """
    shared = _shared(selection)
    if shared is None:
        return None
    numbers = sorted({*rows, *columns})
    blocks = selected_blocks(shared)
    even = check_stationarity(shared, numbers, blocks=blocks, executor=executor)
    flagged = dict(zip(numbers, even.flagged, strict=True))
    across = [i for i, k in enumerate(rows) if flagged[k]]
    down = [j for j, k in enumerate(columns) if flagged[k]]
    pairs = np.zeros(r.shape, dtype=bool)
    pairs[np.ix_(across, down)] = True
    pairs &= np.isfinite(n_eff)
    local = np.array(n_eff)
    if pairs.any():
        local[np.ix_(across, down)] *= local_share(
            shared,
            rows=[rows[i] for i in across],
            columns=[columns[j] for j in down],
            blocks=blocks,
        )
    sure: Certainty = judge_correlations(r, n_eff=local - n_given)
    p = np.where(np.isfinite(n_eff), sure.p, np.nan)
    names = tuple(selection.maps.names[k] for k in numbers)
    return CrossCheck(names=names, even=even, pairs=pairs, n_eff=local, p=p, p_fwer=p)


def _shared(selection: Selection) -> Selection | None:
    """Return the maps over elements that all measure; None where there is no such, or no grid."""
    if not isinstance(selection.mask.space, Grid):
        return None
    if selection.complete:
        return selection
    if not selection.maps.measured_by_all.any():
        return None
    return select_elements(selection.maps, policy="common")
