"""The design under arrangements: whose variance a map stands for, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DesignError
from heatlas.infer import linear
from heatlas.infer.arranged import Statistic, arrange
from tests.infer.rearranged_study import LABELS, F, N, T, some_arrangements, statistic_of, study


def test_a_variance_group_without_degrees_of_freedom_is_refused() -> None:
    _, design = study()
    parts = linear.partition(design, T)
    groups = np.append(np.zeros(N - 1, int), 1)
    with pytest.raises(DesignError, match="Variance group 2 of 2"):
        Statistic(
            interest=parts.interest,
            nuisance=np.concatenate([parts.nuisance, np.eye(N)[:, -1:]], axis=1),
            kind="v", dof=(), signed=False, groups=groups,
        )  # fmt: skip


def test_columns_move_as_the_rows_say() -> None:
    _, design = study(2)
    _, tested = statistic_of(design, F, grouped=True)
    arranged = arrange(tested, some_arrangements(), block=0)
    rows = some_arrangements().block(0).rows
    assert rows is not None and arranged.groups is not None
    np.testing.assert_array_equal(arranged.columns[:, 0], tested.columns)
    np.testing.assert_array_equal(arranged.columns[:, 4], tested.columns[:, rows[4]])
    np.testing.assert_array_equal(arranged.groups[4], LABELS[rows[4]])


def test_a_part_of_the_arrangements_is_what_it_was() -> None:
    _, design = study(2)
    _, tested = statistic_of(design, T)
    arranged = arrange(tested, some_arrangements(), block=0)
    part = arranged.take(slice(2, 5))
    np.testing.assert_array_equal(part.columns, arranged.columns[:, 2:5])
    assert part.groups is None and part.singles.dtype == np.float32
