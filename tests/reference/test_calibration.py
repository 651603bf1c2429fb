"""A thin slice of the calibration, its bands, and the page that the whole of it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.calibrate import calibrate
from scripts.calibration_bands import Measured, measure, together
from scripts.calibration_cell import ALPHA, exact_level
from scripts.calibration_cells import CELLS, SECTIONS
from scripts.calibration_page import page_of
from scripts.calibration_samples import NOISES
from scripts.calibration_sets import Found, noise_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
SETS = 40
SETS_OF_THE_PAGE = 1000
SLICE = [
    "Benjamini-Hochberg | Gaussian | two",
    "max-t | heavy-tailed | two",
    "max-t, sign-flips | Gaussian | one few",
    "max-t, sign-flips | skewed | one",
    "max-t | Gaussian | wide few",
    "max-t | Gaussian | narrow few",
    "TFCE, within blocks | long-range | sites",
    "cluster mass | skewed | unequal",
]


@pytest.mark.parametrize("key", SLICE)
def test_false_positives_are_as_theory_expects(key: str) -> None:
    (measured,) = calibrate([key], n_sets=SETS)
    assert measured.reached, measured


def test_counts_do_not_depend_on_where_a_chunk_begins() -> None:
    key = "max-t, sign-flips | skewed | one"
    cell = CELLS[key]
    assert not np.array_equal(noise_of(cell, 0), noise_of(cell, 1))
    np.testing.assert_array_equal(noise_of(cell, 3), noise_of(cell, 3))


def invented(key: str, *, false: int, warned: int = 0, n_sets: int = 1000) -> Measured:
    """A cell in which so many sets were false."""
    (one,) = measure({key: (CELLS[key], Found(false=false, warned=warned))}, n_sets=n_sets)
    return one


@pytest.mark.parametrize(
    ("key", "fine", "wrong"),
    [
        ("max-t | Gaussian | two", [35, 50, 65], [20, 80]),
        ("cluster extent | Gaussian | two", [0, 50], [80]),
        ("max-t, Freedman-Lane | Gaussian | covariate", [20, 50, 80], [5, 110]),
        ("Bonferroni | skewed | one", [100, 900], [0, 50]),
    ],
)
def test_each_verdict_has_its_own_band(key: str, fine: list[int], wrong: list[int]) -> None:
    assert all(invented(key, false=false).reached for false in fine)
    assert not any(invented(key, false=false).reached for false in wrong)


def test_a_negative_control_without_a_warning_is_not_reached() -> None:
    key = "max-t | Gaussian | wide few"
    assert not invented(key, false=800, warned=400).reached
    assert invented(key, false=800, warned=999).reached


def test_all_exact_cells_hold_with_99_per_cent() -> None:
    exact = [cell for cell in CELLS.values() if cell.expected == "exact"]
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        found = {
            cell.key: (cell, Found(false=int(rng.binomial(1000, cell.level)), warned=0))
            for cell in exact
        }
        held += all(one.reached for one in measure(found, n_sets=1000))
    assert held >= 194


def test_a_small_bias_of_all_exact_cells_shows_together() -> None:
    exact = [cell for cell in CELLS.values() if cell.expected == "exact"]
    found = {cell.key: (cell, Found(false=57, warned=0)) for cell in exact}
    measured = measure(found, n_sets=1000)
    pooled = together(measured)
    assert all(one.reached for one in measured if one.cell.known is None)
    assert pooled is not None and not pooled.reached


def test_the_exact_level_counts_ties() -> None:
    # p is a multiple of 1 / 35: mirrored arrangements of 4 and 4 maps have |t| in common.
    assert exact_level(70, n_made=70, mirrored=True) == pytest.approx(1 / 35)
    assert exact_level(1e9, n_made=200, mirrored=False) == pytest.approx(ALPHA)
    rng, n_sizes, n_made = np.random.default_rng(2), 300, 40
    rank = rng.integers(1, n_sizes + 1, 40_000)
    beaten = rng.binomial(n_made - 1, rank / n_sizes)
    simulated = (beaten + 1 <= ALPHA * n_made).mean()
    assert exact_level(n_sizes, n_made=n_made, mirrored=False) == pytest.approx(simulated, abs=3e-3)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_has_no_mean(noise: str) -> None:
    values = NOISES[noise](np.random.default_rng(4), 400)
    assert abs(values.mean()) < 0.1
    assert values.std() == pytest.approx(1.0, abs=1.0)


def test_cells_cover_what_was_promised() -> None:
    assert len(CELLS) == sum(map(len, SECTIONS.values())) >= 45
    assert {cell.noise for cell in CELLS.values()} == set(NOISES)
    silent = [cell.key for cell in CELLS.values() if cell.expected == "invalid" and not cell.warns]
    assert all(CELLS[key].settings is None for key in silent)


def test_the_page_shows_each_cell_with_its_expected_verdict() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.endswith((" yes |", " **no** |"))]
    assert {tuple(row.strip("| ").split(" | ")[:5]) for row in rows} == {
        (cell.method, cell.noise, cell.maps.words, cell.expected, cell.why)
        for cell in CELLS.values()
    }
    assert f"{SETS_OF_THE_PAGE:,} data sets" in page


def test_the_page_says_which_cells_missed_their_expectation() -> None:
    key = "max-t | Gaussian | two"
    words = page_of([invented(key, false=200)])
    assert "**0 of 1 cells are as expected.** Not: max-t, Gaussian, 10 and 10 maps." in words
    assert "| **no** |" in words


def test_no_cell_of_the_page_missed_its_expectation() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not [line for line in page.splitlines() if line.endswith("| **no** |")]
