"""Blocks of arrangements: kept, resumed, the same whoever makes them, and ended when settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.execute import get_executor
from heatlas.core.space import Grid, Mask
from heatlas.core.store import MemoryStore
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine, is_settled
from heatlas.infer.permute import permute
from heatlas.infer.request import ClusterForming, PermutationSettings

SHAPE = (8, 7, 6)
CONTRAST = Contrast(name="group", weights=np.array([0.0, 1, 0]))
METHODS = ["max-t", "step-down", "tfce", "cluster-extent", "cluster-mass"]


def study(effect: float = 0.0) -> tuple[NDArray[np.float32], Design, Mask]:
    rng = np.random.default_rng(12)
    group = (np.arange(16) < 7).astype(float)
    matrix = np.column_stack([np.ones(16), group, rng.standard_normal(16)])
    maps = rng.standard_normal((16, *SHAPE)).astype(np.float32)
    maps[:7, :4] += effect
    design = Design(matrix=matrix, names=("a", "b", "c"), ids=tuple(map(str, range(16))))
    mask = Mask(space=Grid(shape=SHAPE, affine=np.eye(4)), inside=np.ones(SHAPE, bool))
    return maps.reshape(16, -1), design, mask


def judged(
    method: Any = "max-t", *, effect: float = 0.0, engine: Engine | None = None, **settings: Any
) -> PermutationResult:
    maps, design, mask = study(effect)
    asked = PermutationSettings(
        method=method,
        cluster_forming=ClusterForming(p=0.05) if "cluster" in method else None,
        **{"n_permutations": 700, "seed": 3, **settings},
    )
    (found,) = permute(maps, design, contrasts=[CONTRAST], settings=asked, mask=mask, engine=engine)
    return found


class Interrupted(Exception):
    """A run that was killed."""


class DyingExecutor:
    """Runs some items and dies."""

    def __init__(self, n: int) -> None:
        self.left = n

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if self.left == 0:
                raise Interrupted
            self.left -= 1
            yield function(item)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_resumes_to_the_same_bytes(method: str) -> None:
    whole = judged(method)
    store = MemoryStore()
    for n in (0, 1):
        with pytest.raises(Interrupted):
            judged(method, engine=Engine(store=store, executor=DyingExecutor(n)))
    resumed = judged(method, engine=Engine(store=store))
    assert resumed.null_maxima.tobytes() == whole.null_maxima.tobytes()
    assert resumed.counts.tobytes() == whole.counts.tobytes()


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("method", METHODS)
def test_workers_give_the_same_bytes_as_one_process(method: str, executor: str) -> None:
    serial = judged(method)
    parallel = judged(method, engine=Engine(executor=get_executor(executor, workers=2)))
    assert serial.null_maxima.tobytes() == parallel.null_maxima.tobytes()
    assert serial.counts.tobytes() == parallel.counts.tobytes()


def test_kept_blocks_of_one_method_are_not_those_of_another() -> None:
    store = MemoryStore()
    kept = [judged(method, engine=Engine(store=store)) for method in METHODS]
    for method, one in zip(METHODS, kept, strict=True):
        np.testing.assert_array_equal(one.null_maxima, judged(method).null_maxima)


def test_a_strong_effect_is_settled_early() -> None:
    found = judged("tfce", effect=6.0, n_permutations=20_000, adaptive=0.05)
    assert found.stopped_early
    assert found.n_permutations < 20_000 and found.n_permutations % 512 == 0
    assert "of 20,000 permutations (stopped early" in found.words
    whole = judged("tfce", effect=6.0, n_permutations=found.n_permutations)
    np.testing.assert_array_equal(found.null_maxima, whole.null_maxima)


def test_nothing_is_stopped_while_a_verdict_is_open() -> None:
    maxima = np.concatenate([[5.0], np.linspace(0, 4, 999)])
    at_five_percent = np.array([np.quantile(maxima, 0.95)])
    assert not is_settled(at_five_percent, maxima, alpha=0.05)
    assert is_settled(np.array([1.0, 1.5]), maxima, alpha=0.05)
    assert is_settled(np.array([np.nan, 4.9]), maxima, alpha=0.05)


def test_a_full_enumeration_is_never_stopped() -> None:
    maps, design, _ = study(6.0)
    small = Design(matrix=design.matrix[4:10, :2], names=("a", "b"), ids=design.ids[:6])
    asked = PermutationSettings(n_permutations=1000, adaptive=0.2)
    contrast = Contrast(name="group", weights=np.array([0.0, 1]))
    (found,) = permute(maps[4:10], small, contrasts=[contrast], settings=asked)
    assert found.exact and found.n_permutations == 20 and not found.stopped_early


def test_progress_ends_with_all_arrangements() -> None:
    steps: list[tuple[int, int]] = []
    judged("tfce", engine=Engine(progress=lambda done, total: steps.append((done, total))))
    assert steps[-1] == (700, 700)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
