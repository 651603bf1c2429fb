"""Assembling a design: its columns are products of the codings of the predictors in each term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.value import Value
from heatlas.core.words import count, join
from heatlas.stats.predictors import Predictor

Floats = NDArray[np.float64]
INTERCEPT = "intercept"


@dataclass(frozen=True, kw_only=True, eq=False)
class Block(Value):
    """Neighbouring columns of a design that are the product of some predictors' codings.

    Parameters
    ----------
    term : str
        Name of the term that the columns belong to.
    parts : tuple of (str, bool)
        Name of each predictor, and whether its coding is the reduced (sum-to-zero) one; empty
        for the intercept.
    """

    term: str
    parts: tuple[tuple[str, bool], ...]

    @property
    def predictors(self) -> frozenset[str]:
        """Names of the predictors."""
        return frozenset(name for name, _ in self.parts)


def assemble(
    blocks: tuple[Block, ...], predictors: dict[str, Predictor], *, n: int
) -> tuple[Floats, tuple[str, ...]]:
    """Return the design matrix and the names of its columns."""
    n_columns = sum(_width(block, predictors) for block in blocks)
    if n_columns >= n:
        raise DesignError(_too_many_words(blocks, predictors, n=n))
    matrices: list[Floats] = []
    names: list[str] = []
    for block in blocks:
        parts = [(predictors[name], reduced) for name, reduced in block.parts]
        matrices.append(product([p.columns(reduced=reduced) for p, reduced in parts], n=n))
        listed = product_names([p.column_names(reduced=reduced) for p, reduced in parts])
        names += listed if parts else [INTERCEPT]
    return np.concatenate(matrices, axis=1), tuple(names)


def _width(block: Block, predictors: dict[str, Predictor]) -> int:
    widths = [len(predictors[n].column_names(reduced=reduced)) for n, reduced in block.parts]
    return int(np.prod(widths))


def _too_many_words(blocks: tuple[Block, ...], predictors: dict[str, Predictor], *, n: int) -> str:
    widths: dict[str, int] = {}
    for block in blocks:
        widths[block.term] = widths.get(block.term, 0) + _width(block, predictors)
    listed = join(f"{term} {width}" for term, width in widths.items())
    return (
        f"The model has {count(sum(widths.values()), 'regressor')} ({listed}) but there are only "
        f"{count(n, 'map')}; it needs more maps than regressors."
    )


def check_cells(blocks: tuple[Block, ...], predictors: dict[str, Predictor]) -> None:
    """Refuse interactions of factors with a combination of levels that no map has."""
    for block in blocks:
        crossed = [predictors[n] for n, _ in block.parts if predictors[n].is_factor]
        if len(crossed) < 2:
            continue
        shape = tuple(len(p.levels) for p in crossed)
        cells = np.ravel_multi_index([p.values.astype(int) for p in crossed], shape)
        counts = np.bincount(cells, minlength=int(np.prod(shape)))
        if counts.all():
            continue
        empty = np.unravel_index(int(np.flatnonzero(counts == 0)[0]), shape)
        cell = join(f"{p.name} '{p.levels[k]}'" for p, k in zip(crossed, empty, strict=True))
        raise DesignError(
            f"The interaction {block.term} cannot be estimated: no map has {cell}; leave the "
            "interaction out, or select other rows."
        )


def term_columns(
    blocks: tuple[Block, ...], predictors: dict[str, Predictor]
) -> dict[str, tuple[int, ...]]:
    """Return the column numbers of each term."""
    columns: dict[str, tuple[int, ...]] = {}
    start = 0
    for block in blocks:
        end = start + _width(block, predictors)
        columns[block.term] = (*columns.get(block.term, ()), *range(start, end))
        start = end
    return columns


def coding_words(blocks: tuple[Block, ...], predictors: dict[str, Predictor]) -> dict[str, str]:
    """Return how each predictor was coded or centred; a factor may be coded in two ways."""
    words: dict[str, dict[str, None]] = {name: {} for name in predictors}
    for block in blocks:
        for name, reduced in block.parts:
            words[name][predictors[name].coding_words(reduced=reduced)] = None
    return {name: "; ".join(listed) for name, listed in words.items()}


def product(codings: list[Floats], *, n: int) -> Floats:
    """Return the row-wise products of codings, the first one's columns varying fastest."""
    columns = np.ones((n, 1))
    for coding in codings:
        columns = (coding[:, :, None] * columns[:, None, :]).reshape(n, -1)
    return columns


def product_names(names: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of the columns of :func:`product`."""
    joined: tuple[str, ...] = ("",)
    for listed in names:
        joined = tuple(f"{left}:{right}".lstrip(":") for right in listed for left in joined)
    return joined
