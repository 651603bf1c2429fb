"""The top level of a plain DICOM header in one pass over its bytes, at a third of the time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
MAGIC_AT, MAGIC = 128, b"DICM"
AFTER_META, FIRST_PIXELS = 0x00030000, 0x7FE00008
SYNTAX_TAG = 0x00020010
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
UNDEFINED = 0xFFFFFFFF
# Wanted sequences: modality and VOI tables, functional groups.
SEQUENCES = frozenset({0x00283000, 0x00283010, 0x52009229, 0x52009230})
LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"SQ", b"UC", b"UN", b"UR",
                  b"UT", b"UV"})  # fmt: skip
_HEAD = Struct("<HH2sH")
_IMPLICIT_HEAD = Struct("<HHL")
_LENGTH = Struct("<L")


class Element(NamedTuple):
    """One element: its kind (None where the encoding leaves it to the dictionary), its bytes."""

    VR: str | None
    value: bytes
    is_little_endian: bool = True


@dataclass(frozen=True)
class Scanned:
    """What a pass over a header found.

    Attributes
    ----------
    elements : mapping of int to Element
        Wanted elements by tag.
    syntax : str
        Transfer syntax.
    pixels : tuple of (int, int) or None
        Place and length of the pixel data's value.
    """

    elements: Mapping[int, Element]
    syntax: str
    pixels: tuple[int, int] | None

    def get_item(self, tag: int) -> Element | None:
        """Return an element by its tag."""
        return self.elements.get(tag)


def scan(start: bytes, *, wanted: Collection[int]) -> Scanned | None:
    """Return the wanted elements of a header, or None where pydicom has to read it.

    Parameters
    ----------
    start : bytes
        The file's first bytes, its preamble included.
    wanted : collection of int
        Tags.

    Returns
    -------
    Scanned or None
        None for everything out of the ordinary: another encoding than little endian, no preamble,
        an element of undefined length before the pixel data, a wanted sequence, or pixel data
        that lie beyond the bytes given.
    """
    if start[MAGIC_AT : MAGIC_AT + 4] != MAGIC:
        return None
    meta: dict[int, Element] = {}
    place = _pass(start, MAGIC_AT + 4, into=meta, wanted=(SYNTAX_TAG,), stop=AFTER_META)
    if place is None or SYNTAX_TAG not in meta:
        return None
    syntax = meta[SYNTAX_TAG].value.decode("latin-1").strip(" \0")
    if syntax not in (EXPLICIT, IMPLICIT):
        return None
    elements: dict[int, Element] = {}
    read = _pass_implicit if syntax == IMPLICIT else _pass
    place = read(start, place, into=elements, wanted=wanted, stop=FIRST_PIXELS)
    if place is None or place + 12 > len(start):
        return None
    return Scanned(elements, syntax, _pixels(start, place, implicit=syntax == IMPLICIT))


def _pass(
    start: bytes,
    place: int,
    *,
    into: dict[int, Element],
    wanted: Collection[int],
    stop: int,
) -> int | None:
    """Collect wanted elements with explicit kinds; return where the first later element begins."""
    end = len(start) - 8
    while place <= end:
        group, number, kind, length = _HEAD.unpack_from(start, place)
        tag = group << 16 | number
        if tag >= stop:
            return place
        at = place + 8
        if kind in LONG:
            if at + 4 > len(start):
                return None
            (length,) = _LENGTH.unpack_from(start, at)
            at += 4
        elif not kind.isalpha():
            return None
        place = at + length
        if tag in wanted:
            if kind == b"SQ" or place > len(start):
                return None
            into[tag] = Element(kind.decode("ascii"), start[at:place])
        elif length == UNDEFINED:
            return None
    return None


def _pass_implicit(
    start: bytes,
    place: int,
    *,
    into: dict[int, Element],
    wanted: Collection[int],
    stop: int,
) -> int | None:
    """Collect wanted elements whose kinds the dictionary knows, as :func:`_pass` does."""
    end = len(start) - 8
    while place <= end:
        group, number, length = _IMPLICIT_HEAD.unpack_from(start, place)
        tag = group << 16 | number
        if tag >= stop:
            return place
        at = place + 8
        place = at + length
        if tag in wanted:
            if tag in SEQUENCES or place > len(start):
                return None
            into[tag] = Element(None, start[at:place])
        elif length == UNDEFINED:
            return None
    return None


def _pixels(start: bytes, place: int, *, implicit: bool) -> tuple[int, int] | None:
    group, number = start[place : place + 2], start[place + 2 : place + 4]
    tag = int.from_bytes(group, "little") << 16 | int.from_bytes(number, "little")
    if tag not in PIXELS:
        return None
    skip = 4 if implicit else 8
    (length,) = _LENGTH.unpack_from(start, place + skip)
    return place + skip + 4, length
