"""Residuals are those of a regression, and their correlation the partial one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.compare.comparison import Question, compare_aligned
from heatlas.compare.correlation import compare_pairs
from heatlas.compare.partial import regress_out
from heatlas.compare.policy import select_elements
from heatlas.compare.ranks import ranked
from heatlas.core.errors import DataError
from heatlas.core.space import Mask
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume

NOISE = fields(4, seed=31)
VALUES = [NOISE[0] + NOISE[2], NOISE[1] + NOISE[2], NOISE[2], NOISE[3]]
MAPS = aligned([volume(20 + values) for values in VALUES])


def test_residuals_are_those_of_least_squares() -> None:
    left = regress_out(select_elements(MAPS), [2, 3])
    design = np.stack([np.ones(BRAIN.sum()), VALUES[2][BRAIN], VALUES[3][BRAIN]], axis=1)
    fit = design @ np.linalg.lstsq(design, VALUES[0][BRAIN], rcond=None)[0]
    np.testing.assert_allclose(left.values_of(0), VALUES[0][BRAIN] - fit, atol=1e-4)
    assert (left.values_of(2) == 0).all()


def test_a_shared_cause_explains_a_correlation_away() -> None:
    chosen = select_elements(MAPS)
    before = compare_pairs(chosen, rows=[0], columns=[1]).values[0, 0]
    after = compare_pairs(regress_out(chosen, [2]), rows=[0], columns=[1]).values[0, 0]
    assert before > 0.3
    assert abs(after) < 0.2


def test_partial_spearman_is_that_of_ranks() -> None:
    left = regress_out(ranked(select_elements(MAPS)), [2])
    found = compare_pairs(left, rows=[0], columns=[1]).values[0, 0]
    asked = Question(rows=(0,), columns=(1,), given=(2,), measure="spearman")
    assert compare_aligned(MAPS, asked).matrix.values[0, 0] == pytest.approx(found, abs=1e-9)
    r = np.corrcoef([stats.rankdata(values[BRAIN]) for values in VALUES[:3]])
    wanted = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert found == pytest.approx(wanted, abs=1e-5)


def test_a_given_map_has_no_correlation_left() -> None:
    left = regress_out(select_elements(MAPS), [2])
    assert np.isnan(compare_pairs(left, rows=[0], columns=[2]).values[0, 0])


def test_what_cannot_be_regressed_out_is_refused() -> None:
    half = BRAIN.copy()
    half[6:] = False
    apart = aligned([volume(VALUES[0]), volume(VALUES[1], inside=half), volume(VALUES[2])])
    with pytest.raises(DataError, match="one set of voxels"):
        regress_out(select_elements(apart, policy="pairwise"), [2])
    twice = aligned([volume(VALUES[0]), volume(VALUES[2]), volume(1 + 2 * VALUES[2])])
    with pytest.raises(DataError, match="depend on each other"):
        regress_out(select_elements(twice), [1, 2])
    everywhere = Mask(space=GRID, inside=np.ones(GRID.shape, dtype=bool))
    with pytest.raises(DataError, match="no map measures"):
        regress_out(select_elements(MAPS, policy="mask", mask=everywhere), [2])
