"""Threshold-free cluster enhancement (TFCE), exact: no step size, on any neighbourhood."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError
from heatlas.infer.compiled import as_input, compiled
from heatlas.infer.neighbours import check_measure, check_table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Words = NDArray[np.uint32]

BINS: Final = 2048  # of one pass of the sort: 11 bits, so that three passes see all 32
LOW_BITS: Final = np.uint32(BINS - 1)
SIGN: Final = np.uint32(0x80000000)
INFINITE: Final = np.uint32(0x7F800000)  # bits of an infinite float32; NaN lie above it
SIZE, LEVEL, LARGEST = 0, 1, 2
NONE: Final = np.uint32(0xFFFFFFFF)  # no component, no parent


class _Order(NamedTuple):
    """Elements of one tail from the highest to the lowest, and what sorting them takes."""

    keys: Words
    """of the sort, which keeps the order of equal ones; smallest for the highest"""
    names: Words
    """the elements that the keys belong to"""
    bits: Words
    """of the heights in order"""
    heights: Singles
    """the same memory as numbers"""
    elements: Words
    """in order"""
    starts: NDArray[np.int64]
    """of the bins of the three passes"""


class _Components(NamedTuple):
    """Components above the present height, each told by one of its peaks, its root."""

    peaks: Words
    """of each element visited and of its meeting places, a peak of the component; the first is
    for no neighbour"""
    parents: Words
    """of each peak, another peak of its component; the root is its own"""
    states: Floats
    """of each root: its SIZE, the LEVEL down to which it is integrated, the LARGEST integral of
    its elements so far"""


class _Shape(NamedTuple):
    """Exponents of the integrand."""

    height: float
    extent: float


def tfce(
    values: ArrayLike,
    neighbours: NDArray[np.int32],
    *,
    height: float = 2.0,
    extent: float = 0.5,
    two_sided: bool = True,
    measure: Floats | None = None,
) -> Floats:
    """Return the threshold-free cluster enhancement of a map, with the sign of each tail.

    The value of an element of height h is the integral over all thresholds t from 0 to h of
    ``e(t) ** extent * t ** height``, e(t) being the size of the connected component above t
    that holds the element.

    Parameters
    ----------
    values : array_like, shape (V,)
        A statistic with expectation 0; taken as float32. NaN counts as no evidence.
    neighbours : numpy.ndarray of int32, shape (V, K)
        From :func:`~heatlas.infer.neighbours.neighbour_table`.
    height, extent : float
        Exponents of height (H) and size (E), at least 0.
    two_sided : bool
        Enhance the negative tail as well, apart from the positive one; else its elements get 0.
    measure : array_like of float64, shape (V,), optional
        Size of each element, such as its area; None counts elements.

    Returns
    -------
    numpy.ndarray of float64, shape (V,)
        Negative in the negative tail; NaN where the value is NaN.

    Raises
    ------
    DataError
        If an exponent or a measure is negative or not finite, a length does not fit, or a value
        is infinite.

    Notes
    -----
    Exact: the elements are visited from the highest to the lowest and their components joined,
    which makes a tree of components; size is constant between the heights of a component and of
    its parent, so the integral is a sum over the way to the root, of positive terms only. It
    does not depend on what lies elsewhere, nor on a step size. A box of N elements of height h
    gives ``sqrt(N) * h ** 3 / 3`` with the default exponents.

    Time is that of one sort (by counting, all bits of the heights) and one visit to each
    neighbour; memory is 60 bytes an element. With other exponents than 2, and 0.5 or 1, powers are
    taken, which is slower.

    References
    ----------
    Smith and Nichols (2009), Threshold-free cluster enhancement: addressing problems of
    smoothing, threshold dependence and localisation in cluster inference. NeuroImage 44,
    doi:10.1016/j.neuroimage.2008.03.061. Najman and Couprie (2006), Building the component tree
    in quasi-linear time. IEEE Transactions on Image Processing 15, for the tree.
    """
    given = np.asarray(values, dtype=np.float32)
    if given.ndim != 1:
        raise DataError(f"TFCE: expected one map of V values, got shape {given.shape}.")
    if np.isinf(given).any():
        raise DataError("TFCE: a value is infinite; set it to NaN if it means no evidence.")
    _check_exponents(height=height, extent=extent)
    enhanced = _enhance(
        as_input(given, np.float32),
        neighbours=check_table(neighbours, n_elements=len(given)),
        measure=check_measure(measure, n_elements=len(given)),
        height=float(height),
        extent=float(extent),
        two_sided=bool(two_sided),
    )
    enhanced[np.isnan(given)] = np.nan
    return enhanced


def tfce_maxima(
    block: NDArray[np.float32],
    neighbours: NDArray[np.int32],
    *,
    height: float = 2.0,
    extent: float = 0.5,
    two_sided: bool = True,
    measure: Floats | None = None,
) -> Floats:
    """Return the largest threshold-free cluster enhancement of each of many maps.

    Parameters
    ----------
    block : numpy.ndarray of float32, shape (B, V)
        One map per row; NaN counts as no evidence.
    neighbours : numpy.ndarray of int32, shape (V, K)
        From :func:`~heatlas.infer.neighbours.neighbour_table`.
    height, extent : float
        Exponents as of :func:`tfce`.
    two_sided : bool
        Whether the negative tail counts as well.
    measure : array_like of float64, shape (V,), optional
        Size of each element; None counts elements.

    Returns
    -------
    numpy.ndarray of float64, shape (B,)
        At least 0; infinite for a map with an infinite value in a tail that counts.

    Raises
    ------
    DataError
        As of :func:`tfce`.

    Notes
    -----
    The same numbers as the largest magnitudes of :func:`tfce` but for rounding (1e-12 relative):
    a component carries the largest integral of its elements along, so that nothing has to be
    kept for each element. Components are joined through their peaks, which are few.

    Runs in one thread and lets go of the interpreter's lock, so that threads may work on blocks
    of their own; a map's number does not depend on the other maps of its block. Memory is 48
    bytes an element beside the block.

    References
    ----------
    Smith and Nichols (2009), NeuroImage 44, doi:10.1016/j.neuroimage.2008.03.061.
    """
    given = np.asarray(block, dtype=np.float32)
    if given.ndim != 2:
        raise DataError(f"TFCE: expected maps in rows, got shape {given.shape}.")
    _check_exponents(height=height, extent=extent)
    return _maxima(
        as_input(given, np.float32),
        neighbours=check_table(neighbours, n_elements=given.shape[1]),
        measure=check_measure(measure, n_elements=given.shape[1]),
        height=float(height),
        extent=float(extent),
        two_sided=bool(two_sided),
    )


def _check_exponents(*, height: float, extent: float) -> None:
    for name, exponent in (("height", height), ("extent", extent)):
        if not np.isfinite(exponent) or exponent < 0:
            raise DataError(f"TFCE: the exponent of {name} is {exponent}, expected at least 0.")


@compiled
def _maxima(
    block: Singles,
    *,
    neighbours: NDArray[np.int32],
    measure: Floats,
    height: float,
    extent: float,
    two_sided: bool,
) -> Floats:
    n_maps, n_elements = block.shape
    order, parts = _new_order(n_elements), _new_components(n_elements, _n_marks(neighbours))
    around = np.empty(neighbours.shape[1] + 1, np.uint32)
    shape = _Shape(height, extent)
    largest = np.zeros(n_maps)
    for b in range(n_maps):
        for tail in range(2 if two_sided else 1):
            n = _sort_tail(block[b], order=order, negative=tail == 1)
            found = _largest(
                n, order=order, parts=parts, neighbours=neighbours, measure=measure,
                around=around, shape=shape,
            )  # fmt: skip
            largest[b] = max(largest[b], found)
    return largest


@compiled
def _largest(
    n: np.int64,
    *,
    order: _Order,
    parts: _Components,
    neighbours: NDArray[np.int32],
    measure: Floats,
    around: Words,
    shape: _Shape,
) -> float:
    """Visit the first n elements of the order and return the largest integral of any."""
    if n > 0 and np.isinf(order.heights[0]):
        return np.inf
    elements, heights = order.elements, order.heights
    peaks, parents, states = parts.peaks, parts.parents, parts.states
    peaks[:] = NONE
    n_peaks = np.uint32(0)
    for i in range(n):
        element = elements[i]
        level = _level(heights[i], shape.height)
        found = _look_around(element, neighbours=neighbours, marks=peaks, around=around)
        if found == 0:
            root = n_peaks
            n_peaks += np.uint32(1)
            parents[root] = root
            states[root, SIZE], states[root, LEVEL], states[root, LARGEST] = 0.0, level, 0.0
        else:
            root = _root(parents, around[0])
            _integrate(states, root, level=level, extent=shape.extent)
            for j in range(np.uint64(1), found):
                other = _root(parents, around[j])
                if other != root:
                    _integrate(states, other, level=level, extent=shape.extent)
                    root = _join(parents, root, other=other, states=states)
        states[root, SIZE] += measure[element] if measure.size else 1.0
        _leave_mark(root, element=element, neighbours=neighbours, marks=peaks)
    largest = 0.0
    for i in range(n_peaks):
        if parents[i] == i:
            _integrate(states, np.uint32(i), level=0.0, extent=shape.extent)
            largest = max(largest, states[i, LARGEST])
    return largest


@compiled
def _enhance(
    values: Singles,
    *,
    neighbours: NDArray[np.int32],
    measure: Floats,
    height: float,
    extent: float,
    two_sided: bool,
) -> Floats:
    """Return the map of integrals: components as a tree, then from its roots to its leaves."""
    n_elements = len(values)
    order, shape = _new_order(n_elements), _Shape(height, extent)
    parents, sizes = np.empty(n_elements, np.uint32), np.empty(n_elements)
    integrals, enhanced = np.empty(n_elements), np.zeros(n_elements)
    for tail in range(2 if two_sided else 1):
        n = _sort_tail(values, order=order, negative=tail == 1)
        _grow_tree(n, order=order, neighbours=neighbours, measure=measure,
                   parents=parents, sizes=sizes)  # fmt: skip
        for i in range(n - 1, -1, -1):
            own = _level(order.heights[i], shape.height)
            above = parents[i]
            if above == NONE:
                integrals[i] = _power(sizes[i], shape.extent) * own
            else:
                step = own - _level(order.heights[above], shape.height)
                integrals[i] = integrals[above] + _power(sizes[i], shape.extent) * step
            enhanced[order.elements[i]] = -integrals[i] if tail else integrals[i]
    return enhanced


@compiled
def _grow_tree(
    n: np.int64,
    *,
    order: _Order,
    neighbours: NDArray[np.int32],
    measure: Floats,
    parents: Words,
    sizes: Floats,
) -> None:
    """Make each element, told by its place in the order, the root of what it touches above it."""
    places = np.full(_n_marks(neighbours), NONE)
    roots = np.empty(n, np.uint32)
    around = np.empty(neighbours.shape[1] + 1, np.uint32)
    for i in range(n):
        element = order.elements[i]
        found = _look_around(element, neighbours=neighbours, marks=places, around=around)
        roots[i], parents[i] = i, NONE
        sizes[i] = measure[element] if measure.size else 1.0
        for j in range(found):
            other = _root(roots, around[j])
            if other != i:
                roots[other] = parents[other] = i
                sizes[i] += sizes[other]
        _leave_mark(np.uint32(i), element=element, neighbours=neighbours, marks=places)


@compiled
def _new_order(n_elements: int) -> _Order:
    bits = np.empty(n_elements, np.uint32)
    return _Order(
        keys=np.empty(n_elements, np.uint32),
        names=np.empty(n_elements, np.uint32),
        bits=bits,
        heights=bits.view(np.float32),
        elements=np.empty(n_elements, np.uint32),
        starts=np.empty(3 * BINS, np.int64),
    )


@compiled
def _new_components(n_elements: int, n_marks: int) -> _Components:
    return _Components(
        peaks=np.empty(n_marks, np.uint32),
        parents=np.empty(n_elements, np.uint32),
        states=np.empty((n_elements, 3)),
    )


@compiled
def _sort_tail(values: Singles, *, order: _Order, negative: bool) -> np.int64:
    """Sort what lies beyond 0 in one tail from the highest to the lowest; return how many.

    Bits of positive float32 numbers are ordered as the numbers are. One pass of counting per 11
    bits, lowest bits first, sorts them.
    """
    n = _list_tail(values, order=order, negative=negative)
    _count_digits(order.keys[:n], order.starts)
    for i in range(n):
        to = _next_place(order.starts, order.keys[i] & LOW_BITS)
        order.bits[to], order.elements[to] = order.keys[i], order.names[i]
    for i in range(n):
        digit = (order.bits[i] >> np.uint32(11)) & LOW_BITS
        to = _next_place(order.starts[BINS:], digit)
        order.keys[to], order.names[to] = order.bits[i], order.elements[i]
    for i in range(n):
        to = _next_place(order.starts[2 * BINS :], order.keys[i] >> np.uint32(22))
        order.bits[to], order.elements[to] = INFINITE - order.keys[i], order.names[i]
    return n


@compiled
def _list_tail(values: Singles, *, order: _Order, negative: bool) -> np.int64:
    """List the keys of the elements of one tail; without branches, which would be guessed."""
    keys, names, bits = order.keys, order.names, values.view(np.uint32)
    flip = SIGN if negative else np.uint32(0)
    n = np.uint64(0)
    for element in range(len(values)):
        height = bits[element] ^ flip
        keys[n], names[n] = INFINITE - height, element
        n += np.uint64(np.uint32(height - np.uint32(1)) < INFINITE)
    return np.int64(n)


@compiled
def _count_digits(keys: Words, starts: NDArray[np.int64]) -> None:
    """Set where each bin of each pass begins."""
    starts[:] = 0
    for key in keys:
        starts[key & LOW_BITS] += 1
        starts[np.uint32(BINS) + ((key >> np.uint32(11)) & LOW_BITS)] += 1
        starts[np.uint32(2 * BINS) + (key >> np.uint32(22))] += 1
    for digit in range(3):
        total = 0
        for place in range(digit * BINS, (digit + 1) * BINS):
            starts[place], total = total, total + starts[place]


@compiled
def _next_place(starts: NDArray[np.int64], digit: np.uint32) -> np.uint64:
    place = starts[digit]
    starts[digit] = place + 1
    return np.uint64(place)


@compiled
def _look_around(
    element: np.uint32, *, neighbours: NDArray[np.int32], marks: Words, around: Words
) -> np.uint64:
    """List the marks of the neighbours that were visited; return how many are listed."""
    found = np.uint64(0)
    for j in range(neighbours.shape[1]):
        # The first mark stands for no neighbour, -1, and is never set.
        mark = marks[np.uint64(np.int64(neighbours[element, j]) + 1)]
        around[found] = mark
        found += np.uint64(mark != NONE)
    return found


@compiled
def _leave_mark(
    mark: np.uint32, *, element: np.uint32, neighbours: NDArray[np.int32], marks: Words
) -> None:
    """Mark an element that was visited, and its meeting places where there are any."""
    n_elements = len(neighbours)
    marks[element + np.uint32(1)] = mark
    if len(marks) > n_elements + 1:
        for j in range(neighbours.shape[1]):
            if neighbours[element, j] >= n_elements:
                marks[np.uint64(np.int64(neighbours[element, j]) + 1)] = mark


@compiled
def _n_marks(neighbours: NDArray[np.int32]) -> int:
    """Return how many marks there are: for no neighbour, elements and meeting places."""
    last = len(neighbours) - 1
    for element in range(len(neighbours)):
        for j in range(neighbours.shape[1]):
            if neighbours[element, j] > last:
                last = int(neighbours[element, j])
    return last + 2


@compiled
def _root(parents: Words, peak: np.uint32) -> np.uint32:
    """Return the root of a peak, halving the way for whoever comes next."""
    while parents[peak] != peak:
        parents[peak] = parents[parents[peak]]
        peak = parents[peak]
    return peak


@compiled
def _integrate(states: Floats, root: np.uint32, *, level: float, extent: float) -> None:
    """Carry the integral of a component down to a level."""
    step = states[root, LEVEL] - level
    states[root, LARGEST] += _power(states[root, SIZE], extent) * step
    states[root, LEVEL] = level


@compiled
def _join(parents: Words, root: np.uint32, *, other: np.uint32, states: Floats) -> np.uint32:
    """Join two components of one level and return the root of both: that of the larger one."""
    if states[other, SIZE] > states[root, SIZE]:
        root, other = other, root
    parents[other] = root
    states[root, SIZE] += states[other, SIZE]
    states[root, LARGEST] = max(states[root, LARGEST], states[other, LARGEST])
    return root


@compiled
def _level(height: np.float32, exponent: float) -> float:
    """Return the integral of the height's power from 0 to a height."""
    h = np.float64(height)
    if exponent == 2.0:
        return h * h * h / 3.0
    return h ** (exponent + 1.0) / (exponent + 1.0)


@compiled
def _power(size: float, exponent: float) -> float:
    """Return a power of a size; those that are in use (0.5, and 1 on skeletons) are quick."""
    if exponent == 0.5:
        return math.sqrt(size)
    return size if exponent == 1.0 else size**exponent
