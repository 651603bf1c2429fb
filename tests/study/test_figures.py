"""Drawings of contrasts: what they show, on which bar, and what their files say of themselves."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from heatlas.core.errors import DataError
from heatlas.io.picture import read_provenance
from heatlas.study.backdrop import Background
from heatlas.study.figures import (
    Drawing,
    contrast_drawings,
    draw_drawing,
    mean_panels,
    page_figure,
    side_by_side,
)
from heatlas.study.findings import JudgedAnalysis, JudgedContrast
from tests.study.judged import DIFFERENCE, analysis, cohort_files, judged, settings_of
from tests.study.stacks import noise

NOTHING = Background(volume=None, words="none, as asked")
GROUP = ["ill", "well"] * 8
Pair = tuple[JudgedAnalysis, JudgedContrast]


@pytest.fixture(scope="module")
def contrasts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Judged contrasts by what they are."""
    rng = np.random.default_rng(5)
    columns: dict[str, Any] = {"group": GROUP, "age": rng.uniform(20, 70, 16)}
    maps = noise(16) + 10
    maps[:, 2, 6, 3] += 30 * (np.array(GROUP) == "ill")
    asked = analysis(
        "g", "group + age", DIFFERENCE, "age", "group[ill]", "group[ill] + group[well]"
    )
    f = analysis("f", "group + age", "group", kind="F")
    spec = settings_of([asked, f], inference={"method": "fdr-bh"})
    files = cohort_files(tmp_path_factory.mktemp("maps"), maps, columns)
    pairs = judged(spec, files).findings.contrasts
    return dict(zip(("difference", "slope", "mean", "sum", "F"), pairs, strict=True))


def drawings_of(pair: Pair) -> dict[str, Drawing]:
    drawings = contrast_drawings(*pair, background=NOTHING)
    return {drawing.name: drawing for drawing in drawings}


# ---------------------------------------------------------------- which drawings


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ("difference", {"g_c1_mosaic", "g_c1_peak", "g_c1_means"}),
        ("slope", {"g_c2_mosaic", "g_c2_peak"}),
        ("mean", {"g_c3_mosaic", "g_c3_peak"}),
        ("sum", {"g_c4_mosaic", "g_c4_peak"}),
        ("F", {"f_c1_mosaic", "f_c1_peak"}),
    ],
)
def test_means_are_drawn_where_two_of_them_are_compared(
    contrasts: dict[str, Pair], which: str, names: set[str]
) -> None:
    assert set(drawings_of(contrasts[which])) == names


def test_mosaic_and_peak_show_the_statistic_that_was_judged(contrasts: dict[str, Pair]) -> None:
    drawings = drawings_of(contrasts["difference"])
    heat_map = contrasts["difference"][1].heat_map
    assert drawings["g_c1_mosaic"].panels == (heat_map,)
    assert (drawings["g_c1_mosaic"].view.kind, drawings["g_c1_peak"].view.kind) == (
        "mosaic",
        "ortho",
    )


def test_where_nothing_survives_the_planes_go_through_the_strongest_that_was_judged(
    contrasts: dict[str, Pair],
) -> None:
    owner, contrast = contrasts["slope"]
    rule = contrast.threshold
    assert rule.logp is not None
    part = np.where(np.arange(len(rule.logp)) < 40, rule.logp, np.nan)
    nothing = replace(rule, logp=part, survives=np.zeros(len(part), bool))
    drawn = drawings_of((owner, replace(contrast, threshold=nothing)))["g_c2_peak"]
    strongest = int(np.argmax(np.abs(contrast.statistic.values[:40])))
    place = contrast.statistic.mask.positions_mm()[strongest]
    assert_allclose(drawn.view.position_mm, place)
    assert drawings_of(contrasts["difference"])["g_c1_peak"].view.position_mm is None


# ---------------------------------------------------------------- means


def test_means_share_one_bar_and_their_difference_has_its_own(contrasts: dict[str, Pair]) -> None:
    first, second, difference = mean_panels(contrasts["difference"][1])
    assert first.scale is second.scale
    assert first.scale.kind == "sequential"
    both = np.concatenate([first.shown.values, second.shown.values])
    assert (first.scale.true_low, first.scale.true_high) == (both.min(), both.max())
    assert difference.scale.kind == "diverging"
    assert difference.scale.low == -difference.scale.high


def test_the_difference_panel_is_the_first_mean_minus_the_second(
    contrasts: dict[str, Pair],
) -> None:
    first, second, difference = mean_panels(contrasts["difference"][1])
    assert_allclose(difference.shown.values, first.shown.values - second.shown.values, atol=1e-9)
    assert [panel.title for panel in (first, second)] == ["mean, group[ill]", "mean, group[well]"]
    assert (difference.shown.unit, difference.shown.quantity) == ("mm", "thickness")


def test_the_difference_is_outlined_by_the_judgement_of_its_statistic(
    contrasts: dict[str, Pair],
) -> None:
    judged_one = contrasts["difference"][1]
    difference = mean_panels(judged_one)[2]
    assert_array_equal(difference.threshold.survives, judged_one.threshold.survives)
    assert difference.judged is judged_one.statistic
    assert "|t| > " in difference.caption()


def test_means_are_descriptive_and_carry_their_own_n(contrasts: dict[str, Pair]) -> None:
    first, _, _ = mean_panels(contrasts["difference"][1])
    assert not first.threshold.judges
    assert first.caption() == "mean thickness in mm of group[ill], n = 8"


def test_a_contrast_without_an_effect_has_no_difference_to_draw(
    contrasts: dict[str, Pair],
) -> None:
    without = replace(contrasts["difference"][1], effect=None)
    with pytest.raises(DataError, match="'c1' has no difference"):
        mean_panels(without)


# ---------------------------------------------------------------- side by side


def test_contrasts_side_by_side_share_limits_but_keep_their_judgements(
    contrasts: dict[str, Pair],
) -> None:
    pair = [contrasts["difference"][1], contrasts["slope"][1]]
    drawing = side_by_side("both", pair, titles=["one", "two"], background=NOTHING)
    largest = max(np.nanmax(np.abs(one.statistic.values)) for one in pair)
    for panel, one, title in zip(drawing.panels, pair, ("one", "two"), strict=True):
        assert (panel.scale.low, panel.scale.high) == (-largest, largest)
        assert panel.threshold is one.threshold
        assert panel.title == title


# ---------------------------------------------------------------- files


def test_files_carry_caption_and_provenance_and_the_page_gets_a_bare_picture(
    contrasts: dict[str, Pair], tmp_path: Path
) -> None:
    heat_map = contrasts["difference"][1].heat_map
    drawn = draw_drawing(drawings_of(contrasts["difference"])["g_c1_mosaic"])
    assert set(drawn.files) == {"g_c1_mosaic.png", "g_c1_mosaic.svg"}
    for name, content in drawn.files.items():
        path = tmp_path / name
        path.write_bytes(content)
        steps = [step.name for step in read_provenance(path).steps]
        assert steps == [step.name for step in heat_map.provenance.steps] + ["draw"]
        assert steps[0] == "read"
    assert drawn.figure.caption == heat_map.caption()
    assert "no voxel" not in drawn.figure.caption
    svg = drawn.files["g_c1_mosaic.svg"].decode()
    assert "voxelwise FDR q" in svg
    whole = Image.open(io.BytesIO(drawn.files["g_c1_mosaic.png"]))
    bare = Image.open(io.BytesIO(drawn.figure.content))
    assert bare.width == whole.width
    assert bare.height < whole.height  # the page says the caption itself
    assert b"heatlas_provenance" not in drawn.figure.content


def test_provenance_names_rule_colours_and_background(contrasts: dict[str, Pair]) -> None:
    drawing = drawings_of(contrasts["difference"])["g_c1_means"]
    drawn = draw_drawing(drawing)
    (content,) = drawn.files.values()
    for word in ("batlow", "vik", "none, as asked", "voxelwise FDR"):
        assert word.encode() in content
    assert drawn.figure.caption.count(" | ") == 2


def test_a_drawing_gives_the_same_bytes_after_its_way_to_a_worker(
    contrasts: dict[str, Pair],
) -> None:
    drawing = drawings_of(contrasts["difference"])["g_c1_peak"]
    travelled = pickle.loads(pickle.dumps(drawing))
    assert dict(draw_drawing(drawing).files) == dict(draw_drawing(travelled).files)


def test_no_file_names_a_folder_of_this_machine(contrasts: dict[str, Pair]) -> None:
    drawn = draw_drawing(drawings_of(contrasts["difference"])["g_c1_mosaic"])
    for content in drawn.files.values():
        for trace in (b"/tmp/", b"/root", b"/home/", b"matplotlib.org"):
            assert trace not in content


def test_a_page_figure_is_lossless_and_sized_in_css_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 120, 3)).astype(np.uint8)
    figure = page_figure("small", pixels, caption="noise")
    assert (figure.width, figure.height) == (100, 50)
    back = np.asarray(Image.open(io.BytesIO(figure.content)).convert("RGB"))
    assert_array_equal(back, pixels)


def test_files_of_a_picture_cannot_be_changed(contrasts: dict[str, Pair]) -> None:
    drawn = draw_drawing(drawings_of(contrasts["slope"])["g_c2_peak"])
    with pytest.raises(TypeError):
        drawn.files["g_c2_peak.png"] = b""  # type: ignore[index]
