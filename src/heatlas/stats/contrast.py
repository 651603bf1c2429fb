"""The contrast language: what is tested, in words of the table, resolved to weights.

``factor[level]`` is the estimated marginal mean (other factors weighted equally, covariates at
their mean), ``a[x]:b[y]`` the mean of a cell, ``intercept`` the mean of everything, ``age`` a
slope, ``group[x]:age`` a slope within a level. Numbers, ``+ - * /`` and parentheses combine them.
With kind F a term's name alone stands for all its columns; commas join several rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Contrast
from heatlas.core.errors import DesignError
from heatlas.core.validate import check_choice
from heatlas.core.value import Value
from heatlas.core.words import join
from heatlas.stats.marginal import BuiltModel
from heatlas.stats.quantities import Quantity, Sum, read_sums

Floats = NDArray[np.float64]
Kind = Literal["t", "F"]
Shape = Literal["difference", "mean", "slope", "combination", "F"]
NEGLIGIBLE = 1e-10


@dataclass(frozen=True, kw_only=True, eq=False)
class ResolvedContrast(Value):
    """A contrast and what it is made of.

    Parameters
    ----------
    contrast : Contrast
        The weights and their meaning.
    shape : {"difference", "mean", "slope", "combination", "F"}
        A difference of two marginal means, one marginal mean, one slope, anything else that
        is a t, or an F.
    means : tuple of Quantity
        The marginal means that are named (for the F of factors, all of theirs), in order;
        a difference is the first minus the second.
    factors : tuple of str
        The factors that are named.
    slopes : tuple of str
        The covariates that are named.
    """

    contrast: Contrast
    shape: Shape
    means: tuple[Quantity, ...] = ()
    factors: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()


def parse_contrast(model: BuiltModel, *, name: str, test: str, kind: Kind = "t") -> Contrast:
    """Return the contrast of :func:`resolve_contrast` alone (the same options)."""
    return resolve_contrast(model, name=name, test=test, kind=kind).contrast


def resolve_contrast(
    model: BuiltModel, *, name: str, test: str, kind: Kind = "t"
) -> ResolvedContrast:
    """Return the weights and the meaning of a contrast.

    Parameters
    ----------
    model : BuiltModel
        The model that it tests.
    name : str
        Short name for files and headings.
    test : str
        The contrast as the user wrote it: ``"group[depr] - group[control]"``, ``"age"``,
        ``"0.5*(site[1] + site[2]) - site[3]"``, ``"group[depr]:age"``; with kind F also a
        term alone, or several rows separated by commas.
    kind : {"t", "F"}
        Statistic.

    Returns
    -------
    ResolvedContrast
        Weights on the design's columns, what a positive value means, and the means named.

    Raises
    ------
    DesignError
        If the contrast cannot be read, or tests nothing that the model estimates.
    UnknownNameError
        If a predictor or a level is not in the model.

    Examples
    --------
    >>> from heatlas.core.table import table_from_columns
    >>> from heatlas.stats.formula import build_model
    >>> table = table_from_columns({"group": ["a", "a", "b", "b"], "age": [30, 40, 35, 47]})
    >>> built = build_model(table, model="group + age", ids=("1", "2", "3", "4"))
    >>> resolved = resolve_contrast(built, name="difference", test="group[b] - group[a]")
    >>> resolved.contrast.weights_words(built.design.names)
    '− 2.000·group[S.a]'
    >>> resolved.contrast.words
    'group b higher than a, adjusted for age'
    """
    what = f"Contrast '{name}'"
    check_choice(kind, name=f"{what}: kind", known=("t", "F"))
    sums = read_sums(test, model=model, what=what)
    weights = np.concatenate([_rows(total, model, kind=kind, what=what) for total in sums])
    _check_rows(weights, kind=kind, what=what)
    shape: Shape = "F" if kind == "F" else _shape(sums[0])
    named = list(dict.fromkeys(p for total in sums for q in total for p in q.predictors))
    contrast = Contrast(
        name=name,
        weights=weights,
        kind=kind,
        test=test,
        words=_words(shape, sums, model=model) + _adjusted_words(named, model),
    )
    return ResolvedContrast(
        contrast=contrast,
        shape=shape,
        means=_means(sums, model),
        factors=tuple(name for name in named if model.by_name[name].is_factor),
        slopes=tuple(name for name in named if not model.by_name[name].is_factor),
    )


# ---------------------------------------------------------------- weights


def _rows(total: Sum, model: BuiltModel, *, kind: Kind, what: str) -> Floats:
    """Return the rows of one weighted sum: all columns of a term for F, else a single row."""
    quantities = list(total)
    if kind == "F" and len(quantities) == 1 and not quantities[0].levels:
        columns = _term_columns(quantities[0], model)
        if columns:
            return np.eye(len(model.design.names))[list(columns)]
    row = np.zeros(len(model.design.names))
    for quantity, weight in total.items():
        row += weight * quantity_weights(quantity, model, what=what)
    return row[None]


def quantity_weights(quantity: Quantity, model: BuiltModel, *, what: str = "Contrast") -> Floats:
    """Return the weights of a mean, a slope or a term of one column, shape (p,).

    Raises
    ------
    DesignError
        If the model does not estimate it.
    """
    if quantity.term:
        return _single_column(quantity, model, what=what)
    if quantity.slopes:
        _check_slope(quantity, model, what=what)
    return model.weights(levels=dict(quantity.levels), slopes=frozenset(quantity.slopes))


def _term_columns(quantity: Quantity, model: BuiltModel) -> tuple[int, ...]:
    """Return the columns of the term with these predictors, whatever their order."""
    wanted = frozenset(quantity.predictors)
    for term, columns in model.design.terms.items():
        if any(b.term == term and b.predictors == wanted for b in model.blocks):
            return columns
    return ()


def _single_column(quantity: Quantity, model: BuiltModel, *, what: str) -> Floats:
    """Return the unit weight of a term with one column; more columns have no single direction."""
    factor = next(p for p in quantity.term if model.by_name[p].is_factor)
    levels = model.by_name[factor].levels
    columns = _term_columns(quantity, model)
    if not columns:
        raise DesignError(
            f"{what}: {quantity.text} is no term of the model; its terms are "
            f"{join(model.design.terms)}."
        )
    if len(quantity.term) == 1 or len(columns) > 1:
        rest = "".join(f":{p}" for p in quantity.term if p != factor)
        raise DesignError(
            f"{what}: {quantity.text} has {len(levels)} levels, so it has no single direction; "
            f"name them, as in {factor}[{levels[1]}]{rest} - {factor}[{levels[0]}]{rest}, "
            "or test the term alone with kind: F."
        )
    return np.asarray(np.eye(len(model.design.names))[columns[0]])


def _check_slope(quantity: Quantity, model: BuiltModel, *, what: str) -> None:
    """Refuse a slope that the model does not hold, or holds equal in all levels."""
    wanted = frozenset(quantity.slopes)
    if not any(wanted <= block.predictors for block in model.blocks):
        raise DesignError(f"{what}: {':'.join(quantity.slopes)} is no term of the model.")
    for factor, level in quantity.levels:
        if any(wanted | {factor} <= block.predictors for block in model.blocks):
            continue
        slope = ":".join(quantity.slopes)
        raise DesignError(
            f"{what}: the model has the same slope of {slope} in every level of {factor}; test "
            f"{slope}, or add {factor}:{slope} to the model to tell {factor}[{level}] apart."
        )


def _check_rows(weights: Floats, *, kind: Kind, what: str) -> None:
    weights[np.abs(weights) < NEGLIGIBLE * max(np.abs(weights).max(), 1.0)] = 0.0
    if kind == "t" and len(weights) > 1:
        raise DesignError(f"{what}: several rows, separated by commas, need kind: F.")
    if not weights.any(axis=1).all():
        raise DesignError(f"{what} cancels out: all its weights are zero, so it tests nothing.")
    if np.linalg.matrix_rank(weights) < len(weights):
        raise DesignError(f"{what}: its rows say the same thing twice; leave one of them out.")


# ---------------------------------------------------------------- meaning


def _shape(total: Sum) -> Shape:
    weights = list(total.values())
    quantities = list(total)
    if all(q.is_mean for q in quantities) and sorted(weights) == [-1.0, 1.0]:
        return "difference"
    if weights == [1.0] and quantities[0].is_mean:
        return "mean"
    if len(weights) == 1 and quantities[0].slopes:
        return "slope"
    return "combination"


def _means(sums: list[Sum], model: BuiltModel) -> tuple[Quantity, ...]:
    """Return the marginal means named, a difference's positive one first; all of a term's."""
    means: dict[Quantity, None] = {}
    for total in sums:
        for quantity, _ in sorted(total.items(), key=lambda item: -item[1]):
            if quantity.is_mean:
                means[quantity] = None
            for levels in _cells(quantity.term, model):
                means[Quantity(levels=levels)] = None
    return tuple(means)


def _cells(term: tuple[str, ...], model: BuiltModel) -> list[tuple[tuple[str, str], ...]]:
    """Return all combinations of levels of a term of factors; none for other terms."""
    factors = [model.by_name[name] for name in term]
    if not factors or not all(factor.is_factor for factor in factors):
        return []
    listed = [[(factor.name, level) for level in factor.levels] for factor in factors]
    return list(itertools.product(*listed))


def _words(shape: Shape, sums: list[Sum], *, model: BuiltModel) -> str:
    first = next(iter(sums[0]))
    if shape == "F":
        return " or ".join(_joint_words(total, model) for total in sums)
    if shape == "difference":
        higher, lower = (next(q for q, w in sums[0].items() if w == sign) for sign in (1.0, -1.0))
        return _difference_words(higher, lower)
    if shape == "mean":
        return f"mean of {first.place} above zero" if first.levels else "mean above zero"
    if shape == "slope":
        direction = "higher" if sums[0][first] > 0 else "lower"
        return f"{direction} with {_slope_words(first)}"
    if first.term and len(sums[0]) == 1:
        column = model.design.names[_term_columns(first, model)[0]]
        return f"coefficient of {column} {'above' if sums[0][first] > 0 else 'below'} zero"
    return _combination_words(sums[0])


def _difference_words(higher: Quantity, lower: Quantity) -> str:
    """Return ``group depr higher than control, in gender m``."""
    shared = [pair for pair in higher.levels if pair in lower.levels]
    own, other = ([p for p in q.levels if p not in shared] for q in (higher, lower))
    same_factors = [factor for factor, _ in own] == [factor for factor, _ in other]
    reference = ", ".join(level if same_factors else f"{f} {level}" for f, level in other)
    place = ", ".join(f"{factor} {level}" for factor, level in shared)
    return (
        (", ".join(f"{factor} {level}" for factor, level in own) or "the mean")
        + f" higher than {reference or 'the mean'}"
        + (f", in {place}" if place else "")
    )


def _slope_words(quantity: Quantity) -> str:
    slope = " times ".join(quantity.slopes)
    return f"{slope} in {quantity.place}" if quantity.levels else slope


def _combination_words(total: Sum) -> str:
    """Return ``0.5·a[x] + 0.5·a[y] higher than a[z]``, or which of two slopes is higher."""
    two = sorted(total, key=lambda quantity: -total[quantity])
    if sorted(total.values()) == [-1.0, 1.0] and two[0].slopes == two[1].slopes != ():
        return f"slope of {_slope_words(two[0])} higher than in {two[1].place}"
    sides = []
    for sign in (1, -1):
        parts = [
            q.text if abs(w) == 1 else f"{abs(w):.4g}·{q.text}"
            for q, w in total.items()
            if w * sign > 0
        ]
        sides.append(" + ".join(parts))
    if not sides[0]:
        return f"{sides[1]} below zero"
    return f"{sides[0]} above zero" if not sides[1] else f"{sides[0]} higher than {sides[1]}"


def _joint_words(total: Sum, model: BuiltModel) -> str:
    """Return what an F is sensitive to: any direction."""
    quantity = next(iter(total))
    if len(total) > 1 or quantity.levels:
        return f"{_combination_words(total)}, or the reverse"
    if not quantity.term:
        slope = " times ".join(quantity.slopes)
        return f"any change with {slope}" if slope else "a mean other than zero"
    full = any(
        b.predictors == frozenset(quantity.term) and not any(r for _, r in b.parts)
        for b in model.blocks
    )
    slopes = [name for name in quantity.term if not model.by_name[name].is_factor]
    factors = [name for name in quantity.term if name not in slopes]
    if full:
        tested = f"slope of {' times '.join(slopes)} within" if slopes else "mean of"
        return f"any {tested} {join(factors)} other than zero"
    if len(quantity.term) == 1:
        return f"levels of {factors[0]} differ"
    return f"any interaction of {join(quantity.term)}"


def _adjusted_words(named: list[str], model: BuiltModel) -> str:
    others = [p.name for p in model.predictors if p.name not in named]
    return f", adjusted for {', '.join(others)}" if others else ""
