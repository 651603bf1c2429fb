"""The report of a comparison as a page: the heat map, every cell, what would change it, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.comparison import MapComparison
from heatlas.compare.correlation import MEASURES
from heatlas.compare.policy import POLICIES
from heatlas.compare.surrogates import SOURCES
from heatlas.core.page import (
    Block,
    Columns,
    Definitions,
    Details,
    Listing,
    Note,
    Page,
    Paragraph,
    Section,
)
from heatlas.core.table import Column, Table
from heatlas.core.words import count, join, level, p_value, percent
from heatlas.show.view import View
from heatlas.study.comparisoncells import cell_explorer
from heatlas.study.comparisonchecks import cross_check_table, stationarity_table
from heatlas.study.comparisonpictures import (
    judged_matrix,
    matrix_figure,
    movement,
    policy_panels,
)
from heatlas.study.regionpage import region_methods, region_sections, region_test_words

Floats = NDArray[np.float64]
MOST_ROWS = 60  # of a table on the page; the files hold all
PANEL_PX, MOST_IN_PANELS = 620, 200
REFERENCES = (
    "Clifford P, Richardson S, Hemon D (1989). Assessing the significance of the correlation "
    "between two spatial processes. Biometrics. doi:10.2307/2532039",
    "Dutilleul P (1993). Modifying the t test for assessing the correlation between two spatial "
    "processes. Biometrics. doi:10.2307/2532625",
    "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal "
    "of Statistics 6, 65-70.",
    "Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage. "
    "doi:10.1016/j.neuroimage.2021.118052",
)


def comparison_page(compared: MapComparison) -> Page:
    """Return the report of a comparison.

    Parameters
    ----------
    compared : MapComparison
        What was found.

    Returns
    -------
    Page
        Sections in the order: heat map, cells, policies, maps, methods, warnings.
    """
    judged = judged_matrix(compared)
    return Page(
        title=judged.title,
        lead=compared.caption(),
        sections=(
            Section(
                title="Heat map",
                anchor="heat-map",
                blocks=(cell_explorer(compared, judged),),
            ),
            _cells(compared),
            *region_sections(compared),
            _policies(compared),
            _maps(compared),
            *_stationarity(compared),
            _methods(compared),
            _warnings(compared.warnings),
        ),
        provenance=compared.provenance,
    )


# ---------------------------------------------------------------------------------- sections


def _cells(compared: MapComparison) -> Section:
    """Return every distinct cell, the strongest first."""
    distinct = np.argwhere(~compared.question.repeated & np.isfinite(compared.matrix.values))
    strength = np.abs(compared.matrix.values[distinct[:, 0], distinct[:, 1]])
    ranked = distinct[np.argsort(-strength, kind="stable")]
    empty = int((~compared.question.repeated & np.isnan(compared.matrix.values)).sum())
    words = f"{count(len(ranked), 'distinct cell')}, the strongest first."
    if len(ranked) > MOST_ROWS:
        words += f" The first {MOST_ROWS} are shown; cells.tsv holds all."
    if empty:
        words += f" {count(empty, 'cell')} without a value: see the warnings."
    blocks: list[Block] = [Paragraph(text=words)]
    if len(ranked):
        blocks.append(_cell_table(compared, ranked[:MOST_ROWS]))
    return Section(title="Cells", anchor="cells", blocks=tuple(blocks))


def _cell_table(compared: MapComparison, cells: NDArray[np.int64]) -> Table:
    matrix, sure = compared.matrix, compared.certainty
    row, column = cells[:, 0], cells[:, 1]
    tested = compared.is_tested
    values = [_two(value) for value in matrix.values[row, column]]
    head = matrix.kind
    if tested:
        head = f"{matrix.kind} [{100 * sure.level:g} % interval]"
        limits = zip(sure.low[row, column], sure.high[row, column], strict=True)
        brackets = [f" [{_two(low)}, {_two(high)}]" for low, high in limits]
        values = [value + bracket for value, bracket in zip(values, brackets, strict=True)]
    columns = [
        Column(name="row", values=tuple(matrix.rows.names[k] for k in row)),
        Column(name="column", values=tuple(matrix.columns.names[k] for k in column)),
        Column(name=head, values=tuple(values)),
    ]
    if matrix.n is not None and np.ptp(matrix.n[row, column]) > 0:
        columns.append(
            Column(name=f"{compared.element}s", values=matrix.n[row, column].astype(np.float64))
        )
    if tested:
        columns += [
            Column(name="effective n", values=np.rint(sure.n_eff[row, column])),
            Column(name="family-wise p", values=_p_words(compared.p_fwer[row, column])),
        ]
    turns = tuple("turns" if turned else "" for turned in compared.sign_depends[row, column])
    columns.append(Column(name="sign", values=turns))
    caption = f"{matrix.kind} of each pair of maps; where the sign turns under another policy"
    return Table(columns=tuple(columns), caption=f"{caption}, the table says so.")


def _policies(compared: MapComparison) -> Section:
    """Return how far each cell moves under other policies about background."""
    table = compared.sensitivity()
    short = table.take(np.arange(min(len(table), MOST_ROWS)))
    short = replace(short, columns=tuple(map(_for_readers, short.columns)))
    named = [compared.question.policy, *compared.others]
    blocks: list[Block] = [
        Paragraph(
            text=f"The same measure over other {compared.element}s. A cell whose sign turns is a "
            "statement about the background as much as about the maps."
        ),
        Definitions(
            items=tuple((name, POLICIES[name].words_for(compared.element)) for name in named)
        ),
    ]
    if compared.others:
        blocks.append(matrix_figure(movement(compared), name="sensitivity"))
        blocks.append(_panels(compared))
    blocks.append(short)
    return Section(title="Under other policies", anchor="policies", blocks=tuple(blocks))


def _panels(compared: MapComparison) -> Block:
    """Return the heat map under each policy, two side by side, unless it is very large."""
    if max(compared.matrix.shape) > MOST_IN_PANELS:
        return Paragraph(
            text="The heat map under each policy is drawn for up to "
            f"{MOST_IN_PANELS} rows or columns; sensitivity.tsv holds every cell."
        )
    panels = [
        matrix_figure(panel, name=f"policy-{panel.title}", view=View(width_px=PANEL_PX))
        for panel in policy_panels(compared)
    ]
    pairs = tuple(Columns(blocks=tuple(panels[k : k + 2])) for k in range(0, len(panels), 2))
    return Details(summary="The heat map under each policy", blocks=pairs)


def _maps(compared: MapComparison) -> Section:
    """Return what each file stores as background, and how far the maps overlap."""
    found = compared.backgrounds
    columns = [c for c in found.columns if c.name not in ("value", "tolerance", "enclosed")]
    blocks: list[Block] = [
        Paragraph(
            text="Background is the commonest value on the faces of the file, where it touches "
            "them; NaN is always background. It is never mixed into what was measured."
        )
    ]
    if columns:
        blocks.append(replace(found, columns=tuple(columns)))
    shared = compared.coverage.values[~compared.question.own]
    where = compared.grid_words or "the grid of the maps"
    blocks.append(
        Paragraph(
            text=f"A map shares between {percent(float(shared.min()))} and "
            f"{percent(float(shared.max()))} of its {compared.element}s with another; "
            f"coverage.tsv holds every pair. Compared on {where}."
        )
    )
    return Section(title="Maps and their backgrounds", anchor="maps", blocks=tuple(blocks))


def _stationarity(compared: MapComparison) -> tuple[Section, ...]:
    """Return how even the maps are, and the cells that were judged again; nothing unchecked."""
    check = compared.cross_check
    if check is None:
        return ()
    words = (
        "The null takes each map as equally smooth and equally large everywhere. Here each map's "
        "variance and roughness are compared between 16 blocks of the shared voxels with what "
        "chance gives a map as smooth as it is."
    )
    pairs = cross_check_table(compared)
    blocks: list[Block] = [Paragraph(text=words), stationarity_table(check)]
    if pairs is None:
        blocks.append(Paragraph(text="No pair has two maps that differ from part to part."))
    else:
        changed = [value == "yes" for value in pairs.words("verdict_changes")]
        first = np.argsort(~np.array(changed), kind="stable")[:MOST_ROWS]
        more = " stationarity_cells.tsv holds all." if len(changed) > MOST_ROWS else ""
        text = (
            f"{count(len(changed), 'cell')} of two such maps judged again, with autocorrelations "
            f"of their own in each block; the verdict changes in {sum(changed)}.{more}"
        )
        blocks += [Paragraph(text=text), pairs.take(first)]
    return (Section(title="Stationarity", anchor="stationarity", blocks=tuple(blocks)),)


def _methods(compared: MapComparison) -> Section:
    words = [f"{compared.matrix.kind} was computed over {compared.policy_words}."]
    words += region_methods(compared) or [
        "Maps on finer grids were smoothed to the coarser resolution and interpolated linearly "
        "among measured voxels only."
    ]
    if compared.given:
        words.append(
            f"{join(compared.given)} and a constant were regressed out of every other map first "
            f"(out of its ranks for Spearman), and the effective number of {compared.element}s was "
            "lowered by "
            f"{len(compared.given)} for the test."
        )
    words += _test_words(compared)
    words.append(
        "Rows and columns were clustered by average linkage and put into optimal leaf order; the "
        "order of the files changes nothing."
    )
    paragraphs = tuple(Paragraph(text=text) for text in words)
    cited = () if compared.regions is None else (compared.regions.citation,)
    items = tuple(filter(None, (*REFERENCES, *cited)))
    references = Details(summary="References", blocks=(Listing(items=items),))
    return Section(title="Methods", anchor="methods", blocks=(*paragraphs, references))


def _test_words(compared: MapComparison) -> list[str]:
    question = compared.question
    if not MEASURES[question.measure].tested:
        return ["This measure is not tested: no null model is offered for it."]
    if compared.untested:
        return [f"Nothing was tested: {compared.untested}."]
    size = region_test_words(compared) or (
        "The effective number of voxels is Dutilleul's, from autocorrelations within the shared "
        "voxels, averaged over shells of equal distance and cut at their first value that is not "
        "positive; what left and right have in common, by the distance from one to the other's "
        "mirror image, counts as well; intervals are Fisher's with that number. Maps are taken as "
        "stationary and isotropic otherwise."
    )
    if question.null in SOURCES:
        source = SOURCES[question.null]
        paper = f" ({source.reference})" if source.reference else ""
        return [
            size,
            f"p-values come from {question.n_surrogates:,} surrogates of all maps at once: "
            f"{source.words}{paper}. Surrogates of either map of a cell meet the other map as it "
            "is. The family-wise p compares with the largest correlation, in units of its standard "
            "error, over all distinct cells; q is Benjamini-Hochberg's.",
        ]
    return [
        size,
        "p-values are those of Student's t with that number. All distinct cells were corrected "
        f"together: Holm at {level(question.alpha)} for the outlines, Benjamini-Hochberg for q.",
    ]


def _warnings(warnings: Sequence[str]) -> Section:
    notes: tuple[Block, ...] = tuple(
        Note(kind="warning", text=f"{text[:1].upper()}{text[1:]}.") for text in warnings
    )
    return Section(
        title="Warnings", anchor="warnings", blocks=notes or (Paragraph(text="None."),)
    )  # fmt: skip


def _for_readers(column: Column) -> Column:
    """Return a column with two decimals and a short head."""
    if isinstance(column.values, np.ndarray):
        words = tuple(None if np.isnan(v) else _two(float(v)) for v in column.values)
        return replace(column, values=words)
    if column.name == "sign_depends_on_policy":
        turns = tuple("turns" if word == "yes" else "" for word in column.values)
        return replace(column, name="sign", values=turns)
    return column


def _two(value: float) -> str:
    """Return a value with two decimals."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _p_words(p: Floats) -> tuple[str | None, ...]:
    return tuple(
        None if np.isnan(value) else p_value(float(value)).removeprefix("p ").removeprefix("= ")
        for value in p
    )
