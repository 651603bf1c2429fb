"""From maps to findings: fit every analysis, judge every contrast, measure what groups share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heatlas.core.atlas import Atlas
from heatlas.core.cohort import Cohort
from heatlas.core.errors import DataError
from heatlas.core.execute import Executor
from heatlas.core.heatmap import heat_map_of
from heatlas.core.stack import MapStack
from heatlas.core.statmap import StatMap
from heatlas.core.store import StepStore
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.infer.cluster import cluster_table
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.null_distribution import Engine
from heatlas.infer.thresholding import apply_threshold
from heatlas.prep.quality import distance_to_rest
from heatlas.stats.glm import ContrastRequest, FittedAnalysis, FittedContrast, fit_analysis
from heatlas.study.cohort import CohortFiles
from heatlas.study.findings import Findings, JudgedAnalysis, JudgedContrast
from heatlas.study.overlaps import contrast_overlaps, region_elements
from heatlas.study.permuting import (
    judged_map,
    permutation_settings,
    permute_contrasts,
    within_volume,
)
from heatlas.study.plan import Event, Listener, Plan
from heatlas.study.reach import reach_words
from heatlas.study.sensitivity import smallest_words
from heatlas.study.small_volume import SmallVolume, small_volume
from heatlas.study.spec import AnalysisSpec, StudySpec
from heatlas.study.stack import LoadedMaps, load_maps
from heatlas.study.versions import versions


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench(Value):
    """What every judgement of a run needs beside the maps.

    Parameters
    ----------
    spec : StudySpec
        The settings.
    plan : Plan
        The steps with their digests.
    atlas : Atlas or None
        Names for places.
    executor : Executor
        Where permutations run.
    store : StepStore
        Keeps their blocks.
    listen : callable
        Hears of every step.
    """

    spec: StudySpec
    plan: Plan
    atlas: Atlas | None
    executor: Executor
    store: StepStore
    listen: Listener

    def begin(self, name: str) -> None:
        """Say that a step begins."""
        place = [step.name for step in self.plan.steps].index(name)
        step = self.plan.steps[place]
        n = len(self.plan.steps)
        self.listen(Event(kind="step", step=name, text=step.words, done=place, total=n))

    def progress(self, step: str) -> Callable[[int, int], None]:
        """Return what tells how many permutations of a step are done."""

        def tell(done: int, total: int) -> None:
            event = Event(kind="progress", step=step, text="permutations", done=done, total=total)
            self.listen(event)

        return tell

    def note(self, step: str, text: str) -> None:
        """Say something about a step."""
        self.listen(Event(kind="note", step=step, text=text))


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedStudy(Value):
    """A study before it is judged.

    Parameters
    ----------
    cohort : Cohort
        Who is in.
    loaded : LoadedMaps
        The maps.
    analyses : tuple of (AnalysisSpec, FittedAnalysis)
        The models.
    volume : SmallVolume, optional
        The part of the mask that is judged; the whole mask by default.
    """

    cohort: Cohort
    loaded: LoadedMaps
    analyses: tuple[tuple[AnalysisSpec, FittedAnalysis], ...]
    volume: SmallVolume | None = None


def fit_study(bench: Bench, files: CohortFiles, *, base: Path) -> FittedStudy:
    """Read the maps of a study and fit its models.

    Parameters
    ----------
    bench : Bench
        Settings, plan and where work runs.
    files : CohortFiles
        Participants and the paths of their maps.
    base : Path
        Folder of the study file.

    Returns
    -------
    FittedStudy
        All maps and models. Whatever is wrong with the input has shown by now.

    Raises
    ------
    DataError
        If a map or a mask cannot be used, a region or the small volume holds no voxel of the mask,
        or no voxel varies.
    DesignError
        If a model or a contrast cannot be estimated.
    """
    bench.begin("read")
    loaded = load_maps(
        files,
        spec=bench.spec,
        base=base,
        executor=bench.executor,
        store=bench.store,
        key=bench.plan.step("read").digest,
        listen=bench.listen,
    )
    for warning in loaded.warnings:
        bench.note("read", warning)
    for region in bench.spec.regions:
        region_elements(region, loaded.stack, atlas=bench.atlas)
    volume = small_volume(bench.spec.inference.small_volume, loaded.stack.mask, base=base)
    fitted = [(one, _fit(one, loaded.stack, bench=bench)) for one in bench.spec.analyses]
    for analysis, found in fitted:
        _check_variation(analysis, found, volume=volume)
    return FittedStudy(cohort=files.cohort, loaded=loaded, analyses=tuple(fitted), volume=volume)


def judge_study(bench: Bench, fitted: FittedStudy) -> Findings:
    """Judge every contrast of a study, and measure how much its groups share.

    Parameters
    ----------
    bench : Bench
        Settings, plan and where work runs.
    fitted : FittedStudy
        Maps and models.

    Returns
    -------
    Findings
        Everything that the report tells.
    """
    loaded = fitted.loaded
    judged = [
        _judge_analysis(analysis, found, study=fitted, bench=bench)
        for analysis, found in fitted.analyses
    ]
    return Findings(
        cohort=fitted.cohort,
        loaded=loaded,
        analyses=tuple(judged),
        quality=_quality(loaded),
        versions=versions(),
    )


def _fit(analysis: AnalysisSpec, stack: MapStack, *, bench: Bench) -> FittedAnalysis:
    """Fit a model; all models are fitted before any is judged, so that faults show early."""
    bench.begin(f"fit {analysis.name}")
    requests = [ContrastRequest(name=c.name, test=c.test, kind=c.kind) for c in analysis.contrasts]
    return fit_analysis(
        stack,
        model=analysis.model,
        contrasts=requests,
        where=analysis.where,
        missing=analysis.missing,
    )


def _check_variation(
    analysis: AnalysisSpec, fitted: FittedAnalysis, *, volume: SmallVolume | None
) -> None:
    """Raise where nothing can be tested, before anything is judged."""
    for tested in fitted.contrasts:
        values = tested.statistic.values if volume is None else (
            tested.statistic.values[volume.within]
        )  # fmt: skip
        if np.isnan(values).all():
            where = "of the mask" if volume is None else f"of {volume.words}"
            raise DataError(
                f"Analysis '{analysis.name}': no voxel {where} varies between the maps beyond what "
                "the model explains, so there is nothing to test."
            )


def _judge_analysis(
    analysis: AnalysisSpec, fitted: FittedAnalysis, *, study: FittedStudy, bench: Bench
) -> JudgedAnalysis:
    inference = bench.spec.inference
    together = inference.permutes and inference.across_contrasts and len(fitted.contrasts) > 1
    family: tuple[PermutationResult, ...] = ()
    judged = []
    for k, tested in enumerate(fitted.contrasts):
        step = f"judge {analysis.name} / {tested.name}"
        bench.begin(step)
        permuted = None
        if together:
            # The first step makes the arrangements of all contrasts, the others read them.
            family = family or _permute(fitted.contrasts, analysis, fitted=fitted, study=study,
                                        step=step, bench=bench)  # fmt: skip
            permuted = family[k]
        elif inference.permutes:
            (permuted,) = _permute([tested], analysis, fitted=fitted, study=study, step=step,
                                   bench=bench)  # fmt: skip
        judged.append(
            _judge_contrast(fitted, tested, permuted=permuted, study=study, step=step, bench=bench)
        )
    warnings = list(fitted.warnings)
    if fitted.n_undefined:
        warnings.append(
            f"{count(fitted.n_undefined, 'voxel')} without residual variance: no statistic is "
            "defined there."
        )
    return JudgedAnalysis(
        name=analysis.name,
        design=fitted.design,
        contrasts=tuple(judged),
        warnings=tuple(warnings),
        variance_groups=analysis.variance_groups or "",
    )


def _permute(
    contrasts: Sequence[FittedContrast],
    analysis: AnalysisSpec,
    *,
    fitted: FittedAnalysis,
    study: FittedStudy,
    step: str,
    bench: Bench,
) -> tuple[PermutationResult, ...]:
    stack = study.loaded.stack
    return permute_contrasts(
        stack,
        fitted.model,
        contrasts=[tested.contrast for tested in contrasts],
        settings=permutation_settings(
            bench.spec, analysis, table=stack.table, model=fitted.model, step=step
        ),
        volume=study.volume,
        engine=Engine(store=bench.store, executor=bench.executor, progress=bench.progress(step)),
    )


def _judge_contrast(
    fitted: FittedAnalysis,
    tested: FittedContrast,
    *,
    permuted: PermutationResult | None,
    study: FittedStudy,
    step: str,
    bench: Bench,
) -> JudgedContrast:
    inference, stack = bench.spec.inference, study.loaded.stack
    statistic = judged_map(tested.statistic, permuted)
    threshold = apply_threshold(
        statistic,
        method=inference.method,
        alpha=inference.alpha,
        two_sided=inference.two_sided,
        permutations=permuted,
        cluster_extent_mm3=inference.cluster_extent_mm3,
        neighbourhood=inference.neighbourhood,
    )
    threshold = within_volume(threshold, study.volume)
    title = f"{step.removeprefix('judge ').replace(' / ', ': ', 1)}"
    heat_map = heat_map_of(statistic, threshold=threshold, title=title)
    bench.note(step, heat_map.caption())
    overlaps, warnings = contrast_overlaps(
        stack, fitted, tested=tested, regions=bench.spec.regions, atlas=bench.atlas,
        source=(bench.spec.seed, step),
    )  # fmt: skip
    return JudgedContrast(
        contrast=tested.contrast,
        statistic=statistic,
        threshold=threshold,
        heat_map=heat_map,
        clusters=_clusters(tested, statistic, threshold=threshold, bench=bench),
        effect=tested.effect,
        standardised=tested.standardised,
        means=tested.means,
        overlaps=overlaps,
        smallest=smallest_words(fitted.design, tested, threshold=threshold),
        permuted=permuted,
        warnings=(*warnings, *_permutation_warnings(permuted, alpha=inference.alpha)),
    )


def _clusters(
    tested: FittedContrast, statistic: StatMap, *, threshold: Threshold, bench: Bench
) -> Table:
    return cluster_table(
        statistic,
        threshold,
        effect=tested.effect,
        neighbourhood=bench.spec.inference.neighbourhood,
        atlas=bench.atlas,
    )


def _permutation_warnings(permuted: PermutationResult | None, *, alpha: float) -> tuple[str, ...]:
    if permuted is None:
        return ()
    reach = reach_words(
        permuted.n_permutations, exact=permuted.exact, smallest=permuted.smallest_p, alpha=alpha
    )
    return (*([reach] if reach else []), *permuted.warnings)


def _quality(loaded: LoadedMaps) -> Table:
    """Return coverage and distance to the rest of each map, worst first."""
    if len(loaded.stack) < 3:
        return loaded.coverage
    distance = distance_to_rest(loaded.stack)
    row_of = {name: row for row, name in enumerate(loaded.stack.ids)}
    order = [row_of[str(name)] for name in distance.words("id")]
    coverage = loaded.coverage.take(order)
    return distance.with_columns(c for c in coverage.columns if c.name != "id")
