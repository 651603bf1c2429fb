"""Over which elements two maps are compared: the policies, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.registry import Registry
from heatlas.core.space import Mask
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count

Join = Literal["both", "either"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection(Value):
    """What a policy leaves to be compared; the maps' values are not copied.

    Parameters
    ----------
    maps : ComparedMaps
        All maps of the comparison.
    mask : Mask
        The elements that the policy looks at.
    elements : array_like of int64
        Which of the maps' elements are among them, in order; voxels of the mask that no map
        measures lie beyond.
    fills : array_like of float64, shape (m,)
        What stands for a map where it was not measured; NaN where nothing does.
    join : {"both", "either"}
        Whether a cell rests on elements where both maps have a value, or on those that at least
        one measures, with its fill for the other.
    """

    maps: ComparedMaps
    mask: Mask
    elements: NDArray[np.int64]
    fills: NDArray[np.float64]
    join: Join = "both"

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        elements = own_array(self.elements, name="elements", dtype=np.int64, ndim=1)
        set_field(self, "elements", to=elements)
        set_field(self, "fills", to=own_array(self.fills, name="fills", dtype=np.float64, ndim=1))

    @property
    def beyond(self) -> int:
        """Number of elements of the mask that no map measures."""
        return self.mask.size - len(self.elements)

    @cached_property
    def complete(self) -> bool:
        """True when every map has a value at every element, so that all cells share them."""
        if self.join == "either":
            return False
        filled = np.isfinite(self.fills)
        if self.beyond and not filled.all():
            return False
        if self.maps.measured_by_all[self.elements].all():
            return True
        bare = self.maps.values[~filled] if filled.any() else self.maps.values
        return all(bool(np.isfinite(row[self.elements]).all()) for row in bare)

    def values_of(self, number: int) -> NDArray[np.float64]:
        """Return one map over the mask, its fill where it was not measured, shape (mask.size,)."""
        return self._over_mask(number, unmeasured=float(self.fills[number]))

    def usable_by(self, number: int) -> NDArray[np.bool_]:
        """Return the elements that one map brings to its cells, shape (mask.size,)."""
        if self.join == "either":
            return np.isfinite(self._over_mask(number, unmeasured=np.nan))
        return np.isfinite(self.values_of(number))

    def pair(self, first: int, second: int) -> NDArray[np.bool_]:
        """Return the elements on which the cell of two maps rests, shape (mask.size,)."""
        one, other = self.usable_by(first), self.usable_by(second)
        return np.asarray(one | other if self.join == "either" else one & other)

    def onto_elements(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values over the mask, shape (mask.size,), at ``elements``."""
        return values[self._within]

    @cached_property
    def _within(self) -> NDArray[np.bool_]:
        """True for elements of the mask that are among ``elements``."""
        whole = np.zeros(self.mask.space.size, dtype=bool)
        whole[self.maps.mask.indices[self.elements]] = True
        return np.asarray(whole[self.mask.indices])

    def _over_mask(self, number: int, *, unmeasured: float) -> NDArray[np.float64]:
        measured = self.maps.values[number, self.elements].astype(np.float64)
        values = np.full(self.mask.size, unmeasured)
        values[self._within] = np.where(np.isfinite(measured), measured, unmeasured)
        return values


Select = Callable[[ComparedMaps, Mask | None], Selection]


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy(Value):
    """A rule about background.

    Parameters
    ----------
    name : str
        How it is called.
    words, region_words : str
        What it does, for figures: with voxels, and with regions.
    select : callable
        Takes maps and a mask (or None) and returns what is left to be compared.
    needs_mask : bool
        Whether it asks for a mask.
    """

    name: str
    words: str
    region_words: str
    select: Select
    needs_mask: bool = False

    def words_for(self, element: str) -> str:
        """Return what it does to maps of that element, ``"voxel"`` or ``"region"``."""
        return self.region_words if element == "region" else self.words


def select_elements(
    maps: ComparedMaps, *, policy: str = "common", mask: Mask | None = None
) -> Selection:
    """Return what a policy leaves to be compared.

    Parameters
    ----------
    maps : ComparedMaps
        All maps of the comparison.
    policy : str
        One of :data:`POLICIES`.
    mask : Mask, optional
        On the maps' grid, for the policy "mask".

    Returns
    -------
    Selection
        The maps over the elements that count.

    Raises
    ------
    DataError
        If no element is left, the policy needs a mask and none is given, or it makes no sense for
        maps over regions.
    UnknownNameError
        If there is no such policy.
    """
    rule = POLICIES[policy]
    if isinstance(maps.mask.space, Parcels):
        _check_regions(maps, policy=policy)
    if rule.needs_mask and mask is None:
        raise DataError(f"policy '{policy}': name the mask (--mask FILE).")
    return rule.select(maps, mask)


def applies(policy: str, maps: ComparedMaps, *, mask: Mask | None = None) -> bool:
    """Say whether a policy can be computed for some maps.

    Parameters
    ----------
    policy : str
        One of :data:`POLICIES`.
    maps : ComparedMaps
        The maps.
    mask : Mask, optional
        The mask at hand.

    Returns
    -------
    bool
        False where it lacks a mask, a common element, or images that store a background.
    """
    if POLICIES[policy].needs_mask:
        return mask is not None and maps.element == "voxel"
    if policy == "common":
        return bool(maps.measured_by_all.any())
    return policy != "whole-grid" or maps.element == "voxel" or maps.stored is not None


def _check_regions(maps: ComparedMaps, *, policy: str) -> None:
    """Raise for policies that maps over regions do not know."""
    if POLICIES[policy].needs_mask:
        raise DataError(
            f"policy '{policy}': a mask chooses voxels, and these maps are compared over regions. "
            "Take another policy, or leave the atlas out."
        )
    if policy == "whole-grid" and maps.stored is None:
        raise DataError(
            "policy 'whole-grid': tables of regions store no background. Take 'pairwise'."
        )


def _common(maps: ComparedMaps, mask: Mask | None) -> Selection:
    inside = maps.measured_by_all
    if not inside.any():
        raise DataError(f"policy 'common': {_nothing_common(maps)}")
    whole = np.zeros(maps.mask.space.size, dtype=bool)
    whole[maps.mask.indices[inside]] = True
    return Selection(
        maps=maps,
        mask=Mask(
            space=maps.mask.space, inside=whole, words=POLICIES["common"].words_for(maps.element)
        ),
        elements=np.flatnonzero(inside),
        fills=np.full(len(maps), np.nan),
    )


def _pairwise(maps: ComparedMaps, mask: Mask | None) -> Selection:
    return _everywhere(maps, fill=np.nan)


def _union_zero(maps: ComparedMaps, mask: Mask | None) -> Selection:
    return replace(_everywhere(maps, fill=0.0), join="either")


def _everywhere(maps: ComparedMaps, *, fill: float) -> Selection:
    """Return every element that a map measures, with one fill for all maps."""
    everything = np.arange(maps.mask.size)
    return Selection(
        maps=maps, mask=maps.mask, elements=everything, fills=np.full(len(maps), fill)
    )  # fmt: skip


def _in_mask(maps: ComparedMaps, mask: Mask | None) -> Selection:
    """Take every voxel of the mask; what is not measured counts as zero."""
    if mask is None:
        raise DataError("policy 'mask': name the mask (--mask FILE).")
    if mask.space.size != maps.mask.space.size:
        raise DataError("policy 'mask': the mask does not lie on the grid of the comparison.")
    elements = np.flatnonzero(mask.inside[maps.mask.indices])
    return Selection(maps=maps, mask=mask, elements=elements, fills=np.zeros(len(maps)))


def _whole_grid(maps: ComparedMaps, mask: Mask | None) -> Selection:
    """Take every voxel with the number that its file stores there, as np.corrcoef would."""
    if maps.stored is not None:
        return _everywhere(replace(maps, values=maps.stored), fill=np.nan)
    everywhere = np.ones(maps.mask.space.size, dtype=bool)
    return Selection(
        maps=maps,
        mask=Mask(space=maps.mask.space, inside=everywhere, words="every voxel of the grid"),
        elements=np.arange(maps.mask.size),
        fills=maps.fills,
    )


def _nothing_common(maps: ComparedMaps) -> str:
    """Return why the policy leaves nothing, and what to do; two maps share nothing in any way."""
    if len(maps) == 2:
        names = f"'{maps.names[0]}' and '{maps.names[1]}'"
        return (
            f"no {maps.element} is measured by both {names}. Check that they lie in the same space "
            "and show the same part of the brain."
        )
    return (
        f"no {maps.element} is measured by all {len(maps)} maps. {_least_shared(maps)} Leave a map "
        "out, or compare each pair over what it shares (--policy pairwise)."
    )


def _least_shared(maps: ComparedMaps) -> str:
    """Return the sentence that names the pair with the smallest overlap."""
    shared = maps.shared
    first, second = np.unravel_index(np.argmin(shared), shared.shape)
    n = int(shared[first, second])
    names = f"'{maps.names[int(first)]}' and '{maps.names[int(second)]}'"
    return f"The smallest overlap is that of {names}: {count(n, maps.element)}."


POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        rule.name: rule
        for rule in (
            Policy(
                name="common",
                words="voxels that every map measures",
                region_words="regions that every map measures",
                select=_common,
            ),
            Policy(
                name="pairwise",
                words="voxels that both maps measure",
                region_words="regions that both maps measure",
                select=_pairwise,
            ),
            Policy(
                name="union-zero",
                words="voxels that at least one of the two maps measures, 0 for the other",
                region_words="regions that at least one of the two maps measures, 0 for the other",
                select=_union_zero,
            ),
            Policy(
                name="mask",
                words="every voxel of the mask, 0 where a map was not measured",
                region_words="every region of the mask, 0 where a map was not measured",
                select=_in_mask,
                needs_mask=True,
            ),
            Policy(
                name="whole-grid",
                words="every voxel of the grid as stored, background included",
                region_words="means over every voxel of a region as stored, background included",
                select=_whole_grid,
            ),
        )
    },
)
