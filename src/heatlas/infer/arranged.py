"""The design under many arrangements, and which statistic is computed of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.infer.arrangements import Arrangements
from heatlas.infer.corrected import ElementKind

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Statistic(Value):
    """What is computed of rearranged residuals.

    Parameters
    ----------
    interest : array_like of float64, shape (m, q)
        Orthonormal columns that are tested.
    nuisance : array_like of float64, shape (m, k)
        Orthonormal columns that are taken out of each arrangement.
    kind : {"t", "F", "v", "G"}
        Statistic.
    dof : tuple of float
        Degrees of freedom; empty for v and G.
    signed : bool
        Whether the largest value is that of a signed t or v, not of its magnitude.
    groups : array_like of int64, shape (m,), optional
        Number of each row's variance group, from 0; for v and G.
    """

    interest: Floats
    nuisance: Floats
    kind: ElementKind
    dof: tuple[float, ...]
    signed: bool
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check the groups."""
        for name in ("interest", "nuisance"):
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=np.float64))
        if self.groups is not None:
            groups = own_array(self.groups, name="variance groups", dtype=np.int64, ndim=1)
            set_field(self, "groups", to=groups)
            _check_groups(self)

    @property
    def q(self) -> int:
        """Number of columns that are tested."""
        return int(self.interest.shape[1])

    @property
    def columns(self) -> Floats:
        """Statistic columns and nuisance, shape (q + k, m)."""
        return np.concatenate([self.interest, self.nuisance], axis=1).T

    @property
    def error_dof(self) -> float:
        """Residual degrees of freedom of t and F."""
        return self.dof[-1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Arranged:
    """The design under some arrangements, as long as these are computed.

    Parameters
    ----------
    columns : numpy.ndarray of float64, shape (q + k, s, m)
        The columns of s arrangements.
    groups : numpy.ndarray of int64, shape (s, m), optional
        The variance group that each map stands for.
    """

    columns: Floats
    groups: NDArray[np.int64] | None = None

    @cached_property
    def singles(self) -> NDArray[np.float32]:
        """The columns in float32, one below the other, shape ((q + k) * s, m)."""
        return self.columns.reshape(-1, self.columns.shape[2]).astype(np.float32)

    def take(self, part: slice) -> Arranged:
        """Return some of the arrangements."""
        groups = None if self.groups is None else self.groups[part]
        return Arranged(columns=self.columns[:, part], groups=groups)


def arrange(tested: Statistic, arrangements: Arrangements, *, block: int) -> Arranged:
    """Return the design under each arrangement of a block.

    Parameters
    ----------
    tested : Statistic
        The columns.
    arrangements : Arrangements
        What is rearranged how.
    block : int
        Which block.

    Returns
    -------
    Arranged
        Rearranging the columns is rearranging the residuals the other way round, which is another
        arrangement of the same group.
    """
    rows, signs = arrangements.block(block)
    columns = tested.columns
    moved = columns[:, None, :] if rows is None else columns[:, rows]
    if signs is not None:
        moved = moved * signs
    if tested.groups is None:
        return Arranged(columns=np.ascontiguousarray(moved))
    n = len(moved[0])
    groups = np.tile(tested.groups, (n, 1)) if rows is None else tested.groups[rows]
    return Arranged(columns=np.ascontiguousarray(moved), groups=groups)


def _check_groups(tested: Statistic) -> None:
    """Raise unless every variance group leaves something to estimate its variance from."""
    groups = tested.groups
    if groups is None:
        return
    columns = tested.columns
    for group in np.unique(groups):
        inside = groups == group
        freedom = inside.sum() - (columns[:, inside] ** 2).sum()
        if freedom < 0.5:
            raise DesignError(
                f"Variance group {int(group) + 1} of {len(np.unique(groups))} holds "
                f"{int(inside.sum())} map(s), of which the model leaves {freedom:.2g} degrees of "
                "freedom: no variance can be estimated there. Join groups or drop terms."
            )
