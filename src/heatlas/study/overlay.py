"""Recipe of a heat map over CT: any map, laid over a windowed image through the affines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import SEQUENTIAL_DEFAULT, ColourScale, scale_for, value_faded
from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.provenance import Provenance, Step
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import value_threshold
from heatlas.core.validate import check_choice
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.core.words import percent
from heatlas.geometry.resample import INTERPOLATIONS, nearest_values, resample
from heatlas.io.nifti import read_header, read_volume, stem, write_volume
from heatlas.show.accessibility import verdict
from heatlas.show.stored import stack_of
from heatlas.show.view import View
from heatlas.show.window import WindowedVolume
from heatlas.study.history import read_sidecar, with_history
from heatlas.study.mapfile import MapFile, read_map, stat_map_of
from heatlas.study.outputs import check_outputs
from heatlas.study.show import Picture, draw

Fade = Literal["value", "none"]
MAP = "map"  # what its file is called in provenance
Source = Path | str | MapFile | HeatMap | StatMap | Volume
MOST_OPAQUE = 0.75  # of a map without a threshold: the anatomy stays visible beneath its peak
MOST_LABELS = 64  # whole numbers of which an image holds no more are labels
SAMPLE = 200_000  # voxels that are looked at before a question is asked of all of them
DEFAULT_TABLES = ("vik", "batlow")
# How CT is looked at unless told otherwise: radiological side, dark, as stored, to scale.
CT_VIEW = View(kind="stored", left_is_left=False, theme="dark", scale_bar=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Look(Value):
    """How a map lies over CT.

    Parameters
    ----------
    fade : {"value", "none"}
        Whether the opacity of a map without a threshold is proportional to the magnitude of its
        value, or the same everywhere. What was judged is faded by its evidence in any case.
    alpha : float, optional
        Largest opacity, above 0 and up to 1; the default is 0.75, and 1 for what was judged.
    table : str, optional
        Colour table.
    limit : float, optional
        Magnitude at which colours saturate.
    threshold : float, optional
        A cut chosen by the reader, for both tails of a signed map, labelled as such.
    outline : float, optional
        Magnitude at which a line is drawn, for both tails of a signed map.
    title : str
        Heading.
    """

    fade: Fade = "value"
    alpha: float | None = None
    table: str | None = None
    limit: float | None = None
    threshold: float | None = None
    outline: float | None = None
    title: str = ""

    def __post_init__(self) -> None:
        """Check choices and magnitudes."""
        check_choice(self.fade, name="fade", known=get_args(Fade))
        if self.alpha is not None and not 0 < self.alpha <= 1:
            raise DataError(f"alpha: {self.alpha:g} given, expected above 0 and up to 1.")
        for name in ("limit", "outline"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise DataError(f"{name}: {value:g} given, expected a magnitude above 0.")
        if self.threshold is not None and not (np.isfinite(self.threshold) and self.threshold >= 0):
            raise DataError(
                f"threshold: {self.threshold:g} given, expected a magnitude of at least 0."
            )


def draw_overlay(
    ct: WindowedVolume,
    source: Source,
    *,
    look: Look | None = None,
    view: View | None = None,
    out: Path | None = None,
) -> Picture:
    """Draw a map over CT, in place, whatever grid it lies on.

    Parameters
    ----------
    ct : WindowedVolume
        The image beneath and its window.
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        The map: a statistic, a probability, saliency. A HeatMap keeps its colours.
    look : Look, optional
        Opacity, colours, threshold and outline.
    view : View, optional
        What is looked at; the default is ``CT_VIEW``: slices as stored.
    out : Path, optional
        Figure to write: ``.png``, ``.svg`` or ``.pdf``.

    Returns
    -------
    Picture
        The figure with its provenance; its notes say what a reader must know, the verdict about
        a colour table that is no default included.

    Raises
    ------
    DataError
        If the map cannot be read.
    SpaceMismatchError
        If it does not overlap the CT.

    Notes
    -----
    Each pixel shows the nearest voxel of the map, so that its colour is that of a value that was
    really computed; what is interpolated is the CT, and only where its pixels are not its voxels.
    """
    view = view or CT_VIEW
    heat_map, notes = lay_over(ct, source, look=look)
    notes = (*notes, *colour_notes(heat_map, view=view))
    view = replace(view, note=" ".join([view.note, *notes]).strip())
    picture = draw(heat_map, out=out, view=view, template=ct)
    return replace(picture, notes=notes)


def lay_over(
    ct: WindowedVolume, source: Source, *, look: Look | None = None
) -> tuple[HeatMap, tuple[str, ...]]:
    """Return a map with the colours and the opacity that it has over CT, and notes about it.

    Parameters
    ----------
    ct : WindowedVolume
        The image that will lie beneath.
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        The map. A HeatMap keeps its colours.
    look : Look, optional
        Opacity, colours, threshold and outline.

    Returns
    -------
    tuple of HeatMap and of str
        The map, on its own grid, and what a reader must know.

    Raises
    ------
    SpaceMismatchError
        If no voxel of the map lies within the CT.
    """
    read = _read(source)
    share = _check_overlap(read.stat_map, ct=ct.volume)
    notes = read.notes
    if share < 1:
        notes += (f"Only {percent(np.floor(100 * share) / 100)} of the map lies within the CT.",)
    if isinstance(source, HeatMap) and look is None:
        return source, notes
    return _coloured(read, look=look or Look()), notes


def colour_ct(
    ct: WindowedVolume,
    *,
    table: str = SEQUENTIAL_DEFAULT,
    view: View | None = None,
    out: Path | None = None,
) -> Picture:
    """Draw CT itself in colours within its window: a plain intensity map.

    Parameters
    ----------
    ct : WindowedVolume
        The image; the window's limits are the ends of the colour bar.
    table : str
        Colour table; ``"jet"`` on request, with its verdict.
    view : View, optional
        What is looked at; the default is ``CT_VIEW``.
    out : Path, optional
        Figure to write: ``.png``, ``.svg`` or ``.pdf``.

    Returns
    -------
    Picture
        The figure. It says that the colours are the values of the CT and nothing else, and, for a
        table that is no default, who can read it.
    """
    view = view or CT_VIEW
    heat_map = _intensity_map(ct, table=table)
    note = "The colours are the values of the CT itself: no model and no statistic is behind them."
    notes = (note, *colour_notes(heat_map, view=view))
    view = replace(view, note=" ".join([view.note, *notes]).strip())
    picture = draw(heat_map, out=out, view=view, template=ct)
    return replace(picture, notes=notes)


def slices_at(ct: Volume, positions_mm: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the slices of a volume nearest to positions in mm, numbered from 1, each once."""
    stack = stack_of(ct.grid, left_is_left=False)
    return tuple(dict.fromkeys(stack.number_at(place) + 1 for place in positions_mm))


def colour_notes(heat_map: HeatMap, *, view: View) -> tuple[str, ...]:
    """Return the verdict on colours that somebody asked for, nothing for the default tables."""
    if heat_map.scale.table in DEFAULT_TABLES:
        return ()
    return (verdict(heat_map, theme=view.theme).words(),)


def map_on_ct(source: Source, ct: Volume) -> Volume:
    """Return a map on the grid of the CT.

    Parameters
    ----------
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        The map.
    ct : Volume
        Gives the grid, which may carry shear.

    Returns
    -------
    Volume
        Interpolated linearly over voxels that hold a value, NaN elsewhere; whole numbers (labels,
        masks) are taken from the nearest voxel.

    Raises
    ------
    SpaceMismatchError
        If no voxel of the map lies within the CT.
    """
    stat_map = _read(source).stat_map
    _check_overlap(stat_map, ct=ct)
    whole = Volume(
        values=stat_map.mask.scatter_grid(stat_map.values),
        grid=stat_map.mask.grid,
        name=stat_map.contrast or "map",
        provenance=stat_map.provenance,
    )
    linear, nearest = INTERPOLATIONS
    how = nearest if _are_labels(stat_map.values) else linear
    return resample(whole, to=ct.grid, interpolation=how, background=None)  # type: ignore[arg-type]  # one of its words


def write_map_on_ct(out: Path, source: Source, *, ct: Volume, overwrite: bool = False) -> Volume:
    """Write a map on the grid of the CT as ``.nii.gz`` with its sidecar.

    Parameters
    ----------
    out : Path
        The file to write.
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        The map.
    ct : Volume
        Gives the grid.
    overwrite : bool
        Whether a file of that name may be replaced.

    Returns
    -------
    Volume
        What was written.

    Raises
    ------
    DataError
        If the file cannot be written, or would replace the map.
    """
    inputs = [Path(source)] if isinstance(source, (str, Path)) else []
    check_outputs([out], inputs=inputs, overwrite=overwrite)
    read = _read(source)
    moved = map_on_ct(read, ct)
    stat_map = read.stat_map
    sidecar = {
        "Description": "map on the grid of the CT",
        "Quantity": stat_map.quantity,
        "Units": stat_map.unit,
        "Interpolation": moved.provenance.steps[-1].parameters.get("interpolation", "none"),
    }
    kept = {key: entry for key, entry in sidecar.items() if entry}
    write_volume(out, moved, kind=stat_map.kind, dof=stat_map.dof, sidecar=kept)
    return moved


def write_overlay(
    folder: Path,
    source: Source,
    *,
    ct: WindowedVolume,
    look: Look | None = None,
    view: View | None = None,
    overwrite: bool = False,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write a map over CT as PNG, SVG and NIfTI.

    Parameters
    ----------
    folder : Path
        Where ``overlay.png``, ``overlay.svg`` and ``heatmap.nii.gz`` (the map on the CT's grid,
        with its sidecar) go.
    source : Path, str, MapFile, HeatMap, StatMap or Volume
        The map.
    ct : WindowedVolume
        The image beneath.
    look : Look, optional
        Opacity, colours, threshold and outline.
    view : View, optional
        What is looked at.
    overwrite : bool
        Whether files of these names may be replaced.

    Returns
    -------
    tuple of (tuple of Path, tuple of str)
        The files, and what a reader must know.

    Raises
    ------
    DataError
        If a file is there already, or the map cannot be read.
    SpaceMismatchError
        If the map does not overlap the CT.
    """
    inputs = [Path(source)] if isinstance(source, (str, Path)) else []
    figures = [folder / "overlay.png", folder / "overlay.svg"]
    volume = folder / "heatmap.nii.gz"
    check_outputs([volume], inputs=inputs, overwrite=overwrite)
    _check_figures(figures, overwrite=overwrite)
    read = _read(source)
    kept = read if not isinstance(source, HeatMap) else source
    pictures = [draw_overlay(ct, kept, look=look, view=view, out=out) for out in figures]
    write_map_on_ct(volume, kept, ct=ct.volume, overwrite=overwrite)
    return (*figures, volume), pictures[0].notes


def write_colours(
    folder: Path, ct: WindowedVolume, *, table: str, view: View | None = None, overwrite: bool
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write CT itself in colours as ``colours.png`` and ``colours.svg``.

    Parameters
    ----------
    folder : Path
        Where they go.
    ct : WindowedVolume
        The image; the window's limits are the ends of the colour bar.
    table : str
        Colour table.
    view : View, optional
        What is looked at.
    overwrite : bool
        Whether files of these names may be replaced.

    Returns
    -------
    tuple of (tuple of Path, tuple of str)
        The files, and what a reader must know.

    Raises
    ------
    DataError
        If a file is there already.
    """
    figures = (folder / "colours.png", folder / "colours.svg")
    _check_figures(figures, overwrite=overwrite)
    pictures = [colour_ct(ct, table=table, view=view, out=out) for out in figures]
    return figures, pictures[0].notes


def _check_figures(figures: Sequence[Path], *, overwrite: bool) -> None:
    there = [path for path in figures if path.exists()]
    if there and not overwrite:
        raise DataError(
            f"{there[0]}: it exists already; choose another folder, or allow it to be replaced "
            "(--overwrite)."
        )


# -------------------------------------------------------------------------------- reading


def _read(source: Source) -> MapFile:
    """Return a map with what is known about it; of plain values every finite one counts."""
    if isinstance(source, MapFile):
        return source
    if isinstance(source, HeatMap):
        return MapFile(stat_map=source.shown, threshold=source.threshold)
    if isinstance(source, StatMap):
        return MapFile(stat_map=source)
    if isinstance(source, Volume):
        return MapFile(stat_map=_plain_map(source), notes=source.provenance.warnings)
    path = Path(source)
    if read_header(path).kind or "StatisticKind" in read_sidecar(path):
        return _unnamed(read_map(path), path=path)
    volume = with_history(read_volume(path), path)
    plain = MapFile(stat_map=_plain_map(volume), notes=volume.provenance.warnings)
    return _unnamed(plain, path=path)


def _unnamed(read: MapFile, *, path: Path) -> MapFile:
    """Return a map without its file's name, which over a scan may be that of a person."""
    shown = read.stat_map
    steps = tuple(_step_unnamed(step, name=path.name) for step in shown.provenance.steps)
    bare = replace(
        shown,
        contrast="" if shown.contrast == stem(path) else shown.contrast,
        provenance=Provenance(steps=steps),
    )
    notes = tuple(note.replace(path.name, MAP) for note in read.notes)
    return replace(read, stat_map=bare, notes=notes)


def _step_unnamed(step: Step, *, name: str) -> Step:
    return replace(
        step,
        inputs={MAP if key == name else key: digest for key, digest in step.inputs.items()},
        warnings=tuple(text.replace(name, MAP) for text in step.warnings),
    )


def _plain_map(volume: Volume) -> StatMap:
    """Return a map in which 0 is a value: a model that says 0 said something."""
    finite = np.isfinite(volume.values)
    if not finite.any():
        name = f"'{volume.name}'" if volume.name else "the map"
        raise DataError(f"{name} holds no finite value.")
    mask = Mask(space=volume.grid, inside=finite, words="finite voxels")
    return stat_map_of(volume, mask=mask)


def _are_labels(values: NDArray[np.floating]) -> bool:
    """Say whether values are a few whole numbers."""
    for few in (values[:: max(values.size // SAMPLE, 1)], values):
        known = few[np.isfinite(few)]
        if (known % 1 != 0).any() or np.unique(known).size > MOST_LABELS:
            return False
    return True


def _coloured(read: MapFile, *, look: Look) -> HeatMap:
    """Return the map with its judgement, if any, and the colours that were asked for."""
    stat_map = read.stat_map
    has_tails = stat_map.is_signed and bool((stat_map.values < 0).any())
    rule = read.threshold
    if look.threshold is not None:
        name = stat_map.symbol if stat_map.is_statistic else "value"
        two_sided = has_tails or (stat_map.is_signed and stat_map.is_statistic)
        rule = value_threshold(stat_map.values, cut=look.threshold, two_sided=two_sided, name=name)
    scale = scale_for(stat_map, threshold=rule, table=look.table, limit=look.limit)
    contours: tuple[float, ...] = ()
    if look.outline is not None:
        contours = (-look.outline, look.outline) if has_tails else (look.outline,)
    judged = rule is not None and rule.judges
    title = look.title or stat_map.contrast
    scale = _with_opacity(scale, look=look, judged=judged, contours=contours)
    return heat_map_of(stat_map, threshold=rule, scale=scale, title=title)


def _with_opacity(
    scale: ColourScale, *, look: Look, judged: bool, contours: tuple[float, ...]
) -> ColourScale:
    ceiling = look.alpha or (1.0 if judged else MOST_OPAQUE)
    if judged or look.fade == "none":
        return replace(scale, ceiling=ceiling, contours=contours)
    return value_faded(scale, ceiling=ceiling, contours=contours)


def _intensity_map(ct: WindowedVolume, *, table: str) -> HeatMap:
    volume = ct.volume
    mask = Mask(space=volume.grid, inside=np.isfinite(volume.values), words="measured voxels")
    unit = ct.window.unit
    stat_map = StatMap(
        values=mask.gather(volume.values),
        mask=mask,
        kind="value",
        quantity="CT number" if unit == "HU" else "intensity",
        unit=unit,
        contrast=volume.name,
        provenance=volume.provenance,
    )
    quantity = f"{stat_map.quantity} ({unit})" if unit else stat_map.quantity
    scale = ColourScale(
        table=table,
        kind="sequential",
        low=ct.low,
        high=ct.high,
        true_low=float(stat_map.values.min()),
        true_high=float(stat_map.values.max()),
        label=quantity,
    )
    return heat_map_of(stat_map, scale=scale, title=ct.window.words)


# -------------------------------------------------------------------------------- place


def _check_overlap(stat_map: StatMap, *, ct: Volume) -> float:
    """Return which share of the map lies within the CT; SpaceMismatchError if nothing does."""
    mask = stat_map.mask
    if mask.grid.same_as(ct.grid):
        return 1.0
    share = _share_within(mask, ct.grid)
    if share > 0:
        return share
    # Voxels of the map may be larger than all of the CT: then those of the CT lie within them.
    inside = mask.inside.reshape(mask.grid.shape)
    if nearest_values(inside, mask.grid, to=_thin(ct.grid), fill=False).any():
        return 1.0
    name = f"'{stat_map.contrast}'" if stat_map.contrast else "it"
    raise SpaceMismatchError(
        f"The map does not overlap the CT: {name} lies within {_box_words(mask.grid)}, the CT "
        f"within {_box_words(ct.grid)}; check that both are of the same scan and space."
    )


def _share_within(mask: Mask, grid: Grid) -> float:
    """Return which share of a mask's voxels lies within a grid, judged by a regular sample."""
    for indices in (mask.indices[:: max(mask.size // SAMPLE, 1)], mask.indices):
        voxels = np.stack(np.unravel_index(indices, mask.grid.shape), axis=1)
        places = grid.to_voxels(mask.grid.to_mm(voxels))
        within = ((places >= -0.5) & (places <= np.array(grid.shape) - 0.5)).all(axis=1)
        if within.any():
            return float(within.mean())
    return 0.0


def _thin(grid: Grid) -> Grid:
    """Return a grid of every few voxels of a large one, at most 64 along each axis."""
    steps = [-(-length // 64) for length in grid.shape]
    affine = grid.affine @ np.diag([*steps, 1.0])
    x, y, z = (-(-length // step) for length, step in zip(grid.shape, steps, strict=True))
    return replace(grid, shape=(x, y, z), affine=affine)


def _box_words(grid: Grid) -> str:
    """Return ``x −90 to 90, y −126 to 90, z −72 to 108 mm``."""
    ends = np.array(np.meshgrid(*[(-0.5, length - 0.5) for length in grid.shape]))
    corners = grid.to_mm(ends.reshape(3, -1).T)
    unit = " mm" if grid.unit == "mm" else ""
    parts = (
        f"{axis} {low:,.0f} to {high:,.0f}".replace("-", "−")
        for axis, low, high in zip("xyz", corners.min(axis=0), corners.max(axis=0), strict=True)
    )
    return ", ".join(parts) + unit
