"""Collinearity: columns that say the same thing are named, nearly collinear terms are reported."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DesignError
from heatlas.core.words import number

Floats = NDArray[np.float64]
# Smallest singular value of the columns at unit length. Volumes rounded to 0.1 ml still add up to
# their total to about 2e-4; below 1e-3 (a variance inflation of about a million) a combination of
# columns holds rounding errors and no information.
ROUNDING = 1e-3
EXACT = 1e-8
MAX_INFLATION = 10.0
SHOWN_COLUMNS = 6


def check_rank(matrix: Floats, *, names: tuple[str, ...], centred: bool) -> None:
    """Raise DesignError, naming the columns, unless every column says something of its own.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        The design.
    names : tuple of str
        Names of its columns.
    centred : bool
        Whether covariates were centred; without it, positive covariates are alike by nature, and
        only exact dependence is refused.

    Raises
    ------
    DesignError
        If a column is zero or a combination of the others.
    """
    norms = np.linalg.norm(matrix, axis=0)
    if not norms.all():
        empty = names[int(np.flatnonzero(norms == 0)[0])]
        raise DesignError(f"Column {empty} of the model is zero in all rows; leave its term out.")
    unit = matrix / norms
    tolerance = ROUNDING if centred else EXACT
    if _smallest(unit)[0] >= tolerance:
        return
    # The shortest run of columns that is dependent holds one relation, and its last column.
    end = next(k for k in range(2, len(names) + 1) if _smallest(unit[:, :k])[0] < tolerance)
    size, relation = _smallest(unit[:, :end])
    relation[np.abs(relation) < 5 * ROUNDING * np.abs(relation).max()] = 0.0
    words = relation_words(relation / norms[:end], list(names[:end]))
    rounding = "" if size < EXACT else " up to rounding"
    raise DesignError(
        f"The columns of the model are not independent: {words}{rounding}; leave one of them out."
    )


def _smallest(unit: Floats) -> tuple[float, Floats]:
    """Return the smallest singular value and the combination of columns that it belongs to."""
    _, sizes, combinations = np.linalg.svd(unit, full_matrices=False)
    return float(sizes[-1]), combinations[-1].copy()


def relation_words(coefficients: Floats, names: list[str]) -> str:
    """Return ``brain_ml = gm_ml + wm_ml`` for coefficients whose combination is zero.

    The column that stands alone on its side is the one whose sign no other shares, if there is
    one, else the last.
    """
    used = [(name, c) for name, c in zip(names, coefficients, strict=True) if c != 0]
    signs = [c > 0 for _, c in used]
    alone = [k for k, sign in enumerate(signs) if signs.count(sign) == 1]
    name, own = used.pop(alone[-1] if alone else len(used) - 1)
    parts = [_part(-c / own, other) for other, c in used[:SHOWN_COLUMNS]]
    if len(used) > SHOWN_COLUMNS:
        parts.append(f"+ {len(used) - SHOWN_COLUMNS} more columns")
    return f"{name} = {' '.join(parts).removeprefix('+ ') or '0'}"


def _part(coefficient: float, name: str) -> str:
    sign = "−" if coefficient < 0 else "+"
    size = number(abs(coefficient))
    return f"{sign} {name}" if float(f"{abs(coefficient):.2g}") == 1 else f"{sign} {size}·{name}"


def inflation_warnings(matrix: Floats, *, terms: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Return a sentence for each term that the others nearly explain.

    The measure is the generalised variance inflation of Fox & Monette (1992),
    doi:10.1080/01621459.1992.10475190, to the power 1/columns, so that it reads like the
    inflation of a single covariate; above 10 it is reported.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        The design, of full rank.
    terms : mapping of str to tuple of int
        Column numbers of each term.

    Returns
    -------
    tuple of str
        One sentence per term.
    """
    varying = [k for k in range(matrix.shape[1]) if np.ptp(matrix[:, k]) > 0]
    if len(varying) < 2:
        return ()
    correlation = np.atleast_2d(np.corrcoef(matrix[:, varying], rowvar=False))
    found = []
    for term, columns in terms.items():
        inflation = _inflation(correlation, [varying.index(k) for k in columns if k in varying])
        if inflation > MAX_INFLATION:
            found.append(
                f"{term} is nearly a combination of the other terms (variance inflation "
                f"{number(inflation)}), so its own share is hard to tell from theirs."
            )
    return tuple(found)


def _inflation(correlation: Floats, own: list[int]) -> float:
    others = [k for k in range(len(correlation)) if k not in own]
    if not own or not others:
        return 1.0
    log_ratio = (
        np.linalg.slogdet(correlation[np.ix_(own, own)])[1]
        + np.linalg.slogdet(correlation[np.ix_(others, others)])[1]
        - np.linalg.slogdet(correlation)[1]
    )
    return float(np.exp(log_ratio / len(own)))
