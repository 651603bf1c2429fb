"""What a comparison leaves on disk: tables, the policy, pictures and the report, in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heatlas.compare.comparison import MapComparison
from heatlas.compare.correlation import MEASURES
from heatlas.compare.policy import POLICIES
from heatlas.compare.regions import LEAST_SHARE, RegionTable
from heatlas.compare.surrogates import SOURCES
from heatlas.core.matrix import LabelledMatrix
from heatlas.core.table import Column, Table
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, write_json, write_text
from heatlas.io.picture import sidecar_of
from heatlas.io.tables import write_table
from heatlas.show.report import render_page
from heatlas.study.comparisonchecks import cross_check_table, stationarity_table
from heatlas.study.comparisonpage import comparison_page
from heatlas.study.comparisonpictures import matrix_pictures, pictures
from heatlas.study.regionpictures import region_correlation_map, region_heat_map, region_view

TABLES = ("correlation.tsv", "coverage.tsv", "cells.tsv", "sensitivity.tsv")
POLICY = "policy.json"
PICTURES = ("heatmap.png", "heatmap.svg")
REPORT = "report.html"
CHECKS = ("stationarity.tsv", "stationarity_cells.tsv")  # where maps on a grid were tested
# Of comparisons over regions; the second one of three maps or more.
REGIONS, ACROSS = "regions", "region_correlation"
REGION_TABLES = (f"{REGIONS}.tsv", f"{ACROSS}.tsv")
REGION_PICTURES = tuple(
    f"{stem}{ending}" for stem in (REGIONS, ACROSS) for ending in (".png", ".svg")
)
FILES = (
    *TABLES,
    *REGION_TABLES,
    *CHECKS,
    *(str(sidecar_of(Path(name))) for name in (*TABLES, *REGION_TABLES, *CHECKS)),
    POLICY,
    *PICTURES,
    *REGION_PICTURES,
    REPORT,
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
    checks = _write_checks(compared, out=out)
    write_json(out / POLICY, policy_document(compared))
    for name, content in zip(PICTURES, pictures(compared), strict=True):
        atomic_write(out / name, content)
    of_regions = _write_regions(compared, out=out)
    write_text(out / REPORT, render_page(comparison_page(compared)))
    names = (*TABLES, *checks, POLICY, *PICTURES, *of_regions, REPORT)
    return tuple(out / name for name in names)


def _write_checks(compared: MapComparison, *, out: Path) -> tuple[str, ...]:
    """Write how stationary the maps are; remove what an earlier comparison left behind."""
    check = compared.cross_check
    tables = (
        None if check is None else stationarity_table(check),
        cross_check_table(compared),
    )
    written = []
    for name, table in zip(CHECKS, tables, strict=True):
        if table is not None:
            write_table(out / name, table, provenance=compared.provenance)
            written.append(name)
            continue
        for file in (out / name, sidecar_of(out / name)):
            file.unlink(missing_ok=True)
    return tuple(written)


def _write_regions(compared: MapComparison, *, out: Path) -> tuple[str, ...]:
    """Write what a comparison over regions adds; remove what an earlier one left behind."""
    table, written = compared.regions, []
    judged = () if table is None else (region_heat_map(table), region_correlation_map(table))
    matrices = () if table is None else (table.matrix, table.correlation)
    for stem, matrix, shown in zip((REGIONS, ACROSS), matrices, judged, strict=False):
        if matrix is None or shown is None:
            continue
        between = "with" if matrix.is_square else "in"
        listed = matrix_table(matrix, entry="region", between=between)
        write_table(out / f"{stem}.tsv", listed, provenance=compared.provenance)
        drawn = matrix_pictures(shown, provenance=compared.provenance, view=region_view(shown))
        for ending, content in zip((".png", ".svg"), drawn, strict=True):
            atomic_write(out / f"{stem}{ending}", content)
        written += [f"{stem}{ending}" for ending in (".tsv", ".png", ".svg")]
    for name in (*REGION_TABLES, *REGION_PICTURES):
        if name not in written:
            for file in (out / name, sidecar_of(out / name)):
                file.unlink(missing_ok=True)
    return tuple(written)


def matrix_table(matrix: LabelledMatrix, *, entry: str = "map", between: str = "with") -> Table:
    """Return a matrix as a table.

    Parameters
    ----------
    matrix : LabelledMatrix
        What is written.
    entry : str
        Name of the first column, which holds the names of the rows.
    between : str
        Word between what the values are and the column that they stand in.

    Returns
    -------
    Table
        One row a row.
    """
    columns = [Column(name=entry, values=matrix.rows.names, description="name of the row")]
    columns += [
        Column(name=name, values=matrix.values[:, k], description=f"{matrix.kind} {between} {name}")
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
        "policy_words": compared.policy_words,
        "measure": compared.matrix.kind,
        "grid": compared.grid_words,
        f"n_{compared.element}s": {"smallest": int(np.min(n)), "largest": int(np.max(n))},
        "mask": None if question.mask is None else question.mask.words,
        "backgrounds": _records(compared.backgrounds),
        "other_policies": {
            name: {
                "words": POLICIES[name].words_for(compared.element),
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
    if compared.regions is not None:
        content["regions"] = _regions(compared.regions)
    if MEASURES[question.measure].tested:
        content["test"] = _test(compared)
    return content


def _regions(table: RegionTable) -> dict[str, Any]:
    """Return where regions come from, and when one counts."""
    known = table.parcels.centres_mm is not None
    return {
        "source": table.words,
        "n": table.parcels.size,
        "positions": "known" if known else "unknown",
        "least_share_of_measured_voxels": LEAST_SHARE,
        "value": table.unit or "each map has a unit of its own",
        "citation": table.citation,
    }


def _test(compared: MapComparison) -> dict[str, Any]:
    """Return the null, the corrections and their settings."""
    question = compared.question
    if compared.untested:
        return {"null": "not tested", "reason": compared.untested}
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
