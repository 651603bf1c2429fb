"""Surrogates are as smooth as their maps, and their p is that of the effective n."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare.comparison import Question, compare_aligned
from heatlas.compare.correlation import compare_pairs
from heatlas.compare.lags import autocorrelation, lags_of
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from heatlas.compare.surrogates import STEP, judge_by_surrogates, surrogate_fields
from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from tests.compare.fields import BRAIN, aligned, fields, volume
from tests.phantom import affine, ball, smooth_noise

SHAPE = (20, 24, 18)
LARGE = ball(SHAPE, radius=9)
GRID = Grid(shape=SHAPE, affine=affine(shape=SHAPE))


def large_maps(n: int, *, seed: int = 1) -> ComparedMaps:
    """Independent smooth maps in a ball."""
    return ComparedMaps(
        values=smooth_noise(n, SHAPE, fwhm_voxels=3, seed=seed)[:, LARGE],
        mask=Mask(space=GRID, inside=LARGE),
        fills=np.zeros(n),
        names=[f"m{k:02d}" for k in range(n)],
    )


def test_surrogates_have_the_autocorrelation_of_their_map() -> None:
    chosen = select_elements(large_maps(1))
    lags = lags_of(LARGE, grid=GRID)
    own = autocorrelation(chosen.values_of(0), lags=lags)[:5]
    made = [surrogate_fields(chosen, [0], lags=lags, seed=0, number=k) for k in range(0, 60, 2)]
    curves = [autocorrelation(field[0], lags=lags)[:5] for pair in made for field in pair]
    np.testing.assert_allclose(np.mean(curves, axis=0), own, atol=0.04)


def test_surrogate_p_agrees_with_the_effective_n() -> None:
    chosen = select_elements(large_maps(5))
    r = compare_pairs(chosen, rows=range(5), columns=range(5)).values
    n_eff = effective_n(chosen, rows=range(5), columns=range(5))
    above = np.where(np.tri(5, dtype=bool), np.nan, r)
    test = judge_by_surrogates(
        chosen, above, rows=range(5), columns=range(5), n_eff=n_eff, n_surrogates=400
    )
    wanted = judge_correlations(above, n_eff=n_eff).p
    tested = np.isfinite(above)
    np.testing.assert_allclose(test.p[tested], wanted[tested], atol=0.09)
    assert np.isnan(test.p[~tested]).all()
    assert (test.p_fwer[tested] >= test.p[tested]).all()
    assert test.p[tested].min() >= 1 / 401


def test_independent_maps_rarely_have_any_cell_below_the_family_wise_level() -> None:
    found = 0
    for k in range(20):
        chosen = select_elements(large_maps(4, seed=100 + k))
        r = compare_pairs(chosen, rows=range(4), columns=range(4)).values
        distinct = np.where(np.tri(4, dtype=bool), np.nan, r)
        n_eff = effective_n(chosen, rows=range(4), columns=range(4))
        test = judge_by_surrogates(
            chosen, distinct, rows=range(4), columns=range(4), n_eff=n_eff, n_surrogates=39
        )
        found += bool((test.p_fwer <= 0.05).any())
    assert found <= 4  # 1 expected; more than 4 has a chance of 0.3 %


def test_the_same_seed_gives_the_same_p_in_any_order() -> None:
    noise = fields(3)
    one = aligned([volume(noise[k], name=f"m{k}") for k in range(3)])
    other = aligned([volume(noise[k], name=f"m{k}") for k in (2, 0, 1)])
    first = Question(rows=(0, 1, 2), columns=(0, 1, 2), null="spectral", n_surrogates=20, seed=4)
    second = Question(rows=(1, 2, 0), columns=(1, 2, 0), null="spectral", n_surrogates=20, seed=4)
    p = compare_aligned(one, first).p_fwer
    np.testing.assert_array_equal(compare_aligned(other, second).p_fwer, p)
    assert STEP == "surrogates"


def test_the_comparison_says_which_null_it_used() -> None:
    maps = aligned([volume(values, name=f"m{k}") for k, values in enumerate(fields(3))])
    asked = Question(rows=(0,), columns=(1, 2), null="spectral", n_surrogates=20)
    found = compare_aligned(maps, asked)
    assert "20 joint spectral surrogates" in found.caption()
    assert (found.p_fwer >= found.certainty.p).all()
    step = found.provenance.steps[-1]
    assert step.parameters["null"] == "spectral"
    assert step.parameters["n_surrogates"] == 20


def test_what_cannot_be_judged_is_refused() -> None:
    half = BRAIN.copy()
    half[6:] = False
    apart = aligned([volume(fields(1)[0]), volume(fields(1, seed=2)[0], inside=half)])
    chosen = select_elements(apart, policy="pairwise")
    r, n_eff = np.array([[0.5]]), np.array([[9.0]])
    with pytest.raises(DataError, match="one set of voxels"):
        judge_by_surrogates(chosen, r, rows=[0], columns=[1], n_eff=n_eff)
    with pytest.raises(DataError, match="at least 1"):
        judge_by_surrogates(
            select_elements(apart), r, rows=[0], columns=[1], n_eff=n_eff, n_surrogates=0
        )
    with pytest.raises(DataError, match="dutilleul, spectral"):
        Question(rows=(0,), columns=(1,), null="moran")
