"""Cross-fitting: a place is found on some folds and measured on the subjects held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DesignError
from heatlas.core.random import stream
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count, join

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
FindPeak = Callable[[Rows], int]


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossFit(Value):
    """What held-out subjects show at the place that the others chose.

    Parameters
    ----------
    values : array_like of float64, shape (n,)
        Measured value of each subject at the element of its fold, moved to the mean of the
        covariates; unit of the measure.
    scores : array_like of float64, shape (n,)
        The same in standard deviations from the training folds' mean at that element, so that
        folds with different elements can be put together.
    fold : array_like of int32, shape (n,)
        Fold in which each subject was held out.
    elements : tuple of int
        Element that the training part of each fold chose.
    directions : tuple of int
        Sign of first minus second group at that element in the training part of each fold.
    groups : tuple of str
        Group of each subject.
    levels : tuple of str
        The two groups that are compared, first and second.
    """

    values: Floats
    scores: Floats
    fold: NDArray[np.int32]
    elements: tuple[int, ...]
    directions: tuple[int, ...]
    groups: tuple[str, ...]
    levels: tuple[str, str]

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check their lengths."""
        for name, dtype in {"values": float, "scores": float, "fold": np.int32}.items():
            array = own_array(getattr(self, name), name=name, dtype=dtype, ndim=1)
            check_length(array, name=name, expected=len(self.groups), per="subjects")
            set_field(self, name, to=array)
        set_field(self, "elements", to=tuple(int(element) for element in self.elements))
        set_field(self, "directions", to=tuple(int(sign) for sign in self.directions))

    @property
    def is_one_place(self) -> bool:
        """Whether all folds chose the same element."""
        return len(set(self.elements)) == 1

    @property
    def is_one_direction(self) -> bool:
        """Whether the first group was on the same side of the second in all folds' training."""
        return len(set(self.directions)) == 1

    def scores_of(self, level: str) -> Floats:
        """Return the held-out scores of one group, in the order of the rows."""
        return np.asarray(self.scores[np.array(self.groups) == level])

    def values_of(self, level: str) -> Floats:
        """Return the held-out values of one group, in the order of the rows."""
        return np.asarray(self.values[np.array(self.groups) == level])

    def words(self) -> str:
        """Return how the place was found and measured, in one or two sentences."""
        n_folds, n_places = len(self.elements), len(set(self.elements))
        text = (
            f"Each subject was measured where the contrast peaks in the other "
            f"{n_folds - 1} of {n_folds} folds ({count(n_places, 'place')})."
        )
        if not self.is_one_direction:
            higher = self.directions.count(1)
            text += (
                f" The folds do not agree: in {higher} of {n_folds} {self.levels[0]} is higher, "
                f"in {n_folds - higher} {self.levels[1]}."
            )
        return text


def crossfit_peak(
    values: NDArray[np.floating],
    find_peak: FindPeak,
    *,
    groups: Sequence[str],
    levels: tuple[str, str],
    folds: NDArray[np.int32],
    covariates: ArrayLike | None = None,
) -> CrossFit:
    """Return what each subject shows where the other folds find their peak.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, v)
        One row per subject.
    find_peak : callable
        Takes row numbers, fits the model to those rows only, and returns the element at which
        the contrast is strongest.
    groups : sequence of str
        Group of each row.
    levels : tuple of str
        The two groups to compare; members of other groups take part in training only through
        ``find_peak``.
    folds : numpy.ndarray of int32, shape (n,)
        Fold in which each row is held out, see :func:`stratified_folds`.
    covariates : array_like, shape (n, k), optional
        Numeric columns whose influence is taken out, by coefficients of the training rows.

    Returns
    -------
    CrossFit
        Rows of the two groups, in their order.

    Raises
    ------
    DesignError
        If a training part cannot estimate the groups and covariates.

    Notes
    -----
    Place, direction, covariate coefficients, mean and spread come from the training rows alone,
    so the held-out values are not inflated by having been chosen. Covariates of the held-out
    rows are used; their values at the chosen place are not.

    References
    ----------
    Kriegeskorte et al. (2009), Circular analysis in systems neuroscience: the dangers of double
    dipping. doi:10.1038/nn.2303
    """
    named = np.array([str(group) for group in groups])
    check_length(named, name="groups", expected=len(values), per="rows")
    check_length(folds, name="folds", expected=len(values), per="rows")
    centred = _centred(covariates, n=len(values))
    numbers = np.unique(folds)
    measured, scores = np.full(len(values), np.nan), np.full(len(values), np.nan)
    elements, directions = [], []
    for number in numbers:
        training, held_out = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        element = int(find_peak(training))
        fit = _fit_place(values[:, element], training, groups=named, covariates=centred,
                         levels=levels)  # fmt: skip
        adjusted = values[held_out, element] - centred[held_out] @ fit.slopes
        measured[held_out] = adjusted
        scores[held_out] = (adjusted - fit.mean) / fit.spread
        elements.append(element)
        directions.append(fit.direction)
    rows = np.flatnonzero(np.isin(named, levels))
    return CrossFit(
        values=measured[rows],
        scores=scores[rows],
        fold=np.searchsorted(numbers, folds[rows]).astype(np.int32),
        elements=tuple(elements),
        directions=tuple(directions),
        groups=tuple(named[rows].tolist()),
        levels=levels,
    )


def stratified_folds(
    groups: Sequence[str], *, seed: int, step: str = "folds", n_folds: int = 5
) -> NDArray[np.int32]:
    """Deal subjects to folds, each group as evenly as it goes.

    Parameters
    ----------
    groups : sequence of str
        Group of each row.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    n_folds : int
        Number of folds.

    Returns
    -------
    numpy.ndarray of int32, shape (n,)
        Fold of each row, 0 to n_folds - 1; the same for the same arguments.

    Raises
    ------
    DesignError
        If there are fewer than two folds, more folds than rows, or a group of one.
    """
    named = np.array([str(group) for group in groups])
    if not 2 <= n_folds <= len(named):
        raise DesignError(
            f"folds: {n_folds} asked for with {count(len(named), 'subject')}; expected at least "
            "2 and at most one per subject."
        )
    levels, sizes = np.unique(named, return_counts=True)
    if sizes.min() < 2:
        raise DesignError(
            f"folds: group {join(levels[sizes < 2])} has a single member, who cannot be held out "
            "and be learned from."
        )
    generator = stream(seed, step)
    fold = np.empty(len(named), dtype=np.int32)
    dealt = 0
    for level in levels:
        rows = generator.permutation(np.flatnonzero(named == level))
        # Dealing goes on where the group before stopped, so that folds stay equally large.
        fold[rows] = (dealt + np.arange(len(rows))) % n_folds
        dealt += len(rows)
    return fold


@dataclass(frozen=True, kw_only=True, eq=False)
class _Place(Value):
    """What the training rows say about one element."""

    slopes: Floats
    mean: float
    spread: float
    direction: int


def _fit_place(
    column: NDArray[np.floating],
    training: Rows,
    *,
    groups: NDArray[np.str_],
    covariates: Floats,
    levels: tuple[str, str],
) -> _Place:
    """Fit group means and covariates to the training rows of one element."""
    present = np.unique(groups[training])
    lacking = [level for level in levels if level not in present]
    if lacking:
        raise DesignError(f"folds: no member of {join(lacking)} is left to learn from.")
    dummies = (groups[training][:, None] == present).astype(np.float64)
    matrix = np.hstack([dummies, covariates[training]])
    measured = np.asarray(column[training], dtype=np.float64)
    coefficients, _, rank, _ = np.linalg.lstsq(matrix, measured, rcond=None)
    dof = len(training) - int(rank)
    if rank < matrix.shape[1] or dof < 1:
        raise DesignError(
            f"folds: {len(training)} training rows cannot tell {matrix.shape[1]} groups and "
            "covariates apart. Use fewer covariates or more folds."
        )
    residual = measured - matrix @ coefficients
    spread = float(np.sqrt(residual @ residual / dof))
    # Constant values leave residuals of the size of rounding rather than 0.
    if spread <= 1e-12 * float(np.abs(measured).max()):
        raise DesignError("folds: the chosen place does not vary within the groups.")
    first, second = (coefficients[np.flatnonzero(present == level)[0]] for level in levels)
    return _Place(
        slopes=coefficients[len(present) :],
        mean=float(first + second) / 2,
        spread=spread,
        direction=int(np.sign(first - second)),
    )


def _centred(covariates: ArrayLike | None, *, n: int) -> Floats:
    """Return covariates around their mean over all rows, shape (n, k)."""
    if covariates is None:
        return np.zeros((n, 0))
    given = np.asarray(covariates, dtype=np.float64)
    columns = given[:, None] if given.ndim == 1 else given
    check_length(columns, name="covariates", expected=n, per="rows")
    return np.asarray(columns - columns.mean(axis=0))
