"""Pictures of slices have a meaning only when somebody states it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.io.sliceimages import parse_intensity, read_slice_pictures

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    """A picture file."""
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def test_a_stated_meaning_is_a_straight_line(tmp_path: Path) -> None:
    meaning = parse_intensity("hu 0..255 = -1000..1040")
    stack = read_slice_pictures([saved(tmp_path / "a.png", GREY)], intensity=meaning)
    assert stack.unit == "HU"
    assert np.allclose(stack.values[0], GREY * 8.0 - 1000)
    assert stack.provenance.steps[0].parameters["intensity"] == meaning.words


def test_without_a_meaning_grey_numbers_have_no_unit(tmp_path: Path) -> None:
    stack = read_slice_pictures([saved(tmp_path / "a.png", GREY)])
    assert stack.unit == ""
    assert stack.position_unit == "unknown"
    assert np.array_equal(stack.values[0], GREY)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_in_colour_channels_is_grey(tmp_path: Path, mode: str) -> None:
    stack = read_slice_pictures([saved(tmp_path / "a.png", GREY, mode)])
    assert np.array_equal(stack.values[0], GREY)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 200
    stack = read_slice_pictures([saved(tmp_path / "a.png", deep)])
    assert np.array_equal(stack.values[0], deep)


def test_colours_are_no_measurements(tmp_path: Path) -> None:
    colour = np.zeros((8, 8, 3), dtype=np.uint8)
    colour[..., 0] = 90
    with pytest.raises(NotSupportedError, match="colours, which are no measurements"):
        read_slice_pictures([saved(tmp_path / "a.png", colour)])


def test_pictures_of_two_sizes_are_no_scan(tmp_path: Path) -> None:
    paths = [saved(tmp_path / "a.png", GREY), saved(tmp_path / "b.png", GREY[:8])]
    with pytest.raises(DataError, match="2 different sizes"):
        read_slice_pictures(paths)


def test_grey_numbers_beyond_their_meaning_are_told(tmp_path: Path) -> None:
    meaning = parse_intensity("HU 0..200=-100..100")
    with pytest.raises(DataError, match="hold grey 0 to 255, but only 0 to 200"):
        read_slice_pictures([saved(tmp_path / "a.png", GREY)], intensity=meaning)


@pytest.mark.parametrize(
    "text", ["hu", "0..255 = -1000..1000", "hu 0-255 = 1..2", "suv 0..1 = 0..1"]
)
def test_words_that_state_no_meaning_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected such as 'hu 0..255 = -1000..1000'"):
        parse_intensity(text)


def test_one_grey_number_twice_is_no_line() -> None:
    with pytest.raises(DataError, match="names one grey number twice"):
        parse_intensity("hu 5..5 = 0..10")


def test_a_damaged_picture_is_one_sentence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = saved(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match="damaged or of another kind"):
        read_slice_pictures([path])
