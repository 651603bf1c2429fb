"""``heatlas ct``: a CT series read right, as a volume, as window panels, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heatlas.cli.options import command_of, slice_numbers

if TYPE_CHECKING:
    from heatlas.show.window import WindowedVolume
    from heatlas.study.ct import CtScan
    from heatlas.study.ctfiles import CtPictures
    from heatlas.study.overlay import Look


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    command = command_of(show_ct, CtOptions)
    application.command("ct", no_args_is_help=True)(command)


@dataclass(frozen=True, kw_only=True)
class CtOptions:
    """What ``heatlas ct`` takes."""

    source: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES",
            help="A DICOM file, folder or DICOMDIR; a NIfTI image; pictures of slices.",
        ),
    ]
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for ct.nii.gz, windows.png, .svg and ct.html."),
    ] = None
    series: Annotated[
        str | None,
        typer.Option(metavar="N", help="Which series, by the number or code that --list shows."),
    ] = None
    list_series: Annotated[
        bool, typer.Option("--list", help="List the series of a DICOM source and stop.")
    ] = False
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="brain, subdural, stroke, bone, lung, mediastinum, liver, abdomen, angio, file, "
            "or centre,width such as 40,80; may be given several times.",
        ),
    ] = None
    slices: Annotated[
        str | None,
        typer.Option(metavar="1,5,9", help="Which slices, from 1. Left out: spread evenly."),
    ] = None
    n_slices: Annotated[int, typer.Option(help="How many slices in a row.")] = 6
    unit: Annotated[
        str | None,
        typer.Option(metavar="hu", help="Your word that the values are HU, where nothing says so."),
    ] = None
    intensity: Annotated[
        str | None,
        typer.Option(
            metavar="MEANING",
            help="What grey numbers of pictures mean: 'hu 0..255 = -1000..1000'.",
        ),
    ] = None
    upright: Annotated[
        bool, typer.Option("--upright", help="Resample to a regular upright grid.")
    ] = False
    voxel_size: Annotated[
        float | None, typer.Option(metavar="MM", help="Edge of that grid's voxels.")
    ] = None
    runs: Annotated[
        bool,
        typer.Option("--runs", help="Also write each evenly spaced run of slices as acquired."),
    ] = False
    left_is_left: Annotated[
        bool, typer.Option("--left-is-left", help="Neurological view instead of radiological.")
    ] = False
    scale: Annotated[float, typer.Option(help="Pixels per unit of width, 2 for print.")] = 1.0
    heat_map: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="MAP",
            help="A map to lay over the scan, on any grid: overlay.png, .svg and, on the scan's "
            "grid, heatmap.nii.gz. The first window lies beneath.",
        ),
    ] = None
    alpha: Annotated[
        float | None,
        typer.Option(help="Largest opacity of the map. Left out: 0.75, and 1 for judged maps."),
    ] = None
    flat: Annotated[
        bool,
        typer.Option("--flat", help="One opacity everywhere, instead of one that follows values."),
    ] = False
    colour: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Colour table of the map; without --map the scan itself is coloured, as jet.",
        ),
    ] = None
    limit: Annotated[
        float | None, typer.Option(help="Magnitude at which the map's colours saturate.")
    ] = None
    threshold: Annotated[
        float | None, typer.Option(help="Cut of your own for the map, labelled uncorrected.")
    ] = None
    outline: Annotated[
        float | None, typer.Option(help="Magnitude of the map at which a line is drawn.")
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier call.")
    ] = False


def show_ct(options: CtOptions) -> None:
    """Read a CT scan and show it through windows.

    Slices keep their own positions: a gantry tilt becomes shear, uneven spacing is resampled and
    said. Values are HU by the files or by a check of the values; without HU windows are refused.
    What was found is listed; whose scan it is is written nowhere.
    """
    from heatlas.study.ct import read_ct
    from heatlas.study.ctfiles import FILES, write_ct
    from heatlas.study.outputs import check_folder

    if options.list_series:
        _list(options.source)
        return
    if options.out is None:
        raise typer.BadParameter("name a folder for the results.", param_hint="-o")
    _check_map_options(options)
    inputs = [path for path in (options.source, options.heat_map) if path is not None]
    check_folder(options.out, inputs=inputs, files=FILES, overwrite=options.overwrite)
    scan = read_ct(
        options.source,
        series=options.series,
        unit=_unit(options.unit),
        intensity=options.intensity,
        upright=options.upright,
        voxel_size_mm=options.voxel_size,
    )
    _print(scan)
    _check_map(options, scan)
    written = write_ct(
        scan,
        options.out,
        pictures=_pictures(options),
        runs=options.runs,
        overwrite=options.overwrite,
    )
    for path in (*written, *_overlay(options, scan, out=options.out)):
        typer.echo(str(path))


def _check_map_options(options: CtOptions) -> None:
    """Refuse options of a map where none is given."""
    given = {
        "--alpha": options.alpha,
        "--flat": options.flat or None,
        "--limit": options.limit,
        "--threshold": options.threshold,
        "--outline": options.outline,
    }
    for name, value in given.items():
        if value is not None and options.heat_map is None:
            raise typer.BadParameter("it is for a map; name one with --map.", param_hint=name)


def _check_map(options: CtOptions, scan: CtScan) -> None:
    """Read the map before anything is written: one that lies elsewhere is refused."""
    if options.heat_map is None:
        return
    from heatlas.study.overlay import lay_over

    lay_over(_beneath(options, scan), options.heat_map, look=_look(options))


def _beneath(options: CtOptions, scan: CtScan) -> WindowedVolume:
    """Return the scan through the first window."""
    from heatlas.study.ct import ct_backdrop, default_windows

    asked = scan.windows_named(options.window) if options.window else default_windows(scan)[0]
    return ct_backdrop(scan, asked[0])


def _look(options: CtOptions) -> Look:
    from heatlas.study.overlay import Look

    return Look(
        fade="none" if options.flat else "value",
        alpha=options.alpha,
        table=options.colour,
        limit=options.limit,
        threshold=options.threshold,
        outline=options.outline,
    )


def _overlay(options: CtOptions, scan: CtScan, *, out: Path) -> tuple[Path, ...]:
    """Write the map over the scan, or the scan in colours, where asked for."""
    if options.heat_map is None and options.colour is None:
        return ()
    from dataclasses import replace

    from heatlas.study.overlay import CT_VIEW, slices_at, write_colours, write_overlay

    ct = _beneath(options, scan)
    places = scan.slices.centres_mm()[[number - 1 for number in slice_numbers(options.slices)]]
    view = replace(
        CT_VIEW,
        left_is_left=options.left_is_left,
        scale=options.scale,
        slices=slices_at(scan.volume, places),
    )
    again = options.overwrite
    if options.heat_map is None:
        table = options.colour or "batlow"
        files, notes = write_colours(out, ct, table=table, view=view, overwrite=again)
    else:
        look, source = _look(options), options.heat_map
        files, notes = write_overlay(out, source, ct=ct, look=look, view=view, overwrite=again)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    return files


def _unit(word: str | None) -> Literal["hu"] | None:
    if word is None:
        return None
    if word.lower() == "hu":
        return "hu"
    raise typer.BadParameter(f"'{word}' given; only hu can be stated.", param_hint="--unit")


def _pictures(options: CtOptions) -> CtPictures:
    from heatlas.study.ctfiles import CtPictures

    return CtPictures(
        windows=tuple(options.window or ()),
        slices=slice_numbers(options.slices),
        n_slices=options.n_slices,
        left_is_left=options.left_is_left,
        scale=options.scale,
    )


def _list(source: Path) -> None:
    from heatlas.io.dicom import find_series
    from heatlas.io.dicom_series import series_table

    found = find_series(source)
    for line in series_table(found.series):
        typer.echo(line)
    for unread in found.damaged:
        typer.echo(f"not read: {unread.sentence}", err=True)
    if found.missing_words:
        typer.echo(f"not read: {found.missing_words}", err=True)


def _print(scan: CtScan) -> None:
    """Say what was found; paths alone go to standard output."""
    for name, words in scan.facts:
        typer.echo(f"{name.lower()}: {words}", err=True)
    typer.echo(scan.hounsfield.words, err=True)
    for note in scan.notes:
        typer.echo(f"note: {note}", err=True)
