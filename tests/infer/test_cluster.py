"""Clusters and their table agree with scipy and nilearn, and name what survived."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from heatlas.core.atlas import Atlas
from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.estimate import Estimate
from heatlas.core.space import GRID_NEIGHBOURHOODS, Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold, value_threshold
from heatlas.infer.cluster import Clusters, cluster_extent, cluster_table, label_clusters
from tests.phantom import affine, smooth_noise

SHAPE = (20, 24, 18)
GRID = Grid(shape=SHAPE, affine=affine(3.0, SHAPE))
WHOLE = Mask(space=GRID, inside=np.ones(SHAPE, bool))
BRAIN = Mask(space=GRID, inside=np.random.default_rng(1).random(SHAPE) < 0.9)
LINE = Grid(shape=(30, 1, 1), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
LINE_MASK = Mask(space=LINE, inside=np.ones(30, bool))


def noise_map(mask: Mask, *, seed: int = 0) -> StatMap:
    field = 2 * smooth_noise(1, SHAPE, fwhm_voxels=2.5, seed=seed)[0]
    return StatMap(values=mask.gather(field), mask=mask, kind="t", dof=(38.0,), n=40)


def line_map(**heights: float) -> StatMap:
    values = np.zeros(30)
    for place, height in heights.items():
        values[int(place.removeprefix("at"))] = height
    return StatMap(values=values, mask=LINE_MASK, kind="t", dof=(10.0,))


def clusters_of(stat_map: StatMap, *, cut: float, neighbourhood: str = "edges") -> Clusters:
    survives = np.abs(stat_map.values) > cut
    return label_clusters(
        stat_map.values, survives=survives, mask=stat_map.mask, neighbourhood=neighbourhood
    )


def table_of(stat_map: StatMap, *, cut: float, neighbourhood: str = "edges") -> Table:
    threshold = value_threshold(stat_map.values, cut=cut, two_sided=True)
    return cluster_table(stat_map, threshold, neighbourhood=neighbourhood)


@pytest.mark.parametrize("neighbourhood", GRID_NEIGHBOURHOODS)
def test_neighbours_inside_a_mask_are_those_of_the_grid(neighbourhood: str) -> None:
    expected = GRID.adjacency(neighbourhood)[BRAIN.indices][:, BRAIN.indices]
    assert (BRAIN.adjacency(neighbourhood) != expected).nnz == 0


@pytest.mark.parametrize("neighbourhood", GRID_NEIGHBOURHOODS)
def test_clusters_of_each_sign_equal_scipy_label(neighbourhood: str) -> None:
    stat_map = noise_map(BRAIN)
    clusters = clusters_of(stat_map, cut=2.0, neighbourhood=neighbourhood)
    structure = ndimage.generate_binary_structure(3, GRID_NEIGHBOURHOODS.index(neighbourhood) + 1)
    whole = BRAIN.scatter_grid(stat_map.values, fill=0.0)
    for sign in (1, -1):
        labels, n = ndimage.label(sign * whole > 2.0, structure)
        sizes = np.sort(np.bincount(labels.ravel())[1:]) * 27.0
        assert n == (clusters.signs == sign).sum() > 5
        assert_allclose(np.sort(clusters.sizes[clusters.signs == sign]), sizes)
        ours = np.where(clusters.labels > 0, BRAIN.gather(labels), 0)
        for own in np.flatnonzero(clusters.signs == sign) + 1:
            assert len(np.unique(ours[clusters.labels == own])) == 1


def test_touching_clusters_of_different_sign_stay_apart() -> None:
    clusters = clusters_of(line_map(at4=3, at5=-4), cut=2)
    assert len(clusters) == 2
    assert_array_equal(clusters.signs, [-1, 1])


def test_clusters_are_numbered_by_the_magnitude_of_their_peak() -> None:
    clusters = clusters_of(noise_map(BRAIN), cut=2.0)
    heights = np.abs(noise_map(BRAIN).values[[peaks[0] for peaks in clusters.peaks]])
    assert (np.diff(heights) <= 0).all()
    assert_array_equal(clusters.labels[[peaks[0] for peaks in clusters.peaks]],
                       np.arange(1, len(clusters) + 1))  # fmt: skip


def test_equal_peaks_are_ordered_by_place() -> None:
    clusters = clusters_of(line_map(at20=3, at4=3, at12=-3), cut=2)
    assert [peaks[0] for peaks in clusters.peaks] == [4, 12, 20]


def test_zeros_and_missing_values_belong_to_no_cluster() -> None:
    values = np.array([np.nan] * 10 + [0.0] * 10 + [1.0] * 10)
    clusters = label_clusters(values, survives=np.ones(30, bool), mask=LINE_MASK)
    assert_array_equal(np.flatnonzero(clusters.labels), np.arange(20, 30))


def test_the_table_equals_nilearn() -> None:
    from nibabel.nifti1 import Nifti1Image
    from nilearn.reporting import get_clusters_table

    stat_map = noise_map(WHOLE)
    image = Nifti1Image(stat_map.values.reshape(SHAPE), GRID.affine)
    peer = get_clusters_table(image, 2.0, two_sided=True)
    table = table_of(stat_map, cut=2.0, neighbourhood="faces")
    ours = np.stack([table.numbers(f"{axis}_mm") for axis in "xyz"], 1)
    order = np.lexsort(ours.T)
    peer_order = np.lexsort(peer[["X", "Y", "Z"]].to_numpy().T)
    assert len(table) == len(peer) > 30
    assert_allclose(ours[order], peer[["X", "Y", "Z"]].to_numpy()[peer_order])
    assert_allclose(table.numbers("statistic")[order], peer["Peak Stat"].to_numpy()[peer_order])
    sizes = [float(size) if size != "" else np.nan for size in peer["Cluster Size (mm3)"]]
    assert_allclose(table.numbers("size_mm3")[order], np.array(sizes)[peer_order])


def test_sub_peaks_are_the_highest_that_are_far_enough_apart() -> None:
    values = np.full(30, 2.5)
    for place, height in {3: 9.0, 6: 8.0, 10: 7.0, 12: 7.5, 20: 6.0, 26: 5.0}.items():
        values[place] = height
    stat_map = StatMap(values=values, mask=LINE_MASK, kind="t", dof=(10.0,))
    table = table_of(stat_map, cut=2)
    # Element 6 is 6 mm from 3, and 10 is 4 mm from 12.
    assert table.words("cluster") == ("1", "1a", "1b", "1c")
    assert_allclose(table.numbers("statistic"), [9, 7.5, 6, 5])
    assert_allclose(table.numbers("x_mm"), [6, 24, 40, 52])


def test_a_plateau_beside_something_higher_is_no_sub_peak() -> None:
    values = np.array([2.5] * 14 + [5.0] + [2.5] * 14 + [3.0])
    stat_map = StatMap(values=values, mask=LINE_MASK, kind="t", dof=(10.0,))
    assert_allclose(table_of(stat_map, cut=2).numbers("x_mm"), [28, 58])


def test_a_constant_cluster_has_one_peak() -> None:
    stat_map = StatMap(values=np.full(30, 3.0), mask=LINE_MASK, kind="t", dof=(10.0,))
    assert_allclose(table_of(stat_map, cut=2).numbers("x_mm"), [0])


def test_a_sub_peak_at_exactly_the_least_distance_is_listed() -> None:
    values = np.full(30, 2.5)
    values[[10, 14]] = 5, 4
    stat_map = StatMap(values=values, mask=LINE_MASK, kind="t", dof=(10.0,))
    assert_allclose(table_of(stat_map, cut=2).numbers("x_mm")[:2], [20, 28])


def test_a_mixed_table_says_sizes_in_mm3_and_words_for_signs() -> None:
    table = table_of(line_map(at4=3, at5=4, at20=-5), cut=2)
    assert table.words("cluster") == ("1", "2")
    assert table.words("sign") == ("−", "+")
    assert_allclose(table.numbers("size_mm3"), [8, 16])
    assert "share a face or an edge" in table.caption
    assert "|value| > 2" in table.caption


def test_nothing_survives_gives_a_table_without_rows() -> None:
    table = table_of(line_map(at4=3), cut=10)
    assert len(table) == 0
    assert "size_mm3" in table.names


def test_the_estimate_and_its_interval_are_read_at_the_peak() -> None:
    stat_map = line_map(at4=3, at5=4)
    places = np.arange(30.0)
    effect = Estimate(
        value=places, low=places - 1, high=places + 1, mask=LINE_MASK, unit="ml", kind="difference"
    )
    threshold = value_threshold(stat_map.values, cut=2, two_sided=True)
    table = cluster_table(stat_map, threshold, effect=effect)
    assert [float(table.numbers(name)[0]) for name in ("estimate", "low", "high")] == [5, 4, 6]
    assert table.column("estimate").unit == "ml"


def test_an_estimate_of_another_mask_is_refused() -> None:
    other = Mask(space=LINE, inside=np.arange(30) > 0)
    effect = Estimate(value=np.ones(29), low=np.ones(29), high=np.ones(29), mask=other)
    stat_map = line_map(at4=3)
    threshold = value_threshold(stat_map.values, cut=2, two_sided=True)
    with pytest.raises(SpaceMismatchError, match="another mask"):
        cluster_table(stat_map, threshold, effect=effect)


def judged(stat_map: StatMap, *, n_possible: float) -> Threshold:
    survives = np.abs(stat_map.values) > 2
    return Threshold(
        method="max-t",
        words="voxelwise FWE p < .05",
        survives=survives,
        correction="fwe",
        logp=np.full(30, -np.log10(0.04)),
        undecided=survives,
        n_permutations=100,
        n_possible=n_possible,
    )


def test_a_monte_carlo_p_comes_with_its_interval_and_says_undecided() -> None:
    from scipy.stats import binomtest

    stat_map = line_map(at4=3)
    table = cluster_table(stat_map, judged(stat_map, n_possible=1e20))
    interval = binomtest(3, 99).proportion_ci(0.95, method="exact")
    assert_allclose(table.numbers("p_corrected"), 0.04)
    assert table.words("p_words") == (
        f"p = .040 [{interval.low:.4f}, {interval.high:.4f}], undecided",
    )


def test_a_full_enumeration_is_exact() -> None:
    stat_map = line_map(at4=3)
    table = cluster_table(stat_map, judged(stat_map, n_possible=100))
    assert table.words("p_words") == ("p = .040, exact",)


def test_a_p_beyond_all_permutations_is_marked_as_approximate() -> None:
    stat_map = line_map(at4=5, at12=4)
    tail = np.full(30, np.nan)
    tail[4] = 3.7
    rule = replace(judged(stat_map, n_possible=1e20), undecided=None, tail_logp=tail)
    table = cluster_table(stat_map, rule)
    first, second = table.words("p_words")
    assert str(first).endswith("; about 0.0002 (approximate, by a generalised Pareto tail)")
    assert "Pareto" not in str(second)
    assert_allclose(table.numbers("p_tail"), [10**-3.7, np.nan])
    assert "Approximate" in table.column("p_tail").description


def test_the_end_of_the_approximate_tail_is_told_as_a_bound() -> None:
    stat_map = line_map(at4=5)
    rule = judged(stat_map, n_possible=1e20)
    table = cluster_table(stat_map, replace(rule, tail_logp=np.full(30, 4.0)))
    assert "; at most 0.0001 (approximate" in str(table.words("p_words")[0])


def test_clusters_that_were_judged_as_wholes_say_so_with_their_value() -> None:
    stat_map = line_map(at4=3, at12=-4)
    values = np.zeros(30)
    values[4], values[12] = 30, -40
    rule = replace(
        judged(stat_map, n_possible=100), undecided=None, quantity="cluster mass", extended=values
    )
    table = cluster_table(stat_map, rule)
    assert_array_equal(table.numbers("cluster_mass"), [40, 30])
    assert table.column("p_corrected").description == "FWE-corrected p of the whole cluster."
    assert table.caption.endswith("p belongs to the cluster as a whole, not to its peaks.")


def test_without_an_approximate_p_no_column_speaks_of_it() -> None:
    stat_map = line_map(at4=3)
    rule = replace(judged(stat_map, n_possible=1e20), tail_logp=np.full(30, np.nan))
    assert "p_tail" not in cluster_table(stat_map, rule).names


def test_the_region_of_each_peak_comes_from_the_atlas() -> None:
    labels = np.zeros(LINE.shape, np.int32)
    labels[:10] = 5
    atlas = Atlas(name="Ends", labels=labels, grid=LINE, names={5: "first end"})
    stat_map = line_map(at4=4, at20=-3)
    threshold = value_threshold(stat_map.values, cut=2, two_sided=True)
    table = cluster_table(stat_map, threshold, atlas=atlas)
    assert table.words("region") == ("first end", "unlabelled")
    assert "Ends" in table.column("region").description


def test_small_clusters_are_removed_and_exactly_large_enough_ones_stay() -> None:
    stat_map = line_map(at2=3, at3=3, at10=3, at20=-3, at21=3)
    survives = np.abs(stat_map.values) > 2
    kept = cluster_extent(stat_map.values, survives=survives, mask=LINE_MASK, extent_mm3=16)
    assert_array_equal(np.flatnonzero(kept), [2, 3])


def test_a_negative_extent_is_refused() -> None:
    stat_map = line_map(at2=3)
    with pytest.raises(DataError, match="at least 0"):
        cluster_extent(stat_map.values, survives=stat_map.values > 2, mask=LINE_MASK, extent_mm3=-1)
