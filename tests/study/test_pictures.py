"""Lessons are drawn where one thing differs, thumbnails worst first, all within one budget."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heatlas.core.errors import DataError
from heatlas.core.execute import SerialExecutor
from heatlas.core.page import Figure
from heatlas.study.backdrop import Background
from heatlas.study.figures import Drawing, Drawn
from heatlas.study.pictures import (
    MOST_THUMBNAILS,
    draw_pictures,
    find_lessons,
    study_background,
    within_budget,
)
from heatlas.study.report import Pictures
from tests.study.judged import (
    DIFFERENCE,
    Judged,
    analysis,
    cohort_files,
    judged,
    settings_of,
)
from tests.study.stacks import noise

N = 16
GROUP = ["ill", "well"] * 8
NOTHING = Background(volume=None, words="none, as asked")
FDR = {"method": "fdr-bh"}


def people() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    size = rng.normal(1400, 100, N) + 60 * (np.array(GROUP) == "ill")
    return {"group": GROUP, "age": rng.uniform(20, 70, N), "size": size}


def study(folder: Path, *analyses: dict[str, Any], **settings: Any) -> Judged:
    maps = noise(N)
    maps[:, 2, 6, 3] += 20 * (np.array(GROUP) == "ill")
    settings = {"inference": FDR, "template": "none", **settings}
    columns = settings.pop("columns", people())
    return judged(settings_of(analyses, **settings), cohort_files(folder, maps, columns))


def lessons_of(
    folder: Path, *analyses: dict[str, Any], **settings: Any
) -> list[tuple[Drawing, str]]:
    return find_lessons(study(folder, *analyses, **settings).findings, background=NOTHING)


def drawn(found: Judged, folder: Path) -> tuple[Pictures, tuple[Drawn, ...]]:
    return draw_pictures(found.spec, found.findings, base=folder, executor=SerialExecutor())


# ---------------------------------------------------------------- lessons


def test_the_same_question_with_a_further_covariate_is_a_lesson(tmp_path: Path) -> None:
    small = analysis("plain", "C(group) + age", DIFFERENCE)
    large = analysis("adjusted", "C(group) + age + size", DIFFERENCE)
    ((drawing, words),) = lessons_of(tmp_path, small, large)
    assert [panel.title for panel in drawing.panels] == [
        "plain: without size",
        "adjusted: with size",
    ]
    assert words.startswith(
        f"The same question, {DIFFERENCE}, with and without size in the model: 1 voxel without, "
    )
    scales = {(panel.scale.low, panel.scale.high, panel.scale.table) for panel in drawing.panels}
    assert len(scales) == 1


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (("group", DIFFERENCE), ("group + age", "group[well] - group[ill]")),
        (("group + age", DIFFERENCE), ("group + size", DIFFERENCE)),
        (("group + age", DIFFERENCE), ("group + age", DIFFERENCE)),
    ],
)
def test_other_questions_and_models_that_are_not_nested_are_no_lesson(
    tmp_path: Path, small: tuple[str, str], large: tuple[str, str]
) -> None:
    assert lessons_of(tmp_path, analysis("a", *small), analysis("b", *large)) == []


def test_the_larger_model_may_come_first_without_being_taken_for_the_smaller(
    tmp_path: Path,
) -> None:
    large = analysis("adjusted", "group + size", DIFFERENCE)
    small = analysis("plain", "group", DIFFERENCE)
    ((drawing, _),) = lessons_of(tmp_path, large, small)
    assert [panel.title for panel in drawing.panels] == [
        "plain: without size",
        "adjusted: with size",
    ]


def test_a_t_and_an_f_of_the_same_name_are_no_lesson(tmp_path: Path) -> None:
    small = analysis("a", "age", "age")
    large = analysis("b", "age + size", "age", kind="F")
    assert lessons_of(tmp_path, small, large) == []


@pytest.mark.parametrize("where", ["age < 60", None])
def test_models_of_other_rows_are_no_lesson(tmp_path: Path, where: str | None) -> None:
    columns = people()
    columns["score"] = np.where(np.arange(N) == 3, np.nan, columns["size"])
    small = analysis("a", "group", DIFFERENCE)
    # Where nothing selects rows, the missing score drops one.
    large = analysis("b", "group + score", DIFFERENCE, where=where, missing="drop")
    assert lessons_of(tmp_path, small, large, columns=columns) == []


def test_rows_that_are_the_same_by_other_words_are_a_lesson(tmp_path: Path) -> None:
    small = analysis("a", "group", DIFFERENCE)
    large = analysis("b", "group + size", DIFFERENCE, where="age > 1")
    assert len(lessons_of(tmp_path, small, large)) == 1


# ---------------------------------------------------------------- everything that is drawn


def test_every_contrast_has_its_pictures_and_files(tmp_path: Path) -> None:
    found = study(
        tmp_path,
        analysis("g", "group + age", DIFFERENCE, "age"),
        analysis("h", "group + age + size", DIFFERENCE),
    )
    pictures, everything = drawn(found, tmp_path)
    assert {
        "g_c1_mosaic", "g_c1_peak", "g_c1_means", "g_c1_overlap-1",
        "g_c2_mosaic", "g_c2_peak",
        "h_c1_mosaic", "h_c1_peak", "h_c1_means", "h_c1_overlap-1",
        "lesson_g_h_c1",
    } == set(pictures.figures)  # fmt: skip
    files = [name for picture in everything for name in picture.files]
    assert len(set(files)) == len(files)
    assert {"g_c1_mosaic.png", "g_c1_mosaic.svg", "g_c1_overlap-1.svg"} <= set(files)
    assert len(pictures.lessons) == 1
    assert pictures.verdict is not None
    assert pictures.verdict_words


def test_an_overlap_says_in_its_caption_what_the_words_say(tmp_path: Path) -> None:
    found = study(tmp_path, analysis("g", "group", DIFFERENCE))
    pictures, _ = drawn(found, tmp_path)
    ((_, judged_one),) = found.findings.contrasts
    (overlap,) = judged_one.overlaps
    figure = pictures.figures["g_c1_overlap-1"]
    assert figure.caption == f"{overlap.place}. {overlap.overlap.words('ill', 'well')}"
    assert figure.media_type == "image/svg+xml"
    assert figure.width > figure.height > 100


def test_thumbnails_come_in_the_order_of_the_quality_table(tmp_path: Path) -> None:
    found = study(tmp_path, analysis("g", "group", DIFFERENCE))
    pictures, _ = drawn(found, tmp_path)
    captions = [figure.caption for figure in pictures.thumbnails]
    assert captions == [str(name) for name in found.findings.quality.words("id")]


def test_a_thumbnail_shows_its_own_map(tmp_path: Path) -> None:
    maps = np.zeros((4, 8, 9, 7), np.float32) + noise(4) / 100 + 1
    maps[2, 4:] += 5  # its right half is brighter
    files = cohort_files(tmp_path, maps, {"age": [1.0, 2, 3, 4]})
    spec = settings_of([analysis("m", "1", "intercept")], inference=FDR, template="none")
    pictures, _ = drawn(judged(spec, files), tmp_path)
    shown = pictures.thumbnails[0]
    assert shown.caption == "sub-03"
    pixels = np.asarray(Image.open(io.BytesIO(shown.content)).convert("L"), float)
    halves = [half.mean() for half in np.array_split(pixels, 2, axis=1)]
    assert abs(halves[0] - halves[1]) > 20


def test_many_maps_have_thumbnails_of_the_worst(tmp_path: Path) -> None:
    n = MOST_THUMBNAILS + 3
    files = cohort_files(tmp_path, noise(n, shape=(4, 4, 4)), {"age": np.arange(float(n))})
    spec = settings_of([analysis("m", "1", "intercept")], inference=FDR, template="none")
    pictures, _ = drawn(judged(spec, files), tmp_path)
    assert len(pictures.thumbnails) == MOST_THUMBNAILS


def test_the_same_findings_give_the_same_bytes(tmp_path: Path) -> None:
    found = study(tmp_path, analysis("g", "group", DIFFERENCE))
    first, second = (drawn(found, tmp_path)[1] for _ in range(2))
    assert [dict(picture.files) for picture in first] == [dict(p.files) for p in second]
    assert [p.figure.content for p in first] == [p.figure.content for p in second]


# ---------------------------------------------------------------- the page's budget


def sized(name: str, size: int) -> Figure:
    return Figure(name=name, content=b"x" * size, caption=name, width=10, height=10)


@pytest.fixture(scope="module")
def two_contrasts(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A contrast with a survivor and one without."""
    found = study(tmp_path_factory.mktemp("maps"), analysis("g", "group + age", DIFFERENCE, "age"))
    survivors = [judged_one.threshold.n_surviving for _, judged_one in found.findings.contrasts]
    assert survivors == [1, 0]
    return found


@pytest.mark.parametrize(
    ("budget", "dropped"),
    [
        (600, set()),
        (599, {"g_c2_peak"}),
        (499, {"g_c2_peak", "g_c1_peak"}),
        (399, {"g_c2_peak", "g_c1_peak", "g_c1_means"}),
        (299, {"g_c2_peak", "g_c1_peak", "g_c1_means", "g_c2_mosaic"}),
    ],
)
def test_pictures_leave_the_page_in_the_order_of_what_they_tell(
    two_contrasts: Judged, budget: int, dropped: set[str]
) -> None:
    names = ["g_c1_mosaic", "g_c1_peak", "g_c1_means", "g_c2_mosaic", "g_c2_peak", "g_c1_overlap-1"]
    figures = {name: sized(name, 100) for name in names}
    kept = within_budget(figures, two_contrasts.findings, budget=budget)
    assert set(names) - set(kept) == dropped


# ---------------------------------------------------------------- what lies beneath


def test_a_study_without_anatomy_has_none_beneath(two_contrasts: Judged, tmp_path: Path) -> None:
    beneath = study_background(two_contrasts.spec, two_contrasts.findings, base=tmp_path)
    assert beneath.volume is None


def test_a_named_image_that_is_not_there_is_refused_by_name(two_contrasts: Judged) -> None:
    spec = two_contrasts.spec.model_copy(update={"template": "map-01.nii.gz"})
    with pytest.raises(DataError, match="map-01.nii.gz"):
        study_background(spec, two_contrasts.findings, base=Path("nowhere"))


def test_an_image_beside_the_study_file_is_found(tmp_path: Path) -> None:
    found = study(tmp_path, analysis("g", "group", DIFFERENCE))
    spec = found.spec.model_copy(update={"template": "map-02.nii.gz"})
    beneath = study_background(spec, found.findings, base=tmp_path)
    assert beneath.volume is not None
    values = found.findings.loaded.stack.values[1].reshape(beneath.volume.values.shape)
    np.testing.assert_allclose(beneath.volume.values, values, rtol=1e-6)
