"""The report tells everything in the order asked for: full, empty and undecided results alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heatlas.core.execute import SerialExecutor
from heatlas.core.page import (
    Block,
    Columns,
    Definitions,
    Details,
    Figure,
    Listing,
    Note,
    Page,
    Paragraph,
    Section,
)
from heatlas.core.provenance import Provenance
from heatlas.core.table import Column, Table, table_from_columns
from heatlas.show.report import render_page
from heatlas.study.cohort import CohortFiles
from heatlas.study.findings import Findings
from heatlas.study.pictures import draw_pictures
from heatlas.study.report import Pictures, for_readers, make_page, summary_table
from heatlas.study.spec import StudySpec
from tests.study.judged import DIFFERENCE, Judged, analysis, cohort_files, judged, settings_of
from tests.study.stacks import noise

N = 16
GROUP = ["ill", "well"] * 8
ASKED = (
    analysis("groups", "C(group) + age", DIFFERENCE, "age"),
    analysis("adjusted", "C(group) + age + size", DIFFERENCE),
    analysis("any", "C(group) + age", "group", kind="F"),
    analysis("dose", "score + age", "score", missing="drop", where="age > 0"),
)
FORBIDDEN = ("biomarker of", "abnormal brain")
HOSTILE = ("<script>alert(1)</script>", "a&b\"'>", "{{ 7*7 }}", "</style><img src=x onerror=y>")


class Report:
    """A report as a page, with ways to read it."""

    def __init__(self, found: Judged, folder: Path) -> None:
        self.findings: Findings = found.findings
        pictures, _ = draw_pictures(
            found.spec, found.findings, base=folder, executor=SerialExecutor()
        )
        self.page = page_of(found.spec, found.findings, pictures)

    def words(self, anchor: str) -> str:
        """All text of the section with that anchor."""
        return " ".join(texts(self.section(anchor)))

    def section(self, anchor: str) -> Section:
        return next(part for part in sections(self.page.sections) if part.anchor == anchor)


def page_of(spec: StudySpec, findings: Findings, pictures: Pictures) -> Page:
    return make_page(spec, findings, pictures=pictures, provenance=Provenance().then("report"))


def sections(parts: tuple[Section, ...]) -> Iterator[Section]:
    """Every section of a page, at any depth."""
    for part in parts:
        yield part
        yield from sections(part.sections)


def blocks(part: Section) -> Iterator[Block]:
    """Every block of a section, at any depth."""
    waiting = [*part.blocks]
    while waiting:
        block = waiting.pop(0)
        yield block
        if isinstance(block, (Columns, Details)):
            waiting = [*block.blocks, *waiting]
    for inner in part.sections:
        yield from blocks(inner)


def texts(part: Section) -> Iterator[str]:
    """Every text of a section."""
    yield part.title
    for inner in part.sections:
        yield inner.title
    for block in blocks(part):
        if isinstance(block, (Paragraph, Note)):
            yield block.text
        elif isinstance(block, Listing):
            yield from block.items
        elif isinstance(block, Definitions):
            yield from (f"{name}: {content}" for name, content in block.items)
        elif isinstance(block, Figure):
            yield block.caption
        elif isinstance(block, Details):
            yield block.summary
        elif isinstance(block, Table):
            yield block.caption
            for name in block.names:
                yield name
                yield from (word or "" for word in block.words(name))


def tables(part: Section) -> list[Table]:
    return [block for block in blocks(part) if isinstance(block, Table)]


def files_of(folder: Path, *, effect: float = 30.0, **options: Any) -> CohortFiles:
    rng = np.random.default_rng(5)
    maps = noise(N)
    maps[:, 2, 6, 3] += effect * (np.array(GROUP) == "ill")
    columns = {
        "group": GROUP,
        "age": rng.uniform(20, 70, N).round(),
        "size": rng.normal(1400, 90, N).round(),
        "score": np.where(np.arange(N) < 2, np.nan, rng.normal(10, 3, N)),
        "handedness": ["r"] * 12 + ["l"] * 4,
        **options.pop("columns", {}),
    }
    return cohort_files(folder, maps, columns, **options)


def report_of(folder: Path, *analyses: dict[str, Any], **settings: Any) -> Report:
    options = {key: settings.pop(key) for key in ("effect", "ids", "exclusions", "columns")
               if key in settings}  # fmt: skip
    settings = {"inference": {"method": "fdr-bh"}, "template": "none", **settings}
    found = judged(settings_of(analyses, **settings), files_of(folder, **options))
    return Report(found, folder)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A survivor, an empty contrast, an F, a lesson, dropped rows and an exclusion."""
    return report_of(
        tmp_path_factory.mktemp("maps"),
        *ASKED,
        inference={"method": "max-t", "n_permutations": 200},
        exclusions={"sub-99": "moved during the scan"},
    )


# ---------------------------------------------------------------- order


def test_sections_come_in_the_order_of_a_readers_questions(full: Report) -> None:
    assert [part.title for part in full.page.sections] == [
        "What was asked",
        "Who is in it",
        "What was found",
        "Quality",
        "Limits",
        "Methods",
        "Warnings",
        "Provenance",
    ]


def test_every_contrast_has_its_section_in_the_order_of_the_study_file(full: Report) -> None:
    found = full.section("findings")
    inner = [part.title for analysis_part in found.sections for part in analysis_part.sections]
    assert inner == [
        "groups / c1",
        "groups / c2",
        "adjusted / c1",
        "any / c1",
        "dose / c1",
    ]


def test_a_contrast_shows_picture_caption_clusters_and_overlap_in_this_order(
    full: Report,
) -> None:
    kinds = []
    for block in full.section("groups-c1").blocks:
        if isinstance(block, Figure):
            kinds.append(block.name.removeprefix("groups_c1_"))
        elif isinstance(block, Table):
            kinds.append("clusters")
    assert kinds == ["mosaic", "peak", "means", "clusters", "overlap-1"]


def test_captions_on_the_page_are_those_of_the_heat_maps(full: Report) -> None:
    for analysis_part, one in full.findings.contrasts:
        anchor = f"{analysis_part.name}-{one.contrast.name}"
        assert one.heat_map.caption() in full.words(anchor)


# ---------------------------------------------------------------- what was asked


def test_the_questions_stand_there_as_written(full: Report) -> None:
    words = full.words("asked")
    for text in (DIFFERENCE, "C(group) + age + size", "score + age", "age > 0", "two-sided", ".05"):
        assert text in words


def test_each_contrast_says_what_a_positive_value_means(full: Report) -> None:
    assert "a positive value means group ill higher than well" in full.words("groups-c1")


def test_weights_coding_and_centring_are_told(full: Report) -> None:
    words = full.words("analysis-groups")
    ((first, _, *_),) = (one.contrasts for one in full.findings.analyses if one.name == "groups")
    design = full.findings.analyses[0].design
    assert first.contrast.weights_words(design.names) in words
    for name, coding in design.coding.items():
        assert f"{name}: {coding}" in words


# ---------------------------------------------------------------- who is in it


def test_exclusions_and_dropped_rows_stand_there_with_their_reasons(full: Report) -> None:
    words = full.words("sample")
    assert "sub-99: moved during the scan" in words
    assert "dose: sub-01: " in words
    assert "dose: sub-02: " in words
    assert "16 participants with a map, 1 excluded" in words
    assert "dose 14" in words


def test_nobody_left_out_is_said_too(tmp_path: Path) -> None:
    report = report_of(tmp_path, analysis("g", "group", DIFFERENCE))
    words = report.words("sample")
    assert "Excluded before any analysis: nobody." in words
    assert "Left out of an analysis for a missing value: nobody." in words


def test_the_sample_is_described_by_group_in_what_the_models_use(full: Report) -> None:
    (sample,) = tables(full.section("sample"))
    assert sample.names == ("variable", "all (n = 16)", "ill (n = 8)", "well (n = 8)", "missing")
    variables = [str(word).split(",")[0].split(":")[0] for word in sample.words("variable")]
    assert variables == ["age", "size", "score"]
    assert sample.words("missing")[-1] == "2"


# ---------------------------------------------------------------- full, empty, undecided


def test_the_lead_names_what_survives_and_counts_the_rest(full: Report) -> None:
    survive = [f"{a.name} / {j.contrast.name}" for a, j in full.findings.contrasts
               if j.threshold.n_surviving]  # fmt: skip
    assert survive == ["groups / c1", "adjusted / c1", "any / c1"]
    assert full.page.lead.startswith("16 maps of thickness, 5 contrasts. Something survives in ")
    assert all(name in full.page.lead for name in survive)
    assert "nothing in the other 2" in full.page.lead


def test_an_empty_contrast_is_reported_with_its_picture_and_smallest_p(full: Report) -> None:
    words = full.words("groups-c2")
    assert "No voxel survives" in words
    assert "That is no evidence of no effect" in words
    figures = [b.name for b in full.section("groups-c2").blocks if isinstance(b, Figure)]
    assert figures == ["groups_c2_mosaic", "groups_c2_peak"]
    assert tables(full.section("groups-c2")) == []


def test_a_study_without_any_survivor_says_so_first(tmp_path: Path) -> None:
    report = report_of(tmp_path, analysis("g", "group", DIFFERENCE, "group[ill]"), effect=0,
                       inference={"method": "bonferroni", "alpha": 1e-6})  # fmt: skip
    assert not any(j.threshold.n_surviving for _, j in report.findings.contrasts)
    assert report.page.lead.endswith("No voxel survives in any of them.")
    assert "g-c1" in [part.anchor for part in sections(report.page.sections)]


def test_every_contrast_stands_in_the_summary_whatever_came_out(full: Report) -> None:
    table = summary_table(full.findings)
    assert len(table) == 5
    assert table.words("analysis") == ("groups", "groups", "adjusted", "any", "dose")
    for row, (a, one) in enumerate(full.findings.contrasts):
        values = one.statistic.values
        strongest = values[np.argmax(np.abs(values))]
        assert table.numbers("strongest")[row] == pytest.approx(strongest)
        assert table.numbers("n")[row] == a.design.n
        assert (
            table.numbers("voxels_positive")[row] == (one.threshold.survives & (values > 0)).sum()
        )
        assert one.threshold.logp is not None
        assert table.numbers("smallest_p")[row] == pytest.approx(10 ** -one.threshold.logp.max())


def test_an_undecided_p_is_marked_with_the_permutations_that_would_settle_it(
    full: Report,
) -> None:
    (a, one), *_ = full.findings.contrasts
    undecided = np.zeros(one.statistic.mask.size, bool)
    undecided[[3, 5, 8]] = True
    threshold = replace(one.threshold, undecided=undecided, n_to_settle=12_000)
    marked = replace(one, threshold=threshold)
    analyses = (replace(a, contrasts=(marked, *a.contrasts[1:])), *full.findings.analyses[1:])
    findings = replace(full.findings, analyses=analyses)
    page = page_of(settings_of(ASKED), findings, Pictures(figures={}))
    part = next(p for p in sections(page.sections) if p.anchor == "groups-c1")
    (note,) = [block for block in part.blocks if isinstance(block, Note)]
    assert note.kind == "warning"
    assert note.text.startswith("Undecided: at 3 voxels the Monte-Carlo interval")
    assert "contains .05" in note.text
    assert "About 12,000 permutations would settle it." in note.text


def test_a_contrast_says_how_sure_its_judgement_is_and_what_it_assumes(full: Report) -> None:
    words = full.words("groups-c1")
    assert "Judged by 200 permutations, of about" in words
    assert "At p = .05 their Monte-Carlo error is a 95 % interval from" in words
    assert "Assumed: errors exchangeable" in words
    assert "Every voxel is compared with the largest statistic of the whole map" in full.words(
        "asked"
    )


def test_what_speaks_against_the_assumptions_stands_beside_the_finding(full: Report) -> None:
    (a, one), *_ = full.findings.contrasts
    assert one.permuted is not None
    doubt = "Variances differ; name the groups in variance_groups."
    marked = replace(one, permuted=replace(one.permuted, warnings=(doubt,)))
    analyses = (replace(a, contrasts=(marked,), variance_groups="site"),)
    page = page_of(
        settings_of(ASKED[:1]), replace(full.findings, analyses=analyses), Pictures(figures={})
    )
    part = next(p for p in sections(page.sections) if p.anchor == "groups-c1")
    notes = [block.text for block in part.blocks if isinstance(block, Note)]
    assert doubt in notes
    assert "each level of site may have a variance of its own" in " ".join(texts(part))


def test_the_summary_names_what_was_compared_where_it_is_not_the_statistic(
    full: Report, tmp_path: Path
) -> None:
    assert "compared" not in summary_table(full.findings).names
    report = report_of(tmp_path, analysis("g", "group", DIFFERENCE),
                       inference={"method": "tfce", "n_permutations": 100})  # fmt: skip
    table = summary_table(report.findings)
    assert table.words("compared") == ("TFCE",)
    assert table.numbers("compared_cut")[0] > 0
    assert "Every voxel gets a score from all heights" in report.words("asked")
    (summary,) = tables(report.section("findings"))[:1]
    assert "compared cut" in summary.names and "cut" not in summary.names
    (clusters,) = tables(report.section("g-c1"))
    assert "tfce" in clusters.names and "sign" not in clusters.names
    assert "p tail" not in report.words("g-c1")


def test_contrasts_that_were_corrected_together_are_no_separate_tests(tmp_path: Path) -> None:
    report = report_of(tmp_path, analysis("g", "group + age", DIFFERENCE, "age"),
                       inference={"across_contrasts": True, "n_permutations": 60})  # fmt: skip
    assert "the contrasts of an analysis were corrected together" in report.words("asked")
    assert "no correction across them" not in report.words("asked")


def test_a_decided_contrast_carries_no_such_mark(tmp_path: Path) -> None:
    report = report_of(tmp_path, analysis("g", "group", DIFFERENCE))
    assert "Undecided" not in report.words("g-c1")


# ---------------------------------------------------------------- clusters and overlap


def test_the_cluster_table_of_the_page_holds_place_estimate_and_interval(full: Report) -> None:
    (table,) = tables(full.section("groups-c1"))
    one = full.findings.contrasts[0][1]
    stack = full.findings.loaded.stack
    element = int(np.flatnonzero(one.threshold.survives)[0])
    x, y, z = stack.mask.positions_mm()[element]
    place = f"({', '.join(f'{mm:.1f}'.removesuffix('.0').replace('-', '−') for mm in (x, y, z))})"
    assert place in table.words("peak")
    assert one.effect is not None
    value, low, high = (
        float(re.sub("−", "-", word))
        for word in re.findall(r"[−\d.]+", str(table.words("estimate")[0]))
    )
    assert value == pytest.approx(one.effect.value[element], rel=0.01)
    assert low == pytest.approx(one.effect.low[element], rel=0.01)
    assert high == pytest.approx(one.effect.high[element], rel=0.01)


def test_the_overlap_names_the_first_group_of_the_contrast(full: Report) -> None:
    words = full.words("groups-c1")
    assert "of 100 pairs" in words
    assert "the member of ill has the lower value" in words
    assert "overlap by" in words


def test_a_picture_left_out_for_size_is_named_by_its_file(full: Report) -> None:
    page = page_of(settings_of(ASKED), full.findings, Pictures(figures={}))
    part = next(p for p in sections(page.sections) if p.anchor == "groups-c1")
    assert any("figures/groups_c1_mosaic.png" in text for text in texts(part))


# ---------------------------------------------------------------- lesson, quality, limits


def test_lessons_stand_before_the_contrasts_with_both_counts(full: Report) -> None:
    found = full.section("findings")
    kinds = [block.kind for block in found.blocks if isinstance(block, Note)]
    assert kinds == ["lesson"]
    assert "with and without size in the model" in " ".join(texts(found))


def test_quality_tells_policy_and_the_worst_map_first(full: Report) -> None:
    part = full.section("quality")
    (table,) = tables(part)
    assert table.words("id") == full.findings.quality.words("id")
    for sentence in full.findings.loaded.policy:
        assert sentence in full.words("quality")
    assert len([b for b in blocks(part) if isinstance(b, Figure)]) == N


def test_two_maps_still_have_a_report(tmp_path: Path) -> None:
    files = cohort_files(tmp_path, noise(2), {"age": [1.0, 2.0]})
    spec = settings_of(
        [analysis("m", "1", "intercept")], inference={"method": "fdr-bh"}, template="none"
    )
    report = Report(judged(spec, files), tmp_path)
    assert "Fewer than three maps" in report.words("quality")


def test_limits_name_the_smallest_effect_of_every_contrast(full: Report) -> None:
    words = full.words("limits")
    for a, one in full.findings.contrasts:
        assert f"{a.name} / {one.contrast.name}: {one.smallest}" in words
    assert "no medical device" in words
    assert "80 % power" in words


def test_uncorrected_maps_are_plainly_labelled(tmp_path: Path) -> None:
    report = report_of(tmp_path, analysis("g", "group", DIFFERENCE), inference={"method": "none"})
    assert "uncorrected" in report.words("g-c1")
    assert "Nothing here is corrected" in report.words("limits")
    corrected = report_of(tmp_path, analysis("g", "group", DIFFERENCE))
    assert "Nothing here is corrected" not in corrected.words("limits")


def test_warnings_are_listed_and_none_is_said_to_be_none(full: Report, tmp_path: Path) -> None:
    notes = [block.text for block in full.section("warnings").blocks if isinstance(block, Note)]
    assert tuple(notes) == full.findings.warnings
    calm = report_of(tmp_path, analysis("g", "group", DIFFERENCE))
    assert calm.findings.warnings == ()
    assert calm.words("warnings") == "Warnings None."


def test_provenance_lists_versions_and_the_digest_of_every_map(full: Report) -> None:
    words = full.words("provenance")
    for name, version in full.findings.versions.items():
        assert f"{name}: {version}" in words
    for file in full.findings.cohort.files:
        assert f"{file.name}: {file.digest}" in words


# ---------------------------------------------------------------- words


def test_no_generated_word_claims_too_much(full: Report) -> None:
    words = " ".join([full.page.lead, *(t for p in full.page.sections for t in texts(p))]).lower()
    for claim in FORBIDDEN:
        assert claim not in words
    assert "proves" not in words


def test_group_names_and_directions_come_from_the_table_alone(tmp_path: Path) -> None:
    columns = {"kind": ["zebra", "quagga"] * 8}
    asked = analysis("g", "kind", "kind[quagga] - kind[zebra]")
    report = report_of(tmp_path, asked, columns=columns)
    words = " ".join(text for part in report.page.sections for text in texts(part))
    assert "kind quagga higher than zebra" in words
    assert "the member of quagga has the lower value" in words
    assert re.search(r"\b(patients?|controls?|depr\w*|healthy)\b", words.lower()) is None


class Tags(HTMLParser):
    """The tags, event handlers and text of a page, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def test_hostile_words_of_a_table_are_carried_as_plain_text(tmp_path: Path) -> None:
    ids = [*HOSTILE, *(f"sub-{k}" for k in range(N - len(HOSTILE)))]
    group = [HOSTILE[0] if name == "ill" else "well" for name in GROUP]
    asked = analysis("g", "size", "size")
    report = report_of(
        tmp_path,
        asked,
        ids=ids,
        columns={"group": group},
        exclusions={HOSTILE[3]: HOSTILE[0]},
    )
    html = render_page(report.page)
    seen = Tags()
    seen.feed(html)
    assert seen.tags.count("script") == 1  # the provenance, as JSON
    assert seen.handlers == []
    text = "".join(seen.said)
    for words in HOSTILE:
        assert words in text
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_a_table_for_readers_has_headers_in_words_and_no_none() -> None:
    table = table_from_columns({"x_mm": [1.0], "size_mm3": [27.0], "robust_z": [2.0]})
    made = for_readers(table.with_columns([Column(name="mark", values=(None,))]))
    assert made.names == ("x", "size", "robust z", "mark")
    assert made.words("mark") == ("",)
