"""From settings to permutations: the contrasts of an analysis under rearrangement of its maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heatlas.core.design import Contrast
from heatlas.core.stack import MapStack
from heatlas.core.statmap import StatMap
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.family import across_contrasts
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import CLUSTER_METHODS, ClusterForming, PermutationSettings, TfceSettings
from heatlas.stats.marginal import BuiltModel
from heatlas.study.exchange import exchangeability_of, variance_groups_of
from heatlas.study.small_volume import SmallVolume
from heatlas.study.spec import AnalysisSpec, InferenceSpec, StudySpec


def permutation_settings(
    spec: StudySpec, analysis: AnalysisSpec, *, table: Table, model: BuiltModel, step: str
) -> PermutationSettings:
    """Return how the engine is asked to judge an analysis.

    Parameters
    ----------
    spec : StudySpec
        The study, whose method permutes.
    analysis : AnalysisSpec
        The analysis, with its columns of blocks and variance groups.
    table : Table
        The cohort.
    model : BuiltModel
        The rows that the analysis uses.
    step : str
        Name of the step that draws.

    Returns
    -------
    PermutationSettings
        Everything but the maps.

    Raises
    ------
    UnknownNameError
        If a column does not exist.
    DesignError
        If a map has no block or no variance group.
    """
    inference = spec.inference
    return PermutationSettings(
        n_permutations=inference.n_permutations,
        two_sided=inference.two_sided,
        seed=spec.seed,
        step=step,
        method=inference.method,  # type: ignore[arg-type]  # the caller asked whether it permutes
        residuals=inference.residuals,
        exchangeability=exchangeability_of(analysis, table, model=model),
        variance_groups=variance_groups_of(analysis, table, model=model),
        cluster_forming=_cluster_forming(inference),
        tfce=_tfce(inference),
        neighbourhood=inference.neighbourhood,
        adaptive=inference.alpha if inference.adaptive else None,
    )


def permute_contrasts(
    stack: MapStack,
    model: BuiltModel,
    *,
    contrasts: Sequence[Contrast],
    settings: PermutationSettings,
    volume: SmallVolume | None,
    engine: Engine,
) -> tuple[PermutationResult, ...]:
    """Judge contrasts of an analysis, together where there are several.

    Parameters
    ----------
    stack : MapStack
        The maps.
    model : BuiltModel
        The design, and the maps that it uses.
    contrasts : sequence of Contrast
        What is tested. Several are corrected over all of them.
    settings : PermutationSettings
        How.
    volume : SmallVolume, optional
        The part of the mask that is judged.
    engine : Engine
        Where permutations run and are kept.

    Returns
    -------
    tuple of PermutationResult
        One per contrast.

    Raises
    ------
    DataError
        If no element varies.
    DesignError
        If blocks forbid every rearrangement.
    """
    everyone = len(model.rows) == len(stack)
    results = permute(
        stack.values if everyone else stack.values[model.rows],
        model.design,
        contrasts=contrasts,
        settings=settings,
        mask=stack.mask,
        within=None if volume is None else volume.within,
        engine=engine,
    )
    if len(results) < 2:
        return results
    return across_contrasts(results, names=[contrast.name for contrast in contrasts])


def judged_map(statistic: StatMap, permuted: PermutationResult | None) -> StatMap:
    """Return the statistic that is judged: v or G where variance groups ask for it, else as it was.

    Parameters
    ----------
    statistic : StatMap
        t or F of the model.
    permuted : PermutationResult, optional
        The same contrast under permutations.

    Returns
    -------
    StatMap
        Without degrees of freedom for v and G.
    """
    if permuted is None or permuted.kind == statistic.kind:
        return statistic
    provenance = statistic.provenance.then(
        "allow variances to differ", parameters={"statistic": permuted.kind}
    )
    return replace(
        statistic, values=permuted.statistic, kind=permuted.kind, dof=(), provenance=provenance
    )


def within_volume(threshold: Threshold, volume: SmallVolume | None) -> Threshold:
    """Return a judgement that says in which small volume it was made."""
    if volume is None:
        return threshold
    return replace(
        threshold,
        words=f"{threshold.words}, within {volume.words}",
        settings={**threshold.settings, "SmallVolume": volume.words},
    )


def _cluster_forming(inference: InferenceSpec) -> ClusterForming | None:
    asked = inference.cluster_threshold
    if asked is None or inference.method not in CLUSTER_METHODS:
        return None
    return ClusterForming(p=asked.p, statistic=asked.statistic)


def _tfce(inference: InferenceSpec) -> TfceSettings:
    asked = inference.tfce
    if asked is None:
        return TfceSettings()
    return TfceSettings(statistic=asked.statistic, extent=asked.extent, height=asked.height)
