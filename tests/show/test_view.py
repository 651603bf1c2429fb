"""Views are checked at the door."""

from __future__ import annotations

import pickle

import pytest

from heatlas.core.errors import DataError
from heatlas.show.view import View


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "round"},
        {"theme": "blue"},
        {"axes": ()},
        {"axes": ("x", "x")},
        {"axes": ("q",)},
        {"cuts": {"q": (1.0,)}},
        {"cuts": {"x": ()}},
        {"cuts": {"x": (float("nan"),)}},
        {"position_mm": (1.0, 2.0)},
        {"n_slices": 0},
        {"scale": 0.0},
        {"width_px": 10},
        {"slices": (3,)},
        {"slices": (3,), "kind": "ortho"},
    ],
)
def test_a_view_that_cannot_be_drawn_is_refused(settings: dict) -> None:
    with pytest.raises(DataError, match="view|theme|axis"):
        View(**settings)


def test_a_view_survives_pickling() -> None:
    view = View(cuts={"z": [1, 2]}, position_mm=(0, 1, 2), theme="dark")
    again = pickle.loads(pickle.dumps(view))
    assert dict(again.cuts) == {"z": (1.0, 2.0)}
    assert again.position_mm == (0.0, 1.0, 2.0)
    assert again.palette.page < 128


def test_the_page_of_the_light_theme_is_white_and_tissue_is_grey() -> None:
    palette = View().palette
    assert palette.page == 255
    assert palette.dark < palette.backdrop < palette.bright < palette.page
