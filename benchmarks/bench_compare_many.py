"""1,000 maps at 2 mm, all pairs, with p and every policy: beside a loop of np.corrcoef."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grey_matter import verdict
from map_files import corrcoef_cost, heatlas_cost, write_maps

N, N_PEER = 1000, 50
REQUIRED = 40.0
PEAK_MB = 1500.0


def main() -> int:
    """Run both and print the ratio and the peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_maps(folder, N)
        ours = heatlas_cost(folder)
        peer = corrcoef_cost(paths[:N_PEER], n_maps=N)
    print(f"heatlas     {ours.wall_s:8.1f} s ({ours.cpu_s:.0f} CPU-s): {N:,} files to r under four "
          f"policies, effective n, intervals, corrected p, order")  # fmt: skip
    print(f"np.corrcoef {peer.wall_s:8.1f} s ({peer.cpu_s:.0f} CPU-s): r over the whole grid, each "
          f"file loaded once; from {N_PEER} maps")  # fmt: skip
    small = ours.peak_mb <= PEAK_MB
    print(f"peak {ours.peak_mb:.0f} MB (limit {PEAK_MB:g}: {'met' if small else 'MISSED'}); "
          f"the peer's arrays alone {peer.peak_mb:.0f} MB")  # fmt: skip
    ratio = peer.wall_s / ours.wall_s
    print(f"in CPU seconds {peer.cpu_s / ours.cpu_s:.1f} x")
    print(f"ratio: {verdict(ratio, required=REQUIRED)}")
    return int(not small or ratio < REQUIRED)


if __name__ == "__main__":
    sys.exit(main())
