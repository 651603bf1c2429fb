"""1,000 two-sided cluster-mass permutations at p < .001: beside nilearn's permuted_ols."""

from __future__ import annotations

import sys
import warnings

import numpy as np
from grey_matter import GROUP, Sample, fastest, nilearn_permutations, noise_in, pace, verdict

from heatlas.core.execute import get_executor
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import ClusterForming, PermutationSettings

N = 1000
P = 0.001
REQUIRED = 40.0
FEW, MANY = 20, 220  # permutations that the peer is timed with


def heatlas_permutations(sample: Sample, n: int) -> PermutationResult:
    """The group difference on 2 workers; mass is what exceeds the threshold, as in nilearn."""
    settings = PermutationSettings(
        n_permutations=n, method="cluster-mass-above", cluster_forming=ClusterForming(p=P), seed=1
    )
    (found,) = permute(
        sample.values, sample.design, contrasts=[GROUP], settings=settings, mask=sample.mask,
        engine=Engine(executor=get_executor("threads", workers=2)),
    )  # fmt: skip
    return found


def main() -> int:
    """Run both, check that they do the same, and print the ratio."""
    warnings.simplefilter("ignore")
    sample = noise_in("grey matter")
    print(f"{len(sample.values)} maps x {sample.values.shape[1]:,} voxels, 2 covariates, 2 workers")
    first = nilearn_permutations(sample, FEW, threshold=P)  # start the workers
    peer = pace(lambda n: nilearn_permutations(sample, n, threshold=P), few=FEW, many=MANY)
    theirs = peer.total_s(N)
    found = heatlas_permutations(sample, 128)  # load what is compiled
    ours = fastest(lambda: heatlas_permutations(sample, N), rounds=6)
    gap = np.abs(np.abs(found.observed) - np.ravel(first["mass"])).max()
    largest = np.abs(found.observed).max()
    print(f"nilearn   {theirs:7.2f} s: {1000 * peer.each_s:.1f} ms each of {MANY - FEW}, "
          f"times {N:,}, its start of {peer.start_s:.2f} s taken off")  # fmt: skip
    print(f"heatlas   {ours:7.2f} s: from maps to corrected p; masses up to {largest:.2f} differ "
          f"by {gap:.1e}; {verdict(theirs / ours, required=REQUIRED)}")  # fmt: skip
    print(f"ratio: nilearn takes {theirs / ours:.1f} times as long")
    return 0 if theirs / ours >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
