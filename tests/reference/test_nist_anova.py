"""NIST's Statistical Reference Datasets for one-way analysis of variance, all eleven.

The certified values are those of the printed data, in multiple precision; scipy ships the files.
Storing the data as float64 moves the exact F already: by 6e-11 where they are numbers around 10^6
with noise of 0.1, by 7e-5 around 10^12. The F of the stored numbers themselves, by rational
arithmetic, is met to the last digits everywhere.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.infer import linear

Floats = NDArray[np.float64]
# Relative distance to the certified F, and to the certified residual standard deviation. Measured:
# 9e-14, 7e-11 and 7e-5; 4e-14, 3e-11 and 3e-5.
DIGITS = {"Lower": 2e-13, "Average": 1e-10, "Higher": 1e-4}
NAMES = ["SiRstv", "AtmWtAg", *(f"SmLs0{k}" for k in range(1, 10))]
EXACT = 5e-13  # to the F of the stored numbers; measured: 8e-14


class Certified(NamedTuple):
    """One of the sets."""

    treatment: Floats
    values: Floats
    difficulty: str
    f: float
    dof: tuple[float, float]
    deviation: float
    """residual standard deviation"""


def nist(name: str) -> Certified:
    """Read one of the sets."""
    folder = Path(scipy.stats.__file__).parent / "tests" / "data" / "nist_anova"
    if not folder.is_dir():
        pytest.skip("this installation of scipy came without its tests")
    lines = (folder / f"{name}.dat").read_text(encoding="ascii").splitlines()
    between = next(line.split() for line in lines if line.startswith("Between "))
    within = next(line.split() for line in lines if line.startswith("Within "))
    difficulty = next(line.split()[0] for line in lines if "Level of Difficulty" in line)
    deviation = next(line.split()[-1] for line in lines if "Standard Deviation" in line)
    data = np.array([line.split() for line in lines[60:] if line.strip()], dtype=np.float64)
    return Certified(
        treatment=data[:, 0],
        values=data[:, 1],
        difficulty=difficulty,
        f=float(between[-1]),
        dof=(float(between[-4]), float(within[-3])),
        deviation=float(deviation),
    )


@cache
def exact_f(name: str) -> float:
    """The F of the numbers as float64 holds them, without any rounding."""
    given = nist(name)
    values = [Fraction(value) for value in given.values.tolist()]
    groups: dict[float, list[Fraction]] = {}
    for treatment, value in zip(given.treatment.tolist(), values, strict=True):
        groups.setdefault(treatment, []).append(value)
    middle = sum(values, Fraction(0)) / len(values)
    between, within = Fraction(0), Fraction(0)
    for members in groups.values():
        mean = sum(members, Fraction(0)) / len(members)
        between += len(members) * (mean - middle) ** 2
        within += sum(((value - mean) ** 2 for value in members), Fraction(0))
    df_between, df_within = len(groups) - 1, len(values) - len(groups)
    return float(between / df_between / (within / df_within))


def codings(treatment: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Design matrix and weights that test all treatments, in four codings."""
    levels = np.unique(treatment)
    cells = (treatment[:, None] == levels).astype(float)
    k = len(levels)
    one, others = np.ones((len(cells), 1)), np.eye(k)[1:]
    differences = np.eye(k)[:-1] - np.eye(k)[-1:]
    return {
        "a mean for each treatment": (cells, differences),
        "sum to zero": (np.hstack([one, cells[:, :-1] - cells[:, -1:]]), others),
        "against the first": (np.hstack([one, cells[:, 1:]]), others),
        "collinear": (np.hstack([one, cells]), np.hstack([np.zeros((k - 1, 1)), differences])),
    }


def analysis(values: Floats, matrix: Floats, weights: Floats) -> linear.ContrastResult:
    """The F of one row per observation and one column per element."""
    return linear.test(fitted(values, matrix), Contrast(name="f", weights=weights, kind="F"))


def fitted(values: Floats, matrix: Floats) -> linear.Fit:
    """The fit of a bare matrix."""
    names = tuple(f"x{k}" for k in range(matrix.shape[1]))
    ids = tuple(str(row) for row in range(len(matrix)))
    return linear.fit(values, Design(matrix=matrix, names=names, ids=ids))


@pytest.mark.parametrize("name", NAMES)
def test_f_degrees_of_freedom_and_residual_deviation_are_the_certified_ones(name: str) -> None:
    given = nist(name)
    matrix, weights = codings(given.treatment)["sum to zero"]
    result = analysis(given.values[:, None], matrix, weights)
    assert result.dof == given.dof
    digits = DIGITS[given.difficulty]
    np.testing.assert_allclose(result.statistic, given.f, rtol=digits)
    deviation = math.sqrt(fitted(given.values[:, None], matrix).residual_variance.item())
    np.testing.assert_allclose(deviation, given.deviation, rtol=digits)


@pytest.mark.parametrize("name", NAMES)
def test_f_is_exact_for_the_stored_numbers_in_every_coding(name: str) -> None:
    given = nist(name)
    exact = exact_f(name)
    for coding, (matrix, weights) in codings(given.treatment).items():
        result = analysis(given.values[:, None], matrix, weights)
        np.testing.assert_allclose(result.statistic, exact, rtol=EXACT, err_msg=coding)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_elements_of_any_offset_stand_side_by_side(size: int) -> None:
    """The same treatments around 1, 10^6 and 10^12, as three elements of one stack."""
    names = [f"SmLs0{k}" for k in (size, size + 3, size + 6)]
    matrix, weights = codings(nist(names[0]).treatment)["sum to zero"]
    result = analysis(np.column_stack([nist(n).values for n in names]), matrix, weights)
    np.testing.assert_allclose(result.statistic, [exact_f(n) for n in names], rtol=EXACT)
