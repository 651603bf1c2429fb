"""What is maximised, against plain loops over the elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage, stats

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.space import Grid, Mask
from heatlas.infer.arranged import Statistic
from heatlas.infer.request import ClusterForming, PermutationSettings, TfceSettings
from heatlas.infer.summaries import (
    cluster_cut,
    count_steps_down,
    step_down_reach,
    summary_for,
)

SHAPE = (9, 8, 7)


def of_kind(
    kind: Any = "t", dof: tuple[float, ...] = (20.0,), *, signed: bool = False
) -> Statistic:
    column = np.linspace(-1, 1, 6)[:, None] / np.linalg.norm(np.linspace(-1, 1, 6))
    groups = np.array([0, 0, 0, 1, 1, 1]) if kind in ("v", "G") else None
    return Statistic(
        interest=column, nuisance=np.zeros((6, 0)), kind=kind, dof=dof, signed=signed, groups=groups
    )


def whole_mask() -> Mask:
    grid = Grid(shape=SHAPE, affine=np.diag([3.0, 3, 3, 1]))
    return Mask(space=grid, inside=np.ones(SHAPE, bool))


def smooth_map(seed: int = 0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 1)
    return np.asarray(noise / noise.std() * 1.5).ravel()


@pytest.mark.parametrize("two_sided", [True, False])
def test_the_maximum_of_a_map_is_the_largest_of_its_observed_values(two_sided: bool) -> None:
    for method in ("max-t", "tfce", "cluster-extent", "cluster-mass", "cluster-mass-above"):
        settings = PermutationSettings(
            method=method,
            two_sided=two_sided,
            cluster_forming=ClusterForming(statistic=1.5) if "cluster" in method else None,
        )
        summary = summary_for(
            settings, of_kind(signed=not two_sided), mask=whole_mask(), elements=np.arange(504)
        )
        values = smooth_map()
        observed = summary.of_map(values)
        size = np.abs(observed) if two_sided else observed
        (largest,) = summary.maxima(values[None].astype(np.float32))
        assert largest == pytest.approx(size.max(), rel=1e-6)


def test_cluster_mass_is_the_sum_over_the_largest_component() -> None:
    settings = PermutationSettings(
        method="cluster-mass", cluster_forming=ClusterForming(p=0.1), neighbourhood="faces"
    )
    cut = stats.t.isf(0.05, 20)
    summary = summary_for(settings, of_kind(), mask=whole_mask(), elements=np.arange(504))
    assert summary.cut == pytest.approx(cut)
    values = smooth_map()
    masses = []
    for sign in (1, -1):
        volume = sign * values.reshape(SHAPE)
        labels, n = ndimage.label(volume > cut)
        masses += list(ndimage.sum(volume, labels, range(1, n + 1)))
    assert np.abs(summary.of_map(values)).max() == pytest.approx(max(masses), rel=1e-6)


def test_tfce_of_z_is_tfce_of_the_scores() -> None:
    settings = {
        kind: PermutationSettings(method="tfce", tfce=TfceSettings(statistic=kind))
        for kind in ("t", "z")
    }
    of = {
        kind: summary_for(one, of_kind(), mask=whole_mask(), elements=np.arange(504))
        for kind, one in settings.items()
    }
    values = smooth_map()
    scores = np.sign(values) * stats.norm.isf(stats.t.sf(np.abs(values), 20))
    np.testing.assert_allclose(of["z"].of_map(values), of["t"].of_map(scores), rtol=1e-4, atol=1e-5)


def test_a_p_is_refused_for_a_statistic_without_degrees_of_freedom() -> None:
    settings = PermutationSettings(method="cluster-mass", cluster_forming=ClusterForming(p=0.01))
    with pytest.raises(NotSupportedError):
        cluster_cut(settings, of_kind("v", ()))


@pytest.mark.parametrize(("two_sided", "tail"), [(True, 0.005), (False, 0.01)])
def test_a_p_forms_clusters_in_both_tails_together(two_sided: bool, tail: float) -> None:
    settings = PermutationSettings(
        method="cluster-mass", two_sided=two_sided, cluster_forming=ClusterForming(p=0.01)
    )
    assert cluster_cut(settings, of_kind()) == pytest.approx(stats.t.isf(tail, 20))


def test_step_down_counts_equal_successive_maxima() -> None:
    rng = np.random.default_rng(4)
    statistics = rng.standard_normal((50, 12)).astype(np.float32)
    size = np.abs(rng.standard_normal(12)) * 1.5
    order = np.argsort(size)
    found = count_steps_down(statistics, order=order, reach=step_down_reach(size), two_sided=True)
    for element in range(12):
        below = size <= size[element]
        largest = np.abs(statistics[:, below]).max(axis=1)
        assert found[element] == (largest >= size[element] * (1 - 1e-5)).sum()


@pytest.mark.parametrize("p", [0.9, 1e-300])
def test_a_p_that_forms_no_clusters_is_named_with_its_statistic(p: float) -> None:
    settings = PermutationSettings(
        method="cluster-mass", cluster_forming=ClusterForming(p=p), two_sided=False
    )
    with pytest.raises(DataError, match=f"p = {p:g} belongs to t = .* a p such as 0.001"):
        cluster_cut(settings, of_kind(dof=(9.0,)))
