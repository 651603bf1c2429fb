"""``heatlas resample``: one image onto another grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from heatlas.cli.options import command_of


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    command = command_of(resample_image, ResampleOptions)
    application.command("resample", no_args_is_help=True)(command)


@dataclass(frozen=True, kw_only=True)
class ResampleOptions:
    """What ``heatlas resample`` takes."""

    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image to move.")]
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write, .nii.gz, with a JSON sidecar.")
    ]
    like: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Onto the grid of this image.")
    ] = None
    voxel_size: Annotated[
        float | None, typer.Option(metavar="MM", help="The same box in cubes of this size.")
    ] = None
    template: Annotated[
        str | None, typer.Option(metavar="MNI152", help="Onto the template's grid, 2 mm.")
    ] = None
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Take the nearest voxel: for labels and masks.")
    ] = False
    volume: Annotated[
        int | None, typer.Option(help="Which volume of an image with several, from 0.")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")] = (
        False
    )


def resample_image(options: ResampleOptions) -> None:
    """Move one image onto another grid.

    Background (0 and NaN) is never mixed into the values. Name the grid by exactly one of --like,
    --voxel-size and --template. The image is only moved, never registered: it must lie in that
    space already.
    """
    from heatlas.study.mask import grid_words
    from heatlas.study.resample import Target, resample_file

    target = Target(like=options.like, voxel_size_mm=options.voxel_size, template=options.template)
    written = resample_file(
        options.image,
        out=options.out,
        target=target,
        nearest=options.nearest,
        volume=options.volume,
        overwrite=options.overwrite,
    )
    typer.echo(grid_words(written.grid), err=True)
    typer.echo(str(options.out))
