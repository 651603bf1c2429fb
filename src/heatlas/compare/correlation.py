"""How alike maps are: Pearson, Spearman, concordance, cosine and Dice, for all pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.moments import Moments, Summing, pair_moments
from heatlas.compare.policy import Selection
from heatlas.compare.ranks import rank_correlations, ranked
from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Answer = tuple[Floats, NDArray[np.int64]]
FEWEST = 3  # elements that a correlation needs


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
    summing : Summing
        How sums are taken, and those of these maps that are known.
    """

    selection: Selection
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    dice_above: float = 0.0
    summing: Summing = field(default_factory=Summing)

    def moments(self, *, centred: bool = True) -> Moments:
        """Return the sums of all pairs (see :func:`heatlas.compare.moments.pair_moments`)."""
        return pair_moments(
            self.selection,
            self.rows,
            columns=self.columns,
            centred=centred,
            summing=self.summing,
        )


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
    summing: Summing | None = None,
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
    summing : Summing, optional
        Shared by the selections of one comparison, whose sums are then taken once.

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
    the elements differ from pair to pair. Memory: for each worker two blocks of one million
    values; Spearman over pairs' own elements holds the maps' orders, twice the maps themselves.

    References
    ----------
    Lin (1989), A concordance correlation coefficient to evaluate reproducibility,
    doi:10.2307/2532051. Dice (1945), doi:10.2307/1932409.
    """
    if not dice_above >= 0:
        raise DataError(f"dice: the threshold is a magnitude, {dice_above:g} is negative.")
    chosen = MEASURES[measure]
    question = Question(
        selection=selection,
        rows=tuple(rows),
        columns=tuple(columns),
        dice_above=dice_above,
        summing=summing or Summing(),
    )
    values, n = chosen.compute(question)
    return Likeness(values=np.where(n >= FEWEST, values, np.nan), n=n)


# --------------------------------------------------------------------------------- measures


def _pearson(question: Question) -> Answer:
    moments = question.moments()
    return _correlation(moments), _counts(moments)


def _spearman(question: Question) -> Answer:
    selection = question.selection
    if selection.complete:
        return _pearson(
            replace(question, selection=ranked(selection, executor=question.summing.executor))
        )
    return rank_correlations(
        selection, rows=question.rows, columns=question.columns, executor=question.summing.executor
    )


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
    shape = len(question.rows), len(question.columns)
    shared, total = np.zeros(shape), np.zeros(shape)
    for sign in (1, -1):
        recode = partial(_region, sign=sign, above=question.dice_above)
        moments = pair_moments(
            replace(question.selection, fills=recode(question.selection.fills).astype(np.float64)),
            question.rows,
            columns=question.columns,
            centred=False,
            recode=recode,
            summing=question.summing,
        )
        shared, total = shared + moments.xy, total + moments.xx + moments.yy
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * shared / total), _counts(moments)


def _region(values: NDArray[np.floating], *, sign: int, above: float) -> NDArray[np.floating]:
    """Return 1 in a map's regions of one sign, 0 elsewhere, NaN where there is no value."""
    return np.where(np.isfinite(values), sign * values > above, values.dtype.type(np.nan))


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
