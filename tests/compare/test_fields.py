"""Fields are centred and of length one; ranks are those of scipy."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from heatlas.compare.fields import ranks_of, standardised


def test_products_of_standardised_maps_are_correlations() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 40)) + 5
    maps = standardised(values)
    np.testing.assert_allclose(maps[1] @ maps[1].T, np.corrcoef(values[1]))
    assert values.mean() > 4  # what was given is untouched


def test_a_constant_map_becomes_zeros() -> None:
    np.testing.assert_array_equal(standardised(np.full((2, 5), 3.0)), np.zeros((2, 5)))


def test_ranks_are_those_of_scipy_but_from_zero() -> None:
    values = np.random.default_rng(1).standard_normal((4, 30))
    np.testing.assert_array_equal(ranks_of(values) + 1, rankdata(values, axis=1))
