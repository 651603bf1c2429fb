"""The page of measured nulls is what its program writes, and its program measures what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from scripts.null_fields import as_maps, brain, parcel_means, parcellation, smooth_fields
from scripts.null_page import interval, page_of

PAGE = Path(__file__).parents[2] / "docs" / "nulls.md"


def rate(table: str, null: str, times: int, *, place: str = "9 voxels") -> dict[str, object]:
    """One counted rate, of 100."""
    named = {"table": table, "place": place, "maps": "6 mm", "null": null}
    return {**named, "times": times, "of": 100}


def invented(times: int) -> list[dict[str, object]]:
    """Everything a page needs, with a default that finds so many of 100."""
    return [
        rate("false", "dutilleul", times),
        rate("false", "moran", 5, place="400 parcels"),
        rate("uneven", "dutilleul", 13),
        rate("flagged", "dutilleul", 1),
        rate("power", "dutilleul", 80, place="400 parcels"),
        {"maps": "6 mm", "mean": 210.0, "monte_carlo": 200.0, "error": 4.0},
    ]


@pytest.mark.parametrize("times", [0, 3, 50, 100])
def test_intervals_are_those_of_scipy(times: int) -> None:
    wanted = binomtest(times, 100).proportion_ci(method="exact")
    np.testing.assert_allclose(interval(times, 100), (wanted.low, wanted.high))


def test_the_page_says_which_null_misses_its_level() -> None:
    assert "- *dutilleul*: 5.0 to 5.0 %, inside 3 to 7 %." in page_of(invented(5))
    assert "- *dutilleul*: 9.0 to 9.0 %, **outside** 3 to 7 %." in page_of(invented(9))
    assert "| 6 mm | 210 | 200 ± 4 | 1.05 |" in page_of(invented(5))


def test_the_default_is_inside_what_was_demanded_of_it() -> None:
    (line,) = [s for s in PAGE.read_text("utf-8").splitlines() if s.startswith("- *dutilleul*: ")]
    assert line.endswith("inside 3 to 7 %.")


def test_fields_have_the_smoothness_and_the_variance_that_is_asked_for() -> None:
    where = brain(6)
    fields = smooth_fields(21, where, fwhm_mm=18, seed=0)
    assert fields.shape == (21, where.mask.size)
    assert fields.var() == pytest.approx(1, abs=0.15)
    whole = np.full((21, *where.inside.shape), np.nan)
    whole[:, where.inside] = fields
    ahead = np.nanmean(whole[:, 1:] * whole[:, :-1]) / np.nanmean(whole**2)
    # A Gaussian of standard deviation s leaves exp(-d^2 / 4 s^2) over a distance d.
    assert ahead == pytest.approx(np.exp(-(6**2) * 8 * np.log(2) / (4 * 18**2)), abs=0.01)
    assert as_maps(fields, where.mask).mask.size == where.mask.size


def test_parcels_cover_the_brain_and_means_are_means() -> None:
    mask, labels = parcellation(50, 6)
    where = brain(6)
    fields = smooth_fields(2, where, fwhm_mm=10, seed=1)
    means = parcel_means(fields, labels)
    assert means.shape == (2, mask.size)
    assert mask.size > 45
    np.testing.assert_allclose(means[1, 7], fields[1][labels == 7].mean(), rtol=1e-5)
