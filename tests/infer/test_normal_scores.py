"""z of t and F against scipy, and the table against the exact scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heatlas.core.errors import NotSupportedError
from heatlas.infer.normal_scores import look_up, normal_scores, score_table


def test_scores_have_the_p_of_their_statistic() -> None:
    t = np.array([-6.0, -1.0, 0.0, 0.3, 4.0, 9.0])
    np.testing.assert_allclose(
        normal_scores(t, kind="t", dof=(12.0,)),
        np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), 12)),
        atol=1e-10,
    )
    f = np.array([0.1, 1.0, 3.0, 30.0])
    expected = stats.norm.isf(stats.f.sf(f, 2, 20))
    np.testing.assert_allclose(normal_scores(f, kind="F", dof=(2.0, 20.0)), expected, atol=1e-10)


def test_a_huge_t_has_a_finite_score() -> None:
    (score,) = normal_scores([1e6], kind="t", dof=(30.0,))
    assert 20 < score < 40


@pytest.mark.parametrize(("kind", "dof"), [("t", (3.0,)), ("t", (67.0,)), ("F", (3.0, 20.0))])
def test_the_table_gives_the_exact_scores(kind: str, dof: tuple[float, ...]) -> None:
    values = np.random.default_rng(0).uniform(-60, 60, 5000).astype(np.float32)
    if kind == "F":
        values = np.abs(values)
    exact = normal_scores(values, kind=kind, dof=dof)
    if kind == "F":
        exact = np.maximum(exact, 0)
    found = look_up(values, score_table(kind=kind, dof=dof), kind=kind, dof=dof)
    np.testing.assert_allclose(found, exact, atol=3e-6)


def test_scores_need_degrees_of_freedom() -> None:
    with pytest.raises(NotSupportedError):
        normal_scores([1.0], kind="t", dof=())
