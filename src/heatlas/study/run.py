"""The main job: from a study file to a folder of results with a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heatlas.core.execute import Executor, available_cores, get_executor, one_thread
from heatlas.core.value import Value
from heatlas.io.derivatives import DerivativeWriter
from heatlas.show.report import render_page
from heatlas.study.checks import atlas_of, check_study
from heatlas.study.cohort import CohortFiles, extra_inputs, read_cohort
from heatlas.study.findings import Findings
from heatlas.study.folder import LOG_NAME, is_complete, open_log, open_results, single_writer
from heatlas.study.judge import Bench, fit_study, judge_study
from heatlas.study.pictures import draw_pictures
from heatlas.study.plan import Event, Listener, Plan, make_plan, silence
from heatlas.study.report import make_page
from heatlas.study.results import (
    check_names,
    write_figures,
    write_lock,
    write_maps,
    write_mask,
    write_tables,
)
from heatlas.study.spec import StudySpec, read_spec


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResults(Value):
    """Where the results of a run lie.

    Parameters
    ----------
    folder : Path
        The results folder.
    report : Path
        The report within it.
    was_complete : bool
        Whether everything was there already, unchanged, and nothing was run.
    """

    folder: Path
    report: Path
    was_complete: bool = False


def plan_study(study: Path) -> Plan:
    """Return what :func:`run_study` would do, without doing it.

    Parameters
    ----------
    study : Path
        The study file.

    Returns
    -------
    Plan
        Named steps with digests.
    """
    spec = read_spec(Path(study))
    return _prepare(spec, base=Path(study).parent, executor=get_executor())[1]


def run_study(
    study: Path,
    *,
    out: Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    listen: Listener = silence,
) -> StudyResults:
    """Read a cohort, model and judge it, draw it and write a report.

    Parameters
    ----------
    study : Path
        The study file.
    out : Path, optional
        Results folder; ``<name>-results`` beside the study file by default.
    workers : int, optional
        Threads, and processes for drawing; the cores of the machine by default. Results do not
        depend on it.
    overwrite : bool
        Remove the results of another study from the folder first.
    listen : callable
        Hears of every step.

    Returns
    -------
    StudyResults
        The folder and its report.

    Raises
    ------
    SpecError
        If the study file has faults; all of them are named.
    DataError
        If a file cannot be used, or the folder is not ours to write.
    DesignError
        If a model or a contrast cannot be estimated.

    Notes
    -----
    A run that was broken off, at any moment and in any way, goes on when the same study is run
    into the same folder, and ends with the same bytes. A run that finds a fault in its input leaves
    the folder as it was. Peak memory is about that of one float32 copy of all maps on the whole
    grid.

    Examples
    --------
    >>> results = run_study("demo/study.yaml", out="demo-results")  # doctest: +SKIP
    >>> results.report.name  # doctest: +SKIP
    'report.html'
    """
    study = Path(study)
    spec = read_spec(study)
    n_workers = available_cores() if workers is None else workers
    executor = get_executor("threads", workers=n_workers)
    files, plan = _prepare(spec, base=study.parent, executor=executor)
    folder = Path(out) if out is not None else study.parent / f"{spec.name}-results"
    results = StudyResults(folder=folder, report=folder / "report.html")
    with single_writer(folder) as claim:
        if is_complete(folder, plan_digest=plan.digest):
            return StudyResults(folder=folder, report=results.report, was_complete=True)
        store = open_results(folder, plan_digest=plan.digest, overwrite=overwrite)
        with one_thread(), _logged(folder / LOG_NAME, plan, listen=listen) as say:
            bench = Bench(
                spec=spec,
                plan=plan,
                atlas=atlas_of(spec, base=study.parent),
                executor=executor,
                store=store,
                listen=say,
            )
            fitted = fit_study(bench, files, base=study.parent)
            claim.keep()
            findings = judge_study(bench, fitted)
            bench.begin("write")
            _write(spec, findings, plan=plan, study=study, folder=folder, workers=n_workers)
            say(Event(kind="done", step="write", done=len(plan.steps), total=len(plan.steps)))
        store.clear()
    return results


def _prepare(spec: StudySpec, *, base: Path, executor: Executor) -> tuple[CohortFiles, Plan]:
    """Return the participants and the plan; every fault that needs no image shows here."""
    check_names(spec)
    files = read_cohort(spec.cohort, base=base, executor=executor)
    notes = check_study(spec, files, base=base)
    extras = extra_inputs(spec, base=base)
    return files, make_plan(spec, files.cohort, extras=extras, notes=notes)


def _write(
    spec: StudySpec,
    findings: Findings,
    *,
    plan: Plan,
    study: Path,
    folder: Path,
    workers: int,
) -> None:
    writer = DerivativeWriter(folder)
    writer.start(spec.name)
    # Drawing holds the interpreter's lock, so it wants processes.
    drawer = get_executor("serial" if workers == 1 else "processes", workers=workers)
    pictures, drawn = draw_pictures(spec, findings, base=study.parent, executor=drawer)
    write_maps(writer, findings)
    write_mask(writer, findings)
    write_tables(writer, findings)
    write_figures(writer, drawn)
    provenance = findings.loaded.stack.provenance.then(
        "report", parameters={"plan": plan.digest}, seed=spec.seed, warnings=findings.warnings
    )
    page = make_page(spec, findings, pictures=pictures, provenance=provenance)
    writer.write_page(render_page(page))
    write_lock(
        writer,
        spec=spec,
        plan=plan,
        findings=findings,
        inputs=_inputs(findings, extras=extra_inputs(spec, base=study.parent)),
        study={"name": study.name, "folder": _relative(study.parent, folder)},
    )


def _inputs(findings: Findings, *, extras: dict[str, str]) -> dict[str, str]:
    maps = {file.name: file.digest for file in findings.cohort.files}
    return {**maps, **extras}


def _relative(base: Path, folder: Path) -> str | None:
    """Return the way from the results to the study, unless it would lead through a home folder."""
    start, goal = folder.resolve(), base.resolve()
    shared = [a for a, b in zip(start.parts, goal.parts, strict=False) if a == b]
    home = Path.home().parts
    if len(shared) < 2 or (tuple(shared) == home[: len(shared)] and len(shared) < len(home)):
        return None
    ups = [".."] * (len(start.parts) - len(shared))
    return "/".join([*ups, *goal.parts[len(shared) :]]) or "."


@contextmanager
def _logged(path: Path, plan: Plan, *, listen: Listener) -> Iterator[Listener]:
    """Yield a listener that also writes every step and note to the log, with the time."""
    with open_log(path) as write:

        def say(event: Event) -> None:
            listen(event)
            if event.kind != "progress":
                write({"event": event.kind, "step": event.step, "text": event.text})

        say(Event(kind="plan", step="plan", text=plan.digest, total=len(plan.steps)))
        for note in plan.notes:
            say(Event(kind="note", step="plan", text=note))
        yield say
