"""A phantom head in Hounsfield units: skull, brain and ventricles, slice by slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def head(n_slices: int = 16, shape: tuple[int, int] = (120, 100)) -> NDArray[np.float32]:
    """Slices (n, rows, columns): air -1000, bone 900, brain near 35, ventricles near 8 HU."""
    chance = np.random.default_rng(0)
    rows, columns = np.indices(shape, dtype=float)
    slices = []
    for place in np.linspace(-0.6, 0.6, n_slices):
        size = np.sqrt(1 - place**2)
        r = np.hypot((rows - 60) / 50, (columns - 50) / 42) / size
        inner = np.hypot((rows - 58) / 14, (columns - 50) / 8) / max(0.3, 1 - abs(place))
        values = np.select([r > 1, r > 0.88, inner < 1], [-1000.0, 900.0, 8.0], default=35.0)
        slices.append(values + 4 * chance.standard_normal(shape))
    return np.array(slices, dtype=np.float32)
