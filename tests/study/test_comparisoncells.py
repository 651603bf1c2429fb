"""The strongest cells are opened one by one, with all their numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.comparison import MapComparison
from heatlas.core.page import Figure
from heatlas.study.compare import compare_maps
from heatlas.study.comparisoncells import MOST_CELLS, cell_details
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    """Five maps of which d and b go together; named against the order of the files."""
    brain, noise = ball(SHAPE, radius=4.4), smooth_noise(5, seed=5)
    noise[3] = noise[0] + 0.2 * noise[3]
    return [
        write_nifti(tmp_path / f"{name}.nii.gz", np.where(brain, 9 + values, 0).astype("f4"))
        for name, values in zip("dcabe", noise, strict=True)
    ]


def figures(compared: MapComparison) -> list[tuple[str, list[Figure]]]:
    return [
        (details.summary, [block for block in details.blocks if isinstance(block, Figure)])
        for details in cell_details(compared)
    ]


def test_the_strongest_cell_comes_first_with_its_numbers(maps: list[Path]) -> None:
    found = figures(compare_maps(maps))
    assert len(found) == MOST_CELLS
    summary, (joint, side_by_side) = found[0]
    assert summary.startswith("d and b: Pearson r 0.9")
    for words in ("effective n", "p < .001", "family-wise p", "voxels"):
        assert words in summary
    assert "values in b (across) and d (up)" in joint.caption
    assert side_by_side.caption.startswith("d and b on the grid")


def test_columns_and_rows_of_two_sets_are_found_again(maps: list[Path]) -> None:
    compared = compare_maps(maps[:3], maps[3:])
    summary, _ = figures(compared)[0]
    assert summary.startswith("b and d: Pearson r 0.9")
    assert len(figures(compared)) == 6


def test_measures_without_a_test_show_their_value_alone(maps: list[Path]) -> None:
    summary, _ = figures(compare_maps(maps, measure="concordance"))[0]
    assert "effective" not in summary
    assert summary.startswith("d and b: concordance 0.9")


def test_without_maps_there_is_nothing_to_open(maps: list[Path]) -> None:
    assert cell_details(replace(compare_maps(maps), maps=None)) == ()
