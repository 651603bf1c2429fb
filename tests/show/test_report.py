"""The report: one valid, offline, escaped, printable file that fits a phone."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from heatlas.core.page import (
    Area,
    Block,
    Choice,
    Columns,
    Definitions,
    Details,
    Explorer,
    Figure,
    Labelled,
    Listing,
    Note,
    Page,
    Paragraph,
    Repeated,
    Section,
)
from heatlas.core.provenance import Provenance, provenance_from_json
from heatlas.core.table import Column, Table
from heatlas.show.report import PROVENANCE_ID, render_page

HOSTILE = "sub-<script>alert(1)</script>\"' onerror=x &amp; </title>{{ 7*7 }}"
VOID = {"meta", "img", "input", "br", "hr", "link", "path", "circle"}
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]


def picture(width: int, height: int, *, name: str = "picture", caption: str = "A map.") -> Figure:
    """A figure with a smooth blob."""
    y, x = np.mgrid[0:height, 0:width]
    blob = np.exp(-(((x / width - 0.6) / 0.2) ** 2) - ((y / height - 0.5) / 0.3) ** 2)
    grey = (255 * blob).astype(np.uint8)
    buffer = io.BytesIO()
    pixels = np.stack([255 - grey // 4, 255 - grey // 2, 255 - grey], axis=-1)
    Image.fromarray(pixels).save(buffer, "PNG")
    return Figure(name=name, content=buffer.getvalue(), caption=caption, width=width, height=height)


def drawing(caption: str = "A drawing.") -> Figure:
    """A vector figure that would call home if it were not an image."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="80">'
        '<image href="https://example.org/spy.png" width="9" height="9"/>'
        '<rect width="300" height="80" fill="#dde"/></svg>'
    )
    return Figure(
        name="drawing",
        content=svg.encode(),
        caption=caption,
        width=300,
        height=80,
        media_type="image/svg+xml",
    )


def numbers_table(rows: int = 4) -> Table:
    """A wide table of words and numbers."""
    numbers = np.linspace(-8.89, 4.1234, rows)
    columns = [Column(name="region", values=tuple(f"Precuneus {n}" for n in range(rows)))]
    columns.append(
        Column(name="size", values=np.arange(rows) * 27.0, unit="mm³", description="Volume")
    )
    columns += [Column(name=f"statistic {n}", values=numbers, digits=3) for n in range(9)]
    return Table(columns=tuple(columns), caption="Clusters, largest statistic first")


def every_block() -> tuple[Block, ...]:
    """One block of each kind, some of them nested."""
    return (
        Paragraph(text="Fifty-one patients and twenty-one controls. " * 6),
        Listing(items=("one entry", "another entry")),
        Definitions(items=(("model", "C(group) + age"), ("digest", "sha256:" + "0f" * 32))),
        Note(kind="info", text="A remark."),
        Note(kind="warning", text="A warning."),
        Note(kind="lesson", text="A lesson."),
        Note(kind="limit", text="A limit."),
        picture(1270, 300, name="mosaic"),
        drawing(),
        numbers_table(),
        Columns(blocks=tuple(picture(140, 140, name=f"thumb-{n}") for n in range(7))),
        Details(summary="All participants", blocks=(numbers_table(60), Paragraph(text="HIDDEN"))),
    )


def phantom_page(*, title: str = "A phantom study", words: str = "plain") -> Page:
    """A page with every kind of block and sections on two levels."""
    inner = Section(title=f"groups {words}", anchor="groups", blocks=every_block())
    deep = Section(title="same anchor", anchor="groups", blocks=(Paragraph(text=words),))
    provenance = Provenance().then(
        "read", parameters={"note": words, "mask": {"minimum": 0.1}}, seed=7, warnings=(words,)
    )
    sections = (
        Section(title="What was asked", anchor="asked", blocks=every_block()),
        Section(title="What was found", anchor="found", sections=(inner, deep)),
    )
    return Page(title=title, lead="The first sentence.", sections=sections, provenance=provenance)


def explorer(words: str = "choice", *, n: int = 4) -> Explorer:
    """A picture of n x n cells in which (row, column) and (column, row) open the same."""
    shared = picture(200, 100, name="shared", caption=f"Shared {words}.")
    pairs = [(row, column) for row in range(n) for column in range(row + 1, n)][::-1]
    choices = tuple(
        Choice(
            anchor=f"cell-{row}-{column}",
            label=f"{words} {row} {column}",
            areas=tuple(
                Area(left=0.05 + x * 0.2, top=0.05 + y * 0.2, width=0.18, height=0.18)
                for x, y in ((column, row), (row, column))
            ),
            blocks=(Paragraph(text=f"Panel {row} {column}."), Repeated(figure=shared)),
        )
        for row, column in pairs
    )
    return Explorer(
        figure=picture(900, 900, name="matrix"), choices=choices, hint="Choose.", anchor="matrix"
    )


def one_block(block: Block) -> str:
    """The HTML of a page that holds one block."""
    section = Section(title="Part", anchor="part", blocks=(block,))
    return render_page(Page(title="t", lead="", sections=(section,)))


class Structure(HTMLParser):
    """Collects what a test asks about a document, and elements that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.faults += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def provenance_text(html: str) -> str:
    """The content of the JSON block."""
    found = re.search(rf'<script[^>]*id="{PROVENANCE_ID}">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return found.group(1)


# ---------------------------------------------------------------- structure


def test_every_element_closes_where_it_opened() -> None:
    assert Structure(render_page(phantom_page())).faults == []


def test_a_page_says_its_language_its_title_and_its_one_first_heading() -> None:
    html = render_page(phantom_page())
    structure = Structure(html)
    assert html.startswith("<!DOCTYPE html>")
    assert structure.all("html") == [{"lang": "en"}]
    assert "<title>A phantom study</title>" in html
    assert len(structure.all("h1")) == 1
    assert len(structure.all("main")) == 1


def test_headings_never_skip_a_level() -> None:
    levels = [
        int(tag[1])
        for tag, _ in Structure(render_page(phantom_page())).elements
        if re.fullmatch("h[1-6]", tag)
    ]
    assert levels == [1, 2, 2, 3, 3]


def test_the_contents_lead_to_every_section_once() -> None:
    structure = Structure(render_page(phantom_page()))
    links = [str(a["href"]).removeprefix("#") for a in structure.all("a")]
    ids = [a["id"] for _, a in structure.elements if "id" in a]
    assert links == ["content", "asked", "found", "groups", "groups-2"]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)


def test_an_empty_page_is_a_page() -> None:
    structure = Structure(render_page(Page(title="t", lead="", sections=())))
    assert structure.faults == []
    assert structure.all("nav") == []


def test_each_picture_has_its_caption_as_alternative_text_and_its_size() -> None:
    figure = picture(200, 100, caption='t map, |t| > 5.1, "both tails"')
    images = Structure(one_block(figure)).all("img")
    assert [image["alt"] for image in images] == [figure.caption]
    assert (images[0]["width"], images[0]["height"]) == ("200", "100")


def test_pictures_side_by_side_leave_room_for_three() -> None:
    html = one_block(Columns(blocks=tuple(picture(420, 90) for _ in range(3))))
    assert '<div class="columns few" style="--column: 260px">' in html


def test_a_note_says_its_kind_in_a_word_and_an_icon() -> None:
    for kind, word in (("warning", "Warning"), ("limit", "Limit"), ("lesson", "Lesson")):
        html = one_block(Note(kind=kind, text="words"))  # type: ignore[arg-type]
        assert re.search(rf"</svg>\s*{word}</p>", html)


# ---------------------------------------------------------------- tables


def cells(table: Table) -> list[str]:
    """The texts of the body cells of a table."""
    return re.findall(r"<t[dh] (?:scope=\"row\" )?class=\"[^\"]*\">(.*?)</t[dh]>", one_block(table))


def column_of(values: Any, *, digits: int = 4) -> Table:
    return Table(columns=(Column(name="x", values=np.array(values, dtype=float), digits=digits),))


def test_whole_numbers_have_no_decimals() -> None:
    assert cells(column_of([51, -21, 55934, 0])) == ["51", "−21", "55,934", "0"]


def test_numbers_of_a_column_share_their_decimals() -> None:
    assert cells(column_of([8.891, -4.1, 10.0], digits=3)) == ["8.9", "−4.1", "10.0"]
    assert cells(column_of([0.231, 0.0124], digits=2)) == ["0.231", "0.012"]


def test_numbers_of_very_different_size_keep_their_digits() -> None:
    assert cells(column_of([1e-9, 2.5], digits=2)) == ["1.0e−09", "2.5"]


def test_what_is_missing_or_infinite_says_so() -> None:
    assert cells(column_of([np.nan, np.inf, 1.5], digits=2)) == ["n/a", "∞", "1.5"]
    assert cells(Table(columns=(Column(name="x", values=("a", None)),))) == ["a", "n/a"]


def test_units_stand_in_the_header_and_numbers_to_the_right() -> None:
    html = one_block(numbers_table())
    assert re.search(r'<th scope="col" class="number" title="Volume">size <span[^>]*>\(mm³\)', html)
    assert '<th scope="row" class="words short">Precuneus 0</th>' in html


def test_a_table_without_rows_or_columns_is_still_valid() -> None:
    for table in (Table(columns=()), Table(columns=(Column(name="x", values=()),))):
        assert Structure(one_block(table)).faults == []


# ---------------------------------------------------------------- safety


def hostile_pages() -> Iterator[str]:
    column = Column(name=HOSTILE, values=(HOSTILE,), unit=HOSTILE, description=HOSTILE)
    blocks: tuple[Block, ...] = (
        Paragraph(text=HOSTILE),
        Listing(items=(HOSTILE,)),
        Definitions(items=((HOSTILE, HOSTILE),)),
        Note(kind="info", text=HOSTILE),
        picture(9, 9, name=HOSTILE, caption=HOSTILE),
        Table(columns=(column,), caption=HOSTILE),
        Columns(blocks=(Paragraph(text=HOSTILE),)),
        Details(summary=HOSTILE, blocks=(Paragraph(text=HOSTILE),)),
        explorer(HOSTILE),
        Labelled(figure=picture(9, 9), labels=((HOSTILE, 0.5, 0.5),)),
    )
    for block in blocks:
        yield one_block(block)
    section = Section(title=HOSTILE, anchor=HOSTILE)
    provenance = Provenance().then(HOSTILE, parameters={HOSTILE: HOSTILE})
    yield render_page(Page(title=HOSTILE, lead=HOSTILE, sections=(section,), provenance=provenance))


def test_no_word_of_a_study_becomes_markup() -> None:
    for html in hostile_pages():
        structure = Structure(html)
        assert structure.faults == []
        assert [s.get("type") for s in structure.all("script")] == ["application/json"]
        assert not any(name.startswith("on") for _, a in structure.elements for name in a)
        assert "49" not in re.sub(r"base64,[^\"]*|<style>.*?</style>", "", html, flags=re.DOTALL)


def test_the_provenance_reads_back_whatever_it_holds() -> None:
    page = phantom_page(words=HOSTILE + " </script><!-- ")
    read = provenance_from_json(json.loads(provenance_text(render_page(page))))
    assert read.to_json() == page.provenance.to_json()


def test_nothing_in_the_file_names_another_place() -> None:
    structure = Structure(render_page(phantom_page()))
    sources = [str(a[key]) for _, a in structure.elements for key in ("src", "href") if key in a]
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert "@import" not in render_page(phantom_page())
    assert "url(" not in render_page(phantom_page())


def test_the_policy_forbids_scripts_and_requests() -> None:
    metas = Structure(render_page(phantom_page())).all("meta")
    policy = next(m["content"] for m in metas if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_the_same_page_gives_the_same_bytes() -> None:
    assert render_page(phantom_page()) == render_page(phantom_page())


# ---------------------------------------------------------------- pictures that open others


def test_a_picture_that_is_repeated_is_in_the_file_once() -> None:
    block = explorer()
    html = one_block(block)
    shared = block.choices[0].blocks[1]
    assert isinstance(shared, Repeated)
    assert html.count(b64encode(shared.figure.content).decode()) == 1
    images = [a for a in Structure(html).all("div") if a.get("role") == "img"]
    assert len(images) == len(block.choices)
    assert {image["aria-label"] for image in images} == {"Shared choice."}


def test_each_choice_is_one_link_for_the_keyboard_and_one_heading() -> None:
    structure = Structure(one_block(explorer()))
    reached = [a for a in structure.all("a") if "aria-label" in a and "tabindex" not in a]
    assert [a["aria-label"] for a in reached] == [
        "choice 0 1", "choice 0 2", "choice 0 3", "choice 1 2", "choice 1 3", "choice 2 3"
    ]  # fmt: skip
    mirrored = [a for a in structure.all("a") if a.get("tabindex") == "-1"]
    assert [a["aria-hidden"] for a in mirrored] == ["true"] * 6
    assert structure.faults == []


def test_choices_lead_to_their_neighbours_in_the_order_given() -> None:
    links = [a for a in Structure(one_block(explorer())).all("a") if "rel" in a]
    onwards = [a["href"] for a in links if a["rel"] == "next"]
    assert len(onwards) == 5
    assert "#cell-2-3" not in onwards  # the first
    assert "#cell-2-3" in [a["href"] for a in links if a["rel"] == "prev"]


def test_names_lie_over_a_picture_where_they_belong() -> None:
    block = Labelled(figure=picture(90, 60), labels=(("Insula", 0.25, 0.5), ("Cuneus", 1.0, 0.0)))
    places = {str(a["title"]): a["style"] for a in Structure(one_block(block)).all("i")}
    assert places == {"Insula": "left: 25.00%; top: 50.00%", "Cuneus": "left: 100.00%; top: 0.00%"}


# ---------------------------------------------------------------- colours


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2, from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_words_have_the_contrast_of_wcag_aa() -> None:
    html = render_page(phantom_page())
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", html))
    kinds = ("info", "warning", "lesson", "limit")
    pairs = [("ink", "paper"), ("quiet", "paper"), ("accent", "paper")]
    pairs += [(kind, f"{kind}-wash") for kind in kinds] + [("ink", f"{k}-wash") for k in kinds]
    assert {pair: contrast(colours[pair[0]], colours[pair[1]]) >= 4.5 for pair in pairs} == {
        pair: True for pair in pairs
    }


# ---------------------------------------------------------------- in a browser


@pytest.fixture
def shown(chromium: str, tmp_path: Path) -> Iterator[Any]:
    """A browser page that shows the phantom page from a file, and the requests it made."""
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "report.html"
    file.write_text(render_page(phantom_page()), encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        tab = browser.new_page(viewport={"width": 360, "height": 740})
        tab.seen = []
        tab.on("request", lambda request: tab.seen.append(request.url))
        tab.on("console", lambda message: tab.seen.append(message.text))
        tab.goto(file.as_uri())
        tab.evaluate("() => document.fonts.ready")
        yield tab
        browser.close()


def test_the_browser_asks_for_nothing_but_the_file(shown: Any) -> None:
    shown.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    shown.wait_for_timeout(200)
    others = [url for url in shown.seen if not url.startswith(("data:", "file:"))]
    assert others == []
    assert len([url for url in shown.seen if url.startswith("file:")]) == 1


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_screen_never_scrolls_sideways(shown: Any, width: int) -> None:
    shown.set_viewport_size({"width": width, "height": 740})
    shown.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_wide_table_scrolls_in_its_own_box(shown: Any) -> None:
    box = "document.querySelector('.table-box')"
    assert shown.evaluate(f"() => {box}.scrollWidth > {box}.clientWidth")


def test_print_opens_what_the_screen_keeps_closed(shown: Any) -> None:
    height = "() => document.querySelector('details').getBoundingClientRect().height"
    assert shown.evaluate(height) < 100
    shown.emulate_media(media="print")
    assert shown.evaluate(height) > 1000


def test_a_tap_shows_a_wide_picture_in_full_size(shown: Any) -> None:
    width = "() => document.querySelector('figure.picture img').getBoundingClientRect().width"
    assert shown.evaluate(width) < 360
    shown.locator("figure.picture .zoom").first.click(position={"x": 20, "y": 40})
    assert shown.evaluate(width) == 1270
    assert shown.evaluate("() => document.documentElement.scrollWidth") <= 360


@pytest.fixture
def explored(chromium: str, tmp_path: Path) -> Iterator[Any]:
    """A browser page that shows an explorer from a file, and the requests it made."""
    playwright = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "report.html"
    file.write_text(one_block(explorer()), encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.seen = []
        tab.on("request", lambda request: tab.seen.append(request.url))
        tab.on("console", lambda message: tab.seen.append(message.text))
        tab.goto(file.as_uri())
        yield tab
        browser.close()


def open_panels(tab: Any) -> list[str]:
    """Headings of what is in view."""
    titles = tab.locator(".chosen-title")
    return [title.inner_text() for title in titles.all() if title.is_visible()]


def test_a_click_on_a_cell_opens_it_alone_and_asks_for_nothing(explored: Any) -> None:
    assert open_panels(explored) == ["choice 2 3"]
    before = len([url for url in explored.seen if url.startswith("file:")])
    box = explored.locator(".explorer img").first.bounding_box()
    for x, y, wanted in ((0.14, 0.34, "choice 0 1"), (0.74, 0.14, "choice 0 3")):
        box = explored.locator(".explorer img").first.bounding_box()
        explored.evaluate("() => document.documentElement.style.scrollBehavior = 'auto'")
        explored.evaluate(f"() => scrollBy(0, {box['y'] - 20})")
        box = explored.locator(".explorer img").first.bounding_box()
        explored.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        assert open_panels(explored) == [wanted]
    assert len([url for url in explored.seen if url.startswith("file:")]) == before
    assert [url for url in explored.seen if not url.startswith(("data:", "file:"))] == []


def test_the_keyboard_reaches_a_cell_and_opens_it(explored: Any) -> None:
    label = "() => document.activeElement.getAttribute('aria-label')"
    for _ in range(30):
        explored.keyboard.press("Tab")
        if explored.evaluate(label) == "choice 0 2":
            break
    assert explored.evaluate(label) == "choice 0 2"
    explored.keyboard.press("Enter")
    assert open_panels(explored) == ["choice 0 2"]


def test_the_repeated_picture_is_drawn_in_each_choice(explored: Any) -> None:
    shown = explored.locator(".choice.first .once")
    assert shown.bounding_box()["height"] == 100
    background = shown.evaluate("e => getComputedStyle(e).backgroundImage")
    assert background.startswith('url("data:image/png;base64,')


@pytest.mark.parametrize("width", [360, 400, 768])
def test_an_explorer_keeps_to_the_screen_and_its_cells_to_a_finger(
    explored: Any, width: int
) -> None:
    explored.set_viewport_size({"width": width, "height": 740})
    assert explored.evaluate("() => document.documentElement.scrollWidth") <= width
    assert explored.locator(".areas a").first.bounding_box()["width"] > 24
    panel = explored.locator(".choice.first .chosen").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width


def test_print_shows_the_choice_without_its_links(explored: Any) -> None:
    explored.emulate_media(media="print")
    assert open_panels(explored) == ["choice 2 3"]
    assert not explored.locator(".steps").first.is_visible()


def test_a_replaced_title_is_the_only_difference() -> None:
    page = phantom_page()
    renamed = render_page(replace(page, title="Another study"))
    assert renamed.replace("Another study", page.title) == render_page(page)
