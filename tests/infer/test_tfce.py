"""Threshold-free cluster enhancement, against exact cases, brute force and integration by steps."""

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
from heatlas.infer import tfce as kernels
from heatlas.infer.neighbours import _of_matrix, neighbour_table
from heatlas.infer.tfce import tfce, tfce_maxima
from tests.infer.graphs import random_links, ring, slow_tfce
from tests.phantom import affine, smooth_noise

SHAPE = (12, 14, 10)
GRID = Grid(shape=SHAPE, affine=affine())
WHOLE = Mask(space=GRID, inside=np.ones(SHAPE, bool))
FACES = neighbour_table(WHOLE)
BRAIN = Mask(space=GRID, inside=np.random.default_rng(1).random(SHAPE) < 0.9)


def noise(n: int = 1, *, seed: int = 0, fwhm: float = 2.5) -> np.ndarray:
    """Return smooth maps over the whole grid as rows of float32."""
    return 2 * smooth_noise(n, SHAPE, fwhm_voxels=fwhm, seed=seed).reshape(n, -1).astype(np.float32)


def box(
    height: float, *, where: tuple[slice, ...] = (slice(2, 6), slice(3, 8), slice(1, 4))
) -> np.ndarray:
    """Return a map that is 0 but for one box."""
    values = np.zeros(SHAPE)
    values[where] = height
    return values.ravel()


def line_table(n: int) -> np.ndarray:
    """Return the neighbours of elements in a row."""
    return np.stack([np.arange(n) - 1, np.r_[1:n, -1]], axis=1)


def by_steps(field: np.ndarray, *, structure: np.ndarray, step: float) -> np.ndarray:
    """Integrate the positive tail by the midpoint rule, labelling each threshold anew."""
    enhanced = np.zeros(field.shape)
    for threshold in np.arange(step / 2, field.max(), step):
        label, _ = ndimage.label(field > threshold, structure)
        size = np.bincount(label.ravel())[label]
        enhanced += np.where(label > 0, np.sqrt(size) * threshold**2 * step, 0)
    return enhanced


# -------------------------------------------------------------------------------- exact cases


@pytest.mark.parametrize("height", [0.01, 1.0, 3.7, 50.0])
def test_a_box_of_n_voxels_has_the_value_of_the_formula(height: float) -> None:
    values = box(height)
    enhanced = tfce(values, FACES)
    n = (values > 0).sum()
    assert_allclose(enhanced[values > 0], np.sqrt(n) * height**3 / 3, rtol=1e-6)
    assert not enhanced[values == 0].any()


@pytest.mark.parametrize("factor", [1e-3, 0.37, 12.0])
def test_a_scaled_map_is_enhanced_by_the_cube_of_the_factor(factor: float) -> None:
    (values,) = noise()
    expected = factor**3 * tfce(values, FACES)
    assert_allclose(tfce(values * np.float32(factor), FACES), expected, rtol=2e-6)


@pytest.mark.parametrize("height", [10.0, 1e3, 1e5])
def test_a_distant_blob_changes_nothing(height: float) -> None:
    (values,) = noise(seed=3)
    places = np.unravel_index(np.arange(WHOLE.size), SHAPE)[0]
    values[places == 8] = 0
    with_blob = values.copy()
    with_blob[places == 10] = height
    near = places < 8
    assert_array_equal(tfce(with_blob, FACES)[near], tfce(values, FACES)[near])


def test_a_higher_blob_in_the_same_component_leaves_low_elements_as_they_are() -> None:
    values = np.linspace(0.01, 1, 50)
    line = line_table(50)
    higher = values.copy()
    higher[-1] = 1e4
    assert_allclose(tfce(higher, line)[:-1], tfce(values, line)[:-1], rtol=1e-12)


def test_exponents_of_zero_give_the_map_back() -> None:
    (values,) = noise()
    assert_allclose(tfce(values, FACES, height=0, extent=0), values, rtol=1e-6)


def test_two_peaks_share_what_lies_below_their_saddle() -> None:
    enhanced = tfce([3.0, 1.0, 2.0], line_table(3))
    shared = np.sqrt(3) / 3
    assert_allclose(enhanced, [shared + 26 / 3, shared, shared + 7 / 3])


def test_an_empty_tail_and_a_map_of_zeros_give_zero() -> None:
    assert not tfce(np.zeros(5), line_table(5)).any()
    assert_array_equal(tfce_maxima(np.zeros((2, 5), np.float32), line_table(5)), [0, 0])
    assert tfce_maxima(np.full((1, 5), -2, np.float32), line_table(5), two_sided=False) == [0]


# -------------------------------------------------------------------------------- brute force


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
@pytest.mark.parametrize("seed", [0, 1])
def test_smooth_fields_equal_integration_by_tiny_steps(kind: str, seed: int) -> None:
    (values,) = noise(seed=seed)
    structure = ndimage.generate_binary_structure(3, GRID_NEIGHBOURHOODS.index(kind) + 1)
    table = neighbour_table(WHOLE, kind)
    field = values.reshape(SHAPE)
    steps = by_steps(field, structure=structure, step=0.002)
    steps -= by_steps(-field, structure=structure, step=0.002)
    assert_allclose(tfce(values, table).reshape(SHAPE), steps, atol=2e-3 * np.abs(steps).max())


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
def test_fields_inside_a_mask_equal_the_exact_sum_over_all_heights(kind: str) -> None:
    values = BRAIN.gather(noise(seed=5).reshape(SHAPE)).round(1)
    enhanced = tfce(values, neighbour_table(BRAIN, kind))
    assert_allclose(enhanced, slow_tfce(values, BRAIN.adjacency(kind)), rtol=1e-12, atol=1e-12)


def test_a_ring_equals_the_exact_sum_over_all_heights() -> None:
    values = np.random.default_rng(2).standard_normal(80).astype(np.float32)
    expected = slow_tfce(values, ring(80))
    assert_allclose(tfce(values, _of_matrix(ring(80))), expected, rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 25), elements=st.integers(-3, 3).map(float)),
    share=st.sampled_from([0.0, 0.05, 0.15, 0.5]),
    seed=st.integers(0, 1000),
)
def test_plateaus_on_any_graph_equal_the_exact_sum(
    values: np.ndarray, share: float, seed: int
) -> None:
    links = random_links(len(values), share=share, seed=seed)
    table = _of_matrix(links)
    expected = slow_tfce(values, links)
    assert_allclose(tfce(values, table), expected, rtol=1e-12)
    assert_allclose(tfce_maxima(values[None], table), [np.abs(expected).max()], rtol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 25), elements=st.floats(-8, 8, width=32)),
    exponents=st.sampled_from([(2, 0.5), (1, 1), (0, 0.5), (2, 0), (3.5, 0.7), (0, 0)]),
    measured=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_exponents_and_sizes_equal_the_exact_sum(
    values: np.ndarray, exponents: tuple[float, float], measured: bool, seed: int
) -> None:
    links = random_links(len(values), share=0.15, seed=seed)
    measure = np.random.default_rng(seed).uniform(0.1, 3, len(values)) if measured else None
    options = {"height": exponents[0], "extent": exponents[1], "measure": measure}
    expected = slow_tfce(values, links, **options)
    table = _of_matrix(links)
    assert_allclose(tfce(values, table, **options), expected, rtol=1e-9, atol=1e-30)
    largest = tfce_maxima(values[None], table, **options)
    assert_allclose(largest, [np.abs(expected).max()], rtol=1e-9, atol=1e-30)


# -------------------------------------------------------------------------------- properties


def test_the_maxima_are_those_of_the_maps() -> None:
    maps = noise(20, seed=4)
    table = neighbour_table(WHOLE, "edges")
    for two_sided in (True, False):
        largest = [np.abs(tfce(row, table, two_sided=two_sided)).max() for row in maps]
        assert_allclose(tfce_maxima(maps, table, two_sided=two_sided), largest, rtol=1e-12)


def test_the_tails_are_enhanced_apart_and_alike() -> None:
    (values,) = noise(seed=6)
    both = tfce(values, FACES)
    assert_array_equal(tfce(-values, FACES), -both)
    assert_array_equal(tfce(values, FACES, two_sided=False), np.maximum(both, 0))


def test_the_order_of_the_elements_does_not_matter() -> None:
    (values,) = noise(seed=7)
    shuffled = np.random.default_rng(0).permutation(len(values))
    place = np.append(np.argsort(shuffled), -1)
    table = place[FACES[shuffled]].astype(np.int32)
    assert_allclose(tfce(values[shuffled], table), tfce(values, FACES)[shuffled], rtol=1e-12)


def test_a_size_of_two_counts_as_two_elements() -> None:
    enhanced = tfce([2.0, 2.0], line_table(2), measure=[1.0, 2.0])
    assert_allclose(enhanced, np.sqrt(3) * 8 / 3)


def test_missing_values_are_no_evidence_and_stay_missing() -> None:
    (values,) = noise(seed=8)
    gaps = values.copy()
    gaps[::7] = np.nan
    zeros = np.where(np.isnan(gaps), 0, gaps)
    enhanced = tfce(gaps, FACES)
    assert_array_equal(np.isnan(enhanced), np.isnan(gaps))
    assert_array_equal(np.nan_to_num(enhanced), tfce(zeros, FACES))
    assert_array_equal(tfce_maxima(gaps[None], FACES), tfce_maxima(zeros[None], FACES))


def test_an_infinite_value_is_refused_in_a_map_and_the_largest_among_maxima() -> None:
    values = np.array([1.0, np.inf, np.inf, -np.inf, 2.0], np.float32)
    with pytest.raises(DataError, match="infinite"):
        tfce(values, line_table(5))
    block = np.stack([values, np.ones(5), -values]).astype(np.float32)
    assert_allclose(tfce_maxima(block, line_table(5)), [np.inf, np.sqrt(5) / 3, np.inf])
    block[2, 3] = 0
    assert_allclose(tfce_maxima(block[1:], line_table(5), two_sided=False)[1], 0)


def test_threads_get_the_same_bits_as_one_thread() -> None:
    maps = noise(24, seed=9)
    alone = tfce_maxima(maps, FACES)
    with ThreadPoolExecutor(3) as pool:
        blocks = list(
            pool.map(lambda start: tfce_maxima(maps[start : start + 2], FACES), range(0, 24, 2))
        )
    assert_array_equal(np.concatenate(blocks), alone)


def test_arguments_are_not_changed_and_may_be_read_only_or_strided() -> None:
    maps = noise(4, seed=10)
    expected = tfce_maxima(maps[::2], FACES)
    kept = maps.copy()
    maps.setflags(write=False)
    assert_array_equal(tfce_maxima(maps[::2], FACES), expected)
    assert_array_equal(tfce_maxima(np.asfortranarray(maps)[::2], FACES.astype(np.int64)), expected)
    assert_array_equal(maps, kept)


@settings(deadline=None, max_examples=100)
@given(
    values=hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=True)),
    negative=st.booleans(),
)
def test_the_sort_is_that_of_the_numbers(values: np.ndarray, negative: bool) -> None:
    order = kernels._new_order(len(values))
    n = kernels._sort_tail(values, order=order, negative=negative)
    tail = np.nan_to_num(-values if negative else values, nan=0.0, posinf=np.inf, neginf=-np.inf)
    expected = np.argsort(-tail, kind="stable")[: (tail > 0).sum()]
    assert_array_equal(order.elements[:n], expected)
    assert_array_equal(order.heights[:n], tail[expected])


# -------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("exponent", ["height", "extent"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_exponents_that_cannot_be_are_refused(exponent: str, value: float) -> None:
    with pytest.raises(DataError, match=f"exponent of {exponent}"):
        tfce(np.ones(3), line_table(3), **{exponent: value})
    with pytest.raises(DataError, match=f"exponent of {exponent}"):
        tfce_maxima(np.ones((1, 3), np.float32), line_table(3), **{exponent: value})


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="3 given, but there are 4 elements"):
        tfce(np.ones(4), line_table(3))
    with pytest.raises(DataError, match="measure: 2 given"):
        tfce_maxima(np.ones((1, 3), np.float32), line_table(3), measure=[1.0, 1.0])
    with pytest.raises(DataError, match="one map"):
        tfce(np.ones((2, 3)), line_table(3))
    with pytest.raises(DataError, match="maps in rows"):
        tfce_maxima(np.ones(3, np.float32), line_table(3))
