"""Maps with one value a pixel: gradients along a path, under noise, guided, and by covering."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.random import stream
from heatlas.learn.network.engine import in_parts
from heatlas.learn.network.gradients import input_gradients
from heatlas.learn.network.model import Network, class_score

Floats = NDArray[np.floating]


def integrated_gradients(
    network: Network, image: Floats, *, class_index: int, baseline: Floats, n_steps: int = 50
) -> NDArray[np.float64]:
    """Return the gradient along the straight way from the baseline to the image, times the way.

    Parameters
    ----------
    network : Network
        What is explained.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    class_index : int
        The class whose score is followed.
    baseline : numpy.ndarray, shape of image
        Where the way starts.
    n_steps : int
        Points on it (Gauss-Legendre quadrature).

    Returns
    -------
    numpy.ndarray of float64, shape of image
        Signed; it adds up to the score of the image less that of the baseline.

    Notes
    -----
    Much of the map is image less baseline, whatever the network learnt: see its likeness to the
    image on the trust card.

    References
    ----------
    Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks. arXiv:1703.01365
    """
    way = image.astype(np.float64) - baseline
    points, weights = np.polynomial.legendre.leggauss(n_steps)
    total = np.zeros(image.shape)
    for part in in_parts(zip((1 + points) / 2, weights / 2, strict=True), network.batch):
        images = np.stack([baseline + share * way for share, _ in part])
        gradients = input_gradients(network, images, class_index=class_index)
        total += np.tensordot([weight for _, weight in part], gradients, axes=1)
    return np.asarray(total * way)


def smooth_grad(
    network: Network,
    image: Floats,
    *,
    class_index: int,
    n_draws: int = 25,
    noise_share: float = 0.15,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the mean gradient over copies of the image with noise.

    Parameters
    ----------
    network : Network
        What is explained.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    class_index : int
        The class whose score is followed.
    n_draws : int
        Number of copies.
    noise_share : float
        Standard deviation of the noise, as a share of the image's range.
    seed : int
        Seed of the noise.

    Returns
    -------
    numpy.ndarray of float64, shape of image
        Signed.

    References
    ----------
    Smilkov et al. (2017), SmoothGrad: removing noise by adding noise. arXiv:1706.03825
    """
    total = np.zeros(image.shape)
    for part in in_parts(range(n_draws), network.batch):
        images = [noisy(image, share=noise_share, seed=seed, index=draw) for draw in part]
        total += input_gradients(network, np.stack(images), class_index=class_index).sum(axis=0)
    return total / n_draws


def noisy(image: Floats, *, share: float, seed: int, index: int) -> NDArray[np.float32]:
    """Return the image with one draw of normal noise.

    Parameters
    ----------
    image : numpy.ndarray
        Any shape.
    share : float
        Standard deviation of the noise, as a share of the image's range.
    seed, index : int
        Which draw.

    Returns
    -------
    numpy.ndarray of float32, shape of image
        Image and noise.
    """
    noise = stream(seed, "noise", index=index).standard_normal(image.shape)
    return np.asarray(image + share * np.ptp(image) * noise, dtype=np.float32)


def occlusion(
    network: Network,
    image: Floats,
    *,
    class_index: int,
    baseline: Floats,
    window_px: int = 8,
    stride_px: int = 4,
) -> NDArray[np.float64]:
    """Return how much the class's score falls when a window is covered by the baseline.

    Parameters
    ----------
    network : Network
        What is explained.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    class_index : int
        The class whose score is followed.
    baseline : numpy.ndarray, shape of image
        What the window is covered with, in all channels at once.
    window_px, stride_px : int
        Side of the window and its step.

    Returns
    -------
    numpy.ndarray of float64, shape (...)
        Signed: the mean over the windows that covered a pixel.

    Raises
    ------
    DataError
        If the window is larger than the image, or its step larger than the window.

    References
    ----------
    Zeiler, Fergus (2014), Visualizing and understanding convolutional networks.
    doi:10.1007/978-3-319-10590-1_53
    """
    shape = image.shape[1:]
    if not 1 <= stride_px <= window_px <= min(shape):
        raise DataError(
            f"occlusion: a window of {window_px} px in steps of {stride_px} px does not suit an "
            f"image of {shape}; expected 1 <= step <= window <= {min(shape)}."
        )
    whole = class_score(network, image[None], class_index=class_index)[0]
    total, times = np.zeros(shape), np.zeros(shape)
    for windows in in_parts(_windows(shape, window=window_px, stride=stride_px), network.batch):
        covered = np.stack([_covered(image, baseline, window=window) for window in windows])
        scores = class_score(network, covered, class_index=class_index)
        for window, score in zip(windows, scores, strict=True):
            total[window] += whole - score
            times[window] += 1
    return total / times


def _windows(shape: tuple[int, ...], *, window: int, stride: int) -> Iterator[tuple[slice, ...]]:
    """Yield windows that together cover every pixel; the last ones end with the image."""
    starts = [range(0, 1 + stride * math.ceil((n - window) / stride), stride) for n in shape]
    for corner in itertools.product(*starts):
        yield tuple(slice(s, min(s + window, n)) for s, n in zip(corner, shape, strict=True))


def _covered(image: Floats, baseline: Floats, *, window: tuple[slice, ...]) -> Floats:
    copy = np.array(image)
    copy[(slice(None), *window)] = baseline[(slice(None), *window)]
    return copy
