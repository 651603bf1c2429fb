"""What a comparison says about itself: its coverage, its mask, how stationary its maps are."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.comparison import MapComparison
from heatlas.compare.crosscheck import CrossCheck
from heatlas.compare.stationarity import FACTOR, LEVEL
from heatlas.core.errors import DataError
from heatlas.core.table import Column, Table
from heatlas.core.words import count, join, percent

Flags = NDArray[np.bool_]
MOST_NAMED = 5
FEW_COVERED = 0.5  # a smaller share of a map's voxels in the comparison is worth a warning
FEWEST = 3  # elements without which no measure is computed


def check_some_value(compared: MapComparison) -> None:
    """Raise where not one cell could be computed, for an empty heat map says nothing.

    Parameters
    ----------
    compared : MapComparison
        Any.

    Raises
    ------
    DataError
        If every cell of two different maps is empty.
    """
    cells = ~compared.question.repeated
    if not cells.any() or np.isfinite(compared.matrix.values[cells]).any():
        return
    question, element = compared.question, compared.element
    n = compared.matrix.n
    most = 0 if n is None else int(np.nanmax(np.broadcast_to(n, cells.shape)[cells]))
    if most < FEWEST:
        why = (
            f"two maps share at most {count(most, element)} and a comparison needs {FEWEST}; "
            "check that they lie in the same space and that the voxels are small enough"
        )
    elif question.measure == "dice":
        why = (
            f"no map has a magnitude above {question.dice_above:g} there; lower the threshold "
            "(--dice-above)"
        )
    else:
        why = (
            f"one map of each pair is constant in the {element}s that policy "
            f"'{question.policy}' leaves, as a mask is inside itself; leave it out or take "
            "another policy (--policy)"
        )
    raise DataError(f"No cell has a value: {why}.")


def coverage_warnings(compared: MapComparison, *, whole: Collection[str]) -> list[str]:
    """Return the words about maps of which the common elements are a small part.

    Parameters
    ----------
    compared : MapComparison
        Any.
    whole : collection of str
        Maps without a background, of which every voxel counts as measured: they say nothing.

    Returns
    -------
    list of str
        Empty where each map shares half of its elements with each other, or the policy asks only
        pairs.
    """
    if compared.question.policy != "common" or compared.matrix.n is None:
        return []
    coverage, element = compared.coverage, compared.element
    told = np.array([name not in whole for name in coverage.rows.names])
    shares = np.where(told[:, None], coverage.values, np.nan)
    if not (shares < FEW_COVERED).any():
        return []
    row, column = np.unravel_index(np.nanargmin(shares), shares.shape)
    least = shares[row, column]
    way_out = "; if zeros of a thresholded map are data, take the policy 'union-zero' or 'mask'"
    return [
        f"some maps share less than half of their {element}s, the least "
        f"'{coverage.rows.names[row]}', of which '{coverage.columns.names[column]}' measures "
        f"{percent(least, digits=1 if least < 0.1 else 0)}; see the coverage"
        f"{way_out if element == 'voxel' else ''}"
    ]


def mask_warnings(compared: MapComparison) -> list[str]:
    """Return the words about a mask that the chosen policy does not use.

    Parameters
    ----------
    compared : MapComparison
        Any.

    Returns
    -------
    list of str
        Empty where there is no mask, or it is what the cells rest on.
    """
    policy = compared.question.policy
    if compared.question.mask is None or policy == "mask":
        return []
    return [
        f"the mask does not limit policy '{policy}'; it is held beside as a policy of its own, "
        "and --policy mask compares inside it"
    ]


def stationarity_table(check: CrossCheck) -> Table:
    """Return one row a map: how much its variance and its roughness differ between blocks.

    Parameters
    ----------
    check : CrossCheck
        Of a comparison.

    Returns
    -------
    Table
        In the order of the maps' names.
    """
    even = check.even
    columns = (
        Column(name="map", values=check.names),
        Column(
            name="variance_range",
            values=even.variance_range,
            description="largest local variance of 16 blocks divided by the smallest",
        ),
        Column(
            name="p_variance",
            values=even.p_variance,
            description="of a stationary map whose blocks differ as much",
        ),
        Column(
            name="roughness_range",
            values=even.roughness_range,
            description="the same of the mean squared difference of neighbours",
        ),
        Column(name="p_roughness", values=even.p_roughness, description="the same"),
        Column(
            name="flagged",
            values=tuple("yes" if flag else "no" for flag in even.flagged),
            description=f"p below {LEVEL:g} and a range of {FACTOR:g} or more, in either",
        ),
    )
    return Table(columns=columns, caption="How stationary the maps are.")


def cross_check_table(compared: MapComparison) -> Table | None:
    """Return one row a distinct pair of flagged maps: its judgement by default, and again.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    Table or None
        None where no pair has two flagged maps.
    """
    check = compared.cross_check
    if check is None or not _shown(compared, check).any():
        return None
    shown = _shown(compared, check)
    row, column = np.nonzero(shown)
    sure, changed = compared.certainty, verdict_changes(compared)[shown]
    numbers = [
        ("n_eff", sure.n_eff, "by default: autocorrelations are the same everywhere"),
        ("n_eff_local", check.n_eff, "with autocorrelations of their own in each block"),
        ("p", sure.p, "by default, uncorrected"),
        ("p_local", check.p, "Student's t with n_eff_local, uncorrected"),
        ("p_fwer", compared.p_fwer, "by default, corrected"),
        ("p_fwer_local", check.p_fwer, "corrected by Holm"),
    ]
    columns = [
        Column(name="row", values=tuple(compared.matrix.rows.names[k] for k in row)),
        Column(name="column", values=tuple(compared.matrix.columns.names[k] for k in column)),
        Column(name="r", values=compared.matrix.values[shown], description=compared.matrix.kind),
        *(Column(name=n, values=values[shown], description=words) for n, values, words in numbers),
        Column(
            name="verdict_changes",
            values=tuple("yes" if changes else "no" for changes in changed),
            description=f"whether one corrected p is at most {compared.question.alpha:g} "
            "and the other is not",
        ),
    ]
    return Table(columns=tuple(columns), caption="Pairs of maps of which neither is stationary.")


def verdict_changes(compared: MapComparison) -> Flags:
    """Return the cells that survive by default and not by the second judgement, or vice versa.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    numpy.ndarray of bool, shape (rows, columns)
        Only pairs of two flagged maps can be among them.
    """
    check = compared.cross_check
    if check is None:
        return np.zeros(compared.matrix.shape, dtype=bool)
    again = check.p_fwer <= compared.question.alpha
    return np.asarray(check.pairs & (again != compared.survives))


def stationarity_warnings(compared: MapComparison) -> list[str]:
    """Return what a reader must know where the default's assumption fails.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    list of str
        Empty where no pair has two flagged maps.
    """
    check = compared.cross_check
    if check is None or not _shown(compared, check).any():
        return []
    flagged = [n for n, flag in zip(check.names, check.even.flagged, strict=True) if flag]
    more = [f"{len(flagged) - MOST_NAMED} more"] if len(flagged) > MOST_NAMED else []
    some = join([*flagged[:MOST_NAMED], *more])
    pairs = _shown(compared, check)
    changed = int((verdict_changes(compared) & pairs).sum())
    n_pairs = int(pairs.sum())
    judged = f"{count(n_pairs, 'cell')} of two such maps {'was' if n_pairs == 1 else 'were'}"
    outcome = f"the verdict on {changed} of them changes" if changed else "no verdict changes by it"
    return [
        f"{len(flagged)} of {count(len(check.names), 'map')} differ in smoothness or size from "
        f"part to part ({some}), which the null does not allow for; "
        f"{judged} judged again with an effective n counted within blocks, and {outcome} "
        "(stationarity_cells.tsv)"
    ]


def _shown(compared: MapComparison, check: CrossCheck) -> Flags:
    """True in distinct cells of two flagged maps."""
    return np.asarray(check.pairs & ~compared.question.repeated)
