"""Maps of pixels are captum's, with captum's own settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency

from heatlas.core.errors import DataError
from heatlas.learn.attribution import integrated_gradients, noisy, occlusion, smooth_grad
from heatlas.learn.baseline import neutral_baseline
from heatlas.learn.network.model import as_network, class_score
from tests.learn.nets import SHAPES, image, network, seeded

KINDS = ["plain-2d", "residual-2d", "plain-3d", "transformer-2d"]


@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_are_captums(kind: str) -> None:
    module, given = seeded(kind), image(SHAPES[kind])
    baseline = neutral_baseline(given)
    found = integrated_gradients(
        as_network(module), given, class_index=1, baseline=baseline, n_steps=20
    )
    expected = IntegratedGradients(module).attribute(
        torch.from_numpy(given[None]), torch.from_numpy(baseline[None]), target=1, n_steps=20
    )
    np.testing.assert_allclose(found, expected[0].detach().numpy(), atol=1e-5)


def test_integrated_gradients_add_up_to_the_difference_of_the_scores() -> None:
    net, given = network("transformer-2d"), image((1, 32, 32))
    baseline = neutral_baseline(given, kind="zero")
    found = integrated_gradients(net, given, class_index=0, baseline=baseline, n_steps=100)
    both = class_score(net, np.stack([given, baseline]), class_index=0)
    np.testing.assert_allclose(found.sum(), both[0] - both[1], rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_smoothgrad_is_captums_under_the_same_noise(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, given = seeded(kind), image(SHAPES[kind])
    draws = np.stack([noisy(given, share=0.2, seed=3, index=k) for k in range(6)])
    monkeypatch.setattr(torch, "normal", lambda mean, spread: torch.from_numpy(draws - given))
    expected = NoiseTunnel(Saliency(module)).attribute(
        torch.from_numpy(given[None]), nt_type="smoothgrad", nt_samples=6, target=1, abs=False
    )
    found = smooth_grad(
        as_network(module), given, class_index=1, n_draws=6, noise_share=0.2, seed=3
    )
    np.testing.assert_allclose(found, expected[0].detach().numpy(), atol=1e-5)


def test_noise_is_a_share_of_the_range_and_follows_its_seed() -> None:
    given = image((1, 64, 64))
    noise = noisy(given, share=0.1, seed=0, index=0) - given
    np.testing.assert_allclose(noise.std(), 0.1 * np.ptp(given), rtol=0.05)
    assert np.array_equal(noisy(given, share=0.1, seed=0, index=0) - given, noise)
    assert not np.array_equal(noisy(given, share=0.1, seed=0, index=1) - given, noise)


@pytest.mark.parametrize(
    ("kind", "window", "stride"), [("residual-2d", 17, 11), ("plain-3d", 8, 8)]
)
def test_occlusion_is_captums(kind: str, window: int, stride: int) -> None:
    module, given = seeded(kind), image(SHAPES[kind])
    axes = given.ndim - 1
    found = occlusion(
        as_network(module),
        given,
        class_index=1,
        baseline=np.full_like(given, 0.5),
        window_px=window,
        stride_px=stride,
    )
    expected = Occlusion(module).attribute(
        torch.from_numpy(given[None]),
        sliding_window_shapes=(1, *[window] * axes),
        strides=(1, *[stride] * axes),
        baselines=0.5,
        target=1,
    )
    np.testing.assert_allclose(found, expected[0, 0].detach().numpy(), atol=1e-5)


def test_a_window_that_does_not_suit_the_image_is_one_sentence() -> None:
    given = image((1, 16, 16))
    for window, stride in ((17, 4), (4, 5)):
        with pytest.raises(DataError, match=r"expected 1 <= step <= window <= 16"):
            occlusion(
                network("plain-2d"),
                given,
                class_index=0,
                baseline=given,
                window_px=window,
                stride_px=stride,
            )
