"""Maps side by side on one space: measured values, and what each file stores elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.background import Background
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.volume import Volume
from heatlas.geometry.resample import resample

Floats32 = NDArray[np.float32]
BLOCK = 1 << 14  # elements that are looked at at once
SHELF = 1 << 24  # values of maps that are kept in one array


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedMaps(Value):
    """m maps over the elements that at least one of them measures.

    Parameters
    ----------
    values : array_like of float32, shape (m, v)
        One row a map; NaN where that map was not measured.
    mask : Mask
        The v elements, and the grid (or the parcels) among which they lie.
    fills : array_like of float64, shape (m,)
        What each file stores where nothing was measured; NaN where no number stands for it.
    names : tuple of str
        One a map, unique.
    stored : array_like of float32, shape (m, v), optional
        Maps over regions only: means over every voxel as the files store them, background
        included. None where no image was read.
    provenance : Provenance
        How they came about.
    """

    values: NDArray[np.float32]
    mask: Mask
    fills: NDArray[np.float64]
    names: tuple[str, ...]
    stored: NDArray[np.float32] | None = None
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that everything fits."""
        values = own_array(self.values, name="maps", dtype=np.float32, ndim=2)
        fills = own_array(self.fills, name="fills", dtype=np.float64, ndim=1)
        set_field(self, "values", to=values)
        set_field(self, "fills", to=fills)
        set_field(self, "names", to=tuple(str(name) for name in self.names))
        check_length(values.T, name="elements", expected=self.mask.size, per="mask elements")
        check_length(fills, name="fills", expected=len(values), per="maps")
        if self.stored is not None:
            stored = own_array(self.stored, name="stored", dtype=np.float32, ndim=2)
            if stored.shape != values.shape:
                raise DataError(f"stored: shape {stored.shape} does not fit {values.shape}.")
            set_field(self, "stored", to=stored)
        check_length(self.names, name="names", expected=len(values), per="maps")
        if len(set(self.names)) < len(self.names):
            raise DataError("names: each map needs a name of its own.")

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.names)

    @property
    def element(self) -> str:
        """What the maps have values for: ``"voxel"`` or ``"region"``."""
        return "region" if isinstance(self.mask.space, Parcels) else "voxel"

    @cached_property
    def measured_by_all(self) -> NDArray[np.bool_]:
        """True where every map was measured, shape (v,)."""
        inside = np.ones(self.mask.size, dtype=bool)
        for row in self.values:
            inside &= np.isfinite(row)
        return inside

    @cached_property
    def shared(self) -> NDArray[np.float64]:
        """How many elements each pair of maps measures, shape (m, m); its own on the diagonal."""
        missed = np.flatnonzero(~self.measured_by_all)
        total = np.full((len(self), len(self)), float(self.mask.size - len(missed)))
        for start in range(0, len(missed), BLOCK):
            measured = np.isfinite(self.values[:, missed[start : start + BLOCK]])
            flags = measured.astype(np.float32)
            total += flags @ flags.T  # whole numbers below 2^24: exact in float32
        return total

    def take(self, maps: Sequence[int]) -> ComparedMaps:
        """Return only these maps, in this order, over the same elements."""
        chosen = list(maps)
        if chosen == list(range(len(self))):
            return self
        names = tuple(self.names[k] for k in chosen)
        return replace(
            self,
            values=self.values[chosen],
            fills=self.fills[chosen],
            names=names,
            stored=None if self.stored is None else self.stored[chosen],
        )


def measured_volume(volume: Volume, *, background: Background) -> Volume:
    """Return a map with NaN where nothing was measured.

    Parameters
    ----------
    volume : Volume
        The map.
    background : Background
        What :func:`heatlas.compare.background.find_background` found in it.

    Returns
    -------
    Volume
        On the same grid.
    """
    values = np.where(background.outside, volume.values.dtype.type(np.nan), volume.values)
    values.setflags(write=False)
    return replace(volume, values=values)


def align_maps(
    maps: Iterable[tuple[Volume, Background]], *, names: Sequence[str], grid: Grid
) -> ComparedMaps:
    """Bring maps onto one grid without mixing background into what was measured.

    Parameters
    ----------
    maps : iterable of (Volume, Background)
        The maps as their files hold them, with what was found in them.
    names : sequence of str
        One a map, unique.
    grid : Grid
        Where they are compared.

    Returns
    -------
    ComparedMaps
        In the same order.

    Raises
    ------
    DataError
        If a map holds nothing that was measured, or the same value everywhere.
    SpaceMismatchError
        If a map reaches no voxel of the grid.

    Notes
    -----
    A coarser grid first gets a Gaussian that removes detail it cannot hold; a voxel has a value
    where at least half of the interpolation's weight was measured
    (:func:`heatlas.geometry.resample.resample`). The maps may come from an iterator that reads one
    file at a time. Memory: the measured voxels of all maps in float32, and one map on its grid.
    """
    anywhere = np.zeros(grid.size, dtype=bool)
    shelves = _Shelves()
    fills: list[float] = []
    for (volume, background), name in zip(maps, names, strict=True):
        measured = measured_volume(volume, background=background)
        _check_varies(measured, name=name)
        values = resample(measured, to=grid, background=None).values.ravel()
        inside = np.isfinite(values)
        anywhere |= inside
        fills.append(np.nan if background.value is None else background.value)
        shelves.put(values, inside=inside)
    rows = _side_by_side(shelves, anywhere=anywhere)
    words = "every voxel that at least one map measures"
    provenance = Provenance().then("align", inputs={"grid": grid.digest})
    return ComparedMaps(
        values=rows,
        mask=Mask(space=grid, inside=anywhere, words=words),
        fills=np.array(fills, dtype=np.float64),
        names=tuple(names),
        provenance=provenance,
    )


class _Shelves:
    """The measured voxels of maps on the grid, until all of them are known.

    Large arrays hold the values of many maps: unlike small ones, these go back to the system as
    soon as they are given up. Maps with the same voxels share one set of flags.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._values: deque[Floats32] = deque()
        self._inside: deque[bytes] = deque()
        self._known: dict[bytes, bytes] = {}
        self._shelf = np.empty(0, dtype=np.float32)
        self._used = 0

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self._values)

    def put(self, values: NDArray[np.floating], *, inside: NDArray[np.bool_]) -> None:
        """Add the values of one map where it was measured."""
        flags = np.packbits(inside).tobytes()
        self._inside.append(self._known.setdefault(flags, flags))
        n = int(np.count_nonzero(inside))
        if self._used + n > len(self._shelf):
            self._shelf, self._used = np.empty(max(n, SHELF), dtype=np.float32), 0
        place = self._shelf[self._used : self._used + n]
        place[:] = values[inside]
        self._values.append(place)
        self._used += n

    def take(self) -> tuple[Floats32, NDArray[np.uint8]]:
        """Give up the first map: its values, and its flags as packed bits."""
        if len(self) == 1:
            self._shelf = np.empty(0, dtype=np.float32)
        return self._values.popleft(), np.frombuffer(self._inside.popleft(), dtype=np.uint8)


def _side_by_side(shelves: _Shelves, *, anywhere: NDArray[np.bool_]) -> Floats32:
    """Return the maps over all elements that one of them measures; the shelves are emptied.

    Each shelf is given up as soon as its maps stand in the matrix, so that both never exist
    together.
    """
    rows = np.empty((len(shelves), int(anywhere.sum())), dtype=np.float32)
    for row in rows:
        values, flags = shelves.take()
        inside = np.unpackbits(flags, count=anywhere.size).astype(bool)[anywhere]
        row[:] = np.nan
        row[inside] = values
    rows.setflags(write=False)
    return rows


def _check_varies(volume: Volume, *, name: str) -> None:
    """Raise unless the measured part of a map holds two different values."""
    finite = volume.values[np.isfinite(volume.values)]
    if not finite.size:
        raise DataError(
            f"{name}: nothing in it was measured; every voxel holds its background. "
            "Leave it out, or check the file."
        )
    if finite.min() == finite.max():
        raise DataError(
            f"{name}: it is constant, {finite[0]:g} in all {finite.size:,} measured voxels, and "
            "a constant has no correlation. Leave it out."
        )
