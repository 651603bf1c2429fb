"""The ``where`` language: which rows of a table an analysis is about.

Comparisons of columns with numbers and words, joined by ``and``, ``or``, ``not`` and
parentheses: ``group == 'depr' and age >= 18``, ``gender in ['m', 'f']``, ``18 <= age < 60``.
Names with other characters stand in backticks: ```HADS-anx` > 8``. Nothing is evaluated as
Python; a missing value satisfies no comparison, nor the negation of one.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.table import Column, Table
from heatlas.core.words import nearest, unknown

Rows = NDArray[np.bool_]
MAX_LENGTH = 2000
ORDERS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
MIRRORED: Mapping[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.Gt(),
    ast.LtE: ast.GtE(),
    ast.Gt: ast.Lt(),
    ast.GtE: ast.LtE(),
    ast.Eq: ast.Eq(),
    ast.NotEq: ast.NotEq(),
}
_QUOTED = re.compile(r"""(?P<text>'[^']*'|"[^"]*")|`(?P<name>[^`]+)`""")


class Truth(NamedTuple):
    """Where a condition holds and where it fails; rows in neither lack a value."""

    true: Rows
    false: Rows


class Reader(NamedTuple):
    """What the conditions are read against."""

    where: str
    table: Table
    aliases: Mapping[str, str]


def select_rows(table: Table, *, where: str) -> Rows:
    """Return which rows satisfy a condition.

    Parameters
    ----------
    table : Table
        The rows.
    where : str
        The condition, such as ``"group == 'depr' and age >= 18"``.

    Returns
    -------
    numpy.ndarray of bool, shape (rows,)
        True where the condition holds; a missing value satisfies no comparison.

    Raises
    ------
    DesignError
        If the condition cannot be read, or compares a word with a number.
    UnknownNameError
        If a column, or a word that looks like a misspelt level, is not in the table.
    """
    if len(where) > MAX_LENGTH:
        raise DesignError(f"where: the condition is longer than {MAX_LENGTH} characters.")
    text, aliases = _without_backticks(where)
    reader = Reader(where=where, table=table, aliases=aliases)
    try:
        return _condition(_parsed(text, where), reader).true
    except RecursionError:
        raise DesignError("where: the condition is nested too deeply.") from None


def _without_backticks(where: str) -> tuple[str, dict[str, str]]:
    """Replace names in backticks by plain ones, so that Python's grammar can be used."""
    aliases: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match["name"] is None:
            return match[0]
        alias = f"column_in_backticks_{len(aliases)}"
        aliases[alias] = match["name"]
        return f" {alias} "

    return _QUOTED.sub(plain, where), aliases


def _parsed(text: str, where: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, Warning):
        raise DesignError(
            f"where: '{where}' cannot be read; expected comparisons such as "
            "group == 'depr' and age >= 18."
        ) from None


def _condition(node: ast.expr, reader: Reader) -> Truth:
    if isinstance(node, ast.BoolOp):
        parts = [_condition(value, reader) for value in node.values]
        return _all_of(parts) if isinstance(node.op, ast.And) else _any_of(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _condition(node.operand, reader)
        return Truth(true=inner.false, false=inner.true)
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        steps = zip(sides, node.ops, sides[1:], strict=False)
        return _all_of([_comparison(left, op, reader=reader, right=r) for left, op, r in steps])
    raise _refusal(node, reader)


def _all_of(parts: list[Truth]) -> Truth:
    true = np.logical_and.reduce([part.true for part in parts])
    return Truth(true=true, false=np.logical_or.reduce([part.false for part in parts]))


def _any_of(parts: list[Truth]) -> Truth:
    true = np.logical_or.reduce([part.true for part in parts])
    return Truth(true=true, false=np.logical_and.reduce([part.false for part in parts]))


def _comparison(left: ast.expr, op: ast.cmpop, *, right: ast.expr, reader: Reader) -> Truth:
    """Compare a column with a literal, whichever side it stands on."""
    if isinstance(right, ast.Name) and not isinstance(left, ast.Name) and type(op) in MIRRORED:
        left, op, right = right, MIRRORED[type(op)], left
    if not isinstance(left, ast.Name):
        raise _refusal(left, reader)
    column = reader.table.column(reader.aliases.get(left.id, left.id))
    if isinstance(op, ast.In | ast.NotIn):
        found = _any_of([_equal(column, item) for item in _listed(right, reader)])
        return found if isinstance(op, ast.In) else Truth(true=found.false, false=found.true)
    literal = _literal(right, reader)
    if isinstance(op, ast.Eq | ast.NotEq):
        same = _equal(column, literal)
        return same if isinstance(op, ast.Eq) else Truth(true=same.false, false=same.true)
    if type(op) not in ORDERS:
        raise _refusal(left, reader)
    return _ordered(column, literal, compare=ORDERS[type(op)])


def _listed(node: ast.expr, reader: Reader) -> list[str | float]:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
        raise DesignError(
            f"where: in '{reader.where}', 'in' needs a list such as ['m', 'f'] or [1, 2]."
        )
    return [_literal(item, reader) for item in node.elts]


def _literal(node: ast.expr, reader: Reader) -> str | float:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _literal(node.operand, reader)
        if not isinstance(inner, str):
            return -inner if isinstance(node.op, ast.USub) else inner
    elif isinstance(node, ast.Constant) and not isinstance(node.value, bool):
        if isinstance(node.value, str):
            return node.value
        if isinstance(node.value, int | float):
            return float(node.value)
    elif isinstance(node, ast.Name):
        name = reader.aliases.get(node.id, node.id)
        raise DesignError(
            f"where: in '{reader.where}', {name} stands where a number or a word in quotes is "
            f"expected; write '{name}' if it is a word."
        )
    raise _refusal(node, reader)


def _equal(column: Column, literal: str | float) -> Truth:
    _check_kind(column, literal)
    known = ~column.missing
    if isinstance(column.values, np.ndarray):
        same = column.values == literal
    else:
        _check_spelling(column, str(literal))
        same = np.array([word == literal for word in column.values], dtype=bool)
    return Truth(true=same & known, false=~same & known)


def _ordered(column: Column, literal: str | float, *, compare: Callable[[Any, Any], Any]) -> Truth:
    _check_kind(column, literal)
    if not isinstance(column.values, np.ndarray):
        raise DesignError(
            f"where: column '{column.name}' holds words, which have no order; "
            "compare it with ==, != or in."
        )
    known = ~column.missing
    true = np.asarray(compare(column.values, literal), dtype=bool)
    return Truth(true=true & known, false=~true & known)


def _check_kind(column: Column, literal: str | float) -> None:
    if column.is_numeric and isinstance(literal, str):
        raise DesignError(
            f"where: column '{column.name}' holds numbers but is compared with the word "
            f"'{literal}'; write a number without quotes."
        )
    if not column.is_numeric and not isinstance(literal, str):
        raise DesignError(
            f"where: column '{column.name}' holds words but is compared with the number "
            f"{literal:g}; write it in quotes."
        )


def _check_spelling(column: Column, word: str) -> None:
    """Refuse a word that occurs in no row when it is nearly one that does."""
    levels = sorted({str(value) for value in column.values if value is not None})
    if word not in levels and nearest(word, levels) is not None:
        raise UnknownNameError("where: " + unknown(f"value of {column.name}", word, known=levels))


def _refusal(node: ast.expr, reader: Reader) -> DesignError:
    """Say what is not part of the language."""
    part = ast.unparse(node)
    for alias, name in reader.aliases.items():
        part = part.replace(alias, f"`{name}`")
    return DesignError(
        f"where: '{part}' is not a comparison of a column with a number or a word; expected "
        "something like age >= 18, group == 'depr' or gender in ['m', 'f'], joined by and, or, not."
    )
