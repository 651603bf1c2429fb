"""The executor seam: the one place that owns workers and threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from heatlas.core.errors import DataError, HeatlasError
from heatlas.core.registry import Registry
from heatlas.core.value import Value

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
ATTEMPTS = 3  # pools of workers that one map may wear out


class Executor(Protocol):
    """Maps a function over large, idempotent items; results come in the items' order."""

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """Yield ``function(item)`` for each item, in order."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SerialExecutor(Value):
    """Runs items one after the other in this process.

    Parameters
    ----------
    threads_per_worker : int
        Threads that numerical libraries may use inside one item.
    """

    threads_per_worker: int = 1

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """Yield ``function(item)`` for each item, in order."""
        for item in items:
            yield _limited(item, function=function, threads=self.threads_per_worker)


@dataclass(frozen=True, kw_only=True, eq=False)
class ProcessExecutor(Value):
    """Runs items in worker processes (loky, never fork).

    Parameters
    ----------
    workers : int
        Number of processes.
    threads_per_worker : int
        Threads that numerical libraries may use inside one item.
    """

    workers: int
    threads_per_worker: int = 1

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """Yield ``function(item)`` for each item, in order.

        When a worker dies, as where the system has no memory left, what is not done is done again
        in new ones; after the third death a HeatlasError says so.
        """
        from loky import get_reusable_executor
        from loky.process_executor import BrokenProcessPool

        run = partial(_limited, function=function, threads=self.threads_per_worker)
        listed, done = list(items), 0
        for _ in range(ATTEMPTS):
            pool = get_reusable_executor(max_workers=self.workers, timeout=60)
            try:
                for outcome in pool.map(run, listed[done:]):
                    done += 1
                    yield outcome
            except BrokenProcessPool:
                continue
            return
        raise HeatlasError(
            f"{ATTEMPTS} times a worker process was ended from outside, most likely for lack of "
            "memory; what was done is kept. Run again with fewer workers."
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ThreadExecutor(Value):
    """Runs items in threads that share memory; for work that lets go of the interpreter's lock.

    Parameters
    ----------
    workers : int
        Number of threads; numerical libraries use one each.
    """

    workers: int

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        """Yield ``function(item)`` for each item, in order; few items wait at a time."""
        waiting: deque[Future[Outcome]] = deque()
        pool = ThreadPoolExecutor(max_workers=self.workers, initializer=_keep_to_one_thread)
        with one_thread(), pool:
            try:
                for item in items:
                    waiting.append(pool.submit(function, item))
                    if len(waiting) > 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


EXECUTORS: Registry[Callable[[int], Executor]] = Registry(
    "executor",
    {
        "serial": lambda workers: SerialExecutor(),
        "processes": lambda workers: ProcessExecutor(workers=workers),
        "threads": lambda workers: ThreadExecutor(workers=workers),
    },
)


def get_executor(name: str = "serial", *, workers: int = 1) -> Executor:
    """Return an executor by name.

    Parameters
    ----------
    name : {"serial", "processes", "threads"}
        Where items run.
    workers : int
        Number of worker processes; ``serial`` ignores it.

    Returns
    -------
    Executor
        Results never depend on which one is taken.

    Raises
    ------
    DataError
        If fewer than one worker is asked for.
    UnknownNameError
        If no executor has that name.
    """
    if workers < 1:
        raise DataError(f"workers: at least 1 is needed, got {workers}.")
    return EXECUTORS[name](workers)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold numerical libraries to one thread, so that sums are taken in one order everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _keep_to_one_thread() -> None:
    """Limit OpenMP, whose limits belong to each thread; those of BLAS belong to the process."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1)


def _limited(item: Item, *, function: Callable[[Item], Outcome], threads: int) -> Outcome:
    """Run one item within the thread budget, so that BLAS sums in the same order everywhere."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=threads):
        return function(item)
