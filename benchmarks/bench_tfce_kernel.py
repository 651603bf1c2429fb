"""TFCE of one t map at 3 mm and at 2 mm: exact beside nilearn's hundred steps.

The t map is that of the demo's groups, two-sided, with 6 neighbours, in nilearn's grey-matter mask
at 3 mm and in its brain mask at 2 mm. Each side runs in a process of its own, warm: compiled code
is loaded and one map was enhanced before the clock starts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import nibabel
import numpy as np
from bench_glm import demo_cohort, heatlas_model
from bench_mosaic import peak_mb

MAPS = 16  # of one block, for the maximum alone
FINE_STEPS = 1000  # of the peer, when its values are compared with the exact ones
Data = Mapping[str, np.ndarray]
Enhance = Callable[[], np.ndarray]


def t_maps() -> dict[str, dict[str, np.ndarray]]:
    """Return the demo's t map on both grids: values in 3-D, the mask and the affine."""
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_gm_mask
    from nilearn.image import resample_to_img

    warnings.simplefilter("ignore")
    demo = demo_cohort()
    whole = np.zeros(demo.mask.shape, np.float32)
    whole[demo.mask.get_fdata() > 0] = heatlas_model(demo)[0].statistic
    image = nibabel.Nifti1Image(whole, demo.mask.affine)
    data = {}
    for name, mask in (
        ("3mm", load_mni152_gm_mask(resolution=3)),
        ("2mm", load_mni152_brain_mask(resolution=2)),
    ):
        moved = resample_to_img(image, mask, force_resample=True, copy_header=True)
        inside = mask.get_fdata() > 0
        values = np.where(inside, moved.get_fdata(), 0).astype(np.float32)
        data[name] = {"values": values, "inside": inside, "affine": mask.affine}
    return data


def heatlas_map(data: Data) -> Enhance:
    """Return a function that enhances the map."""
    from heatlas.core.space import Grid, Mask
    from heatlas.infer.neighbours import neighbour_table
    from heatlas.infer.tfce import tfce

    mask = Mask(
        space=Grid(shape=data["inside"].shape, affine=data["affine"]), inside=data["inside"]
    )
    values, neighbours = mask.gather(data["values"]), neighbour_table(mask)
    return lambda: tfce(values, neighbours)


def heatlas_maxima(data: Data) -> Enhance:
    """Return a function that finds the largest value of each of many maps, as permutations do."""
    from heatlas.core.space import Grid, Mask
    from heatlas.infer.neighbours import neighbour_table
    from heatlas.infer.tfce import tfce_maxima

    mask = Mask(
        space=Grid(shape=data["inside"].shape, affine=data["affine"]), inside=data["inside"]
    )
    block, neighbours = np.tile(mask.gather(data["values"]), (MAPS, 1)), neighbour_table(mask)
    return lambda: tfce_maxima(block, neighbours)


def nilearn_map(data: Data, *, steps: int = 100) -> Enhance:
    """Return a function that enhances the map with nilearn, multiplied by its step."""
    from nilearn.mass_univariate._utils import calculate_tfce
    from scipy.ndimage import generate_binary_structure

    structure = generate_binary_structure(3, 1)
    step = float(np.abs(data["values"]).max()) / steps

    def enhance() -> np.ndarray:
        values = data["values"][..., None].astype(np.float64)
        dh = "auto" if steps == 100 else step
        return np.asarray(calculate_tfce(values, structure, dh=dh)).ravel() * step

    return enhance


SIDES: dict[str, Callable[[Data], Enhance]] = {
    "heatlas": heatlas_map,
    "heatlas maxima": heatlas_maxima,
    "nilearn": nilearn_map,
}


def measure(side: str, stored: str) -> None:
    """Print the shortest of some runs in seconds a map, and peak memory in MB."""
    with np.load(stored) as arrays:
        data = dict(arrays)
    enhance = SIDES[side](data)
    enhance()
    taken = []
    for _ in range(3 if side == "nilearn" else 10):
        started = time.perf_counter()
        enhance()
        taken.append(time.perf_counter() - started)
    n_maps = MAPS if side == "heatlas maxima" else 1
    print(f"{min(taken) / n_maps:.6f} {peak_mb():.0f}")


def measured(side: str, stored: str) -> float:
    """Measure a side in a process of its own, say what was found and return the seconds."""
    command = [sys.executable, __file__, side, stored]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, memory = map(float, done.stdout.split())
    print(f"  {side:14} {seconds * 1000:8.2f} ms a map, peak {memory:4.0f} MB")
    return seconds


def agreement(data: Data) -> str:
    """Say how close the peer comes to the exact values with many steps."""
    exact = heatlas_map(data)()
    stepped = nilearn_map(data, steps=FINE_STEPS)()[data["inside"].ravel()]
    gap = np.abs(stepped - exact).max() / np.abs(exact).max()
    r = np.corrcoef(stepped, exact)[0, 1]
    return f"nilearn with {FINE_STEPS:,} steps: r = {r:.6f}, largest gap {gap:.1e} of the maximum"


def main() -> None:
    """Run all sides at both sizes and print the ratios."""
    warnings.simplefilter("ignore")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for name, data in t_maps().items():
            stored = str(Path(folder) / f"{name}.npz")
            np.savez(stored, **data)
            print(f"{name}, {data['inside'].sum():,} voxels, both tails, 6 neighbours, 1 thread")
            found = {side: measured(side, stored) for side in SIDES}
            if name == "3mm":
                print(f"  {agreement(data)}")
            ratios.append((found["nilearn"] / found["heatlas"],
                           found["nilearn"] / found["heatlas maxima"]))  # fmt: skip
    (three, three_alone), (two, two_alone) = ratios
    print(
        f"ratio: nilearn takes {three:.0f} times as long at 3 mm and {two:.0f} at 2 mm; "
        f"{three_alone:.0f} and {two_alone:.0f} where the maximum alone is wanted"
    )


if __name__ == "__main__":
    measure(*sys.argv[1:]) if len(sys.argv) > 1 else main()
