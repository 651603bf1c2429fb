"""What a comparison leaves on disk: tables, the policy, and pictures, in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.compare.comparison import MapComparison
from heatlas.compare.correlation import MEASURES
from heatlas.compare.policy import POLICIES
from heatlas.core.colour import DIVERGING_DEFAULT, SEQUENTIAL_DEFAULT, ColourScale
from heatlas.core.errors import DataError
from heatlas.core.matrix import JudgedMatrix, LabelledMatrix
from heatlas.core.table import Column, Table
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json
from heatlas.io.foreign import files_of
from heatlas.io.picture import embed_svg, png_bytes, sidecar_of
from heatlas.io.tables import write_table
from heatlas.show.matrix import compile_matrix
from heatlas.show.raster import render
from heatlas.show.view import View

TABLES = ("correlation.tsv", "coverage.tsv", "cells.tsv", "sensitivity.tsv")
POLICY = "policy.json"
PICTURES = ("heatmap.png", "heatmap.svg")
FILES = (*TABLES, *(str(sidecar_of(Path(name))) for name in TABLES), POLICY, *PICTURES)
MARK_WORDS = "sign depends on the background policy"
DOTS_PER_INCH = 96.0


def check_folder(out: Path, *, inputs: Sequence[Path], overwrite: bool = False) -> None:
    """Check, before anything is computed, that a comparison may be written to a folder.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    inputs : sequence of Path
        Files that are read; they are never replaced.
    overwrite : bool
        Whether the files of an earlier comparison may be replaced.

    Raises
    ------
    DataError
        If it is a file, holds an input that would be replaced, or holds an earlier comparison.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: a file stands where the results folder is wanted; name another.")
    read = {file.resolve() for path in inputs for file in (*files_of(path), sidecar_of(path))}
    for file in (out / name for name in FILES):
        if file.resolve() in read:
            raise DataError(f"{file}: this is an input, which is never replaced; name another -o.")
        if file.exists() and not overwrite:
            raise DataError(
                f"{file}: it exists already; name another folder, or allow its files to be "
                "replaced (--overwrite)."
            )


def write_comparison(compared: MapComparison, *, out: Path) -> tuple[Path, ...]:
    """Write a comparison to a folder.

    Parameters
    ----------
    compared : MapComparison
        What was found.
    out : Path
        The folder; files of an earlier comparison are replaced.

    Returns
    -------
    tuple of Path
        What was written, sidecars left out.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    tables = (
        matrix_table(compared.matrix),
        matrix_table(compared.coverage),
        compared.cells(),
        compared.sensitivity(),
    )
    for name, table in zip(TABLES, tables, strict=True):
        write_table(out / name, table, provenance=compared.provenance)
    write_json(out / POLICY, policy_document(compared))
    for name, content in zip(PICTURES, pictures(compared), strict=True):
        atomic_write(out / name, content)
    return tuple(out / name for name in (*TABLES, POLICY, *PICTURES))


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
    from heatlas.show.publish import render_svg

    judged = judged_matrix(compared)
    scene = compile_matrix(judged, view or View(scale=2.0))
    provenance = compared.provenance.then(
        "draw", parameters={"colours": f"{judged.scale.table}, {judged.scale.low:.6g} to "
                                       f"{judged.scale.high:.6g}"}
    )  # fmt: skip
    caption = judged.caption()
    dpi = DOTS_PER_INCH * scene.scale
    png = png_bytes(render(scene), provenance=provenance, caption=caption, dpi=dpi)
    svg = embed_svg(render_svg(scene), provenance=provenance, caption=caption)
    return png, svg.encode()


def judged_matrix(compared: MapComparison) -> JudgedMatrix:
    """Return the comparison as it is drawn: evidence, outlines, marks, colours and caption."""
    question, matrix = compared.question, compared.matrix
    rows, columns = matrix.shape
    maps = f"{rows} maps" if question.is_square else f"{rows} x {columns} maps"
    return JudgedMatrix(
        matrix=matrix,
        scale=_scale(compared),
        survives=compared.survives,
        own=question.own,
        marked=compared.sign_depends,
        marked_words=MARK_WORDS,
        title=f"{maps}, policy: {question.policy}",
        text=compared.caption(),
    )


def _scale(compared: MapComparison) -> ColourScale:
    """Return colours that are symmetric where values have a sign, up to the next twentieth."""
    measure = MEASURES[compared.question.measure]
    values = compared.matrix.values[~compared.question.own]
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    bound = max(np.ceil(20 * max(abs(low), abs(high)) - 1e-9) / 20, 0.05)
    return ColourScale(
        table=DIVERGING_DEFAULT if measure.signed else SEQUENTIAL_DEFAULT,
        kind="diverging" if measure.signed else "sequential",
        low=-bound if measure.signed else 0.0,
        high=bound,
        true_low=low,
        true_high=high,
        label=measure.title,
    )


def matrix_table(matrix: LabelledMatrix) -> Table:
    """Return a matrix as a table: one row a row, named in the column "map"."""
    columns = [Column(name="map", values=matrix.rows.names, description="name of the row")]
    columns += [
        Column(name=name, values=matrix.values[:, k], description=f"{matrix.kind} with {name}")
        for k, name in enumerate(matrix.columns.names)
    ]
    return Table(columns=tuple(columns), caption=matrix.kind)


def policy_document(compared: MapComparison) -> dict[str, Any]:
    """Return what was decided about voxels, and on what it rests, as JSON-like data.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    dict
        Policy, measure, test and correction, what each file stores as background, the range of
        n, what the other policies say, warnings and provenance.
    """
    question, distinct = compared.question, ~compared.question.repeated
    n = np.zeros((1, 1)) if compared.matrix.n is None else compared.matrix.n[~question.own]
    content: dict[str, Any] = {
        "policy": question.policy,
        "policy_words": POLICIES[question.policy].words,
        "measure": compared.matrix.kind,
        "grid": compared.grid_words,
        "n_voxels": {"smallest": int(np.min(n)), "largest": int(np.max(n))},
        "mask": None if question.mask is None else question.mask.words,
        "backgrounds": _records(compared.backgrounds),
        "other_policies": {
            name: {
                "words": POLICIES[name].words,
                "sign_turns_in_cells": int(
                    (np.sign(other.values) * np.sign(compared.matrix.values) < 0)[distinct].sum()
                ),
            }
            for name, other in compared.others.items()
        },
        "cells": int(distinct.sum()),
        "cells_whose_sign_depends_on_policy": int(compared.sign_depends[distinct].sum()),
        "caption": compared.caption(),
        "warnings": list(compared.warnings),
        PROVENANCE_KEY: compared.provenance.to_json(),
    }
    if MEASURES[question.measure].tested:
        content["test"] = {
            "null": "Dutilleul's effective n from masked isotropic autocorrelations, two-sided t",
            "family_wise": "Holm over all distinct cells",
            "false_discovery_rate": "Benjamini-Hochberg over all distinct cells",
            "alpha": question.alpha,
            "interval_level": compared.certainty.level,
        }
    return content


def _records(table: Table) -> list[Mapping[str, Any]]:
    """Return the rows of a table as dictionaries, missing numbers as null."""
    cells = [
        [None if np.isnan(v) else float(v) for v in column.values]
        if isinstance(column.values, np.ndarray)
        else list(column.values)
        for column in table.columns
    ]
    return [dict(zip(table.names, row, strict=True)) for row in zip(*cells, strict=True)]
