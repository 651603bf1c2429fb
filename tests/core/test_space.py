"""Where values live."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import GRID_NEIGHBOURHOODS, Grid, Mask
from tests.phantom import affine, ball

SHAPES = st.tuples(*[st.integers(1, 5)] * 3)
STEPS = hnp.arrays(np.float64, (3, 3), elements=st.floats(-4, 4)).filter(
    lambda m: np.linalg.cond(m) < 1e4 and abs(np.linalg.det(m)) > 1e-3
)
ORIGINS = hnp.arrays(np.float64, 3, elements=st.floats(-200, 200))


def sheared(steps: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return an affine of any three steps."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = steps, origin
    return matrix


def plain(shape: tuple[int, int, int] = (2, 3, 4)) -> Grid:
    """Return a grid of 3 mm voxels."""
    return Grid(shape=shape, affine=affine(3.0, shape))


def selection(*shape: int) -> np.ndarray:
    """Return a random choice of voxels, at least one."""
    chosen = np.random.default_rng(sum(shape)).random(shape) < 0.4
    chosen.flat[0] = True
    return chosen


# -------------------------------------------------------------------------------- grids


@settings(deadline=None)
@given(shape=SHAPES, steps=STEPS, origin=ORIGINS)
def test_voxels_to_millimetres_and_back_is_the_identity_with_shear(
    shape: tuple[int, int, int], steps: np.ndarray, origin: np.ndarray
) -> None:
    grid = Grid(shape=shape, affine=sheared(steps, origin))
    voxels = np.array(list(itertools.product(*map(range, shape))))
    np.testing.assert_allclose(grid.to_voxels(grid.to_mm(voxels)), voxels, atol=1e-6)


@given(steps=STEPS, origin=ORIGINS)
def test_volume_and_lengths_of_a_sheared_voxel_follow_the_affine(
    steps: np.ndarray, origin: np.ndarray
) -> None:
    grid = Grid(shape=(1, 1, 1), affine=sheared(steps, origin))
    a, b, c = steps.T
    assert grid.voxel_volume_mm3 == pytest.approx(abs(np.cross(a, b) @ c))
    assert grid.voxel_sizes_mm == pytest.approx([np.sqrt(v @ v) for v in (a, b, c)])


def test_elements_are_numbered_in_c_order() -> None:
    grid = plain()
    place = grid.positions_mm()[np.ravel_multi_index((1, 2, 3), grid.shape)]
    np.testing.assert_allclose(place, grid.affine[:3, :3] @ [1, 2, 3] + grid.affine[:3, 3])


def test_measure_is_the_volume_of_every_voxel() -> None:
    assert plain().measure().tolist() == [27.0] * 24


@pytest.mark.parametrize(
    ("shape", "matrix", "sentence"),
    [
        ((2, 2), np.eye(4), "three positive lengths"),
        ((0, 2, 2), np.eye(4), "three positive lengths"),
        ((2, 2, 2), np.eye(3), "finite 4 x 4"),
        ((2, 2, 2), np.full((4, 4), np.nan), "finite 4 x 4"),
        ((2, 2, 2), np.diag([1, 1, 0, 1]), "singular"),
        ((2, 2, 2), np.zeros((4, 4)), "singular"),
        ((2, 2, 2), sheared(np.ones((3, 3)), np.zeros(3)), "singular"),
    ],
)
def test_grids_that_cannot_be_are_refused(shape: tuple, matrix: object, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Grid(shape=shape, affine=matrix)


def test_voxels_of_a_microscope_are_not_singular() -> None:
    assert Grid(shape=(1, 1, 1), affine=np.diag([1e-5, 1e-5, 1e-5, 1])).voxel_volume_mm3 > 0


def test_grids_are_the_same_within_a_micrometre_and_not_beyond() -> None:
    moved = plain().affine.copy()
    moved[0, 3] += 5e-4
    assert plain().same_as(Grid(shape=(2, 3, 4), affine=moved))
    moved[0, 3] += 1e-2
    assert not plain().same_as(Grid(shape=(2, 3, 4), affine=moved))
    assert not plain().same_as(plain((2, 3, 5)))


def test_a_difference_that_grows_over_the_grid_counts_at_its_far_end() -> None:
    large = plain((200, 2, 2))
    scaled = large.affine.copy()
    scaled[0, 0] += 1e-4
    assert not large.same_as(Grid(shape=large.shape, affine=scaled))


def test_the_digest_ignores_the_sign_of_zero_and_sees_a_turned_axis() -> None:
    matrix = affine(3.0)
    negative = np.where(matrix == 0, -0.0, matrix)
    first = Grid(shape=(2, 2, 2), affine=matrix)
    assert Grid(shape=(2, 2, 2), affine=negative).digest == first.digest
    turned = matrix @ np.diag([-1, 1, 1, 1])
    assert Grid(shape=(2, 2, 2), affine=turned).digest != first.digest


# -------------------------------------------------------------------------------- neighbours


def brute_neighbours(shape: tuple[int, int, int], reach: int) -> np.ndarray:
    """Return the neighbour matrix by comparing every voxel with every other."""
    voxels = np.array(list(itertools.product(*map(range, shape))))
    gap = np.abs(voxels[:, None] - voxels[None])
    return (gap.max(axis=2) == 1) & (gap.sum(axis=2) <= reach)


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
@pytest.mark.parametrize("shape", [(3, 4, 2), (1, 5, 1), (1, 1, 1), (4, 1, 3)])
def test_neighbours_are_those_of_exhaustive_comparison(
    shape: tuple[int, int, int], kind: str
) -> None:
    expected = brute_neighbours(shape, GRID_NEIGHBOURHOODS.index(kind) + 1)
    found = plain(shape).adjacency(kind).toarray()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
def test_clusters_of_a_mask_are_those_of_scipy(kind: str) -> None:
    inside = selection(9, 8, 7)
    structure = ndimage.generate_binary_structure(3, GRID_NEIGHBOURHOODS.index(kind) + 1)
    labels, count = ndimage.label(inside, structure)
    mask = Mask(space=plain(inside.shape), inside=inside)
    found, label = connected_components(mask.adjacency(kind), directed=False)
    assert found == count
    expected = labels[inside]
    assert len(set(zip(expected.tolist(), label.tolist(), strict=True))) == count


@pytest.mark.parametrize("kind", GRID_NEIGHBOURHOODS)
def test_neighbours_inside_a_mask_are_the_whole_grids_cut_to_it(kind: str) -> None:
    mask = Mask(space=plain((5, 6, 4)), inside=selection(5, 6, 4))
    whole = mask.space.adjacency(kind).toarray()
    expected = whole[np.ix_(mask.indices, mask.indices)]
    np.testing.assert_array_equal(mask.adjacency(kind).toarray(), expected)


def test_an_unknown_neighbourhood_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="faces, edges, corners"):
        plain().adjacency("sides")


# -------------------------------------------------------------------------------- masks


def test_gather_and_scatter_undo_each_other() -> None:
    mask = Mask(space=plain(), inside=selection(2, 3, 4))
    values = np.arange(mask.size, dtype=np.float32)
    whole = mask.scatter_grid(values)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(mask.gather(whole), values)
    assert np.isnan(whole[~selection(2, 3, 4)]).all()
    assert mask.scatter(values > 0, fill=False).dtype == bool


def test_gather_takes_the_space_from_the_last_axes() -> None:
    mask = Mask(space=plain(), inside=selection(2, 3, 4))
    maps = np.random.default_rng(0).normal(size=(3, 2, 2, 3, 4))
    expected = maps[..., selection(2, 3, 4)]
    np.testing.assert_array_equal(mask.gather(maps), expected)
    np.testing.assert_array_equal(mask.gather(maps.reshape(3, 2, 24)), expected)


def test_gather_works_on_a_space_of_one_element() -> None:
    mask = Mask(space=plain((1, 1, 1)), inside=[True])
    assert mask.gather(np.array([[[5.0]]])).tolist() == [5.0]


@pytest.mark.parametrize("shape", [(23,), (3, 8, 2), (), (25,), (24, 2)])
def test_an_array_of_another_space_is_refused(shape: tuple[int, ...]) -> None:
    mask = Mask(space=plain(), inside=np.ones(24, bool))
    with pytest.raises(SpaceMismatchError, match="does not end in a space of 24"):
        mask.gather(np.zeros(shape))


@pytest.mark.parametrize("n", [1, 4])
def test_too_few_values_are_not_spread_over_the_mask(n: int) -> None:
    with pytest.raises(SpaceMismatchError):
        Mask(space=plain(), inside=np.arange(24) < 5).scatter(np.ones(n))


def test_an_empty_mask_and_one_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match="no element is left"):
        Mask(space=plain(), inside=np.zeros(24, bool))
    with pytest.raises(SpaceMismatchError, match="23 elements given for a space of 24"):
        Mask(space=plain(), inside=np.ones(23, bool))


def test_positions_and_measure_of_a_mask_are_those_of_its_voxels() -> None:
    shape = (12, 14, 10)
    mask = Mask(space=Grid(shape=shape, affine=affine(3.0)), inside=ball())
    np.testing.assert_allclose(mask.positions_mm(), mask.space.positions_mm()[mask.indices])
    np.testing.assert_allclose(mask.positions_mm().mean(axis=0), 0, atol=1e-9)
    assert mask.measure().sum() == pytest.approx(27.0 * ball().sum())


def test_masks_are_the_same_when_space_and_selection_are() -> None:
    first = Mask(space=plain(), inside=np.arange(24) < 5, words="one")
    assert first.same_as(Mask(space=plain(), inside=np.arange(24) < 5, words="other"))
    assert not first.same_as(Mask(space=plain(), inside=np.arange(24) < 6))
    assert not first.same_as(Mask(space=plain((4, 3, 2)), inside=np.arange(24) < 5))


def test_the_numbers_of_a_mask_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Mask(space=plain(), inside=np.ones(24, bool)).indices[0] = 1
