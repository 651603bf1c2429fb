"""Pictures that carry their provenance inside: PNG and SVG out, the provenance of any file back."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance, canonical_json, provenance_from_json
from heatlas.core.registry import Registry
from heatlas.io.atomic import PROVENANCE_KEY, atomic_write, os_reason

PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_KEYWORD = "heatlas:provenance"
PNG_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf")
HTML_ID = "heatlas-provenance"
LARGEST_TEXT = 16 * 2**20  # bytes of a provenance; more is refused before it takes memory
LARGEST_PAGE = 256 * 2**20
UP_FILTER = 2


def png_bytes(
    pixels: NDArray[np.uint8],
    *,
    provenance: Provenance,
    caption: str = "",
    dpi: float | None = None,
) -> bytes:
    """Return pixels as a PNG that says what it shows and how it was made.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3) or (height, width, 4)
        RGB or RGBA, top row first.
    provenance : Provenance
        Kept as JSON under ``heatlas:provenance``.
    caption : str
        Kept under ``Description``.
    dpi : float, optional
        Pixels per inch for print.

    Returns
    -------
    bytes
        Equal pixels, provenance and caption give equal bytes: no date, no name of a program.

    Raises
    ------
    DataError
        If the pixels have another type or shape.

    Notes
    -----
    Every row takes the filter "up", and zlib level 2: on slice mosaics, CT and plain pages the
    smallest and nearly the fastest of the filters and levels that were measured, for voxels drawn
    larger than a pixel repeat the row above. Takes one copy of the pixels.
    """
    _check_pixels(pixels)
    height, width, channels = pixels.shape
    colour_type = {3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    if dpi is not None:
        per_metre = round(dpi / 0.0254)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)))
    chunks += _text_chunks(provenance, caption)
    chunks.append(_chunk(b"IDAT", zlib.compress(_filtered(pixels).data, 2)))
    return b"".join([PNG_START, *chunks, _chunk(b"IEND", b"")])


def webp_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as lossless WebP without metadata: half of a PNG, for use inside a page.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        RGB, top row first.

    Returns
    -------
    bytes
        The encoded picture; equal pixels give equal bytes, and no colour changes.

    Raises
    ------
    DataError
        If the pixels are not RGB.
    """
    from PIL import Image

    _check_pixels(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, method=2, quality=50)
    return buffer.getvalue()


def write_png(
    path: Path | None,
    pixels: NDArray[np.uint8],
    *,
    provenance: Provenance,
    caption: str = "",
    dpi: float | None = None,
) -> bytes:
    """Write pixels as a PNG (see :func:`png_bytes`); without a path only return the bytes."""
    content = png_bytes(pixels, provenance=provenance, caption=caption, dpi=dpi)
    if path is not None:
        atomic_write(path, content)
    return content


def embed_png(content: bytes, *, provenance: Provenance, caption: str = "") -> bytes:
    """Return an encoded PNG with provenance and caption in place of all its other texts.

    Parameters
    ----------
    content : bytes
        A PNG from anywhere.
    provenance : Provenance
        Kept as JSON under ``heatlas:provenance``.
    caption : str
        Kept under ``Description``.

    Returns
    -------
    bytes
        The same picture; texts, dates and EXIF of other programs are left out.

    Raises
    ------
    DataError
        If it is no PNG, or truncated.
    """
    kept = [(kind, data) for kind, data in png_chunks(content) if kind not in PNG_TEXT_CHUNKS]
    encoded = [_chunk(kind, data) for kind, data in kept]
    return b"".join([PNG_START, encoded[0], *_text_chunks(provenance, caption), *encoded[1:]])


def embed_svg(svg: str, *, provenance: Provenance, caption: str = "") -> str:
    """Return an SVG with provenance and caption in place of its other metadata.

    Parameters
    ----------
    svg : str
        A document with one outermost ``<svg>`` element.
    provenance : Provenance
        Kept as JSON in ``<metadata>``.
    caption : str
        Kept in ``<desc>``, which screen readers speak.

    Returns
    -------
    str
        The same drawing.

    Raises
    ------
    DataError
        If there is no ``<svg>`` element.
    """
    bare = re.sub(r"<metadata\b.*?</metadata\s*>\s*", "", svg, flags=re.DOTALL)
    opening = re.search(r"<svg\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", bare)
    if opening is None or opening.group().endswith("/>"):
        raise DataError("This text holds no <svg> element with content.")
    words = f"\n<desc>{escape(caption, quote=False)}</desc>" if caption else ""
    block = f'\n<metadata class="{HTML_ID}">{safe_json(provenance)}</metadata>'
    return bare[: opening.end()] + words + block + bare[opening.end() :]


def html_block(provenance: Provenance) -> str:
    """Return the script element in which a page keeps its provenance."""
    return f'<script type="application/json" id="{HTML_ID}">{safe_json(provenance)}</script>'


def safe_json(provenance: Provenance) -> str:
    """Return the provenance as ASCII JSON without ``<``, ``>`` and ``&``: safe in any markup."""
    text = canonical_json(provenance.to_json())
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def pdf_keywords(provenance: Provenance) -> str:
    """Return what the keywords of a PDF hold, so that :func:`read_provenance` finds it again."""
    return f"{PNG_KEYWORD} {safe_json(provenance)}"


def read_provenance(path: Path) -> Provenance:
    """Return the provenance that a file carries, or that the sidecar beside it carries.

    Parameters
    ----------
    path : Path
        A PNG, SVG, PDF, HTML or JSON file of Heatlas, or a NIfTI or TSV file with its JSON sidecar.

    Returns
    -------
    Provenance
        The steps that made it.

    Raises
    ------
    DataError
        If the file cannot be read, is of another kind, is damaged, or carries no provenance.
    """
    read = READERS.get(_kind_of(path))
    if read is None:
        raise DataError(
            f"{path.name}: this is no file of Heatlas; a provenance can be read from "
            f"{', '.join(READERS)}."
        )
    content = _content_of(path, name=path.name)
    try:
        text = read(path, content)
    except DataError as error:
        raise DataError(f"{path.name}: {_uncapitalised(error)}") from error
    if text is None:
        raise DataError(f"{path.name}: it carries no provenance of Heatlas.")
    return _parsed(text, name=path.name)


# -------------------------------------------------------------------------------- PNG


def png_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and data of each chunk of a PNG; DataError if it is none or damaged."""
    if not content.startswith(PNG_START):
        raise DataError("The content is empty or of another kind, not a PNG.")
    view, place, kind = memoryview(content), len(PNG_START), b""
    while kind != b"IEND":
        if place + 12 > len(view):
            raise DataError("The PNG is truncated.")
        length, kind = struct.unpack_from(">I4s", view, place)
        data = view[place + 8 : place + 8 + length]
        place += 12 + length
        if place > len(view):
            raise DataError("The PNG is truncated.")
        if zlib.crc32(data, zlib.crc32(kind)) != struct.unpack_from(">I", view, place - 4)[0]:
            raise DataError("The PNG is damaged (a check sum is wrong).")
        yield kind, data


def _check_pixels(pixels: NDArray[np.uint8]) -> None:
    right = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] in (3, 4)
    if not right or not pixels.size:
        raise DataError(
            f"pixels: expected uint8 of shape (height, width, 3 or 4), got {pixels.dtype} of shape "
            f"{pixels.shape}."
        )


def _filtered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return rows with their filter byte: each byte minus the one above it."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    filtered = np.empty((height, 1 + width * channels), dtype=np.uint8)
    filtered[:, 0] = UP_FILTER
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered


def _chunk(kind: bytes, data: bytes | memoryview) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)])


def _text_chunks(provenance: Provenance, caption: str) -> list[bytes]:
    texts = [(PNG_KEYWORD, canonical_json(provenance.to_json()))]
    if caption:
        texts.insert(0, ("Description", caption))
    return [_chunk(b"iTXt", _international_text(keyword, text)) for keyword, text in texts]


def _international_text(keyword: str, text: str) -> bytes:
    """Return the data of an iTXt chunk: uncompressed, no language, no translated keyword."""
    return keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")


def _provenance_in_png(path: Path, content: bytes) -> str | None:
    start = PNG_KEYWORD.encode() + b"\0"
    texts = [bytes(data) for kind, data in list(png_chunks(content)) if kind == b"iTXt"]
    found = [text.removeprefix(start) for text in texts if text.startswith(start)]
    return _text_of_chunk(found[0]) if found else None


def _text_of_chunk(rest: bytes) -> str:
    """Return the text after the keyword: flag, method, language, translated keyword, text."""
    flag, _, words = rest[:1], rest[1:2], rest[2:]
    text = words.split(b"\0", 2)[-1]
    if flag == b"\1":
        text = _inflated(text)
    if len(text) > LARGEST_TEXT:
        raise DataError(f"The provenance in it is larger than {LARGEST_TEXT // 2**20} MiB.")
    return _utf8(text)


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, LARGEST_TEXT + 1)
    except zlib.error as error:
        raise DataError("The provenance in it is damaged (it does not decompress).") from error


# -------------------------------------------------------------------------------- text files


def _provenance_in_svg(path: Path, content: bytes) -> str | None:
    found = _element_text(_utf8(content), "metadata")
    if found is None:
        return None
    return unescape(found.replace("<![CDATA[", "").replace("]]>", ""))


def _provenance_in_html(path: Path, content: bytes) -> str | None:
    return _element_text(_utf8(content), "script")


def _provenance_in_pdf(path: Path, content: bytes) -> str | None:
    """Find the keywords of the information dictionary, which is never compressed in our files."""
    found = re.search(rb"/Keywords \(heatlas:provenance ((?:[^\\()]|\\.)*)\)", content, re.DOTALL)
    return None if found is None else _utf8(re.sub(rb"\\(.)", rb"\1", found[1]))


def _element_text(text: str, element: str) -> str | None:
    """Return the text of the element whose opening tag names our block; one pass, no parser."""
    place = text.find(HTML_ID)
    while place >= 0:
        start = text.rfind("<", max(0, place - 200), place)
        end = text.find(">", place, place + 200)
        inside_tag = 0 <= start < end and ">" not in text[start:place]
        if inside_tag and text.startswith(f"<{element}", start):
            close = text.find(f"</{element}", end)
            return text[end + 1 : close] if close >= 0 else None
        place = text.find(HTML_ID, place + 1)
    return None


def _provenance_in_json(path: Path, content: bytes) -> str | None:
    text = _utf8(content)
    parsed = _json_of(text)
    inner = parsed.get(PROVENANCE_KEY, parsed)
    known = isinstance(inner, dict) and "heatlas_provenance" in inner
    return json.dumps(inner) if known else None


def _provenance_in_sidecar(path: Path, content: bytes) -> str | None:
    beside = sidecar_of(path)
    if not beside.is_file():
        raise DataError(f"There is no sidecar {beside.name} beside it, so nothing says its origin.")
    return _provenance_in_json(beside, _content_of(beside, name=beside.name))


def sidecar_of(path: Path) -> Path:
    """Return the JSON file that belongs to an image or a table."""
    name = re.sub(r"(\.nii|\.tsv|\.img|\.hdr)?(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    return path.with_name(name + ".json")


Reader = Callable[[Path, bytes], str | None]
READERS: Registry[Reader] = Registry(
    "kind of file",
    {
        ".png": _provenance_in_png,
        ".svg": _provenance_in_svg,
        ".pdf": _provenance_in_pdf,
        ".html": _provenance_in_html,
        ".json": _provenance_in_json,
        ".nii": _provenance_in_sidecar,
        ".nii.gz": _provenance_in_sidecar,
        ".tsv": _provenance_in_sidecar,
    },
)


def _kind_of(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(".htm"):
        return ".html"
    return next((kind for kind in READERS if name.endswith(kind)), "")


def _content_of(path: Path, *, name: str) -> bytes:
    """Return the bytes of a file; of images and tables none, for their sidecar speaks for them."""
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            if READERS[_kind_of(path)] is _provenance_in_sidecar:
                return b""
            if size > LARGEST_PAGE:
                raise DataError(f"{name}: {size / 2**20:,.0f} MiB is too large for such a file.")
            return stream.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read, {os_reason(error)}.") from error


def _utf8(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("The text in it is not UTF-8.") from error


def _json_of(text: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError("The JSON in it is damaged.") from error
    return parsed if isinstance(parsed, dict) else {}


def _parsed(text: str, *, name: str) -> Provenance:
    try:
        return provenance_from_json(_json_of(text))
    except DataError as error:
        raise DataError(f"{name}: {_uncapitalised(error)}") from error


def _uncapitalised(error: DataError) -> str:
    words = str(error)
    return words[:1].lower() + words[1:]
