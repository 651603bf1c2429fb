"""From maps to findings: fit every analysis, judge every contrast, measure what groups share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heatlas.core.atlas import Atlas
from heatlas.core.execute import Executor
from heatlas.core.heatmap import heat_map_of
from heatlas.core.stack import MapStack
from heatlas.core.store import StepStore
from heatlas.core.table import Table
from heatlas.core.threshold import Threshold
from heatlas.core.value import Value
from heatlas.core.words import count, level
from heatlas.infer.arrangements import PermutationSettings
from heatlas.infer.cluster import cluster_table
from heatlas.infer.permute import PermutationResult, max_statistic
from heatlas.infer.thresholding import apply_threshold
from heatlas.io.atlases import read_atlas
from heatlas.prep.quality import distance_to_rest
from heatlas.stats.glm import ContrastRequest, FittedAnalysis, FittedContrast, fit_analysis
from heatlas.study.cohort import CohortFiles
from heatlas.study.findings import Findings, JudgedAnalysis, JudgedContrast
from heatlas.study.overlaps import contrast_overlaps
from heatlas.study.plan import Event, Listener, Plan
from heatlas.study.sensitivity import smallest_words
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


def judge_study(
    spec: StudySpec,
    files: CohortFiles,
    *,
    plan: Plan,
    base: Path,
    executor: Executor,
    store: StepStore,
    listen: Listener,
) -> Findings:
    """Read the maps of a study, fit its models and judge its contrasts.

    Parameters
    ----------
    spec : StudySpec
        The settings.
    files : CohortFiles
        Participants and the paths of their maps.
    plan : Plan
        The steps.
    base : Path
        Folder of the study file.
    executor : Executor
        Where work runs.
    store : StepStore
        Keeps what was done, so that a run goes on where it was broken off.
    listen : callable
        Hears of every step.

    Returns
    -------
    Findings
        Everything that the report tells.

    Raises
    ------
    DataError
        If a map, mask or atlas cannot be used.
    DesignError
        If a model or a contrast cannot be estimated.
    """
    bench = Bench(
        spec=spec,
        plan=plan,
        atlas=_atlas(spec, base),
        executor=executor,
        store=store,
        listen=listen,
    )
    bench.begin("read")
    loaded = load_maps(
        files,
        spec=spec,
        base=base,
        executor=executor,
        store=store,
        key=plan.step("read").digest,
        listen=listen,
    )
    for warning in loaded.warnings:
        bench.note("read", warning)
    fitted = [_fit(analysis, loaded.stack, bench=bench) for analysis in spec.analyses]
    judged = [
        _judge_analysis(analysis, found, loaded=loaded, bench=bench)
        for analysis, found in zip(spec.analyses, fitted, strict=True)
    ]
    return Findings(
        cohort=files.cohort,
        loaded=loaded,
        analyses=tuple(judged),
        quality=_quality(loaded),
        versions=versions(),
    )


def _atlas(spec: StudySpec, base: Path) -> Atlas | None:
    if spec.atlas is None:
        return None
    labels = base / spec.atlas.labels if spec.atlas.labels else None
    return read_atlas(base / spec.atlas.image, labels)


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


def _judge_analysis(
    analysis: AnalysisSpec, fitted: FittedAnalysis, *, loaded: LoadedMaps, bench: Bench
) -> JudgedAnalysis:
    judged = [
        _judge_contrast(analysis, fitted, tested=tested, loaded=loaded, bench=bench)
        for tested in fitted.contrasts
    ]
    warnings = list(fitted.warnings)
    if fitted.n_undefined:
        n = count(fitted.n_undefined, "voxel")
        warnings.append(f"{n} without residual variance: no statistic is defined there.")
    return JudgedAnalysis(
        name=analysis.name,
        design=fitted.design,
        contrasts=tuple(judged),
        warnings=tuple(warnings),
    )


def _judge_contrast(
    analysis: AnalysisSpec,
    fitted: FittedAnalysis,
    *,
    tested: FittedContrast,
    loaded: LoadedMaps,
    bench: Bench,
) -> JudgedContrast:
    step = f"judge {analysis.name} / {tested.name}"
    bench.begin(step)
    inference, stack = bench.spec.inference, loaded.stack
    permuted = None
    if inference.method == "max-t":
        permuted = _permute(stack, fitted, tested=tested, step=step, bench=bench)
    threshold = apply_threshold(
        tested.statistic,
        method=inference.method,
        alpha=inference.alpha,
        two_sided=inference.two_sided,
        permutations=permuted,
        cluster_extent_mm3=inference.cluster_extent_mm3,
        neighbourhood=inference.neighbourhood,
    )
    title = f"{analysis.name}: {tested.name}"
    heat_map = heat_map_of(tested.statistic, threshold=threshold, title=title)
    bench.note(step, heat_map.caption())
    overlaps, warnings = contrast_overlaps(
        stack, fitted, tested=tested, regions=bench.spec.regions, atlas=bench.atlas,
        source=(bench.spec.seed, step),
    )  # fmt: skip
    return JudgedContrast(
        contrast=tested.contrast,
        statistic=tested.statistic,
        threshold=threshold,
        heat_map=heat_map,
        clusters=_clusters(tested, threshold, bench=bench),
        effect=tested.effect,
        standardised=tested.standardised,
        means=tested.means,
        overlaps=overlaps,
        smallest=smallest_words(fitted.design, tested, threshold=threshold),
        arrangements=permuted.words if permuted else "",
        exchangeability=permuted.exchangeability if permuted else "",
        warnings=(*warnings, *_reach_warning(permuted, alpha=inference.alpha)),
    )


def _permute(
    stack: MapStack,
    fitted: FittedAnalysis,
    *,
    tested: FittedContrast,
    step: str,
    bench: Bench,
) -> PermutationResult:
    inference = bench.spec.inference
    everyone = len(fitted.rows) == len(stack)
    settings = PermutationSettings(
        n_permutations=inference.n_permutations,
        two_sided=inference.two_sided and tested.contrast.kind == "t",
        seed=bench.spec.seed,
        step=step,
    )
    return max_statistic(
        stack.values if everyone else stack.values[fitted.rows],
        fitted.design,
        contrast=tested.contrast,
        settings=settings,
        store=bench.store,
        executor=bench.executor,
        progress=bench.progress(step),
    )


def _clusters(tested: FittedContrast, threshold: Threshold, *, bench: Bench) -> Table:
    return cluster_table(
        tested.statistic,
        threshold,
        effect=tested.effect,
        neighbourhood=bench.spec.inference.neighbourhood,
        atlas=bench.atlas,
    )


def _reach_warning(permuted: PermutationResult | None, *, alpha: float) -> tuple[str, ...]:
    if permuted is None or 1 / permuted.n_permutations <= alpha:
        return ()
    why = "exist" if permuted.exact else "were asked for"
    return (
        f"Only {permuted.n_permutations} arrangements {why}, so no corrected p can be below "
        f"{1 / permuted.n_permutations:.3g} and {level(alpha)} cannot be reached.",
    )


def _quality(loaded: LoadedMaps) -> Table:
    """Return coverage and distance to the rest of each map, worst first."""
    if len(loaded.stack) < 3:
        return loaded.coverage
    distance = distance_to_rest(loaded.stack)
    row_of = {name: row for row, name in enumerate(loaded.stack.ids)}
    order = [row_of[str(name)] for name in distance.words("id")]
    coverage = loaded.coverage.take(order)
    return distance.with_columns(c for c in coverage.columns if c.name != "id")
