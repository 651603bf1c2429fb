"""Reading 140 slices of 512 x 512 to float32 HU: Heatlas beside pydicom and SimpleITK.

The series is generated: 12-bit-like noise in int16, an intercept, a header as long as that of a
scanner (60 elements), uncompressed. Each reader runs in a process of its own, on warm files. The
fastest path of pydicom parses each file, takes the pixel data as they are and scales them into one
array; the usual one goes through ``pixel_array``. Neither sorts, checks, digests or sets padding
apart, as Heatlas does.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_SLICES, SIDE = 140, 512
ROUNDS = 3
TARGET = 1.2


def write_series(folder: Path) -> None:
    """Write the series by pydicom alone."""
    import numpy as np
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    rng = np.random.default_rng(0)
    series = generate_uid()
    for k in range(N_SLICES):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
            CTImageStorage,
            generate_uid(),
        )
        ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        ds.Modality, ds.SeriesInstanceUID = "CT", series
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.ImagePositionPatient = [-125, -125, 1.25 * k]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [0.488, 0.488], 1.25
        ds.Rows = ds.Columns = SIDE
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation = 15, 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.InstanceNumber = 1, -1024, k + 1
        ds.WindowCenter, ds.WindowWidth = 40, 80
        block = ds.private_block(0x0019, "BENCHMARK", create=True)
        for element in range(30):
            block.add_new(element, "DS", str(element))
        ds.PixelData = rng.integers(0, 3000, (SIDE, SIDE), dtype=np.int16).tobytes()
        ds.save_as(folder / f"{k:04d}.dcm", enforce_file_format=True)


def read_with_heatlas(folder: Path) -> float:
    """Seconds from the folder to sorted float32 HU with positions, checks and digests."""
    from heatlas.io.dicom import find_series, read_series

    started = time.perf_counter()
    found = find_series(folder)
    stack = read_series(found.series[0], found=found).slices
    seconds = time.perf_counter() - started
    assert stack.values.shape == (N_SLICES, SIDE, SIDE)
    return seconds


def read_with_pydicom(folder: Path, *, decode: bool) -> float:
    """Seconds of pydicom to float32 HU in the order of the names."""
    import numpy as np
    from pydicom import dcmread

    started = time.perf_counter()
    values = np.empty((N_SLICES, SIDE, SIDE), dtype=np.float32)
    for out, path in zip(values, sorted(folder.iterdir()), strict=True):
        ds = dcmread(path)
        stored = (
            ds.pixel_array
            if decode
            else np.frombuffer(ds.PixelData, "<i2").reshape(ds.Rows, ds.Columns)
        )
        np.multiply(stored, np.float32(ds.RescaleSlope), out=out, dtype=np.float32)
        out += np.float32(ds.RescaleIntercept)
    return time.perf_counter() - started


def read_with_simpleitk(folder: Path) -> float:
    """Seconds of SimpleITK to float32 HU, one thread as the others."""
    import numpy as np
    import SimpleITK as sitk

    started = time.perf_counter()
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    sitk.GetArrayFromImage(reader.Execute()).astype(np.float32)
    return time.perf_counter() - started


READERS = {
    "heatlas": read_with_heatlas,
    "pydicom, raw pixel data": lambda folder: read_with_pydicom(folder, decode=False),
    "pydicom, pixel_array": lambda folder: read_with_pydicom(folder, decode=True),
    "SimpleITK": read_with_simpleitk,
}


def measure(name: str, folder: Path) -> None:
    """Print the fastest seconds of three passes, their CPU seconds and the peak in MiB."""
    READERS[name](folder)
    found = []
    for _ in range(3):
        cpu = time.process_time()
        found.append((READERS[name](folder), time.process_time() - cpu))
    seconds, used = min(found)
    print(seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str, folder: Path) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak memory of one reader in a process of its own."""
    command = [sys.executable, __file__, name, str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, cpu, peak = (float(word) for word in output.split())
    return seconds, cpu, peak


def main() -> None:
    """Run all readers in turn, round by round, and print the ratios of their fastest passes."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_series(folder)
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in READERS}
        for _ in range(ROUNDS):
            for name in READERS:
                found[name].append(measured(name, folder))
    best = {name: min(rounds) for name, rounds in found.items()}
    for name, (seconds, cpu, peak) in best.items():
        print(f"{name}: {N_SLICES} slices in {seconds:.3f} s (CPU {cpu:.3f}), peak {peak:.0f} MiB")
    ours = best["heatlas"][0]
    ratio = ours / best["pydicom, raw pixel data"][0]
    print(f"target {TARGET} of pydicom's fastest path: {'met' if ratio <= TARGET else 'missed'}")
    beside = ", ".join(f"{name} {best[name][0] / ours:.2f}" for name in list(READERS)[1:])
    print(
        f"ratio: Heatlas takes {ratio:.2f} of pydicom's raw path; times as long as ours: {beside}"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
