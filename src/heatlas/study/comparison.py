"""What a comparison leaves on disk: tables, the policy, pictures and the report, in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.compare.comparison import MapComparison
from heatlas.compare.correlation import MEASURES
from heatlas.compare.policy import POLICIES
from heatlas.compare.surrogates import SOURCES
from heatlas.core.errors import DataError
from heatlas.core.matrix import LabelledMatrix
from heatlas.core.table import Column, Table
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json, write_text
from heatlas.io.foreign import files_of
from heatlas.io.picture import sidecar_of
from heatlas.io.tables import write_table
from heatlas.show.report import render_page
from heatlas.study.comparisonpage import comparison_page
from heatlas.study.comparisonpictures import pictures

TABLES = ("correlation.tsv", "coverage.tsv", "cells.tsv", "sensitivity.tsv")
POLICY = "policy.json"
PICTURES = ("heatmap.png", "heatmap.svg")
REPORT = "report.html"
FILES = (*TABLES, *(str(sidecar_of(Path(name))) for name in TABLES), POLICY, *PICTURES, REPORT)


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
    write_text(out / REPORT, render_page(comparison_page(compared)))
    return tuple(out / name for name in (*TABLES, POLICY, *PICTURES, REPORT))


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
        content["test"] = _test(compared)
    return content


def _test(compared: MapComparison) -> dict[str, Any]:
    """Return the null, the corrections and their settings."""
    question = compared.question
    test: dict[str, Any] = {
        "null": "Dutilleul's effective n from masked isotropic autocorrelations, two-sided t",
        "family_wise": "Holm over all distinct cells",
        "false_discovery_rate": "Benjamini-Hochberg over all distinct cells",
        "interval": "Fisher's z with the effective n",
        "interval_level": compared.certainty.level,
        "alpha": question.alpha,
    }
    if question.null in SOURCES:
        words = f"{question.null} surrogates of all maps at once, two-sided"
        test |= {
            "null": f"{words}: {SOURCES[question.null].words}",
            "family_wise": "largest standardised correlation over all distinct cells",
            "n_surrogates": question.n_surrogates,
            "seed": question.seed,
        }
    return test


def _records(table: Table) -> list[Mapping[str, Any]]:
    """Return the rows of a table as dictionaries, missing numbers as null."""
    cells = [
        [None if np.isnan(v) else float(v) for v in column.values]
        if isinstance(column.values, np.ndarray)
        else list(column.values)
        for column in table.columns
    ]
    return [dict(zip(table.names, row, strict=True)) for row in zip(*cells, strict=True)]
