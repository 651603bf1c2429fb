"""A matrix keeps names, groups, order and tree together."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from heatlas.core.colour import ColourScale
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.matrix import JudgedMatrix, LabelledMatrix, Side

VALUES = np.array([[1.0, 0.2, -0.4], [0.2, 1.0, 0.5], [-0.4, 0.5, 1.0]])
TREE = np.array([[1, 2, 0.5, 2], [0, 3, 1.1, 3]])


def square() -> LabelledMatrix:
    side = Side(names=("a", "b", "c"), groups=("x", "y", "y"), order=[2, 1, 0], linkage=TREE)
    return LabelledMatrix(values=VALUES, rows=side, columns=side, n=np.full((3, 3), 7))


def test_a_value_is_found_by_its_names() -> None:
    assert square().at("a", "c") == -0.4
    with pytest.raises(UnknownNameError, match="Known: a, b, c"):
        square().at("a", "cc")


def test_ordering_moves_values_names_groups_and_leaves_together() -> None:
    ordered = square().ordered()
    assert ordered.rows.names == ("c", "b", "a")
    assert ordered.rows.groups == ("y", "y", "x")
    assert ordered.at("a", "c") == -0.4
    np.testing.assert_array_equal(ordered.values, VALUES[::-1, ::-1])
    assert ordered.rows.linkage is not None
    np.testing.assert_array_equal(ordered.rows.linkage[:, :2], [[1, 0], [2, 3]])
    assert ordered.rows.shown == (0, 1, 2)


def test_a_matrix_against_itself_is_square() -> None:
    assert square().is_square
    other = LabelledMatrix(
        values=VALUES[:2], rows=Side(names=("d", "e")), columns=Side(names=("a", "b", "c"))
    )
    assert not other.is_square
    assert other.shape == (2, 3)


def test_the_frame_has_the_names() -> None:
    frame = square().to_frame()
    assert list(frame.index) == list(frame.columns) == ["a", "b", "c"]
    assert frame.loc["b", "c"] == 0.5


def test_pickling_keeps_arrays_read_only() -> None:
    again = pickle.loads(pickle.dumps(square()))
    assert not again.values.flags.writeable
    assert again.rows.shown == (2, 1, 0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: Side(names=("a", "a")), "more than once: a"),
        (lambda: Side(names=("a", "b"), groups=("x",)), "groups"),
        (lambda: Side(names=("a", "b"), order=[0, 0]), "each of 2 entries once"),
        (lambda: Side(names=("a", "b"), linkage=TREE), "linkage"),
        (
            lambda: LabelledMatrix(
                values=VALUES, rows=Side(names=("a", "b")), columns=Side(names=("c",))
            ),
            r"shape \(3, 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fault: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fault()  # type: ignore[operator]


def test_a_judged_matrix_keeps_its_cells_together_when_it_is_ordered() -> None:
    scale = ColourScale(table="vik", kind="diverging", low=-1, high=1, true_low=-0.4, true_high=0.5)
    survives = VALUES == 0.5
    judged = JudgedMatrix(
        matrix=square(), scale=scale, survives=survives, own=np.eye(3, dtype=bool),
        marked=survives, title="three",
    )  # fmt: skip
    ordered = judged.ordered()
    np.testing.assert_array_equal(ordered.survives, ordered.matrix.values == 0.5)
    assert ordered.caption() == "three"
    with pytest.raises(DataError, match="marked"):
        JudgedMatrix(
            matrix=square(), scale=scale, survives=survives, own=survives, marked=survives[:2]
        )
