"""The words of a judgement by permutations name everything that decided it."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.infer.corrected import PermutationResult
from heatlas.infer.request import TfceSettings
from heatlas.infer.rule_words import neighbour_words, quantity_words, rule_settings, rule_words


def judged(**changed: object) -> PermutationResult:
    """A result of 1,000 permutations of one element, with something changed."""
    content = {
        "method": "max-t",
        "kind": "t",
        "dof": (30.0,),
        "two_sided": True,
        "statistic": np.array([4.0]),
        "observed": np.array([4.0]),
        "quantity": "t",
        "null_maxima": np.append(4.0, np.linspace(0, 5, 999)),
        "counts": np.array([200]),
        "exact": False,
        "n_possible": 1e50,
        "n_asked": 1000,
        "action": "permutations",
        "exchangeability": "errors exchangeable",
    }
    return PermutationResult(**{**content, **changed})  # type: ignore[arg-type]


def words(**changed: object) -> str:
    return rule_words(judged(**changed), alpha=0.05, element="voxel")


def test_the_largest_statistic_is_judged_elementwise() -> None:
    assert words() == "voxelwise FWE p < .05 by 1,000 permutations"
    assert words(method="step-down") == "voxelwise FWE p < .05 (step-down) by 1,000 permutations"


def test_a_test_that_stopped_early_says_how_many_were_asked_for() -> None:
    said = words(n_asked=10_000)
    assert said.startswith("voxelwise FWE p < .05 by 1,000 of 10,000 permutations (stopped early")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TfceSettings(), "TFCE (t, E = 0.5, H = 2, 26 neighbours), FWE p < .05 by 1,000"),
        (TfceSettings(statistic="z", extent=1), "TFCE (z, E = 1, H = 2, 26 neighbours), FWE"),
    ],
)
def test_tfce_names_statistic_exponents_and_neighbours(settings: TfceSettings, said: str) -> None:
    assert words(method="tfce", quantity="tfce", tfce=settings, neighbourhood="corners").startswith(
        said
    )


def test_one_tail_has_no_bars_and_a_v_no_p() -> None:
    clusters = {"method": "cluster-mass", "quantity": "cluster mass", "neighbourhood": "faces"}
    said = words(**clusters, cluster_cut=2.5, two_sided=False)
    assert said.startswith("clusters (t > 2.50, p < .0091 per voxel, 6 neighbours) by mass")
    said = words(**clusters, cluster_cut=2.5, kind="v", dof=())
    assert said.startswith("clusters (|v| > 2.50, 6 neighbours) by mass")


def test_a_family_is_counted_and_a_single_contrast_is_none() -> None:
    assert (
        words(family=("a", "b")) == "voxelwise FWE p < .05 over 2 contrasts by 1,000 permutations"
    )
    assert words(family=("a",)) == words()


def test_too_few_arrangements_are_said() -> None:
    few = {"null_maxima": np.array([4.0, 3, 2, 1]), "counts": np.array([1]), "exact": True}
    assert words(**few).endswith("by all 4 permutations (too few: p cannot fall below 0.25)")


def test_settings_are_told_as_far_as_the_method_has_them() -> None:
    told = rule_settings(judged())
    assert told == {
        "Statistic": "t",
        "Rearrangement": "permutations",
        "Residuals": "freedman-lane",
        "Exchangeability": "errors exchangeable",
        "PermutationsAsked": 1000,
        "StoppedEarly": False,
        "AllPermutations": False,
    }
    told = rule_settings(judged(method="tfce", tfce=TfceSettings(), neighbourhood="faces",
                                family=("a", "b")))  # fmt: skip
    assert told["TfceExtentExponent"] == 0.5
    assert told["Neighbourhood"] == "faces"
    assert told["CorrectedTogether"] == ["a", "b"]


def test_other_spaces_name_the_kind_of_their_neighbours() -> None:
    assert neighbour_words("edges", element="voxel") == "18 neighbours"
    assert neighbour_words("shared ends", element="element") == "neighbours by shared ends"


def test_quantities_have_one_name_in_captions() -> None:
    assert [quantity_words(q) for q in ("tfce", "cluster extent", "cluster mass above")] == [
        "TFCE", "cluster extent", "cluster mass",
    ]  # fmt: skip
