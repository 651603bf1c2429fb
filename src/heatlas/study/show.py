"""Recipe of ``heatlas show``: one map to a figure that says what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heatlas.core.colour import scale_for
from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.provenance import Provenance
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold, value_threshold
from heatlas.core.value import Value, freeze
from heatlas.core.volume import Volume
from heatlas.io.atomic import atomic_write
from heatlas.io.foreign import files_of
from heatlas.io.nifti import stem
from heatlas.io.picture import embed_svg, pdf_keywords, png_bytes
from heatlas.show.compile import compile_scene
from heatlas.show.raster import render
from heatlas.show.scene import Scene
from heatlas.show.view import View
from heatlas.show.window import WindowedVolume
from heatlas.study.backdrop import DECIDE, Background, choose_background
from heatlas.study.mapfile import MapFile, read_map, stat_map_of

Source = Path | str | MapFile | HeatMap | StatMap | Volume
DOTS_PER_INCH = 96.0
LATER = (".html", ".htm", ".glb", ".gif", ".mp4")


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Value):
    """A finished figure; notebooks show it.

    Parameters
    ----------
    heat_map : HeatMap
        What is seen.
    ending : str
        ``".png"``, ``".svg"`` or ``".pdf"``.
    content : bytes
        The file, provenance inside.
    background : str
        Which anatomy lies beneath, and why.
    notes : tuple of str
        What a reader must know about the source.
    """

    heat_map: HeatMap
    ending: str
    content: bytes
    background: str = ""
    notes: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """The sentence under the figure."""
        return self.heat_map.caption()

    def _repr_png_(self) -> bytes | None:
        """Let notebooks show a PNG."""
        return self.content if self.ending == ".png" else None

    def _repr_svg_(self) -> str | None:
        """Let notebooks show an SVG."""
        return self.content.decode() if self.ending == ".svg" else None


def draw(
    source: Source,
    *,
    out: Path | str | None = None,
    view: View | None = None,
    threshold: float | None = None,
    template: str | Path | WindowedVolume = DECIDE,
    table: str | None = None,
    limit: float | None = None,
) -> Picture:
    """Draw one map.

    Parameters
    ----------
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        A map file, or a map.
    out : Path or str, optional
        File to write: ``.png``, ``.svg`` or ``.pdf``. Without it a PNG is only returned.
    view : View, optional
        What is looked at; the default is a mosaic of slices.
    threshold : float, optional
        A cut chosen by the reader, labelled as such. Without it a map of Heatlas shows the
        judgement in its sidecar, and any other map is shown without one.
    template : str, Path or WindowedVolume
        ``"MNI152"``, ``"none"``, an image file, an image with its window (CT), or ``"decide"`` (see
        :func:`heatlas.study.backdrop.choose_background`).
    table : str, optional
        Colour table.
    limit : float, optional
        Magnitude at which colours saturate.

    Returns
    -------
    Picture
        The figure, its caption and its provenance.

    Raises
    ------
    DataError
        If the map cannot be read, an option makes no sense or the file cannot be written.
    NotSupportedError
        If the ending of ``out`` is of a kind that is not drawn.

    Examples
    --------
    >>> draw("tmap.nii.gz", out="figure.png", threshold=3.1)  # doctest: +SKIP
    """
    target = Path(out) if out is not None else None
    ending = figure_ending(target) if target is not None else ".png"
    if target is not None and isinstance(source, (str, Path)):
        figure_path(Path(source), out=target)
    read = _read(source)
    heat_map = _heat_map(source, read, threshold=threshold, table=table, limit=limit)
    background = choose_background(heat_map.shown.mask, template=template)
    content = _encoded(heat_map, view=view or View(), background=background, ending=ending)
    if target is not None:
        atomic_write(target, content)
    return Picture(
        heat_map=heat_map,
        ending=ending,
        content=content,
        background=background.words,
        notes=read.notes,
    )


def heat_map_png(heat_map: HeatMap) -> bytes:
    """Return a heat map as PNG: the default picture, behind :meth:`HeatMap.draw`."""
    return draw(heat_map).content


def figure_ending(out: Path) -> str:
    """Return the kind of figure that a file name asks for, or raise NotSupportedError."""
    ending = out.suffix.lower()
    if ending in _ENCODERS:
        return ending
    known = ", ".join(_ENCODERS)
    if ending in LATER:
        raise NotSupportedError(
            f"{out}: a later version of Heatlas draws '{ending}'; this one draws {known}."
        )
    raise NotSupportedError(f"{out}: a figure is written as {known}; give such a name.")


def figure_path(image: Path, *, out: Path | None = None) -> Path:
    """Return where the figure of a map file goes.

    Parameters
    ----------
    image : Path
        The map.
    out : Path, optional
        Where the reader wants it; a figure of that name is replaced. Without it the map's name
        with ``.png`` in the current folder, where nothing is replaced.

    Returns
    -------
    Path
        The file to write.

    Raises
    ------
    DataError
        If it is the map itself, or a file of that name exists that nobody gave up.
    NotSupportedError
        If the ending is of a kind that is not drawn.
    """
    target = out if out is not None else Path(f"{stem(image)}.png")
    figure_ending(target)
    if target.resolve() in {file.resolve() for file in files_of(image)}:
        raise DataError(f"{target}: this is the map itself, which is never replaced.")
    if out is None and target.exists():
        raise DataError(f"{target}: it exists already; name the figure with -o to replace it.")
    return target


def _read(source: Source) -> MapFile:
    if isinstance(source, MapFile):
        return source
    if isinstance(source, (str, Path)):
        return read_map(Path(source))
    if isinstance(source, HeatMap):
        return MapFile(stat_map=source.shown, threshold=source.threshold)
    if isinstance(source, StatMap):
        return MapFile(stat_map=source)
    return MapFile(stat_map=stat_map_of(source), notes=source.provenance.warnings)


def _heat_map(
    source: Source,
    read: MapFile,
    *,
    threshold: float | None,
    table: str | None,
    limit: float | None,
) -> HeatMap:
    """Return the map with its judgement and colours; a heat map keeps what it has."""
    if limit is not None and not limit > 0:
        raise DataError(f"limit: {limit:g} given, expected a magnitude above 0.")
    stat_map = read.stat_map
    rule = read.threshold if threshold is None else _chosen(stat_map, cut=threshold)
    given = source if isinstance(source, HeatMap) else None
    if given is not None and (threshold, table, limit) == (None, None, None):
        return given
    judged = given.judged if given is not None and threshold is None else None
    scale = scale_for(stat_map, threshold=rule, table=table, limit=limit)
    title = given.title if given is not None else stat_map.contrast
    return heat_map_of(stat_map, threshold=rule, judged=judged, scale=scale, title=title)


def _chosen(stat_map: StatMap, *, cut: float) -> Threshold:
    """Return the reader's own cut, for both tails where the map has two."""
    if not cut >= 0:
        raise DataError(
            f"threshold: {cut:g} given, expected a magnitude of at least 0; it holds for both "
            "tails of a signed map."
        )
    signed = stat_map.is_signed and (stat_map.is_statistic or bool((stat_map.values < 0).any()))
    name = stat_map.symbol if stat_map.is_statistic else "value"
    return value_threshold(stat_map.values, cut=cut, two_sided=signed, name=name)


# -------------------------------------------------------------------------------- encoding


def _encoded(heat_map: HeatMap, *, view: View, background: Background, ending: str) -> bytes:
    """Return the figure as the bytes of a file with its provenance inside."""
    view = replace(view, note=f"{view.note} {background.sentence}".strip())
    scene = compile_scene([heat_map], view, background=background.volume)
    provenance = _provenance(heat_map, view=view, background=background)
    return _ENCODERS[ending](scene, _Inside(caption=heat_map.caption(), provenance=provenance))


def _provenance(heat_map: HeatMap, *, view: View, background: Background) -> Provenance:
    scale = heat_map.scale
    settings = {
        "view": view.kind,
        "cuts_mm": {axis: list(mm) for axis, mm in view.cuts.items()},
        "position_mm": list(view.position_mm or ()),
        "slices": list(view.slices),
        "left_is_left": view.left_is_left,
        "threshold": heat_map.threshold.words,
        "colours": f"{scale.table}, {scale.low:.6g} to {scale.high:.6g}",
        "background": background.words,
        "window": _window_limits(background),
    }
    kept = {key: entry for key, entry in settings.items() if entry not in ([], {})}
    return heat_map.provenance.then("draw", parameters=kept)


def _window_limits(background: Background) -> list[float]:
    """Return the values that are black and white, empty where the tissue decides."""
    beneath = background.volume
    return [beneath.low, beneath.high] if isinstance(beneath, WindowedVolume) else []


@dataclass(frozen=True, kw_only=True)
class _Inside:
    """What a figure's file says about itself."""

    caption: str
    provenance: Provenance


def _png(scene: Scene, inside: _Inside) -> bytes:
    return png_bytes(
        render(scene),
        provenance=inside.provenance,
        caption=inside.caption,
        dpi=DOTS_PER_INCH * scene.scale,
    )


def _svg(scene: Scene, inside: _Inside) -> bytes:
    from heatlas.show.publish import render_svg

    text = render_svg(scene)
    return embed_svg(text, provenance=inside.provenance, caption=inside.caption).encode()


def _pdf(scene: Scene, inside: _Inside) -> bytes:
    from heatlas.show.publish import render_pdf

    return render_pdf(scene, subject=inside.caption, keywords=pdf_keywords(inside.provenance))


_ENCODERS: Mapping[str, Callable[[Scene, _Inside], bytes]] = freeze({
    ".png": _png,
    ".svg": _svg,
    ".pdf": _pdf,
})
