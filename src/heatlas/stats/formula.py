"""Model formulas: from a table and ``"C(group) + age"`` to a design that can explain itself.

The only door to formulaic, which reads the algebra of terms and decides which factor codings
keep the design of full rank. It never sees a user's text or values: the formula is rewritten
with plain aliases first, since formulaic would evaluate anything else as Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Design
from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import Column, Table
from heatlas.core.validate import check_choice, check_length
from heatlas.core.words import count, join, nearest, unknown
from heatlas.stats.assembly import (
    INTERCEPT,
    Block,
    assemble,
    check_cells,
    coding_words,
    term_columns,
)
from heatlas.stats.collinearity import check_rank, inflation_warnings
from heatlas.stats.marginal import BuiltModel
from heatlas.stats.predictors import Predictor, is_factor, make_covariate, make_factor
from heatlas.stats.selection import select_rows
from heatlas.stats.tokens import Token, Use, tokenise

Floats = NDArray[np.float64]
Missing = Literal["refuse", "drop"]
SHOWN_IDS = 10


def build_design(
    table: Table,
    *,
    model: str,
    ids: tuple[str, ...],
    missing: Missing = "refuse",
    where: str | None = None,
) -> Design:
    """Return the design of :func:`build_model` alone (the same options)."""
    return build_model(table, model=model, ids=ids, missing=missing, where=where).design


def rows_used(
    table: Table,
    *,
    model: str,
    ids: tuple[str, ...],
    missing: Missing = "refuse",
    where: str | None = None,
) -> NDArray[np.int64]:
    """Return the table rows that :func:`build_model` uses (the same options)."""
    return build_model(table, model=model, ids=ids, missing=missing, where=where).rows


def build_model(
    table: Table,
    *,
    model: str,
    ids: tuple[str, ...],
    missing: Missing = "refuse",
    where: str | None = None,
) -> BuiltModel:
    """Return the design of a model on the rows of a table.

    Parameters
    ----------
    table : Table
        One row per map.
    model : str
        Column names joined by ``+ - * :``; ``C(x)`` makes a factor of numbers, columns of words
        are factors by themselves; ``center(x)``, ``scale(x)``, ``log(x)`` and ``I(x**2)`` to
        ``I(x**4)`` transform covariates; ``(a + b + c)**2`` takes all pairs; ``1`` is the mean
        alone; names with other characters stand in backticks.
    ids : tuple of str
        Name of each row.
    missing : {"refuse", "drop"}
        What to do with rows that lack a value of the model.
    where : str, optional
        Condition that selects rows, see :func:`heatlas.stats.selection.select_rows`.

    Returns
    -------
    BuiltModel
        The design, the rows used and what contrasts need. Factors are coded sum-to-zero with
        levels in sorted order; covariates are centred at the mean of the rows used, before
        powers and products, unless the model has no intercept.

    Raises
    ------
    DesignError
        If the model cannot be read or estimated: missing values that may not be dropped, a
        factor with one level, a constant covariate, words in a numeric column, more regressors
        than maps, collinear columns, no rows.
    UnknownNameError
        If a column is not in the table.

    Examples
    --------
    >>> from heatlas.core.table import table_from_columns
    >>> table = table_from_columns({"group": ["a", "a", "b", "b"], "age": [30, 40, 35, 47]})
    >>> built = build_model(table, model="group + age", ids=("1", "2", "3", "4"))
    >>> built.design.names
    ('intercept', 'group[S.a]', 'age')
    >>> built.design.coding["age"]
    'centred at 38.00, the mean of the 4 rows used'
    """
    check_choice(missing, name="missing", known=get_args(Missing))
    check_length(ids, name="ids", expected=len(table), per="rows of the table")
    terms = _read_terms(model, table)
    selected = _selected(table, where)
    rows, dropped = _complete_rows(
        table, columns=terms.columns, selected=selected, missing=missing, ids=ids
    )
    predictors = _predictors(terms, table.take(rows))
    matrix, names = assemble(terms.blocks, predictors, n=len(rows))
    check_cells(terms.blocks, predictors)
    check_rank(matrix, names=names, centred=terms.spans_constant)
    columns = term_columns(terms.blocks, predictors)
    design = Design(
        matrix=matrix,
        names=names,
        ids=tuple(ids[row] for row in rows),
        formula=model,
        terms=columns,
        levels={p.name: p.levels for p in predictors.values() if p.is_factor},
        coding=coding_words(terms.blocks, predictors),
        dropped=dropped,
    )
    return BuiltModel(
        design=design,
        rows=rows,
        predictors=tuple(predictors.values()),
        blocks=terms.blocks,
        warnings=inflation_warnings(matrix, terms=columns) if terms.spans_constant else (),
        where=where or "",
    )


# ---------------------------------------------------------------- terms


class Terms(NamedTuple):
    """What a formula says, before any row is read."""

    uses: tuple[Use, ...]
    factors: frozenset[str]
    blocks: tuple[Block, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that the terms need, each once."""
        return tuple(dict.fromkeys(use.column for use in self.uses))

    @property
    def spans_constant(self) -> bool:
        """Whether some columns add up to a constant, so that centring changes no fit."""
        return any(
            all(name in self.factors and not reduced for name, reduced in block.parts)
            for block in self.blocks
        )


def _read_terms(model: str, table: Table) -> Terms:
    """Read the formula against the table's columns."""
    what = f"Model '{model}'"
    tokens = tokenise(model, what=what)
    _check_tokens(tokens, what=what)
    uses: dict[str, Use] = {}
    factors = set()
    for use in (token.use for token in tokens if token.use is not None):
        column = _column(use, table)
        if is_factor(use, column):
            factors.add(use.name)
        _check_one_role(uses.get(use.name), use, is_words=not column.is_numeric)
        uses.setdefault(use.name, use)
    blocks = _blocks(tokens, names=list(uses), factors=factors, what=what)
    used = frozenset().union(*(block.predictors for block in blocks))
    return Terms(
        uses=tuple(use for name, use in uses.items() if name in used),
        factors=frozenset(factors),
        blocks=blocks,
    )


def _column(use: Use, table: Table) -> Column:
    """Return the column; an unknown name cut short by a hyphen is told about backticks."""
    if use.column in table.names:
        return table.column(use.column)
    guess = nearest(use.column, table.names)
    quoted = guess is not None and not guess.isidentifier()
    hint = f" Such names stand in backticks: `{guess}`." if quoted else ""
    raise UnknownNameError(unknown("column", use.column, known=table.names) + hint)


def _check_one_role(seen: Use | None, use: Use, *, is_words: bool) -> None:
    if seen is not None and not is_words and (seen.function == "C") != (use.function == "C"):
        raise DesignError(
            f"Column '{use.column}' is used both as a factor, C({use.column}), and as a number; "
            "choose one of them."
        )


def _check_tokens(tokens: Sequence[Token], *, what: str) -> None:
    """Refuse what only contrasts may hold, numbers that are no terms, and x**2 without I()."""
    if not tokens:
        raise DesignError("The model is empty; write 1 for the mean alone.")
    before = Token("operator", "")
    for token in tokens:
        if token.kind == "level" or token.text in ("/", ","):
            shown = f"[{token.text}]" if token.kind == "level" else token.text
            raise DesignError(
                f"{what}: '{shown}' cannot be read here; a model joins column names by + - * :."
            )
        if token.text == "**" and before.text != ")":
            raise DesignError(
                f"{what}: {before.text}**2 means {before.text} itself in a formula; write "
                f"I({before.text}**2) for the square."
            )
        exponent = before.text == "**"
        if exponent and token.text not in ("2", "3", "4"):
            raise DesignError(f"{what}: expected 2, 3 or 4 after **, got '{token.text}'.")
        if token.kind == "number" and not exponent and token.text not in ("0", "1"):
            raise DesignError(
                f"{what}: the number {token.text} is no term; only 0 and 1 (the mean) are."
            )
        before = token


def _blocks(
    tokens: Sequence[Token], *, names: list[str], factors: set[str], what: str
) -> tuple[Block, ...]:
    """Let formulaic expand the terms and choose the codings."""
    import formulaic  # type: ignore[import-untyped]
    import pandas
    from formulaic.errors import FormulaicError  # type: ignore[import-untyped]

    aliases = {name: f"p{index}" for index, name in enumerate(names)}
    text = " ".join(aliases[t.use.name] if t.use is not None else t.text for t in tokens)
    frame = pandas.DataFrame({
        alias: pandas.Categorical(["a", "b"]) if name in factors else [0.0, 1.0]
        for name, alias in aliases.items()
    } or {"p": [0.0, 1.0]})  # fmt: skip
    try:
        spec = formulaic.model_matrix(text, frame, na_action="raise").model_spec
        structure = spec.structure
    except FormulaicError:
        raise DesignError(f"{what} cannot be read; check its operators and parentheses.") from None
    blocks = tuple(
        _block(term, scoped, names=names) for term, scopes, _ in structure for scoped in scopes
    )
    if not blocks:
        raise DesignError(f"{what} has no columns; write 1 for the mean alone.")
    return blocks


def _block(term: object, scoped: object, *, names: list[str]) -> Block:
    """Return formulaic's scoped term in our words."""

    def name_of(expression: str) -> str:
        return names[int(expression.removeprefix("p"))]

    factors = [factor.expr for factor in term.factors]  # type: ignore[attr-defined]  # a Term
    parts = [(name_of(f.factor.expr), bool(f.reduced)) for f in scoped.factors]  # type: ignore[attr-defined]
    title = ":".join(name_of(expression) for expression in factors if expression != "1")
    return Block(term=title or INTERCEPT, parts=tuple(parts))


# ---------------------------------------------------------------- rows


def _selected(table: Table, where: str | None) -> NDArray[np.int64]:
    if where is None:
        selected = np.arange(len(table))
    else:
        selected = np.flatnonzero(select_rows(table, where=where))
    if not len(selected):
        hint = f"no row satisfies where: {where}" if where else "the table has no rows"
        raise DesignError(f"There is nothing to model: {hint}.")
    return selected.astype(np.int64)


def _complete_rows(
    table: Table,
    *,
    columns: tuple[str, ...],
    selected: NDArray[np.int64],
    missing: Missing,
    ids: tuple[str, ...],
) -> tuple[NDArray[np.int64], tuple[tuple[str, str], ...]]:
    """Return the rows without missing values, and the others with their reasons."""
    lacking = {name: table.column(name).missing[selected] for name in columns}
    incomplete = np.zeros(len(selected), dtype=bool)
    for gaps in lacking.values():
        incomplete |= gaps
    if not incomplete.any():
        return selected, ()
    reasons = tuple(
        (ids[selected[row]], "no value of " + join(c for c, gaps in lacking.items() if gaps[row]))
        for row in np.flatnonzero(incomplete)
    )
    if missing == "refuse":
        raise DesignError(_missing_words(lacking, reasons, n=len(selected)))
    if incomplete.all():
        raise DesignError(
            f"All {len(selected)} rows lack a value of {join(columns)}: nothing is left to model."
        )
    return selected[~incomplete], reasons


def _missing_words(
    lacking: dict[str, NDArray[np.bool_]], reasons: tuple[tuple[str, str], ...], *, n: int
) -> str:
    per_column = [f"{c} in {gaps.sum()}" for c, gaps in lacking.items() if gaps.any()]
    shown = ", ".join(name for name, _ in reasons[:SHOWN_IDS])
    if len(reasons) > SHOWN_IDS:
        shown += f" and {len(reasons) - SHOWN_IDS} more"
    return (
        f"{len(reasons)} of {count(n, 'row')} lack values that the model needs "
        f"({join(per_column)}: {shown}); complete the table, or set 'missing: drop' "
        "to leave these rows out."
    )


# ---------------------------------------------------------------- columns


def _predictors(terms: Terms, table: Table) -> dict[str, Predictor]:
    """Return the factors and covariates on the rows used, by name."""
    made = {}
    for use in terms.uses:
        column = table.column(use.column)
        if use.name in terms.factors:
            made[use.name] = make_factor(use, column)
        else:
            made[use.name] = make_covariate(use, column, centre=terms.spans_constant)
    return made
