"""The pictures of a comparison over regions: regions in maps, and regions with regions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.regions import RegionTable
from heatlas.core.colour import DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT, ColourScale
from heatlas.core.matrix import JudgedMatrix, LabelledMatrix
from heatlas.core.words import count
from heatlas.show.view import View

Floats = NDArray[np.float64]
# Pixels beside the cells, of a cell whose name can be read, and how many such cells are drawn.
BESIDE, NAMED_CELL, MOST_NAMED = 330, 11, 250
WIDEST_Z = 3.0  # z beyond which colours saturate, so that one region does not pale the others


def region_heat_map(table: RegionTable) -> JudgedMatrix:
    """Return the value of each region in each map as it is drawn.

    Parameters
    ----------
    table : RegionTable
        The values.

    Returns
    -------
    JudgedMatrix
        Maps (rows) against regions (columns), clustered; as they are where all maps have one unit,
        otherwise as z over the regions of each map.
    """
    matrix = table.comparable
    n_regions, n_maps = matrix.shape
    unit_words = "on one scale because all tables hold the same quantity"
    if not table.unit:
        unit_words = "as z over the regions of each map because maps have units of their own"
    missing = int(np.isnan(matrix.values).sum())
    said = f"; {count(missing, 'cell')} without a value" if missing else ""
    turned = _turned(matrix)
    return _plain(
        turned,
        scale=_scale(matrix.values, label=matrix.kind, widest=None if table.unit else WIDEST_Z),
        own=np.zeros(turned.shape, dtype=bool),
        title=f"{count(n_maps, 'map')} x {count(n_regions, 'region')}",
        text=f"{table.unit or 'Values'} of {table.words} in {count(n_maps, 'map')}, {unit_words}; "
        f"clustered, not tested{said}.",
    )


def region_correlation_map(table: RegionTable) -> JudgedMatrix | None:
    """Return how regions go together across maps, as it is drawn; None for fewer than three maps.

    Parameters
    ----------
    table : RegionTable
        The values.

    Returns
    -------
    JudgedMatrix or None
        Regions against regions, clustered.
    """
    matrix = table.correlation
    if matrix is None:
        return None
    own = np.eye(len(matrix.rows), dtype=bool)
    n_maps = table.matrix.shape[1]
    first = "" if table.unit else ", each map first as z over its regions"
    return _plain(
        matrix,
        scale=replace(_scale(matrix.values[~own], label=matrix.kind), low=-1.0, high=1.0),
        own=own,
        title=f"Regions with regions across {count(n_maps, 'map')}",
        text=f"{matrix.kind}: each two of {table.words} across {count(n_maps, 'map')}{first}; "
        "clustered. Not tested: the maps at hand are no sample of a population.",
    )


def region_view(judged: JudgedMatrix, *, scale: float = 2.0) -> View:
    """Return a picture wide enough for the names of up to 250 regions.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn.
    scale : float
        Pixels per nominal pixel.

    Returns
    -------
    View
        Of the usual width where the names fit it.
    """
    usual, columns = View(scale=scale), judged.matrix.shape[1]
    if columns > MOST_NAMED:
        return usual
    return replace(usual, width_px=max(usual.width_px, BESIDE + NAMED_CELL * columns))


def _turned(matrix: LabelledMatrix) -> LabelledMatrix:
    """Return the matrix with its columns as rows: many regions fit a page from left to right."""
    return replace(matrix, values=matrix.values.T, rows=matrix.columns, columns=matrix.rows, n=None)


def _plain(
    matrix: LabelledMatrix,
    *,
    scale: ColourScale,
    own: NDArray[np.bool_],
    title: str,
    text: str,
) -> JudgedMatrix:
    """Return a matrix that is shown without a judgement."""
    nothing = np.zeros(matrix.shape, dtype=bool)
    return JudgedMatrix(
        matrix=matrix,
        scale=scale,
        survives=nothing,
        own=own,
        marked=nothing,
        title=title,
        text=text,
    )


def _scale(values: Floats, *, label: str, widest: float | None = None) -> ColourScale:
    """Return colours: symmetric for values of both signs, from the smallest one otherwise."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    signed = low < 0 < high or not high > low
    bound = _upwards(max(abs(low), abs(high)))
    bound = bound if widest is None else min(bound, widest)
    return ColourScale(
        table=DIVERGING_DEFAULT if signed else SEQUENTIAL_DEFAULT,
        kind="diverging" if signed else "sequential",
        low=-bound if signed else low,
        high=bound if signed else high,
        true_low=low,
        true_high=high,
        label=label,
    )


def _upwards(value: float) -> float:
    """Return a value rounded up to two digits; 1 for zero."""
    if not value > 0:
        return 1.0
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / step - 1e-9) * step)
