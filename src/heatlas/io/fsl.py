"""FSL's design files: design matrix, contrasts, F tests and groups in its VEST text format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count, join
from heatlas.io.atomic import os_reason
from heatlas.io.tables import NUMBER

Floats = NDArray[np.float64]
CONTRAST_NAME = re.compile(r"ContrastName(\d+)")
WHOLE = re.compile(r"\d{1,9}")


@dataclass(frozen=True, kw_only=True, eq=False)
class FslDesign(Value):
    """A design matrix.

    Parameters
    ----------
    matrix : array_like of float64, shape (n, p)
        One row per map, one column per regressor; FSL does not name them.
    """

    matrix: Floats

    def __post_init__(self) -> None:
        """Take ownership of the matrix."""
        matrix = own_array(self.matrix, name="design matrix", dtype=np.float64, ndim=2)
        set_field(self, "matrix", to=matrix)


@dataclass(frozen=True, kw_only=True, eq=False)
class FslContrasts(Value):
    """Contrasts, each one a t.

    Parameters
    ----------
    weights : array_like of float64, shape (q, p)
        One row per contrast, one column per regressor.
    names : tuple of str
        Names of the contrasts; where the file has none, ``c1``, ``c2`` and so on.
    """

    weights: Floats
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Take ownership of the weights."""
        weights = own_array(self.weights, name="weights", dtype=np.float64, ndim=2)
        set_field(self, "weights", to=weights)
        set_field(self, "names", to=tuple(self.names))


@dataclass(frozen=True, kw_only=True, eq=False)
class FslFtests(Value):
    """F tests as sets of contrasts.

    Parameters
    ----------
    members : array_like of bool, shape (f, q)
        One row per F test: which contrasts it tests together.
    """

    members: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Take ownership of the sets."""
        set_field(self, "members", to=own_array(self.members, name="F tests", dtype=bool, ndim=2))


@dataclass(frozen=True, kw_only=True, eq=False)
class FslGroups(Value):
    """Labels of the maps: groups of one variance, or exchangeability blocks.

    Parameters
    ----------
    labels : array_like of int64, shape (n,) or (n, levels)
        One label per map; several columns are levels of nested blocks.
    """

    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Take ownership of the labels."""
        set_field(self, "labels", to=own_array(self.labels, name="groups", dtype=np.int64))


class _Vest(NamedTuple):
    """A file as it was read."""

    header: Mapping[str, str]
    """what follows each /Key, without the slash; empty for a bare matrix"""
    matrix: Floats
    lines: tuple[int, ...]
    """number of the line of each row"""


def read_design_mat(path: Path) -> FslDesign:
    """Read a design matrix, usually ``design.mat``.

    Parameters
    ----------
    path : Path
        VEST text (``/NumWaves``, ``/NumPoints``, ``/Matrix`` and the numbers), or the numbers
        alone, separated by blanks.

    Returns
    -------
    FslDesign
        The matrix, one row per map.

    Raises
    ------
    DataError
        If it cannot be read, is no text, holds contrasts, or its numbers are no matrix of the
        size that the header claims.
    """
    vest = _read_vest(path)
    if "NumContrasts" in vest.header:
        raise DataError(
            f"{path.name}: this file holds contrasts (/NumContrasts), not a design matrix; name "
            "the .mat file that lies beside it."
        )
    return FslDesign(matrix=vest.matrix)


def read_contrasts(path: Path) -> FslContrasts:
    """Read contrasts, usually ``design.con``.

    Parameters
    ----------
    path : Path
        VEST text with ``/ContrastName1`` and so on, or the numbers alone.

    Returns
    -------
    FslContrasts
        Weights and names, one row per contrast.

    Raises
    ------
    DataError
        If it cannot be read, is no text, its numbers are no matrix of the size that the header
        claims, a row is all zero, or a name belongs to no row or to two.
    """
    vest = _read_vest(path)
    for row, line in zip(vest.matrix, vest.lines, strict=True):
        if not row.any():
            raise DataError(f"{path.name}: line {line} is a contrast whose weights are all zero.")
    names = _contrast_names(vest.header, n=len(vest.matrix), name=path.name)
    twice = sorted({word for word in names if names.count(word) > 1})
    if twice:
        raise DataError(
            f"{path.name}: {count(len(twice), 'name')} for more than one contrast: {join(twice)}; "
            "give each its own."
        )
    return FslContrasts(weights=vest.matrix, names=names)


def read_ftests(path: Path) -> FslFtests:
    """Read F tests, usually ``design.fts``.

    Parameters
    ----------
    path : Path
        VEST text or the numbers alone; a 1 takes the contrast of that column into the test.

    Returns
    -------
    FslFtests
        Which contrasts each test takes, one row per test.

    Raises
    ------
    DataError
        If it cannot be read, is no text, its numbers are no matrix of the size that the header
        claims or others than 0 and 1, or a test takes no contrast.
    """
    vest = _read_vest(path)
    for row, line in zip(vest.matrix, vest.lines, strict=True):
        other = [value for value in row if value not in (0, 1)]
        if other:
            raise DataError(
                f"{path.name}: line {line} holds {other[0]:g}; an F test takes a contrast (1) or "
                "leaves it out (0)."
            )
        if not row.any():
            raise DataError(f"{path.name}: line {line} is an F test without a contrast.")
    return FslFtests(members=vest.matrix == 1)


def read_groups(path: Path) -> FslGroups:
    """Read the labels of the maps, usually ``design.grp``.

    Parameters
    ----------
    path : Path
        VEST text or the numbers alone, one row per map.

    Returns
    -------
    FslGroups
        Whole numbers, a vector where the file has one column.

    Raises
    ------
    DataError
        If it cannot be read, is no text, its numbers are no matrix of the size that the header
        claims, or not whole.
    """
    vest = _read_vest(path)
    labels = np.where(np.abs(vest.matrix) < 2**53, vest.matrix, 0.5).round()
    broken = np.flatnonzero((labels != vest.matrix).any(axis=1))
    if broken.size:
        row = int(broken[0])
        value = vest.matrix[row, labels[row] != vest.matrix[row]][0]
        raise DataError(
            f"{path.name}: line {vest.lines[row]} holds {value:g}; labels of groups are whole "
            "numbers."
        )
    return FslGroups(labels=labels[:, 0] if labels.shape[1] == 1 else labels)


# -------------------------------------------------------------------------------- the format


def _read_vest(path: Path) -> _Vest:
    """Read header and matrix and check that they fit each other."""
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", _text_of(path))]
    has_header = any(line.startswith("/") for line in lines)
    header, start = _header(lines, name=path.name) if has_header else ({}, 0)
    cells = [(k, line.split()) for k, line in enumerate(lines[start:], start=start + 1) if line]
    if not cells:
        raise DataError(f"{path.name}: there are no numbers below /Matrix.")
    numbers = [[_value(cell, line=k, name=path.name) for cell in row] for k, row in cells]
    for (k, _), row in zip(cells, numbers, strict=True):
        if len(row) != len(numbers[0]):
            raise DataError(
                f"{path.name}: line {k} holds {count(len(row), 'number')}, but the first row of "
                f"the matrix has {len(numbers[0])}."
            )
    matrix = np.array(numbers, dtype=np.float64)
    _check_size(matrix, header, name=path.name)
    return _Vest(header=header, matrix=matrix, lines=tuple(k for k, _ in cells))


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read, {os_reason(error)}.") from error
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        if b"\0" in content or content.startswith(b"\x1f\x8b"):
            line = 0
        raise _no_text(path, line=line) from error
    if "\0" in text or text.startswith("MATLAB"):
        raise _no_text(path, line=0)
    if not text.strip():
        raise DataError(f"{path.name}: the file is empty.")
    return text


def _no_text(path: Path, *, line: int) -> DataError:
    """Return the error for a file that is no text, or not in UTF-8 from a line on."""
    if line:
        return DataError(
            f"{path.name}: line {line} is not UTF-8 text; write the names of the contrasts "
            "without special characters, or save the file as UTF-8."
        )
    return DataError(
        f"{path.name}: this is a binary file, not the text that FSL writes; a .mat of MATLAB "
        "must be exported as text first."
    )


def _header(lines: list[str], *, name: str) -> tuple[dict[str, str], int]:
    """Return what the header says, and where the matrix starts."""
    header: dict[str, str] = {}
    for k, line in enumerate(lines, start=1):
        if line.lower() == "/matrix":
            return header, k
        if not line:
            continue
        if not line.startswith("/"):
            raise DataError(
                f"{name}: line {k} stands before /Matrix but does not begin with a slash "
                f"('{line[:40]}'); is /Matrix missing?"
            )
        key, _, rest = line[1:].replace("\t", " ").partition(" ")
        if key in header:
            raise DataError(f"{name}: /{key} occurs twice, the second time in line {k}.")
        header[key] = rest.strip()
    raise DataError(f"{name}: there is a header, but no line /Matrix with the numbers below it.")


def _value(cell: str, *, line: int, name: str) -> float:
    if not NUMBER.fullmatch(cell):
        hint = "; numbers need a decimal point and blanks between them" if "," in cell else ""
        raise DataError(f"{name}: line {line} holds '{cell[:40]}', which is no number{hint}.")
    value = float(cell)
    if not np.isfinite(value):
        raise DataError(f"{name}: line {line} holds {cell[:40]}, which is too large.")
    return value


def _check_size(matrix: Floats, header: Mapping[str, str], *, name: str) -> None:
    """Raise unless the matrix has the rows and columns that the header claims, where it does."""
    found = {"NumWaves": (matrix.shape[1], "column")}
    found |= dict.fromkeys(("NumPoints", "NumContrasts"), (matrix.shape[0], "row"))
    for key, (size, noun) in found.items():
        claimed = header.get(key)
        if claimed is None:
            continue
        if not WHOLE.fullmatch(claimed):
            raise DataError(f"{name}: /{key} says '{claimed[:40]}', expected a whole number.")
        if int(claimed) != size:
            raise DataError(
                f"{name}: /{key} promises {count(int(claimed), noun)}, but the matrix has {size}; "
                "the file is cut off, or was changed by hand."
            )


def _contrast_names(header: Mapping[str, str], *, n: int, name: str) -> tuple[str, ...]:
    """Return the name of each row, ``c1`` and so on where there is none."""
    given = {}
    for key, words in header.items():
        found = CONTRAST_NAME.fullmatch(key)
        if found is None:
            continue
        number = int(found[1])
        if not 1 <= number <= n:
            raise DataError(
                f"{name}: /{key} names '{words}', but the matrix has {count(n, 'row')}; add the "
                "row that is missing, or take the name out."
            )
        given[number] = words
    return tuple(given.get(k) or f"c{k}" for k in range(1, n + 1))
