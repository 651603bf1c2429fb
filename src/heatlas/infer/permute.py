"""The permutation engine: contrasts judged by the largest value of each arrangement of the maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.execute import one_thread
from heatlas.core.provenance import digest_array, digest_json
from heatlas.core.space import Mask
from heatlas.core.validate import check_length
from heatlas.infer import fwe
from heatlas.infer.arranged import Arranged, Statistic
from heatlas.infer.arrangements import BLOCK, Arrangements, free_arrangements, plan_arrangements
from heatlas.infer.assumptions import assumption_warnings
from heatlas.infer.corrected import ElementKind, PermutationResult
from heatlas.infer.linear import Partition, column_basis, partition
from heatlas.infer.null_distribution import BATCH, ENGINE, Engine, Job, Null, null_distribution
from heatlas.infer.reachable import blocks_without_part, factors_taken_apart
from heatlas.infer.request import PermutationSettings
from heatlas.infer.residuals import NullModel, freedman_lane, huh_jhun, unit_residuals
from heatlas.infer.statistics import CHUNK, all_statistics, observed_statistics
from heatlas.infer.summaries import step_down_reach, summary_for
from heatlas.infer.tail import tail_logp

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEP = 16 * CHUNK  # elements whose observed statistic is computed at a time
EXAMINED = 5000  # elements in which assumptions are checked
KINDS: dict[tuple[str, bool], ElementKind] = {
    ("t", False): "t",
    ("F", False): "F",
    ("t", True): "v",
    ("F", True): "G",
}


class _Sample(NamedTuple):
    """The maps and everything about them that all contrasts share."""

    maps: NDArray[np.floating]
    design: Design
    mask: Mask | None
    within: Flags | None


def permute(
    values: ArrayLike,
    design: Design,
    *,
    contrasts: Sequence[Contrast],
    settings: PermutationSettings,
    mask: Mask | None = None,
    within: Flags | None = None,
    engine: Engine | None = None,
) -> tuple[PermutationResult, ...]:
    """Judge contrasts by rearranging the maps.

    Parameters
    ----------
    values : array_like of float32 or float64, shape (n, v)
        One row per map, one column per element.
    design : Design
        The model.
    contrasts : sequence of Contrast
        What is tested, t or F; each with the same arrangements of the maps.
    settings : PermutationSettings
        The method, how many arrangements, and from which stream of chance.
    mask : Mask, optional
        Where the elements lie, on any space; needed by TFCE and clusters.
    within : numpy.ndarray of bool, shape (v,), optional
        A small volume: everything is done as if the mask held only these elements.
    engine : Engine, optional
        Where work runs and is kept.

    Returns
    -------
    tuple of PermutationResult
        One per contrast: null of the largest value and corrected p of each element.

    Raises
    ------
    DataError
        If the maps do not fit the design, hold values that are not finite or do not vary, or a
        mask is missing.
    DesignError
        If the design cannot estimate a contrast, or blocks forbid every rearrangement.
    NotSupportedError
        If a p is asked of a statistic without degrees of freedom.

    Notes
    -----
    The design is split into what is tested and an orthonormal nuisance. With Freedman-Lane the
    residuals of the nuisance are rearranged and the nuisance is taken out again; with Huh-Jhun the
    maps are projected to where there is no nuisance. Errors are assumed to be exchangeable in the
    way that ``exchangeability`` says; ``warnings`` says where the residuals speak against it.
    Blocks of 128 arrangements draw from streams of their own, so the outcome depends neither on
    workers nor on interruptions. An adaptive test looks every 512 arrangements at a confidence
    sequence of each p, valid at every look, and stops when none of them contains alpha.
    Memory: the residuals in float32 beside the maps; for TFCE and clusters 64 maps per worker more.

    References
    ----------
    Winkler et al. (2014), doi:10.1016/j.neuroimage.2014.01.060.
    Smith and Nichols (2009), doi:10.1016/j.neuroimage.2008.03.061.
    """
    sample = _Sample(np.asarray(values), design, mask, within)
    _check_sample(sample, settings=settings)
    context = engine or Engine()
    with one_thread():  # as in the workers: sums in another order would change the last bits
        return tuple(
            _judge(sample, contrast, settings=settings, engine=context) for contrast in contrasts
        )


def arrangements_for(
    design: Design, contrast: Contrast, *, settings: PermutationSettings
) -> Arrangements:
    """Return the arrangements that a test would make, before any map is read.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        What is tested.
    settings : PermutationSettings
        How.

    Returns
    -------
    Arrangements
        How many there are, how many exist, and what they assume in words.

    Raises
    ------
    DesignError
        If the design cannot estimate the contrast, or blocks forbid every rearrangement.
    """
    parts = partition(design, contrast)
    planned = plan_arrangements(
        design,
        parts,
        contrast=contrast,
        exchangeability=settings.exchangeability,
        n_permutations=settings.n_permutations,
        seed=settings.seed,
        step=settings.step,
    )
    if settings.residuals == "freedman-lane":
        return planned
    how = "signs flipped" if planned.action == "sign-flips" else "rearranged freely"
    return free_arrangements(
        design.n - parts.nuisance.shape[1],
        action=planned.action,
        n_permutations=settings.n_permutations,
        seed=settings.seed,
        step=settings.step,
        words="errors independent and Gaussian with one variance: maps projected to where the "
        f"covariates explain nothing (Huh-Jhun) and {how}",
    )


def _check_sample(sample: _Sample, *, settings: PermutationSettings) -> None:
    """Raise unless maps, design, mask and labels belong together."""
    maps, design, mask, within = sample
    check_length(maps, name="maps", expected=design.n, per="rows in the design")
    if maps.ndim != 2:
        raise DataError(f"maps: expected 2 axes (maps, elements), got shape {maps.shape}.")
    if settings.is_spatial and mask is None:
        raise DataError(f"Method '{settings.method}' needs the mask: it says who touches whom.")
    if mask is not None:
        check_length(maps[0], name="maps", expected=mask.size, per="elements of the mask")
    if within is not None:
        check_length(within, name="small volume", expected=maps.shape[1], per="elements")
    if settings.variance_groups is not None:
        groups = settings.variance_groups
        check_length(groups, name="variance groups", expected=design.n, per="maps")


def _judge(
    sample: _Sample, contrast: Contrast, *, settings: PermutationSettings, engine: Engine
) -> PermutationResult:
    """Judge one contrast."""
    arrangements = engine.arrangements or arrangements_for(
        sample.design, contrast, settings=settings
    )
    parts = partition(sample.design, contrast)
    tested = _tested(parts.interest, parts.nuisance, parts=parts, settings=settings, of=contrast)
    null, statistic = _prepare(sample, parts=parts, tested=tested, settings=settings)
    arranged = _tested(
        null.interest,
        _moving_nuisance(null, arrangements=arrangements, settings=settings),
        parts=parts,
        settings=settings,
        of=contrast,
    )
    summary = summary_for(settings, arranged, mask=sample.mask, elements=null.tested)
    compared = _as_arranged(null, statistic, tested=arranged)
    observed = summary.of_map(compared)
    size = np.abs(observed) if summary.two_sided else observed
    job = Job(arrangements, summary, *_steps(size, method=settings.method))
    found = null_distribution(
        job,
        null.residuals,
        observed=size,
        key=_key(sample, contrast, job=job, null=null) if engine.store is not None else "",
        engine=engine,
    )
    counts = _counts(found, size, order=job.order)
    is_drawn = not arrangements.exact and job.order is None
    return PermutationResult(
        method=settings.method,
        kind=tested.kind,
        dof=tested.dof,
        two_sided=summary.two_sided,
        statistic=null.scatter(statistic),
        observed=null.scatter(observed if settings.is_spatial else statistic),
        quantity=summary.quantity,
        null_maxima=found.maxima,
        counts=null.scatter_counts(counts),
        exact=arrangements.exact,
        n_possible=arrangements.n_possible,
        n_asked=settings.n_permutations,
        action=arrangements.action,
        exchangeability=arrangements.words,
        residuals=settings.residuals,
        neighbourhood=settings.neighbourhood if settings.is_spatial else "",
        cluster_cut=summary.cut,
        tfce=settings.tfce if settings.method == "tfce" else None,
        tail_logp=null.scatter(tail_logp(size, found.maxima)) if is_drawn else None,
        warnings=_warnings(sample, contrast, settings=settings, arrangements=arrangements),
    )


def _tested(
    interest: Floats,
    nuisance: Floats,
    *,
    parts: Partition,
    settings: PermutationSettings,
    of: Contrast,
) -> Statistic:
    """Return which statistic is computed of which columns."""
    groups = settings.variance_groups
    kind = KINDS[of.kind, groups is not None]
    degrees = {"t": (parts.dof,), "F": (parts.interest.shape[1], parts.dof)}.get(kind, ())
    return Statistic(
        interest=interest,
        nuisance=nuisance,
        kind=kind,
        dof=tuple(float(df) for df in degrees),
        signed=kind in ("t", "v") and not settings.two_sided,
        groups=None if groups is None else np.unique(groups, return_inverse=True)[1],
    )


def _prepare(
    sample: _Sample, *, parts: Partition, tested: Statistic, settings: PermutationSettings
) -> tuple[NullModel, Floats]:
    """Return the null model and the observed statistic of its elements, in float64."""
    make = freedman_lane if settings.residuals == "freedman-lane" else huh_jhun
    null = make(sample.maps, parts, within=sample.within)
    statistic = np.empty(len(null.tested))
    for start in range(0, len(statistic), STEP):
        part = slice(start, start + STEP)
        block, _ = unit_residuals(sample.maps[:, null.tested[part]], parts.nuisance)
        statistic[part] = observed_statistics(block, tested=tested)
    return null, statistic


def _as_arranged(null: NullModel, statistic: Floats, *, tested: Statistic) -> Floats:
    """Return the observed statistic by the arithmetic of the arrangements.

    What is compared with the arrangements is rounded as they are, so that those that mirror the
    identity tie with it, however large the statistic.
    """
    groups = None if tested.groups is None else tested.groups[None]
    identity = Arranged(columns=tested.columns[:, None, :], groups=groups)
    room = np.empty((1, len(statistic)), np.float32)
    compared = all_statistics(identity, null.residuals, tested=tested, out=room)[0]
    return np.where(np.isnan(statistic), np.nan, compared.astype(np.float64))


def _moving_nuisance(
    null: NullModel, *, arrangements: Arrangements, settings: PermutationSettings
) -> Floats:
    """Return the nuisance that must be taken out of each arrangement again.

    Permuted residuals still sum to zero, so the constant need not be; Welch's statistics want the
    whole model.
    """
    nuisance = null.nuisance
    n = len(nuisance)
    along = nuisance.T @ np.full(n, 1 / np.sqrt(n))
    stays = arrangements.action == "permutations" and along @ along > 1 - 1e-9
    if not stays or settings.variance_groups is not None:
        return nuisance
    left, _, _ = np.linalg.svd(along[:, None], full_matrices=True)
    return np.asarray(nuisance @ left[:, 1:])


def _steps(size: Floats, *, method: str) -> tuple[NDArray[np.int64] | None, Floats | None]:
    """Return the elements by size and what must be reached in each, for a step-down test."""
    if method != "step-down":
        return None, None
    # Elements without a statistic come first: they stay among those that are not rejected.
    order = np.argsort(np.nan_to_num(size, nan=-np.inf), kind="stable")
    return order, step_down_reach(size)


def _key(sample: _Sample, contrast: Contrast, *, job: Job, null: NullModel) -> str:
    """Return a key that names everything on which the outcome of a block depends."""
    settings, tested = job.summary.settings, job.summary.tested
    spatial = sample.mask.digest if sample.mask is not None and settings.is_spatial else None
    groups = settings.variance_groups
    content: dict[str, Any] = {
        "engine": [ENGINE, BLOCK, CHUNK, BATCH],
        "maps": digest_array(sample.maps),
        "design": digest_array(sample.design.matrix),
        "weights": digest_array(contrast.weights),
        "kind": [tested.kind, job.summary.two_sided, tested.signed],
        "arrangements": job.arrangements.key(),
        "method": [settings.method, settings.residuals, settings.neighbourhood, job.summary.cut],
        "tfce": [settings.tfce.statistic, settings.tfce.extent, settings.tfce.height],
        "tested": [digest_array(null.tested), spatial],
        "groups": None if groups is None else digest_array(groups),
    }
    return f"permute-{digest_json(content).removeprefix('sha256:')[:32]}"


def _counts(found: Null, size: Floats, *, order: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the arrangements that reach each element, the identity included; 0 for NaN."""
    if found.counts is None or order is None:
        return fwe.judge_by_maxima(size, found.maxima, exact=True).counts
    # No element's p is below that of one that is rejected earlier.
    descending = order[::-1]
    with_identity = np.where(np.isnan(size), 0, found.counts + 1)
    stepped = np.empty_like(with_identity)
    stepped[descending] = np.maximum.accumulate(with_identity[descending])
    return np.where(np.isnan(size), 0, stepped)


def _warnings(
    sample: _Sample,
    contrast: Contrast,
    *,
    settings: PermutationSettings,
    arrangements: Arrangements,
) -> tuple[str, ...]:
    """Say which assumptions blocks, or residuals of the full model, speak against."""
    chosen = (
        np.arange(sample.maps.shape[1]) if sample.within is None else sample.within.nonzero()[0]
    )
    chosen = chosen[:: max(1, -(-len(chosen) // EXAMINED))]
    residuals = sample.maps[:, chosen].astype(np.float64)
    basis = column_basis(sample.design).columns
    residuals -= basis @ (basis.T @ residuals)
    found = assumption_warnings(
        residuals,
        sample.design,
        contrast=contrast,
        arrangements=arrangements,
        variance_groups=settings.variance_groups,
        seed=settings.seed,
    )
    allowed, action = settings.exchangeability, arrangements.action
    apart = (
        blocks_without_part(allowed, n=sample.design.n, action=action),
        factors_taken_apart(allowed, sample.design, action=action),
    )
    return (*filter(None, apart), *found)
