"""The report of a run as a page: what was asked, of whom, what was found, and how far it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heatlas.core.estimate import Estimate
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
from heatlas.core.table import Column, Table
from heatlas.core.threshold import Threshold
from heatlas.core.value import Value
from heatlas.core.words import count, join, level, number, place
from heatlas.study.explained import assumed, certainty, contrasts_words, explained
from heatlas.study.findings import Findings, GroupOverlap, JudgedAnalysis, JudgedContrast
from heatlas.study.methods import methods_text, references
from heatlas.study.sample import group_column, sample_table
from heatlas.study.spec import StudySpec

MOST_CLUSTER_ROWS = 24
MOST_QUALITY_ROWS = 20
EXTENDED_COLUMNS = {"tfce", "cluster_extent", "cluster_mass"}
NOT_A_DEVICE = (
    "For research. This report is no medical device and no statement about any single person."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures(Value):
    """Every picture of a report, by name.

    Parameters
    ----------
    figures : mapping of str to Figure
        ``{analysis}_{contrast}_mosaic`` and so on.
    lessons : tuple of (Figure, str)
        Contrasts side by side, with what the comparison teaches.
    thumbnails : tuple of Figure
        Maps of the quality section, worst first.
    verdict : Table, optional
        How the colours fare for colour-blind readers and in grey-scale.
    verdict_words : str
        The same in words.
    """

    figures: Mapping[str, Figure]
    lessons: tuple[tuple[Figure, str], ...] = ()
    thumbnails: tuple[Figure, ...] = ()
    verdict: Table | None = None
    verdict_words: str = ""


def make_page(
    spec: StudySpec, findings: Findings, *, pictures: Pictures, provenance: Provenance
) -> Page:
    """Return the report of a run.

    Parameters
    ----------
    spec : StudySpec
        What was asked.
    findings : Findings
        What was found.
    pictures : Pictures
        What was drawn.
    provenance : Provenance
        How it came about.

    Returns
    -------
    Page
        Sections in the order: asked, sample, findings, quality, limits, methods, warnings,
        provenance.
    """
    return Page(
        title=spec.name,
        lead=_lead(findings),
        sections=(
            _asked(spec, findings),
            _sample(spec, findings),
            _found(findings, pictures),
            _quality(findings, pictures),
            _limits(spec, findings, pictures=pictures),
            _methods(spec, findings),
            _warnings(findings),
            _provenance_section(findings),
        ),
        provenance=provenance,
    )


def summary_table(findings: Findings) -> Table:
    """Return one row per contrast: n, strongest statistic, cut and what survives."""
    rows = findings.contrasts
    strongest = [_strongest(judged) for _, judged in rows]
    return Table(
        columns=(
            Column(name="analysis", values=tuple(a.name for a, _ in rows)),
            Column(name="contrast", values=tuple(j.contrast.name for _, j in rows)),
            Column(name="n", values=np.array([float(a.design.n) for a, _ in rows])),
            Column(
                name="statistic",
                values=tuple(j.statistic.kind for _, j in rows),
                description="t or F; v or G where groups have variances of their own.",
            ),
            Column(
                name="strongest",
                values=np.array(strongest),
                digits=4,
                description="Statistic with the largest magnitude.",
            ),
            Column(
                name="cut",
                values=np.array([_or_nan(j.threshold.cut) for _, j in rows]),
                digits=4,
                description="What the statistic's magnitude had to exceed.",
            ),
            *_extended_columns([j.threshold for _, j in rows]),
            Column(
                name="smallest_p",
                values=np.array([_smallest_p(j) for _, j in rows]),
                digits=2,
                description="Smallest corrected p (uncorrected where the method is 'none').",
            ),
            Column(
                name="voxels_positive",
                values=np.array([float(j.heat_map.survives_positive.sum()) for _, j in rows]),
                digits=6,
                description="Voxels that survive with a positive statistic.",
            ),
            Column(
                name="voxels_negative",
                values=np.array([float(j.heat_map.survives_negative.sum()) for _, j in rows]),
                digits=6,
                description="Voxels that survive with a negative statistic.",
            ),
        ),
        caption="Every contrast that was tested, whatever came out.",
    )


def _extended_columns(rules: Sequence[Threshold]) -> list[Column]:
    """Return what was compared instead of the statistic itself, and its cut."""
    if not any(rule.quantity for rule in rules):
        return []
    return [
        Column(
            name="compared",
            values=tuple(rule.quantity or None for rule in rules),
            description="What was compared with its largest value in each permutation.",
        ),
        Column(
            name="compared_cut",
            values=np.array([_or_nan(rule.extended_cut) for rule in rules]),
            digits=4,
            description="What its magnitude had to exceed.",
        ),
    ]


def _lead(findings: Findings) -> str:
    n = len(findings.cohort.ids)
    tested = findings.contrasts
    empty = [j for _, j in tested if j.threshold.n_surviving == 0]
    words = f"{count(n, 'map')} of {findings.cohort.measure}, {count(len(tested), 'contrast')}. "
    if len(empty) == len(tested):
        return words + "No voxel survives in any of them."
    full = [f"{a.name} / {j.contrast.name}" for a, j in tested if j.threshold.n_surviving]
    return (
        words
        + f"Something survives in {join(full)}"
        + (f"; nothing in the other {len(empty)}." if empty else ".")
    )


def _asked(spec: StudySpec, findings: Findings) -> Section:
    rows = findings.contrasts
    specs = {analysis.name: analysis for analysis in spec.analyses}
    table = Table(
        columns=(
            Column(name="analysis", values=tuple(a.name for a, _ in rows)),
            Column(name="rows", values=tuple(specs[a.name].where or "all" for a, _ in rows)),
            Column(name="model", values=tuple(specs[a.name].model for a, _ in rows)),
            Column(name="contrast", values=tuple(j.contrast.name for _, j in rows)),
            Column(name="test", values=tuple(j.contrast.test for _, j in rows)),
            Column(name="in words", values=tuple(j.contrast.words for _, j in rows)),
        ),
        caption="The questions, as written in the study file.",
    )
    blocks: tuple[Block, ...] = (
        table,
        Paragraph(text=_judgement_sentence(spec, findings)),
        Paragraph(text=explained(spec.inference)),
    )
    return Section(title="What was asked", anchor="asked", blocks=blocks)


def _judgement_sentence(spec: StudySpec, findings: Findings) -> str:
    inference = spec.inference
    sides = "two-sided" if inference.two_sided else "one-sided"
    return (
        f"Each contrast was judged {sides} by {inference.method} at {level(inference.alpha)}; "
        + contrasts_words(inference, n=len(findings.contrasts))
    )


def _sample(spec: StudySpec, findings: Findings) -> Section:
    table = findings.cohort.table
    used = _variables(findings)
    factors = [name for analysis in findings.analyses for name in analysis.design.levels]
    group = group_column(table, factors)
    blocks: list[Block] = [
        Paragraph(text=_size_sentence(findings)),
        sample_table(table, variables=used, group=group),
    ]
    dropped = [
        (f"{a.name}: {name}", reason)
        for a in findings.analyses
        for name, reason in a.design.dropped
    ]
    exclusions = [(entry.id, entry.reason) for entry in findings.cohort.exclusions]
    blocks.append(_reasons("Excluded before any analysis", exclusions))
    blocks.append(_reasons("Left out of an analysis for a missing value", dropped))
    return Section(title="Who is in it", anchor="sample", blocks=tuple(blocks))


def _size_sentence(findings: Findings) -> str:
    n, out = len(findings.cohort.ids), len(findings.cohort.exclusions)
    each = join(f"{a.name} {a.design.n}" for a in findings.analyses)
    return f"{n} participants with a map, {out} excluded. Maps by analysis: {each}."


def _reasons(title: str, entries: Sequence[tuple[str, str]]) -> Block:
    if not entries:
        return Paragraph(text=f"{title}: nobody.")
    return Details(
        summary=f"{title}: {count(len(entries), 'row')}",
        blocks=(Definitions(items=tuple(entries)),),
    )


def _variables(findings: Findings) -> tuple[str, ...]:
    """Return the columns of the table that any model uses, in the table's order."""
    named = {name for a in findings.analyses for name in (*a.design.coding, *a.design.levels)}
    return tuple(name for name in findings.cohort.table.names if name in named)


def _found(findings: Findings, pictures: Pictures) -> Section:
    lessons = [
        block
        for figure, words in pictures.lessons
        for block in (Note(kind="lesson", text=words), figure)
    ]
    parts = [_analysis_section(analysis, pictures) for analysis in findings.analyses]
    return Section(
        title="What was found",
        anchor="findings",
        blocks=(for_readers(_without_empty_cut(summary_table(findings))), *lessons),
        sections=tuple(parts),
    )


def _without_empty_cut(summary: Table) -> Table:
    """Return the summary without the cut of the statistic, where no contrast has one."""
    if not np.isnan(summary.numbers("cut")).all():
        return summary
    return replace(summary, columns=tuple(c for c in summary.columns if c.name != "cut"))


def _analysis_section(analysis: JudgedAnalysis, pictures: Pictures) -> Section:
    contrasts = [
        _contrast_section(analysis, judged, pictures=pictures) for judged in analysis.contrasts
    ]
    coding = Details(
        summary="Model in detail: weights, coding and centring",
        blocks=(
            Definitions(items=tuple(analysis.design.coding.items())),
            Definitions(
                items=tuple(
                    (
                        f"weights of {j.contrast.name}",
                        j.contrast.weights_words(analysis.design.names),
                    )
                    for j in analysis.contrasts
                )
            ),
        ),
    )
    words = (
        f"Model {analysis.design.formula}; {count(analysis.design.n, 'map')}, "
        f"{analysis.design.dof} residual degrees of freedom."
    )
    return Section(
        title=f"Analysis: {analysis.name}",
        anchor=f"analysis-{analysis.name.lower()}",
        blocks=(Paragraph(text=words), coding),
        sections=tuple(contrasts),
    )


def _contrast_section(
    analysis: JudgedAnalysis, judged: JudgedContrast, *, pictures: Pictures
) -> Section:
    stem = f"{analysis.name}_{judged.contrast.name}"
    figures = pictures.figures
    blocks: list[Block] = [Paragraph(text=f"{_result_words(judged)} {_strongest_words(judged)}")]
    if f"{stem}_mosaic" in figures:
        blocks.append(figures[f"{stem}_mosaic"])
    else:
        blocks.append(
            Paragraph(text=f"Picture: figures/{stem}_mosaic.png (left out here for size).")
        )
    blocks += _certainty_blocks(analysis, judged)
    blocks += [figures[name] for name in (f"{stem}_peak", f"{stem}_means") if name in figures]
    blocks += _cluster_blocks(judged)
    for k, overlap in enumerate(judged.overlaps):
        blocks += _overlap_blocks(overlap, figures.get(f"{stem}_overlap-{k + 1}"))
    return Section(
        title=f"{analysis.name} / {judged.contrast.name}",
        anchor=f"{analysis.name}-{judged.contrast.name}".lower(),
        blocks=tuple(blocks),
    )


def _certainty_blocks(analysis: JudgedAnalysis, judged: JudgedContrast) -> list[Block]:
    """Return how sure the judgement is: permutations, assumptions, and what speaks against them."""
    blocks: list[Block] = []
    if judged.permuted is not None:
        alpha = judged.threshold.alpha or 0.05
        text = f"{certainty(judged.permuted, alpha=alpha)} " + assumed(
            judged.permuted, groups=analysis.variance_groups
        )
        blocks.append(Paragraph(text=text))
        blocks += [Note(kind="warning", text=text) for text in judged.permuted.warnings]
    if judged.threshold.undecided is not None and judged.threshold.undecided.any():
        blocks.append(Note(kind="warning", text=_undecided_words(judged)))
    return blocks


def _result_words(judged: JudgedContrast) -> str:
    words = f"{judged.contrast.test}: a positive value means {judged.contrast.words}. "
    if judged.contrast.kind == "F":
        words = f"{judged.contrast.test}: {judged.contrast.words}. "
    survivors = judged.heat_map.survivors_words()
    sentence = f"{survivors[:1].upper()}{survivors[1:]}"
    if judged.threshold.n_surviving == 0:
        return words + (
            f"{sentence} {judged.threshold.words}; the smallest p is "
            f"{number(_smallest_p(judged), digits=2)}. That is no evidence of no effect: the "
            "limits say which effects this sample could have found."
        )
    return words + f"{sentence}, {judged.threshold.words}."


def _strongest_words(judged: JudgedContrast) -> str:
    """Return statistic, estimate and standardised effect of the strongest voxel."""
    statistic, k = judged.statistic, judged.strongest
    if k is None:
        return "No statistic is defined anywhere."
    where = place(statistic.mask.positions_mm()[k])
    parts = [f"{statistic.kind} = {number(float(statistic.values[k]))}"]
    for estimate in (judged.effect, judged.standardised):
        if estimate is not None:
            parts.append(f"{estimate.kind} {_interval_words(estimate, k)}")
    return (
        f"At the strongest voxel, {where} mm: {', '.join(parts)} (95 % intervals). It was chosen "
        "for being the strongest, so these are too large for a new sample."
    )


def _interval_words(estimate: Estimate, k: int) -> str:
    value, low, high = (float(a[k]) for a in (estimate.value, estimate.low, estimate.high))
    return f"{number(value)} [{number(low)}, {number(high)}] {estimate.unit}".rstrip()


def _undecided_words(judged: JudgedContrast) -> str:
    rule = judged.threshold
    n = int(rule.undecided.sum()) if rule.undecided is not None else 0
    more = f" About {rule.n_to_settle:,} permutations would settle it." if rule.n_to_settle else ""
    return (
        f"Undecided: at {count(n, 'voxel')} the Monte-Carlo interval of the corrected p contains "
        f"{level(rule.alpha or 0.05)}, so another draw of permutations may judge otherwise.{more}"
    )


def _cluster_blocks(judged: JudgedContrast) -> list[Block]:
    table = for_readers(_with_intervals(judged.clusters))
    if len(table) == 0:
        return []
    if len(table) <= MOST_CLUSTER_ROWS:
        return [table]
    note = Paragraph(
        text=f"The first {MOST_CLUSTER_ROWS} of {len(table)} rows are shown; all are in the tables "
        "folder."
    )
    return [table.take(range(MOST_CLUSTER_ROWS)), note]


def _overlap_blocks(overlap: GroupOverlap, figure: Figure | None) -> list[Block]:
    first, second = overlap.names
    words = f"{overlap.place}. {overlap.chosen} {overlap.overlap.words(first, second)}"
    blocks: list[Block] = [Paragraph(text=words)]
    return blocks if figure is None else [*blocks, figure]


def _quality(findings: Findings, pictures: Pictures) -> Section:
    table = findings.quality
    shown = for_readers(table.take(range(min(MOST_QUALITY_ROWS, len(table)))))
    lead = Paragraph(text=_quality_words(table))
    blocks: list[Block] = [Listing(items=findings.loaded.policy), lead, shown]
    if pictures.thumbnails:
        blocks.append(Columns(blocks=pictures.thumbnails))
    return Section(title="Quality", anchor="quality", blocks=tuple(blocks))


def _quality_words(table: Table) -> str:
    if "mark" not in table.names:
        return "Fewer than three maps cannot be compared with the mean of all others."
    outliers = [word for word in table.words("mark") if word]
    words = (
        f"Maps are compared with the mean of all others. {count(len(outliers), 'map')} marked as "
        "outlier (robust z above 3.5). Worst first"
    )
    if len(table) > MOST_QUALITY_ROWS:
        words += f"; {MOST_QUALITY_ROWS} of {len(table)} are shown, all are in the tables folder"
    return f"{words}."


def _limits(spec: StudySpec, findings: Findings, *, pictures: Pictures) -> Section:
    items = tuple(
        (f"{a.name} / {j.contrast.name}", j.smallest) for a, j in findings.contrasts if j.smallest
    )
    blocks: list[Block] = [
        Note(kind="limit", text=NOT_A_DEVICE),
        Paragraph(
            text="The smallest true effect that this sample would have found in a given voxel with "
            "80 % power at the corrected level:"
        ),
        Definitions(items=items),
        Paragraph(text=_coverage_of_claims(spec)),
    ]
    if pictures.verdict_words:
        blocks.append(Paragraph(text=pictures.verdict_words))
    if pictures.verdict is not None:
        blocks.append(Details(summary="Colours tested", blocks=(pictures.verdict,)))
    return Section(title="Limits", anchor="limits", blocks=tuple(blocks))


def _coverage_of_claims(spec: StudySpec) -> str:
    words = (
        "A group difference is a difference of averages: it places no single member in a group. "
        "The overlap of the groups says how much they share. "
    )
    if spec.inference.method == "none":
        words += (
            "Nothing here is corrected for the number of voxels, so false positives are expected. "
        )
    return words + (
        "An association in cross-sectional data is no cause, and what the model leaves out may "
        "explain it."
    )


def _methods(spec: StudySpec, findings: Findings) -> Section:
    paragraphs = methods_text(spec, findings.loaded, analyses=findings.analyses)
    blocks = [Paragraph(text=text) for text in paragraphs]
    used_tail = any("p_tail" in judged.clusters.names for _, judged in findings.contrasts)
    cited = references(spec, used_tail=used_tail)
    return Section(
        title="Methods",
        anchor="methods",
        blocks=(*blocks, Details(summary="References", blocks=(Listing(items=cited),))),
    )


def _warnings(findings: Findings) -> Section:
    found = findings.warnings
    blocks: tuple[Block, ...] = tuple(Note(kind="warning", text=text) for text in found)
    return Section(
        title="Warnings",
        anchor="warnings",
        blocks=blocks or (Paragraph(text="None."),),
    )


def _provenance_section(findings: Findings) -> Section:
    files = tuple((file.name, file.digest) for file in findings.cohort.files)
    return Section(
        title="Provenance",
        anchor="provenance",
        blocks=(
            Paragraph(
                text="study.lock.json beside this page holds the resolved settings, the digests of "
                "all inputs and outputs, versions and seed; `heatlas reproduce` runs them again."
            ),
            Details(
                summary="Versions", blocks=(Definitions(items=tuple(findings.versions.items())),)
            ),
            Details(
                summary=f"Digests of {count(len(files), 'map')}",
                blocks=(Definitions(items=files),),
            ),
        ),
    )


def for_readers(table: Table) -> Table:
    """Return a table with headers in words, and nothing where a word is missing."""
    columns = []
    for column in table.columns:
        name = column.name.removesuffix("_mm3").removesuffix("_mm").replace("_", " ")
        values = column.values
        if not isinstance(values, np.ndarray):
            values = tuple(word or "" for word in values)
        columns.append(replace(column, name=name, values=values))
    return replace(table, columns=tuple(columns))


def _with_intervals(clusters: Table) -> Table:
    """Return a cluster table with places, p and estimates in one column each."""
    made = {
        "x_mm": _peak_column,
        "size_mm3": _size_column,
        "p_words": lambda table: replace(table.column("p_words"), name="corrected p"),
        "estimate": _estimate_words,
    }
    hidden = {"y_mm", "z_mm", "low", "high"}
    if "p_words" in clusters.names:
        hidden |= {"p_corrected", "p_tail"}
    if EXTENDED_COLUMNS & set(clusters.names):
        hidden.add("sign")  # there is no room, and the statistic shows it
    columns = [
        made[column.name](clusters) if column.name in made else column
        for column in clusters.columns
        if column.name not in hidden
    ]
    return replace(clusters, columns=tuple(columns))


def _peak_column(clusters: Table) -> Column:
    positions = zip(*(clusters.numbers(name) for name in ("x_mm", "y_mm", "z_mm")), strict=True)
    words = tuple(place(position) for position in positions)
    return Column(name="peak", values=words, unit="mm", description="x, y, z of the peak, RAS+.")


def _size_column(clusters: Table) -> Column:
    """Return sizes as words: sub-peaks have none."""
    sizes = clusters.numbers("size_mm3")
    words = tuple("" if np.isnan(size) else f"{size:,.0f}" for size in sizes)
    return replace(clusters.column("size_mm3"), values=words)


def _estimate_words(clusters: Table) -> Column:
    three = zip(*(clusters.numbers(name) for name in ("estimate", "low", "high")), strict=True)
    words = [f"{number(value)} [{number(low)}, {number(high)}]" for value, low, high in three]
    return replace(clusters.column("estimate"), values=tuple(words))


def _strongest(judged: JudgedContrast) -> float:
    k = judged.strongest
    return float("nan") if k is None else float(judged.statistic.values[k])


def _smallest_p(judged: JudgedContrast) -> float:
    logp = judged.threshold.logp
    return float("nan") if logp is None else float(10 ** -np.nanmax(logp))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
