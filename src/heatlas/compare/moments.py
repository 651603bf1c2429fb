"""Sums over the elements of each pair of maps, taken once for all policies about background."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.compare.policy import Selection
from heatlas.core.execute import Executor, SerialExecutor
from heatlas.core.value import Value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Recode = Callable[[NDArray[np.float32]], NDArray[np.floating]]
BLOCK_VALUES = 1 << 20  # of all maps together, that are multiplied at once in float64
LONGEST_BLOCK = 1 << 14  # elements


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments(Value):
    """Sums over the elements of each pair; every array has shape (rows, columns).

    Parameters
    ----------
    n : numpy.ndarray
        How many elements the pair rests on.
    x, y, xx, yy, xy : numpy.ndarray
        Sums of the row map, the column map, their squares and their product.
    """

    n: Floats
    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats

    @property
    def covariances(self) -> tuple[Floats, Floats, Floats]:
        """Sums of squares of row and column map and of products around the pair's means."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (
                np.maximum(self.xx - self.x**2 / self.n, 0),
                np.maximum(self.yy - self.y**2 / self.n, 0),
                self.xy - self.x * self.y / self.n,
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums(Value):
    """Sums over the elements that two maps both measure, around a number for each map.

    Parameters
    ----------
    n, x, xx, xy : numpy.ndarray, shape (m, m)
        How many elements; sums of map i, of its square, of its product with map j, over elements
        that map j measures too.
    shift : numpy.ndarray, shape (m,)
        What was subtracted from the values of each map.
    """

    n: Floats
    x: Floats
    xx: Floats
    xy: Floats
    shift: Floats

    def around(self, shift: Floats) -> Sums:
        """Return the same sums with other numbers subtracted from the maps."""
        step = (self.shift - shift)[:, None]
        return Sums(
            n=self.n,
            x=self.x + self.n * step,
            xx=self.xx + 2 * step * self.x + self.n * step**2,
            xy=self.xy + step * self.x.T + step.T * self.x + self.n * (step * step.T),
            shift=shift,
        )

    def plus(self, other: Sums) -> Sums:
        """Return the sums over the elements of both."""
        weight, more = np.diag(self.n), np.diag(other.n)
        total = np.maximum(weight + more, 1)
        shift = (weight * self.shift + more * other.shift) / total
        whole, added = self.around(shift), other.around(shift)
        for total, more in ((whole.x, added.x), (whole.xx, added.xx), (whole.xy, added.xy)):
            total += more  # in arrays of our own: with many maps each is large
        return replace(whole, n=self.n + other.n)

    def filled(self, fills: Floats, *, neither: Floats) -> Sums:
        """Return the sums with a number for each map where only the other one was measured.

        Parameters
        ----------
        fills : numpy.ndarray, shape (m,)
            What stands for each map; NaN where nothing does.
        neither : numpy.ndarray, shape (m, m)
            Elements of each pair that no map of it measures, but that count where both have fills.
        """
        if not neither.any() and (self.n == np.diag(self.n)[:, None]).all():
            return self  # whatever a map measures, all others do
        known = np.isfinite(fills).astype(np.float64)[:, None]
        fill = np.where(known[:, 0] > 0, fills - self.shift, 0)[:, None]
        own_n, own_x, own_xx = (np.diag(sums) for sums in (self.n, self.x, self.xx))
        alone = own_n[:, None] - self.n  # only map i is measured
        both = known * known.T * neither
        instead = known * alone.T + both  # how often the fill of map i is used
        lost = own_x[:, None] - self.x
        # With many maps each of these arrays is large: few stand at a time.
        n = _total(self.n, known.T * alone, instead)
        del alone
        x = _total(self.x, known.T * lost, fill * instead)
        xx = _total(self.xx, known.T * (own_xx[:, None] - self.xx), fill**2 * instead)
        del instead
        lost *= fill.T
        xy = _total(self.xy, lost, lost.T, fill * fill.T * both)
        return Sums(n=n, x=x, xx=xx, xy=xy, shift=self.shift)


def _total(first: Floats, *others: Floats) -> Floats:
    """Return the sum of arrays in one of its own."""
    total = np.array(first)
    for other in others:
        total += other
    return total


@dataclass(frozen=True, kw_only=True, eq=False)
class Summing(Value):
    """How sums are taken, and those that one comparison has taken already.

    Parameters
    ----------
    executor : Executor
        Runs blocks of elements in threads; results do not depend on it.
    maps : ComparedMaps, optional
        Whose sums are remembered; those of other maps, such as ranks, are not.
    seen : dict
        Sums by the elements that they were taken over, filled as they are asked for.
    """

    executor: Executor = field(default_factory=SerialExecutor)
    maps: ComparedMaps | None = None
    seen: dict[tuple[object, ...], Sums] = field(default_factory=dict)


def pair_moments(
    selection: Selection,
    rows: Sequence[int],
    *,
    columns: Sequence[int],
    centred: bool = True,
    recode: Recode | None = None,
    summing: Summing | None = None,
) -> Moments:
    """Return the sums over the elements of each pair.

    Parameters
    ----------
    selection : Selection
        The maps over the elements that count.
    rows, columns : sequence of int
        Numbers of the maps.
    centred : bool
        Whether each map's mean is subtracted first, which keeps digits and changes no covariance.
    recode : callable, optional
        Takes values, NaN where there are none, and returns those that are summed instead; the
        selection's fills are to be recoded already.
    summing : Summing, optional
        Of this comparison; it knows sums that other policies have asked for.

    Returns
    -------
    Moments
        Sums of all pairs.

    Notes
    -----
    Elements that all maps measure take one product of each block with itself; those that some
    maps miss take four. Policies differ in what stands for missing values, which is added to the
    sums afterwards. Memory: for each worker two blocks of one million values and their sums.
    """
    summing = summing or Summing()
    numbers = sorted({*rows, *columns})
    sums = _measured(selection, numbers, centred=centred, recode=recode, summing=summing)
    fills = selection.fills[numbers]
    if selection.join == "either":
        sums = sums.filled(np.zeros(len(numbers)), neither=np.zeros(sums.n.shape))
    elif np.isfinite(fills).any():
        own = np.diag(sums.n)
        sums = sums.filled(fills, neither=selection.mask.size - own[:, None] - own + sums.n)
    if list(rows) == numbers and list(columns) == numbers:  # no copies of large matrices
        return Moments(n=sums.n, x=sums.x, y=sums.x.T, xx=sums.xx, yy=sums.xx.T, xy=sums.xy)
    places = np.searchsorted(numbers, rows), np.searchsorted(numbers, columns)
    here, there = np.ix_(*places), np.ix_(*places[::-1])
    return Moments(
        n=sums.n[here],
        x=sums.x[here],
        y=sums.x[there].T,
        xx=sums.xx[here],
        yy=sums.xx[there].T,
        xy=sums.xy[here],
    )


def _measured(
    selection: Selection,
    numbers: list[int],
    *,
    centred: bool,
    recode: Recode | None,
    summing: Summing,
) -> Sums:
    """Return the sums over the elements that each pair measures."""
    maps = selection.maps
    seen = summing.seen if maps is summing.maps and recode is None else {}
    chosen = np.zeros(maps.mask.size, dtype=bool)
    chosen[selection.elements] = True
    found: list[Sums] = []
    for shared in (True, False):
        elements = chosen & (maps.measured_by_all == shared)
        if found and not elements.any():
            continue
        key = blake2b(np.packbits(elements).tobytes()).digest(), tuple(numbers), centred
        if key not in seen:
            part = _Part(maps, numbers, np.flatnonzero(elements), shared=shared, recode=recode)
            seen[key] = _sums_over(part, centred=centred, executor=summing.executor)
        found.append(seen[key])
    return found[0] if len(found) == 1 else found[0].plus(found[1])


class _Part(NamedTuple):
    """Some elements of some maps."""

    maps: ComparedMaps
    numbers: list[int]
    elements: NDArray[np.int64]
    shared: bool
    """whether all maps measure all of them"""
    recode: Recode | None

    def blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yield the elements in runs whose length follows from the number of maps alone."""
        length = min(LONGEST_BLOCK, max(BLOCK_VALUES // max(len(self.numbers), 1), 1))
        for start in range(0, len(self.elements), length):
            yield self.elements[start : start + length]

    def values(self, elements: NDArray[np.int64]) -> Floats:
        """Return the values of the maps at some elements in float64, NaN where there are none."""
        stored = self.maps.values
        rows = slice(None) if len(self.numbers) == len(stored) else np.array(self.numbers)
        first, last = int(elements[0]), int(elements[-1])
        chosen = stored[rows, first : last + 1]
        if last - first + 1 > len(elements):
            chosen = chosen[:, elements - first]
        return np.array(chosen if self.recode is None else self.recode(chosen), dtype=np.float64)


def _sums_over(part: _Part, *, centred: bool, executor: Executor) -> Sums:
    """Return the sums over a part, block by block in one order whatever runs them."""
    m = len(part.numbers)
    shift = _means(part, executor=executor) if centred else np.zeros(m)
    each = (m, 1) if part.shared else (m, m)
    n, x, xx, xy = (np.zeros(shape) for shape in (each, each, each, (m, m)))

    def of_block(elements: NDArray[np.int64]) -> tuple[Floats | int, ...]:
        values = part.values(elements)
        values -= shift[:, None]
        return _products(values) if part.shared else _products_where_measured(values)

    for block in executor.map(of_block, part.blocks()):
        for total, more in zip((n, x, xx, xy), block, strict=True):
            total += more
    n, x, xx = (np.broadcast_to(sums, (m, m)) for sums in (n, x, xx))
    return Sums(n=n, x=x, xx=xx, xy=xy, shift=shift)


def _products(values: Floats) -> tuple[Floats | int, ...]:
    """Return the sums of a block in which every value counts."""
    products = values @ values.T
    return values.shape[1], values.sum(axis=1)[:, None], np.diag(products)[:, None], products


def _products_where_measured(values: Floats) -> tuple[Floats, ...]:
    """Return the sums of a block; x of (i, j) is the sum of map i where j is measured too."""
    measured = np.isfinite(values)
    values = np.where(measured, values, 0)
    flags = measured.astype(np.float64)
    return flags @ flags.T, values @ flags.T, (values * values) @ flags.T, values @ values.T


def _means(part: _Part, *, executor: Executor) -> Floats:
    """Return the mean of each map where it was measured in a part, 0 where it was nowhere."""

    def of_block(elements: NDArray[np.int64]) -> tuple[Floats, Floats]:
        values = part.values(elements)
        if part.shared:
            return values.sum(axis=1), np.full(len(values), float(len(elements)))
        measured = np.isfinite(values)
        return values.sum(axis=1, where=measured), measured.sum(axis=1).astype(np.float64)

    total, n = np.zeros(len(part.numbers)), np.zeros(len(part.numbers))
    for block_total, block_n in executor.map(of_block, part.blocks()):
        total += block_total
        n += block_n
    return np.asarray(total / np.maximum(n, 1))
