"""``heatlas inspect``: how a file was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("inspect", no_args_is_help=True)(print_provenance)


def print_provenance(
    file: Annotated[
        Path,
        typer.Argument(help="A figure, map, table or report of Heatlas, or a JSON sidecar."),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, digests in full.")
    ] = False,
) -> None:
    """Say how a file was made.

    Prints the steps with their settings, inputs, versions and warnings.
    """
    from heatlas.study.inspect import inspect_file, provenance_lines

    provenance = inspect_file(file)
    if as_json:
        typer.echo(json.dumps(provenance.to_json(), indent=2, ensure_ascii=False))
        return
    for line in provenance_lines(provenance):
        typer.echo(line)
