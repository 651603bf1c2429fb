"""How sure a correlation of smooth maps is: Dutilleul's effective n by FFT, its p and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from heatlas.compare.lags import Lags, autocorrelation, bounding_box, box_of, lags_of
from heatlas.compare.parcel_lags import parcel_effective_n
from heatlas.compare.policy import Selection
from heatlas.compare.sets import CellSet, cell_sets
from heatlas.core.execute import Executor, SerialExecutor, one_thread
from heatlas.core.parcels import Parcels
from heatlas.core.value import Value

Floats = NDArray[np.float64]
SMALLEST_P = 1e-300  # a p is never zero
FEWEST = 3  # elements that a correlation needs


@dataclass(frozen=True, kw_only=True, eq=False)
class Certainty(Value):
    """What is known about each correlation; every array has shape (rows, columns).

    Parameters
    ----------
    n_eff : numpy.ndarray of float64
        How many independent elements would be as informative.
    p : numpy.ndarray of float64
        Two-sided, uncorrected; NaN where a map meets itself or nothing can be tested.
    low, high : numpy.ndarray of float64
        Limits of the interval.
    level : float
        Its level.
    """

    n_eff: Floats
    p: Floats
    low: Floats
    high: Floats
    level: float = 0.95


def effective_n(
    selection: Selection,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    executor: Executor | None = None,
) -> Floats:
    """Return Dutilleul's effective n of each pair of maps.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.
    executor : Executor, optional
        Runs the maps, or the sets of elements, side by side in threads; None takes one after the
        other.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, columns)
        ``n^2 / sum_h N(h) r_x(h) r_y(h)`` over lags h, with N(h) ordered pairs of elements; NaN
        where a pair shares fewer than three elements. Swapping the two maps changes nothing.

    Notes
    -----
    Both maps are taken as stationary and isotropic: their autocorrelations are means over shells
    one voxel wide, divided by the pairs that the mask really holds, and end at their first value
    that is not positive. Where all pairs share their elements, each map costs two FFTs and all
    pairs one small matrix product; otherwise each distinct set of elements costs as much.
    Memory: for each worker about ten arrays as large as the bounding box in float32, where a curve
    is long about forty; and one bit for each element of each map. Over parcels see
    :func:`heatlas.compare.parcel_lags.parcel_effective_n`.

    References
    ----------
    Clifford, Richardson, Hemon (1989), doi:10.2307/2532039. Dutilleul (1993),
    doi:10.2307/2532625.
    """
    if isinstance(selection.mask.space, Parcels):
        return parcel_effective_n(selection, rows=rows, columns=columns)
    runner = executor or SerialExecutor()
    if selection.complete:
        return _over_one_set(selection, rows, columns=columns, runner=runner)
    return _over_many_sets(selection, rows, columns=columns, runner=runner)


def judge_correlations(r: Floats, *, n_eff: Floats, level: float = 0.95) -> Certainty:
    """Return p and interval of correlations from their effective n.

    Parameters
    ----------
    r : numpy.ndarray of float64
        Correlations, any shape.
    n_eff : numpy.ndarray of float64
        Effective n, same shape.
    level : float
        Level of the interval.

    Returns
    -------
    Certainty
        p of Student's t with n_eff - 2 degrees of freedom, two-sided; NaN where n_eff is not
        above 2. The interval is that of Fisher's z with n_eff, and -1 to 1 where n_eff is not
        above 3.
    """
    df = n_eff - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.abs(r) * np.sqrt(df / (1 - r**2))
        p = 2 * special.stdtr(df, -t)
        half = special.ndtri(0.5 + level / 2) / np.sqrt(n_eff - 3)
        z = np.arctanh(r)
        low, high = np.tanh(z - half), np.tanh(z + half)
    known = np.isfinite(r) & (df > 0)
    narrow = known & (n_eff > 3)
    exact = np.abs(r) == 1
    return Certainty(
        n_eff=n_eff,
        p=np.where(known, np.clip(p, SMALLEST_P, 1), np.nan),
        low=np.where(exact, r, np.where(narrow, low, np.where(known, -1.0, np.nan))),
        high=np.where(exact, r, np.where(narrow, high, np.where(known, 1.0, np.nan))),
        level=level,
    )


def _over_one_set(
    selection: Selection, rows: Sequence[int], *, columns: Sequence[int], runner: Executor
) -> Floats:
    """Return the effective n of maps that all rest on the same elements, map by map."""
    if selection.mask.size < FEWEST:
        return np.full((len(rows), len(columns)), np.nan)
    numbers = sorted({*rows, *columns})
    lags = lags_of(
        selection.mask.inside.reshape(selection.mask.grid.shape), grid=selection.mask.grid
    )

    def curve_of(number: int) -> Floats:
        return autocorrelation(selection.values_of(number), lags=lags)

    whole = _effective(np.stack(list(runner.map(curve_of, numbers))), lags=lags)
    return whole[np.ix_(np.searchsorted(numbers, rows), np.searchsorted(numbers, columns))]


def _over_many_sets(
    selection: Selection, rows: Sequence[int], *, columns: Sequence[int], runner: Executor
) -> Floats:
    """Return the effective n where pairs rest on elements of their own, set by set."""
    mask = selection.mask
    within = bounding_box(mask.inside.reshape(mask.grid.shape))
    box = box_of(tuple(cut.stop - cut.start for cut in within), grid=mask.grid)

    def answers_of(cells: CellSet) -> tuple[CellSet, Floats | float]:
        if cells.elements.sum() < FEWEST:
            return cells, np.nan
        whole = np.zeros(mask.space.size, dtype=bool)
        whole[mask.indices[cells.elements]] = True
        lags = Lags(inside=whole.reshape(mask.grid.shape)[within], box=box)
        across, down = (
            np.asarray(side)[k] for side, k in ((rows, cells.across), (columns, cells.down))
        )
        numbers = sorted({*across, *down})
        curves = [
            autocorrelation(selection.values_of(k)[cells.elements], lags=lags) for k in numbers
        ]
        found = _effective(np.stack(curves), lags=lags)
        return cells, found[np.searchsorted(numbers, across), np.searchsorted(numbers, down)]

    found = np.full((len(rows), len(columns)), np.nan)
    for cells, answers in runner.map(answers_of, cell_sets(selection, rows=rows, columns=columns)):
        found[cells.across, cells.down] = answers
    return found


def _effective(curves: Floats, *, lags: Lags) -> Floats:
    """Return the effective n of all pairs of maps with these autocorrelations, shape (m, m)."""
    reached = int(np.flatnonzero(curves.any(axis=0))[-1]) + 1
    weighted = curves[:, :reached] * np.sqrt(lags.pairs_of(reached))
    with one_thread(), np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(lags.inside.sum() ** 2 / (weighted @ weighted.T))
