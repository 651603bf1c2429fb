"""Surrogates are as smooth as their maps, and their p is that of the effective n."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from heatlas.compare.comparison import Question, compare_aligned
from heatlas.compare.correlation import compare_pairs
from heatlas.compare.fields import standardised
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from heatlas.compare.ranks import ranked
from heatlas.compare.surrogates import SOURCES, Surrogates, judge_by_surrogates
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.parcels import Parcels
from heatlas.core.space import Grid, Mask
from tests.compare.fields import BRAIN, aligned, fields, volume
from tests.compare.regions import exponential_values, over_regions, places
from tests.phantom import affine, ball, smooth_noise

SHAPE = (20, 24, 18)
LARGE = ball(SHAPE, radius=9)
GRID = Grid(shape=SHAPE, affine=affine(shape=SHAPE))
PLACES = places(60)


def large_maps(n: int, *, seed: int = 1) -> ComparedMaps:
    """Independent smooth maps in a ball."""
    return ComparedMaps(
        values=smooth_noise(n, SHAPE, fwhm_voxels=3, seed=seed)[:, LARGE],
        mask=Mask(space=GRID, inside=LARGE),
        fills=np.zeros(n),
        names=[f"m{k:02d}" for k in range(n)],
    )


def test_surrogate_p_agrees_with_the_effective_n() -> None:
    chosen = select_elements(large_maps(5))
    r = compare_pairs(chosen, rows=range(5), columns=range(5)).values
    n_eff = effective_n(chosen, rows=range(5), columns=range(5))
    above = np.where(np.tri(5, dtype=bool), np.nan, r)
    test = judge_by_surrogates(
        chosen, above, rows=range(5), columns=range(5), n_eff=n_eff, surrogates=Surrogates(n=400)
    )
    wanted = judge_correlations(above, n_eff=n_eff).p
    tested = np.isfinite(above)
    np.testing.assert_allclose(test.p[tested], wanted[tested], atol=0.09)
    assert np.isnan(test.p[~tested]).all()
    assert (test.p_fwer[tested] >= test.p[tested]).all()
    assert test.p[tested].min() >= 1 / 801


def test_independent_maps_rarely_have_any_cell_below_the_family_wise_level() -> None:
    found = 0
    for k in range(20):
        chosen = select_elements(large_maps(4, seed=100 + k))
        r = compare_pairs(chosen, rows=range(4), columns=range(4)).values
        distinct = np.where(np.tri(4, dtype=bool), np.nan, r)
        n_eff = effective_n(chosen, rows=range(4), columns=range(4))
        test = judge_by_surrogates(
            chosen,
            distinct,
            rows=range(4),
            columns=range(4),
            n_eff=n_eff,
            surrogates=Surrogates(n=39),
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
    with pytest.raises(DataError, match="one set of voxels or regions"):
        judge_by_surrogates(
            chosen, r, rows=[0], columns=[1], n_eff=n_eff, surrogates=Surrogates(n=9)
        )
    with pytest.raises(DataError, match="at least 1"):
        Surrogates(n=0)
    with pytest.raises(UnknownNameError, match="moran"):
        Surrogates(source="morn")
    with pytest.raises(DataError, match="dutilleul, spectral, variogram, moran"):
        Question(rows=(0,), columns=(1,), null="spin")


@pytest.mark.parametrize("null", ["variogram", "moran"])
def test_voxels_are_refused_where_regions_are_needed(null: str) -> None:
    maps = aligned([volume(values, name=f"m{k}") for k, values in enumerate(fields(2))])
    with pytest.raises(DataError, match=f"'{null}': it needs regions, not .*--atlas"):
        compare_aligned(maps, Question(rows=(0,), columns=(1,), null=null))


def test_regions_are_refused_where_voxels_are_needed() -> None:
    maps = over_regions(exponential_values(2, centres=PLACES), centres=PLACES)
    with pytest.raises(DataError, match="'spectral': it needs maps of voxels"):
        compare_aligned(maps, Question(rows=(0,), columns=(1,), null="spectral"))


def test_regions_at_unknown_places_are_refused() -> None:
    maps = over_regions(exponential_values(2, centres=PLACES), centres=PLACES)
    nowhere = Parcels(names=[f"region {k}" for k in range(60)])
    maps = replace(maps, mask=replace(maps.mask, space=nowhere))
    with pytest.raises(DataError, match="where the regions lie"):
        compare_aligned(maps, Question(rows=(0,), columns=(1,), null="moran"))


@pytest.mark.parametrize("null", ["variogram", "moran"])
def test_regions_are_judged_by_surrogates(null: str) -> None:
    values = exponential_values(3, centres=PLACES, seed=7)
    values[2] = values[0] + 0.3 * values[2]
    maps = over_regions(values, centres=PLACES)
    asked = Question(rows=(0, 1, 2), columns=(0, 1, 2), null=null, n_surrogates=99)
    found = compare_aligned(maps, asked)
    assert found.certainty.p[0, 2] == pytest.approx(1 / 199)  # the least that 99 of either map show
    assert found.certainty.p[0, 1] > 0.05
    assert f"99 joint {null} surrogates" in found.caption()
    np.testing.assert_array_equal(found.certainty.p, found.certainty.p.T)
    swapped = compare_aligned(maps, replace(asked, rows=(2, 1, 0), columns=(2, 1, 0)))
    np.testing.assert_array_equal(swapped.certainty.p, found.certainty.p[::-1, ::-1])


def test_a_map_with_missing_regions_is_refused_under_a_pairwise_policy() -> None:
    values = exponential_values(2, centres=PLACES)
    values[0, 3] = np.nan
    maps = over_regions(values, centres=PLACES)
    asked = Question(rows=(0,), columns=(1,), null="moran", policy="pairwise")
    with pytest.raises(DataError, match="one set of voxels or regions"):
        compare_aligned(maps, asked)
    common = compare_aligned(maps, replace(asked, policy="common", n_surrogates=9))
    assert np.isfinite(common.certainty.p).all()


def test_ranked_maps_are_judged_by_ranked_surrogates() -> None:
    near = PLACES[:30]
    values = exponential_values(2, centres=near, seed=2)
    chosen = ranked(select_elements(over_regions(values, centres=near)))
    draw = SOURCES["variogram"].prepare(chosen, [0, 1], seed=0)(0)
    null = [abs(spearmanr(pair[0], values[1]).statistic) for pair in draw]
    null += [abs(spearmanr(values[0], pair[1]).statistic) for pair in draw]
    observed = 0.2
    test = judge_by_surrogates(
        chosen,
        np.array([[observed]]),
        rows=[0],
        columns=[1],
        n_eff=np.array([[9.0]]),
        surrogates=Surrogates(source="variogram", n=50, ranks=True),
    )
    assert test.p[0, 0] == pytest.approx((np.sum(np.array(null) >= observed) + 1) / 101)


def test_each_map_is_replaced_in_half_of_the_null() -> None:
    values = exponential_values(2, centres=PLACES, seed=3)
    chosen = select_elements(over_regions(values, centres=PLACES))
    draw = SOURCES["moran"].prepare(chosen, [0, 1], seed=0)(0)
    own = standardised(values.astype(np.float32))
    null = np.abs(np.concatenate([draw[:, 0] @ own[1], draw[:, 1] @ own[0]]))
    observed = float(np.median(null)) + 1e-6
    asked = {"n_eff": np.array([[9.0]]), "surrogates": Surrogates(source="moran", n=50)}
    test = judge_by_surrogates(chosen, np.array([[observed]]), rows=[0], columns=[1], **asked)
    assert test.p[0, 0] == pytest.approx((np.sum(null >= observed) + 1) / 101)
    swapped = judge_by_surrogates(chosen, np.array([[observed]]), rows=[1], columns=[0], **asked)
    assert swapped.p[0, 0] == test.p[0, 0]
