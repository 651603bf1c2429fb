"""Checks at the door: what a value owns, nobody else can write to."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatlas.core.errors import DataError
from heatlas.core.validate import check_choice, check_length, is_owned, own_array


def own(values: object) -> np.ndarray:
    """Own values as float64."""
    return own_array(values, name="values", dtype=np.float64)  # type: ignore[arg-type]


class Lender:
    """Hands out its own memory, as tensors do."""

    def __init__(self) -> None:
        self.memory = np.zeros(3)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        """Return the memory itself."""
        return self.memory


def shared_views() -> dict[str, tuple[np.ndarray, object]]:
    """Return arrays with something that looks at their memory."""
    plain, viewed, hidden = np.zeros(3), np.zeros(3), np.zeros(3)
    read_only = hidden.view()
    read_only.setflags(write=False)
    lender, buffer = Lender(), bytearray(24)
    mapped = mmap.mmap(-1, 24)
    return {
        "the array itself": (plain, plain),
        "a view": (viewed, viewed[:]),
        "a read-only view of a writeable array": (hidden, read_only),
        "an object that lends its memory": (lender.memory, lender),
        "a byte array": (np.frombuffer(buffer), np.frombuffer(buffer)),
        "a memory view": (np.frombuffer(buffer), memoryview(buffer).cast("d")),
        "a memory map": (np.frombuffer(mapped), np.frombuffer(mapped)),
        "a frozen view of a byte array": (
            np.frombuffer(buffer), np.frombuffer(memoryview(buffer).toreadonly())
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", shared_views())
def test_an_owned_array_does_not_follow_writes_of_the_caller(name: str) -> None:
    memory, given = shared_views()[name]
    owned = own(given)
    memory[:] = 7
    assert owned.tolist() == [0, 0, 0]
    assert not owned.flags.writeable


def test_owning_does_not_freeze_the_array_of_the_caller() -> None:
    mine = np.zeros(3)
    own(mine)
    own(mine[1:])
    mine[0] = 1
    lender = Lender()
    own(lender)
    lender.memory[0] = 1


def test_an_owned_array_and_its_views_are_taken_without_a_copy() -> None:
    owned = own([1.0, 2, 3])
    assert own(owned) is owned
    assert np.shares_memory(own(owned[1:]), owned)


def test_memory_that_cannot_change_is_taken_without_a_copy() -> None:
    content = np.arange(3.0).tobytes()
    assert np.shares_memory(own(np.frombuffer(content)), np.frombuffer(content))


def test_a_cast_makes_one_array_of_its_own() -> None:
    given = np.arange(6, dtype=np.int16).reshape(2, 3).T
    owned = own(given)
    assert owned.flags.c_contiguous
    assert owned.dtype == np.float64
    assert is_owned(owned)
    np.testing.assert_array_equal(owned, given)


@given(st.lists(st.floats(allow_nan=False), max_size=5))
def test_lists_are_read_as_they_are(values: list[float]) -> None:
    assert own(values).tolist() == values


@pytest.mark.parametrize("given", [["a"], [[1], [1, 2]], object()])
def test_what_is_no_number_is_one_clear_sentence(given: object) -> None:
    with pytest.raises(DataError, match="values: cannot be read as float64"):
        own(given)


def test_complex_numbers_do_not_lose_a_half_in_silence() -> None:
    with pytest.raises(DataError, match="complex numbers; take their magnitude or phase"):
        own(np.ones(2, dtype=complex))


def test_a_wrong_number_of_axes_names_the_shape() -> None:
    with pytest.raises(DataError, match=r"map: expected 1 axes, got shape \(2, 2\)"):
        own_array(np.ones((2, 2)), name="map", dtype=float, ndim=1)


def test_a_wrong_length_names_both_counts() -> None:
    with pytest.raises(DataError, match="ids: 2 given, but there are 3 maps"):
        check_length("ab", name="ids", expected=3, per="maps")


def test_a_wrong_choice_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="kind: 'x' is not one of t, F"):
        check_choice("x", name="kind", known=("t", "F"))
