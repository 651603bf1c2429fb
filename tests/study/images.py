"""Small image files for the tests of recipes and verbs."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike

from tests.phantom import SHAPE, affine, ball, smooth_noise


def write_nifti(
    path: Path,
    values: ArrayLike,
    *,
    matrix: ArrayLike | None = None,
    intent: tuple[str, tuple[float, ...]] | None = None,
    code: int = 2,
) -> Path:
    """Write values as NIfTI-1 around the middle of the grid and return the path."""
    array = np.asarray(values)
    placed = affine(shape=array.shape[:3]) if matrix is None else np.asarray(matrix)
    image = nib.Nifti1Image(array, placed)
    image.header.set_xyzt_units("mm")
    image.set_sform(placed, code=code)
    image.set_qform(placed, code=code)
    if intent is not None:
        image.header.set_intent(*intent)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def signed_map(seed: int = 0) -> np.ndarray:
    """Noise inside a ball with one strong positive and one strong negative voxel; 0 outside."""
    values = smooth_noise(1, seed=seed)[0]
    values = np.clip(values, -2.5, 2.5)
    values[6, 7, 5], values[4, 7, 5] = 6.0, -5.0
    return np.where(ball(SHAPE, radius=4.5), values, 0).astype(np.float32)
