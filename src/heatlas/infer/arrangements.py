"""Which arrangements of the maps exist, which are made, and what making them assumes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core import random
from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.value import Value
from heatlas.infer.linear import Partition

Floats = NDArray[np.float64]
BLOCK = 128  # arrangements of one block: one stream of chance, one matrix product, one key


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationSettings(Value):
    """How a null distribution is drawn.

    Parameters
    ----------
    n_permutations : int
        Arrangements, the identity included; when no more distinct ones exist, all are taken.
    two_sided : bool
        Take the magnitude of t; an F has one tail.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    """

    n_permutations: int = 1000
    two_sided: bool = True
    seed: int = 0
    step: str = "max-t"

    def __post_init__(self) -> None:
        """Check the number of permutations."""
        if self.n_permutations < 2:
            raise DataError(
                f"n_permutations: at least 2 are needed, got {self.n_permutations}; "
                "a level of .05 needs 20 and is well judged from 1,000 on."
            )


class Plan(NamedTuple):
    """Everything that decides which arrangements are made; small enough to travel often."""

    interest: Floats
    """shape (n, q), the columns that are tested"""
    nuisance: Floats
    """shape (n, k), what must be taken out of each rearranged map"""
    signed: bool
    """keep the sign of a t"""
    sign_flips: bool
    listed: NDArray[np.int64] | None
    """all permutations, shape (N, n), the identity first; None where they are drawn or flipped"""
    n_arrangements: int
    n_possible: float
    seed: int
    step: str

    @property
    def exact(self) -> bool:
        """Whether all arrangements are made."""
        return self.n_possible <= self.n_arrangements

    @property
    def n_blocks(self) -> int:
        """Number of blocks, the last one perhaps used in part only."""
        return -(-self.n_arrangements // BLOCK)


def plan_arrangements(
    design: Design, parts: Partition, *, contrast: Contrast, settings: PermutationSettings
) -> Plan:
    """Decide between permutations and sign-flips, and whether all that exist are made."""
    sign_flips = _involves_the_mean(parts)
    n_possible = 2.0**design.n if sign_flips else _count_permutations(design)
    n_arrangements = int(min(n_possible, settings.n_permutations))
    listed = None
    if not sign_flips and n_possible <= settings.n_permutations:
        listed = np.array(list(_distinct_permutations(_row_classes(design))))
    return Plan(
        interest=parts.interest,
        # Permuted residuals still sum to zero: there is no need to take the constant out again.
        nuisance=parts.nuisance if sign_flips else _without_constant(parts.nuisance),
        signed=contrast.kind == "t" and not settings.two_sided,
        sign_flips=sign_flips,
        listed=listed,
        n_arrangements=n_arrangements,
        n_possible=n_possible,
        seed=settings.seed,
        step=settings.step,
    )


def _involves_the_mean(parts: Partition) -> bool:
    """Say whether the model holds a constant that is not nuisance alone."""
    ones = np.full(len(parts.interest), 1 / np.sqrt(len(parts.interest)))
    of_nuisance = np.linalg.norm(parts.nuisance.T @ ones) ** 2
    of_model = of_nuisance + np.linalg.norm(parts.interest.T @ ones) ** 2
    return bool(of_model > 1 - 1e-9 and of_nuisance < 1 - 1e-9)


def _without_constant(nuisance: Floats) -> Floats:
    """Return an orthonormal basis of the nuisance without the constant, if it holds one."""
    n = len(nuisance)
    along = nuisance.T @ np.full(n, 1 / np.sqrt(n))
    if along @ along < 1 - 1e-9:
        return nuisance
    left, _, _ = np.linalg.svd(along[:, None], full_matrices=True)
    return np.asarray(nuisance @ left[:, 1:])


def _row_classes(design: Design) -> NDArray[np.int64]:
    """Number the rows of the design, equal rows alike: exchanging these changes nothing."""
    size = np.abs(design.matrix).max(axis=0)
    rounded = np.round(design.matrix / np.where(size > 0, size, 1), 12) + 0.0
    return np.unique(rounded, axis=0, return_inverse=True)[1].ravel()


def _count_permutations(design: Design) -> float:
    """Return n! over the factorials of the numbers of equal rows."""
    sizes = np.bincount(_row_classes(design))
    log = math.lgamma(design.n + 1) - sum(math.lgamma(size + 1) for size in sizes)
    if log > 40:  # far beyond any enumeration
        return math.exp(log) if log < 709 else math.inf
    exact = math.factorial(design.n)
    for size in sizes:
        exact //= math.factorial(int(size))
    return float(exact)


def _distinct_permutations(classes: NDArray[np.int64]) -> Iterator[list[int]]:
    """Yield every distinct order of the rows once, as row numbers, the identity first."""
    order = [int(i) for i in np.argsort(classes, kind="stable")]
    first_of = {int(classes[i]): order.index(i) for i in reversed(order)}
    yield list(range(len(classes)))
    sequence = sorted(int(c) for c in classes)
    while True:
        if sequence != list(classes):
            yield _rows_in_order(sequence, order=order, first_of=first_of)
        if not _advance(sequence):
            return


def _rows_in_order(sequence: list[int], *, order: list[int], first_of: dict[int, int]) -> list[int]:
    """Return which row stands where when classes come in this sequence."""
    following = dict(first_of)
    rows = []
    for number in sequence:
        rows.append(order[following[number]])
        following[number] += 1
    return rows


def _advance(sequence: list[int]) -> bool:
    """Turn the sequence into the next one in lexicographic order; False after the last."""
    i = len(sequence) - 2
    while i >= 0 and sequence[i] >= sequence[i + 1]:
        i -= 1
    if i < 0:
        return False
    j = len(sequence) - 1
    while sequence[j] <= sequence[i]:
        j -= 1
    sequence[i], sequence[j] = sequence[j], sequence[i]
    sequence[i + 1 :] = reversed(sequence[i + 1 :])
    return True


def arranged_columns(plan: Plan, block: int) -> Floats:
    """Return the design's columns under each arrangement of a block, shape (q + k, BLOCK, n).

    Rearranging the columns is rearranging the residuals the other way round, which is another
    arrangement of the same set.
    """
    columns = np.concatenate([plan.interest, plan.nuisance], axis=1).T
    if plan.sign_flips:
        return columns[:, None, :] * _signs(plan, block)
    return np.ascontiguousarray(columns[:, _permutations(plan, block)])


def _signs(plan: Plan, block: int) -> Floats:
    """Return the signs of each arrangement of a block, shape (BLOCK, n); the identity is +1."""
    n = len(plan.interest)
    if plan.exact:
        numbers = np.arange(block * BLOCK, (block + 1) * BLOCK)
        bits = numbers[:, None] >> np.arange(n) & 1
        return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
    bits = random.stream(plan.seed, plan.step, index=block).integers(0, 2, size=(BLOCK, n))
    if block == 0:
        bits[0] = 0
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)


def _permutations(plan: Plan, block: int) -> NDArray[np.int64]:
    """Return the row numbers of each arrangement of a block, shape (BLOCK, n)."""
    rows = np.tile(np.arange(len(plan.interest)), (BLOCK, 1))
    if plan.listed is not None:
        listed = plan.listed[block * BLOCK : (block + 1) * BLOCK]
        rows[: len(listed)] = listed
        return rows
    drawn = random.stream(plan.seed, plan.step, index=block).permuted(rows, axis=1)
    if block == 0:
        drawn[0] = rows[0]
    return drawn


def exchangeability_words(plan: Plan, design: Design) -> str:
    """Say what was assumed."""
    residuals = "residuals of the covariates (Freedman-Lane)" if plan.nuisance.size else "maps"
    if plan.sign_flips:
        words = f"errors independent and symmetric around zero: signs of the {residuals} flipped"
    else:
        words = f"errors exchangeable across all maps: {residuals} permuted"
    words += " freely, without blocks"
    repeated = [name for name, known in design.levels.items() if 3 <= design.n / 3 <= len(known)]
    if repeated:
        words += f", not only within the levels of {', '.join(repeated)}"
    return words
