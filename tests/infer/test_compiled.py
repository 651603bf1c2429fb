"""Compiled kernels: lazy, cached where that is possible, and safe to call from threads."""

from __future__ import annotations

import ast
import errno
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from heatlas.infer.compiled import Kernel, as_input, compiled
from tests.meta.source import Module, expect_none, modules, write_package


class Pair(NamedTuple):
    """Two arrays under names."""

    first: np.ndarray
    second: np.ndarray


@compiled
def _add_up(values: np.ndarray) -> float:
    """Add values up."""
    total = 0.0
    for value in values:
        total += value
    return total


@compiled
def _weighted(value: float, *, weight: float, shift: float) -> float:
    return value * weight + shift


@compiled
def _calls_others(values: np.ndarray, *, weight: float) -> float:
    pair = Pair(first=values, second=np.ones(len(values)))
    return _weighted(_add_up(pair.first), shift=_add_up(pair.second), weight=weight)


@compiled
def _reciprocal(value: float) -> float:
    return 1.0 / value


def fresh() -> Kernel[[np.ndarray], float]:
    """Return a kernel that was not called yet."""
    return compiled(_add_up.__wrapped__)


def break_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full."""
    from numba.core.caching import IndexDataCacheFile

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", full)


def break_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no folder be writable."""
    from numba.core.caching import CacheImpl

    monkeypatch.setattr(CacheImpl, "_locator_classes", [])


def break_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut what was kept in half."""
    fresh()(np.ones(3))
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert len(kept) >= 2
    for path in kept:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BREAKS: list[Callable[[Path, pytest.MonkeyPatch], None]] = [
    break_writing,
    break_folders,
    break_files,
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for what numba keeps."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_modules_with_kernels_do_not_import_numba() -> None:
    code = (
        "import sys, heatlas.infer.tfce, heatlas.infer.extent, heatlas.infer.neighbours\n"
        "assert not {'numba', 'llvmlite'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_kernel_is_called_as_its_function_is() -> None:
    assert _weighted(2.0, weight=3.0, shift=1.0) == 7.0
    assert _weighted(2.0, shift=1.0, weight=3.0) == 7.0


def test_a_kernel_calls_other_kernels_by_keyword_and_reads_named_tuples() -> None:
    assert _calls_others(np.arange(4.0), weight=10.0) == 64.0


def test_a_kernel_keeps_name_and_docstring() -> None:
    assert _add_up.__name__ == "_add_up"
    assert _add_up.__doc__ == "Add values up."


def test_a_kernel_is_pickled_by_name() -> None:
    content = pickle.dumps(_add_up)
    assert len(content) < 200
    assert b"_add_up" in content


def test_a_kernel_lets_go_of_the_lock_and_sums_in_order() -> None:
    kernel = fresh()
    kernel(np.ones(3))
    options = kernel._compiler(cache=True).targetoptions
    assert options["nogil"]
    assert not options.get("fastmath")
    assert kernel(np.array([1e16, 1.0, -1e16, 1.0])) == 1.0


def test_a_division_by_zero_follows_numpy() -> None:
    assert _reciprocal(0.0) == np.inf


def test_the_first_call_may_come_from_several_threads_at_once() -> None:
    kernel = fresh()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(kernel, [np.ones(n) for n in range(8)])) == list(range(8))


def test_a_second_kernel_loads_what_the_first_kept(cache: Path) -> None:
    fresh()(np.ones(3))
    assert list(cache.rglob("*.nbc"))
    second = fresh()
    second(np.ones(3))
    assert sum(second._compiler(cache=True).stats.cache_hits.values()) == 1


@pytest.mark.parametrize("damage", BREAKS)
def test_a_kernel_runs_without_a_cache_that_works(
    damage: Callable[[Path, pytest.MonkeyPatch], None], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(cache, monkeypatch)
    kernel = fresh()
    assert kernel(np.ones(3)) == 3
    assert kernel(np.ones(4)) == 4
    assert kernel(np.ones(4, np.float32)) == 4


def test_a_fault_of_the_caller_is_raised() -> None:
    with pytest.raises(TypeError, match="argument"):
        fresh()()  # type: ignore[call-arg]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writeable", [True, False])
def test_an_input_is_always_of_one_type(order: str, writeable: bool) -> None:
    given = np.asarray(np.ones((2, 3)), order=order)
    given.setflags(write=writeable)
    taken = as_input(given, np.float64)
    assert taken.flags.c_contiguous
    assert not taken.flags.writeable
    assert given.flags.writeable == writeable
    np.testing.assert_array_equal(taken, given)


def kernels_of(module: Module) -> set[str]:
    """Names of the kernels that a module defines."""
    return {
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(d, ast.Name) and d.id == "compiled" for d in node.decorator_list)
    }


def borrowed_kernels(listed: list[Module]) -> Iterator[str]:
    """Kernels that another module imports: the cache would not see them change."""
    known = {f"{module.name}.{name}" for module in listed for name in kernels_of(module)}
    for module in listed:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from (f"{module.name} imports {name}" for name in names if name in known)


def test_the_parts_of_a_kernel_stand_in_its_own_file() -> None:
    listed = modules()
    assert any(kernels_of(module) for module in listed)
    expect_none(borrowed_kernels(listed))


def test_the_check_finds_a_borrowed_kernel(tmp_path: Path) -> None:
    files = {
        "infer/a.py": "@compiled\ndef _part(): ...\n",
        "infer/b.py": "from heatlas.infer.a import _part\n",
    }
    found = list(borrowed_kernels(modules(write_package(tmp_path, files))))
    assert found == ["heatlas.infer.b imports heatlas.infer.a._part"]
