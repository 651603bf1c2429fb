"""A stack is judged by permutations as its parts would do it one by one, on any space."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from scipy import stats

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError, SpaceMismatchError
from heatlas.core.execute import ThreadExecutor
from heatlas.core.space import Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns
from heatlas.infer.exchangeability import Exchangeability
from heatlas.infer.null_distribution import Engine
from heatlas.infer.request import ClusterForming, PermutationSettings
from heatlas.stats.contrast import parse_contrast
from heatlas.stats.formula import build_model
from heatlas.study import permutations
from heatlas.study.findings import JudgedContrast
from heatlas.study.permutations import Family, permutation_test
from heatlas.study.small_volume import SmallVolume
from tests.infer.graphs import Graph
from tests.phantom import ball
from tests.study.stacks import SHAPE, noise, stack_of

N = 16
GROUPS = ("ill",) * 8 + ("well",) * 8
BLOB = ball(SHAPE, radius=1.5)
SETTINGS = PermutationSettings(n_permutations=200, seed=3)


def stack(*, seed: int = 0, effect: float = 4.0) -> MapStack:
    """Sixteen maps of two groups; the ill are higher in one ball."""
    maps = noise(N, seed=seed)
    maps[:8, BLOB] += effect
    return stack_of(maps, {"group": GROUPS, "age": list(range(30, 30 + N))})


def asked(
    maps: MapStack, model: str, *tests: str, kind: Any = "t"
) -> tuple[Design, list[Contrast]]:
    """The design of a formula on the stack's table, and its contrasts."""
    built = build_model(maps.table, model=model, ids=maps.ids)
    named = [
        parse_contrast(built, name=f"c{k + 1}", test=t, kind=kind) for k, t in enumerate(tests)
    ]
    return built.design, named


def judged(maps: MapStack, model: str, *tests: str, kind: Any = "t", **more: Any) -> JudgedContrast:
    """The first contrast of a model."""
    design, contrasts = asked(maps, model, *tests, kind=kind)
    more.setdefault("settings", SETTINGS)
    return permutation_test(maps, design, contrasts=contrasts, **more)[0]


def test_the_example_of_the_docstring_runs() -> None:
    assert doctest.testmod(permutations).attempted > 10


def test_a_group_difference_has_its_t_and_its_place() -> None:
    maps = stack()
    found = judged(maps, "group", "group[ill] - group[well]")
    expected = stats.ttest_ind(maps.values[:8], maps.values[8:]).statistic
    np.testing.assert_allclose(found.statistic.values, expected, rtol=1e-4)
    assert found.threshold.survives[BLOB.ravel()].mean() > 0.5
    assert not found.threshold.survives[~BLOB.ravel()].any()
    assert found.heat_map.caption().startswith(
        "t map of c1, n = 16 (8 ill, 8 well), df = 14, two-sided, voxelwise FWE p < .05 by 200 "
        "permutations"
    )
    assert found.permuted is not None
    np.testing.assert_array_equal(found.threshold.logp, -np.log10(found.permuted.p))


def test_the_effect_and_its_interval_stand_in_the_table_of_clusters() -> None:
    maps = stack()
    found = judged(maps, "group", "group[ill] - group[well]")
    assert found.effect is not None
    difference = maps.values[:8].mean(0) - maps.values[8:].mean(0)
    np.testing.assert_allclose(found.effect.value, difference, rtol=1e-4, atol=1e-5)
    assert {"estimate", "low", "high", "p_corrected"} <= set(found.clusters.names)
    assert len(found.clusters) >= 1


def test_covariates_keep_the_groups_of_the_contrast_in_the_caption() -> None:
    found = judged(stack(), "group + age", "age")
    assert found.statistic.groups == (("ill", 8), ("well", 8))
    assert found.statistic.dof == (13.0,)


@pytest.mark.parametrize(
    ("settings", "quantity"),
    [
        (PermutationSettings(method="tfce", n_permutations=100), "TFCE"),
        (
            PermutationSettings(
                method="cluster-mass", n_permutations=100, cluster_forming=ClusterForming(p=0.01)
            ),
            "cluster mass",
        ),
        (
            PermutationSettings(
                method="cluster-extent",
                n_permutations=100,
                cluster_forming=ClusterForming(statistic=2.5),
            ),
            "cluster extent",
        ),
    ],
)
def test_methods_with_neighbours_tell_what_they_made_largest(
    settings: PermutationSettings, quantity: str
) -> None:
    found = judged(stack(), "group", "group[ill] - group[well]", settings=settings)
    assert found.threshold.quantity == quantity
    assert found.permuted is not None
    np.testing.assert_array_equal(found.threshold.extended, found.permuted.observed)
    assert found.threshold.survives[BLOB.ravel()].all()
    assert f"{quantity} > " in found.heat_map.caption()


def test_step_down_never_loses_what_max_t_finds() -> None:
    plain = judged(stack(), "group", "group[ill] - group[well]")
    settings = PermutationSettings(n_permutations=200, seed=3, method="step-down")
    stepped = judged(stack(), "group", "group[ill] - group[well]", settings=settings)
    assert (stepped.threshold.survives >= plain.threshold.survives).all()


def test_an_f_has_no_effect_and_one_tail() -> None:
    found = judged(stack(), "group", "group", kind="F")
    assert (found.effect, found.statistic.kind, found.threshold.two_sided) == (None, "F", False)
    assert found.threshold.n_surviving > 0


def test_variance_groups_make_a_v_without_an_interval() -> None:
    maps = stack()
    settings = PermutationSettings(n_permutations=200, variance_groups=[0] * 8 + [1] * 8)
    found = judged(maps, "group", "group[ill] - group[well]", settings=settings)
    expected = stats.ttest_ind(maps.values[:8], maps.values[8:], equal_var=False).statistic
    np.testing.assert_allclose(found.statistic.values, expected, rtol=1e-4)
    assert (found.statistic.kind, found.statistic.dof, found.effect) == ("v", (), None)


def test_contrasts_corrected_together_are_harder_to_find() -> None:
    maps = stack()
    design, contrasts = asked(maps, "group + age", "group[ill] - group[well]", "age")
    alone = permutation_test(maps, design, contrasts=contrasts, settings=SETTINGS)
    both = permutation_test(
        maps, design, contrasts=contrasts, settings=SETTINGS, family=Family(across_contrasts=True)
    )
    for one, other in zip(alone, both, strict=True):
        assert one.permuted is not None and other.permuted is not None
        assert (other.permuted.p >= one.permuted.p).all()
        assert other.permuted.family == ("c1", "c2")
    assert "over 2 contrasts" in both[0].heat_map.caption()


def test_a_small_volume_is_judged_alone_and_the_whole_map_is_shown() -> None:
    maps = stack(effect=2.2)
    volume = SmallVolume(within=BLOB.ravel(), words="the ball (19 voxels)")
    whole = judged(maps, "group", "group[ill] - group[well]")
    small = judged(maps, "group", "group[ill] - group[well]", family=Family(volume=volume))
    assert small.threshold.n_surviving > whole.threshold.n_surviving
    assert not small.threshold.survives[~BLOB.ravel()].any()
    assert np.isfinite(small.statistic.values).all()
    assert "within the ball (19 voxels)" in small.heat_map.caption()


def test_any_space_is_judged() -> None:
    n = 60
    space = Graph.of([(k, (k + 1) % n) for k in range(n)], n=n)
    values = np.random.default_rng(5).standard_normal((N, n))
    values[:8, 10:16] += 2.5
    ids = tuple(f"s{k}" for k in range(N))
    maps = MapStack(
        values=values,
        mask=Mask(space=space, inside=np.ones(n, bool)),
        ids=ids,
        table=table_from_columns({"group": GROUPS}),
    )
    settings = PermutationSettings(n_permutations=200, method="tfce", neighbourhood="links")
    found = judged(maps, "group", "group[ill] - group[well]", settings=settings)
    assert set(np.flatnonzero(found.threshold.survives)) >= set(range(11, 15))
    assert found.heat_map.element == "element"
    assert "elements (" in found.heat_map.caption()


def test_elements_that_do_not_vary_are_counted() -> None:
    maps = noise(N)
    maps[:, 0, 0, :3] = 1.0
    found = judged(stack_of(maps, {"group": GROUPS}), "group", "group[ill] - group[well]")
    assert np.isnan(found.statistic.values[:3]).all()
    (warning,) = found.warnings
    assert warning.startswith("3 voxels without residual variance")
    assert found.statistic.provenance.warnings == (warning,)


def test_workers_do_not_change_a_bit() -> None:
    maps = stack()
    settings = PermutationSettings(n_permutations=400, method="tfce")
    engine = Engine(executor=ThreadExecutor(workers=2))
    alone = judged(maps, "group", "group[ill] - group[well]", settings=settings)
    shared = judged(maps, "group", "group[ill] - group[well]", settings=settings, engine=engine)
    assert alone.permuted is not None and shared.permuted is not None
    np.testing.assert_array_equal(alone.permuted.null_maxima, shared.permuted.null_maxima)


def test_a_level_out_of_reach_is_a_warning() -> None:
    maps = stack().take(np.array([0, 1, 8, 9]))
    found = judged(maps, "group", "group[ill] - group[well]")
    assert any("cannot be reached" in warning for warning in found.warnings)
    assert found.threshold.n_surviving == 0


def test_the_provenance_tells_model_contrast_method_and_seed() -> None:
    settings = PermutationSettings(n_permutations=200, seed=9, method="tfce")
    found = judged(stack(), "group + age", "group[ill] - group[well]", settings=settings)
    fit, tested, permuted = found.heat_map.provenance.steps[-3:]
    assert fit.parameters["model"] == "group + age"
    assert tested.parameters["test"] == "group[ill] - group[well]"
    assert permuted.parameters["method"] == "tfce"
    assert permuted.parameters["tfce"]["height"] == 2.0
    assert permuted.seed == 9


# ------------------------------------------------------------------------------------- refusals


def test_rows_must_be_those_of_the_maps() -> None:
    maps = stack()
    design, contrasts = asked(maps, "group", "group[ill] - group[well]")
    with pytest.raises(DesignError, match=r"16 rows, but there are 2 maps.*take\(rows\)"):
        permutation_test(maps.take(np.arange(2)), design, contrasts=contrasts)
    with pytest.raises(DesignError, match="Row 1 of the design is 'sub-01', but map 1 is 'sub-16'"):
        permutation_test(maps.take(np.arange(N)[::-1]), design, contrasts=contrasts)


def test_contrasts_need_names_of_their_own() -> None:
    maps = stack()
    design, (contrast,) = asked(maps, "group", "group[ill] - group[well]")
    with pytest.raises(DataError, match="'c1' is asked for twice"):
        permutation_test(maps, design, contrasts=[contrast, contrast])
    with pytest.raises(DataError, match="no contrast"):
        permutation_test(maps, design, contrasts=[])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"alpha": 1.5}, "level between 0 and 1"),
        ({"settings": PermutationSettings(adaptive=0.01)}, "give both the same level"),
    ],
)
def test_levels_must_make_sense(more: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        judged(stack(), "group", "group[ill] - group[well]", **more)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PermutationSettings(adaptive=0.05), "stop at a number of its own"),
        (PermutationSettings(method="step-down"), "use max-t"),
    ],
)
def test_what_cannot_be_corrected_together_is_refused_before_the_run(
    settings: PermutationSettings, words: str
) -> None:
    family = Family(across_contrasts=True)
    with pytest.raises(DataError, match=words):
        judged(stack(), "group + age", "age", "group[ill] - group[well]", settings=settings,
               family=family)  # fmt: skip


def test_a_small_volume_of_another_mask_is_refused() -> None:
    family = Family(volume=SmallVolume(within=np.ones(5, bool), words="five"))
    with pytest.raises(SpaceMismatchError, match="5 elements"):
        judged(stack(), "group", "group[ill] - group[well]", family=family)


def test_blocks_that_forbid_every_rearrangement_are_refused() -> None:
    exchangeability = Exchangeability(blocks=[0] * 8 + [1] * 8)
    settings = PermutationSettings(exchangeability=exchangeability)
    with pytest.raises(DesignError, match="forbid every rearrangement"):
        judged(stack(), "group", "group[ill] - group[well]", settings=settings)


def test_a_contrast_that_the_rows_cannot_tell_is_refused() -> None:
    maps = stack()
    design = Design(matrix=np.ones((N, 2)), names=("a", "b"), ids=maps.ids)
    contrast = Contrast(name="c", weights=[[1.0, 0.0]])
    with pytest.raises(DesignError, match="cannot be estimated"):
        permutation_test(maps, design, contrasts=[contrast], settings=SETTINGS)
