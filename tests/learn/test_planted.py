"""Planted lesions lie where the mask says, differ only there, and are the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.learn.planted import (
    PlantingSettings,
    head_box,
    plant_lesions,
    planted_slice,
    split_by_position,
)
from tests.learn.heads import head

QUIET = PlantingSettings(side_px=64, noise_hu=0.0, radius_px=(3.0, 5.0))


def test_held_out_slices_have_no_neighbour_among_those_learnt_from() -> None:
    split = split_by_position(28)
    assert split.test.tolist() == [6, 7, 8, 18, 19, 20]
    assert np.abs(split.train[:, None] - split.test).min() == 2
    with pytest.raises(DataError, match="8 slices are too few to hold some out"):
        split_by_position(8)


def test_pairs_differ_by_a_bright_lesion_that_the_mask_outlines() -> None:
    found = plant_lesions(head(), which=range(16), n_pairs=12, seed=0, settings=QUIET)
    assert found.images.shape == (24, 1, 64, 64)
    assert found.labels.tolist() == [0, 1] * 12
    assert not found.masks[::2].any()
    rise = found.images[1::2, 0] - found.images[::2, 0]
    assert rise.min() >= 0
    for k, mask in enumerate(found.masks[1::2]):
        centre = np.argwhere(mask).mean(axis=0)
        peak = np.unravel_index(rise[k].argmax(), mask.shape)
        assert np.hypot(*(peak - centre)) < 2
        assert rise[k][mask].min() > 0.4 * rise[k].max()
        assert np.pi * 3**2 * 0.8 < mask.sum() < np.pi * 5**2 * 1.2
        assert 15 / 80 * 0.8 < rise[k].max() < 35 / 80


def test_lesions_lie_in_the_brain_and_not_at_its_border() -> None:
    found = plant_lesions(head(), which=range(16), n_pairs=20, seed=3, settings=QUIET)
    without, masks = found.images[::2, 0], found.masks[1::2]
    inside = np.concatenate([image[mask] for image, mask in zip(without, masks, strict=True)])
    assert np.mean((inside > 0) & (inside < 1)) > 0.99  # neither air nor bone


def test_the_seed_decides_and_pair_k_does_not_depend_on_their_number() -> None:
    few, many, other = (
        plant_lesions(head(), which=range(16), n_pairs=n, seed=seed, settings=QUIET)
        for n, seed in ((3, 0), (5, 0), (3, 1))
    )
    assert few.images.tobytes() == many.images[:6].tobytes()
    assert few.images.tobytes() != other.images.tobytes()


def test_noise_differs_within_a_pair_and_the_window_is_filled() -> None:
    found = plant_lesions(
        head(), which=[8], n_pairs=2, seed=0, settings=replace(QUIET, noise_hu=3.0)
    )
    assert found.images.min() == 0
    assert found.images.max() == 1
    away = ~found.masks[1]
    assert (found.images[0, 0][away] != found.images[1, 0][away]).mean() > 0.2
    assert set(found.slices.tolist()) == {8}


@pytest.mark.parametrize(
    ("slices", "sentence"),
    [
        (np.zeros((4, 4)), r"expected \(slices, rows, columns\), got \(4, 4\)"),
        (np.full((3, 64, 64), -1000.0), "nothing is denser than -300 HU; are these HU"),
        (np.full((3, 64, 64), 900.0), "no slice has brain"),
    ],
)
def test_slices_without_a_head_are_one_sentence(slices: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        plant_lesions(slices, which=range(3), n_pairs=1, seed=0)


def test_one_lesion_is_planted_into_a_slice_as_it_is() -> None:
    values = head()[8]
    planted = planted_slice(values, seed=3, index=8)
    rise = planted.values - values
    place = np.unravel_index(rise.argmax(), rise.shape)
    assert planted.mask[place]
    low, high = PlantingSettings().lesion_hu
    assert 0.9 * low < rise.max() <= high
    assert np.abs(rise[~ndimage.binary_dilation(planted.mask, iterations=9)]).max() < 0.1
    again = planted_slice(values, seed=3, index=8)
    np.testing.assert_array_equal(again.values, planted.values)
    assert not np.array_equal(planted_slice(values, seed=4, index=8).mask, planted.mask)


def test_a_slice_without_brain_has_no_room_for_a_lesion() -> None:
    with pytest.raises(DataError, match="no brain"):
        planted_slice(np.full((40, 40), -1000.0), seed=0)


def test_the_box_around_the_head_is_square_and_holds_it() -> None:
    slices = head()
    rows, columns = head_box(slices)
    assert abs((rows.stop - rows.start) - (columns.stop - columns.start)) <= 20  # of 120 x 100
    outside = np.ones(slices.shape[1:], dtype=bool)
    outside[rows, columns] = False
    assert (slices[:, outside] > 100).mean() < 0.001
