"""The verdict on colours: distances against a published table, and known good and bad tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heatlas.core.heatmap import HeatMap
from heatlas.show.accessibility import (
    DICHROMACIES,
    VISIONS,
    ciede2000,
    simulate,
    to_lab,
    verdict,
)
from heatlas.show.compile import compile_scene
from heatlas.show.view import View
from tests.show.maps import blob_map, mean_map

BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -6.0}
# Sharma, Wu & Dalal (2005), doi:10.1002/col.20070, table 1: L*, a*, b* twice, CIEDE2000.
SHARMA = np.array([
    [50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425],
    [50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615],
    [50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412],
    [50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0000],
    [50, -1.1848, -84.8006, 50, 0, -82.7485, 1.0000],
    [50, -0.9009, -85.5211, 50, 0, -82.7485, 1.0000],
    [50, 0, 0, 50, -1, 2, 2.3669],
    [50, -1, 2, 50, 0, 0, 2.3669],
    [50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792],
    [50, 2.49, -0.001, 50, -2.49, 0.0010, 7.1792],
    [50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195],
    [50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195],
    [50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045],
    [50, -0.001, 2.49, 50, 0.0010, -2.49, 4.8045],
    [50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461],
    [50, 2.5, 0, 50, 0, -2.5, 4.3065],
    [50, 2.5, 0, 73, 25, -18, 27.1492],
    [50, 2.5, 0, 61, -5, 29, 22.8977],
    [50, 2.5, 0, 56, -27, -3, 31.9030],
    [50, 2.5, 0, 58, 24, 15, 19.4535],
    [50, 2.5, 0, 50, 3.1736, 0.5854, 1.0000],
    [50, 2.5, 0, 50, 3.2972, 0, 1.0000],
    [50, 2.5, 0, 50, 1.8634, 0.5757, 1.0000],
    [50, 2.5, 0, 50, 3.2592, 0.3350, 1.0000],
    [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
    [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
    [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
    [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
    [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
    [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
    [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
    [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
    [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
    [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
])


def coloured(table: str) -> HeatMap:
    panel = blob_map(BOTH)
    return replace(panel, scale=replace(panel.scale, table=table))


def test_differences_are_those_of_the_published_table() -> None:
    found = ciede2000(SHARMA[:, :3], SHARMA[:, 3:6])
    np.testing.assert_allclose(found, SHARMA[:, 6], atol=5.1e-5)


def test_differences_are_symmetric() -> None:
    forth = ciede2000(SHARMA[:, :3], SHARMA[:, 3:6])
    np.testing.assert_allclose(ciede2000(SHARMA[:, 3:6], SHARMA[:, :3]), forth, atol=1e-9)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        # CIE L*a*b* of the sRGB primaries under D65, as listed by B. Lindbloom.
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.74, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.20, -107.86)),
    ],
)
def test_lab_of_known_colours(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    np.testing.assert_allclose(to_lab(simulate(rgb, "normal")), lab, atol=0.03)


def test_dichromats_see_greys_as_they_are() -> None:
    for matrix in DICHROMACIES.values():
        np.testing.assert_allclose(np.sum(matrix, axis=1), 1, atol=1e-5)


def test_red_and_green_come_nearer_for_protanopes_and_deuteranopes_only() -> None:
    pair = np.array([[200, 90, 60], [110, 130, 50]])
    gap = {v: ciede2000(*to_lab(simulate(pair, v))) for v in VISIONS}  # type: ignore[arg-type]
    assert gap["protanopia"] < 0.5 * gap["normal"]
    assert gap["deuteranopia"] < 0.5 * gap["normal"]
    assert gap["tritanopia"] > 0.6 * gap["normal"]


def test_in_grey_only_lightness_is_left() -> None:
    seen = simulate(np.array([[10, 200, 90]]), "grey-scale")
    assert np.ptp(seen) == 0


def test_vik_passes_and_only_outlines_save_its_sign_in_grey() -> None:
    found = verdict(coloured("vik"))
    assert found.passes
    by_outline = {(c.vision, c.aspect) for c in found.checks if c.status == "by outline"}
    assert ("grey-scale", "sign") in by_outline
    assert not [vision for vision, aspect in by_outline if vision != "grey-scale"]
    assert (
        "Only the outlines (solid for +, dashed for −) tell + from − in grey-scale" in found.words()
    )


def test_jet_fails() -> None:
    found = verdict(coloured("jet"))
    assert not found.passes
    assert "fail: neighbouring steps in order" in found.words()


@pytest.mark.parametrize("table", ["batlow", "viridis", "cividis"])
def test_sequential_defaults_pass_everywhere(table: str) -> None:
    panel = mean_map()
    found = verdict(replace(panel, scale=replace(panel.scale, table=table)))
    assert {check.status for check in found.checks} == {"pass"}


def test_a_signed_map_without_outlines_fails_in_grey() -> None:
    panel = mean_map(-0.5)
    panel = replace(
        panel, scale=replace(panel.scale, table="vik", kind="diverging", low=-0.5, high=0.5)
    )
    found = verdict(panel)
    failed = [(check.vision, check.aspect) for check in found.checks if check.status == "fail"]
    assert failed == [("grey-scale", "sign")]


def test_a_scene_is_judged_by_its_worst_panel() -> None:
    good, bad = coloured("vik"), coloured("jet")
    scene = compile_scene([good, bad], View(n_slices=1))
    assert not verdict(scene).passes
    assert verdict(compile_scene([good], View(n_slices=1))).passes
    assert verdict(scene).scales == ("vik", "jet")


def test_an_empty_result_is_judged_like_a_full_one() -> None:
    scene = compile_scene([blob_map({})], View(n_slices=1))
    assert verdict(scene).passes


def test_the_table_has_the_numbers_of_the_verdict() -> None:
    found = verdict(coloured("vik"))
    table = found.table()
    assert len(table) == len(found.checks) == 3 * len(VISIONS)
    assert table.numbers("smallest CIEDE2000").tolist() == [c.smallest for c in found.checks]


def test_the_dark_theme_has_a_verdict_of_its_own() -> None:
    light, dark = verdict(coloured("vik")), verdict(coloured("vik"), theme="dark")
    seen = [
        next(c.smallest for c in v.checks if (c.vision, c.aspect) == ("normal", "background"))
        for v in (light, dark)
    ]
    assert seen[0] != seen[1]


def test_what_survives_is_compared_with_black_to_white_where_they_lie_beneath() -> None:
    scene = compile_scene([blob_map(BOTH)])
    tissue = {c.vision: c.smallest for c in verdict(scene).checks if c.aspect == "background"}
    window = replace(scene, tissue=(0, 255))
    whole = {c.vision: c.smallest for c in verdict(window).checks if c.aspect == "background"}
    assert all(whole[vision] <= tissue[vision] for vision in tissue)
    assert whole["grey-scale"] < 0.5 < tissue["grey-scale"]  # some grey equals any colour
