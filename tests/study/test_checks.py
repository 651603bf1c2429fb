"""Faults that show before a voxel is read, each said with the part of the study it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DataError, DesignError, HeatlasError, SpaceMismatchError
from heatlas.core.execute import SerialExecutor
from heatlas.study.checks import atlas_of, check_study, common_grid, grid_words, read_headers
from heatlas.study.cohort import CohortFiles, read_cohort
from heatlas.study.spec import StudySpec, read_spec
from tests.tiny import SHAPE, analysis, tiny_study, write_map, write_study


def prepared(folder: Path) -> tuple[StudySpec, CohortFiles]:
    spec = read_spec(folder / "study.yaml")
    return spec, read_cohort(spec.cohort, base=folder, executor=SerialExecutor())


def check(folder: Path) -> None:
    spec, files = prepared(folder)
    check_study(spec, files, base=folder)


def test_a_good_study_passes(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    check(tmp_path)


def test_no_voxel_is_read_to_find_a_fault_of_a_model(tmp_path: Path) -> None:
    tiny_study(tmp_path, analyses=analysis("C(group) + height", "height"))
    path = tmp_path / "maps" / "sub-07.nii.gz"
    path.write_bytes(path.read_bytes()[:-30])  # its header is whole
    with pytest.raises(HeatlasError, match="Analysis 'asked': Unknown column 'height'"):
        check(tmp_path)


def test_the_second_analysis_is_checked_as_well(tmp_path: Path) -> None:
    good = {**analysis("age", "age")[0], "name": "good"}
    tiny_study(tmp_path, analyses=[good, *analysis("C(group)", "group[ill]", where="age > 99")])
    with pytest.raises(DesignError, match="Analysis 'asked'"):
        check(tmp_path)


def test_the_grid_of_maps_on_different_grids_follows_the_policy(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    values = np.random.default_rng(0).standard_normal(SHAPE)
    write_map(tmp_path / "maps" / "sub-09.nii.gz", values, voxel_mm=4.0)
    spec, files = prepared(tmp_path)
    headers = read_headers(files)

    def grid(policy: Any) -> str:
        asked = spec.model_copy(update={"grid": policy})
        return grid_words(common_grid(headers, files=files, spec=asked, base=tmp_path))

    with pytest.raises(SpaceMismatchError, match=r"sub-09\.nii\.gz: its grid .* 4 x 4 x 4 mm"):
        grid("same")
    assert grid("coarsest") == "12 x 14 x 12 voxels of 4 x 4 x 4 mm"


def test_a_trailing_axis_of_length_one_is_one_map_and_two_volumes_are_not(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    values = np.random.default_rng(0).standard_normal((*SHAPE, 2))
    write_map(tmp_path / "maps" / "sub-09.nii.gz", values[..., :1])
    check(tmp_path)
    write_map(tmp_path / "maps" / "sub-09.nii.gz", values)
    with pytest.raises(DataError, match=r"sub-09\.nii\.gz: it holds 2 volumes.*merged"):
        check(tmp_path)


def notes_of(folder: Path, **changes: Any) -> tuple[str, ...]:
    write_study(folder, **changes)
    spec, files = prepared(folder)
    return check_study(spec, files, base=folder)


FEW = analysis("C(group)", "group[ill] - group[well]", "group[ill]", where="age > 45")


def test_a_level_that_no_permutation_can_reach_is_told_before_a_voxel_is_read(
    tmp_path: Path,
) -> None:
    tiny_study(tmp_path)
    assert notes_of(tmp_path) == ()
    first, second = notes_of(tmp_path, analyses=FEW, inference={"alpha": 0.02})
    assert first == (
        "Analysis asked, contrast c1: Only 6 arrangements exist, so no corrected p can be below "
        "0.333 and .02 cannot be reached."
    )
    assert second.startswith("Analysis asked, contrast c2: Only 16 arrangements exist")
    assert notes_of(tmp_path, analyses=FEW, inference={"method": "fdr-bh"}) == ()


def test_blocks_that_forbid_every_rearrangement_are_found_by_the_headers_alone(
    tmp_path: Path,
) -> None:
    tiny_study(tmp_path)
    path = tmp_path / "maps" / "sub-07.nii.gz"
    path.write_bytes(path.read_bytes()[:-30])  # its header is whole
    asked = analysis("C(group)", "group[ill] - group[well]", exchangeability={"blocks": "group"})
    with pytest.raises(DesignError, match="Analysis 'asked': The blocks forbid every rearr"):
        notes_of(tmp_path, analyses=asked)


def test_contrasts_that_make_no_family_are_found_as_well(tmp_path: Path) -> None:
    tiny_study(tmp_path)
    asked = analysis("C(group)", "group[ill] - group[well]", "group[ill]")
    with pytest.raises(DesignError, match="Analysis 'asked': across_contrasts"):
        notes_of(tmp_path, analyses=asked, inference={"across_contrasts": True})


def test_a_study_without_an_atlas_has_none(tmp_path: Path) -> None:
    spec = read_spec(tiny_study(tmp_path))
    assert atlas_of(spec, base=tmp_path) is None
