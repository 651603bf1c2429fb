"""The null distribution of the largest value: blocks of arrangements, each made once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.execute import Executor, SerialExecutor
from heatlas.core.store import StepStore, pack_arrays, unpack_arrays
from heatlas.core.value import Value
from heatlas.infer import fwe
from heatlas.infer.arranged import arrange
from heatlas.infer.arrangements import BLOCK, Arrangements
from heatlas.infer.sequential import open_counts
from heatlas.infer.statistics import CHUNK, all_statistics, largest_statistics
from heatlas.infer.summaries import Summary, count_steps_down

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Progress = Callable[[int, int], None]
Outcome = dict[str, NDArray[Any]]

ENGINE = 2  # part of every key: raise it when the arithmetic changes
ROUND = 4  # blocks that one item of the executor carries where elements travel in slices
SLICE = 32 * CHUNK  # elements of one such item
BATCH = 64  # arrangements whose whole maps are in memory at a time
LOOK = 4  # blocks between two looks at whether every verdict is settled


@dataclass(frozen=True, kw_only=True, eq=False)
class Engine(Value):
    """Where permutations run, and what is kept of them.

    Parameters
    ----------
    store : StepStore, optional
        Keeps each block of arrangements, so that a run that was killed goes on where it was;
        without one nothing is kept.
    executor : Executor
        Where blocks run; the outcome does not depend on it.
    progress : callable, optional
        Called with the arrangements done and their total.
    arrangements : Arrangements, optional
        The arrangements to make, instead of those that the settings would draw.
    """

    store: StepStore | None = None
    executor: Executor = field(default_factory=SerialExecutor)
    progress: Progress | None = None
    arrangements: Arrangements | None = None


class Job(NamedTuple):
    """Everything that a block of arrangements needs beside the residuals."""

    arrangements: Arrangements
    summary: Summary
    order: NDArray[np.int64] | None = None
    """elements by observed value, the smallest first; for step-down"""
    reach: Floats | None = None
    """what an arrangement must reach to count against each element; for step-down"""

    @property
    def is_sliced(self) -> bool:
        """Whether elements do not know each other, so that they may be done in slices."""
        return self.summary.neighbours is None and self.order is None


class Null(NamedTuple):
    """What the arrangements found."""

    maxima: Floats
    """shape (N,), the identity first"""
    counts: NDArray[np.int64] | None
    """shape (u,), for step-down: arrangements beside the identity that reach each element"""


class _Item(NamedTuple):
    """What one worker does at a time."""

    blocks: list[int]
    residuals: Singles
    """shape (m, all or a slice of the elements)"""


def null_distribution(
    job: Job, residuals: Singles, *, observed: Floats, key: str, engine: Engine
) -> Null:
    """Make blocks of arrangements until all are made or, when adaptive, every verdict is settled.

    Parameters
    ----------
    job : Job
        What is done in each block.
    residuals : numpy.ndarray of float32, shape (m, u)
        Unit residuals of the tested elements.
    observed : numpy.ndarray of float64, shape (u,)
        The values that the maxima are compared with (magnitudes when two-sided).
    key : str
        Names everything on which a block's outcome depends.
    engine : Engine
        Where blocks run and are kept.

    Returns
    -------
    Null
        Maxima of all arrangements that were made.
    """
    arrangements, adaptive = job.arrangements, job.summary.settings.adaptive
    n_blocks = arrangements.n_blocks
    maxima = np.full((n_blocks, BLOCK), -np.inf)
    counts = None if job.order is None else np.zeros(residuals.shape[1], dtype=np.int64)
    step = n_blocks if adaptive is None or arrangements.exact else LOOK
    for first in range(0, n_blocks, step):
        blocks = range(first, min(first + step, n_blocks))
        for block, outcome in _outcomes(job, residuals, blocks=blocks, key=key, engine=engine):
            maxima[block] = outcome["maxima"]
            if counts is not None:
                counts += outcome["counts"]
        so_far = maxima[: blocks.stop].ravel()[: arrangements.n_arrangements].copy()
        so_far[0] = np.nanmax(observed, initial=-np.inf)  # NaN has no part in it
        if adaptive is not None and is_settled(observed, so_far, alpha=adaptive):
            break
    return Null(maxima=so_far, counts=counts)


def is_settled(observed: Floats, maxima: Floats, *, alpha: float) -> bool:
    """Say whether no element's p can still lie on either side of alpha.

    Parameters
    ----------
    observed : numpy.ndarray of float64, shape (u,)
        The values that the maxima are compared with.
    maxima : numpy.ndarray of float64, shape (N,)
        Of the arrangements so far, the identity first.
    alpha : float
        Level.

    Returns
    -------
    bool
        Whether the confidence sequence of every p excludes alpha.
    """
    low, high = open_counts(len(maxima) - 1, alpha=alpha)
    beaten = fwe.judge_by_maxima(observed, maxima, exact=True).counts - 1
    return not bool(((beaten >= low) & (beaten <= high)).any())


def _outcomes(
    job: Job, residuals: Singles, *, blocks: range, key: str, engine: Engine
) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of each block; those that were kept are not made again."""
    missing = []
    for block in blocks:
        content = engine.store.get(f"{key}-{block:06d}") if engine.store is not None else None
        if content is None:
            missing.append(block)
        else:
            yield block, unpack_arrays(content)
    make = _made_in_slices if job.is_sliced else _made_whole
    left = len(missing)
    for block, outcome in make(job, residuals, missing=missing, executor=engine.executor):
        if engine.store is not None:
            engine.store.put(f"{key}-{block:06d}", pack_arrays(outcome))
        left -= 1
        yield block, outcome
        if engine.progress is not None:
            total = job.arrangements.n_arrangements
            engine.progress(min((blocks.stop - left) * BLOCK, total), total)


def _made_in_slices(
    job: Job, residuals: Singles, *, missing: list[int], executor: Executor
) -> Iterator[tuple[int, Outcome]]:
    """Yield the maxima of each block; slices of the elements travel on their own."""
    rounds = [missing[i : i + ROUND] for i in range(0, len(missing), ROUND)]
    starts = range(0, residuals.shape[1], SLICE)
    items = (
        _Item(blocks, residuals[:, start : start + SLICE]) for blocks in rounds for start in starts
    )
    outcomes = executor.map(partial(_slice_maxima, job=job), items)
    for blocks in rounds:
        maxima = np.full((len(blocks), BLOCK), -np.inf)
        for _ in starts:
            np.maximum(maxima, next(outcomes), out=maxima)
        for block, found in zip(blocks, maxima, strict=True):
            yield block, {"maxima": found}


def _slice_maxima(item: _Item, *, job: Job) -> Floats:
    """Return the maxima of some blocks over some elements, shape (blocks, BLOCK)."""
    tested = job.summary.tested
    arranged = (arrange(tested, job.arrangements, block=block) for block in item.blocks)
    return np.stack([largest_statistics(one, item.residuals, tested=tested) for one in arranged])


def _made_whole(
    job: Job, residuals: Singles, *, missing: list[int], executor: Executor
) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcome of each block over all elements at once."""
    items = (_Item([block], residuals) for block in missing)
    yield from zip(missing, executor.map(partial(_whole_outcome, job=job), items), strict=True)


def _whole_outcome(item: _Item, *, job: Job) -> Outcome:
    """Return the maxima of one block and, for step-down, the counts."""
    (block,) = item.blocks
    tested, n_elements = job.summary.tested, item.residuals.shape[1]
    arranged = arrange(tested, job.arrangements, block=block)
    n_wanted = min(BLOCK, job.arrangements.n_arrangements - block * BLOCK)
    outcome: Outcome = {"maxima": np.full(BLOCK, -np.inf)}
    if job.order is not None:
        outcome["counts"] = np.zeros(n_elements, np.int32)
    room = np.empty((BATCH, n_elements), np.float32)
    for start in range(0, n_wanted, BATCH):
        part = slice(start, min(start + BATCH, n_wanted))
        out = room[: part.stop - start]
        statistics = all_statistics(arranged.take(part), item.residuals, tested=tested, out=out)
        outcome["maxima"][part] = job.summary.maxima(statistics)
        if job.order is not None and job.reach is not None:
            others = statistics[1:] if block == start == 0 else statistics
            outcome["counts"] += count_steps_down(
                others, order=job.order, reach=job.reach, two_sided=job.summary.two_sided
            )
    return outcome
