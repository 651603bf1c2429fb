"""A matrix with names: values of rows against columns, their groups, order and linkage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heatlas.core.colour import ColourScale
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.provenance import Provenance
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import unknown

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True, eq=False)
class Side(Value):
    """The rows or the columns of a matrix.

    Parameters
    ----------
    names : tuple of str
        One each, unique.
    groups : tuple of str, optional
        One each, for side colours; empty without groups.
    order : array_like of int, optional
        In which order they are shown; None is the order of the names.
    linkage : array_like of float64, shape (k - 1, 4), optional
        Merges as :func:`scipy.cluster.hierarchy.linkage` gives them; None without a tree.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...] = ()
    order: NDArray[np.int64] | None = None
    linkage: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that everything fits."""
        set_field(self, "names", to=tuple(str(name) for name in self.names))
        set_field(self, "groups", to=tuple(str(group) for group in self.groups))
        if len(set(self.names)) < len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DataError(f"matrix: names occur more than once: {', '.join(twice)}.")
        if self.groups:
            check_length(self.groups, name="groups", expected=len(self), per="names")
        order = np.arange(len(self)) if self.order is None else self.order
        owned = own_array(order, name="order", dtype=np.int64, ndim=1)
        if not np.array_equal(np.sort(owned), np.arange(len(self))):
            raise DataError(f"matrix: the order must name each of {len(self)} entries once.")
        set_field(self, "order", to=owned)
        if self.linkage is not None:
            tree = own_array(self.linkage, name="linkage", dtype=np.float64, ndim=2)
            check_length(tree, name="linkage", expected=len(self) - 1, per="merges")
            set_field(self, "linkage", to=tree)

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.names)

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the entries in the order in which they are shown."""
        order = self.order if self.order is not None else np.arange(len(self))
        return tuple(int(number) for number in order)

    def index(self, name: str) -> int:
        """Return the number of an entry, or raise UnknownNameError with the nearest spelling."""
        if name not in self.names:
            raise UnknownNameError(unknown("name", name, known=self.names))
        return self.names.index(name)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledMatrix(Value):
    """Values of rows against columns.

    Parameters
    ----------
    values : array_like of float64, shape (rows, columns)
        NaN where there is none.
    rows, columns : Side
        Names, groups, order and linkage.
    kind : str
        What the values are, in words: ``"Pearson r"``.
    n : array_like of int64, shape (rows, columns), optional
        How many elements each value rests on.
    provenance : Provenance
        How it came about.
    """

    values: NDArray[np.float64]
    rows: Side
    columns: Side
    kind: str = ""
    n: NDArray[np.int64] | None = None
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that everything fits."""
        values = own_array(self.values, name="matrix", dtype=np.float64, ndim=2)
        self._check_shape(values.shape, what="values")
        set_field(self, "values", to=values)
        if self.n is not None:
            n = own_array(self.n, name="n", dtype=np.int64, ndim=2)
            self._check_shape(n.shape, what="n")
            set_field(self, "n", to=n)

    def _check_shape(self, shape: tuple[int, ...], *, what: str) -> None:
        if shape != self.shape:
            raise DataError(f"matrix: {what} have shape {shape}, the names make {self.shape}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.rows), len(self.columns)

    @property
    def is_square(self) -> bool:
        """True when rows and columns are the same things."""
        return self.rows.names == self.columns.names

    def at(self, row: str, column: str) -> float:
        """Return one value by the names of its row and column."""
        return float(self.values[self.rows.index(row), self.columns.index(column)])

    def ordered(self) -> LabelledMatrix:
        """Return the matrix with rows and columns in the order in which they are shown."""
        rows, columns = list(self.rows.shown), list(self.columns.shown)
        cells = np.ix_(rows, columns)
        return replace(
            self,
            values=self.values[cells],
            rows=_in_order(self.rows),
            columns=_in_order(self.columns),
            n=None if self.n is None else self.n[cells],
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame, rows by columns (pandas is imported on use)."""
        import pandas

        return pandas.DataFrame(
            np.array(self.values), index=list(self.rows.names), columns=list(self.columns.names)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedMatrix(Value):
    """A matrix as it is drawn: evidence, judgement, colours and its own caption.

    Parameters
    ----------
    matrix : LabelledMatrix
        The evidence, with the order in which it is shown.
    scale : ColourScale
        How values become colours.
    survives : array_like of bool, shape (rows, columns)
        Cells to outline.
    own : array_like of bool, shape (rows, columns)
        Cells in which something meets itself: they hold no evidence.
    marked : array_like of bool, shape (rows, columns)
        Cells to mark in their corner.
    marked_words : str
        What the mark means.
    title, text : str
        Heading, and the paragraph under the picture.
    """

    matrix: LabelledMatrix
    scale: ColourScale
    survives: NDArray[np.bool_]
    own: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    marked_words: str = ""
    title: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check that they fit."""
        for name in ("survives", "own", "marked"):
            cells = own_array(getattr(self, name), name=name, dtype=bool, ndim=2)
            if cells.shape != self.matrix.shape:
                raise DataError(
                    f"{name}: shape {cells.shape} does not fit the matrix's {self.matrix.shape}."
                )
            set_field(self, name, to=cells)

    def caption(self) -> str:
        """Return the sentence under the picture."""
        return self.text or self.title or self.matrix.kind

    def ordered(self) -> JudgedMatrix:
        """Return it with rows and columns in the order in which they are shown."""
        cells = np.ix_(list(self.matrix.rows.shown), list(self.matrix.columns.shown))
        return replace(
            self,
            matrix=self.matrix.ordered(),
            survives=self.survives[cells],
            own=self.own[cells],
            marked=self.marked[cells],
        )


def _in_order(side: Side) -> Side:
    """Return a side whose entries stand as they are shown; the tree's leaves follow."""
    shown = side.shown
    groups = tuple(side.groups[k] for k in shown) if side.groups else ()
    tree = None if side.linkage is None else _renumbered(side.linkage, shown)
    return Side(names=tuple(side.names[k] for k in shown), groups=groups, linkage=tree)


def _renumbered(tree: NDArray[np.float64], shown: tuple[int, ...]) -> NDArray[np.float64]:
    place = np.arange(2 * len(shown) - 1, dtype=np.float64)
    place[list(shown)] = np.arange(len(shown))
    renumbered = np.array(tree)
    renumbered[:, :2] = place[tree[:, :2].astype(int)]
    return renumbered
