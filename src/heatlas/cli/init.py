"""``heatlas init``: a first study file from what a folder or a table holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("init", no_args_is_help=True)(draft)


def draft(
    source: Annotated[
        Path,
        typer.Argument(metavar="FOLDER_OR_TABLE", help="Where the maps lie, or a TSV or CSV file."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Study file to write. Left out: study.yaml beside what was read."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a study file that exists.")
    ] = False,
) -> None:
    """Write a first draft of a study file.

    It is written from what the folder or the table holds, with a reason at each line: read it
    before you run it.
    """
    from heatlas.study.init import write_draft

    written = write_draft(source, out=out, overwrite=overwrite)
    typer.echo(str(written))
    typer.echo(f"Check every line of it, then: heatlas run {written}", err=True)
