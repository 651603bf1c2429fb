"""``heatlas explain-example``: a small network with known truth, trained and explained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from heatlas.cli.options import command_of


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("explain-example", no_args_is_help=True)(
        command_of(explain_planted, ExampleOptions)
    )


@dataclass(frozen=True, kw_only=True)
class ExampleOptions:
    """What ``heatlas explain-example`` takes."""

    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for report.html, network.pt and scans.")
    ]
    head: Annotated[
        Path | None,
        typer.Option(
            metavar="SERIES", help="A head CT of your own, in HU. Left out: the one that ships."
        ),
    ] = None
    architecture: Annotated[
        str, typer.Option(metavar="NAME", help="Network to train: plain-2d or residual-2d.")
    ] = "plain-2d"
    epochs: Annotated[int, typer.Option(help="How often the network sees every image.")] = 25
    pairs: Annotated[
        int, typer.Option(help="Pairs of images, without and with a lesion, to learn from.")
    ] = 800
    test_pairs: Annotated[int, typer.Option(help="Held-out pairs to be judged by.")] = 60
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="How to explain; several times, the main one first."),
    ] = None
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer draws in the checks: rougher, in less time.")
    ] = False
    seed: Annotated[int, typer.Option(help="Seed of everything that chance decides.")] = 0
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier call.")
    ] = False


def explain_planted(options: ExampleOptions) -> None:
    """Train a small network on planted lesions, explain it, and check the maps.

    Lesions of known place are planted into CT slices of one head; the network is judged on other
    parts of it, beside a twin that learnt nothing. About two minutes on one core. Synthetic: it
    shows what maps and their checks can do, and says nothing about patients.
    """
    from heatlas.study.explainexample import ExampleSettings, run_example
    from heatlas.study.explainexamplefiles import example_files, write_example
    from heatlas.study.outputs import check_folder

    check_folder(options.out, inputs=(), files=example_files(), overwrite=options.overwrite)
    settings = ExampleSettings(
        architecture=options.architecture,
        n_pairs=options.pairs,
        n_test_pairs=options.test_pairs,
        n_epochs=options.epochs,
        quick=options.quick,
        seed=options.seed,
        **({"methods": tuple(options.method)} if options.method else {}),
    )
    example = run_example(options.head, settings=settings)
    for case in example.cases:
        typer.echo(f"slice {case.number}, trained: {case.trained.verdict}", err=True)
        typer.echo(f"slice {case.number}, untrained: {case.untrained.verdict}", err=True)
    for path in write_example(example, out=options.out):
        typer.echo(str(path))
