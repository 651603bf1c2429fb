"""A page as a value."""

from __future__ import annotations

import pytest

from heatlas.core.errors import DataError
from heatlas.core.page import (
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
from heatlas.core.value import Value

WORDS = Paragraph(text="words")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda given: Listing(items=given), "items"),
        (lambda given: Definitions(items=given), "items"),
        (lambda given: Columns(blocks=given), "blocks"),
        (lambda given: Details(summary="s", blocks=given), "blocks"),
        (lambda given: Section(title="s", anchor="s", blocks=given), "blocks"),
        (lambda given: Section(title="s", anchor="s", sections=given), "sections"),
        (lambda given: Page(title="t", lead="l", sections=given), "sections"),
    ],
)
def test_a_block_does_not_follow_the_list_it_was_made_of(make: object, field: str) -> None:
    given = [WORDS]
    block: Value = make(given)  # type: ignore[operator]
    given.append(WORDS)
    assert getattr(block, field) == (WORDS,)


def test_a_picture_of_unknown_encoding_is_refused() -> None:
    with pytest.raises(
        DataError, match="'image/gif' is not one of image/png, image/webp, image/svg"
    ):
        Figure(name="a", content=b"", caption="", width=1, height=1, media_type="image/gif")  # type: ignore[arg-type]


def test_a_note_of_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="'joke' is not one of info"):
        Note(kind="joke", text="")  # type: ignore[arg-type]
