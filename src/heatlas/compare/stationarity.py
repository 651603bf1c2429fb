"""Whether maps are as rough and as variable everywhere, and what follows where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.stats import chi2

from heatlas.compare.blocks import Blocks, blocks_of
from heatlas.compare.policy import Selection
from heatlas.core.execute import Executor, SerialExecutor
from heatlas.core.space import Grid
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
LEVEL = 0.01  # of each of the two tests
FACTOR = 2.0  # between the largest and the smallest block; less does little harm
WIDEST = 3.0  # allowance for heavy tails; beyond it values sit in a few places, and that is uneven
ANGLES = 16  # nodes over the angle between a lag and the step to a neighbour
AXES = 5 / 9  # of one axis: three share the work, and their squares go together (Gaussian curve)
RIDGE = 1e-3  # of the blocks' own variances; keeps their covariance invertible


@dataclass(frozen=True, kw_only=True, eq=False)
class Stationarity(Value):
    """How even each map is over sixteen blocks of its mask; every array has shape (maps,).

    Parameters
    ----------
    variance_range, roughness_range : numpy.ndarray of float64
        Largest divided by smallest local variance, and local roughness (the mean squared
        difference of neighbours); NaN where nothing was checked.
    p_variance, p_roughness : numpy.ndarray of float64
        How easily a stationary map as smooth as this one differs as much between its blocks.
    """

    variance_range: Floats
    roughness_range: Floats
    p_variance: Floats
    p_roughness: Floats

    @property
    def flagged(self) -> Flags:
        """True for maps that differ between blocks beyond chance, and by a factor of two."""
        varies = (self.p_variance < LEVEL) & (self.variance_range >= FACTOR)
        roughens = (self.p_roughness < LEVEL) & (self.roughness_range >= FACTOR)
        return np.asarray(varies | roughens)


def selected_blocks(selection: Selection) -> Blocks | None:
    """Return the blocks of a selection's mask.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.

    Returns
    -------
    Blocks or None
        None over parcels, and over masks too small for blocks.
    """
    mask = selection.mask
    return blocks_of(mask) if isinstance(mask.space, Grid) else None


def check_stationarity(
    selection: Selection,
    maps: Sequence[int],
    *,
    blocks: Blocks | None = None,
    executor: Executor | None = None,
) -> Stationarity:
    """Compare the blocks of each map with each other.

    Parameters
    ----------
    selection : Selection
        Maps that all have values at the same elements.
    maps : sequence of int
        Numbers of the maps.
    blocks : Blocks, optional
        Of the selection's mask; None makes them.
    executor : Executor, optional
        Runs maps side by side in threads; None takes one after the other.

    Returns
    -------
    Stationarity
        One value a map; NaN over parcels and over masks too small for blocks.

    Notes
    -----
    The mask is cut into sixteen blocks, and voxels are averaged to some 30,000 cells. Logarithms
    of the blocks' variances around the map's mean, and of their mean squared differences of
    neighbours, are compared by a quadratic form with the covariance that a stationary Gaussian map
    with this autocorrelation would give them, widened for heavy tails. Time: two FFTs a map on the
    averaged grid, and 152 once.
    """
    nothing = np.full(len(maps), np.nan)
    blocks = blocks or selected_blocks(selection)
    if blocks is None:
        return Stationarity(
            variance_range=nothing,
            roughness_range=nothing,
            p_variance=nothing,
            p_roughness=nothing,
        )
    cut = blocks
    cut.prepare()

    def judged(number: int) -> tuple[float, float, float, float]:
        return _judged(cut.cells(selection.values_of(number)), cut)

    runner = executor or SerialExecutor()
    found = np.array(list(runner.map(judged, maps)))
    return Stationarity(
        variance_range=found[:, 0],
        p_variance=found[:, 1],
        roughness_range=found[:, 2],
        p_roughness=found[:, 3],
    )


def local_share(
    selection: Selection,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    blocks: Blocks | None = None,
) -> Floats:
    """Return by what the effective n shrinks where autocorrelations may differ between blocks.

    Parameters
    ----------
    selection : Selection
        Maps on a grid that all have values at the same elements.
    rows, columns : sequence of int
        Numbers of the maps.
    blocks : Blocks, optional
        Of the selection's mask; None makes them.

    Returns
    -------
    numpy.ndarray of float64, shape (rows, columns)
        ``sum_h N(h) C_x(h) C_y(h) / sum_b sum_h N_b(h) C_xb(h) C_yb(h)``, with C_xb the
        autocovariance from pairs whose first element lies in block b and C_x the one from all
        pairs; 1 where nothing can be said.

    Notes
    -----
    Times Dutilleul's n it is an effective n for maps that are stationary within blocks only: for
    these, n_eff is tr(C_x) tr(C_y) / tr(C_x C_y). Where one of the two maps is stationary it is
    near 1. Time: 34 FFTs a map on the averaged grid.
    """
    blocks = blocks or selected_blocks(selection)
    if blocks is None:
        return np.ones((len(rows), len(columns)))
    numbers = sorted({*rows, *columns})
    place = {number: k for k, number in enumerate(numbers)}
    cells = np.ix_([place[k] for k in rows], [place[k] for k in columns])
    local = np.stack([blocks.covariances(blocks.cells(selection.values_of(k))) for k in numbers])
    pairs = blocks.pairs.sum(axis=1)
    total = np.maximum(pairs.sum(axis=0), 1)
    whole = np.stack([_ended(np.sum(pairs * one, axis=0) / total) for one in local])
    ended = np.stack([[_ended(curve) for curve in one] for one in local])
    together = (whole * total) @ whole.T
    apart = np.einsum("xbh,bh,ybh->xy", ended, pairs, ended)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where((apart > 0) & (together > 0), together / apart, 1.0)
    share = (share + share.T) / 2  # swapping the two maps changes no digit
    return np.asarray(share[cells])


def _judged(cells: Floats, blocks: Blocks) -> tuple[float, float, float, float]:
    """Return range and p of the local variance, then of the local roughness."""
    variance, roughness = blocks.variances(cells), blocks.roughnesses(cells)
    if not (variance.min() > 0 and roughness.min() > 0):
        return np.inf, 0.0, np.inf, 0.0
    curve = _ended(blocks.autocovariance(cells))
    correlation = curve / curve[0]
    tails = float(np.mean(blocks.fourth_moments(cells) / variance**2))
    widened = min(max(1.0, (tails - 1) / 2), WIDEST)
    found: list[float] = []
    for local, shared, sizes in (
        (variance, correlation**2, blocks.sizes),
        (roughness, _of_differences(correlation, radii=blocks.radii), blocks.joined),
    ):
        # Differences are fewer than cells: at a block's faces they have no partner.
        spread = widened * 2 * np.einsum("bch,h->bc", blocks.pairs, shared)
        spread /= np.sqrt(np.outer(blocks.sizes * sizes, blocks.sizes * sizes))
        found += [float(local.max() / local.min()), _p_even(np.log(local), spread)]
    return found[0], found[1], found[2], found[3]


def _p_even(values: Floats, covariance: Floats) -> float:
    """Return p of values that scatter around one mean with a covariance."""
    steady = covariance + RIDGE * np.diag(np.diag(covariance))
    ones = np.ones(len(values))
    solved = np.linalg.solve(steady, np.column_stack([values, ones]))
    form = values @ solved[:, 0] - (ones @ solved[:, 0]) ** 2 / (ones @ solved[:, 1])
    return float(chi2.sf(max(form, 0), len(values) - 1))


def _of_differences(correlation: Floats, *, radii: Floats) -> Floats:
    """Return the mean squared correlation of two neighbour differences, by shell of their lag.

    A difference along a step e has the autocovariance 2 rho(h) - rho(h + e) - rho(h - e); h comes
    from all directions, and the three axes share the work of estimating one roughness.
    """
    nodes, weights = np.polynomial.legendre.leggauss(ANGLES)
    smooth = CubicSpline(radii, correlation, bc_type=((1, 0.0), (2, 0.0)))
    ahead = np.sqrt(np.maximum(radii[:, None] ** 2 + 1 + 2 * radii[:, None] * nodes, 0))
    beside = smooth(np.minimum(ahead, radii[-1]))
    difference = 2 * correlation[:, None] - beside - beside[:, ::-1]
    share = difference / max(2 - 2 * float(smooth(1.0)), 1e-6)
    return np.asarray(np.square(share) @ weights / 2 * AXES)


def _ended(curve: Floats) -> Floats:
    """Return a curve that is 0 from its first value on that is not positive."""
    ended = np.flatnonzero(curve <= 0)
    cut = curve.copy()
    if ended.size:
        cut[ended[0] :] = 0
    return cut
