"""What a run leaves behind: maps, tables, figures, the report and the lock file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heatlas.core.estimate import Estimate
from heatlas.core.statmap import StatKind, StatMap
from heatlas.core.table import Column, Table
from heatlas.core.threshold import Threshold
from heatlas.core.value import thaw
from heatlas.core.version import __version__
from heatlas.io.derivatives import (
    DerivativeWriter,
    bids_label,
    bids_labels,
    map_name,
    map_sidecar,
    threshold_entry,
)
from heatlas.io.encode import volume_bytes
from heatlas.io.source import digest_file
from heatlas.study.cohort import shown_name
from heatlas.study.figures import Drawn
from heatlas.study.findings import Findings, GroupOverlap, JudgedAnalysis, JudgedContrast
from heatlas.study.folder import LOCK_NAME, LOG_NAME, RESULT_NAMES
from heatlas.study.plan import Plan
from heatlas.study.report import summary_table
from heatlas.study.spec import StudySpec, resolved

CORRECTED_STAT = {"fwe": "logpfwe", "fdr": "logpfdr", "none": "logp"}
STANDARDISED_STAT = {"Hedges g": "g", "partial R2": "partialr2"}
# What was made largest, where that is not the statistic itself: the name of its files, its kind.
EXTENDED: Mapping[str, tuple[str, StatKind]] = {
    "tfce": ("tfce", "tfce"),
    "cluster extent": ("clusterextent", "cluster extent"),
    "cluster mass": ("clustermass", "cluster mass"),
    "cluster mass above": ("clustermass", "cluster mass"),
}
EXTENDED_STATS = tuple(dict.fromkeys(stat for stat, _ in EXTENDED.values()))
STATISTICS = ("t", "F", "v", "G")
JUDGED_STATS = (*STATISTICS, *CORRECTED_STAT.values())


def check_names(spec: StudySpec) -> None:
    """Raise DataError if two analyses, or two contrasts of one, would share a file name."""
    bids_labels((analysis.name for analysis in spec.analyses), kind="analysis")
    for analysis in spec.analyses:
        bids_labels((contrast.name for contrast in analysis.contrasts), kind="contrast")


def write_maps(writer: DerivativeWriter, findings: Findings) -> None:
    """Write the maps of every contrast with their sidecars."""
    sources = [file.digest for file in findings.cohort.files]
    for analysis, judged in findings.contrasts:
        maps = contrast_maps(judged)
        for stat, stat_map in maps.items():
            sidecar = map_sidecar(
                stat_map,
                stat=stat,
                test=judged.contrast.test,
                threshold=_told_threshold(judged.threshold, stat),
                sources=sources,
            )
            if stat in (*STATISTICS, *EXTENDED_STATS):
                sidecar["Threshold"].update(_corrected_name(analysis, judged, maps=maps))
            content = volume_bytes(
                stat_map.mask.scatter_grid(stat_map.values),
                stat_map.mask.grid,
                description=f"{analysis.name} {judged.contrast.name} {stat}",
                kind=stat,
                dof=stat_map.dof,
            )
            writer.write_map(
                content,
                analysis=analysis.name,
                contrast=judged.contrast.name,
                stat=stat,
                sidecar=sidecar,
            )


def _told_threshold(threshold: Threshold, stat: str) -> Threshold | None:
    """Return the judgement as the sidecar of a kind of map tells it: its cut is one of that map."""
    if stat in EXTENDED_STATS:
        return replace(threshold, cut=threshold.extended_cut, extended_cut=None)
    return threshold if stat in JUDGED_STATS else None


def _corrected_name(
    analysis: JudgedAnalysis, judged: JudgedContrast, *, maps: Mapping[str, StatMap]
) -> dict[str, str]:
    """Return the name of the map of corrected p that lies beside the map of a statistic."""
    stat = CORRECTED_STAT[judged.threshold.correction]
    if stat not in maps:
        return {}
    name = map_name(analysis.name, judged.contrast.name, stat=stat)
    return {"LogPMap": name.rsplit("/", maxsplit=1)[-1]}


def contrast_maps(judged: JudgedContrast) -> dict[str, StatMap]:
    """Return the maps of a contrast by the kind in their file name."""
    statistic, effect, sized = judged.statistic, judged.effect, judged.standardised
    maps = {str(statistic.kind): statistic}
    if effect is not None:
        unit = effect.unit
        maps["effect"] = _like(statistic, effect.value, kind="effect", unit=unit)
        maps["cilow"] = _like(statistic, effect.low, unit=unit)
        maps["cihigh"] = _like(statistic, effect.high, unit=unit)
        if effect.standard_error is not None:
            errors = effect.standard_error
            maps["se"] = _like(statistic, errors, kind="standard error", unit=unit)
    if sized is not None:
        stem = STANDARDISED_STAT[sized.kind]
        maps[stem] = _like(statistic, sized.value)
        maps[f"{stem}low"] = _like(statistic, sized.low)
        maps[f"{stem}high"] = _like(statistic, sized.high)
    if judged.permuted is not None and judged.threshold.extended is not None:
        stat, kind = EXTENDED[judged.permuted.quantity]
        maps[stat] = _like(statistic, judged.threshold.extended, kind=kind)
    if judged.threshold.logp is not None:
        maps[CORRECTED_STAT[judged.threshold.correction]] = _like(statistic, judged.threshold.logp)
    return maps


def _like(
    statistic: StatMap, values: NDArray[Any], *, kind: StatKind = "value", unit: str = ""
) -> StatMap:
    """Return other values of the same contrast as a map."""
    return StatMap(
        values=values,
        mask=statistic.mask,
        kind=kind,
        quantity=statistic.quantity,
        unit=unit,
        contrast=statistic.contrast,
        n=statistic.n,
        groups=statistic.groups,
        provenance=statistic.provenance,
    )


def write_mask(writer: DerivativeWriter, findings: Findings) -> None:
    """Write the analysed voxels as an image of zeros and ones."""
    stack = findings.loaded.stack
    mask = stack.mask
    ones = StatMap(
        values=np.ones(mask.size),
        mask=mask,
        kind="value",
        quantity=mask.words,
        n=len(stack),
        provenance=stack.provenance,
    )
    writer.write_map(
        volume_bytes(
            mask.inside.reshape(mask.grid.shape),
            mask.grid,
            dtype="uint8",
            description="analysed voxels",
        ),
        analysis="all",
        contrast="all",
        stat="mask",
        sidecar=map_sidecar(ones, stat="mask"),
    )


def write_tables(writer: DerivativeWriter, findings: Findings) -> None:
    """Write the tables of the cohort, and of every contrast."""
    provenance = findings.loaded.stack.provenance
    writer.write_table("contrasts", summary_table(findings), provenance=provenance)
    writer.write_table("quality", findings.quality, provenance=provenance)
    for analysis, judged in findings.contrasts:
        stem = table_stem(analysis, judged)
        made_by = judged.statistic.provenance
        writer.write_table(f"{stem}_clusters", judged.clusters, provenance=made_by)
        if judged.overlaps:
            table = overlap_table(judged.overlaps)
            writer.write_table(f"{stem}_overlap", table, provenance=made_by)


def table_stem(analysis: JudgedAnalysis, judged: JudgedContrast) -> str:
    """Return the start of the names of a contrast's tables."""
    return f"analysis-{bids_label(analysis.name)}_contrast-{bids_label(judged.contrast.name)}"


def overlap_table(overlaps: Sequence[GroupOverlap]) -> Table:
    """Return overlap and superiority of two groups at each place, with intervals."""
    shares = [entry.overlap.overlap for entry in overlaps]
    pairs = [entry.overlap.superiority for entry in overlaps]
    return Table(
        columns=(
            Column(name="place", values=tuple(entry.place for entry in overlaps)),
            Column(name="chosen", values=tuple(entry.chosen for entry in overlaps)),
            Column(name="first", values=tuple(entry.names[0] for entry in overlaps)),
            Column(name="second", values=tuple(entry.names[1] for entry in overlaps)),
            *_interval_columns("overlap", shares, unit="%"),
            *_interval_columns("first_lower", pairs, unit="of 100 pairs"),
        ),
        caption="Overlap of two groups, measured where they were not chosen.",
    )


def _interval_columns(name: str, estimates: Sequence[Estimate], *, unit: str) -> list[Column]:
    ends = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    return [
        Column(
            name=head,
            values=np.array([float(getattr(estimate, field)) for estimate in estimates]),
            unit=unit,
        )
        for head, field in ends.items()
    ]


def write_figures(writer: DerivativeWriter, drawn: Sequence[Drawn]) -> None:
    """Write the files of every picture."""
    for picture in drawn:
        for name, content in picture.files.items():
            writer.write_figure(name, content)


def write_lock(
    writer: DerivativeWriter,
    *,
    spec: StudySpec,
    plan: Plan,
    findings: Findings,
    inputs: Mapping[str, str],
    study: Mapping[str, str | None],
) -> None:
    """Write ``study.lock.json``; as the last file it says that the results are whole."""
    content = {
        "heatlas": __version__,
        "plan": plan.digest,
        "study": without_absolute_paths(resolved(spec)),
        "study_file": dict(study),
        "seed": spec.seed,
        "versions": dict(findings.versions),
        "inputs": dict(inputs),
        "policy": list(findings.loaded.policy),
        "warnings": list(findings.warnings),
        "models": [_model_entry(analysis) for analysis in findings.analyses],
        "outputs": output_digests(writer.folder),
    }
    writer.write_json(LOCK_NAME, content)


def without_absolute_paths(content: Any) -> Any:
    """Return settings in which a path that names this machine is cut to its last part."""
    if isinstance(content, dict):
        return {key: without_absolute_paths(entry) for key, entry in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_absolute_paths(entry) for entry in content]
    return shown_name(content) if isinstance(content, str) else content


def output_digests(folder: Path) -> dict[str, str]:
    """Return the digest of every result in the folder, but for the lock file and the log."""
    roots = [folder / name for name in RESULT_NAMES if name not in (LOCK_NAME, LOG_NAME)]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(files)
        if path.is_file()
    }


def _model_entry(analysis: JudgedAnalysis) -> dict[str, Any]:
    design = analysis.design
    return {
        "analysis": analysis.name,
        "formula": design.formula,
        "n": design.n,
        "columns": list(design.names),
        "coding": thaw(design.coding),
        "levels": {name: list(levels) for name, levels in design.levels.items()},
        "dropped": [list(row) for row in design.dropped],
        "contrasts": [
            {
                "name": judged.contrast.name,
                "test": judged.contrast.test,
                "kind": judged.contrast.kind,
                "meaning": judged.contrast.words,
                "weights": judged.contrast.weights.tolist(),
                "threshold": threshold_entry(judged.threshold),
            }
            for judged in analysis.contrasts
        ],
    }
