"""A comparison keeps cells, judgement and alternatives together and says what it did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.compare.comparison import MapComparison, Question, compare_aligned
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import select_elements
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.execute import get_executor
from heatlas.core.space import Mask
from heatlas.infer.holm import holm
from tests.compare.fields import BRAIN, GRID, aligned, fields, volume

NOISE = fields(4, seed=21)
VALUES = [NOISE[0], 0.9 * NOISE[0] + 0.4 * NOISE[1], NOISE[2], NOISE[3] - 0.8 * NOISE[2]]
SQUARE = Question(rows=(0, 1, 2, 3), columns=(0, 1, 2, 3))


def maps(order: tuple[int, ...] = (0, 1, 2, 3)) -> ComparedMaps:
    return aligned([volume(5 + VALUES[k], name=f"m{k}") for k in order])


def compared(question: Question = SQUARE) -> MapComparison:
    return compare_aligned(maps(), question)


def test_every_cell_has_value_n_and_judgement() -> None:
    found = compared()
    rows = np.stack([values[BRAIN] for values in VALUES])
    np.testing.assert_allclose(found.matrix.values, np.corrcoef(rows), atol=1e-5)
    assert found.matrix.n is not None
    assert (found.matrix.n == BRAIN.sum()).all()
    assert np.isnan(np.diag(found.p_fwer)).all()
    assert found.survives[0, 1]
    assert found.survives[3, 2]
    assert not found.survives[0, 2]


def test_distinct_cells_are_corrected_together_and_mirrored() -> None:
    found = compared()
    above = np.triu_indices(4, 1)
    np.testing.assert_allclose(found.p_fwer[above], holm(found.certainty.p[above]))
    np.testing.assert_array_equal(found.p_fwer, found.p_fwer.T)
    np.testing.assert_array_equal(found.q_fdr, found.q_fdr.T)


def test_the_order_of_the_maps_changes_no_digit() -> None:
    one, order = compared(), (2, 0, 3, 1)
    other = compare_aligned(maps(order), SQUARE)
    back = np.ix_(*[[order.index(k) for k in range(4)]] * 2)
    np.testing.assert_array_equal(other.matrix.values[back], one.matrix.values)
    np.testing.assert_array_equal(other.certainty.p[back], one.certainty.p)
    assert [other.matrix.rows.names[k] for k in other.matrix.rows.shown] == [
        one.matrix.rows.names[k] for k in one.matrix.rows.shown
    ]


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize("policy", ["common", "pairwise", "union-zero"])
def test_the_number_of_workers_changes_no_digit(policy: str, measure: str) -> None:
    asked = Question(rows=range(4), columns=range(4), policy=policy, measure=measure)
    holes = [BRAIN & (np.arange(BRAIN.size).reshape(BRAIN.shape) % (3 + k) > 0) for k in range(4)]
    uneven = aligned([volume(v, inside=hole) for v, hole in zip(VALUES, holes, strict=True)])
    one = compare_aligned(uneven, asked)
    many = compare_aligned(uneven, asked, executor=get_executor("threads", workers=3))
    np.testing.assert_array_equal(one.matrix.values, many.matrix.values)
    np.testing.assert_array_equal(one.certainty.n_eff, many.certainty.n_eff)
    for name, other in one.others.items():
        np.testing.assert_array_equal(other.values, many.others[name].values)


def test_rows_and_columns_may_be_different_maps() -> None:
    whole = compared()
    found = compared(Question(rows=(3, 0), columns=(1, 2)))
    assert found.matrix.rows.names == ("m3", "m0")
    np.testing.assert_allclose(found.matrix.values, whole.matrix.values[[3, 0]][:, [1, 2]])
    assert len(found.cells()) == 4
    assert len(found.sensitivity()) == 4


def test_a_map_of_both_sides_is_not_tested_against_itself() -> None:
    found = compared(Question(rows=(0, 1), columns=(1, 2)))
    assert np.isnan(found.p_fwer[1, 0])
    assert np.isfinite(found.p_fwer[0]).all()


def test_the_sensitivity_marks_cells_whose_sign_depends() -> None:
    # Both maps fall where the other rises, but both are far above the zero around them.
    found = compare_aligned(
        aligned([volume(50 + VALUES[2], name="x"), volume(50 + VALUES[3], name="y")]),
        Question(rows=(0, 1), columns=(0, 1)),
    )
    assert found.sign_depends[0, 1]
    table = found.sensitivity()
    assert table.names[:4] == ("row", "column", "common", "pairwise")
    assert table.words("sign_depends_on_policy") == ("yes",)
    assert table.numbers("whole-grid")[0] > 0.9
    assert table.numbers("common")[0] < 0
    assert table.numbers("range")[0] > 0.9
    assert "the sign of 1 of 1 cell depends on it" in table.caption


def test_a_named_mask_is_an_alternative() -> None:
    mask = Mask(space=GRID, inside=np.ones(GRID.shape, dtype=bool))
    found = compared(Question(rows=(0, 1), columns=(2, 3), mask=mask))
    assert set(found.others) == {"pairwise", "union-zero", "mask", "whole-grid"}
    np.testing.assert_allclose(
        found.others["mask"].values, found.others["whole-grid"].values, atol=1e-9
    )


def test_cells_hold_one_row_a_cell_in_the_promised_columns() -> None:
    cells = compared().cells()
    assert cells.names == (
        "row", "column", "r", "n_voxels", "n_eff", "ci_low", "ci_high", "p", "p_fwer", "q_fdr",
        "sign_depends_on_policy",
    )  # fmt: skip
    assert len(cells) == 16
    assert cells.words("row")[:5] == ("m0", "m0", "m0", "m0", "m1")


def test_the_caption_says_measure_policy_n_and_judgement() -> None:
    words = compared().caption()
    assert words.startswith("Pearson r of 4 maps over voxels that every map measures, n = ")
    assert "Outlined: family-wise p < .05 over 6 cells" in words
    plain = compared(Question(rows=(0,), columns=(1, 2), measure="cosine"))
    assert plain.caption().endswith("Not tested.")
    assert np.isnan(plain.p_fwer).all()
    none = compared(Question(rows=(0,), columns=(2,)))
    assert "No cell reaches family-wise p < .05 over 1 cell" in none.caption()


def test_spearman_is_judged_by_the_smoothness_of_ranks() -> None:
    found = compared(Question(rows=(0,), columns=(1, 2), measure="spearman"))
    assert np.isfinite(found.certainty.n_eff).all()
    assert found.matrix.kind == "Spearman rho"


def test_the_coverage_is_the_shared_share_of_the_row() -> None:
    half = BRAIN.copy()
    half[6:] = False
    pair = aligned([volume(VALUES[0], name="a"), volume(VALUES[1], name="b", inside=half)])
    found = compare_aligned(pair, Question(rows=(0, 1), columns=(0, 1)))
    assert found.coverage.at("a", "b") == pytest.approx(half.sum() / BRAIN.sum())
    assert found.coverage.at("b", "a") == 1


def test_the_frame_is_that_of_the_matrix() -> None:
    assert compared().to_frame().loc["m0", "m0"] == pytest.approx(1)


def test_questions_without_an_answer_are_refused() -> None:
    with pytest.raises(DataError, match="One map alone"):
        Question(rows=(0,), columns=(0,))
    with pytest.raises(DataError, match="between 0 and 1"):
        Question(rows=(0,), columns=(1,), alpha=5)
    with pytest.raises(UnknownNameError, match="policy"):
        Question(rows=(0,), columns=(1,), policy="commn")


def test_nothing_shared_by_all_leaves_the_other_policies() -> None:
    far = BRAIN.copy()
    far[:9] = False
    near = BRAIN.copy()
    near[3:] = False
    apart = aligned([volume(VALUES[0], inside=near), volume(VALUES[1], inside=far)])
    with pytest.raises(DataError):
        select_elements(apart)
    found = compare_aligned(apart, Question(rows=(0,), columns=(1,), policy="union-zero"))
    assert "common" not in found.others
    assert np.isnan(found.others["pairwise"].values).all()


def test_given_maps_are_regressed_out_of_all_others() -> None:
    found = compared(Question(rows=(0, 1), columns=(0, 1), given=(2, 3)))
    rows = np.stack([values[BRAIN] for values in VALUES])
    inverse = np.linalg.inv(np.corrcoef(rows))
    wanted = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    assert found.matrix.values[0, 1] == pytest.approx(wanted, abs=1e-5)
    assert found.matrix.kind == "Partial Pearson r"
    assert "given m2 and m3" in found.caption()
    assert found.others == {}
    assert len(found.sensitivity()) == 1


def test_given_maps_cost_the_test_what_they_cost_a_regression() -> None:
    plain = compared(Question(rows=(0,), columns=(2,)))
    partial = compared(Question(rows=(0,), columns=(2,), given=(1,)))
    n_eff, r = partial.certainty.n_eff[0, 0] - 1, partial.matrix.values[0, 0]
    t = abs(r) * np.sqrt((n_eff - 2) / (1 - r**2))
    assert partial.certainty.p[0, 0] == pytest.approx(2 * stats.t.sf(t, n_eff - 2), rel=1e-9)
    assert plain.given == ()


def test_maps_are_regressed_out_of_correlations_only() -> None:
    with pytest.raises(DataError, match="pearson and spearman only"):
        Question(rows=(0,), columns=(1,), given=(2,), measure="dice")
    with pytest.raises(DataError, match="cannot be compared as well"):
        Question(rows=(0,), columns=(1,), given=(1,))
