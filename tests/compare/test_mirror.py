"""Likeness of left and right: curves by hand, and an effective n that counts both sides once."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare import lags as lags_module
from heatlas.compare.lags import autocorrelation, lags_of
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.mirror import correlations, mirror_of
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from heatlas.core.space import Grid, Mask
from tests.compare.fields import BRAIN, GRID, fields
from tests.phantom import affine, ball, smooth_noise

WIDE = (24, 20, 20)
SHIFTED = GRID.affine + np.array([[0, 0, 0, 3.0], *np.zeros((3, 4))])


def by_hand(values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Correlation with the mirror image and ordered pairs by shell, over all voxels."""
    places = grid.to_mm(np.argwhere(BRAIN))
    distance = np.linalg.norm(places[:, None] - places[None] * [-1, 1, 1], axis=2)
    shell = np.rint(distance / grid.voxel_volume_mm3 ** (1 / 3)).astype(int)
    shell = np.where(distance > 1e-6, np.maximum(shell, 1), 0)
    centred = values[BRAIN] - values[BRAIN].mean()
    pairs = np.bincount(shell.ravel())
    mean = np.bincount(shell.ravel(), np.outer(centred, centred).ravel()) / np.maximum(pairs, 1)
    return mean / np.mean(centred**2), pairs


def alike(values: np.ndarray) -> np.ndarray:
    """Fields whose sides are the same along x."""
    return values + values[:, ::-1]


def maps_of(values: np.ndarray, inside: np.ndarray, grid: Grid) -> ComparedMaps:
    return ComparedMaps(
        values=values[:, inside],
        mask=Mask(space=grid, inside=inside),
        fills=np.zeros(len(values)),
        names=tuple(f"field {k:03d}" for k in range(len(values))),
    )


@pytest.mark.parametrize("near", [0.1, 1 / 3, 1.0])
@pytest.mark.parametrize("matrix", [GRID.affine, SHIFTED])
def test_curves_agree_with_a_sum_over_all_pairs(
    near: float, matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lags_module, "NEAR", near)
    grid = Grid(shape=GRID.shape, affine=matrix)
    values = alike(fields(1, fwhm_voxels=3))[0]
    curve, pairs = by_hand(values, grid)
    mirror = mirror_of(BRAIN, grid=grid)
    assert mirror is not None
    np.testing.assert_array_equal(mirror.pairs_of(len(pairs)), pairs)
    own, across = correlations(values[BRAIN], lags=mirror.lags, mirror=mirror)
    ends = np.argmax(curve <= 0)
    np.testing.assert_allclose(across[:ends], curve[:ends], atol=1e-5)
    assert across[ends:].sum() == 0
    plain = autocorrelation(values[BRAIN], lags=lags_of(BRAIN, grid=grid))
    np.testing.assert_allclose(own[: len(plain)], plain, atol=1e-5)


def test_two_equal_sides_are_wholly_alike() -> None:
    values = alike(fields(1))[0]
    mirror = mirror_of(BRAIN, grid=GRID)
    assert mirror is not None
    _, across = correlations(values[BRAIN], lags=mirror.lags, mirror=mirror)
    assert across[0] == pytest.approx(1, abs=1e-5)


def test_one_hemisphere_has_no_mirror() -> None:
    assert mirror_of(BRAIN & (np.indices(BRAIN.shape)[0] < 6), grid=GRID) is None
    away = Grid(shape=GRID.shape, affine=np.diag([3.0, 3, 3, 1]))
    assert mirror_of(BRAIN, grid=away) is None


def test_a_constant_map_has_no_curve() -> None:
    mirror = mirror_of(BRAIN, grid=GRID)
    assert mirror is not None
    own, _ = correlations(np.full(BRAIN.sum(), 4.0), lags=mirror.lags, mirror=mirror)
    assert np.isnan(own).all()


@pytest.mark.parametrize("policy", ["common", "pairwise"])
def test_maps_with_equal_sides_are_worth_half(policy: str) -> None:
    inside, grid = ball(WIDE, radius=9), Grid(shape=WIDE, affine=affine(3.0, WIDE))
    plain = smooth_noise(60, WIDE, fwhm_voxels=3, seed=4)
    above = np.triu_indices(60, 1)
    found = []
    for values in (plain, alike(plain)):
        if policy == "pairwise":
            values[0, inside & (np.indices(WIDE)[2] < 4)] = np.nan
        chosen = select_elements(maps_of(values, inside, grid), policy=policy)
        n_eff = effective_n(chosen, rows=range(60), columns=range(60))[above]
        stored = np.where(np.isfinite(values[:, inside]), values[:, inside], 0)
        r = np.corrcoef(stored)[above]
        p = judge_correlations(r, n_eff=n_eff).p
        assert 0.025 < (p < 0.05).mean() < 0.075  # 1,770 pairs
        assert np.median(n_eff) == pytest.approx(1 / r.var() + 1, rel=0.15)
        found.append(np.median(n_eff))
    assert found[1] / found[0] == pytest.approx(0.5, abs=0.07)
