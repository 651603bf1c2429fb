"""Commands with many options: the options are the fields of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

import typer

Options = TypeVar("Options")


def command_of(verb: Callable[[Options], None], kind: type[Options]) -> Callable[..., None]:
    """Return a command for typer whose options are the fields of a dataclass.

    Parameters
    ----------
    verb : callable
        Takes the options; its docstring is the help text.
    kind : type
        Dataclass whose fields are annotated for typer.

    Returns
    -------
    callable
        What ``application.command`` takes.
    """

    def _command(**given: Any) -> None:
        verb(kind(**given))

    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
        )
        for field in fields(kind)  # type: ignore[arg-type]  # the caller gives a dataclass
    ]
    _command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    _command.__doc__ = verb.__doc__
    return _command


def slice_numbers(words: str | None) -> tuple[int, ...]:
    """Return the numbers of ``--slices 1,5,9``; none where the option is left out."""
    if words is None:
        return ()
    try:
        return tuple(int(word) for word in words.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"'{words}' given, expected slice numbers such as 1,5,9.", param_hint="--slices"
        ) from None
