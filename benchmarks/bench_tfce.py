"""1,000 two-sided TFCE permutations of 40 maps: beside nilearn and MRtrix3, and how cost grows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from grey_matter import GROUP, Sample, fastest, nilearn_permutations, noise_in, pace, verdict

from heatlas.core.design import Design
from heatlas.core.execute import get_executor
from heatlas.core.space import Grid, Mask
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.reference import mrtrix  # what the tests hold for truth is the peer here

N = 1000
REQUIRED = {"nilearn": 60.0, "mrclusterstats": 15.0}
STRETCH = 25.0
PEAK_MB = 400.0
PEAK = "--peak"


def heatlas_permutations(sample: Sample, n: int) -> PermutationResult:
    """The group difference on 2 workers, faces touch."""
    settings = PermutationSettings(n_permutations=n, method="tfce", seed=1)
    (found,) = permute(
        sample.values, sample.design, contrasts=[GROUP], settings=settings, mask=sample.mask,
        engine=Engine(executor=get_executor("threads", workers=2)),
    )  # fmt: skip
    return found


def main() -> int:
    """Run all and print the ratios, the growth and the peak."""
    warnings.simplefilter("ignore")
    sample = noise_in("grey matter")
    print(f"{len(sample.values)} maps x {sample.values.shape[1]:,} voxels, 2 covariates, 2 workers")
    heatlas_permutations(sample, 128)  # load what is compiled
    ours = fastest(lambda: heatlas_permutations(sample, N))
    print(f"heatlas        {ours:8.2f} s: from maps to corrected p")
    theirs = {"nilearn": nilearn_s(sample), "mrclusterstats": mrclusterstats_s(sample)}
    ratios = {name: seconds / ours for name, seconds in theirs.items()}
    for name, ratio in ratios.items():
        print(f"against {name}: {verdict(ratio, required=REQUIRED[name])}")
    print(f"stretch of {STRETCH:g} x: {'met' if ratios['mrclusterstats'] >= STRETCH else 'missed'}")
    peak, first_peak = peak_mb(sample), peak_mb(sample, compiles=True)
    print(f"peak of a process of its own, python and all: {peak:.0f} MB "
          f"(limit {PEAK_MB:g}: {'met' if peak <= PEAK_MB else 'MISSED'}); "
          f"of the first ever, which compiles: {first_peak:.0f} MB")  # fmt: skip
    print_growth(sample, of_n=ours)
    words = " and ".join(f"{name} {ratio:.1f}" for name, ratio in ratios.items())
    print(f"ratio: {words} times as long")
    return int(peak > PEAK_MB or any(ratios[name] < REQUIRED[name] for name in ratios))


def nilearn_s(sample: Sample) -> float:
    """Seconds that nilearn takes, two-sided on 2 workers."""
    nilearn_permutations(sample, 2, tfce=True)  # start the workers
    few, many = 2, 14
    peer = pace(lambda n: nilearn_permutations(sample, n, tfce=True), few=few, many=many, rounds=1)
    print(f"nilearn        {peer.total_s(N):8.2f} s: {1000 * peer.each_s:.0f} ms each of "
          f"{many - few}, times {N:,}, its start of {peer.start_s:.1f} s taken off")  # fmt: skip
    return peer.total_s(N)


def mrclusterstats_s(sample: Sample, *, few: int = 10, many: int = 110) -> float:
    """Seconds that mrclusterstats takes for both tails, one after the other, on 2 threads."""
    total = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mrtrix.write_images(folder, sample.values, image=sample.image)
        for sign in (1, -1):
            mrtrix.write_model(folder, sample.design.matrix, weights=sign * GROUP.weights)
            peer = pace(lambda n: mrclusterstats(folder, n), few=few, many=many, rounds=1)
            total += peer.total_s(N)
            each = f"{1000 * peer.each_s:.0f} ms each of {many - few}, times {N:,}"
            print(f"mrclusterstats {peer.total_s(N):8.2f} s: one tail, {each}, "
                  f"its start of {peer.start_s:.1f} s taken off")  # fmt: skip
    return total


def mrclusterstats(folder: Path, n: int) -> None:
    """One tail of the TFCE of n permutations, step 0.1."""
    mrtrix.mrclusterstats(folder, options=["-nshuffles", str(n)], threads=2)


def print_growth(sample: Sample, *, of_n: float) -> None:
    """Print how the cost grows with permutations, subjects and voxels, 2 mm beside the peer."""
    print(f"growth: {N:,} permutations {of_n:.2f} s")
    for n in (250, 4000):
        seconds = fastest(lambda n=n: heatlas_permutations(sample, n), rounds=1)
        print(f"  {n:,} permutations {seconds:.2f} s")
    for n in (20, 80):
        other = noise_in("grey matter", n=n)
        print(f"  {n} subjects {fastest(lambda s=other: heatlas_permutations(s, N)):.2f} s")
    whole = noise_in("brain")
    ours = fastest(lambda: heatlas_permutations(whole, N), rounds=1)
    print(f"  {whole.values.shape[1]:,} voxels (2 mm) {ours:.2f} s, {ours / of_n:.1f} x for "
          f"{whole.values.shape[1] / sample.values.shape[1]:.1f} x the voxels")  # fmt: skip
    theirs = mrclusterstats_s(whole, few=4, many=24)
    print(f"  2 mm against mrclusterstats: {theirs / ours:.1f} x")


def peak_mb(sample: Sample, *, compiles: bool = False) -> float:
    """Peak memory of the job in a process of its own, in MB."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "sample.npz"
        np.savez(file, values=sample.values, matrix=sample.design.matrix,
                 inside=sample.mask.inside, shape=sample.mask.grid.shape,
                 affine=sample.mask.grid.affine)  # fmt: skip
        command = [sys.executable, __file__, PEAK, str(file)]
        kept = {"NUMBA_CACHE_DIR": name} if compiles else {}
        found = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, **kept}
        )
    return float(found.stdout)


def print_peak(file: Path) -> None:
    """Run the job of a file and print the peak of this process in MB."""
    held: dict[str, Any] = dict(np.load(file))
    n, k = held["matrix"].shape
    names, ids = tuple(f"x{i}" for i in range(k)), tuple(map(str, range(n)))
    grid = Grid(shape=tuple(map(int, held["shape"])), affine=held["affine"])
    sample = Sample(
        held["values"],
        Design(matrix=held["matrix"], names=names, ids=ids),
        Mask(space=grid, inside=held["inside"]),
        image=None,
    )
    heatlas_permutations(sample, N)
    # Not ru_maxrss, which remembers the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    print(int(line.split()[1]) * 1024 / 1e6)


if __name__ == "__main__":
    if PEAK in sys.argv:
        print_peak(Path(sys.argv[-1]))
    else:
        sys.exit(main())
