"""Independent choices by name."""

from __future__ import annotations

import pytest

from heatlas.core.errors import UnknownNameError
from heatlas.core.registry import Registry

CHOICES = Registry("threshold", {"max-t": 1, "fdr-bh": 2})


def test_a_known_name_gives_its_entry() -> None:
    assert CHOICES["fdr-bh"] == 2
    assert list(CHOICES.items()) == [("max-t", 1), ("fdr-bh", 2)]
    assert len(CHOICES) == 2


def test_an_unknown_name_lists_the_known_ones_and_the_nearest_spelling() -> None:
    with pytest.raises(UnknownNameError) as caught:
        CHOICES["fdr_bh"]
    assert str(caught.value) == (
        "Unknown threshold 'fdr_bh'. Did you mean 'fdr-bh'? Known: max-t, fdr-bh."
    )


def test_asking_whether_a_name_is_known_does_not_raise() -> None:
    assert "max-t" in CHOICES
    assert "tfce" not in CHOICES
    assert CHOICES.get("tfce") is None


def test_a_registry_is_read_only_and_does_not_follow_its_source() -> None:
    source = {"a": 1}
    registry = Registry("x", source)
    source["b"] = 2
    assert list(registry) == ["a"]
    with pytest.raises(TypeError):
        registry["c"] = 3  # type: ignore[index]
