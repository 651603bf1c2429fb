"""The report of a comparison over regions shows them and says how they came about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.show.report import render_page
from heatlas.study.compare import CompareOptions, Parcellation, compare_maps
from heatlas.study.comparisonpage import comparison_page
from heatlas.study.regionpage import region_methods, region_sections, region_test_words
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti

BRAIN = ball(SHAPE, radius=5.5)
LABELS = np.where(BRAIN, 1 + np.indices(SHAPE).sum(axis=0) // 4, 0).astype(np.int16)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [
        write_nifti(tmp_path / f"{k}.nii.gz", np.where(BRAIN, 5 + v, 0).astype(np.float32))
        for k, v in zip("abc", smooth_noise(3, seed=8), strict=True)
    ]


def over_blocks(folder: Path) -> CompareOptions:
    atlas = write_nifti(folder / "blocks.nii.gz", LABELS)
    return CompareOptions(parcellation=Parcellation(atlas=atlas))


def test_sections_about_regions_stand_in_the_report(images: list[Path], tmp_path: Path) -> None:
    compared = compare_maps(images, options=over_blocks(tmp_path))
    assert [section.anchor for section in region_sections(compared)] == [
        "regions", "region-correlation"
    ]  # fmt: skip
    page = render_page(comparison_page(compared))
    assert 'id="region-correlation"' in page
    assert "not resampled" in page and "effective number of regions" in page
    assert "interpolated linearly" not in page
    assert "regions of blocks" in page


def test_two_maps_have_no_regions_across_maps(images: list[Path], tmp_path: Path) -> None:
    compared = compare_maps(images[:2], options=over_blocks(tmp_path))
    (section,) = region_sections(compared)
    assert "three maps or more" in str(section.blocks[-1])


def test_tables_speak_of_names_and_of_what_is_missing_for_a_test(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        numbers = np.random.default_rng(seed).normal(size=9)
        rows = [f"r{k},{value:.3f}" for k, value in enumerate(numbers)]
        (tmp_path / f"{name}.csv").write_text("region,d\n" + "\n".join(rows))
    compared = compare_maps([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert "matched by their names" in region_methods(compared)[0]
    page = render_page(comparison_page(compared))
    assert "Nothing was tested: positions unknown" in page
    assert "taken as stationary" not in page
    assert not any(words in page for words in ("effective n", "% interval", "[nan", "[n/a"))


def test_voxels_have_nothing_to_say_about_regions(images: list[Path]) -> None:
    compared = compare_maps(images)
    assert region_sections(compared) == ()
    assert region_methods(compared) == []
    assert region_test_words(compared) == ""
