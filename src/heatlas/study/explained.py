"""What a method of judgement does, and what was assumed, for readers who do not know it."""

from __future__ import annotations

from collections.abc import Mapping

from heatlas.core.words import count, level, number
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.fwe import clopper_pearson
from heatlas.infer.rule_words import neighbour_words
from heatlas.study.reach import possible_words
from heatlas.study.spec import InferenceSpec

_FAMILY = "so that the chance of any false {} at all stays at or below {{alpha}}"


def explained(inference: InferenceSpec) -> str:
    """Return two sentences on what the method does and what a surviving voxel means.

    Parameters
    ----------
    inference : InferenceSpec
        The settings.

    Returns
    -------
    str
        For readers who do not know the method.
    """
    small = inference.small_volume is not None
    said = _EXPLAINED[inference.method].format(
        where="the small volume" if small else "the whole map",
        alpha=level(inference.alpha),
        around=neighbour_words(inference.neighbourhood, element="voxel"),
        extent="" if inference.tfce is None else f"{inference.tfce.extent:g}",
        height="" if inference.tfce is None else f"{inference.tfce.height:g}",
        statistic="z" if inference.tfce and inference.tfce.statistic == "z" else "statistic",
    )
    if small:
        said += " Only the small volume that was named beforehand is judged."
    return said


def certainty(judged: PermutationResult, *, alpha: float) -> str:
    """Return how many permutations were used and exist, and how sure p is at alpha.

    Parameters
    ----------
    judged : PermutationResult
        The permutations.
    alpha : float
        Family-wise level.

    Returns
    -------
    str
        A sentence or two.
    """
    if judged.exact:
        return f"Judged by {judged.words}: no others exist, so p has no Monte-Carlo error."
    n = judged.n_permutations
    low, high = clopper_pearson(max(round(alpha * n) - 1, 0), n - 1)
    return (
        f"Judged by {judged.words}, of {possible_words(judged.n_possible)} possible ones. At p = "
        f"{level(alpha)} their Monte-Carlo error is a 95 % interval from {number(float(low))} to "
        f"{number(float(high))}."
    )


def assumed(judged: PermutationResult, *, groups: str = "") -> str:
    """Return what the permutations assume, in one sentence.

    Parameters
    ----------
    judged : PermutationResult
        The permutations.
    groups : str
        Column of the variance groups, ``""`` where there are none.

    Returns
    -------
    str
        What must hold for p to be right.
    """
    words = f"Assumed: {judged.exchangeability}"
    if groups:
        words += f"; each level of {groups} may have a variance of its own ({judged.kind})"
    return f"{words}."


def contrasts_words(inference: InferenceSpec, *, n: int) -> str:
    """Return what was done about several contrasts being several tests.

    Parameters
    ----------
    inference : InferenceSpec
        The settings.
    n : int
        Number of contrasts.

    Returns
    -------
    str
        A sentence.
    """
    if inference.across_contrasts:
        return (
            "the contrasts of an analysis were corrected together, and several analyses are "
            "several tests."
        )
    many = "" if n == 1 else f" ({count(n, 'contrast')} here)"
    return f"several contrasts are several tests{many}, and no correction across them was made."


_CLUSTERS = (
    "Neighbouring voxels ({around}) beyond the cluster threshold form clusters, and the {what} of "
    "each is compared with the largest of {where} in every permutation, "
    + _FAMILY.format("cluster")
    + ". What survives is a cluster as a whole: some of its voxels may show no effect."
)
_EXPLAINED: Mapping[str, str] = {
    "none": "Every voxel is judged on its own, as if it were the only one. Among many thousands "
    "of voxels some will seem to differ by chance.",
    "bonferroni": "The level is divided by the number of voxels, "
    + _FAMILY.format("voxel")
    + ". That is strict, since neighbouring voxels do not vary independently.",
    "fdr-bh": "Among the voxels that survive, the expected share of false ones is held at or below "
    "{alpha}. Any single one of them may be false.",
    "fdr-by": "Among the voxels that survive, the expected share of false ones is held at or below "
    "{alpha}, however voxels depend on each other. Any single one of them may be false.",
    "max-t": "Every voxel is compared with the largest statistic of {where} in every "
    "permutation, " + _FAMILY.format("voxel") + ". Each surviving voxel counts on its "
    "own.",
    "step-down": "Every voxel is compared with the largest statistic in every permutation among "
    "the voxels that are not stronger than itself, "
    + _FAMILY.format("voxel")
    + ". Each surviving voxel counts on its own, and none is lost that max-t would find.",
    "tfce": "Every voxel gets a score from all heights h below its {statistic}, the integral of "
    "e(h)^{extent} h^{height}, where e(h) is the number of connected voxels ({around}) that reach "
    "h with it; the score is compared with the largest of {where} in every permutation, "
    + _FAMILY.format("voxel")
    + ". A surviving voxel owes its score to its neighbours as well: at the rim of a finding it "
    "may show no effect by itself.",
    "cluster-extent": _CLUSTERS.replace("{what}", "number of voxels"),
    "cluster-mass": _CLUSTERS.replace("{what}", "mass (the sum of the statistic)"),
    "cluster-mass-above": _CLUSTERS.replace(
        "{what}", "mass (the sum of what exceeds the threshold)"
    ),
}
