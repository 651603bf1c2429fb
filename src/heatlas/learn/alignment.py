"""From the units of a layer to pixels of the image: receptive-field centres as an affine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import join, number
from heatlas.learn.network.model import Network
from heatlas.learn.network.probe import Probe, probe_axis

# How many times as long the probed image may become until enough fields lie inside of it, and how
# many values it may then have.
ENLARGED = (1, 2, 4, 8)
MOST_VALUES = 1 << 23
Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment(Value):
    """Where the units of a layer lie in the image.

    Parameters
    ----------
    layer : str
        Name of the layer; "input" for the image itself.
    layer_shape, image_shape : tuple of int
        Spatial shapes.
    affine : array_like, shape (axes + 1, axes + 1)
        From indices of units to those of pixels: the centre of each unit's receptive field.
    residual_px : float
        Largest distance between a probed centre and the affine.
    cut_axes : tuple of int
        Axes along which every field reaches beyond the image, so that the step is only known from
        the two shapes.
    """

    layer: str
    layer_shape: tuple[int, ...]
    image_shape: tuple[int, ...]
    affine: NDArray[np.float64]
    residual_px: float = 0.0
    cut_axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the affine and check it."""
        affine = own_array(self.affine, name="alignment", dtype=np.float64, ndim=2)
        side = len(self.image_shape) + 1
        if affine.shape != (side, side) or len(self.layer_shape) + 1 != side:
            raise DataError(f"alignment: expected a {side} x {side} matrix, got {affine.shape}.")
        set_field(self, "affine", to=affine)
        set_field(self, "layer_shape", to=tuple(self.layer_shape))
        set_field(self, "image_shape", to=tuple(self.image_shape))
        set_field(self, "cut_axes", to=tuple(self.cut_axes))

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        if self.layer == "input":
            return "one value a pixel"
        steps = np.linalg.norm(self.affine[:-1, :-1], axis=0)
        first = join(number(round(float(px), 4) + 0.0) for px in self.affine[:-1, -1])
        text = f"units of '{self.layer}' lie every {join(number(float(s)) for s in steps)} px from "
        text += f"({first}) on"
        if self.cut_axes:
            text += "; every field reaches beyond the image, so the step is that of the shapes"
        return text


def identity(image_shape: tuple[int, ...]) -> Alignment:
    """Return the alignment of a map that has one value a pixel."""
    return Alignment(
        layer="input",
        layer_shape=image_shape,
        image_shape=image_shape,
        affine=np.eye(len(image_shape) + 1),
    )


def align(network: Network, *, layer: str, shape: tuple[int, ...]) -> Alignment:
    """Find where the units of a layer lie in the image.

    Parameters
    ----------
    network : Network
        Any architecture.
    layer : str
        Dotted name of a layer with spatial extent.
    shape : tuple of int
        Shape of the image: (channels, ...).

    Returns
    -------
    Alignment
        Fitted to the centres of fields that lie inside the image. Where fewer than two do along an
        axis, an image twice and four times as large is probed, if the network takes one.

    Raises
    ------
    DataError
        If the layer sees nothing of the image, or all of its units see the same.
    """
    probes = [
        _probe(network, layer=layer, shape=shape, axis=axis) for axis in range(len(shape) - 1)
    ]
    affine, cut, residual = np.eye(len(shape)), [], 0.0
    for axis, (probe, layer_length) in enumerate(probes):
        step, start, off = _fitted(probe, axis=axis, layer_length=layer_length, shape=shape)
        affine[axis, axis], affine[axis, -1] = step, start
        residual = max(residual, off)
        if layer_length > 1 and probe.whole.sum() < 2:
            cut.append(axis)
        _check_rows(probe, axis=axis, layer=layer)
    return Alignment(
        layer=layer,
        layer_shape=tuple(length for _, length in probes),
        image_shape=shape[1:],
        affine=affine,
        residual_px=residual,
        cut_axes=tuple(cut),
    )


def stretched(layer_shape: tuple[int, ...], *, image_shape: tuple[int, ...]) -> Alignment:
    """Return the alignment that stretches a layer over the image, as is usual elsewhere.

    Parameters
    ----------
    layer_shape, image_shape : tuple of int
        Spatial shapes.

    Returns
    -------
    Alignment
        Corners on corners (bilinear resizing with ``align_corners=False``): for comparison only.
    """
    steps = np.array(image_shape) / np.array(layer_shape)
    affine = np.diag([*steps, 1.0])
    affine[:-1, -1] = (steps - 1) / 2
    return Alignment(
        layer="stretched", layer_shape=layer_shape, image_shape=image_shape, affine=affine
    )


def on_pixels(features: Floats, alignment: Alignment) -> NDArray[np.float64]:
    """Return a layer's map on the pixels of the image.

    Parameters
    ----------
    features : numpy.ndarray, shape alignment.layer_shape
        One value a unit.
    alignment : Alignment
        Where the units lie.

    Returns
    -------
    numpy.ndarray of float64, shape alignment.image_shape
        Linear between the centres of the units; beyond the outermost ones their value.
    """
    pixels = np.indices(alignment.image_shape, dtype=np.float64)
    return at_pixels(features, alignment, pixels=pixels)


def at_pixels(
    features: Floats, alignment: Alignment, *, pixels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a layer's map at positions in the image.

    Parameters
    ----------
    features : numpy.ndarray, shape alignment.layer_shape
        One value a unit.
    alignment : Alignment
        Where the units lie.
    pixels : numpy.ndarray, shape (axes, ...)
        Positions, in pixels of the image.

    Returns
    -------
    numpy.ndarray of float64, shape of the positions
        Linear between the centres of the units; beyond the outermost ones their value.

    Raises
    ------
    DataError
        If the map has another shape than the layer.
    """
    if features.shape != alignment.layer_shape:
        raise DataError(
            f"map: shape {features.shape}, but layer '{alignment.layer}' has "
            f"{alignment.layer_shape}."
        )
    inverse = np.linalg.inv(alignment.affine)
    turned = np.tensordot(inverse[:-1, :-1], pixels, axes=1)
    units = turned + inverse[:-1, -1].reshape(-1, *[1] * (pixels.ndim - 1))
    values = features.astype(np.float64)
    return np.asarray(map_coordinates(values, np.round(units, 9), order=1, mode="nearest"))


def _probe(network: Network, *, layer: str, shape: tuple[int, ...], axis: int) -> tuple[Probe, int]:
    """Probe along an axis until two fields lie inside; and the layer's length in the image."""
    found, layer_length = None, 0
    for times in ENLARGED:
        larger = tuple(n * times if place == axis + 1 else n for place, n in enumerate(shape))
        if found is not None and np.prod(larger) > MOST_VALUES:
            break
        try:
            found_now = probe_axis(network, layer=layer, shape=larger, axis=axis)
        except DataError:
            if found is None:
                raise
            break  # a network of one image shape: what the first probe saw has to do
        layer_length = layer_length or found_now.layer_length
        found = found_now
        if layer_length == 1 or found.whole.sum() > 1:
            break
    if found is None:
        raise DataError(f"layer '{layer}': it could not be probed.")
    return found, layer_length


def _fitted(
    probe: Probe, *, axis: int, layer_length: int, shape: tuple[int, ...]
) -> tuple[float, float, float]:
    """Return step and start of the units in pixels, and the largest distance from that line."""
    inside = probe.whole if probe.whole.sum() > 1 else probe.core_inside
    centres = probe.centres[:, axis]
    if layer_length > 1 and inside.sum() > 1:
        line = np.polynomial.Polynomial.fit(probe.units[inside], centres[inside], 1).convert()
        start, step = (float(value) for value in line.coef)
        off = float(np.abs(line(probe.units[inside]) - centres[inside]).max())
        return step, start, off
    middle = int(np.argmin(np.abs(probe.units - (probe.layer_length - 1) / 2)))
    step = shape[axis + 1] / layer_length
    return step, float(centres[middle] - step * probe.units[middle]), 0.0


def _check_rows(probe: Probe, *, axis: int, layer: str) -> None:
    """Raise DataError if units along an axis of the layer move along another axis of the image."""
    others = [other for other in range(probe.centres.shape[1]) if other != axis]
    if np.ptp(probe.centres[:, others], axis=0).max(initial=0.0) > 1:
        raise DataError(
            f"layer '{layer}': its units do not lie in rows along the image's axes, so its maps "
            "cannot be laid onto the image; name another layer."
        )
