"""``heatlas reproduce``: run results again and compare every output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EXIT_DIFFERENT = 1


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("reproduce")(reproduce)


def reproduce(
    results: Annotated[Path, typer.Argument(help="A results folder of `heatlas run`.")],
    *,
    study: Annotated[
        Path | None, typer.Option(help="The study file; default: the one the results remember.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; default: the cores of this machine.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a study again and compare digests; exit code 1 when an output differs."""
    from heatlas.cli.display import display
    from heatlas.study.reproduce import reproduce_results

    with display(quiet=quiet or as_json, as_json=False) as listen:
        found = reproduce_results(results, study=study, workers=workers, listen=listen)
    if as_json:
        content = {
            "same": found.is_same,
            "equal": list(found.equal),
            "different": dict(found.different),
            "causes": list(found.causes),
        }
        typer.echo(json.dumps(content))
    else:
        typer.echo(found.words())
        for name, words in found.different:
            typer.echo(f"  {name}: {words}")
        for words in found.causes:
            typer.echo(words)
    if not found.is_same:
        raise typer.Exit(EXIT_DIFFERENT)
