"""Where a heat map finds what draws it: core imports nothing, so the package registers the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heatlas.core.errors import NotSupportedError

_LOADERS: list[Callable[[], Callable[[Any], bytes]]] = []


def register_renderer(load: Callable[[], Callable[[Any], bytes]]) -> None:
    """Register what imports the renderer on first use; the package does so at its import.

    Parameters
    ----------
    load : callable
        Returns the function that turns a heat map into PNG bytes.
    """
    _LOADERS.append(load)


def render_png(heat_map: Any) -> bytes:
    """Return a heat map as PNG bytes, drawn by the registered renderer.

    Parameters
    ----------
    heat_map : HeatMap
        What to draw.

    Returns
    -------
    bytes
        The picture.

    Raises
    ------
    NotSupportedError
        If no renderer is registered.
    """
    if not _LOADERS:
        raise NotSupportedError("No renderer is registered; import heatlas, not its parts.")
    return _LOADERS[-1]()(heat_map)
