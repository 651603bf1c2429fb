"""Blocks cover the mask, and what they say of a map agrees with loops over its cells."""

from __future__ import annotations

import numpy as np

from heatlas.compare.blocks import CELLS, N_BLOCKS, Blocks, blocks_of
from heatlas.core.space import Grid, Mask
from tests.phantom import affine, ball, smooth_noise

SHAPE = (14, 16, 12)
INSIDE = ball(SHAPE, radius=7.5)
GRID = Grid(shape=SHAPE, affine=affine(shape=SHAPE))


def small_blocks() -> tuple[Blocks, np.ndarray]:
    """Blocks of a ball, and a smooth map over its cells."""
    blocks = blocks_of(Mask(space=GRID, inside=INSIDE))
    assert blocks is not None
    return blocks, blocks.cells(smooth_noise(1, SHAPE, fwhm_voxels=2, seed=1)[0][INSIDE])


def test_blocks_cover_the_mask_and_none_is_small() -> None:
    blocks, cells = small_blocks()
    assert len(cells) == INSIDE.sum()  # few voxels are not averaged
    assert blocks.sizes.sum() == len(cells)
    assert blocks.sizes.min() >= 40
    assert len(blocks.sizes) == N_BLOCKS


def test_the_middle_is_cut_apart_from_the_rest() -> None:
    blocks, _ = small_blocks()
    places = np.argwhere(blocks.inside) @ blocks.steps.T
    depth = np.linalg.norm((places - places.mean(axis=0)) / places.std(axis=0), axis=1)
    assert depth[blocks.block >= 8].max() <= depth[blocks.block < 8].min() + 1e-9


def test_many_voxels_are_averaged_to_cells() -> None:
    shape = (64, 64, 64)
    grid = Grid(shape=shape, affine=np.diag([2.0, 2, 2, 1]))
    inside = np.zeros(shape, dtype=bool)
    inside[2:62, 2:62, 2:62] = True
    blocks = blocks_of(Mask(space=grid, inside=inside))
    assert blocks is not None
    assert blocks.inside.shape == (30, 30, 30)
    assert len(blocks.counts) <= CELLS
    values = np.random.default_rng(0).standard_normal(shape)
    means = values[2:62, 2:62, 2:62].reshape(30, 2, 30, 2, 30, 2).mean(axis=(1, 3, 5)).ravel()
    np.testing.assert_allclose(blocks.cells(values[inside]), means - means.mean())


def test_a_small_mask_has_no_blocks() -> None:
    inside = ball(SHAPE, radius=4)
    assert blocks_of(Mask(space=GRID, inside=inside)) is None


def test_covariances_agree_with_a_loop_over_pairs() -> None:
    blocks, cells = small_blocks()
    places = np.argwhere(blocks.inside) @ blocks.steps.T
    width = abs(np.linalg.det(blocks.steps)) ** (1 / 3)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) / width
    shell = np.where(distance > 0, np.maximum(np.rint(distance), 1), 0).astype(int)
    for b in (0, 11):
        own = blocks.block == b
        for h in (0, 1, 3, blocks.n_shells - 1):
            near = shell[own] == h
            counted = [(near & (blocks.block == c)).sum() for c in range(N_BLOCKS)]
            np.testing.assert_array_equal(blocks.pairs[b, :, h], counted)
            wanted = (np.outer(cells[own], cells) * near).sum() / near.sum()
            np.testing.assert_allclose(blocks.covariances(cells)[b, h], wanted, atol=1e-5)
    mean = (np.outer(cells, cells) * (shell == 2)).sum() / (shell == 2).sum()
    np.testing.assert_allclose(blocks.autocovariance(cells)[2], mean, atol=1e-5)


def test_moments_and_roughness_agree_with_loops_over_cells() -> None:
    blocks, cells = small_blocks()
    whole = np.full(blocks.inside.shape, np.nan)
    whole[blocks.inside] = cells
    number = np.full(blocks.inside.shape, -1)
    number[blocks.inside] = blocks.block
    squared = [
        (whole[tuple(place)] - whole[tuple(place + step)]) ** 2
        for step in np.eye(3, dtype=int)
        for place in np.argwhere(number == 9)
        if (place + step < whole.shape).all() and number[tuple(place + step)] == 9
    ]
    np.testing.assert_allclose(blocks.roughnesses(cells)[9], np.mean(squared))
    assert 3 * blocks.joined[9] == len(squared)
    own = cells[blocks.block == 9]
    np.testing.assert_allclose(blocks.variances(cells)[9], np.mean(own**2))
    np.testing.assert_allclose(blocks.fourth_moments(cells)[9], np.mean(own**4))
