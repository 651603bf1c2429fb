"""Designs and contrasts as values: named columns, what was coded and centred how, named weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.validate import check_choice, check_length, own_array, set_field
from heatlas.core.value import Value, freeze
from heatlas.core.words import number


@dataclass(frozen=True, kw_only=True, eq=False)
class Design(Value):
    """A design matrix that can explain itself.

    Parameters
    ----------
    matrix : array_like of float64, shape (n, p)
        One row per map, one column per regressor; full column rank.
    names : tuple of str
        Names of the columns.
    ids : tuple of str
        The maps, in row order.
    formula : str
        The model as it was written.
    terms : mapping of str to tuple of int
        Column numbers of each term, in order; the intercept's term is ``"intercept"``.
    levels : mapping of str to tuple of str
        Levels of each factor, in order.
    coding : mapping of str to str
        How each variable was coded and centred, in words.
    dropped : tuple of (str, str)
        Rows left out: id and reason.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    ids: tuple[str, ...]
    formula: str = ""
    terms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    coding: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the matrix and check that names and ids fit."""
        matrix = own_array(self.matrix, name="design matrix", dtype=np.float64, ndim=2)
        set_field(self, "matrix", to=matrix)
        check_length(self.names, name="column names", expected=matrix.shape[1], per="columns")
        check_length(self.ids, name="ids", expected=matrix.shape[0], per="rows")
        if not np.isfinite(matrix).all():
            raise DesignError("The design matrix holds values that are not finite.")
        for name in ("terms", "levels", "coding"):
            set_field(self, name, to=freeze(getattr(self, name)))
        for name in ("names", "ids", "dropped"):
            set_field(self, name, to=tuple(getattr(self, name)))

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def dof(self) -> int:
        """Residual degrees of freedom."""
        return int(self.matrix.shape[0] - np.linalg.matrix_rank(self.matrix))


@dataclass(frozen=True, kw_only=True, eq=False)
class Contrast(Value):
    """What is tested: weights on the design's columns.

    Parameters
    ----------
    name : str
        Short name for files and headings.
    weights : array_like of float64, shape (p,) or (q, p)
        One row for a t, q rows tested together for an F.
    kind : {"t", "F"}
        Statistic.
    test : str
        The contrast as it was written.
    words : str
        What a positive value means, in words: ``"depr higher than control"``.
    """

    name: str
    weights: NDArray[np.float64]
    kind: Literal["t", "F"] = "t"
    test: str = ""
    words: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the weights and check kind and shape."""
        check_choice(self.kind, name="contrast kind", known=("t", "F"))
        weights = own_array(np.atleast_2d(self.weights), name="weights", dtype=np.float64, ndim=2)
        set_field(self, "weights", to=weights)
        if self.kind == "t" and len(weights) != 1:
            raise DesignError(f"Contrast '{self.name}': a t needs one row of weights.")
        if not np.isfinite(weights).all():
            raise DesignError(f"Contrast '{self.name}': a weight is not finite.")
        if not weights.any(axis=1).all():
            raise DesignError(f"Contrast '{self.name}': a row of weights is all zero.")

    def weights_words(self, names: tuple[str, ...]) -> str:
        """Return the resolved weights as ``1·group[depr] − 0.5·age``, rows joined by ``;``."""
        return "; ".join(_row_words(row, names) for row in self.weights)


def _row_words(row: NDArray[np.float64], names: tuple[str, ...]) -> str:
    parts = [
        f"{'−' if weight < 0 else '+'} {number(abs(weight), digits=4)}·{name}"
        for weight, name in zip(row, names, strict=True)
        if abs(weight) > 1e-12
    ]
    return " ".join(parts).removeprefix("+ ")
