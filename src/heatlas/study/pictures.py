"""Every picture of a report: contrasts, lessons, overlaps and thumbnails, drawn by the workers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from heatlas.core.execute import Executor
from heatlas.core.page import Figure
from heatlas.core.provenance import Provenance
from heatlas.core.words import count, join
from heatlas.io.picture import embed_svg
from heatlas.io.templates import TEMPLATES
from heatlas.show.accessibility import verdict
from heatlas.show.distribution import distribution_svg
from heatlas.show.slices import thumbnail
from heatlas.study.backdrop import DECIDE, NONE, Background, choose_background
from heatlas.study.figures import (
    Drawing,
    Drawn,
    contrast_drawings,
    draw_drawing,
    page_figure,
    side_by_side,
)
from heatlas.study.findings import Findings, GroupOverlap, JudgedAnalysis, JudgedContrast
from heatlas.study.report import Pictures
from heatlas.study.spec import StudySpec

MOST_THUMBNAILS = 24
PAGE_BUDGET = 3_400_000  # bytes before base64; a page stays below 5 MB
THUMBNAIL_PX = 64
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)[^"]*" height="([\d.]+)')


def draw_pictures(
    spec: StudySpec, findings: Findings, *, base: Path, executor: Executor
) -> tuple[Pictures, tuple[Drawn, ...]]:
    """Draw everything that the report shows.

    Parameters
    ----------
    spec : StudySpec
        The study.
    findings : Findings
        What was found.
    base : Path
        Folder of the study file.
    executor : Executor
        Draws.

    Returns
    -------
    tuple of Pictures and of Drawn
        The pictures by their use on the page, and all of them for the folder.
    """
    background = study_background(spec, findings, base=base)
    drawings = [
        drawing
        for analysis, judged in findings.contrasts
        for drawing in contrast_drawings(analysis, judged, background=background)
    ]
    lessons = find_lessons(findings, background=background)
    drawings += [drawing for drawing, _ in lessons]
    drawn = list(executor.map(draw_drawing, drawings))
    by_name = {picture.figure.name: picture.figure for picture in drawn}
    overlaps = [
        _overlap_figure(
            f"{analysis.name}_{judged.contrast.name}_overlap-{k + 1}",
            overlap,
            source=judged.statistic.provenance,
        )
        for analysis, judged in findings.contrasts
        for k, overlap in enumerate(judged.overlaps)
    ]
    by_name |= {picture.figure.name: picture.figure for picture in overlaps}
    by_name = within_budget(by_name, findings)
    colours = verdict(findings.contrasts[0][1].heat_map)
    pictures = Pictures(
        figures=by_name,
        lessons=tuple((by_name[drawing.name], words) for drawing, words in lessons),
        thumbnails=_thumbnails(findings),
        verdict=colours.table(),
        verdict_words=colours.words(),
    )
    return pictures, (*drawn, *overlaps)


def within_budget(
    figures: Mapping[str, Figure], findings: Findings, *, budget: int = PAGE_BUDGET
) -> dict[str, Figure]:
    """Return the figures that fit on the page; the folder keeps them all.

    Where they do not fit, the planes through the peak go first, then the means, then the slices;
    in each round those of contrasts in which nothing survives, then the others, last ones first.
    """
    ranked = sorted(findings.contrasts, key=lambda pair: pair[1].threshold.n_surviving > 0)
    stems = [f"{analysis.name}_{judged.contrast.name}" for analysis, judged in ranked]
    kept = dict(figures)
    for kind in ("peak", "means", "mosaic"):
        for stem in stems:
            if sum(len(figure.content) for figure in kept.values()) <= budget:
                return kept
            kept.pop(f"{stem}_{kind}", None)
    return kept


def study_background(spec: StudySpec, findings: Findings, *, base: Path) -> Background:
    """Return the anatomy beneath all pictures of a study, and why it is that one."""
    named = spec.template
    is_file = named not in (DECIDE, NONE, *TEMPLATES)
    return choose_background(
        findings.loaded.stack.mask, template=base / named if is_file else named
    )


def find_lessons(findings: Findings, *, background: Background) -> list[tuple[Drawing, str]]:
    """Return pairs of analyses that ask the same with and without further terms, side by side.

    A pair asks the same when test, statistic and rows are the same, so that nothing but the
    further terms can make a difference.
    """
    lessons = []
    tested = findings.contrasts
    for small, first in tested:
        for large, second in tested:
            same = _question(small, first) == _question(large, second)
            added = [t for t in large.design.terms if t not in small.design.terms]
            if same and added and set(small.design.terms) < set(large.design.terms):
                lessons.append(
                    _lesson((small, first), (large, second), added=added, background=background)
                )
    return lessons


def _question(analysis: JudgedAnalysis, judged: JudgedContrast) -> tuple[object, ...]:
    contrast = judged.contrast
    return contrast.test, contrast.kind, analysis.design.ids


def _lesson(
    small: tuple[JudgedAnalysis, JudgedContrast],
    large: tuple[JudgedAnalysis, JudgedContrast],
    *,
    added: Sequence[str],
    background: Background,
) -> tuple[Drawing, str]:
    before, after = small[1], large[1]
    named = join(added)
    drawing = side_by_side(
        f"lesson_{small[0].name}_{large[0].name}_{before.contrast.name}",
        [before, after],
        titles=[f"{small[0].name}: without {named}", f"{large[0].name}: with {named}"],
        background=background,
    )
    n_before, n_after = before.threshold.n_surviving, after.threshold.n_surviving
    words = (
        f"The same question, {before.contrast.test}, with and without {named} in the model: "
        f"{count(n_before, 'voxel')} without, {count(n_after, 'voxel')} with. What a map shows "
        "depends on what the model holds constant."
    )
    return drawing, words


def _overlap_figure(name: str, overlap: GroupOverlap, *, source: Provenance) -> Drawn:
    first, second = overlap.names
    caption = f"{overlap.place}. {overlap.overlap.words(first, second)}"
    svg = distribution_svg(
        overlap.groups(), quantity=overlap.quantity, unit=overlap.unit, title=overlap.place
    )
    provenance = source.then("draw", parameters={"place": overlap.place})
    content = embed_svg(svg, provenance=provenance, caption=caption)
    size = _SIZE.search(content)
    width, height = (round(float(side)) for side in size.groups()) if size else (640, 240)
    figure = Figure(
        name=name,
        content=content.encode(),
        caption=caption,
        width=width,
        height=height,
        media_type="image/svg+xml",
    )
    return Drawn(figure=figure, files={f"{name}.svg": content.encode()})


def _thumbnails(findings: Findings) -> tuple[Figure, ...]:
    """Return small pictures of the maps, worst first."""
    stack = findings.loaded.stack
    row_of = {name: row for row, name in enumerate(stack.ids)}
    worst = [str(name) for name in findings.quality.words("id")][:MOST_THUMBNAILS]
    figures = []
    for name in worst:
        whole = stack.mask.scatter_grid(stack.values[row_of[name]])
        pixels = thumbnail(whole, stack.mask.grid, size_px=THUMBNAIL_PX)
        figures.append(page_figure(f"thumbnail_{name}", pixels, caption=name, css_scale=1.0))
    return tuple(figures)
