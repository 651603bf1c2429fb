"""How sure a correlation of smooth maps is: Dutilleul's effective n by FFT, its p and interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from heatlas.compare.lags import Lags, bounding_box, box_of, lags_of
from heatlas.compare.mirror import Mirror, correlations, mirror_of
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
        ``n^2 / sum_h (N(h) r_x(h) r_y(h) + M(h) s_x(h) s_y(h))`` over lags h, with N(h) ordered
        pairs of elements, M(h) those by the lag from one to the mirror image of the other, and s
        the correlation of a map with its mirror image; NaN where a pair shares fewer than three
        elements. Swapping the two maps changes nothing.

    Notes
    -----
    Both maps are taken as stationary and isotropic: their autocorrelations are means over shells
    one voxel wide, divided by the pairs that the mask really holds, and end at their first value
    that is not positive. The two sides of a brain are alike: maps with equal sides are worth half
    of what distance alone says, and without the second sum 14 to 17 % of such independent maps are
    significant at .05. The plane between the sides is x = 0 mm; where the mask shares less than
    half of its elements with its mirror image the second sum is left out.
    Where all pairs share their elements, each map costs four FFTs and all pairs one small matrix
    product; otherwise each distinct set of elements costs as much.
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
        p of Student's t with n_eff - 2 degrees of freedom, two-sided; 1 where n_eff is not above
        2, for so little shows nothing, and NaN where it is unknown. The interval is that of
        Fisher's z with n_eff, and -1 to 1 where n_eff is not above 3.
    """
    df = n_eff - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.abs(r) * np.sqrt(df / (1 - r**2))
        p = 2 * special.stdtr(df, -t)
        half = special.ndtri(0.5 + level / 2) / np.sqrt(n_eff - 3)
        z = np.arctanh(r)
        low, high = np.tanh(z - half), np.tanh(z + half)
    known = np.isfinite(r) & np.isfinite(n_eff)
    narrow = known & (n_eff > 3)
    exact = np.abs(r) == 1
    return Certainty(
        n_eff=n_eff,
        p=np.where(known, np.where(df > 0, np.clip(p, SMALLEST_P, 1), 1.0), np.nan),
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
    inside = selection.mask.inside.reshape(selection.mask.grid.shape)
    mirror = mirror_of(inside, grid=selection.mask.grid)
    lags = mirror.lags if mirror is not None else lags_of(inside, grid=selection.mask.grid)

    def curves_of(number: int) -> tuple[Floats, Floats]:
        return correlations(selection.values_of(number), lags=lags, mirror=mirror)

    whole = _effective(list(runner.map(curves_of, numbers)), lags=lags, mirror=mirror)
    return whole[np.ix_(np.searchsorted(numbers, rows), np.searchsorted(numbers, columns))]


def _over_many_sets(
    selection: Selection, rows: Sequence[int], *, columns: Sequence[int], runner: Executor
) -> Floats:
    """Return the effective n where pairs rest on elements of their own, set by set."""
    mask = selection.mask
    anywhere = mask.inside.reshape(mask.grid.shape)
    common = mirror_of(anywhere, grid=mask.grid)
    within = bounding_box(anywhere) if common is None else common.within_grid
    box = box_of(tuple(cut.stop - cut.start for cut in within), grid=mask.grid)

    def answers_of(cells: CellSet) -> tuple[CellSet, Floats | float]:
        if cells.elements.sum() < FEWEST:
            return cells, np.nan
        whole = np.zeros(mask.space.size, dtype=bool)
        whole[mask.indices[cells.elements]] = True
        inside = whole.reshape(mask.grid.shape)[within]
        mirror = None if common is None else common.of(inside)
        lags = Lags(inside=inside, box=box) if mirror is None else mirror.lags
        across, down = (
            np.asarray(side)[k] for side, k in ((rows, cells.across), (columns, cells.down))
        )
        numbers = sorted({*across, *down})
        curves = [
            correlations(selection.values_of(k)[cells.elements], lags=lags, mirror=mirror)
            for k in numbers
        ]
        found = _effective(curves, lags=lags, mirror=mirror)
        return cells, found[np.searchsorted(numbers, across), np.searchsorted(numbers, down)]

    found = np.full((len(rows), len(columns)), np.nan)
    for cells, answers in runner.map(answers_of, cell_sets(selection, rows=rows, columns=columns)):
        found[cells.across, cells.down] = answers
    return found


def _effective(
    curves: Sequence[tuple[Floats, Floats]], *, lags: Lags, mirror: Mirror | None
) -> Floats:
    """Return the effective n of all pairs of maps with these curves, shape (m, m)."""
    own, across = (np.stack(side) for side in zip(*curves, strict=True))
    shared = _weighted(own, pairs_of=lags.pairs_of)
    if mirror is not None:
        shared = shared + _weighted(across, pairs_of=mirror.pairs_of)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(lags.inside.sum() ** 2 / shared)


def _weighted(curves: Floats, *, pairs_of: Callable[[int], Floats]) -> Floats:
    """Return the sum over shells of pairs times both maps' curves, shape (m, m)."""
    used = np.flatnonzero(curves.any(axis=0))
    if not used.size:
        return np.zeros((len(curves), len(curves)))
    reached = int(used[-1]) + 1
    weighted = curves[:, :reached] * np.sqrt(pairs_of(reached))
    with one_thread():
        return np.asarray(weighted @ weighted.T)
