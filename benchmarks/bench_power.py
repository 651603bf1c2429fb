"""How much of planted blobs is found by TFCE: Heatlas beside mrclusterstats, equal permutations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.reference import mrtrix, planted  # what the tests hold for truth is the peer here

N_SETS = 30
N_PERMUTATIONS = 200
SEED = 2026
PEER = "mrclusterstats"


def main() -> int:
    """Plant, look, and print the power of each; like is compared with like: z with z."""
    if not mrtrix.is_installed():
        raise SystemExit("mrtrix3 is missing: apt-get install mrtrix3")
    ratios, is_met = {}, True
    print(f"{planted.N} maps of {planted.SHAPE} voxels, {N_SETS} sets a blob, {N_PERMUTATIONS} "
          f"permutations, one-sided, family-wise {planted.ALPHA:g}")  # fmt: skip
    for name, blob in planted.BLOBS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = planted.find_blobs(
                blob, Path(folder), n_sets=N_SETS, n_permutations=N_PERMUTATIONS, seed=SEED
            )
        print(f"{name} blob, radius {blob.radius:g} voxels, effect {blob.effect:g} sd: "
              f"{PEER} finds {found.power(PEER):.1%}")  # fmt: skip
        for tool in ("heatlas z", "heatlas t"):
            lead, error = found.lead(tool, over=PEER)
            print(
                f"  {tool} finds {found.power(tool):.1%}: {lead:+.2%}, standard error {error:.2%}"
            )
        lead, error = found.lead("heatlas z", over=PEER)
        is_met &= lead >= -2 * error
        ratios[name] = found.power("heatlas z") / found.power(PEER)
    print(f"not below by more than 2 standard errors (z): {'met' if is_met else 'MISSED'}")
    words = " and ".join(f"{ratio:.2f} ({name})" for name, ratio in ratios.items())
    print(f"ratio: heatlas finds {words} times as much as {PEER}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
