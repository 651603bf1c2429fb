"""The page of measured nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def page_of(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the page."""
    return str(len(found))
