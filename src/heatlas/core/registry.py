"""One pattern for independent choices: a read-only mapping that knows the nearest spelling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar, final

from heatlas.core.errors import UnknownNameError
from heatlas.core.words import unknown

T = TypeVar("T")


@final
class Registry(Mapping[str, T], Generic[T]):
    """Read-only choices by name.

    Parameters
    ----------
    kind : str
        What the entries are, for messages: ``"threshold"``.
    entries : mapping of str to object
        All choices; nothing can be added later.
    """

    def __init__(self, kind: str, entries: Mapping[str, T]) -> None:
        self._kind = kind
        self._entries = MappingProxyType(dict(entries))

    def __getitem__(self, name: str) -> T:
        """Return the entry, or raise UnknownNameError with the nearest spelling."""
        if name not in self._entries:
            raise UnknownNameError(unknown(self._kind, name, known=self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order of registration."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)
