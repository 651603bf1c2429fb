"""Windows turn values into greys as DICOM defines it."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut, apply_windowing

from heatlas.core.errors import DataError
from heatlas.core.window import Window

VALUES = np.arange(-200, 301, dtype=np.int16)


def test_an_exact_window_is_black_at_its_low_end_and_white_at_its_high_end() -> None:
    window = Window(name="brain", centre=40, width=80)
    assert (window.low, window.high) == (0, 80)
    assert np.allclose(window.greys([-50, 0, 20, 40, 80, 500]), [0, 0, 0.25, 0.5, 1, 1])


@pytest.mark.parametrize(
    ("shape", "function"),
    [("linear", "LINEAR"), ("linear-exact", "LINEAR_EXACT"), ("sigmoid", "SIGMOID")],
)
def test_greys_are_those_of_pydicom(shape: str, function: str) -> None:
    ds = Dataset()
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = 45, 90, function
    ds.PhotometricInterpretation, ds.BitsStored, ds.PixelRepresentation = "MONOCHROME2", 16, 1
    expected = (apply_windowing(VALUES, ds) + 32768) / 65535
    window = Window(name="file", centre=45, width=90, shape=shape)  # type: ignore[arg-type]
    assert np.abs(window.greys(VALUES) - expected).max() < 1e-5


def test_a_table_gives_the_greys_that_pydicom_looks_up() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 10, 16])
    item.add_new("LUTData", "US", [0, 100, 65535, 300])
    ds = Dataset()
    ds.VOILUTSequence = [item]
    ds.BitsAllocated, ds.PixelRepresentation = 16, 0
    stored = np.arange(5, 20, dtype=np.uint16)
    expected = apply_voi_lut(stored, ds) / 65535
    table = np.array([0, 100, 65535, 300]) / 65535
    window = Window(name="table", centre=11.5, width=3, table=table, first=10)
    assert np.allclose(window.greys(stored), expected, atol=1e-6)
    assert (window.low, window.high) == (10, 13)


def test_a_linear_window_of_width_one_is_a_step() -> None:
    window = Window(name="step", centre=50, width=1, shape="linear")
    assert window.greys([49, 49.4, 49.6, 60]).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("shape", ["linear", "linear-exact", "sigmoid"])
def test_what_was_not_scanned_stays_missing(shape: str) -> None:
    window = Window(name="w", centre=0, width=10, shape=shape)  # type: ignore[arg-type]
    assert np.isnan(window.greys([np.nan])[0])


@pytest.mark.parametrize(
    ("centre", "width"), [(0, 0), (0, -5), (np.nan, 10), (0, np.inf), (np.inf, 1)]
)
def test_a_window_that_is_no_range_is_refused(centre: float, width: float) -> None:
    with pytest.raises(DataError, match="expected finite numbers and a width above 0"):
        Window(name="w", centre=centre, width=width)


def test_words_name_centre_width_and_unit() -> None:
    assert Window(name="lung", centre=-600, width=1500).words == (
        "lung (centre −600, width 1,500 HU)"
    )
