"""A map that knows its kind, degrees of freedom, contrast and n."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap

MASK = Mask(space=Grid(shape=(2, 2, 2), affine=np.eye(4)), inside=np.arange(8) < 3)


def stat_map(**changed: object) -> StatMap:
    """Return a t map of three elements, with something changed."""
    content = {"values": np.array([-1.0, 0, 2]), "mask": MASK, "kind": "t"}
    return StatMap(**{**content, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"n": 72, "groups": (("depr", 51), ("control", 21)), "dof": (67,)},
            "n = 72 (51 depr, 21 control), df = 67",
        ),
        ({"kind": "F", "n": 40, "dof": (2, 37)}, "n = 40, df = 2 and 37"),
        ({"dof": (12.5,)}, "df = 12.5"),
        ({}, ""),
    ],
)
def test_the_sample_is_put_into_words_as_far_as_it_is_known(
    changed: dict[str, object], words: str
) -> None:
    assert stat_map(**changed).sample_words() == words


@pytest.mark.parametrize(
    ("kind", "statistic", "signed"),
    [
        ("t", True, True), ("F", True, False), ("z", True, True), ("effect", False, True),
        ("v", True, True), ("G", True, False), ("tfce", True, True), ("cluster mass", True, True),
        ("mean", False, False), ("standard error", False, False), ("partial R2", False, False),
    ],
)  # fmt: skip
def test_a_map_knows_whether_it_is_a_statistic_and_signed(
    kind: str, statistic: bool, signed: bool
) -> None:
    made = stat_map(kind=kind)
    assert (made.is_statistic, made.is_signed) == (statistic, signed)


def test_what_neighbours_add_has_a_sign_only_where_one_tail_is_negative() -> None:
    assert not stat_map(kind="cluster extent", values=np.array([0.0, 3, 4])).is_signed


def test_captions_write_tfce_in_capitals_and_other_kinds_as_they_are() -> None:
    symbols = [stat_map(kind=kind).symbol for kind in ("t", "tfce", "cluster mass")]
    assert symbols == ["t", "TFCE", "cluster mass"]


def test_float32_stays_and_everything_else_becomes_float64() -> None:
    assert stat_map(values=np.zeros(3, np.float32)).values.dtype == np.float32
    assert stat_map(values=[0, 1, 2]).values.dtype == np.float64


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"kind": "p"}, "'p' is not one of t, F, z"), ({"values": [1.0]}, "1 given, but there are 3")],
)
def test_a_wrong_kind_or_length_is_refused(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        stat_map(**changed)
