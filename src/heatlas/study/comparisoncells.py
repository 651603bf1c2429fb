"""The heat map as a picture whose cells open: numbers, scatter and both maps of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from heatlas.compare.comparison import MapComparison, select_for
from heatlas.compare.joint import joint_histograms, shared_values
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import Selection
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.matrix import JudgedMatrix
from heatlas.core.page import (
    Area,
    Block,
    Choice,
    Columns,
    Definitions,
    Explorer,
    Figure,
    Labelled,
    Paragraph,
    Repeated,
)
from heatlas.core.parcels import Parcels
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.volume import Volume
from heatlas.core.words import count, join, p_value
from heatlas.io.picture import webp_bytes
from heatlas.show.compile import compile_scene
from heatlas.show.joint import compile_joint, compile_points
from heatlas.show.matrixplan import cell_areas
from heatlas.show.raster import render
from heatlas.show.scene import Scene
from heatlas.show.view import View
from heatlas.study.comparisonpictures import matrix_figure

MOST_CELLS = 240  # that open; a page of some 5 MB
MOST_MAPS = 40  # that are drawn
MOST_POINTS = 1000  # that are drawn one by one
MOST_NAMES = 15_000  # of points, in all panels; 1.5 MB
MAP_PX, MAP_SCALE = 440, 1.5
FEW_CELLS, JOINT_SCALES = 100, (1.5, 1.0)  # of the scatters of few cells and of many
POINTS_SCALE = 3.0  # dots are drawn without half tones: the browser makes them round


@dataclass(frozen=True)
class _Cell:
    """One cell: where it stands in the matrix, and which maps it compares."""

    place: tuple[int, int]
    row: int
    column: int
    names: tuple[str, str]


def cell_explorer(compared: MapComparison, judged: JudgedMatrix) -> Figure | Explorer:
    """Return the heat map with what lies behind its cells.

    Parameters
    ----------
    compared : MapComparison
        What was found, with its maps.
    judged : JudgedMatrix
        The comparison as it is drawn.

    Returns
    -------
    Explorer or Figure
        The distinct cells open, the strongest first, at most 240 of them; the picture alone where
        no cell has a value or the maps were not kept.
    """
    figure = matrix_figure(judged, name="heatmap")
    cells = _strongest(compared)
    if compared.maps is None or not cells:
        return figure
    selection = select_for(compared.maps, compared.question)
    areas = cell_areas(judged, view=replace(View(), captions=False))
    pictures = _map_pictures(compared.maps, cells)
    choices = tuple(
        Choice(
            anchor=f"cell-{number}",
            label=_label(compared, cell),
            areas=_areas_of(areas, cell, compared=compared),
            blocks=(
                Columns(blocks=(Definitions(items=_numbers(compared, cell)), scatter)),
                *_both_maps(pictures, cell),
            ),
        )
        for number, (cell, scatter) in enumerate(
            zip(cells, _named_first(_scatters(compared, selection, cells=cells)), strict=True),
            start=1,
        )
    )
    return Explorer(
        figure=figure,
        choices=choices,
        hint=_hint(compared, n_open=len(cells)),
        anchor="heatmap-cells",
        steps=("stronger", "heat map", "weaker"),
    )


def _strongest(compared: MapComparison) -> list[_Cell]:
    """Return the distinct cells with the largest magnitude."""
    question, matrix = compared.question, compared.matrix
    distinct = np.argwhere(~question.repeated & np.isfinite(matrix.values))
    strength = np.abs(matrix.values[distinct[:, 0], distinct[:, 1]])
    best = distinct[np.argsort(-strength, kind="stable")][:MOST_CELLS]
    return [
        _Cell(
            place=(row, column),
            row=question.rows[row],
            column=question.columns[column],
            names=(matrix.rows.names[row], matrix.columns.names[column]),
        )
        for row, column in best.tolist()
    ]


def _hint(compared: MapComparison, *, n_open: int) -> str:
    """Return what a reader can do, and which cells do not open."""
    text = "Choose a cell to see its numbers, how its values go together, and both maps"
    values = compared.matrix.values
    n_cells = int((np.isfinite(values) & ~compared.question.repeated).sum())
    if n_cells > n_open:
        text += f"; the strongest {n_open} of {n_cells:,} open, cells.tsv holds the numbers of all"
    return f"{text}."


def _areas_of(areas: np.ndarray, cell: _Cell, *, compared: MapComparison) -> tuple[Area, ...]:
    """Return where a cell stands in the picture: twice where all pairs of one set are shown."""
    row, column = cell.place
    places = [(row, column), (column, row)] if compared.question.is_square else [(row, column)]
    found = []
    for place in places:
        left, top, width, height = areas[place].tolist()
        found.append(Area(left=left, top=top, width=width, height=height))
    return tuple(found)


# ----------------------------------------------------------------------------------- numbers


def _label(compared: MapComparison, cell: _Cell) -> str:
    """Return both names and the value."""
    value = _two(float(compared.matrix.values[cell.place]))
    return f"{cell.names[0]} and {cell.names[1]}: {compared.matrix.kind} {value}"


def _numbers(compared: MapComparison, cell: _Cell) -> tuple[tuple[str, str], ...]:
    """Return everything that is known of a cell, by name."""
    sure, place, matrix = compared.certainty, cell.place, compared.matrix
    value = float(matrix.values[place])
    items = []
    if compared.is_tested:
        limits = f"[{_two(float(sure.low[place]))}, {_two(float(sure.high[place]))}]"
        items.append((
            f"{matrix.kind} [{100 * sure.level:g} % interval]",
            f"{_two(value)} {limits}",
        ))
    else:
        items.append((matrix.kind, _two(value)))
    if matrix.n is not None:
        items.append((_element(compared, plural=True), f"{matrix.n[place]:,}"))
    if compared.is_tested:
        items += [
            (f"effective number of {_element(compared, plural=True)}", _whole(sure.n_eff[place])),
            ("p, uncorrected", _p(float(sure.p[place]))),
            ("p, family-wise", _p(float(compared.p_fwer[place]))),
            ("q, false discovery rate", _p(float(compared.q_fdr[place]))),
        ]
    return (*items, *_elsewhere(compared, cell))


def _elsewhere(compared: MapComparison, cell: _Cell) -> Iterator[tuple[str, str]]:
    """Return the value under each other policy, and whether its sign turns there."""
    here = np.sign(compared.matrix.values[cell.place])
    for name, other in compared.others.items():
        value = float(other.values[cell.place])
        turns = " (the sign turns)" if np.sign(value) * here < 0 else ""
        yield f"under '{name}'", "no value" if np.isnan(value) else f"{_two(value)}{turns}"


def _element(compared: MapComparison, *, plural: bool) -> str:
    """Return the word for what the maps hold values of."""
    is_regions = compared.maps is not None and isinstance(compared.maps.mask.space, Parcels)
    word = "region" if is_regions else "voxel"
    return f"{word}s" if plural else word


def _p(value: float) -> str:
    return p_value(value).removeprefix("p ").removeprefix("= ")


def _whole(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:,.0f}"


def _two(value: float) -> str:
    if np.isnan(value):
        return "n/a"
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


# ---------------------------------------------------------------------------------- pictures


def _scatters(
    compared: MapComparison, selection: Selection, *, cells: list[_Cell]
) -> Iterator[Figure | Labelled]:
    """Return how the values of each cell's maps go together: points where few, else counts."""
    left = f", after {join(compared.given)}" if compared.given else ""
    if selection.mask.size <= MOST_POINTS:
        for cell in cells:
            yield _points(selection, cell, element=_element(compared, plural=False), left=left)
        return
    pairs = [(cell.row, cell.column) for cell in cells]
    scale = JOINT_SCALES[len(cells) > FEW_CELLS]
    for cell, found in zip(cells, joint_histograms(selection, pairs), strict=True):
        scene = compile_joint(
            found.counts,
            x_edges=found.x_edges,
            y_edges=found.y_edges,
            names=(cell.names[1], cell.names[0]),
            view=View(scale=scale),
        )
        caption = (
            f"Voxels by their values in {cell.names[1]} (across) and {cell.names[0]} (up){left}; "
            "colours follow the logarithm of their number."
        )
        yield _figure(scene, name=f"joint-{cell.row}-{cell.column}", caption=caption)


def _points(selection: Selection, cell: _Cell, *, element: str, left: str) -> Figure | Labelled:
    """Return one point an element of a cell, named where elements have names."""
    y, x = shared_values(selection, row=cell.row, column=cell.column)
    scene = compile_points(
        x, y, names=(cell.names[1], cell.names[0]), view=View(scale=POINTS_SCALE)
    )
    caption = (
        f"{count(len(x), element)} by their values in {cell.names[1]} (across) and "
        f"{cell.names[0]} (up){left}."
    )
    figure = _figure(scene, name=f"points-{cell.row}-{cell.column}", caption=caption)
    space = selection.mask.space
    if not isinstance(space, Parcels):
        return figure
    shared = selection.mask.indices[selection.pair(cell.row, cell.column)]
    centres = [path.points.mean(axis=0) for path in scene.paths if path.role == "dot"]
    places = np.array(centres) / (scene.width, scene.height)
    names = [space.names[number] for number in shared]
    return Labelled(
        figure=figure,
        labels=tuple(
            (name, left, top) for name, (left, top) in zip(names, places.tolist(), strict=True)
        ),
    )


def _named_first(scatters: Iterator[Figure | Labelled]) -> Iterator[Figure | Labelled]:
    """Return the scatters, their points named as long as the page stays small."""
    n_names = 0
    for scatter in scatters:
        if isinstance(scatter, Labelled):
            n_names += len(scatter.labels)
            yield scatter if n_names <= MOST_NAMES else scatter.figure
        else:
            yield scatter


def _both_maps(pictures: Mapping[int, Figure], cell: _Cell) -> Iterator[Block]:
    """Return both maps side by side, or which of them are not drawn."""
    pairs = list(zip((cell.row, cell.column), cell.names, strict=True))
    drawn = tuple(Repeated(figure=pictures[number]) for number, _ in pairs if number in pictures)
    missing = [name for number, name in pairs if number not in pictures]
    if drawn:
        yield Columns(blocks=drawn)
    if missing and pictures:
        yield Paragraph(
            text=f"Not drawn, to keep the page small: {join(missing)}. heatlas show draws a map."
        )


def _map_pictures(maps: ComparedMaps, cells: list[_Cell]) -> Mapping[int, Figure]:
    """Return the maps of the strongest cells as they were compared, all cut at one place."""
    if not isinstance(maps.mask.space, Grid):
        return {}
    numbers = list(dict.fromkeys(n for cell in cells for n in (cell.row, cell.column)))[:MOST_MAPS]
    where = _telling_place(maps, numbers)
    measured_by = maps.mask.scatter_grid(np.isfinite(maps.values).sum(axis=0), fill=0)
    shape = Volume(values=measured_by.astype(np.float32), grid=maps.mask.grid)
    view = View(kind="ortho", width_px=MAP_PX, scale=MAP_SCALE, captions=False, position_mm=where)
    return {
        number: _figure(
            compile_scene([_heat_map(maps, number)], view, background=shape),
            name=f"map-{number}",
            caption=f"{maps.names[number]} as compared; grey where only others were measured.",
        )
        for number in numbers
    }


def _telling_place(maps: ComparedMaps, numbers: list[int]) -> tuple[float, float, float]:
    """Return where the maps, each in units of its own spread, lie furthest from their means."""
    total, n = np.zeros(maps.mask.size), np.zeros(maps.mask.size)
    for number in numbers:
        values = maps.values[number].astype(np.float64)
        measured = np.isfinite(values)
        z = (values - values[measured].mean()) / values[measured].std()
        total += np.where(measured, z**2, 0)
        n += measured
    shared = n == n.max()
    x, y, z_mm = maps.mask.positions_mm()[np.argmax(np.where(shared, total, -1))].tolist()
    return x, y, z_mm


def _heat_map(maps: ComparedMaps, number: int) -> HeatMap:
    """Return one map where it was measured, with default colours."""
    values, name = maps.values[number], maps.names[number]
    measured = np.isfinite(values)
    inside = np.zeros(maps.mask.space.size, dtype=bool)
    inside[maps.mask.indices[measured]] = True
    mask = Mask(space=maps.mask.space, inside=inside, words=f"where {name} was measured")
    shown = StatMap(values=values[measured], mask=mask, kind="value", contrast=name)
    return heat_map_of(shown, title=name)


def _figure(scene: Scene, *, name: str, caption: str) -> Figure:
    return Figure(
        name=name,
        content=webp_bytes(render(scene)),
        caption=caption,
        width=round(scene.width / scene.scale),
        height=round(scene.height / scene.scale),
        media_type="image/webp",
    )
