"""The executor seam."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.errors import DataError, HeatlasError, UnknownNameError
from heatlas.core.execute import (
    EXECUTORS,
    Executor,
    ProcessExecutor,
    available_cores,
    get_executor,
)
from heatlas.core.random import stream

NAMES = sorted(EXECUTORS)


def executors() -> list[Executor]:
    """Return every executor, with two workers where it has workers."""
    return [get_executor(name, workers=2) for name in NAMES]


def product(index: int) -> bytes:
    """Return a float32 matrix product as bytes; its sums depend on the order of addition."""
    rng = stream(1, "gemm", index=index)
    first = rng.standard_normal((128, 300), dtype=np.float32)
    second = rng.standard_normal((300, 2000), dtype=np.float32)
    return (first @ second).tobytes()


def late_first(index: int) -> int:
    """Return the index; the first takes longest."""
    time.sleep(0.2 if index == 0 else 0)
    return index


def fail_at_two(index: int) -> int:
    """Raise an error of ours at item 2."""
    if index == 2:
        raise DataError("item 2 is bad")
    return index


def threads_and_process(_: int) -> tuple[int, int]:
    """Return the most threads of a numerical library, and the process."""
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return max(pool["num_threads"] for pool in threadpool_info()), os.getpid()


def _die_until(index: int, *, marker: Path) -> int:
    """Return the index; at item 2 the process is killed, as for lack of memory, until told."""
    if index == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return index


def die(index: int) -> int:
    """Kill the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return index


def test_every_executor_gives_the_same_bytes() -> None:
    serial, *others = [list(executor.map(product, range(3))) for executor in executors()]
    assert all(outcome == serial for outcome in others)


@pytest.mark.parametrize("name", NAMES)
def test_results_come_in_the_order_of_the_items(name: str) -> None:
    assert list(get_executor(name, workers=2).map(late_first, range(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
def test_an_error_of_an_item_reaches_the_caller(name: str) -> None:
    with pytest.raises(DataError, match="item 2 is bad"):
        list(get_executor(name, workers=2).map(fail_at_two, range(4)))
    assert list(get_executor(name, workers=2).map(late_first, [5])) == [5]


@pytest.mark.parametrize("name", NAMES)
def test_an_item_keeps_to_its_thread_budget(name: str) -> None:
    outcome = list(get_executor(name, workers=2).map(threads_and_process, range(2)))
    assert {threads for threads, _ in outcome} == {1}
    assert (os.getpid() in {process for _, process in outcome}) == (name != "processes")


def test_what_a_killed_worker_did_not_do_is_done_again(tmp_path: Path) -> None:
    work = partial(_die_until, marker=tmp_path / "killed")
    assert list(ProcessExecutor(workers=2).map(work, range(6))) == list(range(6))
    assert (tmp_path / "killed").exists()


def test_workers_that_die_every_time_are_an_error_with_a_remedy() -> None:
    with pytest.raises(HeatlasError, match="lack of memory.*fewer workers"):
        list(ProcessExecutor(workers=2).map(die, range(3)))


@pytest.mark.parametrize("name", NAMES)
def test_no_items_give_no_results(name: str) -> None:
    assert list(get_executor(name, workers=2).map(late_first, [])) == []


def test_a_closure_reaches_the_workers() -> None:
    offset = 3
    executor = ProcessExecutor(workers=1)
    assert list(executor.map(lambda item: item + offset, [1, 2])) == [4, 5]


def test_an_unknown_executor_names_the_nearest_and_no_workers_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'serial'"):
        get_executor("serail")
    with pytest.raises(DataError, match="at least 1 is needed, got 0"):
        get_executor("processes", workers=0)


def test_there_is_a_core() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
