"""How alike left and right are: each value against those across the midsagittal plane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.lags import (
    Floats,
    Floats32,
    Lags,
    Window,
    bounding_box,
    box_of,
    cut_curve,
    field_of,
    lengthened,
)
from heatlas.core.space import Grid

Flags = NDArray[np.bool_]
SKEWED = 1e-9  # of a voxel by voxel; less moves no voxel of any grid
SHARED = 0.5  # of a mask that its mirror image must share; less is no pair of hemispheres


@dataclass(frozen=True, eq=False)
class Mirror:
    """The pairs of a mask's elements by how far one is from the mirror image of the other."""

    lags: Lags
    """of the mask, in a box that holds its mirror image as well"""
    partner: NDArray[np.intp]
    """number in the box of the voxel across the plane x = 0, -1 beyond it, shape box.shape"""

    within_grid: tuple[slice, ...]
    """where the box lies in the grid"""

    def of(self, inside: Flags) -> Mirror | None:
        """Return the same for another mask of the same box; None where it is one-sided."""
        if (_image(inside, partner=self.partner) & inside).sum() < SHARED * inside.sum():
            return None
        return replace(self, lags=Lags(inside=inside, box=self.lags.box))

    def pairs_of(self, n_shells: int) -> Floats:
        """Return the ordered pairs in the first shells, by the cheapest way."""
        if n_shells <= self.lags.box.near.n_shells:
            return self._near_pairs[:n_shells]
        return self._far_pairs[:n_shells]

    def totals(self, field: Floats32, own: Floats, *, window: Window) -> Floats:
        """Return the sums of products with the mirror image over a window's shells.

        With a field f and its mirror image g, the pairs of f + g are those of f, those of g, which
        are as many, and twice the wanted ones.
        """
        return window.totals(field + self._across(field)) / 2 - own

    def _across(self, field: Floats32) -> Floats32:
        """Return a field's mirror image."""
        return np.where(self.partner >= 0, field.ravel()[self.partner], np.float32(0))

    @cached_property
    def _near_pairs(self) -> Floats:
        return self._counts(self.lags.box.near)

    @cached_property
    def _far_pairs(self) -> Floats:
        return self._counts(self.lags.box.far)

    def _counts(self, window: Window) -> Floats:
        inside = self.lags.inside.astype(np.float32)
        found = self.totals(inside, window.totals(inside), window=window)
        return np.maximum(np.rint(found), 0)


def mirror_of(inside: Flags, *, grid: Grid) -> Mirror | None:
    """Return the mirror of a mask.

    Parameters
    ----------
    inside : numpy.ndarray of bool, shape grid.shape
        The elements.
    grid : Grid
        Where they lie; the plane between left and right is x = 0.

    Returns
    -------
    Mirror or None
        None where the mask shares less than half of its elements with its mirror image: one
        hemisphere, or a grid whose x = 0 lies elsewhere.
    """
    whole = _partners(tuple(slice(0, n) for n in grid.shape), grid=grid)
    image = _image(inside, partner=whole)
    if (image & inside).sum() < SHARED * inside.sum():
        return None
    within = bounding_box(inside | image)
    box = box_of(tuple(cut.stop - cut.start for cut in within), grid=grid)
    lags = Lags(inside=inside[within], box=box)
    return Mirror(lags=lags, partner=_partners(within, grid=grid), within_grid=within)


def correlations(
    values: NDArray[np.floating], *, lags: Lags, mirror: Mirror | None
) -> tuple[Floats, Floats]:
    """Return a map's autocorrelation, and its correlation with its mirror image.

    Parameters
    ----------
    values : numpy.ndarray, shape (v,)
        The map's values over the mask's elements.
    lags : Lags
        Of that mask; with a mirror its own.
    mirror : Mirror, optional
        None looks at one side only.

    Returns
    -------
    autocorrelation, mirrored : numpy.ndarray of float64, shape (n_shells,)
        Over shells of distance, and of distance from the other's mirror image, in units of the
        variance; both are 0 from the first shell on where they are not positive.

    Notes
    -----
    Short lags are looked at first; a curve that does not end there is taken again over all. Time
    and memory grow with the box, widened by a third of its longest edge along each axis (or
    doubled).
    """
    field = field_of(values, lags=lags)
    nothing = np.zeros(lags.n_shells)
    found: list[Floats | None] = [None, None if mirror is not None else nothing]
    for window in (lags.box.near, lags.box.far):
        own = window.totals(field)
        mean = own / np.maximum(lags.pairs_of(window.n_shells), 1)
        if not mean[0] > 0:
            return np.full(lags.n_shells, np.nan), nothing
        last = window is lags.box.far
        if found[0] is None:
            found[0] = cut_curve(mean / mean[0], last=last)
        if mirror is not None and found[1] is None:
            pairs = np.maximum(mirror.pairs_of(window.n_shells), 1)
            across = mirror.totals(field, own, window=window) / pairs
            found[1] = cut_curve(across / mean[0], last=last)
        if all(curve is not None for curve in found):
            break
    one, other = (lengthened(c, to=lags.n_shells) for c in found if c is not None)
    return one, other


def _image(inside: Flags, *, partner: NDArray[np.intp]) -> Flags:
    """Return the mirror image of a mask."""
    flat = np.zeros(inside.size, dtype=bool)
    flat[partner[inside & (partner >= 0)]] = True
    return flat.reshape(inside.shape)


def _partners(within: tuple[slice, ...], *, grid: Grid) -> NDArray[np.intp]:
    """Return the number, within a box of a grid, of the voxel across x = 0; -1 beyond the box."""
    to_mm = np.asarray(grid.affine)
    across = np.linalg.inv(to_mm) @ np.diag([-1.0, 1, 1, 1]) @ to_mm
    along = [np.arange(cut.start, cut.stop) for cut in within]
    shape = tuple(len(axis) for axis in along)
    numbers = np.zeros(shape, dtype=np.intp)
    inside = np.ones(shape, dtype=bool)
    for k, (row, cut) in enumerate(zip(across, within, strict=False)):
        # Of a grid along the body's axes only one part of the sum is not constant: cheap.
        parts = [axis * weight for axis, weight in zip(along, row, strict=False)]
        used = [part if abs(row[j]) > SKEWED else part[:1] * 0 for j, part in enumerate(parts)]
        first, second, third = np.ix_(*used)
        place = np.rint(first + second + third + row[3]).astype(np.intp) - cut.start
        numbers = numbers * shape[k] + place
        inside = inside & (place >= 0) & (place < shape[k])
    return np.where(inside, numbers, -1)
