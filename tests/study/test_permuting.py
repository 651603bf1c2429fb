"""The settings of a study reach the permutation engine, and its results what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from heatlas.core.errors import DesignError
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold
from heatlas.infer.null_distribution import Engine
from heatlas.infer.request import PermutationSettings
from heatlas.stats.glm import FittedAnalysis
from heatlas.study.permuting import (
    judged_map,
    permutation_settings,
    permute_contrasts,
    within_volume,
)
from heatlas.study.small_volume import SmallVolume
from heatlas.study.spec import StudySpec
from tests.study.judged import DIFFERENCE, analysis, settings_of
from tests.study.stacks import fitted, noise, stack_of

N = 14
GROUP = ["ill", "well"] * 7
COLUMNS: dict[str, Any] = {
    "group": GROUP,
    "site": ["a"] * 6 + ["b"] * 8,
    "age": [float(k * k) for k in range(N)],
}
STACK = stack_of(noise(N, seed=8), COLUMNS)
FITTED: FittedAnalysis = fitted(STACK, "group + age", DIFFERENCE)


def spec_of(inference: dict[str, Any], **said: Any) -> StudySpec:
    asked = analysis("g", "group + age", DIFFERENCE, "age", **said)
    return settings_of([asked], inference=inference, seed=5)


def asked_of(inference: dict[str, Any], **said: Any) -> PermutationSettings:
    spec = spec_of(inference, **said)
    return permutation_settings(
        spec, spec.analyses[0], table=STACK.table, model=FITTED.model, step="judge g / c1"
    )


def test_defaults_ask_for_max_t_with_free_exchange() -> None:
    asked = asked_of({})
    assert (asked.method, asked.n_permutations, asked.two_sided) == ("max-t", 5000, True)
    assert (asked.seed, asked.step, asked.residuals) == (5, "judge g / c1", "freedman-lane")
    assert asked.exchangeability.kind == "free"
    assert (asked.variance_groups, asked.cluster_forming, asked.adaptive) == (None, None, None)


def test_every_setting_is_handed_on() -> None:
    asked = asked_of(
        {
            "method": "tfce", "tfce": {"statistic": "t", "extent": 1, "height": 3},
            "neighbourhood": "corners", "adaptive": True, "alpha": 0.01, "two_sided": False,
            "n_permutations": 300,
        },
        exchangeability={"blocks": "site"},
        variance_groups="group",
    )  # fmt: skip
    assert (asked.tfce.extent, asked.tfce.height, asked.neighbourhood) == (1, 3, "corners")
    assert (asked.adaptive, asked.two_sided, asked.n_permutations) == (0.01, False, 300)
    assert asked.exchangeability.blocks is not None
    assert asked.exchangeability.blocks.tolist() == [1] * 6 + [2] * 8
    assert asked.variance_groups is not None
    assert asked.variance_groups.tolist() == [1, 2] * 7


@pytest.mark.parametrize("given", [{"p": 0.01}, {"statistic": 2.5}])
def test_the_cluster_threshold_keeps_its_meaning(given: dict[str, float]) -> None:
    forming = asked_of({"method": "cluster-mass", "cluster_threshold": given}).cluster_forming
    assert forming is not None
    assert {"p": forming.p, "statistic": forming.statistic} == {
        "p": None, "statistic": None, **given,
    }  # fmt: skip


def test_a_missing_block_is_refused_by_the_name_of_the_map() -> None:
    spec = spec_of({}, exchangeability={"blocks": "site"})
    table = stack_of(noise(N), {**COLUMNS, "site": [None, *["a"] * (N - 1)]}).table
    with pytest.raises(DesignError, match="sub-01"):
        permutation_settings(
            spec, spec.analyses[0], table=table, model=FITTED.model, step="judge g / c1"
        )


def test_several_contrasts_are_corrected_together_and_one_on_its_own() -> None:
    both = fitted(STACK, "group + age", "age")
    contrasts = [FITTED.contrasts[0].contrast, both.contrasts[0].contrast]
    settings = PermutationSettings(n_permutations=200, seed=1)

    def permute(*chosen: int) -> Any:
        return permute_contrasts(
            STACK, FITTED.model, contrasts=[contrasts[k] for k in chosen], settings=settings,
            volume=None, engine=Engine(),
        )  # fmt: skip

    ((first,), (second,)) = permute(0), permute(1)
    together = permute(0, 1)
    largest = np.maximum(first.null_maxima, second.null_maxima)
    for one in together:
        np.testing.assert_allclose(one.null_maxima[1:], largest[1:])
        assert len(one.family) == 2
    assert first.family == ()


def test_only_the_small_volume_is_judged() -> None:
    within = np.arange(STACK.mask.size) < 60
    volume = SmallVolume(within=within, words="the first voxels (60 voxels)")
    (found,) = permute_contrasts(
        STACK, FITTED.model, contrasts=[FITTED.contrasts[0].contrast],
        settings=PermutationSettings(n_permutations=50), volume=volume, engine=Engine(),
    )  # fmt: skip
    np.testing.assert_array_equal(found.counts > 0, within)
    rule = Threshold(method="max-t", words="FWE p < .05", survives=within)
    told = within_volume(rule, volume)
    assert told.words == "FWE p < .05, within the first voxels (60 voxels)"
    assert told.settings["SmallVolume"] == volume.words
    assert within_volume(rule, None) is rule


def test_with_variance_groups_the_map_is_welch_s() -> None:
    alone = fitted(STACK, "group", DIFFERENCE)
    groups = np.array([1, 2] * 7)
    (found,) = permute_contrasts(
        STACK, alone.model, contrasts=[alone.contrasts[0].contrast],
        settings=PermutationSettings(n_permutations=50, variance_groups=groups), volume=None,
        engine=Engine(),
    )  # fmt: skip
    shown: StatMap = judged_map(alone.contrasts[0].statistic, found)
    maps = STACK.values.astype(float)
    welch = stats.ttest_ind(maps[0::2], maps[1::2], equal_var=False).statistic
    np.testing.assert_allclose(shown.values, welch, rtol=1e-5)
    assert (shown.kind, shown.dof, shown.n) == ("v", (), N)
    assert judged_map(alone.contrasts[0].statistic, None) is alone.contrasts[0].statistic
