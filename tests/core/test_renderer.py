"""Where a heat map finds what draws it."""

from __future__ import annotations

import pytest

from heatlas.core import renderer
from heatlas.core.errors import NotSupportedError
from heatlas.core.renderer import register_renderer, render_png


@pytest.fixture(autouse=True)
def no_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without any renderer."""
    monkeypatch.setattr(renderer, "_LOADERS", [])


def test_a_renderer_is_imported_on_first_use_only() -> None:
    loaded = []

    def load() -> object:
        loaded.append(1)
        return lambda drawn: f"<{drawn}>".encode()

    register_renderer(load)  # type: ignore[arg-type]
    assert loaded == []
    assert render_png("map") == b"<map>"
    assert loaded == [1]


def test_the_last_registered_renderer_draws() -> None:
    register_renderer(lambda: lambda drawn: b"first")
    register_renderer(lambda: lambda drawn: b"last")
    assert render_png("map") == b"last"


def test_without_a_renderer_the_way_out_is_named() -> None:
    with pytest.raises(NotSupportedError, match="import heatlas, not its parts"):
        render_png("map")
