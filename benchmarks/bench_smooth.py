"""Smoothing the demo's maps by 8 mm: Heatlas beside nilearn's smooth_img, one process each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MAPS = Path(__file__).resolve().parents[1] / "demo" / "depression" / "gm"
FWHM_MM = 8.0
N_MAPS = 24
REPEATS = 5


def heatlas_smoothing(paths: list[Path]) -> Callable[[], list[object]]:
    """Return what smooths the maps, which are read beforehand."""
    from heatlas.geometry.smooth import smooth
    from heatlas.io.nifti import read_volume

    volumes = [read_volume(path) for path in paths]
    return lambda: [smooth(volume, fwhm_mm=FWHM_MM).values for volume in volumes]


def nilearn_smoothing(paths: list[Path]) -> Callable[[], list[object]]:
    """The same with nilearn on images in memory, float32."""
    import nibabel
    import numpy as np
    from nilearn.image import smooth_img

    images = [nibabel.load(path) for path in paths]
    images = [nibabel.Nifti1Image(i.get_fdata(dtype=np.float32), i.affine) for i in images]
    return lambda: [np.asarray(smooth_img(image, FWHM_MM).dataobj) for image in images]


SIDES = {"heatlas": heatlas_smoothing, "nilearn": nilearn_smoothing}


def measure(name: str, stored: str) -> None:
    """Print the fastest seconds a map and keep the last map for the comparison."""
    import numpy as np

    smooth_all = SIDES[name](sorted(MAPS.glob("*.nii.gz"))[:N_MAPS])
    smoothed = smooth_all()
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        smoothed = smooth_all()
        taken.append(time.perf_counter() - started)
    np.save(stored, np.asarray(smoothed[-1]))
    print(min(taken) / N_MAPS)


def main() -> int:
    """Run both on one thread, compare their maps and print the ratio."""
    import numpy as np

    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    seconds, maps = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SIDES:
            stored = str(Path(folder) / f"{name}.npy")
            command = [sys.executable, __file__, name, stored]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread
            )
            seconds[name], maps[name] = float(done.stdout), np.load(stored)
            print(f"{name}: {1000 * seconds[name]:.1f} ms a map on one thread")
    gap = np.abs(maps["heatlas"] - maps["nilearn"]).max() / np.abs(maps["nilearn"]).max()
    print(f"largest difference: {gap:.1e} of the largest value")
    ratio = seconds["nilearn"] / seconds["heatlas"]
    print(f"ratio: nilearn takes {ratio:.1f} times as long")
    return 0 if gap < 1e-5 else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        sys.exit(main())
