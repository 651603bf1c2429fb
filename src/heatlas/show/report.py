"""A page value becomes one HTML file that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

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
from heatlas.core.provenance import Provenance, canonical_json
from heatlas.core.table import Column, Table
from heatlas.core.version import __version__
from heatlas.core.words import number

PROVENANCE_ID = "heatlas-provenance"

_MISSING = "n/a"
_SHORT_WORDS = 26
_LONG_TABLE_ROWS = 30
_NARROWEST_COLUMN_PX, _WIDEST_COLUMN_PX, _COLUMN_PX = 120, 260, 320
_FEW_COLUMNS = 4
_MOST_DECIMALS = 6
_NOTE_WORDS = {"info": "Note", "warning": "Warning", "lesson": "Lesson", "limit": "Limit"}


def render_page(page: Page) -> str:
    """Return a page as one self-contained HTML5 document.

    Parameters
    ----------
    page : Page
        Title, lead and sections; all words are plain text and are escaped.

    Returns
    -------
    str
        HTML. Pictures stand in it as data URIs, the provenance as a JSON block with the id
        ``heatlas-provenance``. A content security policy forbids every request and every script.
        The same page gives the same text.

    Notes
    -----
    Pictures grow by a third in base64; the page's size is theirs and little else.

    Examples
    --------
    >>> from heatlas.core.page import Page, Paragraph, Section
    >>> text = Paragraph(text="72 maps, a < b")
    >>> section = Section(title="Who is in it", anchor="cohort", blocks=(text,))
    >>> html = render_page(Page(title="A study", lead="One question.", sections=(section,)))
    >>> "a &lt; b" in html
    True
    """
    template = _environment().get_template("page.html.j2")
    return template.render(
        title=page.title,
        lead=page.lead,
        sections=_sections(page.sections, used=set(), level=2),
        repeated=_sources(figure for section in page.sections for figure in _repeated_in(section)),
        provenance=_provenance_json(page.provenance),
        provenance_id=PROVENANCE_ID,
        version=__version__,
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("heatlas.show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _provenance_json(provenance: Provenance) -> str:
    """Return JSON without any sign that HTML could read: it cannot end its element."""
    text = canonical_json(provenance.to_json())
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _sections(
    sections: tuple[Section, ...], *, used: set[str], level: int
) -> list[Mapping[str, Any]]:
    return [
        {
            "title": section.title,
            "anchor": _unique(section.anchor, used=used),
            "level": min(level, 6),
            "blocks": [_block(block) for block in section.blocks],
            "sections": _sections(section.sections, used=used, level=level + 1),
        }
        for section in sections
    ]


def _unique(anchor: str, *, used: set[str]) -> str:
    """Return the anchor, with a number where another section has it already."""
    name, n = anchor, 2
    while name in used:
        name, n = f"{anchor}-{n}", n + 1
    used.add(name)
    return name


# ---------------------------------------------------------------- blocks


def _block(block: Block) -> Mapping[str, Any]:
    """Return what the template needs to write a block."""
    kind, fields = _KINDS[type(block)]
    return {"kind": kind, **fields(block)}


def _paragraph(block: Paragraph) -> Mapping[str, Any]:
    return {"text": block.text}


def _items(block: Listing | Definitions) -> Mapping[str, Any]:
    return {"items_": block.items}


def _note(block: Note) -> Mapping[str, Any]:
    return {"note": block.kind, "word": _NOTE_WORDS[block.kind], "text": block.text}


def _figure(block: Figure) -> Mapping[str, Any]:
    return {
        "source": _data_uri(block),
        "caption": block.caption,
        "width": block.width,
        "height": block.height,
    }


def _data_uri(figure: Figure) -> str:
    return f"data:{figure.media_type};base64,{b64encode(figure.content).decode('ascii')}"


def _columns(block: Columns) -> Mapping[str, Any]:
    """Give pictures room for three side by side, and stretch few blocks over the whole width."""
    figures = (b.figure if isinstance(b, Repeated | Labelled) else b for b in block.blocks)
    pictures = [inner.width for inner in figures if isinstance(inner, Figure)]
    wanted = min(max(max(pictures, default=0), _NARROWEST_COLUMN_PX), _WIDEST_COLUMN_PX)
    return {
        "width": wanted if len(pictures) == len(block.blocks) else _COLUMN_PX,
        "few": len(block.blocks) <= _FEW_COLUMNS,
        "blocks": [_block(inner) for inner in block.blocks],
    }


def _details(block: Details) -> Mapping[str, Any]:
    return {"summary": block.summary, "blocks": [_block(inner) for inner in block.blocks]}


# ---------------------------------------------------------------- pictures that open others


def _explorer(block: Explorer) -> Mapping[str, Any]:
    """Return the picture and its choices from top to bottom, each with its neighbours."""
    anchors = [choice.anchor for choice in block.choices]
    before, after = [None, *anchors[:-1]], [*anchors[1:], None]
    choices = [
        {
            "anchor": choice.anchor,
            "label": choice.label,
            "areas": [_area(area) for area in choice.areas],
            "blocks": [_block(inner) for inner in choice.blocks],
            "before": previous,
            "after": following,
            "is_first": previous is None,
            "place": _reading_place(choice),
        }
        for choice, previous, following in zip(block.choices, before, after, strict=True)
    ]
    return {
        **_figure(block.figure),
        "choices": sorted(choices, key=lambda choice: choice["place"]),
        "hint": block.hint,
        "anchor": block.anchor,
        "steps": block.steps,
    }


def _reading_place(choice: Choice) -> tuple[float, float]:
    """Return where a choice stands in reading order: row by row, left to right."""
    return round(choice.areas[0].top, 6), choice.areas[0].left


def _area(area: Area) -> str:
    """Return where an area lies, as a style."""
    sides = {"left": area.left, "top": area.top, "width": area.width, "height": area.height}
    return "; ".join(f"{name}: {100 * share:.3f}%" for name, share in sides.items())


def _repeated(block: Repeated) -> Mapping[str, Any]:
    return {
        "style": _style_of(block.figure),
        "caption": block.figure.caption,
        "width": block.figure.width,
        "height": block.figure.height,
    }


def _labelled(block: Labelled) -> Mapping[str, Any]:
    labels = [
        (name, f"left: {100 * left:.2f}%; top: {100 * top:.2f}%")
        for name, left, top in block.labels
    ]
    return {**_figure(block.figure), "labels": labels}


def _style_of(figure: Figure) -> str:
    """Return the class whose background is a picture; equal pictures share it."""
    return f"once-{sha256(figure.content).hexdigest()[:12]}"


def _sources(figures: Iterable[Figure]) -> Mapping[str, str]:
    """Return each picture once, by its class."""
    unique = {_style_of(figure): figure for figure in figures}
    return {name: _data_uri(figure) for name, figure in unique.items()}


def _repeated_in(part: Section | Block | Choice) -> Iterator[Figure]:
    """Return the pictures of a part that are kept once, each as often as it is seen."""
    if isinstance(part, Repeated):
        yield part.figure
    inner: list[Section | Block | Choice] = []
    if isinstance(part, Section):
        inner = [*part.blocks, *part.sections]
    elif isinstance(part, Columns | Details | Choice):
        inner = [*part.blocks]
    elif isinstance(part, Explorer):
        inner = [*part.choices]
    for one in inner:
        yield from _repeated_in(one)


_KINDS: Mapping[type, tuple[str, Callable[[Any], Mapping[str, Any]]]] = {
    Paragraph: ("paragraph", _paragraph),
    Listing: ("listing", _items),
    Definitions: ("definitions", _items),
    Note: ("note", _note),
    Figure: ("figure", _figure),
    Table: ("table", lambda block: _table(block)),
    Columns: ("columns", _columns),
    Details: ("details", _details),
    Repeated: ("repeated", _repeated),
    Labelled: ("labelled", _labelled),
    Explorer: ("explorer", _explorer),
}


# ---------------------------------------------------------------- tables


def _table(table: Table) -> Mapping[str, Any]:
    cells = [_cells(column) for column in table.columns]
    return {
        "caption": table.caption,
        "columns": table.columns,
        "rows": list(zip(*cells, strict=True)),
        "is_long": len(table) > _LONG_TABLE_ROWS,
        "headed": bool(table.columns) and not table.columns[0].is_numeric,
    }


def _cells(column: Column) -> list[Mapping[str, Any]]:
    """Return text and class of each cell of a column."""
    return [
        {"text": _MISSING if text is None else text, "kind": _kind(text, column)}
        for text in _texts(column)
    ]


def _kind(text: str | None, column: Column) -> str:
    kind = "number" if column.is_numeric else "words"
    if text is None:
        return f"{kind} missing"
    # A short name stays on one line; only sentences are broken.
    return "words short" if kind == "words" and len(text) <= _SHORT_WORDS else kind


def _texts(column: Column) -> Iterator[str | None]:
    if not isinstance(column.values, np.ndarray):
        yield from column.values
        return
    decimals = _decimals(column.values, digits=column.digits)
    for value in column.values:
        if np.isnan(value):
            yield None
        elif decimals is None or not np.isfinite(value):
            yield number(float(value), digits=column.digits)
        else:
            yield f"{value:,.{decimals}f}".replace("-", "−")


def _decimals(values: NDArray[np.float64], *, digits: int) -> int | None:
    """Return how many decimals a column's numbers share, or None where they share none.

    Whole numbers have none. Others show the largest with the wanted significant digits and the
    smallest with at least two, so that decimal points stand below each other.
    """
    finite = np.abs(values[np.isfinite(values)])
    sizes = finite[finite > 0]
    if not sizes.size or bool((finite == np.rint(finite)).all() and finite.max() < 1e15):
        return 0
    largest, smallest = (math.floor(math.log10(size)) for size in (sizes.max(), sizes.min()))
    decimals = max(digits - 1 - largest, 1 - smallest, 0)
    return decimals if decimals <= _MOST_DECIMALS and largest < 7 else None
