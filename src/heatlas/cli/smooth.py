"""``heatlas smooth``: images smoothed by a Gaussian."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("smooth", no_args_is_help=True)(smooth_images)


def smooth_images(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="What to smooth.")],
    *,
    fwhm: Annotated[
        float, typer.Option(metavar="MM", help="Full width at half maximum of the Gaussian.")
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="File (.nii.gz) for one image, folder for several."),
    ],
    inside: Annotated[
        Path | None,
        typer.Option(metavar="MASK", help="Average within this mask only; NaN outside of it."),
    ] = None,
    volume: Annotated[
        int | None, typer.Option(help="Which volume of images with several, from 0.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of those names.")
    ] = False,
) -> None:
    """Smooth images by a Gaussian.

    Each result is written as float32 with a JSON sidecar. Values are averaged as they are, zeros
    included; NaN counts as missing.
    """
    from heatlas.study.smooth import smooth_files

    written = smooth_files(
        images, out=out, fwhm_mm=fwhm, inside=inside, volume=volume, overwrite=overwrite
    )
    for path in written:
        typer.echo(str(path))
