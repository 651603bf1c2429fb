from __future__ import annotations

from heatlas.core.page import Definitions, Figure, Note, Section
from heatlas.core.table import Table
from heatlas.show.report import render_page
from heatlas.study.explainpage import explanation_page, method_table, record
from tests.study.explaining import explained


def section(title: str, *methods: str) -> Section:
    page = explanation_page(explained(*methods))
    return next(part for part in page.sections if part.title == title)


def test_the_verdict_stands_first_and_once_more_on_the_card() -> None:
    page = explanation_page(explained())
    first = page.sections[0]
    (note,) = first.blocks
    assert isinstance(note, Note)
    assert note.text == explained().verdict
    assert (
        note.kind
        == {"no evidence": "warning", "care": "limit", "holds": "info"}[
            explained().main.card.standing
        ]
    )


def test_every_check_stands_on_the_card_with_its_rule_and_its_finding() -> None:
    (table, *_rest) = section("Trust card").blocks
    assert isinstance(table, Table)
    checks = explained().main.card.checks
    assert table.words("check") == tuple(check.name for check in checks)
    assert table.words("passes if") == tuple(check.rule for check in checks)


def test_what_makes_the_map_again_is_recorded() -> None:
    (block,) = section("What was recorded").blocks
    assert isinstance(block, Definitions)
    found = dict(block.items)
    assert found == dict(record(explained()))
    assert found["Digest of its parameters"].startswith("sha256:")
    assert found["Layer"] == "look (found)"
    assert "torch" in found["Versions"]
    assert found["Seed"] == "0"


def test_other_methods_stand_side_by_side_with_their_standing() -> None:
    blocks = section("Other methods", "hirescam", "occlusion").blocks
    assert isinstance(blocks[0], Figure)
    table = blocks[-1]
    assert isinstance(table, Table)
    assert table.words("method") == ("HiResCAM", "Occlusion")
    views = [explained("hirescam", "occlusion").main, *explained("hirescam", "occlusion").others]
    assert method_table(views).words("standing") == tuple(v.card.standing for v in views)


def test_the_page_holds_no_request_and_renders() -> None:
    html = render_page(explanation_page(explained()))
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "What the network looks at" in html
