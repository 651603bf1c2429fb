"""Cells open one by one, with all their numbers, a scatter and both maps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.comparison import MapComparison
from heatlas.core.page import (
    Choice,
    Columns,
    Definitions,
    Explorer,
    Figure,
    Labelled,
    Paragraph,
    Repeated,
)
from heatlas.show.report import render_page
from heatlas.study import comparisoncells
from heatlas.study.compare import compare_maps
from heatlas.study.comparisoncells import cell_explorer
from heatlas.study.comparisonpage import comparison_page
from heatlas.study.comparisonpictures import judged_matrix
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


def opened(compared: MapComparison) -> Explorer:
    found = cell_explorer(compared, judged_matrix(compared))
    assert isinstance(found, Explorer)
    return found


def parts(choice: Choice) -> tuple[dict[str, str], Figure, list[Figure]]:
    """Numbers, scatter and maps of a choice."""
    columns = [block for block in choice.blocks if isinstance(block, Columns)]
    numbers, scatter = columns[0].blocks
    assert isinstance(numbers, Definitions)
    assert isinstance(scatter, Figure)
    maps = [b.figure for c in columns[1:] for b in c.blocks if isinstance(b, Repeated)]
    return dict(numbers.items), scatter, maps


def test_the_strongest_cell_comes_first_with_its_numbers(maps: list[Path]) -> None:
    compared = compare_maps(maps)
    first = opened(compared).choices[0]
    assert first.label.startswith("d and b: Pearson r 0.9")
    numbers, scatter, both = parts(first)
    place = (0, 3)
    assert numbers["voxels"] == f"{compared.matrix.n[place]:,}"  # type: ignore[index]
    assert numbers["effective number of voxels"] == f"{compared.certainty.n_eff[place]:,.0f}"
    assert numbers["p, family-wise"] == "< .001"
    assert re.fullmatch(r"0\.\d\d \[.*, .*\]", numbers["Pearson r [95 % interval]"])
    assert scatter.caption == "360 voxels by their values in b (across) and d (up)."
    assert [figure.caption.split()[0] for figure in both] == ["d", "b"]


def test_every_distinct_cell_opens_and_each_map_is_one_picture(maps: list[Path]) -> None:
    choices = opened(compare_maps(maps)).choices
    assert len(choices) == 10
    assert all(len(choice.areas) == 2 for choice in choices)
    pictures = {id(figure) for choice in choices for figure in parts(choice)[2]}
    assert len(pictures) == 5


def test_the_value_under_each_policy_is_said_with_its_sign(maps: list[Path]) -> None:
    compared = compare_maps(maps)
    for choice in opened(compared).choices:
        numbers, _, _ = parts(choice)
        row, column = re.match(r"(\w) and (\w)", choice.label).groups()  # type: ignore[union-attr]
        other = compared.others["whole-grid"].at(row, column)
        here = compared.matrix.at(row, column)
        assert numbers["under 'whole-grid'"].startswith(f"{other:.2f}".replace("-", "−"))
        assert ("turns" in numbers["under 'whole-grid'"]) == (other * here < 0)


def test_columns_and_rows_of_two_sets_are_found_again(maps: list[Path]) -> None:
    choices = opened(compare_maps(maps[:3], maps[3:])).choices
    assert choices[0].label.startswith("b and d: Pearson r 0.9")
    assert [len(choice.areas) for choice in choices] == [1] * 6


def test_measures_without_a_test_show_their_value_alone(maps: list[Path]) -> None:
    numbers, _, _ = parts(opened(compare_maps(maps, measure="concordance")).choices[0])
    assert "effective number of voxels" not in numbers
    assert numbers["concordance"].startswith("0.9")


def test_more_cells_than_open_are_counted(
    maps: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisoncells, "MOST_CELLS", 4)
    monkeypatch.setattr(comparisoncells, "MOST_MAPS", 2)
    found = opened(compare_maps(maps))
    assert len(found.choices) == 4
    assert "the strongest 4 of 10 open" in found.hint
    told = [b.text for c in found.choices for b in c.blocks if isinstance(b, Paragraph)]
    assert told
    assert all(text.startswith("Not drawn, to keep the page small: ") for text in told)


def test_many_elements_are_counted_in_bins(
    maps: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = compare_maps(maps)
    monkeypatch.setattr(comparisoncells, "MOST_POINTS", 100)
    _, scatter, _ = parts(opened(compared).choices[0])
    assert scatter.caption.startswith("Voxels by their values in b (across) and d (up); colours")


def region_tables(folder: Path, n: int) -> list[Path]:
    """Three tables of n regions, of which the second lacks the first region."""
    files = []
    for seed, name in enumerate("abc"):
        numbers = np.random.default_rng(seed).normal(size=n)
        rows = [f"r{k},{value:.3f}" for k, value in enumerate(numbers) if (name, k) != ("b", 0)]
        files.append(folder / f"{name}.csv")
        files[-1].write_text("region,d\n" + "\n".join(rows))
    return files


def scatter_of(choice: Choice) -> Figure | Labelled:
    (columns,) = [block for block in choice.blocks if isinstance(block, Columns)]
    scatter = columns.blocks[1]
    assert isinstance(scatter, Figure | Labelled)
    return scatter


def test_regions_are_dots_with_their_names(tmp_path: Path) -> None:
    compared = compare_maps(region_tables(tmp_path, 12), policy="pairwise")
    by_label = {choice.label[:7]: choice for choice in opened(compared).choices}
    scatter = scatter_of(by_label["a and c"])
    assert isinstance(scatter, Labelled)
    assert [name for name, _, _ in scatter.labels] == [f"r{k}" for k in range(12)]
    assert scatter.figure.caption.startswith("12 regions by their values in c (across)")
    both = scatter_of(by_label["a and b"])
    assert isinstance(both, Labelled)
    assert "r0" not in [name for name, _, _ in both.labels]
    values = compared.maps
    assert values is not None
    left = [place for _, place, _ in scatter.labels]
    order = np.argsort(values.values[values.names.index("c")])
    assert (np.diff(np.array(left)[order]) > 0).all()


def test_points_are_named_while_the_page_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisoncells, "MOST_NAMES", 25)
    compared = compare_maps(region_tables(tmp_path, 12))
    kinds = [type(scatter_of(choice)) for choice in opened(compared).choices]
    assert kinds == [Labelled, Labelled, Figure]


def test_without_maps_there_is_the_picture_alone(maps: list[Path]) -> None:
    compared = replace(compare_maps(maps), maps=None)
    assert isinstance(cell_explorer(compared, judged_matrix(compared)), Figure)


def test_the_page_of_many_cells_stays_small(maps: list[Path]) -> None:
    compared = compare_maps(maps)
    html = render_page(comparison_page(compared))
    assert len(html) < 1_500_000
    assert html.count("background-image: url(") == 5
