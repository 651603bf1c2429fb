"""The report says what was found, what would change it, and how it was computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from heatlas.core.page import Columns, Details, Note, Page, Section
from heatlas.core.table import Table
from heatlas.show.report import render_page
from heatlas.study.compare import compare_maps
from heatlas.study.comparisonpage import MOST_ROWS, comparison_page
from tests.phantom import SHAPE, ball, smooth_noise
from tests.study.images import write_nifti


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    brain, noise = ball(SHAPE, radius=4.4), smooth_noise(4, seed=5)
    noise[1] = noise[0] + 0.2 * noise[1]
    return [
        write_nifti(tmp_path / f"m{k}.nii.gz", np.where(brain, 9 + values, 0).astype("f4"))
        for k, values in enumerate(noise)
    ]


def tables(section: Section) -> Iterator[Table]:
    for block in section.blocks:
        if isinstance(block, Table):
            yield block


def section(page: Page, anchor: str) -> Section:
    return next(item for item in page.sections if item.anchor == anchor)


def test_cells_stand_in_order_of_strength_with_interval_and_judgement(maps: list[Path]) -> None:
    page = comparison_page(compare_maps(maps))
    (table,) = tables(section(page, "cells"))
    assert len(table) == 6
    assert (table.words("row")[0], table.words("column")[0]) == ("m0", "m1")
    assert "Pearson r [95 % interval]" in table.names
    assert table.words("family-wise p")[0] == "< .001"
    assert table.words("sign")[0] in {"", "turns"}


def test_every_policy_is_explained_and_drawn(maps: list[Path]) -> None:
    html = render_page(comparison_page(compare_maps(maps)))
    for words in ("voxels that both maps measure", "union-zero", "Largest minus smallest"):
        assert words in html
    drawn = section(comparison_page(compare_maps(maps)), "policies")
    (details,) = [block for block in drawn.blocks if isinstance(block, Details)]
    assert [len(block.blocks) for block in details.blocks if isinstance(block, Columns)] == [2, 2]


def test_measures_without_a_test_show_no_p(maps: list[Path]) -> None:
    page = comparison_page(compare_maps(maps, measure="cosine"))
    (table,) = tables(section(page, "cells"))
    assert table.names == ("row", "column", "cosine similarity", "sign")
    assert "This measure is not tested" in render_page(page)


def test_warnings_are_notes_and_their_absence_is_said(maps: list[Path]) -> None:
    clean = compare_maps(maps, measure="dice")
    assert clean.warnings == ()
    assert "None." in render_page(comparison_page(clean))
    turned = comparison_page(compare_maps(maps))
    notes = [b for b in section(turned, "warnings").blocks if isinstance(b, Note)]
    assert notes[-1].text.startswith("The sign of")


def test_many_cells_point_to_the_file(tmp_path: Path, maps: list[Path]) -> None:
    brain = ball(SHAPE, radius=4.4)
    more = [
        write_nifti(tmp_path / f"x{k}.nii.gz", np.where(brain, values, 0).astype("f4"))
        for k, values in enumerate(smooth_noise(18, seed=7))
    ]
    page = comparison_page(compare_maps(more, maps))
    (table,) = tables(section(page, "cells"))
    assert len(table) == MOST_ROWS
    assert "cells.tsv holds all" in render_page(page)
