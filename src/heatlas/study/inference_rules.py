"""Rules across the settings of a judgement: what goes with which method, one sentence a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from heatlas.core.words import join
from heatlas.infer.request import CLUSTER_METHODS, PermutationMethod
from heatlas.study.document import Fault, Place

PERMUTATION_METHODS: tuple[str, ...] = get_args(PermutationMethod)
OTHER_METHODS = ("none", "bonferroni", "fdr-bh", "fdr-by")
KNOWN = (*OTHER_METHODS, *PERMUTATION_METHODS)
# What only the methods that permute can use, with the value that stands for leaving it out.
WITH_PERMUTATIONS: Mapping[str, Any] = {
    "residuals": "freedman-lane",
    "small_volume": None,
    "across_contrasts": False,
    "adaptive": False,
}


def inference_faults(content: Mapping[str, Any]) -> list[Fault]:
    """Return what contradicts itself in ``inference`` and in what analyses say of their errors.

    Parameters
    ----------
    content : mapping
        Settings of a study, of any shape: entries of a wrong one are passed over.

    Returns
    -------
    list of Fault
        In the order of the rules.
    """
    return [fault for rule in _RULES for fault in rule(content)]


def _of(content: Any, key: str) -> Mapping[str, Any]:
    found = content.get(key) if isinstance(content, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _inference(content: Any) -> tuple[Mapping[str, Any], str]:
    """Return the settings and the method; ``""`` where it is none that is known."""
    inference = _of(content, "inference")
    method = inference.get("method") or "max-t"
    return inference, method if isinstance(method, str) else ""


def _analyses(content: Any) -> list[tuple[int, Mapping[str, Any]]]:
    return _entries(content, "analyses")


def _entries(content: Any, key: str) -> list[tuple[int, Mapping[str, Any]]]:
    found = content.get(key) if isinstance(content, Mapping) else None
    listed = found if isinstance(found, (list, tuple)) else ()
    return [(n, entry) for n, entry in enumerate(listed) if isinstance(entry, Mapping)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fault(key: str, words: str) -> Fault:
    return Fault(path=("inference", *key.split(".")), words=words)


def _check_extent(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    if inference.get("cluster_extent_mm3") is not None and method in KNOWN and method != "none":
        words = "goes with the method none only; a corrected threshold needs no size of clusters."
        yield _fault("cluster_extent_mm3", words)


def _check_number(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    alpha = inference.get("alpha", 0.05)
    n = inference.get("n_permutations", 5000)
    if method not in PERMUTATION_METHODS or not _is_number(alpha) or not _is_number(n):
        return
    # The identity is one of the n arrangements, so they give p >= 1 / n.
    if 0 < alpha < 1 <= n and n * alpha < 1 - 1e-9:
        needed = math.ceil(1 / alpha - 1e-9)
        words = f"{n} give no p below {1 / n:.3g}; alpha {alpha:g} needs at least {needed:,}."
        yield _fault("n_permutations", words)


def _check_cluster_threshold(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    given = inference.get("cluster_threshold")
    if method in CLUSTER_METHODS and given is None:
        words = (
            f"is required by the method {method}: write {{p: 0.001}}, the uncorrected p of a "
            "voxel, or {statistic: 3.1}."
        )
        yield _fault("cluster_threshold", words)
    if given is not None and method in KNOWN and method not in CLUSTER_METHODS:
        words = f"goes with the methods {join(CLUSTER_METHODS)} only."
        yield _fault("cluster_threshold", words)
    if isinstance(given, Mapping):
        named = [key for key in ("p", "statistic") if given.get(key) is not None]
        if len(named) != 1 and not set(given) - {"p", "statistic"}:
            seen = "both p and statistic" if named else "neither p nor statistic"
            words = f"holds {seen}; one of them forms the clusters, such as {{p: 0.001}}."
            yield _fault("cluster_threshold", words)


def _check_one_scale(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Refuse a height that would mean one thing for t and another for F."""
    inference, method = _inference(content)
    height = _of(inference, "cluster_threshold").get("statistic")
    kinds = {
        str(contrast.get("kind") or "t")
        for _, analysis in _analyses(content)
        for _, contrast in _entries(analysis, "contrasts")
    }
    if method not in CLUSTER_METHODS or not _is_number(height) or not {"t", "F"} <= kinds:
        return
    grouped = any(analysis.get("variance_groups") for _, analysis in _analyses(content))
    remedy = "ask them in studies of their own" if grouped else "write {p: 0.001} for both"
    words = f"{height:g} is another height for a t than for an F, and both are asked; {remedy}."
    yield _fault("cluster_threshold.statistic", words)


def _check_tfce(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    if inference.get("tfce") is not None and method in KNOWN and method != "tfce":
        yield _fault("tfce", "goes with the method tfce only.")


def _check_permuting(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Refuse settings of permutations where nothing is permuted."""
    inference, method = _inference(content)
    if method not in OTHER_METHODS:
        return
    remedy = f"goes with the methods that permute only ({join(PERMUTATION_METHODS, last='or')})."
    for key, default in WITH_PERMUTATIONS.items():
        if inference.get(key) not in (None, default):
            yield _fault(key, remedy)
    for n, analysis in _analyses(content):
        for key in ("exchangeability", "variance_groups"):
            if analysis.get(key) is not None:
                yield Fault(path=("analyses", n, key), words=remedy)


def _check_adaptive(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    if inference.get("adaptive") is not True or method in OTHER_METHODS:
        return
    if inference.get("across_contrasts") is True:
        words = (
            "cannot be combined with across_contrasts: contrasts that are corrected together need "
            "the same permutations, and each would stop at a number of its own."
        )
        yield _fault("adaptive", words)
    if method == "step-down":
        words = (
            "cannot be combined with the method step-down, whose p depend on each other and "
            "cannot be settled one by one."
        )
        yield _fault("adaptive", words)


def _check_across(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    if inference.get("across_contrasts") is True and method == "step-down":
        words = (
            "cannot be combined with the method step-down, whose p would depend on the order of "
            "the contrasts; use max-t."
        )
        yield _fault("across_contrasts", words)


def _check_huh_jhun(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    if inference.get("residuals") != "huh-jhun" or method in OTHER_METHODS:
        return
    for n, analysis in _analyses(content):
        named: dict[Place, Any] = {
            ("exchangeability", "blocks"): _of(analysis, "exchangeability").get("blocks"),
            ("variance_groups",): analysis.get("variance_groups"),
        }
        for place, entry in named.items():
            if entry is not None:
                words = (
                    "cannot be combined with huh-jhun residuals, which mix the maps; use "
                    "freedman-lane."
                )
                yield Fault(path=("analyses", n, *place), words=words)


def _check_variance_groups(content: Mapping[str, Any]) -> Iterator[Fault]:
    inference, method = _inference(content)
    grouped = [n for n, analysis in _analyses(content) if analysis.get("variance_groups")]
    if not grouped:
        return
    because = f"with variance groups (analyses[{grouped[0]}]) the statistic is v or G, which has "
    because += "no degrees of freedom"
    if method in CLUSTER_METHODS and _of(inference, "cluster_threshold").get("p") is not None:
        words = f"{because}, so no p names a height; write {{statistic: 3.1}}."
        yield _fault("cluster_threshold.p", words)
    if method == "tfce" and _of(inference, "tfce").get("statistic") == "z":
        yield _fault("tfce.statistic", f"{because} to make a z of; write t.")


def _check_blocks(content: Mapping[str, Any]) -> Iterator[Fault]:
    for n, analysis in _analyses(content):
        given = _of(analysis, "exchangeability")
        place: Place = ("analyses", n, "exchangeability")
        blocks, shuffle = given.get("blocks"), given.get("shuffle", "within")
        if shuffle not in ("whole", "both"):
            continue
        if blocks is None:
            words = f"'{shuffle}' says how blocks are shuffled, but none are named; add blocks."
            yield Fault(path=(*place, "shuffle"), words=words)
        elif isinstance(blocks, (list, tuple)) and len(blocks) > 1:
            words = (
                f"'{shuffle}' is for one column of blocks; with several the signs of their labels "
                "say what is shuffled."
            )
            yield Fault(path=(*place, "shuffle"), words=words)


_RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Fault]], ...] = (
    _check_extent,
    _check_number,
    _check_cluster_threshold,
    _check_one_scale,
    _check_tfce,
    _check_permuting,
    _check_adaptive,
    _check_across,
    _check_huh_jhun,
    _check_variance_groups,
    _check_blocks,
)
