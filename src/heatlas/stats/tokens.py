"""The words of formulas and contrasts: names, levels, numbers and operators, and nothing else.

Both languages are read here and never handed to Python: what is not a token is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from heatlas.core.errors import DesignError
from heatlas.core.value import Value
from heatlas.core.words import unknown

FUNCTIONS = ("C", "center", "scale", "log", "I")
POWERS = (2, 3, 4)
MAX_LENGTH = 5000
_TOKEN = re.compile(
    r"""\s*(?:
        `(?P<quoted>[^`]+)`
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.`])
      | (?P<name>[^\W\d][\w.]*)
      | \[(?P<level>[^\[\]]*)\]
      | (?P<operator>\*\*|[-+*/:(),])
      | (?P<other>\S)
    )""",
    re.VERBOSE,
)
_INNER = re.compile(
    r"\s*\(\s*(?:`(?P<quoted>[^`]+)`|(?P<name>[^\W\d][\w.]*))\s*"
    r"(?:\*\*\s*(?P<power>\d+)\s*)?\)"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Use(Value):
    """A column as a formula names it.

    Parameters
    ----------
    column : str
        Name of the table's column.
    function : str
        ``""`` for the bare column, else one of ``FUNCTIONS``.
    power : int
        Power of ``I(x**2)``, else 1.
    """

    column: str
    function: str = ""
    power: int = 1

    @property
    def name(self) -> str:
        """Name in terms: C() and center() leave the column's name as it is."""
        if self.function in ("", "C", "center"):
            return self.column
        power = f"**{self.power}" if self.function == "I" else ""
        return f"{self.function}({self.column}{power})"


class Token(NamedTuple):
    """One word of a formula or a contrast."""

    kind: Literal["use", "number", "level", "operator"]
    text: str
    use: Use | None = None


def tokenise(text: str, *, what: str) -> tuple[Token, ...]:
    """Return the tokens of a formula or a contrast.

    Parameters
    ----------
    text : str
        As the user wrote it.
    what : str
        Beginning of every error message: ``"Model 'age + '"``.

    Returns
    -------
    tuple of Token
        In order, without white space.

    Raises
    ------
    DesignError
        If a character or a call belongs to neither language.
    """
    if len(text) > MAX_LENGTH:
        raise DesignError(f"{what[:60]}...: longer than {MAX_LENGTH} characters.")
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match["other"] is not None:
            raise _refusal(text[position:].strip()[0], what)
        token, position = _token(match, text, what=what)
        tokens.append(token)
    return tuple(tokens)


def _token(match: re.Match[str], text: str, *, what: str) -> tuple[Token, int]:
    """Return the token of a match and where the text goes on."""
    end = match.end()
    if match["name"] is not None and text[end:].lstrip().startswith("("):
        return _call(match["name"], text, start=end, what=what)
    if match["name"] is not None or match["quoted"] is not None:
        column = match["name"] or match["quoted"].strip()
        return Token("use", column, Use(column=column)), end
    if match["level"] is not None:
        level = match["level"].strip()
        if len(level) > 1 and level[0] == level[-1] and level[0] in "'\"":
            level = level[1:-1]
        return Token("level", level), end
    if match["number"] is not None:
        return Token("number", match["number"]), end
    return Token("operator", match["operator"]), end


def _call(name: str, text: str, *, start: int, what: str) -> tuple[Token, int]:
    """Read ``C(x)``, ``center(x)``, ``scale(x)``, ``log(x)`` or ``I(x**2)``."""
    if name not in FUNCTIONS:
        raise DesignError(f"{what}: {unknown('function', name, known=FUNCTIONS)}")
    match = _INNER.match(text, start)
    power = int(match["power"] or 1) if match else 1
    fits = match is not None and (power in POWERS if name == "I" else match["power"] is None)
    if match is None or not fits:
        expected = f"{name}(age**2), a power from 2 to 4," if name == "I" else f"{name}(age)"
        raise DesignError(f"{what}: expected {expected} with one column name inside {name}().")
    column = match["name"] or match["quoted"].strip()
    use = Use(column=column, function=name, power=power)
    return Token("use", text[start - len(name) : match.end()], use), match.end()


def _refusal(character: str, what: str) -> DesignError:
    if character == "~":
        hint = "leave out the left side and ~: what is modelled is always the maps"
    elif character == "^":
        hint = "write I(age**2) for a square"
    elif character == "[":
        hint = "its ] is missing, or it stands inside another one"
    else:
        hint = "names with other characters than letters, digits, _ and . stand in `backticks`"
    return DesignError(f"{what}: '{character}' cannot be read here; {hint}.")
