"""Many maps on one space."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.stack import MapStack
from heatlas.core.table import table_from_columns

MASK = Mask(space=Grid(shape=(2, 2, 2), affine=np.eye(4)), inside=np.arange(8) < 3)
VALUES = np.arange(6.0).reshape(2, 3)


def stack(**changed: object) -> MapStack:
    """Return two maps of three elements, with something changed."""
    content = {
        "values": VALUES,
        "mask": MASK,
        "ids": ("a", "b"),
        "table": table_from_columns({"age": [30, 40]}),
    }
    return MapStack(**{**content, **changed})  # type: ignore[arg-type]


def test_values_are_float32_and_rows_are_maps() -> None:
    assert stack().values.dtype == np.float32
    assert len(stack()) == 2


def test_maps_are_taken_with_their_names_and_rows_of_the_table() -> None:
    taken = stack().take(np.array([1]))
    assert taken.ids == ("b",)
    assert taken.table.numbers("age").tolist() == [40]
    assert taken.values.tolist() == [[3, 4, 5]]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ids": ("a",)}, "ids: 1 given, but there are 2 maps"),
        ({"ids": ("a", "a")}, "each map needs a name of its own"),
        ({"values": np.ones((2, 4))}, "elements: 4 given, but there are 3 mask elements"),
        ({"values": np.ones(3)}, "maps: expected 2 axes"),
        ({"table": table_from_columns({"age": [1]})}, "table rows: 1 given"),
        ({"values": [[0, 0, 0], [0, np.nan, 0]]}, "not finite in b"),
        ({"values": [[np.inf, 0, 0], [0, np.nan, 0]]}, "not finite in a, b"),
    ],
)
def test_parts_that_do_not_fit_are_named(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        stack(**changed)


def test_a_stack_does_not_follow_the_array_it_was_made_of() -> None:
    given = VALUES.astype(np.float32)
    made = stack(values=given)
    given[:] = 9
    np.testing.assert_array_equal(made.values, VALUES)
