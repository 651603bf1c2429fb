"""The methods follow the settings that ran: judgement, smoothing, rows, models and seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas import __version__
from heatlas.study.methods import REFERENCES, methods_text, references
from heatlas.study.spec import StudySpec
from tests.study.judged import DIFFERENCE, analysis, cohort_files, judged, settings_of
from tests.study.stacks import noise

N = 16
GROUP = ["ill", "well"] * 8
METHODS = ("none", "bonferroni", "fdr-bh", "fdr-by", "max-t")


def text_of(
    folder: Path, *analyses: dict[str, Any], columns: dict[str, Any] | None = None, **settings: Any
) -> tuple[str, str, str, str]:
    """The four paragraphs of a study of two groups."""
    listed = analyses or (analysis("groups", "group", DIFFERENCE),)
    spec = settings_of(listed, **settings)
    files = cohort_files(folder, noise(N), {"group": GROUP, **(columns or {})})
    found = judged(spec, files).findings
    data, models, judgement, display = methods_text(spec, found.loaded, analyses=found.analyses)
    return data, models, judgement, display


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("none", "no correction for the number of voxels was made (p < .05)"),
        ("bonferroni", "family-wise error was held at .05 by Bonferroni's correction"),
        ("fdr-bh", "false discovery rate was held at .05 by the procedure of Benjamini and Hoch"),
        ("fdr-by", "false discovery rate was held at .05 by the procedure of Benjamini and Yek"),
        ("max-t", "held at .05 by the distribution of the largest statistic under 60 permutations"),
    ],
)
def test_the_judgement_that_ran_is_named_and_no_other(
    tmp_path: Path, method: str, words: str
) -> None:
    inference = {"method": method, "n_permutations": 60}
    judgement = text_of(tmp_path, inference=inference)[2]
    assert words in judgement
    assert ("permutation" in judgement) == (method == "max-t")
    assert ("Bonferroni" in judgement) == (method == "bonferroni")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_its_references(method: str) -> None:
    listed = references(_spec(method))
    assert set(REFERENCES[method]) <= set(listed[:-1])
    assert "10.1016/j.neuroimage.2023.120138" in listed[-1]
    assert all("doi:10." in entry for entry in listed)


def _spec(method: str) -> StudySpec:
    return settings_of([analysis("g", "group", DIFFERENCE)], inference={"method": method})


def test_level_sides_and_seed_are_those_of_the_settings(tmp_path: Path) -> None:
    inference = {"alpha": 0.01, "two_sided": False, "n_permutations": 120}
    judgement = text_of(tmp_path, inference=inference, seed=77)[2]
    assert "Tests of t were one-sided" in judgement
    assert "held at .01" in judgement
    assert "(seed 77)" in judgement


def test_the_assumption_behind_permutations_is_told(tmp_path: Path) -> None:
    columns = {"age": np.random.default_rng(0).normal(50, 9, N)}
    asked = analysis("groups", "group + age", DIFFERENCE)
    inference = {"n_permutations": 60}
    judgement = text_of(tmp_path, asked, columns=columns, inference=inference)[2]
    assert "Errors exchangeable across all maps" in judgement
    assert "Freedman-Lane" in judgement


def test_sign_flips_and_permutations_are_both_told_where_both_ran(tmp_path: Path) -> None:
    asked = [analysis("groups", "group", DIFFERENCE), analysis("mean", "1", "intercept")]
    judgement = text_of(tmp_path, *asked, inference={"n_permutations": 60})[2]
    assert "under 60 permutations and 60 sign-flips" in judgement
    assert "symmetric around zero" in judgement
    assert "exchangeable across all maps" in judgement


def test_full_enumerations_are_told_as_such(tmp_path: Path) -> None:
    asked = analysis("few", "group", DIFFERENCE, where="number <= 8")
    columns = {"number": np.arange(1.0, N + 1)}
    judgement = text_of(tmp_path, asked, columns=columns, inference={"n_permutations": 500})[2]
    assert "under all 70 permutations" in judgement


@pytest.mark.parametrize(
    ("inference", "words"),
    [
        (
            {"method": "step-down"},
            "the largest statistic among the voxels not rejected yet (step-down) under 60 perm",
        ),
        (
            {"method": "tfce"},
            "the largest value of threshold-free cluster enhancement (of t, E = 0.5, H = 2, 6 "
            "neighbours) under 60 permutations",
        ),
        (
            {"method": "cluster-extent", "cluster_threshold": {"p": 0.001}},
            "the largest cluster extent (clusters of voxels with p < .001 per voxel, 18 neigh",
        ),
        (
            {"method": "cluster-mass", "cluster_threshold": {"statistic": 3.1}},
            "the largest cluster mass (clusters of voxels with a statistic beyond 3.1, 18",
        ),
        (
            {"small_volume": {"x": 0, "y": 0, "z": 0, "radius_mm": 9}},
            "over the voxels of a small volume, a sphere of 9 mm around (0, 0, 0) mm",
        ),
        ({"residuals": "huh-jhun"}, "Huh-Jhun"),
        ({"adaptive": True}, "stopped as soon as a confidence sequence of each p"),
    ],
)
def test_every_method_that_permutes_says_what_was_made_largest(
    tmp_path: Path, inference: dict[str, Any], words: str
) -> None:
    assert words in text_of(tmp_path, inference={"n_permutations": 60, **inference})[2]


def test_a_family_of_contrasts_is_told_as_one(tmp_path: Path) -> None:
    asked = analysis("groups", "group", DIFFERENCE, "group[well] - group[ill]")
    inference = {"n_permutations": 60, "across_contrasts": True}
    judgement = text_of(tmp_path, asked, inference=inference)[2]
    assert "over all voxels of the mask and all contrasts of an analysis was held" in judgement
    assert "several analyses are several tests." in judgement
    assert "on its own" not in judgement


def test_variance_groups_are_told_with_what_stays_as_it_was(tmp_path: Path) -> None:
    asked = analysis("groups", "group", DIFFERENCE, variance_groups="group")
    judgement = text_of(tmp_path, asked, inference={"n_permutations": 60})[2]
    assert "The levels of group in analysis 'groups' had variances of their own" in judgement
    assert "intervals are those of ordinary least squares with one variance" in judgement


def test_references_follow_the_settings() -> None:
    def cited(inference: dict[str, Any], **said: Any) -> str:
        spec = settings_of([analysis("g", "group", DIFFERENCE, **said)], inference=inference)
        return " ".join(references(spec, used_tail=bool(said)))

    assert "Freedman D" in cited({})
    assert "Huh MH" in cited({"residuals": "huh-jhun"})
    assert "Freedman" not in cited({"residuals": "huh-jhun"})
    assert "10.1016/j.neuroimage.2008.03.061" in cited({"method": "tfce"})
    assert "Westfall" in cited({"method": "step-down"})
    mass = {"method": "cluster-mass", "cluster_threshold": {"p": 0.001}}
    assert "10.1109/42.750253" in cited(mass)
    assert "10.1016/j.neuroimage.2015.05.092" in cited({}, exchangeability={"blocks": "site"})
    assert "10.1016/j.neuroimage.2016.05.068" in cited({}, exchangeability={"blocks": "site"})
    assert "10.1016/j.neuroimage.2015.05.092" not in cited({})
    assert "10.1214/aoms/1177696786" in cited({"adaptive": True})


def test_what_opacity_means_follows_the_method(tmp_path: Path) -> None:
    display = text_of(tmp_path, inference={"method": "tfce", "n_permutations": 60})[3]
    assert "what survives is opaque, the opacity of everything else grows" in display


def test_a_cluster_extent_is_told_where_one_was_asked_for(tmp_path: Path) -> None:
    with_extent = {"method": "none", "cluster_extent_mm3": 200}
    assert "Clusters below 200 mm3 were left out" in text_of(tmp_path, inference=with_extent)[2]
    assert "Clusters" not in text_of(tmp_path, inference={"method": "none"})[2]


def test_smoothing_is_told_and_so_is_its_absence(tmp_path: Path) -> None:
    inference = {"method": "fdr-bh"}
    smoothed = text_of(tmp_path, inference=inference, smooth={"fwhm_mm": 6})[0]
    assert "Smoothed by a Gaussian of 6 mm FWHM, before masking." in smoothed
    plain = text_of(tmp_path, inference=inference)[0]
    assert "Not smoothed." in plain
    assert "Gaussian" not in plain


def test_the_mask_is_told_by_its_rule_and_size(tmp_path: Path) -> None:
    data = text_of(tmp_path, inference={"method": "fdr-bh"})[0]
    assert "Mask: voxels where all 16 maps are finite: 504 voxels" in data
    rule = {"minimum": -9, "coverage": 0.5}
    data = text_of(tmp_path, inference={"method": "fdr-bh"}, mask=rule)[0]
    assert "voxels where at least 50 % of the 16 maps are at least -9: 504 voxels" in data


def test_dropped_rows_and_conditions_are_told(tmp_path: Path) -> None:
    score = np.arange(float(N)) ** 1.5
    score[[0, 5]] = np.nan
    asked = analysis("dose", "score", "score", where="number <= 12", missing="drop")
    columns = {"score": score, "number": np.arange(1.0, N + 1)}
    models = text_of(tmp_path, asked, columns=columns, inference={"method": "fdr-bh"})[1]
    assert "'dose' among rows where number <= 12: 10 maps, model score" in models
    assert "2 rows without a value were dropped" in models
    assert "8 residual degrees of freedom" in models


def test_models_that_drop_nobody_say_nothing_of_it(tmp_path: Path) -> None:
    models = text_of(tmp_path, inference={"method": "fdr-bh"})[1]
    assert "dropped" not in models
    assert "tested: c1 (group[ill] - group[well], t)." in models


def test_the_version_that_computed_is_named(tmp_path: Path) -> None:
    assert f"Heatlas {__version__}" in text_of(tmp_path, inference={"method": "fdr-bh"})[3]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_speaks_of_biomarkers_or_abnormal_brains(tmp_path: Path, method: str) -> None:
    words = " ".join(text_of(tmp_path, inference={"method": method, "n_permutations": 60})).lower()
    assert "biomarker" not in words
    assert "abnormal" not in words


def test_the_display_says_what_opacity_and_outlines_mean(tmp_path: Path) -> None:
    display = text_of(tmp_path, inference={"method": "max-t", "n_permutations": 60})[3]
    assert "opacity grows with the square of the statistic" in display
    assert "solid where positive and dashed where negative" in display
