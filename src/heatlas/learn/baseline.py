"""What an image looks like when it shows nothing: the neutral baselines of explanations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.learn.network.model import Network, probabilities

Floats = NDArray[np.floating]
# Width of the blur and of the window of local means, as a share of the image's shorter side.
BLUR_SHARE = 0.1
WINDOW_SHARE = 0.25


def neutral_baseline(image: Floats, *, kind: str = "blur") -> NDArray[np.float32]:
    """Return the image with its detail removed.

    Parameters
    ----------
    image : numpy.ndarray, shape (channels, ...)
        What a network looks at.
    kind : {"blur", "local-mean", "mean", "zero"}
        A Gaussian blur (standard deviation: a tenth of the shorter side), the mean of a window
        (a quarter of it), the mean of each channel, or zeros.

    Returns
    -------
    numpy.ndarray of float32, shape of image
        Regions keep their brightness under the first two, so that replacing a region by it brings
        in no edge that a network could take for a finding.

    Raises
    ------
    UnknownNameError
        If there is no such baseline.
    """
    return BASELINES[kind](np.asarray(image)).astype(np.float32)


def baseline_probabilities(
    network: Network, image: Floats, *, class_index: int
) -> dict[str, float]:
    """Return P(class) on each neutral baseline of an image.

    Parameters
    ----------
    network : Network
        What is asked; it has to know what its scores are.
    image : numpy.ndarray, shape (channels, ...)
        What it looks at.
    class_index : int
        Whose probability.

    Returns
    -------
    dict of str to float
        By name. Where it stays high although nothing is to be seen, the network does not know
        such images: it may take smoothness itself for a finding. The baseline with the lowest
        value is the most neutral one for this class.
    """
    images = np.stack([neutral_baseline(image, kind=kind) for kind in BASELINES])
    shares = probabilities(network, images)[:, class_index]
    return {kind: float(share) for kind, share in zip(BASELINES, shares, strict=True)}


def check_image(image: Floats) -> NDArray[np.float32]:
    """Return an image as float32 if it can be explained.

    Parameters
    ----------
    image : numpy.ndarray, shape (channels, rows, columns) or (channels, x, y, z)
        What a network looks at.

    Returns
    -------
    numpy.ndarray of float32
        The same values.

    Raises
    ------
    DataError
        If it has other axes, or values that are not finite.
    """
    values = np.asarray(image)
    if values.ndim not in {3, 4}:
        raise DataError(
            f"image: expected (channels, rows, columns) or (channels, x, y, z), got shape "
            f"{values.shape}; an image of one channel is image[None]."
        )
    if values.dtype.kind not in "fiub":
        raise DataError(f"image: expected numbers, got {values.dtype}.")
    if not np.isfinite(values).all():
        missing = int(np.count_nonzero(~np.isfinite(values)))
        raise DataError(f"image: {missing:,} values are not finite; fill them before.")
    return values.astype(np.float32)


def _blur(image: Floats) -> Floats:
    sigma = BLUR_SHARE * min(image.shape[1:])
    widths = (0.0, *[sigma] * (image.ndim - 1))
    return np.asarray(ndimage.gaussian_filter(image.astype(np.float64), widths, mode="nearest"))


def _local_mean(image: Floats) -> Floats:
    side = max(3, round(WINDOW_SHARE * min(image.shape[1:])))
    sides = (1, *[side] * (image.ndim - 1))
    return np.asarray(ndimage.uniform_filter(image.astype(np.float64), sides, mode="nearest"))


def _mean(image: Floats) -> Floats:
    means = image.mean(axis=tuple(range(1, image.ndim)), keepdims=True, dtype=np.float64)
    return np.broadcast_to(means, image.shape)


def _zero(image: Floats) -> Floats:
    return np.zeros(image.shape)


BASELINES: Registry[Callable[[Floats], Floats]] = Registry(
    "baseline", {"blur": _blur, "local-mean": _local_mean, "mean": _mean, "zero": _zero}
)
