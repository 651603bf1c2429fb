"""Pictures that carry their provenance inside, and the provenance of any file."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from heatlas.core.errors import DataError
from heatlas.core.provenance import Provenance
from heatlas.core.table import table_from_columns
from heatlas.io.picture import (
    LARGEST_TEXT,
    PNG_START,
    embed_png,
    embed_svg,
    html_block,
    pdf_keywords,
    png_bytes,
    png_chunks,
    read_provenance,
    sidecar_of,
    write_png,
)
from heatlas.io.tables import write_table

PROVENANCE = Provenance().then(
    "smooth",
    parameters={"fwhm_mm": 8, "nasty": "]]> </metadata></script> & \" ' < > é \u2028"},
    inputs={"gm/sub-01.nii.gz": "sha256:00"},
    seed=1,
    warnings=("one",),
)
SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" id="a>b"><g/></svg>\n'


def noise(height: int = 7, width: int = 9, channels: int = 3) -> np.ndarray:
    """Return random pixels."""
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_rows_are_stored_as_the_difference_from_the_row_above() -> None:
    pixels = np.repeat(noise(1, 300), 300, axis=0)  # voxels larger than a pixel repeat themselves
    content = png_bytes(pixels, provenance=Provenance())
    assert len(content) < pixels.size / 30
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG with a right check sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def same(first: Provenance, second: Provenance) -> bool:
    """Say whether two provenances hold the same steps."""
    return first.to_json() == second.to_json()


# -------------------------------------------------------------------------------- PNG


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.sampled_from([3, 4]),
    seed=st.integers(0, 10**6),
)
def test_pillow_decodes_the_very_pixels(height: int, width: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    content = png_bytes(pixels, provenance=PROVENANCE)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)


def test_a_transposed_view_is_encoded_as_it_looks() -> None:
    view = noise().transpose(1, 0, 2)[::-1]
    content = png_bytes(view, provenance=PROVENANCE)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), view)


def test_pillow_finds_caption_provenance_and_resolution() -> None:
    picture = Image.open(
        io.BytesIO(png_bytes(noise(), provenance=PROVENANCE, caption="é²", dpi=300))
    )
    picture.load()
    assert picture.text["Description"] == "é²"
    assert json.loads(picture.text["heatlas:provenance"]) == PROVENANCE.to_json()
    assert picture.info["dpi"][0] == pytest.approx(300, abs=0.01)


def test_a_png_holds_no_date_and_no_program() -> None:
    kinds = [k for k, _ in png_chunks(png_bytes(noise(), provenance=PROVENANCE, caption="a"))]
    assert kinds == [b"IHDR", b"iTXt", b"iTXt", b"IDAT", b"IEND"]


def test_equal_pixels_give_equal_bytes() -> None:
    first, second = (png_bytes(noise(), provenance=PROVENANCE, caption="a") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 2), np.uint8),
     np.zeros((0, 2, 3), np.uint8)],
)  # fmt: skip
def test_pixels_of_another_kind_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match="expected uint8 of shape"):
        png_bytes(pixels, provenance=PROVENANCE)


def test_writing_returns_what_lies_on_disk(tmp_path: Path) -> None:
    content = write_png(tmp_path / "a.png", noise(), provenance=PROVENANCE)
    assert (tmp_path / "a.png").read_bytes() == content
    assert write_png(None, noise(), provenance=PROVENANCE) == content


def test_embedding_replaces_the_texts_of_other_programs_and_keeps_the_pixels() -> None:
    buffer = io.BytesIO()
    texts = PngInfo()
    texts.add_text("Software", "other")
    texts.add_itxt("heatlas:provenance", "old")
    Image.fromarray(noise()).save(buffer, "png", pnginfo=texts)
    picture = Image.open(io.BytesIO(embed_png(buffer.getvalue(), provenance=PROVENANCE)))
    np.testing.assert_array_equal(np.asarray(picture), noise())
    assert list(picture.text) == ["heatlas:provenance"]
    assert json.loads(picture.text["heatlas:provenance"]) == PROVENANCE.to_json()


def test_what_is_no_png_takes_no_provenance() -> None:
    with pytest.raises(DataError, match="not a PNG"):
        embed_png(b"GIF89a", provenance=PROVENANCE)


# -------------------------------------------------------------------------------- SVG


def test_an_svg_stays_well_formed_and_keeps_its_drawing() -> None:
    root = ElementTree.fromstring(embed_svg(SVG, provenance=PROVENANCE, caption="a < b & c"))
    space = "{http://www.w3.org/2000/svg}"
    assert [child.tag.removeprefix(space) for child in root] == ["desc", "metadata", "g"]
    assert root[0].text == "a < b & c"
    assert json.loads(root[1].text or "") == PROVENANCE.to_json()


def test_the_metadata_of_other_programs_is_left_out() -> None:
    other = SVG.replace("<g/>", "<metadata>\n<date>2026-01-01</date></metadata><g/>")
    text = embed_svg(other, provenance=PROVENANCE)
    assert "2026" not in text
    assert text == embed_svg(SVG, provenance=PROVENANCE)


@pytest.mark.parametrize("text", ["", "<html></html>", "<svg/>"])
def test_text_without_an_svg_element_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no <svg> element"):
        embed_svg(text, provenance=PROVENANCE)


# -------------------------------------------------------------------------------- reading back


def write_each_kind(folder: Path) -> dict[str, Path]:
    """Write the provenance into a file of each kind."""
    write_png(folder / "a.png", noise(), provenance=PROVENANCE)
    (folder / "a.svg").write_text(embed_svg(SVG, provenance=PROVENANCE), encoding="utf-8")
    page = f"<!doctype html><p>heatlas-provenance</p>{embed_svg(SVG, provenance=Provenance())}"
    page += f"<script>'heatlas-provenance'</script>{html_block(PROVENANCE)}</html>"
    (folder / "a.html").write_text(page, encoding="utf-8")
    (folder / "a.json").write_text(json.dumps(PROVENANCE.to_json()), encoding="utf-8")
    write_table(folder / "t.tsv", table_from_columns({"x": [1]}), provenance=PROVENANCE)
    sidecar = json.dumps({"Provenance": PROVENANCE.to_json()})
    for name in ("m.nii.gz", "n.nii"):
        (folder / name).write_bytes(b"")
        sidecar_of(folder / name).write_text(sidecar, encoding="utf-8")
    names = ("a.png", "a.svg", "a.html", "a.json", "t.tsv", "t.json", "m.nii.gz", "n.nii")
    return {name: folder / name for name in names}


def test_every_kind_of_file_gives_its_provenance_back(tmp_path: Path) -> None:
    for name, path in write_each_kind(tmp_path).items():
        assert same(read_provenance(path), PROVENANCE), name


def test_an_svg_that_another_program_saved_again_gives_its_provenance_back(tmp_path: Path) -> None:
    space = "http://www.w3.org/2000/svg"
    ElementTree.register_namespace("", space)
    root = ElementTree.fromstring(embed_svg(SVG, provenance=PROVENANCE))
    saved = ElementTree.tostring(root, encoding="unicode").replace('"steps"', "&quot;steps&quot;")
    (tmp_path / "a.svg").write_text(saved, encoding="utf-8")
    assert same(read_provenance(tmp_path / "a.svg"), PROVENANCE)


def test_a_page_that_was_written_by_a_template_engine_gives_its_provenance_back(
    tmp_path: Path,
) -> None:
    from markupsafe import Markup

    text = json.dumps(PROVENANCE.to_json()).replace("<", "\\u003c")
    block = Markup('<script id="heatlas-provenance" type="application/json">\n{}\n</script>')
    (tmp_path / "a.html").write_text(block.format(Markup(text)), encoding="utf-8")
    assert same(read_provenance(tmp_path / "a.html"), PROVENANCE)


def test_the_keywords_of_a_pdf_give_their_provenance_back(tmp_path: Path) -> None:
    figure = Figure(figsize=(1, 1))
    metadata = {"Keywords": pdf_keywords(PROVENANCE), "Subject": "heatlas:provenance (\\)"}
    FigureCanvasPdf(figure).print_pdf(tmp_path / "a.pdf", metadata=metadata)
    assert same(read_provenance(tmp_path / "a.pdf"), PROVENANCE)


def test_a_compressed_text_is_read(tmp_path: Path) -> None:
    packed = zlib.compress(json.dumps(PROVENANCE.to_json()).encode())
    data = b"heatlas:provenance\0\1\0en\0\0" + packed
    write_chunks(tmp_path / "a.png", data)
    assert same(read_provenance(tmp_path / "a.png"), PROVENANCE)


def write_chunks(path: Path, text: bytes) -> None:
    """Write a PNG whose iTXt chunk holds this."""
    body = chunk(b"IHDR", bytes(13)) + chunk(b"iTXt", text) + chunk(b"IEND", b"")
    path.write_bytes(PNG_START + body)


def whole() -> bytes:
    """Return a good PNG."""
    return png_bytes(noise(), provenance=PROVENANCE)


HOSTILE = {
    "bomb.png": PNG_START
    + chunk(b"iTXt", b"heatlas:provenance\0\1\0\0\0" + zlib.compress(bytes(LARGEST_TEXT + 9)))
    + chunk(b"IEND", b""),
    "huge.png": PNG_START
    + chunk(b"iTXt", b"heatlas:provenance\0\0\0\0\0" + bytes(LARGEST_TEXT + 9)),
    "claim.png": PNG_START + struct.pack(">I4s", 2**31 - 1, b"iTXt") + b"heatlas",
    "cut.png": whole()[:-9],
    "flipped.png": whole()[:60] + b"!" + whole()[61:],
    "rubbish.png": PNG_START
    + chunk(b"iTXt", b"heatlas:provenance\0\1\0\0\0rubbish")
    + chunk(b"IEND", b""),
    "short.png": PNG_START + chunk(b"iTXt", b"heatlas:provenance") + chunk(b"IEND", b""),
    "latin.png": PNG_START
    + chunk(b"iTXt", b"heatlas:provenance\0\0\0\0\0\xff")
    + chunk(b"IEND", b""),
    "list.png": PNG_START
    + chunk(b"iTXt", b"heatlas:provenance\0\0\0\0\0[1]")
    + chunk(b"IEND", b""),
    "empty.png": b"",
    "page.png": b"<html></html>",
    "plain.png": PNG_START + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""),
    "plain.svg": SVG.encode(),
    "plain.pdf": b"%PDF-1.4\n/Keywords (other)",
    "cut.pdf": b"%PDF-1.4\n/Keywords (heatlas:provenance {",
    "latin.pdf": b"/Keywords (heatlas:provenance \xff)",
    "binary.svg": b"\xff\xfe\x00",
    "open.svg": b'<svg><metadata class="heatlas-provenance">{',
    "plain.html": b"<html><p>heatlas-provenance</p></html>",
    "deep.json": b"[" * 100_000,
    "deep.html": b'<script id="heatlas-provenance">' + b'{"a":' * 100_000 + b"</script>",
    "other.json": b'{"a": 1}',
    "list.json": b"[1]",
    "damaged.json": b'{"heatlas_provenance": 1, "steps": [{"nam": 1}]}',
    "steps.json": b'{"heatlas_provenance": 1, "steps": 7}',
    "alone.nii.gz": gzip.compress(b""),
    "alone.tsv": b"x\n1\n",
    "picture.jpg": b"\xff\xd8",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_strange_files_are_one_clear_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(DataError, match=rf"^{re.escape(name)}: [^\n]{{15,200}}\.$"):
        read_provenance(tmp_path / name)


def test_a_bomb_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(HOSTILE["bomb.png"])
    with pytest.raises(DataError, match="larger than 16 MiB"):
        read_provenance(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["gone.png", "gone.nii.gz"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: cannot be read, it does not exist"):
        read_provenance(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "sidecar"),
    [("a.nii.gz", "a.json"), ("a.nii", "a.json"), ("a.b.tsv", "a.b.json"), ("a.img", "a.json")],
)
def test_a_sidecar_has_the_name_of_its_file(name: str, sidecar: str) -> None:
    assert sidecar_of(Path("x") / name) == Path("x") / sidecar
