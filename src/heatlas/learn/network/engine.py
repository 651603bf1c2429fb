"""How torch is run here: one thread, deterministic algorithms, numpy arrays in and out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from io import BytesIO
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

from heatlas.core.execute import one_thread

Floats = NDArray[np.floating]
Item = TypeVar("Item")
# What torch and a user's own module raise when an input does not suit them.
RUN_FAULTS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError)


class Call(NamedTuple):
    """One torch function with its arguments, as it is about to run."""

    function: Any
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The function's plain name: "softmax", whichever of its forms is called."""
        return str(getattr(self.function, "__name__", "")).split(".")[0].strip("_")

    def run(self) -> Any:
        """Return what the function gives."""
        return self.function(*self.arguments, **self.keywords)


class Interception(TorchFunctionMode):
    """Hands every torch function that runs inside of its ``with`` to a function of ours.

    Parameters
    ----------
    handle : callable
        Takes the call and returns what stands for its outcome.
    """

    def __init__(self, handle: Callable[[Call], Any]) -> None:
        super().__init__()
        self._handle = handle

    def __torch_function__(self, func: Any, *called: Any, **named: Any) -> Any:
        """Hand over the call: torch gives the types, the arguments and the keywords."""
        arguments = called[1] if len(called) > 1 else named.get("args", ())
        keywords = called[2] if len(called) > 2 else named.get("kwargs")
        return self._handle(Call(func, arguments, keywords or {}))


@contextmanager
def settled(*, seed: int = 0) -> Iterator[None]:
    """Run torch so that equal inputs give equal bytes, and leave its settings as they were."""
    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.set_num_threads(threads)


def copied(module: nn.Module) -> nn.Module:
    """Return a copy of a module on the CPU, in evaluation mode, without gradients of its own."""
    with warnings.catch_warnings():
        # What torch says to itself about exported modules, and that TorchScript has a successor.
        warnings.simplefilter("ignore")
        if isinstance(module, torch.jit.ScriptModule):  # its parameters do not survive a deepcopy
            save, load = cast(Any, torch.jit.save), cast(Any, torch.jit.load)
            stream = BytesIO()
            save(module, stream)
            stream.seek(0)
            copy: nn.Module = load(stream, map_location="cpu")
        else:
            copy = deepcopy(module).cpu()
    for parameter in copy.parameters():
        parameter.requires_grad_(False)
    return copy.eval()


def as_tensor(values: ArrayLike) -> torch.Tensor:
    """Return values as a float32 tensor of their own."""
    return torch.from_numpy(np.array(values, dtype=np.float32, order="C"))


def as_array(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor's values as an array of their own."""
    return np.array(tensor.detach().cpu().numpy())


def reason(error: BaseException) -> str:
    """Return the first line of an error, without its full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def in_parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of that size; the last one may be shorter."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
