"""Every method is explained in two sentences, with what was assumed and how sure it is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from heatlas.infer.corrected import PermutationResult
from heatlas.infer.thresholding import THRESHOLDS
from heatlas.study.explained import assumed, certainty, contrasts_words, explained
from heatlas.study.spec import InferenceSpec

METHODS = list(THRESHOLDS)
SPHERE = {"x": 0, "y": 0, "z": 0, "radius_mm": 8}


def judged(**changed: Any) -> PermutationResult:
    content = {
        "method": "max-t", "kind": "t", "dof": (30.0,), "two_sided": True,
        "statistic": np.zeros(1), "observed": np.zeros(1), "quantity": "t",
        "null_maxima": np.ones(1000), "counts": np.ones(1), "exact": False, "n_possible": 1e50,
        "n_asked": 1000, "action": "permutations", "exchangeability": "errors exchangeable",
    }  # fmt: skip
    return PermutationResult(**{**content, **changed})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_explained_in_two_sentences(method: str) -> None:
    said = explained(InferenceSpec.model_validate({"method": method, "alpha": 0.01}))
    assert len(re.findall(r"[.](?= [A-Z]|$)", said)) == 2
    assert "{" not in said
    if method != "none":
        assert ".01" in said


def test_tfce_names_its_integral_and_neighbours() -> None:
    settings = {"method": "tfce", "tfce": {"statistic": "z", "extent": 1, "height": 2.5}}
    said = explained(InferenceSpec.model_validate(settings))
    assert "all heights h below its z, the integral of e(h)^1 h^2.5" in said
    assert "6 neighbours" in said


@pytest.mark.parametrize("method", ["max-t", "tfce"])
def test_a_small_volume_replaces_the_whole_map(method: str) -> None:
    said = explained(InferenceSpec.model_validate({"method": method, "small_volume": SPHERE}))
    assert "the largest statistic of the small volume" in said or "of the small volume" in said
    assert "whole map" not in said
    assert said.endswith("Only the small volume that was named beforehand is judged.")


def test_the_monte_carlo_error_at_alpha_is_an_interval() -> None:
    said = certainty(judged(), alpha=0.05)
    interval = stats.binomtest(49, 999).proportion_ci(0.95, method="exact")
    assert said.startswith("Judged by 1,000 permutations, of about 1.0e+50 possible ones.")
    assert f"from {interval.low:.4f} to {interval.high:.4f}." in said


def test_all_arrangements_have_no_monte_carlo_error() -> None:
    said = certainty(judged(null_maxima=np.ones(70), exact=True), alpha=0.05)
    assert said == "Judged by all 70 permutations: no others exist, so p has no Monte-Carlo error."


def test_a_test_that_stopped_early_says_so() -> None:
    assert "1,000 of 9,000 permutations (stopped early" in certainty(
        judged(n_asked=9000), alpha=0.05
    )


def test_assumptions_name_the_variance_groups() -> None:
    assert assumed(judged()) == "Assumed: errors exchangeable."
    said = assumed(judged(kind="v", dof=()), groups="site")
    assert said.endswith("; each level of site may have a variance of its own (v).")


def test_several_contrasts_are_several_tests_unless_corrected_together() -> None:
    alone = contrasts_words(InferenceSpec(), n=3)
    assert alone == (
        "several contrasts are several tests (3 contrasts here), and no correction across them was "
        "made."
    )
    assert "corrected together" in contrasts_words(InferenceSpec(across_contrasts=True), n=3)
