"""What all frozen values share: they pickle through their constructor and copies are themselves."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Self


class Value(ABC):  # noqa: B024  # the base of all values adds no abstract method
    """Base of every frozen value.

    numpy loses its read-only flag on pickle and deepcopy, so a value is rebuilt through its
    constructor, which takes ownership of the arrays again; a copy of an immutable value is the
    value itself.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a call of the constructor."""
        return _rebuild, (type(self), field_values(self))

    def __copy__(self) -> Self:
        """Return the value itself: it cannot change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the value itself: it cannot change."""
        return self


def field_values(value: Value) -> dict[str, Any]:
    """Return the constructor arguments of a value, frozen mappings as plain ones."""
    return {
        field.name: thaw(getattr(value, field.name))
        for field in fields(value)  # type: ignore[arg-type]  # every concrete Value is a dataclass
        if field.init
    }


def freeze(item: Any) -> Any:
    """Return JSON-like data with read-only mappings and tuples for lists."""
    if isinstance(item, Mapping):
        return MappingProxyType({str(key): freeze(entry) for key, entry in item.items()})
    if isinstance(item, (list, tuple)):
        return tuple(freeze(entry) for entry in item)
    return item


def thaw(item: Any) -> Any:
    """Undo :func:`freeze` for mappings, at any depth; tuples stay tuples."""
    if isinstance(item, MappingProxyType):
        return {key: thaw(entry) for key, entry in item.items()}
    if type(item) is tuple:
        return tuple(thaw(entry) for entry in item)
    return item


def _rebuild(kind: type[Value], arguments: dict[str, Any]) -> Value:
    return kind(**arguments)
