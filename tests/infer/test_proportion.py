from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from heatlas.core.errors import DataError
from heatlas.infer.proportion import wilson_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (57, 60), (1, 1)])
def test_the_interval_is_that_of_statsmodels(hits: int, n: int) -> None:
    expected = proportion_confint(hits, n, alpha=0.1, method="wilson")
    assert wilson_interval(hits, n, level=0.9) == pytest.approx(expected, abs=1e-12)


def test_the_interval_holds_the_share_and_narrows_with_n() -> None:
    narrow, wide = wilson_interval(80, 100), wilson_interval(8, 10)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_shares_that_cannot_be_are_refused(hits: int, n: int) -> None:
    with pytest.raises(DataError, match="expected at least one trial"):
        wilson_interval(hits, n)
