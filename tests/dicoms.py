"""Small DICOM files with a known truth, written by pydicom for the tests that read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SERIES = generate_uid(entropy_srcs=["heatlas", "series"])
# What must never be found again in anything that Heatlas writes.
SECRETS = ("SECRET^NAME", "SECRET-ID-77", "19500101", "SECRET HOSPITAL")


def dataset(
    pixels: NDArray[Any],
    *,
    position: Sequence[float] | None = (0.0, 0.0, 0.0),
    orientation: Sequence[float] | None = UPRIGHT,
    spacing: Sequence[float] | None = (1.0, 1.0),
    syntax: str = ExplicitVRLittleEndian,
    **elements: Any,
) -> FileDataset:
    """A CT slice; keywords replace or add elements, None removes one."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = CT_IMAGE
    meta.MediaStorageSOPInstanceUID = generate_uid()
    little = syntax != ExplicitVRBigEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128, is_little_endian=little)
    ds.SOPClassUID, ds.SOPInstanceUID = CT_IMAGE, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.InstitutionName = SECRETS
    ds.Modality, ds.SeriesInstanceUID = "CT", SERIES
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    ds.SliceThickness = 2
    for keyword, given in (
        ("ImagePositionPatient", position),
        ("ImageOrientationPatient", orientation),
        ("PixelSpacing", spacing),
    ):
        if given is not None:
            setattr(ds, keyword, [round(float(x), 9) for x in given])
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def write(path: Path, pixels: NDArray[Any], **settings: Any) -> Path:
    """Write one slice and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset(pixels, **settings).save_as(path, enforce_file_format=True)
    return path


def head_pixels(n: int, *, shape: tuple[int, int] = (48, 48), seed: int = 0) -> NDArray[np.int16]:
    """Slices (n, rows, columns) in HU: air, a skull of 900, a brain around 35."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape, dtype=float)
    radius = np.hypot(y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2) / (min(shape) / 2)
    slices = np.full((n, *shape), -1000.0)
    slices[:, radius < 0.8] = 900
    slices[:, radius < 0.7] = 35
    return np.rint(slices + rng.normal(0, 4, slices.shape)).astype(np.int16)


def write_series(folder: Path, pixels: NDArray[Any], *, step: float = 2.0, **settings: Any) -> Path:
    """Write an upright series, its files named against the order of their positions."""
    n = len(pixels)
    for k, image in enumerate(pixels):
        name = f"{n - k:03d}.dcm"
        position = (-10.0, -20.0, 5.0 + step * k)
        given = {"position": position, "InstanceNumber": k + 1, **settings}
        write(folder / name, image, **given)
    return folder


def enhanced(pixels: NDArray[Any], *, step: float = 3.0) -> FileDataset:
    """An enhanced multi-frame CT whose frames stand against their order in space."""
    ds = dataset(
        pixels, position=None, orientation=None, spacing=None, RescaleSlope=None,
        RescaleIntercept=None, SliceThickness=None,
    )  # fmt: skip
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    ds.NumberOfFrames = len(pixels)
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=list(UPRIGHT))]
    shared.PixelMeasuresSequence = [_item(PixelSpacing=[0.5, 0.75], SliceThickness=step)]
    shared.FrameVOILUTSequence = [_item(WindowCenter=40, WindowWidth=90)]
    ds.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for k in range(len(pixels)):
        group = Dataset()
        place = [1.0, 2.0, 30.0 - step * k]
        group.PlanePositionSequence = [_item(ImagePositionPatient=place)]
        group.PixelValueTransformationSequence = [
            _item(RescaleSlope=1 + k, RescaleIntercept=-1000, RescaleType="HU")
        ]
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = groups
    return ds


def _item(**elements: Any) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def values_of(path: Path) -> NDArray[np.float64]:
    """Real values by pydicom alone."""
    ds = pydicom.dcmread(path)
    return np.asarray(
        ds.pixel_array * np.float64(ds.RescaleSlope) + np.float64(ds.RescaleIntercept)
    )
