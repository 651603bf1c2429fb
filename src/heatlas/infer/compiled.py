"""The one decorator of compiled kernels: numba is imported, and a kernel compiled, on first use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import update_wrapper
from pickle import UnpicklingError
from types import FunctionType
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")

# What numba and pickle raise for a cache that cannot be written, or was cut short or damaged.
CACHE_FAULTS: Final = (
    OSError, RuntimeError, UnpicklingError, EOFError, AttributeError, ImportError, LookupError,
    TypeError, ValueError,
)  # fmt: skip


@final
class Kernel(Generic[Arguments, Outcome]):
    """A function that numba compiles for the types of its first call; see :func:`compiled`.

    Parameters
    ----------
    function : callable
        The function as it was written.
    """

    def __init__(self, function: Callable[Arguments, Outcome]) -> None:
        """Keep the function; nothing is imported yet."""
        update_wrapper(self, function)
        self._function = _positional(cast(FunctionType, function))
        self._lock = threading.Lock()
        self._kept_on_disk = True
        self._compilers: dict[bool, Any] = {}  # numba's, which have no types of their own

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Outcome:
        """Run the compiled function; the first call compiles it or loads it from disk."""
        if self._kept_on_disk:
            try:
                return cast(Outcome, self._compiler(cache=True)(*args, **kwargs))
            except CACHE_FAULTS as error:
                # A fault of the kernel itself comes back in the second attempt.
                name = self._function.__qualname__
                logging.getLogger(__name__).info("kernel %s is not kept: %s", name, error)
                self._kept_on_disk = False
        return cast(Outcome, self._compiler(cache=False)(*args, **kwargs))

    def __reduce__(self) -> str:
        """Pickle by name, as functions are."""
        return self._function.__qualname__

    @property
    def _numba_type_(self) -> object:
        """What numba asks for when a kernel calls this one: it becomes part of the caller."""
        return cast(object, self._compiler(cache=False)._numba_type_)

    def _compiler(self, *, cache: bool) -> Any:
        known = self._compilers.get(cache)
        if known is not None:  # kernels are called for each chunk of a map, so without the lock
            return known
        with self._lock:
            if cache not in self._compilers:
                from numba import njit

                jit = njit(nogil=True, error_model="numpy", cache=cache)
                self._compilers[cache] = jit(self._function)
            return self._compilers[cache]


def compiled(function: Callable[Arguments, Outcome]) -> Kernel[Arguments, Outcome]:
    """Make a kernel of a function: compiled on its first call, free of the interpreter's lock.

    Parameters
    ----------
    function : callable
        Takes and returns numbers, arrays, and named tuples of them. Keyword-only parameters are
        welcome, defaults are not. It may call other kernels of its own file.

    Returns
    -------
    Kernel
        Called as the function is.

    Notes
    -----
    Each set of types is compiled anew, and a read-only array has another type than a writeable
    one: :func:`as_input` makes one type of both. Sums are taken in the order in which they are
    written (no fast-math), so results do not depend on threads; a division by zero follows
    numpy. Kernels check no index: their callers check the arrays.

    The code is kept beside the source, in ``NUMBA_CACHE_DIR``, or in the user's cache folder,
    whichever can be written to; where none can, each process compiles anew. The cache watches
    the kernel's own file alone, which is why a kernel's parts stand in the same file.
    """
    return Kernel(function)


def as_input(values: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return values as a kernel's input, always of one type: C-ordered and read-only."""
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.setflags(write=False)
    return array


def _positional(function: FunctionType) -> FunctionType:
    """Return the function with its keyword-only parameters made positional, as numba wants it."""
    code = function.__code__
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    code = code.replace(co_argcount=n_arguments, co_kwonlyargcount=0)
    twin = FunctionType(code, function.__globals__, function.__name__)
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    return twin
