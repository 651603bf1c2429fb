"""``heatlas show``: one map to a figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heatlas.cli.options import command_of

if TYPE_CHECKING:
    from heatlas.core.table import Column
    from heatlas.show.view import View
    from heatlas.study.show import Picture


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("show", no_args_is_help=True)(command_of(show_map, ShowOptions))


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """What ``heatlas show`` takes."""

    image: Annotated[
        Path, typer.Argument(metavar="MAP", help="The map: NIfTI or what nibabel reads.")
    ]
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Figure to write: .png, .svg or .pdf; one of that name is replaced. Left out: "
            "MAP's name with .png in this folder, where nothing is replaced.",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Cut of your own, for both tails, labelled uncorrected. Left out: the judgement "
            "in the sidecar of a map of Heatlas, else none."
        ),
    ] = None
    kind: Annotated[
        Literal["mosaic", "ortho", "stored"] | None,
        typer.Option(
            help="Rows of slices, three planes through one position, or slices as stored. Left "
            "out: mosaic; stored with --window."
        ),
    ] = None
    cuts: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=MM,MM",
            help="Slices of a mosaic in mm, such as z=-20,0,20; give it once per row of slices.",
        ),
    ] = None
    position: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z", help="Where the planes of 'ortho' cross, in mm. Left out: the peak."
        ),
    ] = None
    template: Annotated[
        str,
        typer.Option(
            metavar="MNI152|none|IMAGE",
            help="Anatomy beneath. 'decide': MNI152 where header, box or place of the map say so.",
        ),
    ] = "decide"
    window: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|C,W",
            help="The template is CT in HU: draw it through this window, brain or 40,80. The "
            "figure is then dark and radiological, with a scale bar.",
        ),
    ] = None
    slices: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Which stored slices, from 1. Left out: spread."),
    ] = None
    outline: Annotated[
        float | None,
        typer.Option(help="With --window: magnitude at which a line is drawn."),
    ] = None
    table: Annotated[
        str | None,
        typer.Option(help="Colour table. Left out: vik for signed maps, batlow for others."),
    ] = None
    limit: Annotated[
        float | None, typer.Option(help="Magnitude at which the colours saturate.")
    ] = None
    title: Annotated[str, typer.Option(help="Heading of the figure.")] = ""
    volume: Annotated[
        int | None, typer.Option(help="Which volume of an image with several, from 0.")
    ] = None
    scale: Annotated[
        float, typer.Option(help="Size of the figure; 2 for print and sharp screens.")
    ] = 1.0
    dark: Annotated[bool, typer.Option("--dark", help="Light words on a dark page.")] = False
    radiological: Annotated[
        bool,
        typer.Option(
            "--radiological", help="Draw the left of the body on the right. L and R are written."
        ),
    ] = False
    left_is_left: Annotated[
        bool, typer.Option("--left-is-left", help="With --window: neurological view.")
    ] = False
    verdict: Annotated[
        bool,
        typer.Option(
            "--verdict",
            help="Print whether colour-blind readers and a grey-scale print can read it; without "
            "-o no figure is written.",
        ),
    ] = False


def show_map(options: ShowOptions) -> None:
    """Draw one map as a figure.

    It has a caption, a colour bar, L and R, millimetres, and its provenance inside. Evidence
    below the threshold is faded, what survives is outlined: solid for +, dashed for -.
    """
    from heatlas.study.show import figure_path

    only_verdict = options.verdict and options.out is None
    out = None if only_verdict else figure_path(options.image, out=options.out)
    view = _view(options)
    picture = _over_ct(options, view, out=out) if options.window else _plain(options, view, out=out)
    _print_picture(picture, out=out)
    if options.verdict:
        _print_verdict(picture, theme=view.theme)


def _plain(options: ShowOptions, view: View, *, out: Path | None) -> Picture:
    from heatlas.study.mapfile import read_map
    from heatlas.study.show import draw

    if options.outline is not None:
        raise typer.BadParameter("it needs --window.", param_hint="--outline")
    return draw(
        read_map(options.image, volume=options.volume),
        out=out,
        view=view,
        threshold=options.threshold,
        template=options.template,
        table=options.table,
        limit=options.limit,
    )


def _over_ct(options: ShowOptions, view: View, *, out: Path | None) -> Picture:
    """Draw the map over the CT that the template names."""
    from heatlas.study.ct import ct_backdrop, read_ct
    from heatlas.study.mapfile import read_map
    from heatlas.study.overlay import Look, draw_overlay

    if options.template in ("decide", "none", "MNI152"):
        raise typer.BadParameter(
            "it needs the CT as --template, such as --template ct.nii.gz.", param_hint="--window"
        )
    look = Look(
        table=options.table,
        limit=options.limit,
        threshold=options.threshold,
        outline=options.outline,
    )
    source = options.image if options.volume is None else read_map(
        options.image, volume=options.volume
    )  # fmt: skip
    ct = ct_backdrop(read_ct(options.template), options.window or "brain")
    return draw_overlay(ct, source, look=look, view=view, out=out)


def _view(options: ShowOptions) -> View:
    from heatlas.show.view import AXES, View

    order = AXES[::-1]
    cuts = _cuts(options.cuts or [])
    x, y, z = _numbers(options.position, name="--position", n=3) if options.position else (0, 0, 0)
    windowed = options.window is not None
    numbers = _numbers(options.slices, name="--slices") if options.slices else []
    return View(
        kind=_kind(options),
        slices=tuple(int(number) for number in numbers),
        scale_bar=windowed,
        axes=tuple(axis for axis in order if axis in cuts) or order,
        cuts=cuts,
        position_mm=(x, y, z) if options.position else None,
        left_is_left=options.left_is_left if windowed else not options.radiological,
        scale=options.scale,
        theme="dark" if options.dark or windowed else "light",
        title=options.title,
    )


def _kind(options: ShowOptions) -> Literal["mosaic", "ortho", "stored"]:
    """Return the kind of view that was asked for, or the one that the other options mean."""
    if options.position:
        return "ortho"
    is_stored = bool(options.slices) or (options.window is not None and not options.cuts)
    return options.kind or ("stored" if is_stored else "mosaic")


def _print_picture(picture: Picture, *, out: Path | None) -> None:
    """Print what was drawn; the path alone goes to standard output."""
    typer.echo(picture.caption, err=True)
    typer.echo(f"background: {picture.background}", err=True)
    for note in picture.notes:
        typer.echo(f"note: {note}", err=True)
    if out is not None:
        typer.echo(str(out))


def _print_verdict(picture: Picture, *, theme: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from heatlas.show.accessibility import verdict

    found = verdict(picture.heat_map, theme=theme)
    table = found.table()
    shown = Table(*table.names)
    for row in zip(*(_cells(column) for column in table.columns), strict=True):
        shown.add_row(*row)
    Console().print(shown)
    typer.echo(found.words())


def _cells(column: Column) -> list[str]:
    from heatlas.core.words import number

    if isinstance(column.values, tuple):
        return [word or "" for word in column.values]
    return [number(value) for value in column.values.tolist()]


# -------------------------------------------------------------------------------- words to values


def _cuts(given: list[str]) -> dict[str, tuple[float, ...]]:
    """Return the positions of ``z=-20,0,20`` by axis."""
    cuts: dict[str, tuple[float, ...]] = {}
    for words in given:
        before, sign, listed = words.partition("=")
        axis = before.strip()
        if not sign or axis not in ("x", "y", "z"):
            raise typer.BadParameter(
                f"'{words}' names no axis; expected such as z=-20,0,20.", param_hint="--cuts"
            )
        cuts[axis] = tuple(_numbers(listed, name="--cuts"))
    return cuts


def _numbers(words: str, *, name: str, n: int | None = None) -> list[float]:
    try:
        numbers = [float(word) for word in words.split(",")]
    except ValueError:
        numbers = []
    if not numbers or (n is not None and len(numbers) != n):
        wanted = f"{n} numbers" if n is not None else "numbers"
        raise typer.BadParameter(
            f"'{words}' given, expected {wanted} in mm, such as 0,-20,45.", param_hint=name
        )
    return numbers
