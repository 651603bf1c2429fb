"""How a file was made: the provenance that any figure, map, table or report carries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heatlas.core.provenance import Provenance, Step
from heatlas.core.value import thaw
from heatlas.core.words import count
from heatlas.io.picture import read_provenance
from heatlas.io.source import check_file

SHOWN_INPUTS = 6


def inspect_file(path: Path | str) -> Provenance:
    """Return how a file of Heatlas was made.

    Parameters
    ----------
    path : Path or str
        A figure, map, table or report; maps and tables keep it in the JSON sidecar beside them.

    Returns
    -------
    Provenance
        The steps, oldest first, with settings, digests of inputs, versions and warnings.

    Raises
    ------
    DataError
        If the file is missing, is of a kind that carries no provenance, or carries none.
    """
    path = Path(path)
    check_file(path)
    return read_provenance(path)


def provenance_lines(provenance: Provenance) -> list[str]:
    """Return a provenance as lines of text, one step after the other.

    Parameters
    ----------
    provenance : Provenance
        The steps.

    Returns
    -------
    list of str
        For a terminal.
    """
    lines = []
    for position, step in enumerate(provenance.steps, start=1):
        lines.append(f"{position}. {step.name} (Heatlas {step.version})")
        lines += [f"   {line}" for line in _details(step)]
    return lines


def _details(step: Step) -> list[str]:
    lines = [f"{key}: {_words(entry)}" for key, entry in thaw(step.parameters).items()]
    if step.seed is not None:
        lines.append(f"seed: {step.seed}")
    inputs = list(step.inputs.items())
    lines += [f"input {name}: {_short(digest)}" for name, digest in inputs[:SHOWN_INPUTS]]
    if len(inputs) > SHOWN_INPUTS:
        more = count(len(inputs) - SHOWN_INPUTS, "more input", plural="more inputs")
        lines.append(f"and {more} (--json lists all)")
    return lines + [f"warning: {text}" for text in step.warnings]


def _words(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return ", ".join(f"{key} {_words(value)}" for key, value in entry.items())
    if isinstance(entry, (list, tuple)):
        return ", ".join(_words(value) for value in entry) or "none"
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    return "none" if entry is None or entry == "" else str(entry)


def _short(digest: str) -> str:
    """Return the first twelve digits of a digest, enough to compare by eye."""
    kind, _, digits = digest.partition(":")
    return f"{kind}:{digits[:12]}" if digits else digest
