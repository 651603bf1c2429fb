from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError
from heatlas.study.networkinput import Frame, InputScale, parse_crop, parse_input, parse_size


def test_a_scale_turns_its_range_into_0_to_1_and_clips_what_lies_beyond() -> None:
    scaled = parse_input("hu -160..240").apply(np.array([-1000, -160, 40, 240, 3000, np.nan]))
    np.testing.assert_allclose(scaled, [0, 0, 0.5, 1, 1, 0])


def test_a_scale_may_end_elsewhere_and_may_fall() -> None:
    scale = parse_input("0..255 = -1..1")
    np.testing.assert_allclose(scale.apply(np.array([0, 127.5, 255])), [-1, 0, 1])
    assert scale.words == "0 to 255 becomes −1 to 1"
    falling = parse_input("0..10 = 1..0")
    np.testing.assert_allclose(falling.apply(np.array([0.0, 10.0])), [1, 0])


@pytest.mark.parametrize(
    "words", ["", "brain", "hu", "240..", "hu 240 to 300", "1..2..3", "nan..1"]
)
def test_other_words_for_a_scale_are_one_sentence(words: str) -> None:
    with pytest.raises(DataError, match="expected a range of the image's values"):
        parse_input(words)


@pytest.mark.parametrize("words", ["240..-160", "5..5", "0..1 = 2..2"])
def test_a_range_that_holds_nothing_is_refused(words: str) -> None:
    with pytest.raises(DataError, match="expected a range that rises"):
        parse_input(words)


def test_sizes_are_two_or_three_lengths() -> None:
    assert parse_size("128x96") == (128, 96)
    assert parse_size("32×40x48") == (32, 40, 48)
    for words in ("128", "1x2x3x4", "ax3", "-3x4"):
        with pytest.raises(DataError, match="expected rows and columns"):
            parse_size(words)


def test_the_pixels_of_network_and_image_cover_the_same_field() -> None:
    frame = Frame(image_shape=(512, 100), network_shape=(128, 100))
    corner = frame.in_image(np.array([[-0.5], [-0.5]]))
    np.testing.assert_allclose(corner, [[-0.5], [-0.5]])
    end = frame.in_image(np.array([[127.5], [99.5]]))
    np.testing.assert_allclose(end, [[511.5], [99.5]])


def test_places_go_to_the_network_and_back() -> None:
    frame = Frame(image_shape=(60, 90, 31), network_shape=(20, 45, 62))
    places = np.random.default_rng(0).uniform(0, 30, size=(3, 50))
    np.testing.assert_allclose(frame.in_image(frame.in_network(places)), places, atol=1e-12)


def test_a_ramp_stays_a_ramp_when_it_is_shrunk() -> None:
    frame = Frame(image_shape=(64, 64), network_shape=(16, 16))
    ramp = np.broadcast_to(np.arange(64.0), (64, 64))
    shrunk = frame.shrunk(ramp)
    np.testing.assert_allclose(shrunk[8, 3:-3], frame.in_image(np.indices((16, 16)))[1, 8, 3:-3],
                               atol=1e-4)  # fmt: skip


def test_fine_stripes_are_averaged_and_not_picked_out() -> None:
    stripes = np.broadcast_to(np.arange(64) % 2, (64, 64)).astype(np.float32)
    shrunk = Frame(image_shape=(64, 64), network_shape=(16, 16)).shrunk(stripes)
    assert np.abs(shrunk - 0.5)[:, 1:-1].max() < 0.01


def test_an_image_of_its_own_size_stays_as_it_is() -> None:
    values = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    frame = Frame(image_shape=(5, 7), network_shape=(5, 7))
    np.testing.assert_array_equal(frame.shrunk(values), values)
    assert frame.words == "5 x 7 pixels as stored"


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="name 2 lengths"):
        Frame(image_shape=(5, 7), network_shape=(5, 7, 9))
    with pytest.raises(DataError, match="expected sides of 1 to 4096"):
        Frame(image_shape=(5, 7), network_shape=(0, 7))


def test_a_scale_says_what_it_does() -> None:
    assert InputScale(low=0, high=80, unit="HU").words == "0 to 80 HU becomes 0 to 1"


def test_a_crop_is_seen_alone_and_keeps_its_place() -> None:
    values = np.random.default_rng(2).normal(size=(40, 30)).astype(np.float32)
    frame = Frame(image_shape=(40, 30), network_shape=(20, 10), box=parse_crop("10:30,5:15"))
    np.testing.assert_array_equal(frame.shrunk(values), values[10:30, 5:15])
    np.testing.assert_allclose(frame.in_image(np.zeros((2, 1))), [[10], [5]])
    assert frame.seen().sum() == 200
    assert frame.words == "20 x 10 pixels as stored (cropped to 10:30,5:15 of 40 x 30)"


def test_a_crop_that_is_resampled_agrees_with_the_part_alone() -> None:
    values = np.random.default_rng(3).normal(size=(40, 30)).astype(np.float32)
    frame = Frame(image_shape=(40, 30), network_shape=(10, 8), box=((4, 36), (2, 26)))
    alone = Frame(image_shape=(32, 24), network_shape=(10, 8))
    np.testing.assert_allclose(frame.shrunk(values), alone.shrunk(values[4:36, 2:26]), atol=1e-6)
    places = np.random.default_rng(0).uniform(0, 8, size=(2, 9))
    np.testing.assert_allclose(frame.in_network(frame.in_image(places)), places, atol=1e-12)


def test_crops_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="does not lie in an image of 40 x 30"):
        Frame(image_shape=(40, 30), network_shape=(10, 8), box=((4, 41), (2, 26)))
    with pytest.raises(DataError, match="name 2 ranges"):
        Frame(image_shape=(40, 30), network_shape=(10, 8), box=((4, 40),))
    for words in ("", "1:2:3,4:5", "a:b,c:d", "20-30,1-4"):
        with pytest.raises(DataError, match="expected first and end"):
            parse_crop(words)
    with pytest.raises(DataError, match="crop: '5:2,3:9' given, but a range has to end after"):
        parse_crop("5:2,3:9")
