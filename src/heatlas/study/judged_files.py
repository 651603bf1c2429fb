"""Judged contrasts as plain files of one folder: maps, figure and cluster table of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heatlas.core.errors import DataError
from heatlas.core.statmap import EXTENDED_KINDS, StatMap
from heatlas.core.threshold import Threshold
from heatlas.io.atomic import atomic_write, write_json
from heatlas.io.derivatives import bids_labels, check_no_paths, map_sidecar
from heatlas.io.encode import volume_bytes
from heatlas.io.tables import write_table
from heatlas.show.view import View
from heatlas.study.backdrop import Background
from heatlas.study.figures import Drawing, draw_drawing
from heatlas.study.findings import JudgedContrast
from heatlas.study.results import contrast_maps

MOSAIC = View(kind="mosaic", width_px=1000, scale=1.2)
CORRECTED = "logpfwe"
READING = (
    "Values are -log10 of the corrected p: 1.301 is p = .05, 2 is p = .01, and larger is stronger. "
    "They are not 1 - p, as the corrp maps of other programs hold."
)


def check_free(
    folder: Path, names: Iterable[str], *, inputs: Sequence[Path], overwrite: bool
) -> None:
    """Check that the results of contrasts may be written to a folder.

    Parameters
    ----------
    folder : Path
        The folder, which need not exist.
    names : iterable of str
        The contrasts.
    inputs : sequence of Path
        Files that are read, which are never replaced.
    overwrite : bool
        Whether earlier results of the same names may be replaced.

    Raises
    ------
    DataError
        If two contrasts would share a file, or files of such names exist.
    """
    read = {path.resolve() for path in inputs}
    for label in bids_labels(names, kind="contrast").values():
        for file in _files_of(folder, label):
            if file.resolve() in read:
                raise DataError(
                    f"{file}: this is an input, which is never replaced; choose another folder."
                )
            if not overwrite:
                raise DataError(
                    f"{file}: it exists already; choose another folder or name of the contrast, "
                    "or allow it to be replaced (--overwrite)."
                )


def write_judged(
    folder: Path,
    judged: Sequence[JudgedContrast],
    *,
    background: Background,
    sources: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write judged contrasts, each file whole or not at all.

    Parameters
    ----------
    folder : Path
        Where they go; earlier results of contrasts of the same names are removed.
    judged : sequence of JudgedContrast
        On a grid.
    background : Background
        Anatomy beneath the figures.
    sources : sequence of str
        Digests of the files that they come from.

    Returns
    -------
    tuple of Path
        The maps, figures and tables, in order; each map and table has a JSON file beside it.
    """
    labels = bids_labels((one.contrast.name for one in judged), kind="contrast")
    written: list[Path] = []
    for one in judged:
        stem = f"contrast-{labels[one.contrast.name]}"
        for file in _files_of(folder, labels[one.contrast.name]):
            file.unlink()
        written += _write_maps(folder, one, stem=stem, sources=sources)
        written += _write_figure(folder, one, stem=stem, background=background)
        table = folder / f"{stem}_clusters.tsv"
        write_table(table, one.clusters, provenance=one.statistic.provenance)
        written.append(table)
    return tuple(written)


def _files_of(folder: Path, label: str) -> list[Path]:
    """Return the files in a folder that hold results of a contrast of this label."""
    patterns = (
        f"contrast-{label}_stat-*_statmap.nii.gz",
        f"contrast-{label}_stat-*_statmap.json",
        f"contrast-{label}_mosaic.png",
        f"contrast-{label}_clusters.*",
    )
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _write_maps(
    folder: Path, judged: JudgedContrast, *, stem: str, sources: Sequence[str]
) -> list[Path]:
    maps = contrast_maps(judged)
    written = []
    for stat, stat_map in maps.items():
        path = folder / f"{stem}_stat-{stat}_statmap.nii.gz"
        sidecar = _sidecar(judged, stat=stat, stat_map=stat_map, sources=sources)
        if stat_map.is_statistic and CORRECTED in maps:
            sidecar["Threshold"]["LogPMap"] = f"{stem}_stat-{CORRECTED}_statmap.nii.gz"
        content = volume_bytes(
            stat_map.mask.scatter_grid(stat_map.values),
            stat_map.mask.grid,
            description=f"{judged.contrast.name} {stat}",
            kind=stat,
            dof=stat_map.dof,
        )
        check_no_paths(sidecar, where=path.name)
        write_json(folder / f"{stem}_stat-{stat}_statmap.json", sidecar)
        atomic_write(path, content)
        written.append(path)
    return written


def _sidecar(
    judged: JudgedContrast, *, stat: str, stat_map: StatMap, sources: Sequence[str]
) -> dict[str, Any]:
    sidecar = map_sidecar(
        stat_map,
        stat=stat,
        test=judged.contrast.test,
        threshold=_told(judged.threshold, stat=stat, kind=stat_map.kind),
        sources=sources,
    )
    reading: Mapping[str, str] = {"Reading": READING} if stat == CORRECTED else {}
    return {**sidecar, **reading}


def _told(threshold: Threshold, *, stat: str, kind: str) -> Threshold | None:
    """Return the judgement as the sidecar of a kind of map tells it: its cut is one of that map."""
    if kind in EXTENDED_KINDS:
        return replace(threshold, cut=threshold.extended_cut, extended_cut=None)
    is_judged = stat in ("t", "F", "v", "G", CORRECTED)
    return threshold if is_judged else None


def _write_figure(
    folder: Path, judged: JudgedContrast, *, stem: str, background: Background
) -> list[Path]:
    drawing = Drawing(
        name=f"{stem}_mosaic", panels=(judged.heat_map,), view=MOSAIC, background=background
    )
    written = []
    for name, content in draw_drawing(drawing).files.items():
        atomic_write(folder / name, content)
        written.append(folder / name)
    return written
