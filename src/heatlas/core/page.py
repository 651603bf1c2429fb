"""A page as a value: sections of paragraphs, tables, figures and notes, before any HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.table import Table
from heatlas.core.validate import check_choice, set_field
from heatlas.core.value import Value

NoteKind = Literal["info", "warning", "lesson", "limit"]
MediaType = Literal["image/png", "image/webp", "image/svg+xml"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Paragraph(Value):
    """Running text; plain words, no markup.

    Parameters
    ----------
    text : str
        The words.
    """

    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing(Value):
    """A list of short texts.

    Parameters
    ----------
    items : tuple of str
        One entry each.
    """

    items: tuple[str, ...]

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "items", to=tuple(self.items))


@dataclass(frozen=True, kw_only=True, eq=False)
class Definitions(Value):
    """Names with their contents, such as settings.

    Parameters
    ----------
    items : tuple of (str, str)
        Name and content.
    """

    items: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "items", to=tuple(self.items))


@dataclass(frozen=True, kw_only=True, eq=False)
class Note(Value):
    """A remark that must not be overlooked.

    Parameters
    ----------
    kind : {"info", "warning", "lesson", "limit"}
        Decides heading and colour.
    text : str
        The words.
    """

    kind: NoteKind
    text: str

    def __post_init__(self) -> None:
        """Check the kind's name."""
        check_choice(self.kind, name="note", known=get_args(NoteKind))


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure(Value):
    """A picture with its caption, which is also its alternative text.

    Parameters
    ----------
    name : str
        File stem in the results' ``figures`` folder.
    content : bytes
        The encoded picture.
    caption : str
        What is seen.
    width, height : int
        Size in CSS pixels at which it is shown.
    media_type : {"image/png", "image/webp", "image/svg+xml"}
        Encoding of the content.
    """

    name: str
    content: bytes
    caption: str
    width: int
    height: int
    media_type: MediaType = "image/png"

    def __post_init__(self) -> None:
        """Check the encoding's name."""
        check_choice(self.media_type, name="media type", known=get_args(MediaType))


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns(Value):
    """Blocks side by side where the screen is wide enough.

    Parameters
    ----------
    blocks : tuple of Block
        From left to right.
    """

    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "blocks", to=tuple(self.blocks))


@dataclass(frozen=True, kw_only=True, eq=False)
class Details(Value):
    """Blocks behind a summary line; open in print.

    Parameters
    ----------
    summary : str
        The line that is always seen.
    blocks : tuple of Block
        What it opens.
    """

    summary: str
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        """Make the sequence a tuple."""
        set_field(self, "blocks", to=tuple(self.blocks))


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeated(Value):
    """A picture that stands in several places of a page and is kept in it once.

    Parameters
    ----------
    figure : Figure
        The picture; places are the same where their pictures' bytes are.
    """

    figure: Figure


@dataclass(frozen=True, kw_only=True, eq=False)
class Area(Value):
    """A rectangle of a picture, in shares of its width and height.

    Parameters
    ----------
    left, top, width, height : float
        From the upper left corner, 0 to 1.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        """Check that the rectangle lies within the picture."""
        ends = (self.left + self.width, self.top + self.height)
        if min(self.left, self.top, self.width, self.height) < 0 or max(ends) > 1 + 1e-9:
            raise DataError(
                f"area: {self.left:g}, {self.top:g} with size {self.width:g} x {self.height:g} "
                "does not lie within the picture; its shares run from 0 to 1."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled(Value):
    """A picture in which a pointer reads the names of small things.

    Parameters
    ----------
    figure : Figure
        The picture.
    labels : tuple of (str, float, float)
        Name, and where it is: shares of the picture's width and height from the upper left.
    """

    figure: Figure
    labels: tuple[tuple[str, float, float], ...]

    def __post_init__(self) -> None:
        """Make the sequence a tuple and check that every name lies within the picture."""
        set_field(self, "labels", to=tuple(self.labels))
        for name, left, top in self.labels:
            if not (0 <= left <= 1 and 0 <= top <= 1):
                raise DataError(
                    f"label '{name}': {left:g}, {top:g} does not lie within the picture; its "
                    "shares run from 0 to 1."
                )


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice(Value):
    """What an area of a picture leads to.

    Parameters
    ----------
    anchor : str
        Name for links, unique in the page.
    label : str
        What the area says to a pointer and to a screen reader, and heading of the blocks.
    areas : tuple of Area
        Where it can be chosen; the first is reached by keyboard as well.
    blocks : tuple of Block
        What is shown once it is chosen.
    """

    anchor: str
    label: str
    areas: tuple[Area, ...]
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        """Make the sequences tuples."""
        set_field(self, "areas", to=tuple(self.areas))
        set_field(self, "blocks", to=tuple(self.blocks))
        if not self.areas:
            raise DataError(f"choice '{self.anchor}': name at least one area.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Explorer(Value):
    """A picture whose areas open what lies behind them, one at a time.

    Parameters
    ----------
    figure : Figure
        The picture.
    choices : tuple of Choice
        What can be opened, in the order in which one leads to the next; the first is open from
        the start.
    hint : str
        What a reader can do.
    anchor : str
        Name for links to the picture, unique in the page.
    steps : tuple of str
        Words of the links to the choice before, back to the picture, and to the choice after.
    """

    figure: Figure
    choices: tuple[Choice, ...]
    hint: str = ""
    anchor: str = "explorer"
    steps: tuple[str, str, str] = ("previous", "picture", "next")

    def __post_init__(self) -> None:
        """Make the choices a tuple and check that their anchors differ."""
        set_field(self, "choices", to=tuple(self.choices))
        anchors = [self.anchor, *(choice.anchor for choice in self.choices)]
        if len(set(anchors)) < len(anchors):
            raise DataError(
                "explorer: an anchor occurs twice; the picture and each choice need their own."
            )


Block = (
    Paragraph
    | Listing
    | Definitions
    | Note
    | Figure
    | Table
    | Columns
    | Details
    | Repeated
    | Labelled
    | Explorer
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Section(Value):
    """A part of a page.

    Parameters
    ----------
    title : str
        Heading.
    anchor : str
        Name for links, lower case with hyphens.
    blocks : tuple of Block
        Content in order.
    sections : tuple of Section
        Sub-sections, one level deeper.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        """Make the sequences tuples."""
        set_field(self, "blocks", to=tuple(self.blocks))
        set_field(self, "sections", to=tuple(self.sections))


@dataclass(frozen=True, kw_only=True, eq=False)
class Page(Value):
    """A whole page.

    Parameters
    ----------
    title : str
        Heading; never holds a name of a person.
    lead : str
        The first sentence, under the heading.
    sections : tuple of Section
        Content in order.
    provenance : Provenance
        How it came about; written into the page as a JSON block.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Make the sections a tuple."""
        set_field(self, "sections", to=tuple(self.sections))
