"""One image on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.space import Grid
from heatlas.core.volume import Volume

GRID = Grid(shape=(2, 3, 4), affine=np.eye(4))


@pytest.mark.parametrize(
    ("given", "kept"),
    [(np.float64, np.float64), (np.float32, np.float32), (np.int16, np.float32), (">f4", "f4")],
)
def test_values_are_float32_unless_they_came_as_float64(given: object, kept: object) -> None:
    volume = Volume(values=np.ones((2, 3, 4), dtype=given), grid=GRID)  # type: ignore[call-overload]
    assert volume.values.dtype == np.dtype(kept)  # type: ignore[call-overload]
    assert volume.values.dtype.isnative


def test_a_volume_does_not_follow_the_array_it_was_made_of() -> None:
    given = np.zeros((2, 3, 4), dtype=np.float32)
    volume = Volume(values=given, grid=GRID)
    given[0] = 1
    assert not volume.values.any()


def test_values_of_another_shape_are_refused_with_both_shapes() -> None:
    with pytest.raises(SpaceMismatchError, match=r"\(4, 3, 2\) does not fit .* \(2, 3, 4\)"):
        Volume(values=np.zeros((4, 3, 2)), grid=GRID)
    with pytest.raises(DataError, match="expected 3 axes"):
        Volume(values=np.zeros(24), grid=GRID)


def test_a_complex_image_is_refused_with_the_ways_out() -> None:
    with pytest.raises(DataError, match="magnitude or phase"):
        Volume(values=np.zeros((2, 3, 4), dtype=complex), grid=GRID)
