from __future__ import annotations

import io

import numpy as np
from PIL import Image

from heatlas.show.scene import Scene
from heatlas.study import explainpictures
from heatlas.study.explainpictures import (
    explanation_pictures,
    methods_figures,
    slice_volume,
    view_figure,
)
from tests.study.explaining import BRIGHT, bright_scan, explained


def test_a_slice_as_a_volume_keeps_its_values_and_its_millimetres() -> None:
    stack = bright_scan().slices
    volume = slice_volume(stack, stack.values[BRIGHT[2]], number=BRIGHT[2] + 1)
    assert volume.grid.shape[2] == 1
    place = np.array(np.unravel_index(volume.values.argmax(), volume.grid.shape))
    expected = bright_scan().volume.grid.to_mm(np.array(BRIGHT))
    np.testing.assert_allclose(volume.grid.to_mm(place), expected, atol=1e-6)
    part = slice_volume(stack, stack.values[3], number=4, box=((4, 34), (10, 40)))
    place = np.array(np.unravel_index(part.values.argmax(), part.grid.shape))
    np.testing.assert_allclose(part.grid.to_mm(place), expected, atol=1e-6)


def test_the_picture_says_slice_method_class_and_verdict_and_carries_its_provenance() -> None:
    png, svg = explanation_pictures(explained())
    text = svg.decode()
    for words in ("HiResCAM: ", "4: z = ", "class 1", "slice 4", "Slice 4 of the image", "checks"):
        assert words in text, words
    image = Image.open(io.BytesIO(png))
    assert "show to a network" in "".join(str(value) for value in image.info.values())


def test_maps_of_several_methods_share_one_bar_from_minus_1_to_1() -> None:
    found = explained("hirescam", "occlusion", "integrated-gradients")
    scenes: list[Scene] = []
    draw = explainpictures.compile_scene

    def watched(*words: object, **named: object) -> Scene:
        scenes.append(draw(*words, **named))  # type: ignore[arg-type]
        return scenes[-1]

    explainpictures.compile_scene = watched  # type: ignore[assignment]
    try:
        (figure,) = methods_figures(found)
    finally:
        explainpictures.compile_scene = draw
    (scene,) = scenes
    assert [panel.title.split(":")[0] for panel in scene.panels] == [
        "HiResCAM", "Occlusion", "Integrated gradients",
    ]  # fmt: skip
    assert len(scene.bars) == 1
    for panel in scene.panels:
        assert np.abs(panel.values).max() == 1
    assert "largest magnitude" in figure.caption


def test_many_methods_take_several_rows_and_the_truth_comes_first() -> None:
    found = explained("all")
    stack = found.scan.slices
    inside = (stack.values[3] > 50).astype(np.float32)
    truth = slice_volume(stack, inside, number=4)
    figures = methods_figures(found, truth=truth)
    assert len(figures) == 3
    assert all(figure.width <= 1500 for figure in figures)


def test_a_figure_on_a_page_is_as_large_as_its_pixels_say() -> None:
    found = explained()
    figure = view_figure(found, found.main)
    image = Image.open(io.BytesIO(figure.content))
    assert abs(image.width - 2 * figure.width) <= 1
    assert abs(image.height - 2 * figure.height) <= 1
    assert found.verdict in figure.caption
