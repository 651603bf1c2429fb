"""The maximum statistic of 1,000 permutations of the demo study's maps: beside nilearn."""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
from bench_glm import Demo, demo_cohort

from heatlas.core.design import Contrast
from heatlas.core.execute import get_executor
from heatlas.infer.arrangements import PermutationSettings
from heatlas.infer.permute import PermutationResult, max_statistic

N_PERMUTATIONS = 1000
GROUP = Contrast(name="group", weights=np.array([0.0, 1, 0, 0, 0]))


def heatlas_permutations(demo: Demo, *, workers: int) -> PermutationResult:
    """Two-sided Freedman-Lane max-t of the group difference."""
    executor = get_executor("processes" if workers > 1 else "serial", workers=workers)
    settings = PermutationSettings(n_permutations=N_PERMUTATIONS, seed=2026)
    return max_statistic(
        demo.values, demo.design, contrast=GROUP, settings=settings, executor=executor
    )


def nilearn_permutations(demo: Demo, *, workers: int) -> None:
    """The same with permuted_ols."""
    from nilearn.mass_univariate import permuted_ols

    confounds = demo.design.matrix[:, [0, 2, 3, 4]]
    permuted_ols(
        demo.design.matrix[:, 1:2], demo.values.astype(np.float64), confounding_vars=confounds,
        model_intercept=False, n_perm=N_PERMUTATIONS, two_sided_test=True, n_jobs=workers,
        random_state=0, output_type="dict",
    )  # fmt: skip


def main() -> int:
    """Run both on one and on two workers and print the ratios."""
    warnings.simplefilter("ignore")
    demo = demo_cohort()
    print(f"{len(demo.values)} maps x {demo.values.shape[1]:,} voxels, {N_PERMUTATIONS:,} each")
    ratios = []
    for workers in (1, 2):
        heatlas_permutations(demo, workers=workers)  # start the workers
        started = time.perf_counter()
        heatlas_permutations(demo, workers=workers)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        nilearn_permutations(demo, workers=workers)
        theirs = time.perf_counter() - started
        print(f"{workers} worker(s): heatlas {ours:6.2f} s, nilearn {theirs:6.2f} s, "
              f"{theirs / ours:5.1f} x")  # fmt: skip
        ratios.append(theirs / ours)
    print(f"ratio: nilearn takes {ratios[0]:.1f} (1 worker) and {ratios[1]:.1f} times (2) as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
