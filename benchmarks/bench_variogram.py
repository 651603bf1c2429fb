"""1,000 variogram surrogates on 400 parcels: Heatlas beside brainsmash in batches, one thread each.

brainsmash is GPL and no dependency: it is installed into an environment of its own, in the cache
folder of the user, the first time that this runs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

N_PARCELS, N_SURROGATES, N_TIMED, BATCH = 400, 1000, 300, 100
REQUIRED = 10.0
PEER = "brainsmash==0.11.0"


def case() -> tuple[np.ndarray, np.ndarray]:
    """Return centres of parcels, and two smooth maps over them, centred and of length one."""
    drawn = np.random.default_rng(1).uniform(-1, 1, size=(6 * N_PARCELS, 3))
    places = drawn[np.square(drawn).sum(axis=1) < 1][:N_PARCELS] * [70, 85, 60]
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    noise = np.random.default_rng(2).standard_normal((2, N_PARCELS))
    maps = noise @ np.linalg.cholesky(np.exp(-gaps / 25)).T
    maps -= maps.mean(axis=1, keepdims=True)
    return places, maps / np.linalg.norm(maps, axis=1, keepdims=True)


def heatlas_surrogates(stored: str) -> None:
    """Make them with Heatlas."""
    from heatlas.compare.variogram import BATCH as AT_ONCE
    from heatlas.compare.variogram import matched, places_of, variogram_of

    positions, maps = case()
    started = time.process_time()
    places = places_of(positions)
    target = variogram_of(maps[0].astype(np.float32)[:, None], places)[:, 0].astype(np.float64)
    batches = [
        matched(maps[0], target, places=places, seed=0, number=start)
        for start in range(0, N_SURROGATES, AT_ONCE)
    ]
    np.savez(stored, made=np.concatenate(batches), target=target)
    _report(time.process_time() - started, N_SURROGATES)


def brainsmash_surrogates(stored: str) -> None:
    """Make some of them with brainsmash; its start is part of both."""
    from brainsmash.mapgen.base import Base

    positions, maps = case()
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    started = time.process_time()
    base = Base(maps[0], gaps, seed=1)
    made = base(n=N_TIMED, batch_size=BATCH)
    taken = time.process_time() - started
    np.savez(stored, made=made, target=base.compute_smooth_variogram(maps[0]))
    _report(taken, N_TIMED)


def main() -> int:
    """Run both on one thread, compare what they make, and print the ratio."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    seconds, made, target = {}, {}, {}
    for name, python in (("heatlas", sys.executable), ("brainsmash", str(peer_python()))):
        with tempfile.TemporaryDirectory() as folder:
            stored = str(Path(folder) / "made.npz")
            command = [python, __file__, name, stored]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread
            )
            taken, peak = map(float, done.stdout.split())
            with np.load(stored) as kept:
                made[name], target[name] = kept["made"], kept["target"]
        seconds[name] = taken
        print(f"{name}: {taken:.2f} s of CPU for 1,000, peak memory {peak:.0f} MB")
    gap = np.abs(target["heatlas"] / target["brainsmash"] - 1).max()
    print(f"variogram of the map: largest difference {100 * gap:.1e} %")
    other = case()[1][1]
    for name, fields in made.items():
        centred = fields - fields.mean(axis=1, keepdims=True)
        r = centred @ other / np.linalg.norm(centred, axis=1)
        error = r.std() / np.sqrt(2 * len(r))
        print(f"{name}: null r {r.mean():+.4f}, standard deviation {r.std():.4f} (±{error:.4f})")
    ratio = seconds["brainsmash"] / seconds["heatlas"]
    print(f"ratio: brainsmash takes {ratio:.1f} times as long (required: {REQUIRED:g})")
    return 0 if ratio >= REQUIRED and gap < 1e-4 else 1


def peer_python() -> Path:
    """Return the interpreter of the peer's environment, which is made the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "heatlas-benchmarks" / "brainsmash"
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
        (folder / ".installed").touch()
    return python


def _report(seconds: float, n: int) -> None:
    """Print seconds for 1,000 and the peak of memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds * 1000 / n, peak)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"heatlas": heatlas_surrogates, "brainsmash": brainsmash_surrogates}[sys.argv[1]](
            sys.argv[2]
        )
    else:
        sys.exit(main())
