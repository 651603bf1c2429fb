"""Likeness of maps, against scipy and against the formula's known cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.core.errors import DataError
from heatlas.learn.similarity import pearson, spearman, ssim

CHANCE = np.random.default_rng(0)
ONE, TWO = CHANCE.normal(size=(2, 12, 15))


def test_correlations_are_scipys_ties_included() -> None:
    np.testing.assert_allclose(pearson(ONE, TWO), stats.pearsonr(ONE.ravel(), TWO.ravel())[0])
    tied = np.round(ONE)
    np.testing.assert_allclose(spearman(tied, TWO), stats.spearmanr(tied.ravel(), TWO.ravel())[0])


def test_rank_correlation_follows_order_and_sign_alone() -> None:
    np.testing.assert_allclose(spearman(ONE, np.exp(ONE)), 1)
    np.testing.assert_allclose(spearman(ONE, -(ONE**3)), -1)


def test_a_flat_map_is_like_nothing() -> None:
    flat = np.ones_like(ONE)
    assert pearson(ONE, flat) == 0
    assert spearman(flat, ONE) == 0


def test_structure_is_one_for_the_same_map_at_any_size_and_negative_for_its_negative() -> None:
    np.testing.assert_allclose(ssim(ONE, ONE), 1)
    np.testing.assert_allclose(ssim(ONE, 7 * ONE), 1)
    assert ssim(ONE, -ONE) < 0
    assert abs(ssim(ONE, TWO)) < 0.3


def test_structure_of_two_flat_maps_is_the_formulas_first_factor() -> None:
    one, two = np.full((9, 9), 1.0), np.full((9, 9), 1.0)
    np.testing.assert_allclose(ssim(one, two), 1)
    np.testing.assert_allclose(ssim(one, -two), 1e-4 / (1 + 1e-4))  # 1 against 0
    np.testing.assert_allclose(ssim(one, 0 * two), (1 + 1e-4) / (1.25 + 1e-4))  # 1 against 1/2


def test_maps_of_two_shapes_cannot_be_compared() -> None:
    for likeness in (pearson, ssim):
        with pytest.raises(DataError, match=r"shapes \(12, 15\) and \(15, 12\)"):
            likeness(ONE, ONE.T)
