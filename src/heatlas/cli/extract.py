"""``heatlas extract``: region means of maps as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("extract", no_args_is_help=True)(extract_means)


def extract_means(
    maps: Annotated[
        list[Path], typer.Argument(metavar="MAP...", help="One row of the table each.")
    ],
    *,
    atlas: Annotated[
        Path, typer.Option(metavar="IMAGE", help="Label image in the maps' space, on any grid.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Table to write, .tsv, with a JSON dictionary.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="CSV or TSV with the columns index and name."),
    ] = None,
    volume: Annotated[
        int | None, typer.Option(help="Which volume of maps with several, from 0.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file of that name.")
    ] = False,
) -> None:
    """Write the region means of maps as a table.

    One row a map, one column a region; finite voxels count, zeros included.
    """
    from heatlas.core.words import count
    from heatlas.study.extract import extract_regions

    table = extract_regions(
        maps, out=out, atlas=atlas, labels=labels, volume=volume, overwrite=overwrite
    )
    regions = count(len(table.names) - 1, "region")
    typer.echo(f"{count(len(table), 'map')}, {regions}", err=True)
    typer.echo(str(out))
