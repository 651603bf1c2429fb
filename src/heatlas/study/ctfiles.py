"""What ``heatlas ct`` writes: the volume, its windows as pictures, and a page about the scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heatlas.core.errors import DataError
from heatlas.core.page import Figure
from heatlas.core.provenance import Provenance
from heatlas.core.value import Value
from heatlas.core.window import Window
from heatlas.geometry.slicestack import even_runs, part_of, sheared_volume
from heatlas.io.atomic import atomic_write, write_text
from heatlas.io.nifti import write_volume
from heatlas.io.picture import embed_svg, png_bytes, webp_bytes
from heatlas.show.raster import render
from heatlas.show.report import render_page
from heatlas.show.windows import SliceView, compile_windows, spread_slices, windows_caption
from heatlas.study.ct import BODY_HU, CtScan, default_windows
from heatlas.study.ctpage import ct_page
from heatlas.study.outputs import check_folder

DOTS_PER_INCH = 96.0
FILES = (
    "ct.nii.gz", "ct.json", "windows.png", "windows.svg", "ct.html",
    "overlay.png", "overlay.svg", "heatmap.nii.gz", "heatmap.json", "colours.png", "colours.svg",
)  # fmt: skip
DEFAULT_SLICES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class CtPictures(Value):
    """How the panels are drawn.

    Parameters
    ----------
    windows : tuple of str
        Names, ``centre,width`` or ``file``; empty takes those that suit the scan.
    slices : tuple of int
        Which slices, from 1; empty spreads ``n_slices`` over the scan.
    n_slices : int
        How many.
    left_is_left : bool
        True for the neurological view.
    scale : float
        2 for high-resolution screens and print.
    """

    windows: tuple[str, ...] = ()
    slices: tuple[int, ...] = ()
    n_slices: int = DEFAULT_SLICES
    left_is_left: bool = False
    scale: float = 1.0


def write_ct(
    scan: CtScan,
    out: Path | str,
    *,
    pictures: CtPictures | None = None,
    runs: bool = False,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write a scan as NIfTI with window panels and a page about what was found.

    Parameters
    ----------
    scan : CtScan
        As :func:`heatlas.read_ct` returns it.
    out : Path or str
        A folder; it is made where there is none.
    pictures : CtPictures, optional
        Windows, slices and side convention of the panels.
    runs : bool
        Also write each evenly spaced run of slices as acquired, sheared where it is tilted.
    overwrite : bool
        Whether files of an earlier call may be replaced.

    Returns
    -------
    tuple of Path
        ``ct.nii.gz`` (float32, NaN where nothing was scanned) with ``ct.json``, ``windows.png``,
        ``windows.svg``, ``ct.html``, and ``run-1_ct.nii.gz`` and so on where asked.

    Raises
    ------
    DataError
        If a window needs HU and the scan is not in HU, a slice does not exist, or a file is there
        already.
    """
    out = Path(out)
    wanted = pictures or CtPictures()
    windows, reason = _windows(scan, wanted)
    view = _view(scan, wanted)
    check_folder(out, inputs=(), files=FILES, overwrite=overwrite)
    written = [out / "ct.nii.gz", out / "ct.json"]
    sidecar = {"Unit": scan.unit or "unknown", "NaN": "padding: not scanned"}
    write_volume(written[0], scan.volume, sidecar=sidecar)
    if runs:
        written += _write_runs(scan, out, sidecar=sidecar)
    figure = _write_pictures(scan, windows, view=view, out=out)
    page = ct_page(scan, figure=figure, windows=windows, reason=reason)
    write_text(out / "ct.html", render_page(page))
    return (*written, out / "windows.png", out / "windows.svg", out / "ct.html")


def _windows(scan: CtScan, wanted: CtPictures) -> tuple[tuple[Window, ...], str]:
    if wanted.windows:
        return scan.windows_named(wanted.windows), "as asked"
    return default_windows(scan)


def _view(scan: CtScan, wanted: CtPictures) -> SliceView:
    n = len(scan.slices)
    wrong = [k for k in wanted.slices if not 1 <= k <= n]
    if wrong:
        raise DataError(f"slices: there is no slice {wrong[0]}; the scan has {n}, from 1.")
    if not 1 <= wanted.n_slices <= 12:
        raise DataError(f"slices: {wanted.n_slices} in a row asked for; 1 to 12 can be drawn.")
    above = BODY_HU if scan.is_hu else None
    numbers = tuple(k - 1 for k in wanted.slices) or spread_slices(
        scan.slices, n=wanted.n_slices, above=above
    )
    return SliceView(numbers=numbers, left_is_left=wanted.left_is_left, scale=wanted.scale)


def _write_runs(scan: CtScan, out: Path, *, sidecar: dict[str, str]) -> list[Path]:
    written = []
    kept = [run for run in even_runs(scan.slices) if run.n_slices > 1]
    for k, run in enumerate(kept, start=1):
        path = out / f"run-{k}_ct.nii.gz"
        write_volume(path, sheared_volume(part_of(scan.slices, run)), sidecar=sidecar)
        written.append(path)
    return written


def _write_pictures(
    scan: CtScan, windows: Sequence[Window], *, view: SliceView, out: Path
) -> Figure:
    """Write the panels as PNG and SVG; return them as a figure of the page."""
    from heatlas.show.publish import render_svg

    scene = compile_windows(scan.slices, windows, view=view)
    caption = windows_caption(scan.slices, windows, view=view)
    provenance = _drawn(scan, windows, view=view)
    pixels = render(scene)
    png = png_bytes(pixels, provenance=provenance, caption=caption, dpi=DOTS_PER_INCH * view.scale)
    atomic_write(out / "windows.png", png)
    svg = embed_svg(render_svg(scene), provenance=provenance, caption=caption)
    write_text(out / "windows.svg", svg)
    return Figure(
        name="windows",
        content=webp_bytes(pixels),
        caption=caption,
        width=round(scene.width / scene.scale),
        height=round(scene.height / scene.scale),
        media_type="image/webp",
    )


def _drawn(scan: CtScan, windows: Sequence[Window], *, view: SliceView) -> Provenance:
    return scan.slices.provenance.then(
        "draw slices through windows",
        parameters={
            "windows": [window.words for window in windows],
            "slices": [k + 1 for k in view.numbers],
            "left_is_left": view.left_is_left,
            "unit": scan.unit or "unknown",
        },
    )
