"""What survives and by which rule."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.threshold import Threshold, no_threshold, strength_of, value_threshold

VALUES = np.array([-5.0, -2, 0, 2, 5, np.nan, np.inf])


def test_without_a_threshold_everything_is_shown_and_nothing_judged() -> None:
    rule = no_threshold(4)
    assert (rule.n_surviving, rule.judges, rule.alpha) == (4, False, None)


@pytest.mark.parametrize(
    ("two_sided", "survives"),
    [(True, [True, False, False, False, True, False, True]),
     (False, [False, False, False, False, True, False, True])],
)  # fmt: skip
def test_a_cut_of_the_user_keeps_what_exceeds_it_and_never_nan(
    two_sided: bool, survives: list[bool]
) -> None:
    rule = value_threshold(VALUES, cut=2, two_sided=two_sided)
    assert rule.survives.tolist() == survives
    assert rule.correction == "none"


def test_a_cut_of_the_user_is_labelled_as_uncorrected() -> None:
    assert value_threshold(VALUES, cut=2.5, two_sided=True).words == (
        "|value| > 2.5, a cut chosen by the user, uncorrected"
    )


def test_even_minus_infinity_survives_a_two_sided_cut_only() -> None:
    low = np.array([-np.inf])
    assert value_threshold(low, cut=1, two_sided=True).n_surviving == 1
    assert value_threshold(low, cut=1, two_sided=False).n_surviving == 0


@pytest.mark.parametrize("name", ["logp", "undecided", "extended", "strength", "tail_logp"])
def test_arrays_of_another_length_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: 2 given, but there are 3 elements"):
        Threshold(method="m", words="w", survives=np.ones(3), **{name: np.zeros(2)})  # type: ignore[arg-type]


def test_null_maxima_have_a_length_of_their_own() -> None:
    rule = Threshold(method="m", words="w", survives=np.ones(3), null_maxima=np.zeros(7))
    assert rule.null_maxima is not None
    assert len(rule.null_maxima) == 7


def test_what_survives_has_full_strength_and_everything_else_a_faint_one() -> None:
    values = np.array([-5.0, -2, 0, 2, 4, np.nan])
    survives = np.array([False, True, False, False, False, False])
    strength = strength_of(values, survives=survives)
    np.testing.assert_allclose(strength, [-0.7, -1, 0, 0.7 * 0.4, 0.7 * 0.8, 0])


def test_beyond_the_cut_strength_does_not_grow() -> None:
    values = np.array([1.0, 2, 8])
    strength = strength_of(values, survives=np.zeros(3, bool), cut=4)
    np.testing.assert_allclose(strength, [0.175, 0.35, 0.7])
    np.testing.assert_array_equal(strength_of(np.zeros(2), survives=np.zeros(2, bool)), 0)


def test_settings_of_a_rule_cannot_be_changed() -> None:
    rule = Threshold(method="m", words="w", survives=np.ones(1), settings={"a": [1, 2]})
    assert rule.settings["a"] == (1, 2)
    with pytest.raises(TypeError):
        rule.settings["a"] = 3  # type: ignore[index]
