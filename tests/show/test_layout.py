"""Panels, slices, bars and words lie beside each other, on the canvas."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.show.layout import Group, Layout, Wording, arrange
from heatlas.show.planes import Cut, Field, field_cut
from heatlas.show.view import View

FIELD = Field(low=np.array([-70.0, -105, -70]), high=np.array([70.0, 75, 85]))
CUTS = {"z": (0.0, 10.0, 20.0), "y": (0.0, 1.0, 2.0), "x": (0.0, 1.0, 2.0)}
LONG = "a caption that goes on and on, " * 6


def rows_of(cuts: dict[str, tuple[float, ...]], *, ortho: bool = False) -> list[list[Cut]]:
    """Slices of one axis to a row, or all in one."""
    rows = [[field_cut(axis, mm, field=FIELD) for mm in places] for axis, places in cuts.items()]  # type: ignore[arg-type]
    return [[cut for row in rows for cut in row]] if ortho else rows


def layout_of(n: int, groups: list[tuple[int, ...]], view: View) -> Layout:
    cuts = CUTS if view.kind == "mosaic" else {"y": (0.0,), "x": (0.0,), "z": (0.0,)}
    return arrange(
        [Wording(title=f"panel {k}", has_badge=True, caption=LONG) for k in range(n)],
        groups=[Group(panels, bar_width=100 * view.scale, legend_lines=2) for panels in groups],
        cuts=rows_of(cuts, ortho=view.kind == "ortho"),
        view=view,
        foot="Left is left.",
    )


@pytest.mark.parametrize("view", [View(), View(kind="ortho"), View(scale=2.0), View(width_px=700)])
@pytest.mark.parametrize(
    ("n", "groups"), [(1, [(0,)]), (3, [(0, 1), (2,)]), (6, [(0, 1, 2, 3, 4), (5,)])]
)
def test_nothing_overlaps_and_everything_is_on_the_canvas(
    n: int, groups: list[tuple[int, ...]], view: View
) -> None:
    layout = layout_of(n, groups, view)
    assert layout.width == view.width_px * view.scale
    boxes = [
        (tile.left, tile.top, tile.width, tile.height)
        for panel in layout.panels
        for tile in panel.tiles
    ]
    boxes += [(bar.left, bar.top, 28, bar.height) for bar in layout.bars]
    for k, (left, top, width, height) in enumerate(boxes):
        assert left >= 0 and left + width <= layout.width
        assert top >= 0 and top + height <= layout.foot_top
        for other in boxes[k + 1 :]:
            apart = (
                left + width <= other[0]
                or other[0] + other[2] <= left
                or top + height <= other[1]
                or other[1] + other[3] <= top
            )
            assert apart


def test_every_panel_is_served_by_one_bar_of_its_row() -> None:
    layout = layout_of(6, [(0, 1, 2, 3, 4), (5,)], View())
    assert sorted(index for bar in layout.bars for index in bar.panels) == list(range(6))
    for bar in layout.bars:
        assert all(layout.panels[index].top <= bar.top for index in bar.panels)
        assert all(layout.panels[index].left < bar.left for index in bar.panels)


def test_all_slices_have_one_scale() -> None:
    layout = layout_of(2, [(0,), (1,)], View())
    sizes = {"z": (140, 180), "y": (140, 155), "x": (180, 155)}
    scales = [
        ratio
        for panel in layout.panels
        for tile in panel.tiles
        for ratio in (tile.width / sizes[tile.axis][0], tile.height / sizes[tile.axis][1])
    ]
    assert max(scales) - min(scales) < 0.02


def test_a_long_caption_makes_the_picture_higher() -> None:
    short = arrange(
        [Wording(title="t", has_badge=False, caption="short")],
        groups=[Group((0,), 100.0)],
        cuts=rows_of(CUTS),
        view=View(width_px=500),
        foot="",
    )
    assert layout_of(1, [(0,)], View(width_px=500)).height > short.height
