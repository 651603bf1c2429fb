"""What is said where maps are uneven: tables, files, a warning, a section; nothing elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.comparison import MapComparison
from heatlas.core.errors import DataError
from heatlas.core.volume import Volume
from heatlas.study.compare import CompareOptions, compare_maps
from heatlas.study.comparison import write_comparison
from heatlas.study.comparisonchecks import (
    cross_check_table,
    stationarity_table,
    stationarity_warnings,
    verdict_changes,
)
from tests.compare.uneven import GRID, INSIDE, SHAPE, even, louder


def volumes(values: np.ndarray) -> list[Volume]:
    """Maps as images with NaN outside the ball."""
    whole = np.full((len(values), *SHAPE), np.nan, dtype=np.float32)
    whole[:, INSIDE] = values
    return [Volume(values=one, grid=GRID, name=f"map {k}") for k, one in enumerate(whole)]


@pytest.fixture(scope="module")
def uneven() -> MapComparison:
    """Two uneven maps that go together, one that hardly does, and an even one."""
    values = np.concatenate([louder(3, seed=2), even(1, seed=9)])
    values[1] += 2 * values[0]
    return compare_maps(volumes(values))


def test_each_map_has_a_row_and_each_uneven_pair_one(uneven: MapComparison) -> None:
    assert uneven.cross_check is not None
    maps = stationarity_table(uneven.cross_check)
    assert maps.words("flagged") == ("yes", "yes", "yes", "no")
    pairs = cross_check_table(uneven)
    assert pairs is not None
    assert set(zip(pairs.words("row"), pairs.words("column"), strict=True)) == {
        ("map 0", "map 1"),
        ("map 0", "map 2"),
        ("map 1", "map 2"),
    }
    assert (pairs.numbers("n_eff_local") < pairs.numbers("n_eff")).all()
    assert (pairs.numbers("p_fwer_local") >= pairs.numbers("p_local")).all()


def test_the_warning_counts_maps_cells_and_verdicts(uneven: MapComparison) -> None:
    (text,) = stationarity_warnings(uneven)
    assert text in uneven.warnings
    assert text.startswith("3 of 4 maps differ in smoothness or size from part to part (map 0, ")
    assert "3 cells of two such maps were judged again" in text


def test_a_verdict_changes_where_one_judgement_survives_and_the_other_does_not(
    uneven: MapComparison,
) -> None:
    check = uneven.cross_check
    assert check is not None
    again = check.p_fwer <= 0.05
    np.testing.assert_array_equal(verdict_changes(uneven), check.pairs & (again != uneven.survives))
    assert again[0, 1] == uneven.survives[0, 1]  # r near 0.9 stays what it is


def test_files_are_written_and_those_of_an_earlier_comparison_removed(
    uneven: MapComparison, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write_comparison(uneven, out=out)
    assert "judged again" in (out / "report.html").read_text(encoding="utf-8")
    both = [out / "stationarity.tsv", out / "stationarity_cells.tsv"]
    assert all(file.exists() and file.with_suffix(".json").exists() for file in both)
    calm = compare_maps(volumes(even(2, seed=9)))
    assert stationarity_warnings(calm) == []
    assert cross_check_table(calm) is None
    write_comparison(calm, out=out)
    assert both[0].exists()
    assert not both[1].exists()
    assert not both[1].with_suffix(".json").exists()
    untested = compare_maps(volumes(even(2, seed=9)), measure="cosine")
    assert untested.cross_check is None
    write_comparison(untested, out=out)
    assert not both[0].exists()


def test_surrogates_and_ranks_are_checked_as_well() -> None:
    options = CompareOptions(null="spectral", n_surrogates=9)
    compared = compare_maps(volumes(louder(2, seed=2)), measure="spearman", options=options)
    assert cross_check_table(compared) is not None


# ------------------------------------------------------------------------- coverage and mask

PART = INSIDE & (np.indices(SHAPE)[0] < SHAPE[0] // 2 - 2)


def maps_and_brain() -> tuple[list[Volume], Volume]:
    """Two whole maps, one with a small part of them, and the mask of all."""
    maps = volumes(even(3, seed=4))
    part = Volume(values=np.where(PART, maps[2].values, np.nan), grid=GRID, name="part")
    brain = Volume(values=INSIDE.astype(np.float32), grid=GRID, name="brain")
    return [*maps[:2], part], brain


def test_the_least_coverage_is_named_with_the_way_out() -> None:
    maps, brain = maps_and_brain()
    share = round(100 * PART.sum() / INSIDE.sum())
    (text,) = [words for words in compare_maps(maps).warnings if "less than half" in words]
    assert f"of which 'part' measures {share} %; see the coverage" in text
    assert "'union-zero' or 'mask'" in text
    whole = compare_maps([*maps[:2], brain]).warnings
    assert not [words for words in whole if "less than half" in words]
    pairwise = compare_maps(maps, policy="pairwise").warnings
    assert not [words for words in pairwise if "less than half" in words]


def test_a_mask_that_the_policy_does_not_use_is_said() -> None:
    maps, brain = maps_and_brain()
    said = "the mask does not limit policy 'common'"
    assert any(words.startswith(said) for words in compare_maps(maps, mask=brain).warnings)
    used = compare_maps(maps, mask=brain, policy="mask").warnings
    assert not any("does not limit" in words for words in used + compare_maps(maps).warnings)


def test_a_comparison_without_one_value_is_refused_with_its_reason() -> None:
    maps, brain = maps_and_brain()
    with pytest.raises(DataError, match="No cell has a value: one map of each pair is constant"):
        compare_maps([maps[0]], [brain])
    with pytest.raises(DataError, match="no map has a magnitude above 99 there"):
        compare_maps(maps, measure="dice", options=CompareOptions(dice_above=99))
    rest = Volume(values=np.where(PART, np.nan, maps[0].values), grid=GRID, name="rest")
    with pytest.raises(DataError, match="two maps share at most 0 voxels"):
        compare_maps([maps[2]], [rest], policy="pairwise")


def test_one_cell_was_judged_again() -> None:
    (text,) = stationarity_warnings(compare_maps(volumes(louder(2, seed=2))))
    assert "1 cell of two such maps was judged again" in text
