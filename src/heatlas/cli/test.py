"""``heatlas test``: maps and a model, judged by permutations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heatlas.cli.options import command_of

if TYPE_CHECKING:
    from heatlas.study.permute_files import PermutedFiles

Method = Literal[
    "max-t", "step-down", "tfce", "cluster-extent", "cluster-mass", "cluster-mass-above"
]


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("test", no_args_is_help=True)(command_of(judge_maps, JudgeOptions))


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """What ``heatlas test`` takes."""

    maps: Annotated[
        list[str],
        typer.Argument(
            metavar="MAPS...",
            help="One 4-D file, its volumes in the order of the rows; or 3-D files, which go to "
            "the rows whose ids their names hold, else in their order; or one pattern with "
            "columns of the table, such as 'gm/{participant_id}.nii.gz'.",
        ),
    ]
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where the results go.")
    ]
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TSV or CSV with one row per map, for --model."),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FORMULA",
            help="Right-hand side of the regression: 'group + age'; C(site) makes groups of "
            "numbers; '1' is the mean alone and needs no table.",
        ),
    ] = None
    tests: Annotated[
        list[str] | None,
        typer.Option(
            "--test",
            metavar="[NAME =] TEST",
            help="A t contrast: 'group[a] - group[b]', 'age', 'intercept'. Once per contrast; "
            "'older = age' names it.",
        ),
    ] = None
    f_tests: Annotated[
        list[str] | None,
        typer.Option(
            "--f-test",
            metavar="[NAME =] TEST",
            help="An F contrast: 'site' for all columns of a term, or t contrasts joined by "
            "commas.",
        ),
    ] = None
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="COLUMN",
            help="Names the maps. Left out: participant_id, if it is there.",
        ),
    ] = None
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help="Rows to use: \"site == 'a' and age < 60\"."),
    ] = None
    missing: Annotated[
        Literal["refuse", "drop"],
        typer.Option(help="Rows without a value of the model."),
    ] = "refuse"
    blocks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Exchangeability blocks: maps trade places within them, such as within the "
            "subject of repeated scans. Several columns are levels, the outermost first.",
        ),
    ] = None
    design_mat: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Instead of table and model: FSL's design.mat, one row per map."
        ),
    ] = None
    con: Annotated[
        Path | None, typer.Option(metavar="FILE", help="FSL's design.con: each row a t contrast.")
    ] = None
    fts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="FSL's design.fts: F tests over rows of design.con."),
    ] = None
    grp: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="FSL's design.grp, read as randomise reads it (-e): exchangeability blocks. For "
            "FLAME's meaning, groups of one variance, give it to --variance-groups.",
        ),
    ] = None
    variance_groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|FILE",
            help="Groups with variances of their own: a column of the table, or a .grp file "
            "beside --design-mat. The statistic is then Welch's v (G for an F).",
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE",
            help="Voxels to analyse. Left out: those that are finite in all maps and not 0 in "
            "every one.",
        ),
    ] = None
    sphere: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z,R", help="Correct within a sphere only, in mm, chosen before the data."
        ),
    ] = None
    small_volume: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE", help="Correct within this image only, chosen before the data."
        ),
    ] = None
    method: Annotated[
        Method,
        typer.Option(
            help="What is compared with its largest value in each permutation: the statistic "
            "(max-t; step-down: among those not rejected yet), its TFCE, or a cluster's number "
            "of voxels, sum of the statistic, or sum of what exceeds the threshold."
        ),
    ] = "max-t"
    cluster_p: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Clusters are formed at this uncorrected p (of both tails together), such as "
            "0.001.",
        ),
    ] = None
    cluster_statistic: Annotated[
        float | None,
        typer.Option(
            metavar="T", help="Or at this value of the statistic, such as 3.1; never both."
        ),
    ] = None
    tfce_statistic: Annotated[
        Literal["t", "z"] | None,
        typer.Option(help="TFCE of the statistic itself (t, as in FSL) or of its z. Left out: t."),
    ] = None
    height: Annotated[
        float | None, typer.Option(metavar="H", help="TFCE's exponent of height. Left out: 2.")
    ] = None
    extent: Annotated[
        float | None, typer.Option(metavar="E", help="TFCE's exponent of extent. Left out: 0.5.")
    ] = None
    neighbours: Annotated[
        Literal["6", "18", "26", "faces", "edges", "corners"] | None,
        typer.Option(
            help="Which voxels touch: by faces (6), edges (18), corners (26). Left out: 6 for "
            "TFCE, else 18."
        ),
    ] = None
    alpha: Annotated[float, typer.Option(help="Family-wise level.")] = 0.05
    one_sided: Annotated[
        bool,
        typer.Option("--one-sided", help="Positive statistics only; without it both tails count."),
    ] = False
    permutations: Annotated[
        int,
        typer.Option(
            metavar="N", help="How many, the maps as they are included; all if fewer exist."
        ),
    ] = 5000
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive", help="Stop as soon as more permutations could change no verdict."
        ),
    ] = False
    across_contrasts: Annotated[
        bool, typer.Option("--across-contrasts", help="Correct over all contrasts together.")
    ] = False
    residuals: Annotated[
        Literal["freedman-lane", "huh-jhun"],
        typer.Option(
            help="How covariates are held fixed; huh-jhun assumes Gaussian errors and goes with "
            "neither blocks nor variance groups."
        ),
    ] = "freedman-lane"
    shuffle: Annotated[
        Literal["within", "whole", "both"],
        typer.Option(help="Maps trade places within blocks, blocks as wholes, or both."),
    ] = "within"
    mode: Annotated[
        Literal["permutations", "sign-flips", "both"] | None,
        typer.Option(
            help="What is done to maps. Left out: sign-flips where a mean is tested, else "
            "permutations."
        ),
    ] = None
    seed: Annotated[int, typer.Option(help="All chance follows from this number.")] = 0
    template: Annotated[
        str,
        typer.Option(
            metavar="MNI152|none|IMAGE",
            help="Anatomy beneath the figures. 'decide': MNI152 where the maps lie in its space.",
        ),
    ] = "decide"
    workers: Annotated[
        int | None,
        typer.Option(help="Threads; results do not depend on them. Left out: the cores."),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of the same contrasts.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the folder alone.")] = False


def judge_maps(options: JudgeOptions) -> None:
    """Judge contrasts of maps by permutations.

    The model is either --table with --model and --test, or --design-mat with --con as FSL writes
    them. Per contrast the folder gets maps of the statistic (t, F, v or G), of what was made
    largest (TFCE or cluster), of the effect with its interval, and of -log10 of the p corrected
    for the family-wise error (logpfwe: 1.301 is p = .05; never 1 - p); a figure; and a table of
    clusters. Each says how it was made, inside or in a JSON file beside it.

    A test that was broken off goes on when the same command is given again.
    """
    from heatlas.cli.display import display
    from heatlas.cli.permutation_request import request_of
    from heatlas.study.permute_files import permute_files

    request = request_of(options)
    with display(quiet=options.quiet, as_json=False) as listen:
        found = permute_files(
            request,
            out=options.out,
            workers=options.workers,
            overwrite=options.overwrite,
            listen=listen,
        )
    if not options.quiet:
        _print_summary(found)
    typer.echo(str(options.out))


def _print_summary(found: PermutedFiles) -> None:
    """Print the caption of each contrast and its warnings; the folder alone is standard output."""
    for judged in found.judged:
        typer.echo(judged.heat_map.caption(), err=True)
        for warning in judged.warnings:
            typer.echo(f"  warning: {warning}", err=True)
