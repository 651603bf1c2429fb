"""Points planted in a written CT series are found where they were planted, beside a peer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from heatlas.study.ct import read_ct
from tests.dicoms import write

TILT = 18.5
SHAPE = (120, 112)
SIGMA_MM = 4.0
SURROUND = -1000
TO_RAS = np.array([-1.0, -1.0, 1.0])
# Places in mm, LPS+, as DICOM counts them; each point has its own brightness.
POINTS = np.array([(10.0, -12.0, 18.0), (-18.0, 9.0, 52.3), (6.0, 20.0, 88.8), (-4, -8, 128.0)])
PEAKS = np.array([2000.0, 1600.0, 1200.0, 800.0])
TILTED = (1.0, 0.0, 0.0, 0.0, np.cos(np.radians(TILT)), -np.sin(np.radians(TILT)))
# Three spacings and a jump, as a scan of the skull base and the brain has them.
UNEVEN = np.concatenate([
    2.0 * np.arange(30),
    59.14 + 3.0 * np.arange(16),
    106 + 2.4 * np.arange(24),
])
EVEN = 2.5 * np.arange(65)


class Found(NamedTuple):
    """Where points were found, in the order of their brightness, in mm (LPS+)."""

    places: np.ndarray

    @property
    def errors_mm(self) -> np.ndarray:
        """How far each is from where it was planted."""
        return np.linalg.norm(self.places - POINTS, axis=1)


def write_phantom(folder: Path, places: np.ndarray) -> Path:
    """A tilted series whose table moves along z, one Gaussian at each point."""
    right, down = np.array(TILTED[:3]), np.array(TILTED[3:])
    rows, columns = np.indices(SHAPE)
    first = -(SHAPE[0] - 1) / 2 * down - (SHAPE[1] - 1) / 2 * right
    for k, z in enumerate(places):
        corner = first + (0, 0, z)
        at = corner + columns[..., None] * right + rows[..., None] * down
        values = np.full(SHAPE, float(SURROUND))
        for point, peak in zip(POINTS, PEAKS, strict=True):
            values += peak * np.exp(-0.5 * ((at - point) ** 2).sum(axis=-1) / SIGMA_MM**2)
        write(
            folder / f"{k:03d}.dcm",
            np.rint(values).astype(np.int16),
            position=corner,
            orientation=TILTED,
            InstanceNumber=k + 1,
        )
    return folder


def centroids(values: np.ndarray) -> np.ndarray:
    """Centres of the bright blobs in indices, the brightest first."""
    height = np.nan_to_num(values - SURROUND, nan=0.0)
    labels, n = ndimage.label(height > 60)
    assert n == len(POINTS)
    numbers = np.arange(1, n + 1)
    order = np.argsort(-np.asarray(ndimage.maximum(height, labels, numbers)))
    return np.array(ndimage.center_of_mass(height, labels, numbers[order]))


def by_heatlas(folder: Path, **settings: float) -> Found:
    """Points in the volume of Heatlas."""
    volume = read_ct(folder, **settings).volume  # type: ignore[arg-type]
    return Found(volume.grid.to_mm(centroids(volume.values)) * TO_RAS)


def by_simpleitk(folder: Path) -> Found:
    """Points in the image that SimpleITK makes of the same files."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    indices = centroids(sitk.GetArrayFromImage(image).astype(float))[:, ::-1]
    return Found(
        np.array([image.TransformContinuousIndexToPhysicalPoint(i.tolist()) for i in indices])
    )


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tilted series with three spacings."""
    return write_phantom(tmp_path_factory.mktemp("uneven"), UNEVEN)


def test_points_of_a_tilted_uneven_series_are_recovered(uneven: Path) -> None:
    assert by_heatlas(uneven).errors_mm.max() < 0.1


def test_points_are_recovered_in_cubes_too(uneven: Path) -> None:
    assert by_heatlas(uneven, voxel_size_mm=1.5).errors_mm.max() < 0.1


def test_points_of_a_tilted_even_series_are_recovered_through_one_affine(tmp_path: Path) -> None:
    assert by_heatlas(write_phantom(tmp_path, EVEN)).errors_mm.max() < 0.1


def test_the_peer_puts_the_same_points_tens_of_millimetres_away(uneven: Path) -> None:
    assert by_simpleitk(uneven).errors_mm.max() > 10


def test_the_peer_misplaces_a_real_tilted_head(real_data: Path) -> None:
    folder = str(real_data / "ct" / "head_ge")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    stack = read_ct(folder).slices
    gaps = {"peer": [], "ours": []}
    for k, name in enumerate(reader.GetFileNames()):
        truth = np.array(pydicom.dcmread(name, stop_before_pixels=True).ImagePositionPatient, float)
        peer = np.array(image.TransformIndexToPhysicalPoint((0, 0, k)))
        gaps["peer"].append(np.linalg.norm(peer - truth))
        gaps["ours"].append(np.linalg.norm(stack.corners_mm[k] * TO_RAS - truth))
    assert max(gaps["peer"]) > 40
    assert max(gaps["ours"]) < 0.01
