"""A study judged in memory: maps written by nibabel, settings as a study file has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np

from heatlas.core.cohort import Cohort, Exclusion, FileReference
from heatlas.core.execute import SerialExecutor
from heatlas.core.provenance import digest_bytes
from heatlas.core.store import MemoryStore
from heatlas.core.table import table_from_columns
from heatlas.study.checks import atlas_of
from heatlas.study.cohort import CohortFiles
from heatlas.study.findings import Findings
from heatlas.study.judge import Bench, fit_study, judge_study
from heatlas.study.plan import Event, make_plan
from heatlas.study.spec import StudySpec, parse_spec
from tests.phantom import affine

DIFFERENCE = "group[ill] - group[well]"


class Judged(NamedTuple):
    """What a study asked and found."""

    spec: StudySpec
    findings: Findings
    events: list[Event]


def analysis(name: str, model: str, *tests: str, kind: str = "t", **more: Any) -> dict[str, Any]:
    """One entry of ``analyses``; contrasts are called ``c1``, ``c2``, ..."""
    asked = [{"name": f"c{k + 1}", "test": test, "kind": kind} for k, test in enumerate(tests)]
    return {"name": name, "model": model, "contrasts": asked, **more}


def settings_of(analyses: Sequence[Mapping[str, Any]], **settings: Any) -> StudySpec:
    """A study file's settings with these analyses."""
    content = {
        "heatlas": 1,
        "name": "small",
        "cohort": {"tables": ["people.tsv"], "maps": "{participant_id}.nii.gz",
                   "measure": "thickness", "unit": "mm"},
        "analyses": list(analyses),
        **settings,
    }  # fmt: skip
    return parse_spec(json.dumps(content))


def cohort_files(
    folder: Path,
    maps: np.ndarray,
    columns: Mapping[str, Sequence[Any]],
    *,
    ids: Sequence[str] | None = None,
    exclusions: Mapping[str, str] | None = None,
) -> CohortFiles:
    """Write maps of shape (n, x, y, z) and return them as the files of a cohort."""
    names = list(ids) if ids is not None else [f"sub-{k + 1:02d}" for k in range(len(maps))]
    paths = [folder / f"map-{k + 1:02d}.nii.gz" for k in range(len(maps))]
    for path, values in zip(paths, maps, strict=True):
        nib.save(nib.Nifti1Image(values.astype(np.float32), affine(3.0, values.shape)), path)
    files = [FileReference(name=p.name, digest=digest_bytes(p.read_bytes())) for p in paths]
    cohort = Cohort(
        table=table_from_columns({"participant_id": names, **columns}),
        id_column="participant_id",
        files=tuple(files),
        exclusions=tuple(Exclusion(id=i, reason=why) for i, why in (exclusions or {}).items()),
        measure="thickness",
    )
    return CohortFiles(cohort=cohort, paths=tuple(paths))


def judged(spec: StudySpec, files: CohortFiles, *, store: MemoryStore | None = None) -> Judged:
    """Judge the maps of a cohort by the settings."""
    events: list[Event] = []
    base = files.paths[0].parent
    bench = Bench(
        spec=spec,
        plan=make_plan(spec, files.cohort, extras={}),
        atlas=atlas_of(spec, base=base),
        executor=SerialExecutor(),
        store=MemoryStore() if store is None else store,
        listen=events.append,
    )
    findings = judge_study(bench, fit_study(bench, files, base=base))
    return Judged(spec=spec, findings=findings, events=events)
