"""Several contrasts as one family: corrected over all elements of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.validate import check_length
from heatlas.infer import fwe
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.pvalues import log10_p, statistic_at

Floats = NDArray[np.float64]
MOST = 290.0  # -log10 p beyond which a p leaves the range of float64


def across_contrasts(
    results: Sequence[PermutationResult], *, names: Sequence[str]
) -> tuple[PermutationResult, ...]:
    """Correct contrasts together, for all elements of all of them.

    Parameters
    ----------
    results : sequence of PermutationResult
        From one call of :func:`~heatlas.infer.permute.permute`.
    names : sequence of str
        Their names, for words.

    Returns
    -------
    tuple of PermutationResult
        With p corrected over elements and contrasts. ``null_maxima`` stay on each contrast's own
        scale: the value that would be as extreme there as the largest of the family was.

    Raises
    ------
    DataError
        If they were not made of the same arrangements.
    NotSupportedError
        If their values cannot be compared.

    Notes
    -----
    Values of one statistic with the same degrees of freedom are compared as they are. Statistics
    of different degrees of freedom are put on one scale by their parametric p, which need not be
    right: the arrangements make the p that counts. TFCE and cluster values of different statistics
    have no common scale and are refused. Step-down p would depend on the order within the family
    and are refused too.
    """
    check_length(names, name="names", expected=len(results), per="results")
    _check_family(results)
    same = len({(one.kind, one.dof) for one in results}) == 1
    scales = [_own_scale if same else _p_scale(one) for one in results]
    nulls = [scale(one.null_maxima) for scale, one in zip(scales, results, strict=True)]
    largest = np.max(nulls, axis=0)
    return tuple(
        _corrected(one, scale=scale, largest=largest, names=tuple(names), same=same)
        for one, scale in zip(results, scales, strict=True)
    )


def _check_family(results: Sequence[PermutationResult]) -> None:
    made = {(one.n_permutations, one.action, one.exact, one.method) for one in results}
    if len(made) != 1:
        raise DataError(
            "Contrasts can be corrected together only where they were made of the same "
            "arrangements: by one method, all by permutations or all by sign-flips, none stopped "
            "early."
        )
    method = results[0].method
    if method == "step-down":
        raise NotSupportedError(
            "Step-down is not made across contrasts; correct them together with max-t."
        )
    kinds = {(one.kind, one.dof, one.two_sided, one.cluster_cut) for one in results}
    comparable = method == "max-t" and all(one.dof for one in results)
    if len(kinds) > 1 and not comparable:
        shown = " and ".join(sorted({f"{one.kind} with df {one.dof}" for one in results}))
        raise NotSupportedError(
            f"Contrasts of different statistics ({shown}) have no common scale of "
            f"{results[0].quantity}; correct each on its own, or together with max-t."
        )


def _own_scale(values: Floats) -> Floats:
    return values


def _p_scale(result: PermutationResult) -> Callable[[Floats], Floats]:
    def scale(values: Floats) -> Floats:
        return log10_p(values, kind=result.kind, dof=result.dof, two_sided=result.two_sided)

    return scale


def _corrected(
    result: PermutationResult,
    *,
    scale: Callable[[Floats], Floats],
    largest: Floats,
    names: tuple[str, ...],
    same: bool,
) -> PermutationResult:
    """Return the result judged by the largest value of the family."""
    size = scale(result.size)
    others = fwe.judge_by_maxima(size, largest, exact=True)
    # The identity of the family counts once, whichever contrast is largest in it.
    counts = np.where(result.counts > 0, others.counts, 0)
    null = largest if same else _on_scale_of(result, largest)
    return replace(result, null_maxima=null, counts=counts, family=names, tail_logp=None)


def _on_scale_of(result: PermutationResult, largest: Floats) -> Floats:
    """Return the statistics of this contrast that have the given -log10 p."""
    kind, dof, two_sided = result.kind, result.dof, result.two_sided
    return np.array([
        statistic_at(float(p), kind=kind, dof=dof, two_sided=two_sided)
        for p in 10.0 ** -np.minimum(largest, MOST)
    ])
