"""Only pairs of two uneven maps are judged again, over voxels that all maps share."""

from __future__ import annotations

import numpy as np

from heatlas.compare.crosscheck import cross_check
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import select_elements
from tests.compare.regions import exponential_values, over_regions, places
from tests.compare.uneven import even, in_ball, louder


def mixed() -> np.ndarray:
    """Two uneven maps and an even one."""
    return np.concatenate([louder(2, seed=2), even(1, seed=9)])


def test_pairs_of_two_uneven_maps_are_judged_again_and_others_are_not() -> None:
    values = mixed()
    chosen = select_elements(in_ball(values))
    n_eff = effective_n(chosen, rows=range(3), columns=range(3))
    n_eff[np.diag_indices(3)] = np.nan
    r = np.corrcoef(values)
    check = cross_check(chosen, r, rows=range(3), columns=range(3), n_eff=n_eff)
    assert check is not None
    assert check.even.flagged.tolist() == [True, True, False]
    wanted = np.zeros((3, 3), dtype=bool)
    wanted[0, 1] = wanted[1, 0] = True
    np.testing.assert_array_equal(check.pairs, wanted)
    assert check.n_eff[0, 1] < 0.8 * n_eff[0, 1]
    assert check.p[0, 1] > judge_correlations(r, n_eff=n_eff).p[0, 1]
    np.testing.assert_array_equal(check.n_eff[:2, 2], n_eff[:2, 2])
    assert np.isnan(np.diag(check.p)).all()


def test_maps_that_were_regressed_out_are_counted_off() -> None:
    values = mixed()
    chosen = select_elements(in_ball(values))
    n_eff = np.full((1, 1), 40.0)
    asked = {"rows": [0], "columns": [2], "n_eff": n_eff}
    check = cross_check(chosen, np.array([[0.3]]), n_given=5, **asked)
    assert check is not None
    assert check.p == judge_correlations(np.array([[0.3]]), n_eff=n_eff - 5).p


def test_maps_with_voxels_of_their_own_are_checked_over_those_they_share() -> None:
    values = mixed()
    values[0, :50] = np.nan
    chosen = select_elements(in_ball(values), policy="pairwise")
    asked = {"rows": [0], "columns": [1], "n_eff": np.array([[100.0]])}
    check = cross_check(chosen, np.array([[0.1]]), **asked)
    assert check is not None
    assert check.pairs.all()
    values[1, 50:] = np.nan
    apart = select_elements(in_ball(values), policy="pairwise")
    assert cross_check(apart, np.array([[0.1]]), **asked) is None


def test_parcels_are_not_checked() -> None:
    centres = places(40)
    chosen = select_elements(over_regions(exponential_values(2, centres=centres), centres=centres))
    asked = {"rows": [0], "columns": [1], "n_eff": np.array([[30.0]])}
    assert cross_check(chosen, np.array([[0.1]]), **asked) is None


def test_rows_and_columns_are_put_into_another_order() -> None:
    values = mixed()
    chosen = select_elements(in_ball(values))
    n_eff = effective_n(chosen, rows=range(3), columns=range(3))
    check = cross_check(chosen, np.corrcoef(values), rows=range(3), columns=range(3), n_eff=n_eff)
    assert check is not None
    turned = check.take(np.ix_([2, 0], [1, 2]))
    np.testing.assert_array_equal(turned.n_eff, check.n_eff[[2, 0]][:, [1, 2]])
    np.testing.assert_array_equal(turned.pairs, [[False, False], [True, False]])
