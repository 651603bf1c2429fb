"""How a judgement by permutations is told: its rule in words, and its settings as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from heatlas.core.words import level, number
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.pvalues import log10_p

NEIGHBOURS = {"faces": "6", "edges": "18", "corners": "26"}  # of a voxel
CLUSTER_WORDS = {
    "cluster-extent": "extent",
    "cluster-mass": "mass",
    "cluster-mass-above": "mass above that threshold",
}


def rule_words(judged: PermutationResult, *, alpha: float, element: str) -> str:
    """Return the rule for captions.

    Parameters
    ----------
    judged : PermutationResult
        What was permuted, and how often.
    alpha : float
        Family-wise level.
    element : str
        What an element is called: ``"voxel"``.

    Returns
    -------
    str
        Such as ``"TFCE (t, E = 0.5, H = 2, 6 neighbours), FWE p < .05 by 5,000 permutations"``.
    """
    error = f"FWE p < {level(alpha)}"
    if judged.method == "tfce" and judged.tfce is not None:
        words = f"{_tfce_words(judged, element=element)}, {error}"
    elif judged.cluster_cut is not None:
        words = f"{_cluster_words(judged, element=element)}, {error}"
    else:
        words = f"{element}wise {error}"
    if judged.method == "step-down":
        words += " (step-down)"
    if len(judged.family) > 1:
        words += f" over {len(judged.family)} contrasts"
    words += f" by {judged.words}"
    if judged.smallest_p > alpha:
        words += f" (too few: p cannot fall below {number(judged.smallest_p, digits=2)})"
    return words


def quantity_words(quantity: str) -> str:
    """Return the name of what was made largest, for captions: ``TFCE``, ``cluster mass``."""
    return {"tfce": "TFCE", "cluster mass above": "cluster mass"}.get(quantity, quantity)


def rule_settings(judged: PermutationResult) -> dict[str, Any]:
    """Return how the method was set as JSON-like data for sidecars; what has no value is left out.

    Parameters
    ----------
    judged : PermutationResult
        The judgement.

    Returns
    -------
    dict
        Names in the style of BIDS sidecars.
    """
    tfce = judged.tfce
    content = {
        "Statistic": judged.kind,
        "TfceStatistic": None if tfce is None else tfce.statistic,
        "TfceExtentExponent": None if tfce is None else tfce.extent,
        "TfceHeightExponent": None if tfce is None else tfce.height,
        "ClusterFormingStatistic": judged.cluster_cut,
        "ClusterFormingP": _forming_p(judged),
        "Neighbourhood": judged.neighbourhood or None,
        "Rearrangement": judged.action,
        "Residuals": judged.residuals,
        "Exchangeability": judged.exchangeability or None,
        "PermutationsAsked": judged.n_asked,
        "StoppedEarly": judged.stopped_early,
        "AllPermutations": judged.exact,
        "CorrectedTogether": list(judged.family) or None,
    }
    return {key: entry for key, entry in content.items() if entry is not None}


def neighbour_words(neighbourhood: str, *, element: str) -> str:
    """Return ``6 neighbours`` for voxels, and the kind of neighbours on other spaces."""
    if element == "voxel" and neighbourhood in NEIGHBOURS:
        return f"{NEIGHBOURS[neighbourhood]} neighbours"
    return f"neighbours by {neighbourhood}"


def _tfce_words(judged: PermutationResult, *, element: str) -> str:
    settings = judged.tfce
    if settings is None:
        return "TFCE"
    statistic = judged.kind if settings.statistic == "t" else "z"
    exponents = f"E = {settings.extent:g}, H = {settings.height:g}"
    return (
        f"TFCE ({statistic}, {exponents}, {neighbour_words(judged.neighbourhood, element=element)})"
    )


def _cluster_words(judged: PermutationResult, *, element: str) -> str:
    kind = f"|{judged.kind}|" if judged.two_sided else judged.kind
    p = _forming_p(judged)
    forming = f"{kind} > {number(judged.cluster_cut or 0.0)}"
    forming += f", p < {level(p)} per {element}" if p is not None else ""
    around = neighbour_words(judged.neighbourhood, element=element)
    return f"clusters ({forming}, {around}) by {CLUSTER_WORDS[judged.method]}"


def _forming_p(judged: PermutationResult) -> float | None:
    """Return the uncorrected p of the cluster-forming threshold, where the statistic has one."""
    if judged.cluster_cut is None or not judged.dof:
        return None
    logp = log10_p(
        np.array(judged.cluster_cut), kind=judged.kind, dof=judged.dof, two_sided=judged.two_sided
    )
    return float(f"{10.0 ** -float(logp):.2g}")
