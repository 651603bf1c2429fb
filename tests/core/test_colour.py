"""How values become colours."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heatlas.core.colour import (
    ColourScale,
    colour_table,
    colour_tables,
    scale_for,
    shared_scale,
    value_faded,
)
from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatKind, StatMap
from heatlas.core.threshold import Threshold, no_threshold

FINITE = st.floats(-1e6, 1e6)


def stat_map(values: list[float], **changed: object) -> StatMap:
    """Return a t map of these values, with something changed."""
    n = len(values)
    mask = Mask(space=Grid(shape=(n, 1, 1), affine=np.eye(4)), inside=np.ones(n, bool))
    content = {"values": np.array(values), "mask": mask, "kind": "t"}
    return StatMap(**{**content, **changed})  # type: ignore[arg-type]


def rule(cut: float | None, *, n: int = 3, two_sided: bool = True) -> Threshold:
    """Return a judgement at a cut."""
    return Threshold(
        method="max-t", words="w", survives=np.zeros(n, bool), cut=cut, two_sided=two_sided
    )


def diverging(limit: float = 2.0, **changed: object) -> ColourScale:
    """Return a symmetric scale."""
    content = {"table": "vik", "kind": "diverging", "low": -limit, "high": limit}
    content |= {"true_low": -limit, "true_high": limit}
    return ColourScale(**{**content, **changed})  # type: ignore[arg-type]


# -------------------------------------------------------------------------------- one scale


@given(st.lists(FINITE, min_size=1, max_size=5), st.floats(0.1, 1e6))
def test_the_same_value_has_the_same_colour_whatever_stands_beside_it(
    values: list[float], limit: float
) -> None:
    scale = diverging(limit)
    together = scale.colours(np.array(values, dtype=np.float32))
    alone = [scale.colours(np.float32(value)).tolist() for value in values]
    assert together.tolist() == alone


@given(st.lists(FINITE, min_size=2, max_size=6))
def test_colours_follow_the_order_of_the_values(values: list[float]) -> None:
    indices = diverging(100.0).indices(sorted(values)).astype(int)
    assert (np.diff(indices) >= 0).all()


@given(st.floats(0, 10))
def test_a_diverging_scale_is_symmetric_around_zero(value: float) -> None:
    up, down = (int(diverging().indices(v)) for v in (value, -value))
    assert abs((up - 127.5) + (down - 127.5)) <= 1


def test_values_beyond_the_limits_saturate() -> None:
    scale = diverging(2.0, true_low=-3.0, true_high=2.0)
    assert scale.indices([-9, -2, 2, 9, np.inf, -np.inf]).tolist() == [0, 0, 255, 255, 255, 0]
    assert (scale.saturates_low, scale.saturates_high) == (True, False)


@given(st.lists(st.floats(0, 20), min_size=2, max_size=6), st.floats(0.5, 8))
def test_opacity_grows_with_magnitude_up_to_the_cut_and_stays(
    sizes: list[float], cut: float
) -> None:
    scale = diverging(10.0, fade_full=cut)
    opacity = scale.opacity(sorted(sizes))
    assert (np.diff(opacity) >= 0).all()
    assert ((opacity >= 0) & (opacity <= 1)).all()
    np.testing.assert_array_equal(opacity, scale.opacity(-np.array(sorted(sizes))))
    assert scale.opacity(cut) == 1


def test_the_fade_is_quadratic_and_hides_nan() -> None:
    scale = diverging(10.0, fade_full=4.0)
    np.testing.assert_allclose(scale.opacity([0, 1, 2, 4, 9, np.nan]), [0, 1 / 16, 0.25, 1, 1, 0])


def test_without_a_judgement_everything_finite_is_opaque() -> None:
    assert diverging().opacity([0, 1, np.nan, np.inf]).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (np.nan, 1), (0, np.inf)])
def test_limits_that_span_nothing_are_refused(low: float, high: float) -> None:
    with pytest.raises(DataError, match="span nothing"):
        diverging(low=low, high=high)


# -------------------------------------------------------------------------------- tables


def test_every_table_has_256_read_only_colours() -> None:
    for name in colour_tables():
        table = colour_table(name)
        assert (table.shape, table.dtype, table.flags.writeable) == ((256, 3), np.uint8, False)


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'batlow'"):
        colour_table("batlw")


def test_tables_are_those_of_their_sources() -> None:
    cmcrameri = pytest.importorskip("cmcrameri.cm")
    matplotlib = pytest.importorskip("matplotlib")
    for name in colour_tables():
        source = getattr(cmcrameri, name, None) or matplotlib.colormaps[name]
        expected = source(np.arange(256), bytes=True)[:, :3].astype(int)
        assert np.abs(colour_table(name).astype(int) - expected).max() <= 1, name


def test_the_default_sequential_table_grows_lighter_all_the_way() -> None:
    light = colour_table("batlow") @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light) > -1.5).all()
    assert light[-1] > light[0] + 100


@pytest.mark.parametrize("kind", get_args(StatKind))
@pytest.mark.parametrize("values", [[0.0, 1, 2], [-2.0, 0, 1], [-3.0, -2, -1]])
def test_jet_is_never_a_default(kind: str, values: list[float]) -> None:
    assert "jet" in colour_tables()
    assert scale_for(stat_map(values, kind=kind)).table in ("vik", "batlow")


# -------------------------------------------------------------------------------- default scales


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0.0, 1, 5], "t", ("diverging", -5, 5)),
        ([-3.0, 0, 2], "effect", ("diverging", -3, 3)),
        ([1.0, 2, 3], "effect", ("sequential", 0, 3)),
        ([1.0, 2, 3], "F", ("sequential", 0, 3)),
        ([0.2, 0.3, 0.8], "mean", ("sequential", 0, 0.8)),
        ([-1000.0, 0, 50], "mean", ("sequential", -1000, 50)),
        ([-5.0, -3, -2], "mean", ("sequential", -5, -2)),
        ([0.0, 0, 0], "t", ("diverging", -1, 1)),
        ([0.0, 0, 0], "F", ("sequential", 0, 1)),
        ([-2.0, -2, -2], "mean", ("sequential", -2, -1)),
    ],
)
def test_limits_come_from_the_values_and_signed_maps_are_symmetric(
    values: list[float], kind: str, expected: tuple[str, float, float]
) -> None:
    scale = scale_for(stat_map(values, kind=kind))
    assert (scale.kind, scale.low, scale.high) == expected
    assert (scale.true_low, scale.true_high) == (min(values), max(values))


def test_panels_of_one_quantity_share_the_widest_limits() -> None:
    panels = [stat_map([-1.0, 0, 2]), stat_map([-7.0, np.nan, 1])]
    scale = shared_scale(panels)
    assert (scale.low, scale.high, scale.true_low, scale.true_high) == (-7, 7, -7, 2)


def test_a_limit_saturates_and_keeps_the_true_ends() -> None:
    scale = scale_for(stat_map([-9.0, 0, 1]), limit=4)
    assert (scale.low, scale.high, scale.saturates_low, scale.saturates_high) == (
        -4,
        4,
        True,
        False,
    )


@pytest.mark.parametrize("limit", [0, -1, np.nan])
def test_a_limit_that_is_not_positive_is_refused(limit: float) -> None:
    with pytest.raises(DataError, match="must be positive"):
        scale_for(stat_map([1.0, 2, 3]), limit=limit)


@pytest.mark.parametrize(
    ("threshold", "cuts", "fade"),
    [
        (rule(3.0), (-3, 3), 3),
        (rule(3.0, two_sided=False), (3,), 3),
        (rule(None), (), 5),
        (no_threshold(3), (), None),
        (None, (), None),
    ],
)
def test_the_judgement_sets_fade_and_ticks(
    threshold: Threshold | None, cuts: tuple[float, ...], fade: float | None
) -> None:
    scale = scale_for(stat_map([-2.0, 0, 5]), threshold=threshold)
    assert (scale.cuts, scale.fade_full) == (cuts, fade)


def test_an_f_map_has_one_tick() -> None:
    assert scale_for(stat_map([0.0, 1, 9], kind="F"), threshold=rule(4.0)).cuts == (4,)


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({}, "t"),
        ({"kind": "effect", "quantity": "volume", "unit": "ml"}, "volume (ml)"),
        ({"kind": "g"}, "g"),
    ],
)
def test_the_bar_names_quantity_and_unit(changed: dict[str, object], label: str) -> None:
    assert scale_for(stat_map([1.0, 2, 3], **changed)).label == label


def test_a_map_without_a_finite_value_cannot_be_coloured() -> None:
    with pytest.raises(DataError, match="nothing to colour"):
        scale_for(stat_map([np.nan, np.nan, np.nan]))


def test_a_tail_that_was_not_tested_stays_faint() -> None:
    scale = ColourScale(
        table="vik", kind="diverging", low=-6, high=6, true_low=-6, true_high=6,
        fade_full=3.0, one_sided=True,
    )  # fmt: skip
    assert scale.opacity([5.0, -5.0, 1.5, -1.5]).tolist() == [1.0, 0.25, 0.25, 0.0625]


def test_opacity_in_proportion_to_the_value_reaches_the_ceiling_at_the_limit() -> None:
    scale = value_faded(diverging(4.0), ceiling=0.8)
    values = np.array([-8.0, -4, -1, 0, 1, 2, 4, 9, np.nan, np.inf])
    expected = 0.8 * np.array([1, 1, 0.25, 0, 0.25, 0.5, 1, 1, 0, 1])
    np.testing.assert_allclose(scale.opacity(values), expected)
    assert scale.ramp == "value"


def test_the_ceiling_holds_for_every_kind_of_opacity() -> None:
    flat = replace(diverging(4.0), ceiling=0.5)
    np.testing.assert_array_equal(flat.opacity([0.0, 9.0, np.nan]), [0.5, 0.5, 0.0])
    faded = replace(flat, fade_full=2.0)
    np.testing.assert_allclose(faded.opacity([1.0, 5.0]), [0.125, 0.5])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ceiling": 0.0}, "opacity: 0 given"),
        ({"ceiling": 1.5}, "opacity: 1.5 given"),
        ({"ramp": "cubic"}, "ramp of opacity: 'cubic'"),
        ({"contours": (0.0,)}, "contours"),
        ({"contours": (np.nan,)}, "contours"),
    ],
)
def test_an_opacity_or_a_contour_that_makes_no_sense_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        diverging(4.0, **changes)
