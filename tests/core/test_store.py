"""Steps kept by key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from heatlas.core.store import MemoryStore, pack_arrays, remember_arrays, unpack_arrays

ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@given(st.dictionaries(st.text(max_size=4), ARRAYS, max_size=3))
def test_packed_arrays_come_back_as_they_were(arrays: dict[str, np.ndarray]) -> None:
    back = unpack_arrays(pack_arrays(arrays))
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back[name], array)


def test_equal_arrays_give_equal_bytes_whatever_their_order_and_layout() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.float32(1)
    other = {"b": b, "a": np.asfortranarray(a)}
    assert pack_arrays({"a": a, "b": b}) == pack_arrays(other)  # type: ignore[dict-item]


def test_objects_are_not_pickled() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        pack_arrays({"a": np.array([object()])})


def test_what_was_kept_is_not_computed_again() -> None:
    store, calls = MemoryStore(), []

    def compute() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(3)}

    first = remember_arrays(store, "key", compute=compute)
    again = remember_arrays(store, "key", compute=compute)
    remember_arrays(store, "other", compute=compute)
    np.testing.assert_array_equal(first["a"], again["a"])
    assert len(calls) == 2


def test_a_key_that_is_not_there_gives_nothing() -> None:
    assert MemoryStore().get("key") is None
