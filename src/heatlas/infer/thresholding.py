"""From a statistic to a judgement: one registry of thresholds, one way to apply them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, SpaceMismatchError
from heatlas.core.registry import Registry
from heatlas.core.space import Grid
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Correction, Threshold, strength_of
from heatlas.core.value import Value
from heatlas.core.words import count, level
from heatlas.infer import fdr
from heatlas.infer.cluster import cluster_extent
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.pvalues import check_statistic, log10_p, statistic_at
from heatlas.infer.request import PermutationMethod
from heatlas.infer.rule_words import quantity_words, rule_settings, rule_words

Floats = NDArray[np.float64]
CORRECTIONS: dict[str, Correction] = {
    "none": "none",
    "bonferroni": "fwe",
    "fdr-bh": "fdr",
    "fdr-by": "fdr",
    **dict.fromkeys(get_args(PermutationMethod), "fwe"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence(Value):
    """A statistic map and the question that is put to it.

    Parameters
    ----------
    stat_map : StatMap
        t, F or z; v or G for methods that permute.
    alpha : float
        Level.
    two_sided : bool
        Both tails; False for an F.
    permutations : PermutationResult, optional
        For the methods that permute.
    """

    stat_map: StatMap
    alpha: float
    two_sided: bool
    permutations: PermutationResult | None = None

    @property
    def n_tested(self) -> int:
        """Number of elements that have a statistic."""
        return int((~np.isnan(self.stat_map.values)).sum())

    @property
    def element(self) -> str:
        """What an element is called."""
        return "voxel" if isinstance(self.stat_map.mask.space, Grid) else "element"

    @property
    def logp(self) -> Floats:
        """Uncorrected -log10 p, shape (v,)."""
        m = self.stat_map
        return log10_p(m.values, kind=m.kind, dof=m.dof, two_sided=self.two_sided)

    def cut_at(self, p: float) -> float | None:
        """Return the statistic whose uncorrected p is the given one; None where there is none."""
        if not 0 < p < 1:
            return None
        m = self.stat_map
        return statistic_at(p, kind=m.kind, dof=m.dof, two_sided=self.two_sided)


def apply_threshold(
    stat_map: StatMap,
    *,
    method: str = "fdr-bh",
    alpha: float = 0.05,
    two_sided: bool = True,
    permutations: PermutationResult | None = None,
    cluster_extent_mm3: float | None = None,
    neighbourhood: str = "edges",
) -> Threshold:
    """Judge a statistic map.

    Parameters
    ----------
    stat_map : StatMap
        t or F with their degrees of freedom, or z; for methods that permute also v or G.
    method : str
        Name in ``THRESHOLDS``: ``"none"``, ``"bonferroni"``, ``"fdr-bh"``, ``"fdr-by"``; with
        permutations ``"max-t"``, ``"step-down"``, ``"tfce"``, ``"cluster-extent"``,
        ``"cluster-mass"``, ``"cluster-mass-above"``.
    alpha : float
        Level of the method.
    two_sided : bool
        Both tails of t, z and v; F and G have one tail whatever is asked.
    permutations : PermutationResult, optional
        The same contrast under permutations of that method.
    cluster_extent_mm3 : float, optional
        Remove what survives in clusters smaller than this.
    neighbourhood : str
        Which elements touch when clusters are formed.

    Returns
    -------
    Threshold
        What survives, with the corrected p of each element and the rule in words.

    Raises
    ------
    DataError
        If alpha is not between 0 and 1, or permutations are missing or of another test or method.
    NotSupportedError
        If the map is no statistic or has no degrees of freedom.
    SpaceMismatchError
        If the permutations are of another number of elements.
    UnknownNameError
        If there is no such method.

    Notes
    -----
    An element survives when its p is at most alpha; NaN never does. p-values are computed as
    logarithms, so a statistic of any size has a finite -log10 p. With permutations p is the share
    of arrangements whose largest value reaches that of the element (or of its cluster).
    """
    rule = THRESHOLDS[method]
    if not 0 < alpha < 1:
        raise DataError(f"alpha: expected a level between 0 and 1, got {alpha:g}.")
    if method not in get_args(PermutationMethod):
        check_statistic(stat_map.kind, dof=stat_map.dof)
    judged = rule(
        Evidence(
            stat_map=stat_map,
            alpha=alpha,
            two_sided=two_sided and stat_map.kind not in ("F", "G"),
            permutations=permutations,
        )
    )
    if cluster_extent_mm3 is None:
        return judged
    return _filter_extent(
        judged, stat_map, minimum_mm3=cluster_extent_mm3, neighbourhood=neighbourhood
    )


def _uncorrected(evidence: Evidence) -> Threshold:
    tested = count(evidence.n_tested, evidence.element)
    return _by_logp(
        evidence,
        method="none",
        logp=evidence.logp,
        cut=evidence.cut_at(evidence.alpha),
        words=f"p < {level(evidence.alpha)}, uncorrected for {tested}",
    )


def _bonferroni(evidence: Evidence) -> Threshold:
    m = max(evidence.n_tested, 1)
    return _by_logp(
        evidence,
        method="bonferroni",
        logp=np.maximum(evidence.logp - np.log10(m), 0),
        cut=evidence.cut_at(evidence.alpha / m),
        words=f"{evidence.element}wise FWE p < {level(evidence.alpha)} (Bonferroni)",
    )


def _benjamini_hochberg(evidence: Evidence) -> Threshold:
    return _false_discovery(evidence, harmonic=False)


def _benjamini_yekutieli(evidence: Evidence) -> Threshold:
    return _false_discovery(evidence, harmonic=True)


def _false_discovery(evidence: Evidence, *, harmonic: bool) -> Threshold:
    logp = evidence.logp
    critical = fdr.largest_rejected(10.0**-logp, alpha=evidence.alpha, harmonic=harmonic)
    name = "Benjamini-Yekutieli" if harmonic else "Benjamini-Hochberg"
    return _by_logp(
        evidence,
        method="fdr-by" if harmonic else "fdr-bh",
        logp=fdr.adjust_logp(logp, harmonic=harmonic),
        cut=evidence.cut_at(critical),
        words=f"{evidence.element}wise FDR q < {level(evidence.alpha)} ({name})",
    )


def _by_logp(
    evidence: Evidence, *, method: str, logp: Floats, cut: float | None, words: str
) -> Threshold:
    """Return the threshold of a method that knows the p of each element."""
    # The tolerance lets p = alpha survive when both were rounded on their way into logarithms.
    bar = -math.log10(evidence.alpha) * (1 - 1e-12)
    return Threshold(
        method=method,
        words=words,
        survives=np.nan_to_num(logp, nan=-1.0) >= bar,
        correction=CORRECTIONS[method],
        alpha=evidence.alpha,
        two_sided=evidence.two_sided,
        cut=cut,
        logp=logp,
    )


def _by_permutations(evidence: Evidence, *, method: str) -> Threshold:
    """Judge by the largest value of each arrangement, whatever was made largest."""
    judged = _checked_permutations(evidence, method=method)
    alpha, statistic = evidence.alpha, evidence.stat_map.values
    survives = np.nan_to_num(judged.p, nan=2.0) <= alpha
    cut = judged.cut(alpha)
    reached = cut if np.isfinite(cut) else None
    is_own = judged.quantity == judged.kind
    undecided = judged.undecided(alpha)
    # Where the statistic alone does not say what survives, neither does its cut.
    partial_view = not is_own or bool((np.isfinite(statistic) & (judged.counts == 0)).any())
    return Threshold(
        method=method,
        words=rule_words(judged, alpha=alpha, element=evidence.element),
        survives=survives,
        correction=CORRECTIONS[method],
        alpha=alpha,
        two_sided=evidence.two_sided,
        cut=reached if is_own else None,
        logp=-np.log10(judged.p),
        undecided=undecided,
        n_permutations=judged.n_permutations,
        n_possible=judged.n_possible,
        n_to_settle=_permutations_to_settle(judged.p[undecided], judged, alpha=alpha),
        null_maxima=judged.null_maxima,
        quantity="" if is_own else quantity_words(judged.quantity),
        extended=None if is_own else judged.observed,
        extended_cut=None if is_own else reached,
        strength=strength_of(statistic, survives=survives, cut=reached if is_own else None)
        if partial_view
        else None,
        tail_logp=judged.tail_logp,
        settings=rule_settings(judged),
    )


def _checked_permutations(evidence: Evidence, *, method: str) -> PermutationResult:
    """Return the permutations, or raise when they do not belong to the map or the method."""
    permutations, stat_map = evidence.permutations, evidence.stat_map
    if permutations is None:
        raise DataError(
            f"Threshold '{method}' needs the permutations of this contrast; none given."
        )
    if permutations.method != method:
        raise DataError(
            f"Threshold '{method}' needs permutations of that method; these were made for "
            f"'{permutations.method}'."
        )
    if len(permutations.counts) != len(stat_map.values):
        raise SpaceMismatchError(
            f"The permutations judge {len(permutations.counts):,} elements, "
            f"but the map has {len(stat_map.values):,}."
        )
    seen = (permutations.kind, permutations.dof, permutations.two_sided)
    wanted = (stat_map.kind, stat_map.dof, evidence.two_sided)
    if seen != wanted:
        raise DataError(
            "The permutations are of another test than the map: (kind, dof, two-sided) are "
            f"{seen} and {wanted}."
        )
    return permutations


def _permutations_to_settle(
    p: Floats, permutations: PermutationResult, *, alpha: float
) -> int | None:
    """Return how many permutations would settle the undecided p that lies closest to alpha.

    The interval of a proportion has a half-width of about 1.96 sqrt(alpha (1 - alpha) / N). A p
    closer to alpha than half a count is taken to be half a count away. Rounded up to two digits.
    """
    if not len(p):
        return None
    gap = max(float(np.abs(p - alpha).min()), 0.5 / permutations.n_permutations)
    needed = 1.96**2 * alpha * (1 - alpha) / gap**2
    unit = 10.0 ** max(math.floor(math.log10(needed)) - 1, 0)
    return max(int(math.ceil(needed / unit) * unit), permutations.n_permutations + 1)


def _filter_extent(
    judged: Threshold, stat_map: StatMap, *, minimum_mm3: float, neighbourhood: str
) -> Threshold:
    """Return the threshold without what survives in small clusters."""
    kept = cluster_extent(
        stat_map.values,
        survives=judged.survives,
        mask=stat_map.mask,
        extent_mm3=minimum_mm3,
        neighbourhood=neighbourhood,
    )
    size = f"{minimum_mm3:,.6g} mm³"
    words = f"{judged.words}, clusters of at least {size}"
    if judged.correction == "none":
        words += " (an extent chosen by the user, not a correction)"
    return replace(judged, survives=kept, words=words, cluster_extent_mm3=float(minimum_mm3))


THRESHOLDS: Registry[Callable[[Evidence], Threshold]] = Registry(
    "threshold",
    {
        "none": _uncorrected,
        "bonferroni": _bonferroni,
        "fdr-bh": _benjamini_hochberg,
        "fdr-by": _benjamini_yekutieli,
        **{
            method: partial(_by_permutations, method=method)
            for method in get_args(PermutationMethod)
        },
    },
)
