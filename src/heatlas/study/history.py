"""What came before: the JSON sidecar of an input, and the steps that it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, Step, provenance_from_json
from heatlas.core.volume import Volume
from heatlas.io.atomic import PROVENANCE_KEY
from heatlas.io.picture import sidecar_of

LARGEST_SIDECAR = 16 * 2**20  # bytes; more is no sidecar of a map


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return what the JSON file beside an image says, empty where there is none to be read."""
    beside = sidecar_of(path)
    try:
        if not beside.is_file() or beside.stat().st_size > LARGEST_SIDECAR:
            return {}
        content = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def steps_before(sidecar: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps that a sidecar of Heatlas tells, none for those of other programs."""
    entry = sidecar.get(PROVENANCE_KEY)
    if not isinstance(entry, Mapping):
        return ()
    try:
        return provenance_from_json(entry).steps
    except DataError:
        return ()


def with_history(volume: Volume, path: Path) -> Volume:
    """Return a volume that was just read, with the steps that made its file before its own."""
    steps = (*steps_before(read_sidecar(path)), *volume.provenance.steps)
    return replace(volume, provenance=Provenance(steps=steps))
