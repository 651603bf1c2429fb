"""The methods paragraph of a report, written from the settings that really ran."""

from __future__ import annotations

from collections.abc import Sequence

from heatlas.core.version import __version__
from heatlas.core.words import count, join, level
from heatlas.study.findings import JudgedAnalysis, JudgedContrast
from heatlas.study.spec import AnalysisSpec, InferenceSpec, StudySpec
from heatlas.study.stack import LoadedMaps

REFERENCES = {
    "max-t": (
        "Freedman D, Lane D (1983). A nonstochastic interpretation of reported significance "
        "levels. Journal of Business & Economic Statistics 1:292-298. "
        "doi:10.1080/07350015.1983.10509354",
        "Winkler AM, Ridgway GR, Webster MA, Smith SM, Nichols TE (2014). Permutation inference "
        "for the general linear model. NeuroImage 92:381-397. "
        "doi:10.1016/j.neuroimage.2014.01.060",
    ),
    "fdr-bh": (
        "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. Journal of the "
        "Royal Statistical Society B 57:289-300. doi:10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "fdr-by": (
        "Benjamini Y, Yekutieli D (2001). The control of the false discovery rate in multiple "
        "testing under dependency. Annals of Statistics 29:1165-1188. doi:10.1214/aos/1013699998",
    ),
    "bonferroni": (),
    "none": (),
}
DISPLAY_REFERENCE = (
    "Taylor PA, Reynolds RC, Calhoun V, et al. (2023). Highlight results, don't hide them. "
    "NeuroImage 274:120138. doi:10.1016/j.neuroimage.2023.120138"
)


def methods_text(
    spec: StudySpec, loaded: LoadedMaps, *, analyses: Sequence[JudgedAnalysis]
) -> tuple[str, ...]:
    """Return the methods as paragraphs that can stand in a paper.

    Parameters
    ----------
    spec : StudySpec
        The settings.
    loaded : LoadedMaps
        The maps and how they were read.
    analyses : sequence of JudgedAnalysis
        What was modelled and judged.

    Returns
    -------
    tuple of str
        Data, models, judgement and display, one paragraph each.
    """
    models = [_model_words(a, s) for a, s in zip(analyses, spec.analyses, strict=True)]
    contrasts = [contrast for analysis in analyses for contrast in analysis.contrasts]
    return (
        "Data. " + " ".join(loaded.policy),
        "Models. Every voxel was fitted by ordinary least squares in 64-bit floating point. "
        + " ".join(models)
        + " Factors were coded sum-to-zero and covariates centred, so that a marginal mean is "
        "the model's mean at the average of the covariates with the levels of the other "
        "factors weighted equally.",
        "Judgement. " + _judgement_words(spec.inference, contrasts, seed=spec.seed),
        "Display. Maps show the whole evidence: opacity grows with the square of the statistic "
        "up to the threshold, and what survives is outlined, solid where positive and dashed "
        "where negative. Computed with Heatlas " + __version__ + ".",
    )


def references(spec: StudySpec) -> tuple[str, ...]:
    """Return the works that the methods rest on."""
    return (*REFERENCES[spec.inference.method], DISPLAY_REFERENCE)


def _model_words(judged: JudgedAnalysis, spec: AnalysisSpec) -> str:
    design = judged.design
    rows = f" among rows where {spec.where}" if spec.where else ""
    tested = [found.contrast for found in judged.contrasts]
    tests = join(f"{c.name} ({c.test}, {c.kind})" for c in tested)
    left_out = ""
    if design.dropped:
        left_out = f"; {count(len(design.dropped), 'row')} without a value were dropped"
    return (
        f"Analysis '{spec.name}'{rows}: {count(design.n, 'map')}, model {spec.model}, "
        f"{design.dof} residual degrees of freedom{left_out}; tested: {tests}."
    )


def _judgement_words(spec: InferenceSpec, contrasts: Sequence[JudgedContrast], *, seed: int) -> str:
    sides = "Tests of t were two-sided" if spec.two_sided else "Tests of t were one-sided"
    if spec.method == "max-t":
        return _permutation_words(contrasts, sides=sides, alpha=spec.alpha, seed=seed)
    rules = {
        "none": f"no correction for the number of voxels was made (p < {level(spec.alpha)})",
        "bonferroni": f"the family-wise error was held at {level(spec.alpha)} by Bonferroni's "
        "correction over all voxels of the mask",
        "fdr-bh": f"the false discovery rate was held at {level(spec.alpha)} by the procedure of "
        "Benjamini and Hochberg",
        "fdr-by": f"the false discovery rate was held at {level(spec.alpha)} by the procedure of "
        "Benjamini and Yekutieli",
    }
    extent = ""
    if spec.cluster_extent_mm3:
        extent = f" Clusters below {spec.cluster_extent_mm3:g} mm3 were left out."
    return f"{sides}; {rules[spec.method]}.{extent}"


def _permutation_words(
    contrasts: Sequence[JudgedContrast], *, sides: str, alpha: float, seed: int
) -> str:
    assumed = tuple(dict.fromkeys(c.exchangeability for c in contrasts if c.exchangeability))
    used = tuple(dict.fromkeys(c.arrangements for c in contrasts if c.arrangements))
    return (
        f"{sides}; the family-wise error over all voxels of the mask was held at {level(alpha)} "
        f"by the distribution of the largest statistic under {join(used)} (seed {seed}). "
        + " ".join(f"{text[:1].upper()}{text[1:]}." for text in assumed)
        + " Each contrast was corrected on its own; several contrasts are several tests."
    )
