"""Step-up procedures against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from heatlas.core.errors import DataError
from heatlas.infer import fdr

PROCEDURES = {"bh": fdr.benjamini_hochberg, "by": fdr.benjamini_yekutieli}


def mixed_p(n: int = 500, *, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.r_[rng.uniform(size=n), rng.uniform(size=n // 5) ** 6, [0.02, 0.02, 1.0]]


@pytest.mark.parametrize("name", PROCEDURES)
def test_adjusted_p_equal_scipy(name: str) -> None:
    p = mixed_p()
    ours = PROCEDURES[name](p).adjusted
    theirs = scipy.stats.false_discovery_control(p, method=name)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_cut_rejects_what_statsmodels_rejects(name: str) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = mixed_p()
    for alpha in (0.001, 0.05, 0.3):
        rejected = multitest.multipletests(p, alpha=alpha, method=f"fdr_{name}")[0]
        found = PROCEDURES[name](p, alpha=alpha)
        np.testing.assert_array_equal(p <= found.cut, rejected)
        np.testing.assert_array_equal(found.adjusted <= alpha, rejected)


def test_fdr_keeps_nothing_where_nothing_is_small() -> None:
    p = np.linspace(0.2, 1, 50)
    found = fdr.benjamini_hochberg(p)
    assert (found.adjusted > 0.05).all()
    assert found.cut == pytest.approx(0.05 / 50)


def test_elements_without_p_do_not_count_as_tests() -> None:
    p = mixed_p()
    holes = np.insert(p, [3, 100], np.nan)
    found = fdr.benjamini_hochberg(holes).adjusted
    assert np.isnan(found[[3, 101]]).all()
    np.testing.assert_array_equal(found[~np.isnan(holes)], fdr.benjamini_hochberg(p).adjusted)


def test_adjusted_p_are_never_below_p_and_rise_with_it() -> None:
    p = np.sort(mixed_p())
    adjusted = fdr.benjamini_hochberg(p).adjusted
    assert (adjusted >= p).all()
    assert (np.diff(adjusted) >= 0).all()


def test_logarithms_of_tiny_p_stay_apart() -> None:
    logp = np.array([400.0, 350.0, 0.1, np.nan])
    found = fdr.adjust_logp(logp, harmonic=False)
    np.testing.assert_allclose(found[:2], [400 - np.log10(3), 350 - np.log10(1.5)])
    assert np.isnan(found[3])


def test_a_map_without_any_p_gives_none() -> None:
    found = fdr.benjamini_hochberg(np.full(4, np.nan))
    assert np.isnan(found.adjusted).all()
    assert found.cut == 0


def test_numbers_that_are_no_p_are_refused() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        fdr.benjamini_hochberg([0.2, 1.4])
