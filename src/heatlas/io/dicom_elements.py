"""Single elements of a DICOM data set as plain words and numbers, straight from their bytes."""

from __future__ import annotations

import math
from struct import calcsize, unpack
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from heatlas.core.provenance import digest_bytes
from heatlas.io.dicom_scan import Element

TEXT_NUMBERS = frozenset({"DS", "IS"})
BINARY_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "US or SS": "H"}
BLANK = " \0"
UNPARSED = (RawDataElement, Element)


class ElementFault(ValueError):
    """A fault whose words hold no value of the file, so that they may be shown."""


def tags_of(keywords: tuple[str, ...]) -> list[int]:
    """Return the tags of some keywords."""
    return [tag for tag in map(tag_for_keyword, keywords) if tag is not None]


def words_of(item: Any, keyword: str) -> tuple[str, ...]:
    """Return the parts of a text element, none where it is empty or missing."""
    value = _value(item, keyword)
    if isinstance(value, bytes):
        parts = value.decode("latin-1").split("\\")
    elif value is None or value == "":
        parts = []
    else:
        listed = value if _is_several(value) else [value]
        parts = [str(part) for part in listed]
    stripped = tuple(part.strip(BLANK) for part in parts)
    return stripped if any(stripped) else ()


def text_of(item: Any, keyword: str) -> str:
    """Return a text element, empty where it is missing."""
    return "\\".join(words_of(item, keyword))


def numbers_of(item: Any, keyword: str) -> list[float]:
    """Return the numbers of an element, none where it is empty or missing."""
    element = item.get_item(_TAGS[keyword])
    if element is None:
        return []
    if not (isinstance(element, UNPARSED) and isinstance(element.value, bytes)):
        value = element.value
        if value is None or value == "":
            return []
        return [float(part) for part in (value if _is_several(value) else [value])]
    kind = element.VR if element.VR not in (None, "UN") else _kind(keyword)
    if kind in TEXT_NUMBERS:
        parts = element.value.decode("latin-1").split("\\")
        return [float(part) for part in parts if part.strip(BLANK)]
    letter = BINARY_NUMBERS.get(str(kind))
    if letter is None:
        raise ElementFault(f"{keyword} is of the kind {kind}, which holds no numbers")
    size = len(element.value) // calcsize(letter if letter not in "Ll" else "=L")
    order = "<" if element.is_little_endian else ">"
    return [float(number) for number in unpack(f"{order}{size}{letter}", element.value)]


def number_of(item: Any, keyword: str) -> float | None:
    """Return the first number of an element, None where there is none."""
    found = numbers_of(item, keyword)
    if found and not math.isfinite(found[0]):
        raise ElementFault(f"{keyword} is no finite number")
    return found[0] if found else None


def whole_of(item: Any, keyword: str) -> int | None:
    """Return the first number of an element as a whole one."""
    found = number_of(item, keyword)
    return None if found is None else int(found)


def vector_of(item: Any, keyword: str, *, length: int) -> tuple[float, ...] | None:
    """Return the numbers of an element, None where it is missing, a fault where they are few."""
    found = tuple(numbers_of(item, keyword))
    if not found:
        return None
    if len(found) != length or not all(map(math.isfinite, found)):
        raise ElementFault(f"{keyword} holds {len(found)} numbers, expected {length} finite ones")
    return found


def items_of(item: Any, keyword: str) -> list[Any]:
    """Return the items of a sequence, none where it is missing."""
    if not holds(item, keyword):
        return []
    return list(item[_TAGS[keyword]].value or [])


def first_item(item: Any, keyword: str) -> Any:
    """Return the first item of a sequence, None where there is none."""
    found = items_of(item, keyword)
    return found[0] if found else None


def holds(item: Any, keyword: str) -> bool:
    """Say whether an element is there and not empty."""
    element = item.get_item(_TAGS[keyword])
    return element is not None and element.value not in (None, b"", "")


def digest_of(item: Any, *keywords: str) -> str:
    """Return a digest of some elements, empty where all are: to tell persons apart, unread."""
    values = [_value(item, keyword) for keyword in keywords]
    raw = [v if isinstance(v, bytes) else str(v or "").encode() for v in values]
    return digest_bytes(b"\n".join(part.strip(b" \0") for part in raw)) if any(raw) else ""


class _Tags(dict[str, int]):
    """Tags by keyword, each looked up once."""

    def __missing__(self, keyword: str) -> int:
        self[keyword] = int(Tag(keyword))
        return self[keyword]


_TAGS = _Tags()


def _value(item: Any, keyword: str) -> Any:
    """Return the bytes of an element that nobody has parsed, else its value."""
    element = item.get_item(_TAGS[keyword])
    if element is None:
        return None
    return element.value


def _is_several(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or hasattr(value, "append")


def _kind(keyword: str) -> str:
    return str(dictionary_VR(_TAGS[keyword]))
