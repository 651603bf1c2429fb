"""A page as a value."""

from __future__ import annotations

import pytest

from heatlas.core.errors import DataError
from heatlas.core.page import (
    Area,
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
    Section,
)
from heatlas.core.value import Value

WORDS = Paragraph(text="words")
AREA = Area(left=0, top=0, width=0.5, height=1)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda given: Listing(items=given), "items"),
        (lambda given: Definitions(items=given), "items"),
        (lambda given: Columns(blocks=given), "blocks"),
        (lambda given: Details(summary="s", blocks=given), "blocks"),
        (
            lambda given: Choice(anchor="a", label="l", areas=(AREA,), blocks=given),
            "blocks",
        ),
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


def test_an_area_lies_within_its_picture() -> None:
    with pytest.raises(DataError, match="does not lie within the picture"):
        Area(left=0.6, top=0, width=0.5, height=1)
    with pytest.raises(DataError, match="does not lie within the picture"):
        Area(left=-0.1, top=0, width=0.5, height=1)


def test_a_choice_without_an_area_could_never_be_chosen() -> None:
    with pytest.raises(DataError, match="choice 'a': name at least one area"):
        Choice(anchor="a", label="l", areas=(), blocks=(WORDS,))


def test_choices_with_one_anchor_would_open_together() -> None:
    figure = Figure(name="a", content=b"", caption="", width=1, height=1)
    choice = Choice(anchor="a", label="l", areas=(AREA,), blocks=(WORDS,))
    with pytest.raises(DataError, match="an anchor occurs twice"):
        Explorer(figure=figure, choices=(choice, choice))


def test_a_label_lies_within_its_picture() -> None:
    figure = Figure(name="a", content=b"", caption="", width=1, height=1)
    with pytest.raises(DataError, match="label 'Insula_L': 1.2, 0 does not lie within"):
        Labelled(figure=figure, labels=(("Insula_L", 1.2, 0.0),))
