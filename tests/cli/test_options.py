"""The fields of a dataclass become the options of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from heatlas.cli.options import command_of


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Options for the test."""

    name: Annotated[str, typer.Argument()]
    size: Annotated[float, typer.Option("-s", "--size", help="How large.")]
    loud: Annotated[bool, typer.Option("--loud")] = False


def run(*words: str) -> tuple[int, str]:
    """Run a command that prints its options."""
    application = typer.Typer(rich_markup_mode=None)

    def verb(options: Choice) -> None:
        """Say the options."""
        typer.echo(repr(options))

    application.command()(command_of(verb, Choice))
    result = CliRunner().invoke(application, list(words))
    return result.exit_code, result.output


def test_words_become_fields_with_their_types_and_defaults() -> None:
    code, output = run("brain", "-s", "2")
    assert code == 0
    assert output.strip() == repr(Choice(name="brain", size=2.0, loud=False))
    assert "loud=True" in run("brain", "--size", "2", "--loud")[1]


def test_a_field_without_default_is_required() -> None:
    code, output = run("brain")
    assert code == 2
    assert "--size" in output


def test_the_verbs_docstring_is_the_help() -> None:
    output = run("--help")[1]
    assert "Say the options." in output
    assert "How large." in output
