"""Where a value comes from: the steps that made it, in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import set_field
from heatlas.core.value import Value, freeze, thaw
from heatlas.core.version import __version__


def digest_bytes(content: bytes | memoryview) -> str:
    """Return the SHA-256 of the content as ``sha256:<hex>``."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def digest_array(values: NDArray[Any]) -> str:
    """Return the digest of an array's type, shape and bytes in C order."""
    header = f"{values.dtype.str}{values.shape}".encode()
    return digest_bytes(header + np.ascontiguousarray(values).tobytes())


def digest_json(content: Any) -> str:
    """Return the digest of JSON-like data in canonical form."""
    return digest_bytes(canonical_json(content).encode())


def canonical_json(content: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal data give equal text."""
    plain = thaw(content)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Step(Value):
    """One step of a provenance.

    Parameters
    ----------
    name : str
        What was done, such as ``"smooth"``.
    parameters : mapping
        JSON-like settings of the step.
    inputs : mapping of str to str
        Name and digest of each input; never an absolute path.
    seed : int, optional
        Seed, where the step drew random numbers.
    warnings : tuple of str
        What a reader must know about the step.
    version : str
        Version of Heatlas that did it.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    warnings: tuple[str, ...] = ()
    version: str = __version__

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        set_field(self, "parameters", to=freeze(self.parameters))
        set_field(self, "inputs", to=freeze(self.inputs))
        set_field(self, "warnings", to=tuple(self.warnings))

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON-like data; empty fields are left out, NaN becomes a word."""
        content = {
            "name": self.name,
            "parameters": _json_like(self.parameters),
            "inputs": thaw(self.inputs),
            "seed": self.seed,
            "warnings": list(self.warnings),
            "version": self.version,
        }
        return {key: entry for key, entry in content.items() if entry not in ({}, [], None)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Provenance(Value):
    """The steps that made a value, in order.

    Parameters
    ----------
    steps : tuple of Step
        Oldest first.
    """

    steps: tuple[Step, ...] = ()

    def then(
        self,
        name: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        seed: int | None = None,
        warnings: Sequence[str] = (),
    ) -> Provenance:
        """Return the provenance with one more step (see :class:`Step`)."""
        step = Step(
            name=name,
            parameters=parameters or {},
            inputs=inputs or {},
            seed=seed,
            warnings=tuple(warnings),
        )
        return Provenance(steps=(*self.steps, step))

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings of all steps, in order, each once."""
        return tuple(dict.fromkeys(text for step in self.steps for text in step.warnings))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-like data that :func:`provenance_from_json` reads back."""
        return {"heatlas_provenance": 1, "steps": [step.to_json() for step in self.steps]}


def provenance_from_json(content: Mapping[str, Any]) -> Provenance:
    """Return the provenance that :meth:`Provenance.to_json` wrote.

    Parameters
    ----------
    content : mapping
        Parsed JSON.

    Returns
    -------
    Provenance
        The same steps.

    Raises
    ------
    DataError
        If the content is no provenance of Heatlas.
    """
    if content.get("heatlas_provenance") != 1:
        raise DataError("This is no provenance of Heatlas (no 'heatlas_provenance': 1 in it).")
    try:
        steps = tuple(Step(**_step_arguments(entry)) for entry in content["steps"])
    except (TypeError, KeyError) as error:
        raise DataError(f"The provenance is damaged: {error}.") from error
    return Provenance(steps=steps)


def _json_like(entry: Any) -> Any:
    """Return plain data for JSON, which has no NaN, no infinity and no numpy."""
    if isinstance(entry, Mapping):
        return {key: _json_like(inner) for key, inner in entry.items()}
    if isinstance(entry, (list, tuple)):
        return [_json_like(inner) for inner in entry]
    if isinstance(entry, (np.generic, np.ndarray)):
        return _json_like(entry.tolist())
    if isinstance(entry, float) and not np.isfinite(entry):
        return str(entry)
    return entry


def _step_arguments(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "warnings": tuple(entry.get("warnings", ()))}
