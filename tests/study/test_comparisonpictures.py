"""The pictures of a comparison share their order, and their scale where they share a quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.comparison import MapComparison
from heatlas.study.compare import compare_maps
from heatlas.study.comparisonpictures import (
    judged_matrix,
    matrix_figure,
    movement,
    pictures,
    policy_panels,
    scale_of,
)
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three maps far above the zero around them, two of which fall where the other rises."""
    brain, noise = ball(SHAPE, radius=4.4), smooth_noise(2, seed=5)
    maps = (noise[0], -noise[0] + 0.3 * noise[1], noise[1])
    return [
        write_nifti(tmp_path / f"{name}.nii.gz", np.where(brain, 50 + values, 0).astype("f4"))
        for name, values in zip("abc", maps, strict=True)
    ]


@pytest.fixture
def compared(three: list[Path]) -> MapComparison:
    return compare_maps(three)


def test_the_policy_is_printed_on_the_figure(compared: MapComparison) -> None:
    svg = pictures(compared)[1].decode()
    assert "3 maps, policy: common" in svg
    assert "voxels that every map measures" in svg


def test_colours_are_symmetric_where_values_have_a_sign(three: list[Path]) -> None:
    signed = judged_matrix(compare_maps(three)).scale
    assert signed.low == -signed.high
    assert signed.high >= max(abs(signed.true_low), abs(signed.true_high))
    shares = judged_matrix(compare_maps(three, measure="dice")).scale
    assert (shares.low, shares.kind) == (0, "sequential")


def test_no_value_at_all_still_has_a_scale() -> None:
    scale = scale_of(np.array([np.nan]), measure="pearson", label="r")
    assert (scale.low, scale.high) == (-0.05, 0.05)


def test_the_movement_is_the_range_over_policies(compared: MapComparison) -> None:
    moved = movement(compared)
    values = [compared.matrix.values, *(other.values for other in compared.others.values())]
    np.testing.assert_allclose(moved.matrix.values, np.ptp(values, axis=0))
    assert moved.marked[0, 1]
    assert moved.scale.low == 0
    assert "the sign of" in moved.caption()


def test_panels_of_all_policies_share_scale_and_order(compared: MapComparison) -> None:
    panels = policy_panels(compared)
    assert [panel.title for panel in panels] == ["common", "pairwise", "union-zero", "whole-grid"]
    assert {panel.scale.high for panel in panels} == {panels[0].scale.high}
    assert all(panel.matrix.rows.shown == compared.matrix.rows.shown for panel in panels)
    assert not panels[0].marked.any()
    assert panels[-1].marked[0, 1]


def test_a_figure_of_a_page_leaves_its_caption_to_the_page(compared: MapComparison) -> None:
    figure = matrix_figure(judged_matrix(compared), name="heatmap")
    assert figure.media_type == "image/svg+xml"
    assert "3 maps, policy: common" in figure.content.decode()
    assert "Outlined" not in figure.content.decode()
    assert figure.caption == compared.caption()
