"""Sums over shells of lags are those over all pairs of voxels, near or far."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.compare import lags as under_test
from heatlas.compare.lags import Lags, autocorrelation, bounding_box, box_of, lags_of
from heatlas.core.space import Grid
from tests.compare.fields import BRAIN, GRID, fields

SHEARED = np.array([[3.0, 1.3, 0, 0], [0, 2, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]])


def by_hand(values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelation, not cut at its end, and ordered pairs by shell, over all voxels."""
    places = np.argwhere(BRAIN) @ grid.affine[:3, :3].T
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    shell = np.rint(distance / grid.voxel_volume_mm3 ** (1 / 3)).astype(int)
    shell = np.where(distance > 0, np.maximum(shell, 1), 0)
    centred = values[BRAIN] - values[BRAIN].mean()
    pairs = np.bincount(shell.ravel())
    mean = np.bincount(shell.ravel(), np.outer(centred, centred).ravel()) / np.maximum(pairs, 1)
    return mean / mean[0], pairs


def cut(curve: np.ndarray) -> np.ndarray:
    """The curve with zeros from its first value on that is not positive."""
    return np.where(np.arange(len(curve)) < np.argmax(curve <= 0), curve, 0)


@pytest.mark.parametrize("near", [0.1, 1 / 3, 1.0])
@pytest.mark.parametrize("matrix", [GRID.affine, SHEARED])
def test_curves_agree_with_a_sum_over_all_pairs(
    near: float, matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "NEAR", near)
    grid = Grid(shape=GRID.shape, affine=matrix)
    (values,) = fields(1, fwhm_voxels=3)
    curve, pairs = by_hand(values, grid)
    lags = lags_of(BRAIN, grid=grid)
    n = len(pairs)
    np.testing.assert_array_equal(lags.pairs[:n], pairs)
    assert lags.pairs[n:].sum() == 0
    np.testing.assert_array_equal(lags.pairs_of(2), pairs[:2])
    found = autocorrelation(values[BRAIN], lags=lags)
    np.testing.assert_allclose(found[:n], cut(curve), atol=1e-5)
    assert len(found) == lags.n_shells == lags.box.far.n_shells


@pytest.mark.parametrize("matrix", [GRID.affine, SHEARED])
def test_every_shell_of_a_window_is_whole(matrix: np.ndarray) -> None:
    grid = Grid(shape=GRID.shape, affine=matrix)
    curve, pairs = by_hand(fields(1)[0], grid)
    centred = np.where(BRAIN, fields(1)[0] - fields(1)[0][BRAIN].mean(), 0).astype(np.float32)
    field = centred[bounding_box(BRAIN)]
    lags = lags_of(BRAIN, grid=grid)
    for window in (lags.box.near, lags.box.far):
        n = min(window.n_shells, len(pairs))
        wanted = curve[:n] * pairs[:n] * centred.var() * centred.size / pairs[0]
        np.testing.assert_allclose(window.totals(field)[:n], wanted, atol=1e-3 * wanted[0])
    assert lags.box.near.n_shells < lags.box.far.n_shells


def test_a_larger_box_changes_nothing() -> None:
    (values,) = fields(1)
    tight = lags_of(BRAIN, grid=GRID)
    wide = Lags(inside=BRAIN, box=box_of(BRAIN.shape, grid=GRID))
    curves = [autocorrelation(values[BRAIN], lags=lags) for lags in (tight, wide)]
    n = tight.n_shells
    np.testing.assert_allclose(curves[1][:n], curves[0], atol=1e-6)
    assert curves[1][n:].sum() == 0


def test_a_constant_map_has_no_curve() -> None:
    lags = lags_of(BRAIN, grid=GRID)
    assert np.isnan(autocorrelation(np.full(BRAIN.sum(), 4.0), lags=lags)).all()
