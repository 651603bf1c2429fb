"""How alike maps are: Pearson, Spearman, concordance, cosine and Dice, for all pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from heatlas.compare.policy import Selection
from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Answer = tuple[Floats, NDArray[np.int64]]
BLOCK = 1 << 14  # elements that are multiplied at once
FEWEST = 3  # elements that a correlation needs


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments(Value):
    """Sums over the elements of each pair; every array has shape (rows, columns).

    Parameters
    ----------
    n : numpy.ndarray
        How many elements the pair rests on.
    x, y, xx, yy, xy : numpy.ndarray
        Sums of the row map, the column map, their squares and their product.
    """

    n: Floats
    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats

    @property
    def covariances(self) -> tuple[Floats, Floats, Floats]:
        """Sums of squares of row and column map and of products around the pair's means."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (
                np.maximum(self.xx - self.x**2 / self.n, 0),
                np.maximum(self.yy - self.y**2 / self.n, 0),
                self.xy - self.x * self.y / self.n,
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Question(Value):
    """Which maps are compared over which elements.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : tuple of int
        Numbers of the maps.
    dice_above : float
        Magnitude above which a voxel belongs to a map's regions.
    """

    selection: Selection
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    dice_above: float = 0.0

    def moments(self, *, centred: bool = True) -> Moments:
        """Return the sums of all pairs (see :func:`pair_moments`)."""
        return pair_moments(self.selection, self.rows, columns=self.columns, centred=centred)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measure(Value):
    """A way to say how alike two maps are.

    Parameters
    ----------
    name : str
        How it is called.
    title : str
        What its values are, for bars and captions.
    compute : callable
        Takes a :class:`Question` and returns values and n, both of shape (rows, columns).
    tested : bool
        Whether it is a correlation that Dutilleul's effective n judges.
    signed : bool
        Whether it can be negative.
    """

    name: str
    title: str
    compute: Callable[[Question], Answer]
    tested: bool = False
    signed: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Likeness(Value):
    """A measure for every pair.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (rows, columns)
        NaN where a pair has fewer than three elements or one of its maps is constant there.
    n : numpy.ndarray of int64, shape (rows, columns)
        How many elements each value rests on.
    """

    values: Floats
    n: NDArray[np.int64]


def compare_pairs(
    selection: Selection,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    measure: str = "pearson",
    dice_above: float = 0.0,
) -> Likeness:
    """Return how alike the maps of rows and columns are.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.
    measure : str
        One of :data:`MEASURES`.
    dice_above : float
        Magnitude above which a voxel belongs to a map's regions, for "dice".

    Returns
    -------
    Likeness
        Values and how many elements each rests on.

    Raises
    ------
    UnknownNameError
        If there is no such measure.
    DataError
        If the threshold of "dice" is negative.

    Notes
    -----
    Sums come from matrix products over blocks of elements in float64, around each map's own mean,
    so that r agrees with a two-pass computation to 1e-9. Spearman ranks anew for each pair where
    the elements differ from pair to pair. Memory: a block of 16,384 elements of all maps.

    References
    ----------
    Lin (1989), A concordance correlation coefficient to evaluate reproducibility,
    doi:10.2307/2532051. Dice (1945), doi:10.2307/1932409.
    """
    if not dice_above >= 0:
        raise DataError(f"dice: the threshold is a magnitude, {dice_above:g} is negative.")
    chosen = MEASURES[measure]
    question = Question(
        selection=selection, rows=tuple(rows), columns=tuple(columns), dice_above=dice_above
    )
    values, n = chosen.compute(question)
    return Likeness(values=np.where(n >= FEWEST, values, np.nan), n=n)


def ranked(selection: Selection) -> Selection:
    """Return the selection with each map's values as ranks over its usable elements."""
    shape = len(selection.maps), selection.maps.mask.size
    rows = np.full(shape, np.nan, dtype=np.float32)
    fills = np.array(selection.fills)
    for k in range(shape[0]):
        values = selection.values_of(k)
        usable = selection.usable_by(k)
        ranks = np.full(values.shape, np.nan)
        # Around zero and scaled to one, ranks of any number of voxels fit float32 alike.
        ranks[usable] = rankdata(values[usable]) / usable.sum() - 0.5
        filled = usable & (values == fills[k])
        fills[k] = ranks[filled][0] if filled.any() else np.where(np.isfinite(fills[k]), 0, np.nan)
        rows[k, selection.elements] = selection.onto_elements(ranks)
        rows[k, np.isnan(selection.maps.values[k])] = np.nan
    rows.setflags(write=False)
    return replace(selection, maps=replace(selection.maps, values=rows), fills=fills)


def pair_moments(
    selection: Selection, rows: Sequence[int], *, columns: Sequence[int], centred: bool = True
) -> Moments:
    """Return the sums over the elements of each pair.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.
    centred : bool
        Whether each map's mean is subtracted first, which keeps digits and changes no covariance;
        never where another map's elements count as zero.

    Returns
    -------
    Moments
        Sums of all pairs.
    """
    maps = sorted({*rows, *columns})
    place = {number: k for k, number in enumerate(maps)}
    shift = np.zeros((len(maps), 1))
    if centred and selection.join != "either":
        shift = _means(selection, maps)
    sums = {key: np.zeros((len(maps), len(maps))) for key in ("n", "x", "xx", "xy")}
    shared = selection.complete
    for start in range(0, len(selection.elements), BLOCK):
        values, usable = selection.block(maps, start=start, stop=start + BLOCK)
        _add_block(sums, values - shift * usable, usable=usable, shared=shared)
    if selection.beyond:
        fills = selection.fills[maps, None]
        usable = np.isfinite(fills)
        values = np.where(usable, fills, 0) - shift * usable
        _add_block(sums, values, usable=usable, shared=shared, times=selection.beyond)
    if selection.join == "either":
        _join_either(sums)
    here = np.ix_([place[k] for k in rows], [place[k] for k in columns])
    there = np.ix_([place[k] for k in columns], [place[k] for k in rows])
    return Moments(
        n=sums["n"][here],
        x=sums["x"][here],
        y=sums["x"][there].T,
        xx=sums["xx"][here],
        yy=sums["xx"][there].T,
        xy=sums["xy"][here],
    )


def _means(selection: Selection, maps: Sequence[int]) -> Floats:
    """Return the mean of each map over its usable elements, shape (m, 1)."""
    total, n = np.zeros((len(maps), 1)), np.zeros((len(maps), 1))
    for start in range(0, len(selection.elements), BLOCK):
        values, usable = selection.block(maps, start=start, stop=start + BLOCK)
        total += values.sum(axis=1, keepdims=True)
        n += usable.sum(axis=1, keepdims=True)
    return np.asarray(total / np.maximum(n, 1))


def _add_block(
    sums: dict[str, Floats],
    values: Floats,
    *,
    usable: NDArray[np.bool_],
    shared: bool,
    times: int = 1,
) -> None:
    """Add the sums of one block; x of (i, j) is the sum of map i where j is usable too."""
    sums["xy"] += times * (values @ values.T)
    if shared:
        sums["n"] += times * values.shape[1]
        sums["x"] += times * values.sum(axis=1)[:, None]
        sums["xx"] += times * np.einsum("ij,ij->i", values, values)[:, None]
        return
    flags = usable.astype(np.float64)
    sums["n"] += times * (flags @ flags.T)
    sums["x"] += times * (values @ flags.T)
    sums["xx"] += times * ((values * values) @ flags.T)


def _join_either(sums: dict[str, Floats]) -> None:
    """Turn sums over shared elements into those over either map's, the other being zero."""
    own = np.diag(sums["n"])
    sums["n"] = own[:, None] + own[None, :] - sums["n"]
    for key in ("x", "xx"):
        sums[key] = np.repeat(np.diag(sums[key])[:, None], len(own), axis=1)


# --------------------------------------------------------------------------------- measures


def _pearson(question: Question) -> Answer:
    moments = question.moments()
    return _correlation(moments), _counts(moments)


def _spearman(question: Question) -> Answer:
    selection, rows, columns = question.selection, question.rows, question.columns
    if selection.complete:
        return _pearson(replace(question, selection=ranked(selection)))
    values = np.full((len(rows), len(columns)), np.nan)
    n = np.zeros(values.shape, dtype=np.int64)
    known: dict[tuple[int, int], tuple[float, int]] = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            key = (min(row, column), max(row, column))
            if key not in known:
                known[key] = _spearman_of_pair(selection, key)
            values[i, j], n[i, j] = known[key]
    return values, n


def _spearman_of_pair(selection: Selection, pair: tuple[int, int]) -> tuple[float, int]:
    shared = selection.pair(*pair)
    n = int(shared.sum())
    if n < FEWEST:
        return np.nan, n
    ranks = [rankdata(selection.values_of(k)[shared]) - (n + 1) / 2 for k in pair]
    sizes = [float(rank @ rank) for rank in ranks]
    if min(sizes) == 0:
        return np.nan, n
    return float(ranks[0] @ ranks[1]) / np.sqrt(sizes[0] * sizes[1]), n


def _concordance(question: Question) -> Answer:
    moments = question.moments(centred=False)
    xx, yy, xy = moments.covariances
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = moments.n * (moments.x / moments.n - moments.y / moments.n) ** 2
        return 2 * xy / (xx + yy + gap), _counts(moments)


def _cosine(question: Question) -> Answer:
    moments = question.moments(centred=False)
    with np.errstate(invalid="ignore", divide="ignore"):
        return moments.xy / np.sqrt(moments.xx * moments.yy), _counts(moments)


def _dice(question: Question) -> Answer:
    """Return twice the shared regions over the sum of both; regions of two signs share nothing."""
    selection, cut = question.selection, question.dice_above
    maps = selection.maps
    measured = np.isfinite(maps.values)
    known = np.isfinite(selection.fills)
    shape = len(question.rows), len(question.columns)
    shared, total = np.zeros(shape), np.zeros(shape)
    for sign in (1, -1):
        inside = np.where(measured, sign * maps.values > cut, np.nan).astype(np.float32)
        fills = np.where(known, sign * selection.fills > cut, np.nan)
        regions = replace(selection, maps=replace(maps, values=inside), fills=fills)
        within = replace(question, selection=regions)
        moments = within.moments(centred=False)
        shared, total = shared + moments.xy, total + moments.xx + moments.yy
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * shared / total), _counts(moments)


def _correlation(moments: Moments) -> Floats:
    xx, yy, xy = moments.covariances
    flat = (xx <= 1e-12 * moments.xx) | (yy <= 1e-12 * moments.yy)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.where(flat, np.nan, xy / np.sqrt(xx * yy))
    return np.clip(r, -1, 1)


def _counts(moments: Moments) -> NDArray[np.int64]:
    return np.rint(moments.n).astype(np.int64)


MEASURES: Registry[Measure] = Registry(
    "measure",
    {
        measure.name: measure
        for measure in (
            Measure(name="pearson", title="Pearson r", compute=_pearson, tested=True),
            Measure(name="spearman", title="Spearman rho", compute=_spearman, tested=True),
            Measure(name="concordance", title="concordance", compute=_concordance),
            Measure(name="cosine", title="cosine similarity", compute=_cosine),
            Measure(name="dice", title="Dice overlap", compute=_dice, signed=False),
        )
    },
)
