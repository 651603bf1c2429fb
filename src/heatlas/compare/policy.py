"""Over which elements two maps are compared: the policies, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.maps import ComparedMaps
from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.core.space import Mask
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value

Join = Literal["all", "both", "either"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection(Value):
    """What a policy leaves to be compared.

    Parameters
    ----------
    maps : ComparedMaps
        The maps over the elements that the policy looks at.
    join : {"all", "both", "either"}
        Which elements of them a cell rests on: all (no NaN is left), those that both maps
        measure, or those that at least one measures, with 0 for the other.
    usable : array_like of bool, shape (m, v), optional
        True where a map has a value; None with "all".
    """

    maps: ComparedMaps
    join: Join
    usable: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Take ownership of the array."""
        if self.usable is not None:
            usable = own_array(self.usable, name="usable", dtype=bool, ndim=2)
            set_field(self, "usable", to=usable)

    def pair(self, first: int, second: int) -> NDArray[np.bool_]:
        """Return the elements on which the cell of two maps rests, shape (v,)."""
        if self.usable is None:
            return np.ones(self.maps.mask.size, dtype=bool)
        one, other = self.usable[first], self.usable[second]
        return np.asarray(one | other if self.join == "either" else one & other)


Select = Callable[[ComparedMaps, Mask | None], Selection]


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy(Value):
    """A rule about background.

    Parameters
    ----------
    name : str
        How it is called.
    words : str
        What it does, for figures.
    select : callable
        Takes maps and a mask (or None) and returns what is left to be compared.
    needs_mask : bool
        Whether it asks for a mask.
    """

    name: str
    words: str
    select: Select
    needs_mask: bool = False


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
        If no element is left, or the policy needs a mask and none is given.
    UnknownNameError
        If there is no such policy.
    """
    rule = POLICIES[policy]
    if rule.needs_mask and mask is None:
        raise DataError(f"policy '{policy}': name the mask (--mask FILE).")
    return rule.select(maps, mask)


def _common(maps: ComparedMaps, mask: Mask | None) -> Selection:
    inside = np.asarray(maps.measured.all(axis=0))
    if not inside.any():
        raise DataError(
            f"policy 'common': no voxel is measured by all {len(maps)} maps. "
            f"{_least_shared(maps)} Leave a map out, or compare each pair over what it shares "
            "(--policy pairwise)."
        )
    return Selection(maps=_over(maps, inside), join="all")


def _pairwise(maps: ComparedMaps, mask: Mask | None) -> Selection:
    return Selection(maps=maps, join="both", usable=maps.measured)


def _union_zero(maps: ComparedMaps, mask: Mask | None) -> Selection:
    return Selection(maps=_zero_filled(maps), join="either", usable=maps.measured)


def _in_mask(maps: ComparedMaps, mask: Mask | None) -> Selection:
    """Take every voxel of the mask; what is not measured counts as zero."""
    if mask is None:
        raise DataError("policy 'mask': name the mask (--mask FILE).")
    values = maps.mask.space.size
    if mask.space.size != values:
        raise DataError("policy 'mask': the mask does not lie on the grid of the comparison.")
    rows = np.zeros((len(maps), mask.size), dtype=np.float32)
    place = np.full(values, -1, dtype=np.int64)
    place[maps.mask.indices] = np.arange(maps.mask.size)
    found = place[mask.indices]
    rows[:, found >= 0] = np.nan_to_num(maps.values[:, found[found >= 0]])
    return Selection(maps=replace(maps, values=rows, mask=mask), join="all")


def _whole_grid(maps: ComparedMaps, mask: Mask | None) -> Selection:
    """Take every voxel with the number that its file stores there, as np.corrcoef would."""
    everywhere = Mask(
        space=maps.mask.space,
        inside=np.ones(maps.mask.space.size, dtype=bool),
        words="every voxel of the grid",
    )
    rows = np.repeat(maps.fills.astype(np.float32)[:, None], everywhere.size, axis=1)
    measured = maps.measured
    rows[:, maps.mask.indices] = np.where(measured, maps.values, rows[:, maps.mask.indices])
    whole = replace(maps, values=rows, mask=everywhere)
    return Selection(maps=whole, join="both", usable=np.isfinite(rows))


def _over(maps: ComparedMaps, inside: NDArray[np.bool_]) -> ComparedMaps:
    """Return the maps over some of their elements."""
    whole = np.zeros(maps.mask.space.size, dtype=bool)
    whole[maps.mask.indices[inside]] = True
    mask = Mask(space=maps.mask.space, inside=whole, words="voxels that every map measures")
    return replace(maps, values=maps.values[:, inside], mask=mask)


def _zero_filled(maps: ComparedMaps) -> ComparedMaps:
    return replace(maps, values=np.nan_to_num(maps.values))


def _least_shared(maps: ComparedMaps) -> str:
    """Return the sentence that names the pair with the smallest overlap."""
    measured = maps.measured.astype(np.float32)
    shared = measured @ measured.T
    first, second = np.unravel_index(np.argmin(shared), shared.shape)
    n = int(shared[first, second])
    names = f"'{maps.names[int(first)]}' and '{maps.names[int(second)]}'"
    return f"The smallest overlap is that of {names}: {n:,} voxels."


POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        rule.name: rule
        for rule in (
            Policy(name="common", words="voxels that every map measures", select=_common),
            Policy(name="pairwise", words="voxels that both maps measure", select=_pairwise),
            Policy(
                name="union-zero",
                words="voxels that at least one of the two maps measures, 0 for the other",
                select=_union_zero,
            ),
            Policy(
                name="mask",
                words="every voxel of the mask, 0 where a map was not measured",
                select=_in_mask,
                needs_mask=True,
            ),
            Policy(
                name="whole-grid",
                words="every voxel of the grid as stored, background included",
                select=_whole_grid,
            ),
        )
    },
)
