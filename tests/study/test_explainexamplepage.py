from __future__ import annotations

from heatlas.core.page import Note
from heatlas.show.report import render_page
from heatlas.study.explainexamplepage import SYNTHETIC, example_page, explain_command
from tests.study.explaining import example


def test_the_page_says_first_that_it_is_synthetic_and_one_head() -> None:
    note = example_page(example()).sections[0].blocks[0]
    assert isinstance(note, Note)
    assert note.text == SYNTHETIC
    assert "one person" in SYNTHETIC


def test_each_case_shows_the_truth_the_network_and_its_twin() -> None:
    page = example_page(example())
    cases = [part for part in page.sections if part.title.startswith("A held-out slice")]
    assert len(cases) == len(example().cases)
    html = render_page(page)
    for case in example().cases:
        assert case.untrained.verdict in html
        assert f"number {case.place} of the head" in html


def test_the_command_on_the_page_names_what_the_network_was_shown() -> None:
    words = explain_command(example())
    look = example().look
    (top, bottom), _ = look.crop
    assert f"--crop {top}:{bottom}," in words
    assert "--size 112x112" in words
    assert "--window brain" in words
