"""Smooth noise in nilearn's masks, with two groups and two covariates: data of the permutation
benchmarks, and how their peers are timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import ndimage

from heatlas.core.design import Contrast, Design
from heatlas.core.space import Grid, Mask

Template = Literal["grey matter", "brain"]
SEED = 2026
FWHM_MM = 7.0
SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
SIZES = {"grey matter": 64_292, "brain": 235_375}  # voxels that the peers were measured with
GROUP = Contrast(name="group", weights=np.array([0.0, 1, 0, 0]))


class Sample(NamedTuple):
    """Maps without any effect, and their model."""

    values: np.ndarray
    """shape (n, voxels), float32; variance 1 far from the border of the image"""
    design: Design
    """intercept, group, two covariates"""
    mask: Mask
    image: Any
    """the mask as an image, for the peers"""


def noise_in(template: Template, *, n: int = 40) -> Sample:
    """Make n maps of smooth noise: grey matter at 3 mm (64,292 voxels) or brain at 2 mm (235,375).

    The same map has the same values whatever n is; half of the maps belong to each group.
    """
    image = mask_image(template)
    inside = np.asarray(image.dataobj) != 0
    if int(inside.sum()) != SIZES[template]:
        raise SystemExit(f"nilearn's mask of {template} has {int(inside.sum()):,} voxels")
    sigma = FWHM_MM * SIGMA_PER_FWHM / np.abs(np.diag(image.affine)[:3])
    values = np.empty((n, SIZES[template]), np.float32)
    for number, row in enumerate(values):
        noise = np.random.default_rng([SEED, number]).standard_normal(inside.shape, np.float32)
        row[:] = ndimage.gaussian_filter(noise, sigma, mode="constant")[inside]
    values /= values.std()
    chance = np.random.default_rng(SEED)
    group = np.where(np.arange(n) < n // 2, 1.0, -1.0)
    matrix = np.column_stack([np.ones(n), group, chance.standard_normal((n, 2))])
    design = Design(
        matrix=matrix, names=("intercept", "group", "age", "size"), ids=tuple(map(str, range(n)))
    )
    mask = Mask(space=Grid(shape=inside.shape, affine=image.affine), inside=inside)
    return Sample(values, design, mask, image)


def mask_image(template: Template) -> Any:
    """Return one of the masks that nilearn carries, as an image."""
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_gm_mask

    if template == "grey matter":
        return load_mni152_gm_mask(resolution=3)
    return load_mni152_brain_mask(resolution=2)


class Pace(NamedTuple):
    """How long a peer takes."""

    each_s: float
    """seconds of one permutation"""
    start_s: float
    """seconds before the first one"""

    def total_s(self, n: int) -> float:
        """Seconds of n permutations, the start left out."""
        return n * self.each_s


def pace(run: Callable[[int], object], *, few: int, many: int, rounds: int = 2) -> Pace:
    """Time a peer with few and with many permutations; the difference is free of its start."""
    few_s = fastest(lambda: run(few), rounds=rounds)
    many_s = fastest(lambda: run(many), rounds=rounds)
    each = (many_s - few_s) / (many - few)
    return Pace(each, few_s - few * each)


def fastest(work: Callable[[], object], *, rounds: int = 2) -> float:
    """Shortest wall time of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def nilearn_permutations(sample: Sample, n: int, **options: Any) -> dict[str, Any]:
    """Run nilearn's permuted_ols of the group difference, two-sided on 2 workers."""
    from nilearn.maskers import NiftiMasker
    from nilearn.mass_univariate import permuted_ols

    matrix = sample.design.matrix
    found: dict[str, Any] = permuted_ols(
        matrix[:, 1:2], sample.values.astype(np.float64), confounding_vars=matrix[:, [0, 2, 3]],
        model_intercept=False, n_perm=n, two_sided_test=True, n_jobs=2, random_state=0,
        masker=NiftiMasker(sample.image).fit(), output_type="dict", **options,
    )  # fmt: skip
    return found


def verdict(ratio: float, *, required: float) -> str:
    """Return a ratio beside what is required of it."""
    return f"{ratio:5.1f} x (required {required:g}: {'met' if ratio >= required else 'MISSED'})"
