"""The one thing that may reach a screen."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core import renderer
from heatlas.core.errors import DataError, NotSupportedError, SpaceMismatchError
from heatlas.core.heatmap import HeatMap, heat_map_of
from heatlas.core.provenance import Provenance
from heatlas.core.space import Grid, Mask
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold, value_threshold

VALUES = np.array([-5.8, -1, 0, 2, 5.2, 7.5, np.nan, 0.5])
MASK = Mask(space=Grid(shape=(2, 2, 2), affine=np.eye(4)), inside=np.ones(8, bool))


def stat_map(**changed: object) -> StatMap:
    """Return the t map of a group difference, with something changed."""
    content = {
        "values": VALUES, "mask": MASK, "kind": "t", "dof": (67,), "n": 72,
        "groups": (("depr", 51), ("control", 21)),
    }  # fmt: skip
    return StatMap(**{**content, **changed})  # type: ignore[arg-type]


def judgement(survives: np.ndarray, **changed: object) -> Threshold:
    """Return a judgement by permutations, with something changed."""
    content = {
        "method": "max-t", "words": "voxelwise FWE p < .05 by 5,000 permutations",
        "survives": survives, "correction": "fwe", "alpha": 0.05, "cut": 5.1,
    }  # fmt: skip
    return Threshold(**{**content, **changed})  # type: ignore[arg-type]


def both_tails(**changed: object) -> Threshold:
    """Return the judgement of the t map: three voxels survive."""
    return judgement(np.nan_to_num(np.abs(VALUES)) > 5.1, **changed)


# -------------------------------------------------------------------------------- captions


def test_a_caption_says_what_is_seen_and_how_it_was_judged() -> None:
    assert heat_map_of(stat_map(), threshold=both_tails()).caption() == (
        "t map, n = 72 (51 depr, 21 control), df = 67, two-sided, "
        "voxelwise FWE p < .05 by 5,000 permutations, |t| > 5.10, 3 voxels (2 +, 1 −)"
    )


@pytest.mark.parametrize(
    ("drawn", "caption"),
    [
        (
            heat_map_of(
                stat_map(contrast="depression"),
                threshold=judgement(VALUES > 7, two_sided=False),
            ),
            "t map of depression, n = 72 (51 depr, 21 control), df = 67, one-sided, "
            "voxelwise FWE p < .05 by 5,000 permutations, t > 5.10, 1 voxel",
        ),
        (
            heat_map_of(
                stat_map(kind="F", values=np.abs(VALUES), dof=(2, 67), groups=()),
                threshold=both_tails(cut=5.1),
            ),
            "F map, n = 72, df = 2 and 67, voxelwise FWE p < .05 by 5,000 permutations, "
            "F > 5.10, 3 voxels",
        ),
        (
            heat_map_of(stat_map(), threshold=judgement(np.zeros(8, bool), cut=None)),
            "t map, n = 72 (51 depr, 21 control), df = 67, two-sided, "
            "voxelwise FWE p < .05 by 5,000 permutations, no voxel survives",
        ),
        (
            heat_map_of(
                stat_map(kind="effect", quantity="grey-matter volume", unit="ml", dof=()),
                judged=stat_map(),
                threshold=both_tails(),
            ),
            "grey-matter volume in ml: effect, n = 72 (51 depr, 21 control), df = 67, two-sided, "
            "voxelwise FWE p < .05 by 5,000 permutations, |t| > 5.10, 3 voxels (2 +, 1 −)",
        ),
        (
            heat_map_of(stat_map(kind="mean", quantity="volume", unit="ml", dof=(), groups=())),
            "mean volume in ml, n = 72",
        ),
        (
            heat_map_of(
                stat_map(n=None, dof=(), groups=()),
                threshold=value_threshold(VALUES, cut=5, two_sided=True),
            ),
            "t map, two-sided, |value| > 5, a cut chosen by the user, uncorrected, "
            "3 voxels (2 +, 1 −)",
        ),
        (
            heat_map_of(
                stat_map(),
                threshold=judgement(
                    np.arange(8) == 5,
                    cut=None,
                    quantity="cluster mass",
                    extended_cut=120.4,
                    words="clusters (|t| > 3.10, 18 neighbours) by mass, FWE p < .05",
                ),
            ),
            "t map, n = 72 (51 depr, 21 control), df = 67, two-sided, clusters (|t| > 3.10, 18 "
            "neighbours) by mass, FWE p < .05, cluster mass > 120, 1 voxel (1 +, 0 −)",
        ),
        (
            heat_map_of(
                stat_map(dof=(), groups=()),
                threshold=judgement(
                    np.zeros(8, bool), cut=None, quantity="cluster extent", extended_cut=1091.001
                ),
            ),
            "t map, n = 72, two-sided, voxelwise FWE p < .05 by 5,000 permutations, cluster extent "
            "> 1,091 voxels, no voxel survives",
        ),
        (
            heat_map_of(stat_map(kind="tfce", dof=()), threshold=both_tails()),
            "TFCE map, n = 72 (51 depr, 21 control), two-sided, "
            "voxelwise FWE p < .05 by 5,000 permutations, |TFCE| > 5.10, 3 voxels (2 +, 1 −)",
        ),
        (
            heat_map_of(stat_map(kind="v", dof=(), groups=()), threshold=both_tails()),
            "v map, n = 72, two-sided, voxelwise FWE p < .05 by 5,000 permutations, |v| > 5.10, "
            "3 voxels (2 +, 1 −)",
        ),
    ],
    ids=[
        "one-sided",
        "F",
        "nothing survives",
        "effect",
        "mean",
        "cut of the user",
        "clusters",
        "extent",
        "TFCE",
        "v",
    ],
)
def test_captions_of_other_maps(drawn: HeatMap, caption: str) -> None:
    assert drawn.caption() == caption


def test_other_elements_have_their_own_word() -> None:
    drawn = heat_map_of(stat_map(), threshold=judgement(np.zeros(8, bool)))
    regions = HeatMap(
        shown=drawn.shown, judged=drawn.judged, threshold=drawn.threshold, scale=drawn.scale,
        element="region",
    )  # fmt: skip
    assert regions.survivors_words() == "no region survives"


# -------------------------------------------------------------------------------- parts


def test_survivors_are_split_by_the_sign_of_the_judged_map() -> None:
    turned = stat_map(values=-VALUES, kind="effect")
    drawn = heat_map_of(turned, judged=stat_map(), threshold=both_tails())
    assert np.flatnonzero(drawn.survives_positive).tolist() == [4, 5]
    assert np.flatnonzero(drawn.survives_negative).tolist() == [0]


def test_a_statistic_fades_below_its_own_cut() -> None:
    assert heat_map_of(stat_map(), threshold=both_tails()).scale.fade_full == 5.1


def test_the_bar_of_an_effect_carries_no_cut_of_the_statistic() -> None:
    drawn = heat_map_of(stat_map(kind="effect"), judged=stat_map(), threshold=both_tails())
    assert drawn.scale.cuts == ()


def test_a_heat_map_keeps_the_provenance_of_what_it_shows() -> None:
    origin = Provenance().then("fit")
    assert heat_map_of(stat_map(provenance=origin)).provenance is origin


def test_parts_on_different_masks_are_refused() -> None:
    other = Mask(space=MASK.space, inside=np.arange(8) < 7)
    with pytest.raises(SpaceMismatchError, match="different masks"):
        heat_map_of(stat_map(), judged=stat_map(mask=other, values=VALUES[:7]))
    with pytest.raises(DataError, match="threshold: 7 given, but there are 8 elements"):
        heat_map_of(stat_map(), threshold=judgement(np.ones(7, bool)))


# -------------------------------------------------------------------------------- drawing


def test_a_heat_map_draws_itself_through_the_registered_renderer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renderer, "_LOADERS", [lambda: lambda drawn: drawn.caption().encode()])
    drawn = heat_map_of(stat_map())
    assert drawn.draw() == drawn._repr_png_() == drawn.caption().encode()


def test_without_a_renderer_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "_LOADERS", [])
    with pytest.raises(NotSupportedError, match="import heatlas, not its parts"):
        heat_map_of(stat_map()).draw()
