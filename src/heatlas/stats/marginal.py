"""A model with its design, able to say which weights make a marginal mean or a slope.

Weights follow the reference grid (Searle, Speed & Milliken 1980, doi:10.2307/2684063): factors
that are not named are averaged over their levels with equal weights, covariates stand at their
mean. Every column is a product of one coding per predictor and the grid is a full cross, so the
mean over the grid is the product of the means and no grid is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Design
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.stats.assembly import Block, product
from heatlas.stats.predictors import Predictor

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class BuiltModel(Value):
    """A design together with what contrasts need to know about it.

    Parameters
    ----------
    design : Design
        The design of the rows used.
    rows : array_like of int64, shape (n,)
        Which rows of the table (and of the stack) they are.
    predictors : tuple of Predictor
        The factors and covariates, in the order of the formula.
    blocks : tuple of Block
        What each column of the design is made of, in column order.
    warnings : tuple of str
        What a reader must know, such as nearly collinear covariates.
    where : str
        The selection of rows as it was written.
    """

    design: Design
    rows: NDArray[np.int64]
    predictors: tuple[Predictor, ...]
    blocks: tuple[Block, ...]
    warnings: tuple[str, ...] = ()
    where: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the rows."""
        set_field(self, "rows", to=own_array(self.rows, name="rows", dtype=np.int64, ndim=1))

    @property
    def factors(self) -> tuple[Predictor, ...]:
        """The predictors that have levels."""
        return tuple(p for p in self.predictors if p.is_factor)

    @property
    def by_name(self) -> dict[str, Predictor]:
        """The predictors by their names."""
        return {p.name: p for p in self.predictors}

    def weights(self, *, levels: Mapping[str, str], slopes: frozenset[str] = frozenset()) -> Floats:
        """Return the weights of a marginal mean, or of a slope, shape (p,).

        Parameters
        ----------
        levels : mapping of str to str
            Level of each factor that is fixed; the others are averaged with equal weights.
        slopes : frozenset of str
            Covariates: the answer is the slope along them (of the product, for several), with
            the other covariates at their mean; empty for a mean.

        Returns
        -------
        numpy.ndarray
            One weight per column of the design.
        """
        predictors = self.by_name
        rows = []
        for block in self.blocks:
            codings = [
                _coding(predictors[name], reduced=reduced, levels=levels, slopes=slopes)
                for name, reduced in block.parts
            ]
            share = 1.0 if slopes <= block.predictors else 0.0
            rows.append(share * product([coding[None] for coding in codings], n=1)[0])
        return np.concatenate(rows)

    def count(self, levels: Mapping[str, str]) -> int:
        """Return the number of rows with these levels."""
        inside = np.ones(self.design.n, dtype=bool)
        for name, level in levels.items():
            factor = self.by_name[name]
            inside &= factor.values == factor.levels.index(level)
        return int(inside.sum())


def _coding(
    predictor: Predictor, *, reduced: bool, levels: Mapping[str, str], slopes: frozenset[str]
) -> Floats:
    if not predictor.is_factor:
        return np.array([1.0 if predictor.name in slopes else predictor.at_mean])
    rows = predictor.level_rows(reduced=reduced)
    if predictor.name in levels:
        rows = rows[[predictor.levels.index(levels[predictor.name])]]
    return np.asarray(rows.mean(axis=0))
