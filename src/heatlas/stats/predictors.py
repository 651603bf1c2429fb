"""Predictors: how a table's column enters a model, as a factor or as a covariate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.table import Column
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import number
from heatlas.stats.tokens import Use

Floats = NDArray[np.float64]
POWER_WORDS = {2: "square", 3: "cube", 4: "fourth power"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor(Value):
    """A factor or a covariate on the rows used.

    Parameters
    ----------
    name : str
        Name in terms: ``"group"``, ``"age"``, ``"I(age**2)"``.
    column : str
        The table's column.
    values : array_like of float64, shape (n,)
        A factor's level numbers, or a covariate's values as they enter the design.
    levels : tuple of str
        Levels of a factor, in order; empty for a covariate.
    at_mean : float
        A covariate's value where its column is at the mean of the rows used.
    coding : str
        How the covariate was centred, in words; empty for a factor.
    """

    name: str
    column: str
    values: Floats
    levels: tuple[str, ...] = ()
    at_mean: float = 0.0
    coding: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the values."""
        set_field(self, "values", to=own_array(self.values, name=self.name, dtype=np.float64))

    @property
    def is_factor(self) -> bool:
        """True when it has levels."""
        return bool(self.levels)

    def column_names(self, *, reduced: bool) -> tuple[str, ...]:
        """Return the names of its columns; ``[S.x]`` marks sum-to-zero coding."""
        if not self.is_factor:
            return (self.name,)
        if reduced:
            return tuple(f"{self.name}[S.{level}]" for level in self.levels[:-1])
        return tuple(f"{self.name}[{level}]" for level in self.levels)

    def columns(self, *, reduced: bool) -> Floats:
        """Return its columns of the design, shape (n, columns)."""
        if not self.is_factor:
            return self.values[:, None]
        return np.asarray(self.level_rows(reduced=reduced)[self.values.astype(int)])

    def level_rows(self, *, reduced: bool) -> Floats:
        """Return the coding of each level, shape (levels, columns)."""
        full = np.eye(len(self.levels))
        if not reduced:
            return full
        coded = full[:, :-1]
        coded[-1] = -1.0
        return coded

    def coding_words(self, *, reduced: bool) -> str:
        """Return how it was coded or centred, in words."""
        if not self.is_factor:
            return self.coding
        shown = ", ".join(self.levels[:8])
        if len(self.levels) > 8:
            shown += f" and {len(self.levels) - 8} more"
        if not reduced:
            return f"one column for each level: {shown}"
        first = self.column_names(reduced=True)[0]
        return f"sum-to-zero over {shown}; {first} is {self.levels[0]} above the mean of the levels"


def is_factor(use: Use, column: Column) -> bool:
    """Say whether a column enters as a factor: by C(), or because it holds words.

    Raises
    ------
    DesignError
        If a column of words is used in arithmetic, or holds mostly numbers.
    """
    if use.function == "C":
        return True
    if isinstance(column.values, np.ndarray):
        return False
    words = [(row, word) for row, word in enumerate(column.values) if word is not None]
    strange = [(row, word) for row, word in words if not _is_number(word)]
    if use.function or (strange and len(strange) < len(words) / 2):
        row, word = (strange or words)[0]
        raise DesignError(
            f"Column '{use.column}' must be numeric, but row {row + 1} holds '{word}'; correct "
            f"the cell or write n/a. If the column is a factor, write C({use.column})."
        )
    return True


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "."))
    except ValueError:
        return False
    return True


def make_factor(use: Use, column: Column) -> Predictor:
    """Return a factor with its levels in sorted order (numbers by size).

    Raises
    ------
    DesignError
        If it has fewer than two levels on these rows.
    """
    words = _level_words(column)
    levels = _sorted_levels(column, words)
    if len(levels) < 2:
        raise DesignError(
            f"Factor '{use.column}' has only one level, '{levels[0]}', in the {len(words)} rows "
            "used; leave it out of the model or select other rows."
        )
    numbers = {level: index for index, level in enumerate(levels)}
    codes = np.array([numbers[word] for word in words], dtype=np.float64)
    return Predictor(name=use.name, column=use.column, values=codes, levels=levels)


def _level_words(column: Column) -> list[str]:
    if isinstance(column.values, np.ndarray):
        return [f"{value:.15g}" for value in column.values]
    return [str(word) for word in column.values]


def _sorted_levels(column: Column, words: list[str]) -> tuple[str, ...]:
    if column.is_numeric:
        return tuple(sorted(set(words), key=float))
    return tuple(sorted(set(words)))


def make_covariate(use: Use, column: Column, *, centre: bool) -> Predictor:
    """Return a covariate, centred at the mean of these rows when asked for.

    Powers are taken after centring, logarithms before it.

    Raises
    ------
    DesignError
        If it is constant or not finite, or not positive under a logarithm.
    """
    raw = np.asarray(column.values, dtype=np.float64)
    _check_varies(use, raw)
    if use.function == "log":
        return _logarithm(use, raw, centre=centre)
    mean = float(raw.mean())
    centred = centre or use.function in ("center", "scale")
    shift = mean if centred else 0.0
    plain = Predictor(
        name=use.name,
        column=use.column,
        values=raw - shift,
        at_mean=mean - shift,
        coding=_centred_words(mean, len(raw), centred=centred),
    )
    if use.function == "scale":
        spread = float(raw.std(ddof=1))
        words = f"{plain.coding}, divided by the standard deviation {number(spread, digits=4)}"
        return replace(plain, values=plain.values / spread, coding=words)
    if use.function == "I":
        words = f"{POWER_WORDS[use.power]} of {use.column}, {plain.coding}, beforehand"
        powered = plain.values**use.power
        return replace(plain, values=powered, at_mean=plain.at_mean**use.power, coding=words)
    return plain


def _check_varies(use: Use, raw: Floats) -> None:
    if not np.isfinite(raw).all():
        raise DesignError(f"Covariate '{use.column}' holds values that are not finite.")
    if np.ptp(raw) == 0:
        raise DesignError(
            f"Covariate '{use.column}' is {raw[0]:g} in all {len(raw)} rows "
            "used, so it explains nothing; leave it out of the model."
        )
    if use.function == "log" and raw.min() <= 0:
        raise DesignError(
            f"log({use.column}): the column holds {raw.min():g}, but a "
            "logarithm needs positive values."
        )


def _logarithm(use: Use, raw: Floats, *, centre: bool) -> Predictor:
    logs = np.log(raw)
    shift = float(logs.mean()) if centre else 0.0
    words = "natural logarithm, " + _centred_words(float(logs.mean()), len(raw), centred=centre)
    at_mean = float(np.log(raw.mean())) - shift
    return Predictor(
        name=use.name, column=use.column, values=logs - shift, at_mean=at_mean, coding=words
    )


def _centred_words(mean: float, n: int, *, centred: bool) -> str:
    if not centred:
        return "not centred, as the model has no intercept"
    return f"centred at {number(mean, digits=4)}, the mean of the {n} rows used"
