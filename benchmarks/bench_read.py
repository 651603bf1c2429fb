"""Reading 72 maps to one float32 matrix: Heatlas beside nilearn's load_img, one process each."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

MAPS = Path(__file__).resolve().parents[1] / "demo" / "depression" / "gm"
TARGET_S = 1.5


def read_with_heatlas(paths: list[Path]) -> float:
    """Seconds that Heatlas takes, after its import."""
    import numpy as np

    from heatlas.io.nifti import read_header, read_volume

    started = time.perf_counter()
    matrix = np.empty((len(paths), read_header(paths[0]).grid.size), dtype=np.float32)
    for row, path in zip(matrix, paths, strict=True):
        row[:] = read_volume(path).values.ravel()
    return time.perf_counter() - started


def read_with_nilearn(paths: list[Path]) -> float:
    """Seconds that nilearn takes, after its import."""
    import numpy as np
    from nilearn.image import load_img

    started = time.perf_counter()
    matrix = np.empty((len(paths), int(np.prod(load_img(paths[0]).shape))), dtype=np.float32)
    for row, path in zip(matrix, paths, strict=True):
        row[:] = load_img(path).get_fdata(dtype=np.float32).ravel()
    return time.perf_counter() - started


READERS = {"heatlas": read_with_heatlas, "nilearn": read_with_nilearn}


def measure(name: str) -> None:
    """Print seconds and peak memory in MiB of one reader, second pass of two."""
    paths = sorted(MAPS.glob("*.nii.gz"))
    READERS[name](paths)
    seconds = READERS[name](paths)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(name: str) -> tuple[float, float]:
    """Seconds and peak memory in MiB of one reader in a process of its own."""
    command = [sys.executable, __file__, name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, peak = output.split()
    return float(seconds), float(peak)


def main() -> None:
    """Run both, each in a process of its own, and print the ratio."""
    ours, peer = measured("heatlas"), measured("nilearn")
    n = len(list(MAPS.glob("*.nii.gz")))
    for name, (seconds, peak) in (("heatlas", ours), ("nilearn", peer)):
        print(f"{name}: {n} maps in {seconds:.2f} s, peak {peak:.0f} MiB")
    print(f"target {TARGET_S} s: {'met' if ours[0] <= TARGET_S else 'missed'}")
    print(f"ratio: nilearn takes {peer[0] / ours[0]:.1f} times as long")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        main()
