"""Files of smooth maps in nilearn's brain mask at 2 mm, and the usual way to compare them: data and
peer of the benchmarks of map comparison."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from grey_matter import SIGMA_PER_FWHM, mask_image
from scipy import fft

FWHM_MM = (6.0, 10.0, 16.0, 24.0)
MARGIN = 24  # voxels around the grid, so that opposite faces have nothing to do with each other
SEED = 2026


class Cost(NamedTuple):
    """What a job took in a process of its own, its imports left out."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def write_maps(folder: Path, n: int) -> list[Path]:
    """Write n independent maps of brain, one after the other of 6, 10, 16 and 24 mm, 0 outside."""
    image = mask_image("brain")
    inside = np.asarray(image.dataobj) != 0
    shape = tuple(fft.next_fast_len(length + MARGIN) for length in inside.shape)
    squared = sum(k**2 for k in np.ix_(*(np.fft.fftfreq(length) for length in shape)))
    nib.openers.Opener.default_compresslevel = 1
    paths = []
    for number in range(0, n, 2):
        sigma = FWHM_MM[number // 2 % len(FWHM_MM)] * SIGMA_PER_FWHM / abs(image.affine[0, 0])
        noise = np.random.default_rng([SEED, number]).standard_normal((2, *shape), np.float32)
        kernel = np.exp(-2 * (np.pi * sigma) ** 2 * squared).astype(np.float32)
        both = fft.ifftn(fft.fftn(noise[0] + 1j * noise[1]) * kernel)
        for k, values in enumerate((both.real, both.imag)[: n - number]):
            cut = values[tuple(slice(length) for length in inside.shape)]
            stored = np.where(inside, cut / cut[inside].std(), 0).astype(np.float32)
            paths.append(folder / f"map{number + k:04d}.nii.gz")
            nib.Nifti1Image(stored, image.affine).to_filename(paths[-1])
    return paths


def heatlas_cost(folder: Path, **choices: Any) -> Cost:
    """Compare all maps of a folder in a process of its own; choices are policy, measure, null."""
    command = [sys.executable, __file__, str(folder), json.dumps(choices)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return Cost(*map(float, found.stdout.split()))


def corrcoef_cost(paths: list[Path], *, n_maps: int, n_pairs: int = 300) -> Cost:
    """Cost of np.corrcoef over whole grids for all pairs, from some pairs of some maps.

    Each file is loaded and made flat once, which a plain loop would not do.
    """
    started, cpu = time.perf_counter(), time.process_time()
    values = [nib.load(path).get_fdata().ravel() for path in paths]
    load = np.array([time.perf_counter() - started, time.process_time() - cpu]) / len(paths)
    pairs = [(i, j) for i in range(len(paths)) for j in range(i)][:n_pairs]
    started, cpu = time.perf_counter(), time.process_time()
    for i, j in pairs:
        np.corrcoef(values[i], values[j])
    pair = np.array([time.perf_counter() - started, time.process_time() - cpu]) / len(pairs)
    wall_s, cpu_s = n_maps * load + n_maps * (n_maps - 1) / 2 * pair
    return Cost(wall_s, cpu_s, n_maps * values[0].nbytes / 1e6)


def print_cost(folder: Path, *, null: str = "dutilleul", n: int = 1000, **choices: str) -> None:
    """Compare all maps of a folder and print seconds, CPU seconds and the peak in MB."""
    from heatlas.study.compare import CompareOptions, compare_maps

    paths = sorted(folder.glob("*.nii*"))
    options = CompareOptions(null=null, n_surrogates=n)
    started, cpu = time.perf_counter(), time.process_time()
    compare_maps(paths, options=options, **choices)
    taken = time.perf_counter() - started, time.process_time() - cpu
    # Not ru_maxrss, which remembers the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    print(*taken, int(line.split()[1]) * 1024 / 1e6)


if __name__ == "__main__":
    print_cost(Path(sys.argv[1]), **json.loads(sys.argv[2]))
