"""A set of arrangements, made block by block: drawn from a group, or all that there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core import random
from heatlas.core.provenance import digest_array
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value
from heatlas.infer.block_tree import Rows
from heatlas.infer.exchangeability import Action

Floats = NDArray[np.float64]
BLOCK = 128  # arrangements of one block: one stream of chance, one matrix product, one key
VERSION = 2  # part of every key: raise it when other arrangements are made of the same settings
NOUNS: dict[str, str] = {
    "permutations": "permutation",
    "sign-flips": "sign-flip",
    "both": "rearrangement",
}


class Rearranged(NamedTuple):
    """The arrangements of one block: a column c of the design becomes ``signs * c[rows]``.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (BLOCK, n), or None
        Which map stands in each place; None where no map changes its place.
    signs : numpy.ndarray of float64, shape (BLOCK, n), or None
        +1 or -1 each; None where no map changes its sign.
    """

    rows: Rows | None
    signs: Floats | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangements(Value):
    """The arrangements of a test; they are made block by block, in any order.

    Parameters
    ----------
    n : int
        Number of maps.
    n_arrangements : int
        How many are made, the identity included.
    n_possible : float
        How many different ones exist; infinite beyond float64 or where it is not known.
    action : {"permutations", "sign-flips", "both"}
        What is done to the maps.
    words : str
        What is assumed of the errors and how the maps are rearranged.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    exchanged : tuple of array_like of int64, each of shape (blocks, parts, maps)
        What trades places, the innermost first.
    units : array_like of int64, shape (n,), optional
        The unit of each map; the signs of a unit flip together.
    listed : array_like of int64, shape (N, n), optional
        All arrangements, the identity first, where they are known.
    listed_signs : array_like of float64, shape (N, n), optional
        Their signs.
    """

    n: int
    n_arrangements: int
    n_possible: float
    action: Action
    words: str
    seed: int = 0
    step: str = "permute"
    exchanged: tuple[Rows, ...] = ()
    units: Rows | None = None
    listed: Rows | None = None
    listed_signs: Floats | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        check_choice(self.action, name="action", known=tuple(NOUNS))
        owned = (own_array(e, name="exchanged", dtype=np.int64, ndim=3) for e in self.exchanged)
        set_field(self, "exchanged", to=tuple(owned))
        for name, dtype in (("units", np.int64), ("listed", np.int64), ("listed_signs", float)):
            given = getattr(self, name)
            if given is not None:
                set_field(self, name, to=own_array(given, name=name, dtype=dtype))

    @property
    def exact(self) -> bool:
        """Whether all different arrangements are made."""
        return self.n_possible <= self.n_arrangements

    @property
    def n_blocks(self) -> int:
        """Number of blocks, the last one perhaps used in part only."""
        return -(-self.n_arrangements // BLOCK)

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return NOUNS[self.action]

    def key(self) -> dict[str, Any]:
        """Return JSON-like data that name everything on which the arrangements depend."""
        listed = self.listed is not None or self.listed_signs is not None
        counted = not listed and self.exact
        arrays = (*self.exchanged, self.units, self.listed, self.listed_signs)
        return {
            "version": [VERSION, BLOCK],
            "n": [self.n, self.n_arrangements],
            "action": self.action,
            "made": "listed" if listed else "counted" if counted else "drawn",
            "chance": None if listed or counted else [self.seed, self.step],
            "arrays": [None if array is None else digest_array(array) for array in arrays],
        }

    def block(self, index: int) -> Rearranged:
        """Return the arrangements of a block; the very first is the identity.

        Parameters
        ----------
        index : int
            Which block, from 0.

        Returns
        -------
        Rearranged
            The same in any process and order; a larger set begins with the same ones. Beyond the
            last arrangement the identity follows.
        """
        if self.listed is not None or self.listed_signs is not None:
            return self._listed_block(index)
        if self.exact and self.action == "sign-flips":
            return Rearranged(rows=None, signs=self._counted_signs(index))
        chance = random.stream(self.seed, self.step, index=index)
        rows = None if self.action == "sign-flips" else self._drawn_rows(chance)
        signs = None if self.action == "permutations" else self._drawn_signs(chance)
        numbers = np.arange(index * BLOCK, (index + 1) * BLOCK)
        identity = (numbers == 0) | (numbers >= self.n_arrangements)
        if rows is not None:
            rows[identity] = np.arange(self.n)
        if signs is not None:
            signs[identity] = 1
        return Rearranged(rows=rows, signs=signs)

    def _listed_block(self, index: int) -> Rearranged:
        part = slice(index * BLOCK, (index + 1) * BLOCK)
        rows = signs = None
        if self.listed is not None:
            rows = np.tile(np.arange(self.n), (BLOCK, 1))
            known = self.listed[part]
            rows[: len(known)] = known
        if self.listed_signs is not None:
            signs = np.ones((BLOCK, self.n))
            known_signs = self.listed_signs[part]
            signs[: len(known_signs)] = known_signs
        return Rearranged(rows=rows, signs=signs)

    def _counted_signs(self, index: int) -> Floats:
        """Return the signs that the bits of each arrangement's number say."""
        numbers = np.arange(index * BLOCK, (index + 1) * BLOCK)
        numbers[numbers >= self.n_arrangements] = 0
        units = self._unit_numbers()
        return np.asarray(1.0 - 2.0 * (numbers[:, None] >> units & 1), dtype=np.float64)

    def _drawn_rows(self, chance: np.random.Generator) -> Rows:
        """Return members of the group, each equally likely: every exchange in a random order."""
        rows = np.tile(np.arange(self.n), (BLOCK, 1))
        for places in self.exchanged:
            n_nodes, n_parts, _ = places.shape
            orders = np.tile(np.arange(n_parts), (BLOCK * n_nodes, 1))
            chance.permuted(orders, axis=1, out=orders)
            orders = orders.reshape(BLOCK, n_nodes, n_parts)
            moved = places[np.arange(n_nodes)[:, None], orders]
            rows[:, places] = rows[np.arange(BLOCK)[:, None, None, None], moved]
        return rows

    def _drawn_signs(self, chance: np.random.Generator) -> Floats:
        units = self._unit_numbers()
        bits = chance.integers(0, 2, size=(BLOCK, int(units.max()) + 1))
        return np.asarray(1.0 - 2.0 * bits[:, units], dtype=np.float64)

    def _unit_numbers(self) -> Rows:
        return np.arange(self.n) if self.units is None else self.units
