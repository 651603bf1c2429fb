"""``heatlas explain``: what a network's decision about a scan rests on, and whether to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heatlas.cli.options import command_of, slice_numbers

if TYPE_CHECKING:
    from heatlas.study.ct import CtScan
    from heatlas.study.networkimages import NetworkInput


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("explain", no_args_is_help=True)(
        command_of(explain_decision, ExplainOptions)
    )


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """What ``heatlas explain`` takes."""

    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A state dict (.pt, with --architecture), torch.export (.pt2) or ONNX (.onnx).",
        ),
    ]
    image: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGE", help="CT series, folder, DICOM or NIfTI file, or pictures of slices."
        ),
    ]
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="Folder for saliency.nii.gz, explanation.png, report.html ..."
        ),
    ]
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Architecture of a state dict, such as plain-2d."),
    ] = None
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model", help="Run a TorchScript file, which is code: only if you trust it."
        ),
    ] = False
    window: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Window that becomes 0 to 1 for the network, and for the picture: brain, lung, "
            "... or centre,width.",
        ),
    ] = ""
    input_range: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="RANGE",
            help="Which values become 0 to 1 instead: 'hu -160..240', '0..255', "
            "'hu -160..240 = -1..1'.",
        ),
    ] = None
    size: Annotated[
        str | None,
        typer.Option(metavar="128x128", help="Pixels of the network's input. Left out: all."),
    ] = None
    crop: Annotated[
        str | None,
        typer.Option(metavar="20:220,30:230", help="Rows and columns that the network sees."),
    ] = None
    slices: Annotated[
        str | None,
        typer.Option(
            metavar="5,9",
            help="Which slices, from 1. Left out: the one with the largest P(class).",
        ),
    ] = None
    axes: Annotated[
        int | None,
        typer.Option(metavar="2|3", help="Slices or volumes, where the network does not say it."),
    ] = None
    class_index: Annotated[
        int | None,
        typer.Option(
            "--class", metavar="N", help="Class to explain, from 0. Left out: the one decided for."
        ),
    ] = None
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="grad-cam, grad-cam++, hirescam, layercam, score-cam, eigen-cam, "
            "integrated-gradients, smoothgrad, guided-backpropagation, occlusion, "
            "attention-rollout, or all; may be given several times, the main one first.",
        ),
    ] = None
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Layer of class-activation maps. Left out: found."),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(help="Where the truth lies (lesions), on any grid: adds the pointing game."),
    ] = None
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer draws in the checks: rougher, in less time.")
    ] = False
    seed: Annotated[int, typer.Option(help="Seed of everything that chance decides.")] = 0
    series: Annotated[
        str | None, typer.Option(metavar="N", help="Which series of a DICOM source.")
    ] = None
    unit: Annotated[
        str | None, typer.Option(metavar="hu", help="Your word that the values are HU.")
    ] = None
    intensity: Annotated[
        str | None,
        typer.Option(
            metavar="MEANING",
            help="What grey numbers of pictures mean: 'hu 0..255 = -1000..1000'.",
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier call.")
    ] = False


def explain_decision(options: ExplainOptions) -> None:
    """Show what a network's decision about a scan rests on, and check the map.

    The map is signed, laid onto the scan through what the network's units see, and comes with a
    trust card: controls, randomised parameters, deletion and insertion, stability, and a plain
    verdict. Say how the scan is shown to the network: --window or --input, as it was trained.
    """
    from heatlas.study.explainfiles import FILES, write_explanation
    from heatlas.study.outputs import check_folder

    extra = [options.mask] if options.mask is not None else []
    inputs = [options.model, options.image, *extra]
    check_folder(options.out, inputs=inputs, files=FILES, overwrite=options.overwrite)
    look = _look(options)
    from heatlas.study.explain import ExplainSettings, explain_model
    from heatlas.study.loadmodel import load_model

    network = load_model(
        options.model, architecture=options.architecture, trust_model=options.trust_model
    )
    found = explain_model(
        network,
        _scan(options),
        look=look,
        class_index=options.class_index,
        mask=options.mask,
        settings=ExplainSettings(
            methods=tuple(options.method or ("grad-cam",)),
            layer=options.layer,
            quick=options.quick,
            seed=options.seed,
        ),
    )
    typer.echo(found.caption, err=True)
    typer.echo(found.shown.words, err=True)
    for warning in found.warnings:
        typer.echo(f"note: {warning}", err=True)
    for path in write_explanation(found, out=options.out):
        typer.echo(str(path))


def _look(options: ExplainOptions) -> NetworkInput:
    """Return how the scan is shown to the network."""
    from heatlas.study.networkimages import NetworkInput
    from heatlas.study.networkinput import parse_crop, parse_input, parse_size

    if options.axes not in (None, 2, 3):
        raise typer.BadParameter(f"{options.axes} given, expected 2 or 3.", param_hint="--axes")
    return NetworkInput(
        window=options.window,
        scale=None if options.input_range is None else parse_input(options.input_range),
        size=None if options.size is None else parse_size(options.size),
        crop=() if options.crop is None else parse_crop(options.crop),
        slices=slice_numbers(options.slices),
        axes=options.axes,  # type: ignore[arg-type]  # checked above
    )


def _scan(options: ExplainOptions) -> CtScan:
    from heatlas.study.ct import read_ct

    return read_ct(
        options.image,
        series=options.series,
        unit=options.unit,  # type: ignore[arg-type]  # read_ct checks it
        intensity=options.intensity,
    )
