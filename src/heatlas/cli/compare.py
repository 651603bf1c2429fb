"""``heatlas compare``: many maps against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from heatlas.cli.options import command_of

ROWS, GIVEN = "--with", "--given"


class _CompareCommand(TyperCommand):
    """A command whose ``--with`` and ``--given`` take all names up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give every name after such an option one of its own, as the parser wants it."""
        # Any: the class of the context is click's or typer's own, by the version of typer.
        return super().parse_args(ctx, spread(spread(args, option=ROWS), option=GIVEN))


def spread(words: Sequence[str], *, option: str) -> list[str]:
    """Return the words with ``--with a b`` as ``--with a --with b``."""
    parted: list[str] = []
    taking = False
    for word in words:
        if word == option:
            taking = True
        elif taking and not word.startswith("-"):
            parted += [option, word]
        else:
            taking = False
            parted.append(word)
    return parted


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    command = command_of(compare_files, CompareFiles)
    application.command("compare", no_args_is_help=True, cls=_CompareCommand)(command)


@dataclass(frozen=True, kw_only=True)
class CompareFiles:
    """What ``heatlas compare`` takes."""

    columns: Annotated[
        list[Path],
        typer.Argument(
            metavar="COLUMNS...", help="Maps of the x axis, on any grids; or tables of regions."
        ),
    ]
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for tables, policy and pictures.")
    ]
    rows: Annotated[
        list[Path] | None,
        typer.Option(
            ROWS, metavar="ROWS...", help="Maps of the y axis. Left out: all pairs of COLUMNS."
        ),
    ] = None
    policy: Annotated[
        Literal["common", "pairwise", "union-zero", "mask", "whole-grid"],
        typer.Option(
            help="Voxels that count: measured by all maps, by both, by either (0 for the other), "
            "all of --mask with 0 as data, or the whole grid as stored."
        ),
    ] = "common"
    measure: Annotated[
        Literal["pearson", "spearman", "concordance", "cosine", "dice"],
        typer.Option(help="How alike two maps are."),
    ] = "pearson"
    given: Annotated[
        list[Path] | None,
        typer.Option(
            GIVEN, metavar="MAPS...", help="Maps that are regressed out first: partial r."
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(metavar="IMAGE", help="Voxels other than 0, for the policy 'mask'."),
    ] = None
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE", help="Compare on this image's grid. Left out: the coarsest map's."
        ),
    ] = None
    atlas: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|IMAGE", help="Compare means over regions: 'aal', or a label image."
        ),
    ] = None
    atlas_labels: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="Names of the image's labels.")
    ] = None
    value: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the tables that is the map, or '*' for every one of numbers. Left out: "
            "the only one, or a known effect size; every one of a table that is alone.",
        ),
    ] = None
    centres: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE|desikan-killiany",
            help="Where regions of tables lie: name, x, y, z in mm, or those that come along.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="CSV or TSV with the columns name, label, group."),
    ] = None
    enclosed: Annotated[
        Literal["missing", "data"],
        typer.Option(help="What the background's number counts as inside the brain."),
    ] = "missing"
    dice_above: Annotated[
        float,
        typer.Option(
            help="Magnitude above which voxels make a map's regions for 'dice'; + and - apart."
        ),
    ] = 0.0
    null: Annotated[
        Literal["dutilleul", "spectral", "variogram", "moran"],
        typer.Option(
            help="p from the effective number of voxels or regions, or from surrogate maps: "
            "'spectral' for voxels, 'variogram' and 'moran' for regions."
        ),
    ] = "dutilleul"
    n_surrogates: Annotated[
        int, typer.Option("--surrogates", help="How many surrogates of each map.")
    ] = 1000
    seed: Annotated[int, typer.Option(help="Seed of the surrogates.")] = 0
    alpha: Annotated[float, typer.Option(help="Family-wise error rate of the outlines.")] = 0.05
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier comparison.")
    ] = False


def compare_files(options: CompareFiles) -> None:
    """Compare maps with maps, over the voxels or regions that they really measure.

    The background of each file is found, grids are joined without mixing it in, and p-values
    know how smooth the maps are.
    """
    from heatlas.study.compare import CompareOptions, Parcellation, compare_maps
    from heatlas.study.comparison import FILES, write_comparison
    from heatlas.study.outputs import check_folder

    centres = None if options.centres is None else Path(options.centres)
    single = (options.mask, options.space, options.labels, centres, options.atlas_labels)
    extra = [path for path in single if path is not None]
    inputs = [*options.columns, *(options.rows or []), *(options.given or []), *extra]
    check_folder(options.out, inputs=inputs, files=FILES, overwrite=options.overwrite)
    compared = compare_maps(
        options.columns,
        options.rows,
        policy=options.policy,
        measure=options.measure,
        mask=options.mask,
        space=options.space,
        options=CompareOptions(
            enclosed=options.enclosed,
            alpha=options.alpha,
            dice_above=options.dice_above,
            labels=options.labels,
            given=tuple(options.given or ()),
            null=options.null,
            n_surrogates=options.n_surrogates,
            seed=options.seed,
            parcellation=Parcellation(
                atlas=options.atlas,
                labels=options.atlas_labels,
                value=options.value,
                centres=options.centres,
            ),
        ),
    )
    typer.echo(compared.caption(), err=True)
    for warning in compared.warnings:
        typer.echo(f"note: {warning}", err=True)
    for path in write_comparison(compared, out=options.out):
        typer.echo(str(path))
