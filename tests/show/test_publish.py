"""Vector graphics hold words as text, the raster's colours, and nothing that changes."""

from __future__ import annotations

import base64
import io
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from heatlas.show.compile import compile_scene
from heatlas.show.publish import render_pdf, render_svg
from heatlas.show.raster import bar_pixels, tile_pixels
from heatlas.show.scene import Path, Scene, Words
from heatlas.show.view import View
from tests.show.maps import blob_map, mean_map, template

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
BOTH = {(18.0, 0.0, 6.0): 6.0, (-15.0, 3.0, 0.0): -6.0}


def scene_of(view: View | None = None) -> Scene:
    return compile_scene(
        [mean_map(), blob_map(BOTH)], view or View(n_slices=2), background=template()
    )


def images(root: ET.Element) -> list[np.ndarray]:
    encoded = [image.attrib[LINK].partition("base64,")[2] for image in root.iter(f"{SVG}image")]
    opened = [Image.open(io.BytesIO(base64.b64decode(text))) for text in encoded]
    return [np.asarray(image.convert("RGB")) for image in opened]


@pytest.mark.parametrize("view", [View(n_slices=2), View(n_slices=2, scale=2.0)])
def test_slices_and_bars_have_the_pixels_of_the_raster(view: View) -> None:
    scene = scene_of(view)
    expected = [tile_pixels(panel, tile) for panel in scene.panels for tile in panel.tiles]
    expected += [bar_pixels(bar) for bar in scene.bars]
    found = images(ET.fromstring(render_svg(scene)))
    assert len(found) == len(expected)
    for embedded, pixels in zip(found, expected, strict=True):
        np.testing.assert_array_equal(embedded, pixels)


def test_words_are_text_and_metadata_has_its_place() -> None:
    scene = scene_of()
    root = ET.fromstring(render_svg(scene))
    said = {"".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")}
    assert {word.text for word in scene.words} <= said
    assert root.find(f"{SVG}metadata") is not None
    assert root.find(f"{SVG}title").text == "mean; blobs"  # type: ignore[union-attr]


def test_the_size_is_the_nominal_one_whatever_the_scale() -> None:
    for scale in (1.0, 2.0):
        scene = scene_of(View(n_slices=2, scale=scale))
        root = ET.fromstring(render_svg(scene))
        assert float(root.attrib["width"]) == 1270
        assert float(root.attrib["height"]) == pytest.approx(scene.height / scale, abs=0.01)


def test_outlines_are_vectors_and_only_those_of_minus_are_dashed() -> None:
    scene = scene_of()
    text = render_svg(scene)
    dashed = sum(path.role in ("outline -", "legend") and bool(path.dash) for path in scene.paths)
    assert dashed > 1
    drawn = re.findall(r'<path d="([^"]*)"[^>]*stroke-dasharray', text)
    assert sum(line.count("M ") for line in drawn) == dashed


def test_equal_scenes_give_equal_text_without_date_and_program() -> None:
    text = render_svg(scene_of())
    assert text == render_svg(scene_of())
    assert "dc:date" not in text
    assert "atplotlib" not in text.partition("<metadata>")[2].partition("</metadata>")[0]


def test_signs_of_mathematics_stay_words() -> None:
    words = Words(text="p < $.05$ & more_x^2", x=5, y=20, size=10, colour=(0, 0, 0))
    scene = Scene(width=200, height=40, scale=1.0, page=255, words=(words,))
    root = ET.fromstring(render_svg(scene))
    assert "p < $.05$ & more_x^2" in {"".join(t.itertext()) for t in root.iter(f"{SVG}text")}


def test_a_pdf_is_the_same_every_time() -> None:
    content = render_pdf(scene_of())
    assert content.startswith(b"%PDF")
    assert content == render_pdf(scene_of())
    assert b"CreationDate" not in content


def test_nothing_is_left_in_the_global_state_of_matplotlib() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    render_svg(scene_of())
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not matplotlib.pyplot.get_fignums()


def test_lines_that_look_alike_are_one_element_and_keep_their_corners() -> None:
    square = np.array([(0.0, 0.0), (4, 0), (4, 4), (0, 4)])
    alike = [
        Path(points=square + k * 10, colour=(0, 0, 0), closed=True, role="outline +")
        for k in range(5)
    ]
    other = Path(points=square + 60, colour=(255, 0, 0), closed=True)
    areas = [Path(points=square + 80, colour=(0, 0, 0), closed=True, filled=True)] * 2
    svg = render_svg(Scene(width=100, height=100, scale=1, page=255, paths=(*alike, other, *areas)))
    lines = re.findall(r'<path d="([^"]*)" clip', svg)
    assert [line.count("M ") for line in lines] == [5, 1, 1, 1]
    assert "M 40 40" in lines[0]
    assert lines[0].count("z") == 5
