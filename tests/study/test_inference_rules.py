"""Rules across the settings of a judgement: each broken one is one clear sentence."""

from __future__ import annotations

from typing import Any

import pytest

from heatlas.infer.thresholding import THRESHOLDS
from heatlas.study.inference_rules import OTHER_METHODS, PERMUTATION_METHODS, inference_faults

CLUSTERS = {"method": "cluster-mass", "cluster_threshold": {"p": 0.001}}


def sentences(inference: Any, **analysis: Any) -> list[str]:
    """The faults of a judgement, with one analysis that says something of its errors."""
    content = {"inference": inference, "analyses": [analysis]}
    return [fault.sentence() for fault in inference_faults(content)]


def only(inference: Any, **analysis: Any) -> str:
    (sentence,) = sentences(inference, **analysis)
    return sentence


def test_every_method_is_known_to_the_rules() -> None:
    assert [*OTHER_METHODS, *PERMUTATION_METHODS] == list(THRESHOLDS)


@pytest.mark.parametrize("method", PERMUTATION_METHODS)
def test_too_few_permutations_for_alpha_are_refused(method: str) -> None:
    found = sentences({**CLUSTERS, "method": method, "alpha": 0.001, "n_permutations": 100})
    words = "inference.n_permutations: 100 give no p below 0.01; alpha 0.001 needs at least 1,000."
    assert words in found


def test_a_cluster_extent_goes_with_uncorrected_maps_only() -> None:
    assert "goes with the method none only" in only({"method": "tfce", "cluster_extent_mm3": 10})
    assert sentences({"method": "none", "cluster_extent_mm3": 10}) == []


@pytest.mark.parametrize("method", ["cluster-extent", "cluster-mass", "cluster-mass-above"])
def test_cluster_methods_need_a_threshold_and_are_shown_one(method: str) -> None:
    said = only({"method": method})
    assert said.startswith(f"inference.cluster_threshold: is required by the method {method}")
    assert "{p: 0.001}" in said and "{statistic: 3.1}" in said
    assert sentences({"method": method, "cluster_threshold": {"statistic": 3.1}}) == []


def test_other_methods_refuse_a_cluster_threshold() -> None:
    said = only({"method": "max-t", "cluster_threshold": {"p": 0.001}})
    assert "goes with the methods cluster-extent, cluster-mass and cluster-mass-above only" in said


@pytest.mark.parametrize(
    ("given", "seen"),
    [({}, "neither p nor statistic"), ({"p": 0.01, "statistic": 3}, "both p and statistic")],
)
def test_clusters_are_formed_by_exactly_one_threshold(given: Any, seen: str) -> None:
    assert seen in only({"method": "cluster-mass", "cluster_threshold": given})


def test_one_height_is_not_taken_for_t_and_f_alike() -> None:
    both = [{"name": "a", "kind": "F"}, {"name": "b"}]
    height = {"method": "cluster-mass", "cluster_threshold": {"statistic": 3.1}}
    said = only(height, contrasts=both)
    assert said.startswith("inference.cluster_threshold.statistic: 3.1 is another height for a t")
    assert "write {p: 0.001} for both" in said
    assert "studies of their own" in only(height, contrasts=both, variance_groups="site")
    assert sentences(height, contrasts=both[:1]) == sentences(height, contrasts=both[1:]) == []
    assert sentences(CLUSTERS, contrasts=both) == []


def test_settings_of_tfce_go_with_tfce() -> None:
    assert only({"method": "max-t", "tfce": {"height": 2}}).endswith("the method tfce only.")
    assert sentences({"method": "tfce", "tfce": {"height": 2}}) == []


@pytest.mark.parametrize(
    "setting",
    [
        {"residuals": "huh-jhun"},
        {"small_volume": {"mask": "m.nii"}},
        {"across_contrasts": True},
        {"adaptive": True},
    ],
)
def test_settings_of_permutations_are_refused_where_nothing_is_permuted(
    setting: dict[str, Any],
) -> None:
    said = only({"method": "fdr-bh", **setting})
    assert said.startswith(f"inference.{next(iter(setting))}: goes with the methods that permute")
    assert sentences({"method": "max-t", **setting}) == []


@pytest.mark.parametrize(
    "given", [{"exchangeability": {"blocks": "site"}}, {"variance_groups": "site"}]
)
def test_what_is_said_of_errors_needs_permutations(given: dict[str, Any]) -> None:
    said = only({"method": "bonferroni"}, **given)
    assert said.startswith(f"analyses[0].{next(iter(given))}: goes with the methods that permute")


def test_defaults_that_are_spelt_out_break_no_rule() -> None:
    spelt = {
        "method": "fdr-bh", "residuals": "freedman-lane", "small_volume": None, "adaptive": False,
        "across_contrasts": False, "cluster_threshold": None, "tfce": None,
    }  # fmt: skip
    assert sentences(spelt, exchangeability=None, variance_groups=None) == []


def test_early_stopping_needs_contrasts_and_voxels_that_stop_on_their_own() -> None:
    assert "correct" in only({"method": "max-t", "adaptive": True, "across_contrasts": True})
    assert "step-down" in only({"method": "step-down", "adaptive": True})


def test_step_down_is_not_made_across_contrasts() -> None:
    said = only({"method": "step-down", "across_contrasts": True})
    assert said.startswith("inference.across_contrasts: cannot be combined with the method step-")


@pytest.mark.parametrize(
    "given", [{"exchangeability": {"blocks": "site"}}, {"variance_groups": "site"}]
)
def test_projected_maps_know_neither_blocks_nor_variance_groups(given: dict[str, Any]) -> None:
    said = only({"method": "max-t", "residuals": "huh-jhun"}, **given)
    assert "cannot be combined with huh-jhun residuals" in said
    flips = {"exchangeability": {"mode": "sign-flips"}}
    assert sentences({"method": "max-t", "residuals": "huh-jhun"}, **flips) == []


def test_a_v_has_no_p_for_clusters_and_no_z_for_tfce() -> None:
    assert "so no p names a height" in only(CLUSTERS, variance_groups="site")
    by_statistic = {"method": "cluster-mass", "cluster_threshold": {"statistic": 3.1}}
    assert sentences(by_statistic, variance_groups="site") == []
    z = {"method": "tfce", "tfce": {"statistic": "z"}}
    assert "to make a z of; write t" in only(z, variance_groups="site")
    assert sentences(z) == []


def test_whole_blocks_need_one_column_of_them() -> None:
    said = only({}, exchangeability={"shuffle": "whole"})
    assert said.startswith("analyses[0].exchangeability.shuffle: 'whole' says how blocks")
    several = {"blocks": ["all", "family"], "shuffle": "both"}
    assert "is for one column of blocks" in only({}, exchangeability=several)
    assert sentences({}, exchangeability={"blocks": ["family"], "shuffle": "whole"}) == []


@pytest.mark.parametrize("wrong", [None, 3, "x", [], [1], {"method": 3}, {"method": ["tfce"]}])
def test_settings_of_a_wrong_shape_are_passed_over(wrong: Any) -> None:
    assert sentences(wrong, exchangeability=wrong, contrasts=wrong) == []


def test_an_unknown_method_breaks_no_rule_beside_its_name() -> None:
    assert sentences({"method": "clustermass", "adaptive": True}, variance_groups="site") == []
