"""A number with its interval, unit and n."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.estimate import Estimate
from heatlas.core.space import Grid, Mask

MASK = Mask(space=Grid(shape=(2, 2, 2), affine=np.eye(4)), inside=np.arange(8) < 3)


def test_a_single_number_is_put_into_words_with_interval_and_unit() -> None:
    estimate = Estimate(value=-0.4236, low=-1.2, high=0.31, unit="ml")
    assert estimate.words() == "−0.424 [−1.20, 0.310] ml"
    assert Estimate(value=1, low=0, high=2).words(digits=1) == "1 [0, 2]"


def test_an_estimate_that_is_not_known_says_so() -> None:
    assert Estimate(value=np.nan, low=np.nan, high=np.inf).words() == "n/a [n/a, ∞]"


def test_a_map_of_estimates_cannot_be_put_into_words() -> None:
    estimate = Estimate(value=np.ones(3), low=np.zeros(3), high=np.ones(3), mask=MASK)
    with pytest.raises(DataError, match="Only a single number"):
        estimate.words()


@pytest.mark.parametrize(
    "parts",
    [
        {"value": 1.0, "low": [0.0], "high": 2.0},
        {"value": np.ones(3), "low": np.ones(3), "high": np.ones(3)},
        {"value": np.ones(3), "low": np.ones(3), "high": 1.0, "mask": MASK},
        {"value": 1.0, "low": 0.0, "high": 2.0, "standard_error": np.ones(3)},
    ],
)
def test_all_parts_have_the_shape_of_the_mask(parts: dict[str, object]) -> None:
    with pytest.raises(DataError, match="has shape"):
        Estimate(**parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_a_level_that_is_no_share_is_refused(level: float) -> None:
    with pytest.raises(DataError, match="not between 0 and 1"):
        Estimate(value=1, low=0, high=2, level=level)
