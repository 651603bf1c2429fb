"""Spectral surrogates are as smooth as their maps."""

from __future__ import annotations

import numpy as np

from heatlas.compare.lags import autocorrelation, lags_of
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import select_elements
from heatlas.compare.spectral import STEP, spectral_surrogates
from heatlas.core.space import Grid, Mask
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
    draw = spectral_surrogates(chosen, [0], seed=0)
    made = [field[0] for k in range(0, 60, 2) for field in draw(k)]
    curves = [autocorrelation(field, lags=lags)[:5] for field in made]
    np.testing.assert_allclose(np.mean(curves, axis=0), own, atol=0.04)


def test_a_draw_holds_two_standardised_fields_of_every_map_and_repeats_itself() -> None:
    chosen = select_elements(large_maps(3))
    draw = spectral_surrogates(chosen, [0, 2], seed=0)
    fields = draw(4)
    assert fields.shape == (2, 2, int(LARGE.sum()))
    np.testing.assert_allclose(np.linalg.norm(fields, axis=2), 1)
    np.testing.assert_array_equal(draw(4), fields)
    assert np.abs(np.corrcoef(fields.reshape(4, -1)) - np.eye(4)).max() < 0.6
    assert STEP == "surrogates"
