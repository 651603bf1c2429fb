"""``heatlas mask``: the voxels that enough maps cover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("mask", no_args_is_help=True)(mask_maps)


def mask_maps(
    maps: Annotated[list[Path], typer.Argument(metavar="MAP...", help="Maps on one grid.")],
    *,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write, .nii.gz: 1 inside, 0 outside.")
    ],
    minimum: Annotated[
        float | None,
        typer.Option(help="A map covers a voxel from this value on; left out: where it is finite."),
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Share of the maps that must cover a voxel, above 0 up to 1.")
    ] = 1.0,
    volume: Annotated[
        int | None, typer.Option(help="Which volume of maps with several, from 0.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file of that name.")
    ] = False,
) -> None:
    """Write where enough maps have values.

    The mask is stored as 1 inside and 0 outside, with a JSON sidecar.
    """
    from heatlas.core.words import count
    from heatlas.study.mask import mask_files

    mask = mask_files(
        maps, out=out, minimum=minimum, coverage=coverage, volume=volume, overwrite=overwrite
    )
    typer.echo(f"{count(mask.size, 'voxel')}: {mask.words}", err=True)
    typer.echo(str(out))
