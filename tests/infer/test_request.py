"""Settings that cannot go together are refused before anything runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heatlas.core.errors import DataError, HeatlasError, NotSupportedError
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.request import ClusterForming, PermutationSettings, TfceSettings

GROUPS = np.array([1, 1, 2, 2])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either p"),
        ({"p": 0.001, "statistic": 3.1}, "not both"),
        ({"p": 3.1}, "no probability"),
        ({"p": 0.0}, "no probability"),
        ({"statistic": -2.0}, "expected above 0"),
        ({"statistic": float("nan")}, "expected above 0"),
    ],
)
def test_a_cluster_forming_threshold_is_one_thing(fields: dict[str, float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ClusterForming(**fields)


@pytest.mark.parametrize("fields", [{"extent": 0.0}, {"height": float("inf")}, {"height": -1.0}])
def test_exponents_of_tfce_are_positive(fields: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="exponent above 0"):
        TfceSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"n_permutations": 1}, DataError, "at least 2"),
        ({"method": "tfc"}, HeatlasError, "tfc"),
        ({"method": "cluster-mass"}, DataError, "needs a cluster-forming threshold"),
        ({"cluster_forming": ClusterForming(p=0.01)}, DataError, "forms no clusters"),
        ({"adaptive": 1.5}, DataError, "between 0 and 1"),
        ({"method": "step-down", "adaptive": 0.05}, NotSupportedError, "Step-down"),
        (
            {
                "method": "cluster-extent",
                "cluster_forming": ClusterForming(p=0.01),
                "variance_groups": GROUPS,
            },
            NotSupportedError,
            "p = 0.01 names no height",
        ),
        (
            {"method": "tfce", "tfce": TfceSettings(statistic="z"), "variance_groups": GROUPS},
            NotSupportedError,
            "cannot be turned into z",
        ),
        ({"residuals": "huh-jhun", "variance_groups": GROUPS}, NotSupportedError, "mix the maps"),
        (
            {"residuals": "huh-jhun", "exchangeability": Exchangeability(blocks=GROUPS)},
            NotSupportedError,
            "mix the maps",
        ),
    ],
)
def test_settings_that_cannot_go_together_are_refused(
    fields: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        PermutationSettings(**fields)


def test_methods_of_space_are_known() -> None:
    assert PermutationSettings(method="tfce").is_spatial
    assert not PermutationSettings(method="step-down").is_spatial


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_permutations": 50.5}, "n_permutations: expected a whole number, got 50.5"),
        ({"n_permutations": float("nan")}, "n_permutations: expected a whole number, got nan"),
        ({"seed": 1.5}, "seed: expected a whole number, got 1.5"),
        ({"variance_groups": [1.2, 1.2, 1.7, 1.7]}, "variance groups: labels have to be whole"),
        ({"variance_groups": [1, 1, float("nan"), 2]}, "variance groups: labels have to be whole"),
        ({"variance_groups": ["a", "a", "b", "b"]}, "variance groups: labels have to be whole"),
        ({"variance_groups": np.ones((4, 2), int)}, "expected one label per map, got shape"),
    ],
)
def test_counts_and_labels_are_whole_numbers(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(HeatlasError, match=words):
        PermutationSettings(**fields)


def test_whole_numbers_may_be_of_numpy() -> None:
    settings = PermutationSettings(n_permutations=np.int64(50), seed=np.uint8(3))  # type: ignore[arg-type]
    assert (type(settings.n_permutations), type(settings.seed)) == (int, int)
