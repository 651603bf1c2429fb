"""An explanation in millimetres, on the grid of the image or of the scan it was cut from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume
from heatlas.learn.alignment import at_pixels
from heatlas.learn.saliency import Explanation

# A voxel belongs to the image if its centre lies in it: half a pixel beyond the outermost centres.
HALF_PIXEL = 0.5 + 1e-6


def explanation_volume(
    explanation: Explanation, *, image_grid: Grid, to: Grid | None = None
) -> Volume:
    """Return an explanation as a volume of values in space.

    Parameters
    ----------
    explanation : Explanation
        Its map's axes have to be those of the grid, in order.
    image_grid : Grid
        Where the pixels of the image lie that the network looked at; of a slice the third length
        is 1.
    to : Grid, optional
        Where the map is wanted, such as the grid of the whole scan; by default on the image's own.

    Returns
    -------
    Volume
        Signed float32 values, NaN where the network saw nothing. They are taken from the units of
        the layer at once, through both affines, without a step on the image's pixels between.

    Raises
    ------
    SpaceMismatchError
        If the map does not have the grid's shape, or no voxel of the wanted grid lies in the image.
    """
    shape = explanation.values.shape
    expected = image_grid.shape if len(shape) == 3 else image_grid.shape[:2]
    if shape != expected or (len(shape) == 2 and image_grid.shape[2] != 1):
        raise SpaceMismatchError(
            f"explanation: shape {shape} does not fit the image's grid, {image_grid.shape}."
        )
    target = to or image_grid
    pixels = _pixels(image_grid, to=target)
    inside = np.ones(target.shape, dtype=bool)
    for place, length in zip(pixels, image_grid.shape, strict=True):
        inside &= (place >= -HALF_PIXEL) & (place <= length - 1 + HALF_PIXEL)
    if not inside.any():
        raise SpaceMismatchError(
            "explanation: no voxel of the wanted grid lies inside of the image that was explained."
        )
    values = at_pixels(
        explanation.features, explanation.alignment, pixels=pixels[: len(shape)]
    ).astype(np.float32)
    return Volume(
        values=np.where(inside, values, np.float32(np.nan)),
        grid=target,
        name=f"{explanation.method} class {explanation.class_index}",
        provenance=explanation.provenance.then(
            "place", inputs={"image_grid": image_grid.digest, "to_grid": target.digest}
        ),
    )


def _pixels(image_grid: Grid, *, to: Grid) -> NDArray[np.float64]:
    """Return where the voxels of a grid lie in the image, in its pixels, shape (3, *to.shape)."""
    steps = np.linalg.inv(image_grid.affine) @ to.affine
    voxels = np.indices(to.shape, dtype=np.float64)
    return np.tensordot(steps[:3, :3], voxels, axes=1) + steps[:3, 3].reshape(3, 1, 1, 1)
