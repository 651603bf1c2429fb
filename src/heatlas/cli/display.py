"""How a run shows itself: bars on a terminal, lines elsewhere, JSON for programs, or nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from heatlas.study.plan import Event, Listener, silence


@contextmanager
def display(*, quiet: bool, as_json: bool) -> Iterator[Listener]:
    """Yield a listener that shows events on standard error, or as JSON on standard output.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    as_json : bool
        Print one JSON object per event.

    Yields
    ------
    callable
        Takes each event.
    """
    if quiet:
        yield silence
    elif as_json:
        yield _print_json
    elif sys.stderr.isatty():
        with _progress() as progress:
            yield _Bars(progress)
    else:
        yield _print_line


class _Bars:
    """Two bars: steps of the plan, and items of the step at hand with the time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps = progress.add_task("steps", total=None)
        self._items = progress.add_task("", total=None, visible=False)

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if event.kind == "plan":
            self._progress.update(self._steps, total=event.total)
        elif event.kind == "step":
            self._progress.update(self._steps, completed=event.done, description=event.step)
            self._progress.reset(self._items, visible=False)
        elif event.kind == "progress":
            self._progress.update(
                self._items,
                description=event.text or event.step,
                completed=event.done,
                total=event.total,
                visible=True,
            )
        elif event.kind == "note":
            self._progress.console.print(f"  {event.text}", markup=False, highlight=False)
        else:
            self._progress.update(self._steps, completed=event.total, total=event.total)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<32}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _print_line(event: Event) -> None:
    """Print steps and notes, one line each, where there is no terminal."""
    if event.kind == "step":
        typer.echo(f"[{event.done + 1}/{event.total}] {event.step}: {event.text}", err=True)
    elif event.kind == "note":
        typer.echo(f"  {event.text}", err=True)


def _print_json(event: Event) -> None:
    content = {
        "event": event.kind,
        "step": event.step,
        "text": event.text,
        "done": event.done,
        "total": event.total,
    }
    typer.echo(json.dumps(content))
