"""Neutral baselines keep brightness and lose detail; images that cannot be explained say why."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.learn.baseline import (
    BASELINES,
    baseline_probabilities,
    check_image,
    neutral_baseline,
)
from heatlas.learn.network.model import probabilities, with_scores_known
from tests.learn.nets import image, network


@pytest.mark.parametrize("shape", [(2, 24, 28), (1, 12, 14, 16)])
@pytest.mark.parametrize("kind", list(BASELINES))
def test_every_baseline_has_less_detail_than_the_image(kind: str, shape: tuple[int, ...]) -> None:
    given = image(shape)
    baseline = neutral_baseline(given, kind=kind)
    assert baseline.shape == shape
    assert baseline.dtype == np.float32
    assert baseline.std() < 0.8 * given.std()


def test_a_flat_image_is_its_own_neutral_baseline() -> None:
    flat = np.full((1, 16, 16), 3.0, dtype=np.float32)
    for kind in ("blur", "local-mean", "mean"):
        np.testing.assert_allclose(neutral_baseline(flat, kind=kind), flat, rtol=1e-6)


def test_channels_are_not_mixed() -> None:
    given = np.stack([np.zeros((16, 16)), np.ones((16, 16))])
    for kind in ("blur", "local-mean", "mean"):
        np.testing.assert_allclose(neutral_baseline(given, kind=kind), given, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (np.zeros((8, 8)), r"got shape \(8, 8\); an image of one channel is image\[None\]"),
        (np.full((1, 4, 4), np.nan), "16 values are not finite; fill them before"),
        (np.full((1, 4, 4), "a"), "expected numbers, got <U1"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(given: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        check_image(given)


def test_an_unknown_baseline_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Known: blur, local-mean, mean, zero"):
        neutral_baseline(image(), kind="black")


def test_the_probability_on_each_baseline_is_the_networks() -> None:
    given = image()
    net = with_scores_known(network("plain-2d"), given)
    found = baseline_probabilities(net, given, class_index=1)
    for kind, share in found.items():
        expected = probabilities(net, neutral_baseline(given, kind=kind)[None])[0, 1]
        assert share == pytest.approx(expected, abs=1e-6)
