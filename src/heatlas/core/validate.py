"""Checks at the door: arrays are taken into ownership, shapes and choices are verified once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from heatlas.core.errors import DataError


def set_field(value: object, name: str, *, to: Any) -> None:
    """Set a field of a frozen dataclass from its own ``__post_init__``."""
    object.__setattr__(value, name, to)


def own_array(
    values: ArrayLike, *, name: str, dtype: DTypeLike, ndim: int | None = None
) -> NDArray[Any]:
    """Return the values as an owned, read-only, C-ordered array.

    Parameters
    ----------
    values : array_like
        What the caller gave. It is copied unless it and everything that it is a view of is
        already read-only.
    name : str
        Word for the array in error messages.
    dtype : dtype
        Wanted element type.
    ndim : int, optional
        Wanted number of axes.

    Returns
    -------
    numpy.ndarray
        Read-only array whose memory nobody else can write to.

    Raises
    ------
    DataError
        If the number of axes is wrong or the values cannot be cast; complex ones lose a half.
    """
    given = getattr(values, "dtype", None)
    if isinstance(given, np.dtype) and given.kind == "c":
        raise DataError(f"{name}: holds complex numbers; take their magnitude or phase first.")
    try:
        array = np.asarray(values, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: cannot be read as {np.dtype(dtype)} ({error}).") from error
    if ndim is not None and array.ndim != ndim:
        raise DataError(f"{name}: expected {ndim} axes, got shape {array.shape}.")
    if is_owned(array):
        return array
    if _may_follow(array, values):
        array = array.copy()
    array.setflags(write=False)
    return array


def is_owned(array: NDArray[Any]) -> bool:
    """Say whether the array and its whole base chain are read-only."""
    link: Any = array
    while isinstance(link, np.ndarray):
        if link.flags.writeable:
            return False
        link = link.base
    return link is None or isinstance(link, bytes)


def _may_follow(array: NDArray[Any], values: Any) -> bool:
    """Say whether somebody else may hold the memory of an array that was made of the values."""
    if isinstance(values, np.ndarray):
        return bool(np.may_share_memory(array, values))
    return array.base is not None or not isinstance(values, (list, tuple, int, float, np.generic))


def check_length(values: Any, *, name: str, expected: int, per: str) -> None:
    """Raise DataError unless ``len(values)`` is the expected count."""
    if len(values) != expected:
        raise DataError(f"{name}: {len(values)} given, but there are {expected} {per}.")


def check_choice(choice: str, *, name: str, known: tuple[str, ...]) -> None:
    """Raise DataError unless the choice is one of the known words."""
    if choice not in known:
        raise DataError(f"{name}: '{choice}' is not one of {', '.join(known)}.")
