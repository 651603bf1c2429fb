"""Surrogates of parcel maps against brainsmash 0.11.0 and BrainSpace 0.3.0, which made the numbers.

Both ran once in an environment of their own (numpy 2.4, scipy 1.17) on the two maps that
:func:`two_maps` returns: brainsmash.mapgen.base.Base with its defaults, 4,000 surrogates in batches
of 100, seeds 1 (first map) and 2 (second); BrainSpace's compute_mem(spectrum="all") and
MoranRandomization(procedure="singleton", spectrum="all"), 4,000 surrogates, seed 3, with inverse
distances as weights. ``benchmarks/bench_variogram.py`` makes such an environment and compares anew.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.fields import standardised
from heatlas.compare.moran import eigenvector_maps, inverse_distances, moran_surrogates
from heatlas.compare.policy import select_elements
from heatlas.compare.variogram import BATCH, matched, places_of, variogram_of, variogram_surrogates
from tests.compare.regions import over_regions

Floats = NDArray[np.float64]
N_SURROGATES = 4000
# Every fourth of the 25 distances, in thousandths.
VARIOGRAM = (0.99718493, 2.75991361, 3.86700078, 4.00900285, 5.03100332, 5.60971424, 5.83928706)
SURROGATES = (2.31530404, 2.92759846, 3.59572485, 4.27741094, 4.96811722, 5.7787834, 6.39932832)
SPREAD = (1.19133094, 0.94551503, 0.95371155, 0.93006569, 0.9332942, 0.9033849, 0.94057285)
# The first four values of the smoothed first map, by the share of parcels smoothed over.
SMOOTHED = {
    0: (-0.00217175, 0.07146769, 0.03417015, 0.00999955),
    4: (-0.0185026, 0.03448099, 0.01665966, 0.01597338),
    8: (-0.00757915, 0.01052162, 0.01271698, 0.00034015),
}
# Standard deviation of the null r, and what 5 % of its magnitudes exceed.
ONE_REPLACED = (0.16923353, 0.30892957)
BOTH_REPLACED = (0.22873917, 0.43811126)
MORAN = (0.14720405, 0.28066427)
MORANS_I = 0.1661320927602552
EIGENVALUES = {0: 0.8098473, 1: 0.6010166, 2: 0.59872836, 148: -0.35254294}


@cache
def two_maps() -> tuple[Floats, Floats]:
    """Places of 150 parcels, and two maps over them, centred and of length one."""
    drawn = np.random.default_rng(11).uniform(-1, 1, size=(900, 3))
    places = drawn[np.square(drawn).sum(axis=1) < 1][:150] * [70, 85, 60]
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    root = np.linalg.cholesky(np.exp(-gaps / 25))
    noise = np.random.default_rng(12).standard_normal((2, 150))
    return places, standardised(noise @ root.T)


@cache
def variogram_fields() -> Floats:
    """Variogram surrogates of both maps, shape (4000, 2, 150)."""
    places, values = two_maps()
    chosen = select_elements(over_regions(values, centres=places))
    draw = variogram_surrogates(chosen, [0, 1], seed=0)
    return np.concatenate([draw(start) for start in range(0, N_SURROGATES, BATCH)])


def test_variogram_and_smoothing_are_those_of_brainsmash() -> None:
    places, values = two_maps()
    whole = places_of(places)
    found = variogram_of(values[0].astype(np.float32)[:, None], whole)[::4, 0]
    np.testing.assert_allclose(1000 * found, VARIOGRAM, rtol=1e-5)
    for share, wanted in SMOOTHED.items():
        smoothed = whole.smoothers[share][:4] @ values[0]
        np.testing.assert_allclose(smoothed, wanted, atol=1e-7)


def test_variogram_surrogates_have_the_null_of_brainsmash() -> None:
    made, own = variogram_fields(), two_maps()[1]
    one, both = made[:, 0] @ own[1], np.einsum("bi,bi->b", made[:, 0], made[:, 1])
    # Of 4,000 surrogates the deviation is known to 1.2 %, on either side.
    for null, wanted in ((one, ONE_REPLACED), (both, BOTH_REPLACED)):
        assert abs(null.mean()) < 4 * wanted[0] / np.sqrt(N_SURROGATES)
        np.testing.assert_allclose(null.std(), wanted[0], rtol=0.06)
        np.testing.assert_allclose(np.quantile(np.abs(null), 0.95), wanted[1], rtol=0.08)


def test_variogram_surrogates_have_the_variograms_that_brainsmash_gives_them() -> None:
    places, values = two_maps()
    whole = places_of(places)
    own = variogram_of(values[0].astype(np.float32)[:, None], whole)[:, 0]
    batches = [matched(values[0], own, places=whole, seed=1, number=k) for k in range(0, 4000, 50)]
    found = 1000 * variogram_of(np.concatenate(batches).T.astype(np.float32), whole)[::4]
    np.testing.assert_allclose(found.mean(axis=1), SURROGATES, rtol=0.04)
    np.testing.assert_allclose(found.std(axis=1), SPREAD, rtol=0.12)


def test_moran_eigenvalues_are_those_of_brainspace() -> None:
    weights = inverse_distances(two_maps()[0])
    vectors = eigenvector_maps(weights)
    for number, wanted in EIGENVALUES.items():
        value = vectors[:, number] @ weights @ vectors[:, number]
        np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_moran_surrogates_have_the_null_of_brainspace() -> None:
    places, values = two_maps()
    chosen = select_elements(over_regions(values, centres=places))
    draw = moran_surrogates(chosen, [0, 1], seed=0)
    made = np.concatenate([draw(start) for start in range(0, N_SURROGATES, 50)])
    weights = inverse_distances(places)
    np.testing.assert_allclose(made[7, 0] @ weights @ made[7, 0], MORANS_I, rtol=1e-6)
    # Random signs on either map or on both give one and the same null.
    for null in (made[:, 0] @ values[1], np.einsum("bi,bi->b", made[:, 0], made[:, 1])):
        np.testing.assert_allclose(null.std(), MORAN[0], rtol=0.06)
        np.testing.assert_allclose(np.quantile(np.abs(null), 0.95), MORAN[1], rtol=0.08)
