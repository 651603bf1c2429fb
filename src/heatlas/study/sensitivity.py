"""The smallest effect that a study would have found, in words."""

from __future__ import annotations

import numpy as np

from heatlas.core.design import Design
from heatlas.core.threshold import Threshold
from heatlas.core.words import join, number
from heatlas.infer.power import (
    level_of_cut,
    smallest_contrast,
    smallest_correlation,
    smallest_partial_r2,
)
from heatlas.stats.glm import FittedContrast

POWER = 0.8


def smallest_words(design: Design, tested: FittedContrast, *, threshold: Threshold) -> str:
    """Return the smallest effect that would be found with 80 % power at the corrected level.

    Parameters
    ----------
    design : Design
        The model.
    tested : FittedContrast
        The contrast.
    threshold : Threshold
        Its judgement; the cut sets the level of the single voxel.

    Returns
    -------
    str
        The effect with its kind and the voxelwise level; says so when there is no cut.
    """
    alpha, how = voxelwise_level(tested, threshold)
    statistic, resolved = tested.statistic, tested.resolved
    two_sided = threshold.two_sided and statistic.kind == "t"
    n, dof = design.n, statistic.dof
    if resolved.shape == "F":
        r2 = smallest_partial_r2(n=n, dof=(dof[0], dof[1]), alpha=alpha, power=POWER)
        effect = f"a partial R2 of {number(r2, digits=2)}"
    elif resolved.shape == "slope":
        r = smallest_correlation(
            n=n, alpha=alpha, power=POWER, two_sided=two_sided, dof=dof[0]
        )  # fmt: skip
        effect = f"a partial correlation of {number(r, digits=2)}"
    else:
        d = smallest_contrast(
            design, tested.contrast, alpha=alpha, power=POWER, two_sided=two_sided
        )
        what = "a difference" if resolved.shape == "difference" else "an effect"
        effect = f"{what} of {number(d, digits=2)} residual standard deviations"
        if resolved.slopes:
            effect += f" per unit of {join(resolved.slopes)}"
    return f"{effect} with n = {n}, at p < {number(alpha, digits=2)} per voxel ({how})"


def voxelwise_level(tested: FittedContrast, threshold: Threshold) -> tuple[float, str]:
    """Return the level of a single voxel that the judgement amounts to, and how it was found.

    Parameters
    ----------
    tested : FittedContrast
        The contrast.
    threshold : Threshold
        Its judgement.

    Returns
    -------
    tuple of float and str
        The p of the cut; Bonferroni's level where there is no cut that could be reached, or none
        that says what a single voxel needs.
    """
    statistic = tested.statistic
    kind = threshold.settings.get("Statistic", statistic.kind)
    if threshold.cut is not None and kind == statistic.kind:
        two_sided = threshold.two_sided and statistic.kind == "t"
        alpha = level_of_cut(
            threshold.cut, kind=statistic.kind, dof=statistic.dof, two_sided=two_sided
        )
        return alpha, f"the level of the cut, {number(threshold.cut)}"
    level = threshold.alpha if threshold.alpha is not None else 0.05
    n = statistic.mask.size if threshold.logp is None else int(np.isfinite(threshold.logp).sum())
    if threshold.quantity:
        reason = f"{threshold.quantity} also depends on the neighbours"
    elif kind != statistic.kind:
        reason = f"{kind} has no degrees of freedom"
    else:
        reason = "there is no cut"
    return level / max(n, 1), f"Bonferroni's level, since {reason}"
