"""``heatlas run``: a study file to a folder of results with a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from heatlas.study.plan import Plan
    from heatlas.study.run import StudyResults


def register(application: typer.Typer) -> None:
    """Add the verb to the command line."""
    application.command("run")(run)


def run(
    study: Annotated[Path, typer.Argument(help="The study file, such as study.yaml.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Results folder; default: NAME-results beside the study."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; default: the cores of this machine.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Remove the results of another study from the folder."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the path of the report alone.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line instead of a display.")
    ] = False,
) -> None:
    """Model, judge and draw a cohort of maps, and write a report.

    A run that was broken off goes on where it stopped when the same command is given again.
    """
    from heatlas.cli.display import display
    from heatlas.study.run import plan_study, run_study

    if dry_run:
        _print_plan(plan_study(study), as_json=as_json)
        return
    with display(quiet=quiet, as_json=as_json) as listen:
        results = run_study(study, out=out, workers=workers, overwrite=overwrite, listen=listen)
    _print_results(results, as_json=as_json)


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        steps = [{"step": s.name, "words": s.words, "digest": s.digest} for s in plan.steps]
        notes = {"notes": list(plan.notes)} if plan.notes else {}
        typer.echo(json.dumps({"plan": plan.digest, "steps": steps, **notes}))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("step", "what it does", "digest", title="Plan; nothing was run.")
    for step in plan.steps:
        digest = step.digest.removeprefix("sha256:")[:12]
        table.add_row(escape(step.name), escape(step.words), digest)
    Console().print(table)
    for note in plan.notes:
        typer.echo(f"Note: {note}")


def _print_results(results: StudyResults, *, as_json: bool) -> None:
    if as_json:
        state = "complete before" if results.was_complete else "complete"
        typer.echo(json.dumps({"event": "results", "state": state, "report": str(results.report)}))
        return
    typer.echo(str(results.report))
