"""Cluster extent and mass, against the labels of scipy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.space import GRID_NEIGHBOURHOODS, Grid, Mask
from heatlas.infer.extent import STATISTICS, ClusterStatistic, cluster_map, cluster_maxima
from heatlas.infer.neighbours import _of_matrix, neighbour_table
from tests.infer.graphs import components, random_links, sizes_of
from tests.phantom import affine, smooth_noise

SHAPE = (12, 14, 10)
GRID = Grid(shape=SHAPE, affine=affine())
BRAIN = Mask(space=GRID, inside=np.random.default_rng(1).random(SHAPE) < 0.9)
FACES = neighbour_table(BRAIN)
PAIR = np.array([[1], [0]], np.int32)


def noise(n: int = 1, *, seed: int = 0) -> np.ndarray:
    """Return smooth maps inside the mask as rows of float32."""
    fields = 2 * smooth_noise(n, SHAPE, fwhm_voxels=2.5, seed=seed)
    return BRAIN.gather(fields).reshape(n, -1).astype(np.float32)


def weight_of(tail: np.ndarray, *, cut: float, statistic: str) -> np.ndarray:
    """Return what each element adds to its cluster."""
    tail = tail.astype(np.float64)
    return {"extent": np.ones_like(tail), "mass": tail, "mass-above": tail - cut}[statistic]


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
def test_clusters_of_voxels_equal_scipy_label(kind: str, statistic: ClusterStatistic) -> None:
    (values,) = noise()
    structure = ndimage.generate_binary_structure(3, GRID_NEIGHBOURHOODS.index(kind) + 1)
    expected = np.zeros(BRAIN.size)
    for sign in (1, -1):
        whole = BRAIN.scatter_grid(sign * values, fill=0.0)
        label, n = ndimage.label(whole > 1.5, structure)
        sums = ndimage.sum(weight_of(whole, cut=1.5, statistic=statistic), label, range(n + 1))
        inside = BRAIN.gather(label)
        expected += np.where(inside > 0, sign * sums[inside], 0)
        assert n > 2
    found = cluster_map(values, neighbour_table(BRAIN, kind), cut=1.5, statistic=statistic)
    assert_allclose(found, expected, rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-4, 4, width=32)),
    cut=st.sampled_from([0.0, 0.5, 2.0]),
    statistic=st.sampled_from(STATISTICS),
    seed=st.integers(0, 1000),
)
def test_clusters_of_any_graph_and_sizes_equal_scipy_components(
    values: np.ndarray, cut: float, statistic: ClusterStatistic, seed: int
) -> None:
    links = random_links(len(values), share=0.15, seed=seed)
    measure = np.random.default_rng(seed).uniform(0.1, 3, len(values))
    expected = np.zeros(len(values))
    for sign in (1, -1):
        tail = sign * values
        weights = measure * weight_of(tail, cut=cut, statistic=statistic)
        expected += sign * sizes_of(components(tail > cut, links), weights)
    table = _of_matrix(links)
    found = cluster_map(values, table, cut=cut, statistic=statistic, measure=measure)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-40)
    largest = cluster_maxima(values[None], table, cut=cut, statistic=statistic, measure=measure)
    assert_array_equal(largest, [np.abs(found).max()])


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("two_sided", [True, False])
def test_the_maxima_are_exactly_those_of_the_maps(
    statistic: ClusterStatistic, two_sided: bool
) -> None:
    maps = noise(20, seed=1)
    found = cluster_maxima(maps, FACES, cut=1.2, statistic=statistic, two_sided=two_sided)
    for row, largest in zip(maps, found, strict=True):
        mapped = cluster_map(row, FACES, cut=1.2, statistic=statistic, two_sided=two_sided)
        assert np.abs(mapped).max() == largest > 0


def test_members_lie_strictly_above_the_cut() -> None:
    found = cluster_map([1.5, 2.0], PAIR, cut=1.5, statistic="extent")
    assert_array_equal(found, [0, 1])


def test_touching_clusters_of_different_sign_stay_apart() -> None:
    assert_array_equal(cluster_map([3.0, -4.0], PAIR, cut=2, statistic="mass"), [3, -4])
    one_sided = cluster_map([3.0, -4.0], PAIR, cut=2, statistic="mass", two_sided=False)
    assert_array_equal(one_sided, [3, 0])


def test_the_three_statistics_of_one_cluster() -> None:
    found = [cluster_map([3.0, 4.0], PAIR, cut=2, statistic=name)[0] for name in STATISTICS]
    assert found == [2, 7, 3]


def test_sizes_weigh_all_three_statistics() -> None:
    found = [
        cluster_map([3.0, 4.0], PAIR, cut=2, statistic=name, measure=[0.5, 2.0])[0]
        for name in STATISTICS
    ]
    assert found == [2.5, 9.5, 4.5]


def test_missing_values_are_in_no_cluster() -> None:
    table = np.array([[1, -1], [0, 2], [1, -1]], np.int32)
    assert_array_equal(cluster_map([3, np.nan, 3], table, cut=2, statistic="extent"), [1, 0, 1])


def test_a_map_without_clusters_has_a_largest_of_zero() -> None:
    assert_array_equal(cluster_maxima(noise(3), FACES, cut=50, statistic="mass"), [0, 0, 0])


def test_a_map_does_not_see_the_others_of_its_block() -> None:
    maps = noise(6, seed=2)
    together = cluster_maxima(maps, FACES, cut=0.5, statistic="mass")
    with ThreadPoolExecutor(3) as pool:
        alone = list(
            pool.map(
                lambda row: cluster_maxima(row[None], FACES, cut=0.5, statistic="mass")[0], maps
            )
        )
    assert_array_equal(alone, together)


@pytest.mark.parametrize("cut", [-0.1, np.nan, np.inf])
def test_cuts_that_cannot_be_are_refused(cut: float) -> None:
    with pytest.raises(DataError, match="cluster-forming cut"):
        cluster_map(np.ones(2), PAIR, cut=cut, statistic="extent")
    with pytest.raises(DataError, match="cluster-forming cut"):
        cluster_maxima(np.ones((1, 2), np.float32), PAIR, cut=cut, statistic="extent")


def test_an_unknown_statistic_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="extent, mass, mass-above"):
        cluster_map(np.ones(2), PAIR, cut=1, statistic="size")  # type: ignore[arg-type]


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="2 given, but there are 3 elements"):
        cluster_map(np.ones(3), PAIR, cut=1, statistic="extent")
    with pytest.raises(DataError, match="one map"):
        cluster_map(np.ones((1, 2)), PAIR, cut=1, statistic="extent")
    with pytest.raises(DataError, match="maps in rows"):
        cluster_maxima(np.ones(2, np.float32), PAIR, cut=1, statistic="extent")
