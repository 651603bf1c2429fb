"""Windows have their published centres and widths, and what is not HU is told with evidence."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.window import Window
from heatlas.io.nifti import read_volume
from heatlas.prep.ct import (
    WINDOWS,
    check_hounsfield,
    chosen_windows,
    window_named,
    without_backdrop,
)
from tests.dicoms import head_pixels

HEAD = head_pixels(6).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("brain", 0, 80),
        ("subdural", -32.5, 182.5),
        ("stroke", 20, 60),
        ("bone", -500, 1300),
        ("lung", -1350, 150),
        ("mediastinum", -125, 225),
        ("liver", -45, 105),
        ("abdomen", -150, 250),
        ("angio", 0, 600),
    ],
)
def test_each_window_runs_from_low_to_high(name: str, low: float, high: float) -> None:
    assert (WINDOWS[name].low, WINDOWS[name].high) == (low, high)


def test_a_window_may_be_given_as_centre_and_width() -> None:
    window = window_named("32,8")
    assert (window.centre, window.width, window.name) == (32, 8, "custom")


def test_an_unknown_window_gets_the_nearest_spelling() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'brain'"):
        window_named("brian")
    with pytest.raises(DataError, match="a centre and a width in HU"):
        window_named("40,wide")


def test_the_files_own_window_is_asked_for_by_name() -> None:
    own = (Window(name="file", centre=35, width=100), Window(name="file 2", centre=1, width=2))
    assert chosen_windows(["file", "brain", "brain"], own=own) == (own[0], WINDOWS["brain"])
    with pytest.raises(DataError, match="proposes none of its own"):
        chosen_windows(["file"], own=())


def test_a_head_in_air_is_hu() -> None:
    check = check_hounsfield(HEAD)
    assert check.is_hu
    assert check.tissue_peak == pytest.approx(35, abs=3)
    assert check.air_peak == pytest.approx(-1000, abs=3)


def test_a_skull_stripped_head_is_hu_without_air() -> None:
    stripped = np.where(np.abs(HEAD - 35) < 40, HEAD, 0)
    check = check_hounsfield(stripped)
    assert check.is_hu
    assert "no air near −1000" in check.words


def test_fat_may_be_the_most_frequent_tissue() -> None:
    assert check_hounsfield(np.where(HEAD > 20, HEAD - 135, HEAD)).is_hu


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (HEAD + 1024, "subtracting 1024 would give HU"),
        (np.clip((HEAD + 1000) / 1900 * 255, 0, 255), "values from 0 to"),
        (np.where(HEAD > -500, HEAD + 150, HEAD), "soft tissue peaks at 185, expected 0 to 80"),
        (np.full((5, 5), np.nan, dtype=np.float32), "holds no value"),
        (np.where(HEAD > 0, 5000, HEAD), "no soft tissue"),
    ],
)
def test_what_is_not_hu_is_told_with_its_evidence(values: np.ndarray, word: str) -> None:
    check = check_hounsfield(np.asarray(values, dtype=np.float32))
    assert not check.is_hu
    assert check.words.startswith("This is not HU: ")
    assert word in check.words


NOISE = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (NOISE.beta(2, 2, (20, 20, 20)), "half of them lie within"),  # a probability map
        (NOISE.standard_t(30, (20, 20, 20)), "half of them lie within"),  # a t map
        (NOISE.integers(0, 3, (20, 20, 20)), "half of them lie within"),  # labels
        (np.tile(np.r_[np.arange(0, 60), 255], 50), "8-bit grey numbers"),  # a picture
    ],
)
def test_maps_labels_and_pictures_are_not_hu_though_their_values_lie_near_tissue(
    values: np.ndarray, word: str
) -> None:
    check = check_hounsfield(np.asarray(values, dtype=np.float32))
    assert not check.is_hu
    assert word in check.words


def test_padding_below_air_does_not_change_the_verdict() -> None:
    padded = HEAD.copy()
    padded[:, :6] = -3024
    check = check_hounsfield(padded)
    assert check.is_hu
    assert "lie below air" in check.words


@pytest.mark.parametrize(
    ("name", "is_hu"),
    [
        ("shear", True),
        ("scct_stripped_hu", True),
        ("CT_AVM", False),
        ("CT_pitch", False),
        ("scct", False),
    ],
)
def test_real_images_are_judged_right(real_data: Path, name: str, is_hu: bool) -> None:
    volume = read_volume(real_data / "ct" / "nifti" / f"{name}.nii.gz")
    assert check_hounsfield(volume.values).is_hu is is_hu


def test_scaled_copies_of_a_real_head_are_not_hu(real_data: Path) -> None:
    values = np.asarray(
        nib.load(real_data / "ct" / "nifti" / "scct_stripped_hu.nii.gz").dataobj, dtype=np.float32
    )
    assert not check_hounsfield(values * 10).is_hu
    assert not check_hounsfield(values + 1000).is_hu


def test_the_surround_of_a_stripped_head_is_set_apart_but_not_its_holes() -> None:
    stripped = np.zeros((10, 12, 11), dtype=np.float32)
    stripped[3:8, 3:9, 2:9] = 30
    stripped[5, 5, 5] = 0
    found, value = without_backdrop(stripped)
    assert value == 0
    assert found[5, 5, 5] == 0
    assert np.isnan(found[0, 0, 0])
    assert np.isnan(found).sum() == (stripped == 0).sum() - 1


def test_a_head_in_air_keeps_all_its_voxels() -> None:
    found, value = without_backdrop(HEAD)
    assert value is None
    assert found is HEAD
