"""The background of a file is found whatever number it stores, and put into words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heatlas.compare.background import find_background, is_mask
from heatlas.core.errors import DataError
from heatlas.core.volume import Volume
from heatlas.io.nifti import read_volume
from tests.compare.fields import BRAIN, GRID, fields, volume


@pytest.mark.parametrize("number", [0.0, -1.0, -0.003, 0.25643])
def test_the_number_outside_the_brain_is_found(number: float) -> None:
    found = find_background(volume(fields(1)[0], background=number))
    assert found.value == pytest.approx(number, abs=1e-7)
    np.testing.assert_array_equal(found.outside, ~BRAIN)


def test_nan_is_background_beside_any_number() -> None:
    found = find_background(volume(fields(1)[0], background=np.nan))
    assert found.value is None
    assert found.n_missing == (~BRAIN).sum()
    np.testing.assert_array_equal(found.outside, ~BRAIN)
    assert "background NaN" in found.words


def test_a_scaled_file_may_be_one_step_off() -> None:
    step = 1e-3
    values = np.where(BRAIN, 5 + fields(1)[0], -0.003 + step * (np.arange(10) % 2))
    found = find_background(Volume(values=values.astype("f4"), grid=GRID, stored_step=step))
    assert found.value == pytest.approx(-0.002, abs=1.1e-3)
    np.testing.assert_array_equal(found.outside, ~BRAIN)


def test_a_map_without_a_constant_border_has_no_background() -> None:
    found = find_background(Volume(values=fields(1)[0], grid=GRID))
    assert found.value is None
    assert not found.outside.any()
    assert found.words == "no background: every voxel counts as measured"


def test_enclosed_zeros_are_missing_or_data_by_choice() -> None:
    values = 3 + fields(1)[0]
    values[6, 7, 5] = 0
    brain = volume(values)
    missing, data = find_background(brain), find_background(brain, enclosed="data")
    assert missing.n_enclosed == data.n_enclosed == 1
    assert missing.outside[6, 7, 5]
    assert not data.outside[6, 7, 5]
    assert "1 enclosed voxels of that value are data" in data.words
    with pytest.raises(DataError, match="missing"):
        find_background(brain, enclosed="zero")  # type: ignore[arg-type]


def test_both_values_of_a_mask_are_data() -> None:
    mask = Volume(values=BRAIN.astype(np.float32), grid=GRID)
    assert is_mask(mask)
    assert not is_mask(volume(fields(1)[0]))
    found = find_background(mask)
    assert found.is_mask
    assert not found.outside.any()


def test_real_receptor_maps_say_what_they_store(real_data: Path) -> None:
    expected = {
        "DAT_fpcit_hc174_dukart_spect": 0.0,
        "GABAa_flumazenil_hc6_dukart": 0.0,
        "D1_SCH23390_hc13_kaller": -0.003,
        "NAT_MRB_hc10_hesse": -0.003,
        "MU_carfentanil_hc204_kantonen": -0.009,
        "MU_carfentanil_hc39_turtonen": 0.25643,
        "VAChT_feobv_hc4_tuominen": None,
    }
    for name, number in expected.items():
        found = find_background(read_volume(real_data / "receptors" / f"{name}.nii.gz"))
        if number is None:
            assert found.value is None
        else:
            assert found.value == pytest.approx(number, abs=1e-5)
