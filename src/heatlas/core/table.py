"""Tables as values: named columns of numbers or words, with units and descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import unknown

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True, eq=False)
class Column(Value):
    """One column of a table.

    Parameters
    ----------
    name : str
        Header.
    values : numpy.ndarray of float64, or tuple of str or None
        Numbers (NaN where missing) or words (None where missing).
    unit : str
        Unit of numbers, ``""`` where there is none.
    description : str
        One sentence for the data dictionary.
    digits : int
        Significant digits with which numbers are shown.
    """

    name: str
    values: NDArray[np.float64] | tuple[str | None, ...]
    unit: str = ""
    description: str = ""
    digits: int = 4

    def __post_init__(self) -> None:
        """Take ownership of the numbers, or make the words a tuple."""
        if isinstance(self.values, np.ndarray):
            numbers = own_array(self.values, name=self.name, dtype=np.float64, ndim=1)
            set_field(self, "values", to=numbers)
        else:
            words = tuple(None if word is None else str(word) for word in self.values)
            set_field(self, "values", to=words)

    @property
    def is_numeric(self) -> bool:
        """True when the column holds numbers."""
        return isinstance(self.values, np.ndarray)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where a row has no value, shape (rows,)."""
        if isinstance(self.values, np.ndarray):
            return np.isnan(self.values)
        return np.array([word is None for word in self.values], dtype=bool)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Column:
        """Return the column with only these rows, in this order."""
        if np.asarray(rows).dtype == bool:
            raise DataError(
                "Rows are chosen by number; turn a selection into np.flatnonzero of it."
            )
        if isinstance(self.values, np.ndarray):
            return replace(self, values=self.values[np.asarray(rows, dtype=int)])
        return replace(self, values=tuple(self.values[int(row)] for row in rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Table(Value):
    """Columns of equal length.

    Parameters
    ----------
    columns : tuple of Column
        In the order in which they are shown; names are unique.
    caption : str
        What the table shows.
    """

    columns: tuple[Column, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        """Check lengths and names."""
        set_field(self, "columns", to=tuple(self.columns))
        for column in self.columns:
            check_length(column.values, name=column.name, expected=len(self), per="rows")
        if len(set(self.names)) < len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise DataError(f"Column names occur more than once: {', '.join(twice)}.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by name, or raise UnknownNameError with the nearest spelling."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError(unknown("column", name, known=self.names))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a numeric column's values; DataError names the first word that is no number."""
        column = self.column(name)
        if isinstance(column.values, np.ndarray):
            return column.values
        row, word = _first_word(column.values)
        raise DataError(f"Column '{name}' must be numeric, but row {row + 1} holds '{word}'.")

    def words(self, name: str) -> tuple[str | None, ...]:
        """Return a column's values as words; whole numbers without decimals."""
        column = self.column(name)
        if isinstance(column.values, np.ndarray):
            return tuple(None if np.isnan(v) else f"{v:.15g}" for v in column.values)
        return column.values

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Table:
        """Return the table with only these rows, in this order."""
        return replace(self, columns=tuple(column.take(rows) for column in self.columns))

    def with_columns(self, columns: Iterable[Column]) -> Table:
        """Return the table with more columns to the right."""
        return replace(self, columns=(*self.columns, *columns))

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame (pandas is imported on use)."""
        import pandas

        return pandas.DataFrame({c.name: _frame_values(c) for c in self.columns})


def table_from_columns(
    columns: Mapping[str, Sequence[Any] | NDArray[Any]], *, caption: str = ""
) -> Table:
    """Return a table of plain sequences: numbers become float64 (None NaN), the rest words.

    Parameters
    ----------
    columns : mapping of str to sequence
        Values by column name.
    caption : str
        What the table shows.

    Returns
    -------
    Table
        The columns in the order of the mapping.
    """
    made = tuple(Column(name=name, values=_column_values(v)) for name, v in columns.items())
    return Table(columns=made, caption=caption)


def _first_word(words: tuple[str | None, ...]) -> tuple[int, str]:
    """Return row and content of the first cell that is no number, else of the first cell."""
    given = [(row, word) for row, word in enumerate(words) if word is not None]
    strange = [(row, word) for row, word in given if not _is_number(word)]
    return (strange or given or [(0, "no number")])[0]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _column_values(values: Sequence[Any] | NDArray[Any]) -> Any:
    if any(entry is None for entry in values):
        given = [entry for entry in values if entry is not None]
        if given and np.asarray(given).dtype.kind in "iuf":
            return np.array([np.nan if entry is None else entry for entry in values], np.float64)
    array = np.asarray(values)
    return array.astype(np.float64) if array.dtype.kind in "iufb" else tuple(values)


def _frame_values(column: Column) -> Any:
    return column.values if column.is_numeric else list(column.values)
