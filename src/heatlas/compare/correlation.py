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
    rows = np.zeros(selection.maps.values.shape, dtype=np.float32)
    for k, values in enumerate(selection.maps.values):
        usable = slice(None) if selection.usable is None else selection.usable[k]
        ranks = rankdata(values[usable])
        # Around zero and scaled to one, ranks of any number of voxels fit float32 alike.
        rows[k, usable] = (ranks - (len(ranks) + 1) / 2) / len(ranks)
    return replace(selection, maps=replace(selection.maps, values=rows))


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
    shift = _means(selection, maps) if centred and selection.join != "either" else 0.0
    size = len(maps)
    sums = {key: np.zeros((size, size)) for key in ("n", "x", "xx", "xy")}
    for start in range(0, selection.maps.mask.size, BLOCK):
        block = slice(start, start + BLOCK)
        values = selection.maps.values[maps, block].astype(np.float64)
        if selection.usable is None:
            usable = np.ones_like(values)
        else:
            usable = selection.usable[maps, block].astype(np.float64)
        values = np.where(usable > 0, values, 0) - shift * usable
        _add_block(sums, values, usable=usable, shared=selection.usable is None)
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
    values = selection.maps.values[maps]
    if selection.usable is None:
        return np.asarray(values.mean(axis=1, dtype=np.float64, keepdims=True))
    usable = selection.usable[maps]
    total = np.sum(values, axis=1, dtype=np.float64, where=usable, keepdims=True)
    return np.asarray(total / np.maximum(usable.sum(axis=1, keepdims=True), 1))


def _add_block(sums: dict[str, Floats], values: Floats, *, usable: Floats, shared: bool) -> None:
    """Add the sums of one block; x of (i, j) is the sum of map i where j is usable too."""
    sums["xy"] += values @ values.T
    if shared:
        sums["n"] += values.shape[1]
        sums["x"] += values.sum(axis=1)[:, None]
        sums["xx"] += np.einsum("ij,ij->i", values, values)[:, None]
        return
    sums["n"] += usable @ usable.T
    sums["x"] += values @ usable.T
    sums["xx"] += (values * values) @ usable.T


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
    if selection.usable is None or selection.usable.all():
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
    ranks = [rankdata(selection.maps.values[k, shared]) - (n + 1) / 2 for k in pair]
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
    maps = question.selection.maps
    cut = question.dice_above
    shape = len(question.rows), len(question.columns)
    shared, total = np.zeros(shape), np.zeros(shape)
    for region in (maps.values > cut, maps.values < -cut):
        regions = replace(maps, values=region.astype(np.float32))
        within = replace(question, selection=replace(question.selection, maps=regions))
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
