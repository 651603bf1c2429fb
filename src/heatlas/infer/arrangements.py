"""Which arrangements of the maps are made: all that differ where they are few, else drawn ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.validate import own_array
from heatlas.infer import block_tree, enumeration, reachable
from heatlas.infer.block_tree import Node
from heatlas.infer.enumeration import Census
from heatlas.infer.exchangeability import Action, Exchangeability, assumption_words
from heatlas.infer.linear import Partition
from heatlas.infer.rearranged import BLOCK, Arrangements, Rearranged

__all__ = [
    "BLOCK",
    "Arrangements",
    "Rearranged",
    "free_arrangements",
    "listed_arrangements",
    "plan_arrangements",
]


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
    action = exchangeability.mode or reachable.action_of(parts)
    trades = action != "sign-flips"
    tree = block_tree.grow(exchangeability, n=design.n, alike=trades)
    moved = block_tree.exchanges(tree) if trades else ()
    units = block_tree.flip_units(tree)
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
        listed=listed if moves or signs is None else None,
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
    repeated = reachable.repeated_factors(design)
    return f", not only within the levels of {', '.join(repeated)}" if repeated else ""
