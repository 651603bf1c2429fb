"""The protocol behind resuming: steps are kept by key, as bytes with a digest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class StepStore(Protocol):
    """Keeps the outcome of steps; a damaged entry counts as absent."""

    def get(self, key: str) -> bytes | None:
        """Return the content kept under the key, or None."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep the content under the key; afterwards it is there whole or not at all."""
        ...


class MemoryStore:
    """A step store that lives as long as the process; for library use and tests."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return the content kept under the key, or None."""
        return self._entries.get(key)

    def put(self, key: str, content: bytes) -> None:
        """Keep the content under the key."""
        self._entries[key] = content


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as bytes; equal arrays give equal bytes (no time stamps, no pickles)."""
    buffer = io.BytesIO()
    names = sorted(arrays)
    header = json.dumps(names).encode()
    buffer.write(len(header).to_bytes(8, "little") + header)
    for name in names:
        np.lib.format.write_array(buffer, np.asarray(arrays[name], order="C"), allow_pickle=False)
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays that :func:`pack_arrays` packed."""
    buffer = io.BytesIO(content)
    length = int.from_bytes(buffer.read(8), "little")
    names = json.loads(buffer.read(length))
    return {name: np.lib.format.read_array(buffer, allow_pickle=False) for name in names}


def remember_arrays(
    store: StepStore, key: str, *, compute: Callable[[], Mapping[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """Return the arrays kept under the key, or compute and keep them.

    Parameters
    ----------
    store : StepStore
        Where outcomes are kept.
    key : str
        Names the step and everything that its outcome depends on.
    compute : callable
        Makes the arrays when they are absent.

    Returns
    -------
    dict of str to numpy.ndarray
        The same bytes whether kept or computed.
    """
    content = store.get(key)
    if content is None:
        content = pack_arrays(compute())
        store.put(key, content)
    return unpack_arrays(content)
