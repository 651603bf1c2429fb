"""Comparisons of a few maps: 24 at 2 mm, 24 small ones, and 14 PET maps under each policy."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from map_files import SEED, Cost, corrcoef_cost, heatlas_cost, write_maps
from scipy import ndimage

N = 24
LIMIT_S = 10.0
SMALL, SMALL_LIMIT_S = (57, 66, 40), 0.5
REAL_LIMIT_S = 5.0
POLICIES = ("common", "pairwise", "union-zero", "whole-grid")


def main() -> int:
    """Run all and print what each took."""
    kept = [compare_at_2_mm(), compare_small_maps(), compare_real_maps()]
    return int(not all(kept))


def compare_at_2_mm() -> bool:
    """24 maps in the brain mask at 2 mm, with Dutilleul's p and with surrogates."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_maps(folder, N)
        ours = heatlas_cost(folder)
        peer = corrcoef_cost(paths, n_maps=N)
        surrogates = heatlas_cost(folder, null="spectral", n=100)
    kept = told(f"{N} maps at 2 mm", ours, limit=LIMIT_S)
    print(f"  peak {ours.peak_mb:.0f} MB; np.corrcoef over whole grids, r "
          f"alone, {peer.wall_s:.1f} s")  # fmt: skip
    print(f"  with 100 joint spectral surrogates {surrogates.wall_s:.1f} s, {surrogates.cpu_s:.1f} "
          f"CPU-s, peak {surrogates.peak_mb:.0f} MB")  # fmt: skip
    print(f"ratio: np.corrcoef takes {peer.wall_s / ours.wall_s:.1f} times as long")
    return kept


def compare_small_maps() -> bool:
    """24 maps of (57, 66, 40) voxels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        axes = np.ix_(*(np.linspace(-1, 1, length) for length in SMALL))
        inside = sum(axis**2 for axis in axes) < 0.9
        for number in range(N):
            noise = np.random.default_rng([SEED, number]).standard_normal(SMALL)
            values = np.where(inside, ndimage.gaussian_filter(noise, 2), 0).astype(np.float32)
            image = nib.Nifti1Image(values, np.diag([3.0, 3.0, 3.5, 1.0]))
            image.to_filename(folder / f"map{number:02d}.nii.gz")
        return told(f"{N} maps of {SMALL}", heatlas_cost(folder), limit=SMALL_LIMIT_S)


def compare_real_maps() -> bool:
    """PET maps of receptors on three grids, Pearson and Spearman, each policy as the main one."""
    data = os.environ.get("HEATLAS_TEST_DATA")
    folder = Path(data or "") / "receptors"
    if not data or not folder.is_dir():
        print("PET maps: left out; HEATLAS_TEST_DATA does not name a folder with receptors/")
        return True
    n, kept = len(list(folder.glob("*.nii.gz"))), True
    for measure in ("pearson", "spearman"):
        for policy in POLICIES:
            cost = heatlas_cost(folder, policy=policy, measure=measure)
            words = f"{n} PET maps, {measure}, {policy} ({cost.peak_mb:.0f} MB)"
            kept &= told(words, cost, limit=REAL_LIMIT_S)
    return kept


def told(words: str, cost: Cost, *, limit: float) -> bool:
    """Print a time beside its limit, and say whether it was kept."""
    kept = cost.wall_s <= limit
    met = "met" if kept else "MISSED"
    print(f"{words}: {cost.wall_s:.2f} s, {cost.cpu_s:.2f} CPU-s (limit {limit:g} s: {met})")
    return kept


if __name__ == "__main__":
    sys.exit(main())
