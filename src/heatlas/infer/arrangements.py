"""Which arrangements of the maps are made: all that differ where they are few, else drawn ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core import random
from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.provenance import digest_array
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value
from heatlas.infer import block_tree, enumeration, reachable
from heatlas.infer.block_tree import Node, Rows
from heatlas.infer.enumeration import Census
from heatlas.infer.exchangeability import Action, Exchangeability, assumption_words
from heatlas.infer.linear import Partition

Floats = NDArray[np.float64]
BLOCK = 128  # arrangements of one block: one stream of chance, one matrix product, one key
VERSION = 2  # part of every key: raise it when other arrangements are made of the same settings
NOUNS: dict[str, str] = {
    "permutations": "permutation",
    "sign-flips": "sign-flip",
    "both": "rearrangement",
}


class Rearranged(NamedTuple):
    """The arrangements of one block: a column c of the design becomes ``signs * c[rows]``."""

    rows: Rows | None
    """shape (BLOCK, n); None where no map changes its place"""
    signs: Floats | None
    """shape (BLOCK, n); None where no map changes its sign"""


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
        """Return JSON-like data that name everything on which a block depends.

        The number of arrangements is not part of it: more of them begin with the same ones.
        """
        listed = self.listed is not None or self.listed_signs is not None
        counted = not listed and self.exact
        arrays = (*self.exchanged, self.units, self.listed, self.listed_signs)
        return {
            "version": [VERSION, BLOCK],
            "n": self.n,
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
            The same in any process and order. Beyond the last arrangement the identity follows
            where all are known, and more drawn ones where not.
        """
        if self.listed is not None or self.listed_signs is not None:
            return self._listed_block(index)
        if self.exact and self.action == "sign-flips":
            return Rearranged(rows=None, signs=self._counted_signs(index))
        chance = random.stream(self.seed, self.step, index=index)
        rows = None if self.action == "sign-flips" else self._drawn_rows(chance)
        signs = None if self.action == "permutations" else self._drawn_signs(chance)
        if index == 0:
            if rows is not None:
                rows[0] = np.arange(self.n)
            if signs is not None:
                signs[0] = 1
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


def plan_arrangements(
    design: Design,
    parts: Partition,
    *,
    contrast: Contrast,
    exchangeability: Exchangeability,
    n_permutations: int,
    seed: int,
    step: str,
) -> Arrangements:
    """Decide which arrangements test a contrast.

    Parameters
    ----------
    design : Design
        The model; arrangements that leave its rows equal count as one.
    parts : Partition
        What the contrast tests and the nuisance.
    contrast : Contrast
        For messages.
    exchangeability : Exchangeability
        What is assumed of the errors.
    n_permutations : int
        How many arrangements to make, the identity included; no more than exist.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.

    Returns
    -------
    Arrangements
        All different ones, each once, where no more exist than asked for; otherwise drawn from
        the whole group, each member equally likely, after the identity.

    Raises
    ------
    DesignError
        If the blocks do not fit the maps, or forbid every arrangement that could tell something
        about the contrast.

    Notes
    -----
    Sign-flips are counted as patterns of signs: 2 to the number of units. Permutations, alone or
    with sign-flips, are counted as the different designs that they make.
    """
    tree = block_tree.grow(exchangeability, n=design.n)
    moved, units = block_tree.exchanges(tree), block_tree.flip_units(tree)
    action = exchangeability.mode or reachable.action_of(parts)
    reachable.check_something_moves(exchangeability, moved=moved, units=units, action=action)
    if action == "permutations":
        reachable.check_contrast_moves(
            parts, moved, contrast=contrast, exchangeability=exchangeability
        )
    what = "residuals of the covariates (Freedman-Lane)" if parts.nuisance.size else "maps"
    return _make(
        tree,
        enumeration.census_of(design.matrix, flips=action == "both"),
        action=action,
        n_permutations=n_permutations,
        seed=seed,
        step=step,
        words=assumption_words(exchangeability, action, what=what) + _hint(exchangeability, design),
    )


def free_arrangements(
    n: int, *, action: Action, n_permutations: int, seed: int, step: str, words: str
) -> Arrangements:
    """Rearrange n rows without blocks, all of them different.

    Parameters
    ----------
    n : int
        Number of rows.
    action : {"permutations", "sign-flips", "both"}
        What is done to them.
    n_permutations : int
        How many arrangements to make, the identity included; no more than exist.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    words : str
        What is assumed of the errors and how the rows are rearranged.

    Returns
    -------
    Arrangements
        All of them where no more exist than asked for, otherwise drawn.
    """
    return _make(
        block_tree.grow(Exchangeability(), n=n),
        enumeration.distinct_rows(n, flips=action == "both"),
        action=action,
        n_permutations=n_permutations,
        seed=seed,
        step=step,
        words=words,
    )


def listed_arrangements(
    rows: ArrayLike,
    *,
    signs: ArrayLike | None = None,
    words: str = "rearrangements as given",
    n_possible: float = math.inf,
) -> Arrangements:
    """Take arrangements as they are given.

    Parameters
    ----------
    rows : array_like of int64, shape (N, n)
        Which map stands in each place; the first is the identity.
    signs : array_like of float64, shape (N, n), optional
        +1 or -1 each; all +1 in the first.
    words : str
        What is assumed of the errors and how the maps are rearranged.
    n_possible : float
        How many different ones exist; infinite where that is not known.

    Returns
    -------
    Arrangements
        These, in their order.

    Raises
    ------
    DataError
        If a row is no permutation, a sign not 1 or -1, or the first not the identity.
    """
    listed = own_array(rows, name="arrangements", dtype=np.int64, ndim=2)
    n = listed.shape[1]
    wrong = np.flatnonzero((np.sort(listed, axis=1) != np.arange(n)).any(axis=1))
    if wrong.size or not len(listed):
        which = f"number {wrong[0] + 1} is not" if wrong.size else "none is given"
        raise DataError(f"arrangements: each must hold every row from 0 to {n - 1} once; {which}.")
    identity = bool((listed[0] == np.arange(n)).all())
    listed_signs = None
    if signs is not None:
        listed_signs = own_array(signs, name="signs", dtype=np.float64, ndim=2)
        if listed_signs.shape != listed.shape or (np.abs(listed_signs) != 1).any():
            raise DataError(
                f"signs: expected 1 or -1 for each of {listed.shape} places, got shape "
                f"{listed_signs.shape}."
            )
        identity = identity and bool((listed_signs[0] == 1).all())
    if not identity:
        raise DataError("arrangements: the first has to be the identity; put it before the others.")
    moves = bool((listed != np.arange(n)).any())
    flips: Action = "both" if moves else "sign-flips"
    return Arrangements(
        n=n,
        n_arrangements=len(listed),
        n_possible=n_possible,
        action="permutations" if signs is None else flips,
        words=words,
        listed=listed,
        listed_signs=listed_signs,
    )


def _make(
    tree: Node,
    census: Census,
    *,
    action: Action,
    n_permutations: int,
    seed: int,
    step: str,
    words: str,
) -> Arrangements:
    """List the arrangements where all fit, prepare to draw them where not."""
    units = block_tree.flip_units(tree)
    if action == "sign-flips":
        n_possible = enumeration.as_float(2 ** (int(units.max()) + 1))
    else:
        n_possible = enumeration.count_arrangements(tree, census)
    listed, listed_signs = None, None
    if action != "sign-flips" and n_possible <= n_permutations:
        listed, listed_signs = enumeration.list_arrangements(tree, census)
    drawn = listed is None
    return Arrangements(
        n=len(tree.rows),
        n_arrangements=int(min(n_possible, n_permutations)),
        n_possible=n_possible,
        action=action,
        words=words,
        seed=seed,
        step=step,
        exchanged=block_tree.exchanges(tree) if drawn and action != "sign-flips" else (),
        units=units if drawn and action != "permutations" else None,
        listed=listed,
        listed_signs=listed_signs,
    )


def _hint(exchangeability: Exchangeability, design: Design) -> str:
    """Name the factors whose levels repeat, where no blocks keep the maps within them."""
    if exchangeability.blocks is not None:
        return ""
    repeated = [name for name, known in design.levels.items() if 3 <= design.n / 3 <= len(known)]
    return f", not only within the levels of {', '.join(repeated)}" if repeated else ""
