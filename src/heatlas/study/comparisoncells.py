"""The strongest cells of a comparison one by one: how their values go together, and both maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heatlas.compare.comparison import MapComparison, select_for
from heatlas.compare.correlation import MEASURES
from heatlas.compare.joint import joint_histogram
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import Selection
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.page import Details, Figure
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.words import join, p_value
from heatlas.io.picture import webp_bytes
from heatlas.show.compile import compile_scene
from heatlas.show.joint import compile_joint
from heatlas.show.raster import render
from heatlas.show.scene import Scene
from heatlas.show.view import View

MOST_CELLS = 8
MAPS_PX = 1270


@dataclass(frozen=True)
class _Cell:
    """One cell: where it stands in the matrix, and which maps it compares."""

    place: tuple[int, int]
    row: int
    column: int
    names: tuple[str, str]


def cell_details(compared: MapComparison) -> tuple[Details, ...]:
    """Return the strongest distinct cells with a joint histogram and both maps side by side.

    Parameters
    ----------
    compared : MapComparison
        What was found, with its maps.

    Returns
    -------
    tuple of Details
        One a cell, the strongest first, at most eight; none where the maps were not kept.
    """
    if compared.maps is None:
        return ()
    selection = select_for(compared.maps, compared.question)
    left = f", after {join(compared.given)}" if compared.given else ""
    return tuple(
        Details(
            summary=_summary(compared, cell),
            blocks=(_joint(selection, cell, left=left), *_side_by_side(compared.maps, cell)),
        )
        for cell in _strongest(compared)
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


def _summary(compared: MapComparison, cell: _Cell) -> str:
    """Return the numbers of a cell in one line."""
    sure, place = compared.certainty, cell.place
    value = _two(float(compared.matrix.values[place]))
    text = f"{cell.names[0]} and {cell.names[1]}: {compared.matrix.kind} {value}"
    n = compared.matrix.n
    if MEASURES[compared.question.measure].tested:
        low, high = float(sure.low[place]), float(sure.high[place])
        text += f" [{_two(low)}, {_two(high)}], effective n {sure.n_eff[place]:,.0f}"
        text += f", {p_value(float(sure.p[place]))}"
        text += f", family-wise {p_value(float(compared.p_fwer[place]))}"
    return text if n is None else f"{text}; {n[place]:,} {compared.element}s"


def _joint(selection: Selection, cell: _Cell, *, left: str) -> Figure:
    """Return how the values of the two maps go together."""
    found = joint_histogram(selection, row=cell.row, column=cell.column)
    scene = compile_joint(
        found.counts,
        x_edges=found.x_edges,
        y_edges=found.y_edges,
        names=(cell.names[1], cell.names[0]),
        view=View(scale=2.0),
    )
    caption = (
        f"Voxels by their values in {cell.names[1]} (across) and {cell.names[0]} (up){left}; "
        "colours follow the logarithm of their number."
    )
    return _figure(scene, name=f"joint-{cell.row}-{cell.column}", caption=caption)


def _side_by_side(maps: ComparedMaps, cell: _Cell) -> tuple[Figure, ...]:
    """Return both maps as they were compared, each on its own scale; none over regions."""
    if not isinstance(maps.mask.space, Grid):
        return ()
    pairs = zip((cell.row, cell.column), cell.names, strict=True)
    panels = [_heat_map(maps, number, name=name) for number, name in pairs]
    view = View(kind="ortho", width_px=MAPS_PX, captions=False)
    caption = f"{cell.names[0]} and {cell.names[1]} on the grid of the comparison."
    scene = compile_scene(panels, view)
    return (_figure(scene, name=f"maps-{cell.row}-{cell.column}", caption=caption),)


def _heat_map(maps: ComparedMaps, number: int, *, name: str) -> HeatMap:
    """Return one map where it was measured, with default colours."""
    values = maps.values[number]
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


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
