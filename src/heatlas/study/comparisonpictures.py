"""The pictures of a comparison: the heat map, the same under other policies, and what moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.comparison import MapComparison
from heatlas.compare.correlation import MEASURES
from heatlas.compare.policy import POLICIES
from heatlas.core.colour import DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT, ColourScale
from heatlas.core.matrix import JudgedMatrix, LabelledMatrix
from heatlas.core.page import Figure
from heatlas.core.provenance import Provenance
from heatlas.core.words import count
from heatlas.io.picture import embed_svg, png_bytes
from heatlas.show.matrix import compile_matrix
from heatlas.show.raster import render
from heatlas.show.view import View

MARK_WORDS = "sign depends on the background policy"
DOTS_PER_INCH = 96.0


def pictures(compared: MapComparison, *, view: View | None = None) -> tuple[bytes, bytes]:
    """Return the heat map as PNG and as SVG, with caption and provenance inside.

    Parameters
    ----------
    compared : MapComparison
        What was found.
    view : View, optional
        Width, scale, theme, title; None is ``View(scale=2)``.

    Returns
    -------
    tuple of bytes
        The PNG and the SVG.
    """
    return matrix_pictures(judged_matrix(compared), provenance=compared.provenance, view=view)


def matrix_pictures(
    judged: JudgedMatrix, *, provenance: Provenance, view: View | None = None
) -> tuple[bytes, bytes]:
    """Return a matrix as PNG and as SVG, with caption and provenance inside.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn.
    provenance : Provenance
        How it came about.
    view : View, optional
        Width, scale, theme, title; None is ``View(scale=2)``.

    Returns
    -------
    tuple of bytes
        The PNG and the SVG.
    """
    from heatlas.show.publish import render_svg

    scene = compile_matrix(judged, view or View(scale=2.0))
    drawn = provenance.then(
        "draw", parameters={"colours": f"{judged.scale.table}, {judged.scale.low:.6g} to "
                                       f"{judged.scale.high:.6g}"}
    )  # fmt: skip
    caption = judged.caption()
    dpi = DOTS_PER_INCH * scene.scale
    png = png_bytes(render(scene), provenance=drawn, caption=caption, dpi=dpi)
    svg = embed_svg(render_svg(scene), provenance=drawn, caption=caption)
    return png, svg.encode()


def judged_matrix(compared: MapComparison) -> JudgedMatrix:
    """Return the comparison as it is drawn: evidence, outlines, marks, colours and caption."""
    question, matrix = compared.question, compared.matrix
    rows, columns = matrix.shape
    maps = f"{rows} maps" if question.is_square else f"{rows} x {columns} maps"
    return JudgedMatrix(
        matrix=matrix,
        scale=scale_of(matrix.values[~question.own], measure=question.measure, label=matrix.kind),
        survives=compared.survives,
        own=question.own,
        marked=compared.sign_depends,
        marked_words=MARK_WORDS,
        title=f"{maps}, policy: {question.policy}",
        text=compared.caption(),
    )


def scale_of(values: NDArray[np.float64], *, measure: str, label: str) -> ColourScale:
    """Return colours that are symmetric where values have a sign, up to the next twentieth.

    Parameters
    ----------
    values : numpy.ndarray of float64
        What is shown; NaN is left out.
    measure : str
        One of :data:`heatlas.compare.correlation.MEASURES`.
    label : str
        What stands beside the bar.

    Returns
    -------
    ColourScale
        Diverging for measures with a sign, from zero for others.
    """
    chosen = MEASURES[measure]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    bound = max(float(np.ceil(20 * max(abs(low), abs(high)) - 1e-9)) / 20, 0.05)
    return ColourScale(
        table=DIVERGING_DEFAULT if chosen.signed else SEQUENTIAL_DEFAULT,
        kind="diverging" if chosen.signed else "sequential",
        low=-bound if chosen.signed else 0.0,
        high=bound,
        true_low=low,
        true_high=high,
        label=label,
    )


def matrix_figure(judged: JudgedMatrix, *, name: str, view: View | None = None) -> Figure:
    """Return a matrix as a figure of a page.

    Parameters
    ----------
    judged : JudgedMatrix
        What is drawn.
    name : str
        File stem.
    view : View, optional
        Width and title; None is ``View()``.

    Returns
    -------
    Figure
        An SVG without the caption, which the page writes under it.
    """
    from heatlas.show.publish import render_svg

    scene = compile_matrix(judged, replace(view or View(), captions=False))
    return Figure(
        name=name,
        content=render_svg(scene).encode(),
        caption=judged.caption(),
        width=round(scene.width / scene.scale),
        height=round(scene.height / scene.scale),
        media_type="image/svg+xml",
    )


def movement(compared: MapComparison) -> JudgedMatrix:
    """Return how far each cell moves between policies, with cells marked whose sign turns.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    JudgedMatrix
        Largest minus smallest value of each cell, in the order of the heat map.
    """
    stacked = np.stack([compared.matrix.values, *(m.values for m in compared.others.values())])
    known = np.isfinite(stacked).sum(axis=0) > 1
    high = np.where(np.isnan(stacked), -np.inf, stacked).max(axis=0)
    low = np.where(np.isnan(stacked), np.inf, stacked).min(axis=0)
    spread = np.full(known.shape, np.nan)
    spread[known] = high[known] - low[known]
    own = compared.question.own
    shown = spread[np.isfinite(spread) & ~own]
    top = float(shown.max()) if shown.size else 0.0
    distinct = ~compared.question.repeated
    turned = int((compared.sign_depends & distinct).sum())
    return JudgedMatrix(
        matrix=replace(compared.matrix, values=spread),
        scale=ColourScale(
            table=SEQUENTIAL_DEFAULT,
            kind="sequential",
            low=0.0,
            high=max(float(np.ceil(20 * top) / 20), 0.05),
            true_low=float(shown.min()) if shown.size else 0.0,
            true_high=top,
            label=f"range of {compared.matrix.kind}",
        ),
        survives=np.zeros(spread.shape, dtype=bool),
        own=own,
        marked=compared.sign_depends,
        marked_words=MARK_WORDS,
        title="How far each cell moves between policies",
        text=f"Largest minus smallest {compared.matrix.kind} under "
        f"{count(1 + len(compared.others), 'policy', plural='policies')}; the sign of {turned} of "
        f"{count(int(distinct.sum()), 'cell')} depends on the policy.",
    )


def policy_panels(compared: MapComparison) -> tuple[JudgedMatrix, ...]:
    """Return the heat map under every policy, in one order and on one scale.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    tuple of JudgedMatrix
        The chosen policy first; marks are where the sign differs from it.
    """
    by_policy: dict[str, LabelledMatrix] = {compared.question.policy: compared.matrix}
    by_policy |= compared.others
    own = compared.question.own
    values = np.concatenate([matrix.values[~own] for matrix in by_policy.values()])
    scale = scale_of(values, measure=compared.question.measure, label=compared.matrix.kind)
    here = np.sign(compared.matrix.values)
    return tuple(
        JudgedMatrix(
            matrix=replace(compared.matrix, values=matrix.values, n=matrix.n),
            scale=scale,
            survives=np.zeros(matrix.shape, dtype=bool),
            own=own,
            marked=np.sign(matrix.values) * here < 0,
            marked_words=f"other sign than under '{compared.question.policy}'",
            title=name,
            text=f"{matrix.kind} over {POLICIES[name].words_for(compared.element)}.",
        )
        for name, matrix in by_policy.items()
    )
