"""10,000 two-sided max-t permutations of 40 grey-matter maps: beside nilearn's permuted_ols."""

from __future__ import annotations

import sys
import warnings

import numpy as np
from grey_matter import GROUP, Sample, fastest, nilearn_permutations, noise_in, pace, verdict

from heatlas.core.execute import get_executor
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationSettings, Residuals

N = 10_000
REQUIRED = 12.0
FEW, MANY = 200, 1200  # permutations that the peer is timed with
RESIDUALS: tuple[Residuals, ...] = ("freedman-lane", "huh-jhun")


def heatlas_permutations(sample: Sample, n: int, *, residuals: Residuals) -> PermutationResult:
    """The group difference on 2 workers."""
    settings = PermutationSettings(n_permutations=n, residuals=residuals, seed=1)
    engine = Engine(executor=get_executor("threads", workers=2))
    (found,) = permute(
        sample.values, sample.design, contrasts=[GROUP], settings=settings, engine=engine
    )
    return found


def main() -> int:
    """Run all, check that they do the same, and print the ratios."""
    warnings.simplefilter("ignore")
    sample = noise_in("grey matter")
    print(f"{len(sample.values)} maps x {sample.values.shape[1]:,} voxels, 2 covariates, 2 workers")
    first = nilearn_permutations(sample, FEW)  # start the workers
    peer = pace(lambda n: nilearn_permutations(sample, n), few=FEW, many=MANY)
    theirs = peer.total_s(N)
    print(f"nilearn   {theirs:7.2f} s: {1000 * peer.each_s:.2f} ms each of {MANY - FEW:,}, "
          f"times {N:,}, its start of {peer.start_s:.2f} s taken off")  # fmt: skip
    ratios = {}
    for residuals in RESIDUALS:
        found = heatlas_permutations(sample, 256, residuals=residuals)  # load what is compiled
        gap = np.abs(found.statistic - np.ravel(first["t"])).max()
        ours = fastest(lambda r=residuals: heatlas_permutations(sample, N, residuals=r))
        ratios[residuals] = theirs / ours
        print(f"heatlas   {ours:7.2f} s: {residuals}, from maps to corrected p; largest difference "
              f"of t {gap:.1e}; {verdict(ratios[residuals], required=REQUIRED)}")  # fmt: skip
    words = " and ".join(f"{ratio:.1f} ({name})" for name, ratio in ratios.items())
    print(f"ratio: nilearn takes {words} times as long")
    return 0 if min(ratios.values()) >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
