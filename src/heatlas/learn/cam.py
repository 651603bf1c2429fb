"""Class-activation maps from the activations and gradients of one layer, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError

Floats = NDArray[np.floating]


def grad_cam(activations: Floats, gradients: Floats) -> Floats:
    """Return channels weighted by the mean of their gradient: Grad-CAM before its rectifier.

    Parameters
    ----------
    activations, gradients : numpy.ndarray, shape (channels, ...)
        What the layer gave and how the class's score changes with it.

    Returns
    -------
    numpy.ndarray, shape (...)
        Signed; negative where the evidence speaks against the class.

    References
    ----------
    Selvaraju et al. (2017), Grad-CAM: visual explanations from deep networks via gradient-based
    localization. doi:10.1109/ICCV.2017.74
    """
    return weighted_sum(activations, gradients.mean(axis=_places(gradients)))


def grad_cam_plus_plus(activations: Floats, gradients: Floats) -> Floats:
    """Return channels weighted by their positive gradients, each place by its own share.

    Parameters
    ----------
    activations, gradients : numpy.ndarray, shape (channels, ...)
        What the layer gave and how the class's score changes with it.

    Returns
    -------
    numpy.ndarray, shape (...)
        Signed where activations are; a place without gradient has no share.

    Notes
    -----
    As in the paper, the score's exponential is what is differentiated, so that the second and
    third derivatives are powers of the first.

    References
    ----------
    Chattopadhay et al. (2018), Grad-CAM++: generalized gradient-based visual explanations for deep
    convolutional networks. doi:10.1109/WACV.2018.00097
    """
    places = _places(gradients)
    cubes = activations.sum(axis=places, keepdims=True) * gradients**3
    below = 2 * gradients**2 + cubes
    share = np.divide(gradients**2, below, out=np.zeros_like(below), where=below != 0)
    return weighted_sum(activations, (share * np.maximum(gradients, 0)).sum(axis=places))


def hires_cam(activations: Floats, gradients: Floats) -> Floats:
    """Return the sum over channels of activation times gradient, place by place: HiResCAM.

    Parameters
    ----------
    activations, gradients : numpy.ndarray, shape (channels, ...)
        What the layer gave and how the class's score changes with it.

    Returns
    -------
    numpy.ndarray, shape (...)
        Signed. Where only a linear layer follows, it adds up to the score without its offset.

    References
    ----------
    Draelos, Carin (2020), Use HiResCAM instead of Grad-CAM for faithful explanations of
    convolutional neural networks. arXiv:2011.08891
    """
    return np.asarray((activations * gradients).sum(axis=0))


def layer_cam(activations: Floats, gradients: Floats) -> Floats:
    """Return the sum over channels of activation times positive gradient: LayerCAM.

    Parameters
    ----------
    activations, gradients : numpy.ndarray, shape (channels, ...)
        What the layer gave and how the class's score changes with it.

    Returns
    -------
    numpy.ndarray, shape (...)
        Signed where activations are.

    References
    ----------
    Jiang et al. (2021), LayerCAM: exploring hierarchical class activation maps for localization.
    doi:10.1109/TIP.2021.3089943
    """
    return np.asarray((activations * np.maximum(gradients, 0)).sum(axis=0))


def eigen_cam(activations: Floats) -> Floats:
    """Return the layer's first principal component, which knows of no class: Eigen-CAM.

    Parameters
    ----------
    activations : numpy.ndarray, shape (channels, ...)
        What the layer gave.

    Returns
    -------
    numpy.ndarray, shape (...)
        Activations projected on their first right singular vector, without centring as in the
        paper; of its two signs the one with the larger sum, so that activity is positive.

    References
    ----------
    Muhammad, Yeasin (2020), Eigen-CAM: class activation map using principal components.
    doi:10.1109/IJCNN48605.2020.9206626
    """
    rows = activations.reshape(len(activations), -1).T
    direction = np.linalg.svd(rows, full_matrices=False)[2][0]
    projected = (rows @ direction).reshape(activations.shape[1:])
    return np.asarray(projected if projected.sum() >= 0 else -projected)


def weighted_sum(activations: Floats, weights: Floats) -> Floats:
    """Return the sum over channels of weight times activation.

    Parameters
    ----------
    activations : numpy.ndarray, shape (channels, ...)
        What the layer gave.
    weights : numpy.ndarray, shape (channels,)
        One a channel.

    Returns
    -------
    numpy.ndarray, shape (...)
        Signed.
    """
    return np.asarray(np.tensordot(weights, activations, axes=1))


def channel_masks(activations: Floats) -> Floats:
    """Return each channel scaled to 0 to 1, as Score-CAM shows it to the network.

    Parameters
    ----------
    activations : numpy.ndarray, shape (channels, ...)
        What the layer gave.

    Returns
    -------
    numpy.ndarray, shape (channels, ...)
        A channel that is the same everywhere lets nothing through.

    Raises
    ------
    DataError
        If an activation is not finite.
    """
    if not np.isfinite(activations).all():
        raise DataError("network: an activation of the layer is not finite; check the image.")
    places = _places(activations)
    low = activations.min(axis=places, keepdims=True)
    span: Floats = activations.max(axis=places, keepdims=True) - low
    scaled = np.divide(activations - low, span, out=np.zeros_like(activations), where=span > 0)
    return np.asarray(scaled)


def _places(values: Floats) -> tuple[int, ...]:
    return tuple(range(1, values.ndim))
