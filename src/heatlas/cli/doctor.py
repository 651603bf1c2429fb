"""``heatlas doctor``: what is installed, and what each extra would add."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("doctor")(print_findings)


def print_findings(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what is installed and what is missing.

    Each part is named with what it would add. The exit code is 2 when a study cannot run here.
    """
    from heatlas.study.doctor import MISSING, diagnosis, examine

    table = examine()
    rows = list(zip(*(table.words(name) for name in table.names), strict=True))
    if as_json:
        findings = [dict(zip(table.names, row, strict=True)) for row in rows]
        typer.echo(json.dumps({"findings": findings, "diagnosis": diagnosis(table)}, indent=2))
    else:
        _print_table(table.names, rows)
        typer.echo(diagnosis(table))
    if MISSING in table.words("state"):
        raise typer.Exit(2)


def _print_table(names: tuple[str, ...], rows: list[tuple[str | None, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*names)
    for row in rows:
        table.add_row(*(word or "" for word in row))
    Console().print(table)
