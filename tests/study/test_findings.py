"""Findings are values: groups in order, contrasts in order, every warning with its place."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from heatlas.infer.effect import overlap
from heatlas.study.findings import Findings, GroupOverlap
from tests.study.judged import DIFFERENCE, analysis, cohort_files, judged, settings_of
from tests.study.stacks import noise

FIRST, SECOND = np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6, 7])


@pytest.fixture
def two_groups() -> GroupOverlap:
    return GroupOverlap(
        place="At the peak",
        chosen="By the others.",
        names=("ill", "well"),
        values=np.array([1.0, 3, 2, 4, 5, 3, 6, 4, 7]),
        members=np.array([0, 1, 0, 1, 1, 0, 1, 0, 1]),
        overlap=overlap(FIRST, SECOND),
    )


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    maps = noise(12)
    maps[:, 0, 0, 0] = 1
    folder: Path = tmp_path_factory.mktemp("maps")
    files = cohort_files(folder, maps, {"group": ["ill"] * 4 + ["well"] * 8})
    asked = [analysis("groups", "group", DIFFERENCE, "group[well] - group[ill]"),
             analysis("all", "1", "intercept")]  # fmt: skip
    spec = settings_of(asked, inference={"method": "fdr-bh"})
    return judged(spec, files).findings


def test_groups_come_in_the_order_of_the_names_and_of_the_rows(two_groups: GroupOverlap) -> None:
    (first, ill), (second, well) = two_groups.groups()
    assert (first, second) == ("ill", "well")
    assert_array_equal(ill, [1, 2, 3, 4])
    assert_array_equal(well, [3, 4, 5, 6, 7])


def test_values_follow_nobody_who_writes_to_what_they_were_made_of(
    two_groups: GroupOverlap,
) -> None:
    values = np.array([1.0, 2, 3])
    view = values[:]
    view.setflags(write=False)
    made = replace(two_groups, values=view, members=np.zeros(3, np.int64))
    values[0] = 99
    assert made.values[0] == 1
    for again in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert not again.values.flags.writeable
        assert not again.members.flags.writeable


def test_contrasts_come_in_the_order_of_the_study_file(findings: Findings) -> None:
    listed = [(a.name, judged_one.contrast.name) for a, judged_one in findings.contrasts]
    assert listed == [("groups", "c1"), ("groups", "c2"), ("all", "c1")]


def test_every_warning_names_the_part_that_it_belongs_to(findings: Findings) -> None:
    assert findings.warnings == (
        *findings.loaded.warnings,
        "Analysis groups: 1 voxel without residual variance: no statistic is defined there.",
        "Analysis groups, contrast c1: The overlap of the groups was not measured: group ill has "
        "4 members, fewer than 6.",
        "Analysis groups, contrast c2: The overlap of the groups was not measured: group ill has "
        "4 members, fewer than 6.",
        "Analysis all: 1 voxel without residual variance: no statistic is defined there.",
    )
    assert "1 voxel of the mask hold" in findings.loaded.warnings[0]


def test_a_warning_that_comes_twice_is_told_once(findings: Findings) -> None:
    loaded = replace(findings.loaded, warnings=("Look here.", "Look here."))
    assert replace(findings, loaded=loaded).warnings.count("Look here.") == 1


def test_findings_survive_a_pickle_with_read_only_maps(findings: Findings) -> None:
    again = pickle.loads(pickle.dumps(findings))
    (_, first), (_, same) = findings.contrasts[0], again.contrasts[0]
    assert_array_equal(same.statistic.values, first.statistic.values)
    assert not same.statistic.values.flags.writeable
    assert dict(again.versions) == dict(findings.versions)
    assert again.warnings == findings.warnings


def test_versions_cannot_be_changed(findings: Findings) -> None:
    with pytest.raises(TypeError):
        findings.versions["numpy"] = "0"  # type: ignore[index]


def test_the_strongest_element_is_one_that_was_judged(findings: Findings) -> None:
    contrast = findings.contrasts[0][1]
    values = np.abs(contrast.statistic.values)
    assert contrast.strongest == np.nanargmax(values)
    assert contrast.threshold.logp is not None
    judged_part = np.where(values < 1, contrast.threshold.logp, np.nan)
    part = replace(contrast, threshold=replace(contrast.threshold, logp=judged_part))
    assert part.strongest is not None
    assert values[part.strongest] == np.nanmax(values[values < 1])
    nothing = replace(contrast.threshold, logp=np.full(len(values), np.nan))
    assert replace(contrast, threshold=nothing).strongest is None


def test_without_permutations_there_is_nothing_to_say_of_them(findings: Findings) -> None:
    contrast = findings.contrasts[0][1]
    assert (contrast.permuted, contrast.arrangements, contrast.exchangeability) == (None, "", "")
