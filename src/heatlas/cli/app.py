"""The ``heatlas`` command: its verbs, its one-line errors and its exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from heatlas.cli import (
    compare,
    ct,
    doctor,
    explain,
    explain_example,
    extract,
    init,
    inspect,
    mask,
    reproduce,
    resample,
    run,
    show,
    smooth,
    test,
)
from heatlas.core.errors import HeatlasError
from heatlas.core.version import __version__

EXIT_INPUT = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
VERBS = (
    run, test, show, compare, ct, explain, explain_example, init, inspect, reproduce, resample,
    smooth, mask, extract, doctor,
)  # fmt: skip

application = typer.Typer(
    name="heatlas",
    help="Heat maps of brain and body scans that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heatlas {__version__}")
        raise typer.Exit


@application.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Heat maps of brain and body scans that can be trusted. Research use, no medical device."""


for _verb in VERBS:
    _verb.register(application)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``heatlas``; those of the process by default.

    Returns
    -------
    int
        0 when all went well; 2 when the input is at fault, with one clear line on standard
        error; 130 when interrupted; 70 for a bug, with its trace.
    """
    try:
        status = application(args=None if arguments is None else list(arguments))
    except SystemExit as stop:
        # typer turns an interruption during a command into this exit, without a word.
        return _interrupted() if stop.code == EXIT_INTERRUPTED else _code(stop)
    except HeatlasError as error:
        typer.echo(f"heatlas: {error}", err=True)
        return EXIT_INPUT
    except KeyboardInterrupt:
        return _interrupted()
    except Exception:
        traceback.print_exc()
        typer.echo("heatlas: this is a bug in Heatlas; please report the lines above.", err=True)
        return EXIT_BUG
    return status if isinstance(status, int) else 0


def _interrupted() -> int:
    typer.echo("heatlas: interrupted; run the same command again to go on.", err=True)
    return EXIT_INTERRUPTED


def _code(stop: SystemExit) -> int:
    return stop.code if isinstance(stop.code, int) else EXIT_INPUT


if __name__ == "__main__":
    sys.exit(main())
