"""The quantities that a contrast names, read from its text: means, slopes and whole terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from heatlas.core.errors import DesignError, UnknownNameError
from heatlas.core.words import unknown
from heatlas.stats.assembly import INTERCEPT
from heatlas.stats.marginal import BuiltModel
from heatlas.stats.tokens import Token, tokenise

MAX_DEPTH = 50


class Quantity(NamedTuple):
    """A mean, a slope or a term that a contrast names."""

    levels: tuple[tuple[str, str], ...] = ()
    """factors and their levels, in the order written"""
    slopes: tuple[str, ...] = ()
    """covariates whose slope is meant; empty for a mean"""
    term: tuple[str, ...] = ()
    """predictors of a term with a factor but no level, named as a whole"""

    @property
    def is_mean(self) -> bool:
        """True for marginal means."""
        return not self.slopes and not self.term

    @property
    def predictors(self) -> tuple[str, ...]:
        """Everything that it names."""
        return (*(factor for factor, _ in self.levels), *self.slopes, *self.term)

    @property
    def text(self) -> str:
        """How the contrast language writes it."""
        parts = [f"{factor}[{level}]" for factor, level in self.levels]
        return ":".join((*parts, *self.slopes, *self.term)) or INTERCEPT

    @property
    def place(self) -> str:
        """The levels in words: ``"group depr, gender m"``."""
        return ", ".join(f"{factor} {level}" for factor, level in self.levels)


Sum = dict[Quantity, float]
"""A weighted sum of quantities."""


@dataclass(kw_only=True)
class _Reader:
    """The tokens of one row of a contrast, read from left to right."""

    model: BuiltModel
    tokens: tuple[Token, ...]
    what: str
    position: int = 0
    depth: int = 0

    def peek(self) -> str:
        """Return the next operator, or an empty text."""
        if self.position >= len(self.tokens):
            return ""
        token = self.tokens[self.position]
        return token.text if token.kind == "operator" else ""

    def take(self) -> Token:
        """Return the next token and go on."""
        if self.position >= len(self.tokens):
            raise self.refusal("it ends where a name, a number or ( is expected")
        self.position += 1
        return self.tokens[self.position - 1]

    def refusal(self, reason: str) -> DesignError:
        """Return the error for what cannot be read."""
        return DesignError(
            f"{self.what} cannot be read: {reason}; expected something like "
            "group[depr] - group[control], 0.5*(a[x] + a[y]) - a[z], age, or group[depr]:age."
        )


def read_sums(test: str, *, model: BuiltModel, what: str) -> list[Sum]:
    """Return the weighted sums of a contrast's text, one for each row.

    Parameters
    ----------
    test : str
        The contrast as the user wrote it; commas separate rows.
    model : BuiltModel
        The model whose terms and levels it names.
    what : str
        Beginning of every error message.

    Returns
    -------
    list of dict of Quantity to float
        The quantities of each row and their weights.

    Raises
    ------
    DesignError
        If the text cannot be read.
    UnknownNameError
        If a predictor or a level is not in the model.
    """
    sums = []
    for tokens in _rows(tokenise(test, what=what)):
        reader = _Reader(model=model, tokens=tokens, what=what)
        total = _sum(reader)
        if reader.position < len(tokens):
            raise reader.refusal(f"'{tokens[reader.position].text}' is not expected there")
        if isinstance(total, float):
            raise reader.refusal(f"the number {total:g} alone tests nothing")
        used = {quantity: weight for quantity, weight in total.items() if weight != 0}
        if not used:
            raise DesignError(f"{what} cancels out: all its weights are zero, so it tests nothing.")
        sums.append(used)
    return sums


def _rows(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """Split at commas."""
    row: list[Token] = []
    for token in tokens:
        if token.kind == "operator" and token.text == ",":
            yield tuple(row)
            row = []
        else:
            row.append(token)
    yield tuple(row)


def _sum(reader: _Reader) -> Sum | float:
    total = _product(reader)
    while reader.peek() in ("+", "-"):
        sign = 1.0 if reader.take().text == "+" else -1.0
        total = _added(total, _product(reader), sign=sign, reader=reader)
    return total


def _added(total: Sum | float, more: Sum | float, *, sign: float, reader: _Reader) -> Sum | float:
    if isinstance(total, float) and isinstance(more, float):
        return total + sign * more
    if isinstance(total, float) or isinstance(more, float):
        raise reader.refusal("a number can multiply a mean or a slope, but not be added to it")
    return {q: total.get(q, 0.0) + sign * more.get(q, 0.0) for q in (total | more)}


def _product(reader: _Reader) -> Sum | float:
    total = _signed(reader)
    while reader.peek() in ("*", "/"):
        operator = reader.take().text
        more = _signed(reader)
        if operator == "/":
            if not isinstance(more, float) or more == 0:
                raise reader.refusal("only a number other than 0 can stand after /")
            more = 1.0 / more
        total = _scaled(total, by=more, reader=reader)
    return total


def _scaled(total: Sum | float, *, by: Sum | float, reader: _Reader) -> Sum | float:
    if isinstance(total, float) and isinstance(by, float):
        return total * by
    if isinstance(total, float):
        total, by = by, total
    if isinstance(total, float) or not isinstance(by, float):
        raise reader.refusal("two means or slopes cannot be multiplied; join an interaction with :")
    return {quantity: weight * by for quantity, weight in total.items()}


def _signed(reader: _Reader) -> Sum | float:
    """Read a number, a quantity or parentheses, with signs before it."""
    sign = 1.0
    while reader.peek() in ("+", "-"):
        sign = -sign if reader.take().text == "-" else sign
    token = reader.take()
    if token.kind == "number":
        return sign * float(token.text)
    if token.kind == "use":
        return {_quantity(token, reader): sign}
    if token.text == "(" and token.kind == "operator":
        reader.depth += 1
        if reader.depth > MAX_DEPTH:
            raise reader.refusal("it is nested too deeply")
        inner = _sum(reader)
        if reader.take().text != ")":
            raise reader.refusal("a ) is missing")
        reader.depth -= 1
        return _scaled(inner, by=sign, reader=reader)
    raise reader.refusal(f"'{token.text}' is not expected there")


def _quantity(first: Token, reader: _Reader) -> Quantity:
    """Read ``name[level]:name...`` from its first name on."""
    levels: list[tuple[str, str]] = []
    plain: list[str] = []
    token = first
    while True:
        name = _predictor(token, reader)
        level = _level(name, reader)
        if level is not None:
            levels.append((name, level))
        elif name != INTERCEPT:
            plain.append(name)
        if reader.peek() != ":":
            break
        reader.take()
        token = reader.take()
    named = [factor for factor, _ in levels] + plain
    if len(set(named)) < len(named):
        raise reader.refusal(f"'{':'.join(named)}' names something twice")
    return _made(tuple(levels), plain, reader=reader)


def _made(levels: tuple[tuple[str, str], ...], plain: list[str], *, reader: _Reader) -> Quantity:
    factors = [name for name in plain if reader.model.by_name[name].is_factor]
    if factors and levels:
        known = ", ".join(reader.model.by_name[factors[0]].levels)
        raise DesignError(
            f"{reader.what}: name a level of {factors[0]} as well, as in "
            f"{factors[0]}[{reader.model.by_name[factors[0]].levels[0]}]; known: {known}."
        )
    if factors:
        return Quantity(term=tuple(plain))
    return Quantity(levels=levels, slopes=tuple(plain))


def _predictor(token: Token, reader: _Reader) -> str:
    """Return the name of the predictor, written with or without C()."""
    if token.use is None:
        raise reader.refusal(f"'{token.text}' stands where a name is expected")
    name = token.use.name
    predictors = reader.model.by_name
    if name == INTERCEPT and name not in predictors:
        if INTERCEPT not in reader.model.design.terms:
            raise DesignError(f"{reader.what}: the model has no intercept.")
        return name
    if name not in predictors:
        known = [INTERCEPT] * (INTERCEPT in reader.model.design.terms) + list(predictors)
        raise UnknownNameError(f"{reader.what}: {unknown('name of the model', name, known=known)}")
    if token.use.function == "C" and not predictors[name].is_factor:
        raise DesignError(f"{reader.what}: {name} is a covariate in the model, not a factor.")
    return name


def _level(name: str, reader: _Reader) -> str | None:
    """Return the level in brackets that follows, if one does."""
    if reader.position >= len(reader.tokens) or reader.tokens[reader.position].kind != "level":
        return None
    level = reader.take().text
    predictor = reader.model.by_name.get(name)
    if predictor is None or not predictor.is_factor:
        raise DesignError(
            f"{reader.what}: {name} is no factor of the model, so {name}[{level}] names nothing; "
            f"write {name} for " + ("the mean." if predictor is None else "its slope.")
        )
    if level not in predictor.levels:
        sentence = unknown(f"level of {name}", level, known=predictor.levels)
        raise UnknownNameError(f"{reader.what}: {sentence}")
    return level
