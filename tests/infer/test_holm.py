"""Holm's procedure agrees with statsmodels and leaves untested cells alone."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from heatlas.core.errors import DataError
from heatlas.infer.holm import holm


def test_holm_agrees_with_statsmodels() -> None:
    p = np.random.default_rng(0).uniform(size=40) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_the_textbook_case() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_untested_cells_stay_untested_and_cost_nothing() -> None:
    p = np.array([[np.nan, 0.02], [0.01, np.nan]])
    np.testing.assert_allclose(holm(p), [[np.nan, 0.02], [0.02, np.nan]])


def test_adjusted_p_lie_between_p_and_bonferroni() -> None:
    p = np.random.default_rng(1).uniform(size=(5, 6))
    assert (holm(p) >= p).all()
    assert (holm(p) <= np.minimum(p * p.size, 1)).all()


def test_what_is_no_p_is_refused() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        holm([0.5, 1.5])
