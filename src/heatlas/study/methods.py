"""The methods paragraph of a report, written from the settings that really ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heatlas.core.version import __version__
from heatlas.core.words import count, join, level
from heatlas.infer.rule_words import CLUSTER_WORDS, neighbour_words
from heatlas.study.findings import JudgedAnalysis, JudgedContrast
from heatlas.study.spec import AnalysisSpec, InferenceSpec, StudySpec
from heatlas.study.stack import LoadedMaps

_FREEDMAN_LANE = (
    "Freedman D, Lane D (1983). A nonstochastic interpretation of reported significance "
    "levels. Journal of Business & Economic Statistics 1:292-298. "
    "doi:10.1080/07350015.1983.10509354"
)
_HUH_JHUN = (
    "Huh MH, Jhun M (2001). Random permutation testing in multiple linear regression. "
    "Communications in Statistics - Theory and Methods 30:2023-2032."
)
_WINKLER = (
    "Winkler AM, Ridgway GR, Webster MA, Smith SM, Nichols TE (2014). Permutation inference "
    "for the general linear model. NeuroImage 92:381-397. "
    "doi:10.1016/j.neuroimage.2014.01.060"
)
_BLOCKS = (
    "Winkler AM, Webster MA, Vidaurre D, Nichols TE, Smith SM (2015). Multi-level block "
    "permutation. NeuroImage 123:253-268. doi:10.1016/j.neuroimage.2015.05.092"
)
_TAIL = (
    "Winkler AM, Ridgway GR, Douaud G, Nichols TE, Smith SM (2016). Faster permutation inference "
    "in brain imaging. NeuroImage 141:502-516. doi:10.1016/j.neuroimage.2016.05.068"
)
_STOPPING = (
    "Robbins H (1970). Statistical methods related to the law of the iterated logarithm. Annals "
    "of Mathematical Statistics 41:1397-1409. doi:10.1214/aoms/1177696786"
)
_STEP_DOWN = (
    "Westfall PH, Young SS (1993). Resampling-based multiple testing: examples and methods for "
    "p-value adjustment. Wiley, New York."
)
_TFCE = (
    "Smith SM, Nichols TE (2009). Threshold-free cluster enhancement: addressing problems of "
    "smoothing, threshold dependence and localisation in cluster inference. NeuroImage 44:83-98. "
    "doi:10.1016/j.neuroimage.2008.03.061"
)
_EXTENT = (
    "Nichols TE, Holmes AP (2002). Nonparametric permutation tests for functional neuroimaging: "
    "a primer with examples. Human Brain Mapping 15:1-25. doi:10.1002/hbm.1058"
)
_MASS = (
    "Bullmore ET, Suckling J, Overmeyer S, Rabe-Hesketh S, Taylor E, Brammer MJ (1999). Global, "
    "voxel, and cluster tests, by theory and permutation, for a difference between two groups of "
    "structural MR images of the brain. IEEE Transactions on Medical Imaging 18:32-42. "
    "doi:10.1109/42.750253"
)
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "max-t": (_WINKLER,),
    "step-down": (_STEP_DOWN, _WINKLER),
    "tfce": (_TFCE, _WINKLER),
    "cluster-extent": (_EXTENT, _WINKLER),
    "cluster-mass": (_MASS, _WINKLER),
    "cluster-mass-above": (_MASS, _WINKLER),
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
    return (
        "Data. " + " ".join(loaded.policy),
        "Models. Every voxel was fitted by ordinary least squares in 64-bit floating point. "
        + " ".join(models)
        + " Factors were coded sum-to-zero and covariates centred, so that a marginal mean is "
        "the model's mean at the average of the covariates with the levels of the other "
        "factors weighted equally.",
        "Judgement. " + _judgement_words(spec.inference, analyses, seed=spec.seed),
        f"Display. Maps show the whole evidence: {_opacity_words(analyses)}, and what survives is "
        "outlined, solid where positive and dashed where negative. Computed with Heatlas "
        f"{__version__}.",
    )


def references(spec: StudySpec, *, used_tail: bool = False) -> tuple[str, ...]:
    """Return the works that the methods rest on.

    Parameters
    ----------
    spec : StudySpec
        The settings.
    used_tail : bool
        Whether an approximate tail of the null was reported.

    Returns
    -------
    tuple of str
        With DOI where there is one.
    """
    inference = spec.inference
    listed = [*REFERENCES[inference.method]]
    if inference.permutes:
        listed.insert(0, _HUH_JHUN if inference.residuals == "huh-jhun" else _FREEDMAN_LANE)
    if any(one.exchangeability and one.exchangeability.columns for one in spec.analyses):
        listed.append(_BLOCKS)
    if used_tail:
        listed.append(_TAIL)
    if inference.adaptive:
        listed.append(_STOPPING)
    return (*listed, DISPLAY_REFERENCE)


def _opacity_words(analyses: Sequence[JudgedAnalysis]) -> str:
    rules = [contrast.threshold for analysis in analyses for contrast in analysis.contrasts]
    if any(rule.strength is not None for rule in rules):
        return (
            "what survives is opaque, the opacity of everything else grows with the square of the "
            "statistic up to one half"
        )
    return "opacity grows with the square of the statistic up to the threshold"


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


def _judgement_words(spec: InferenceSpec, analyses: Sequence[JudgedAnalysis], *, seed: int) -> str:
    sides = "Tests of t were two-sided" if spec.two_sided else "Tests of t were one-sided"
    if spec.permutes:
        return f"{sides}; {_permutation_words(spec, analyses, seed=seed)}"
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
    spec: InferenceSpec, analyses: Sequence[JudgedAnalysis], *, seed: int
) -> str:
    contrasts = [contrast for analysis in analyses for contrast in analysis.contrasts]
    assumed = tuple(dict.fromkeys(c.exchangeability for c in contrasts if c.exchangeability))
    used = tuple(dict.fromkeys(c.arrangements for c in contrasts if c.arrangements))
    where = "all voxels of the mask"
    volumes = [c.threshold.settings.get("SmallVolume", "") for c in contrasts]
    if volumes and volumes[0]:
        where = f"the voxels of a small volume, {volumes[0]}, chosen before the data were seen"
    together = " and all contrasts of an analysis" if spec.across_contrasts else ""
    sentences = [
        f"the family-wise error over {where}{together} was held at {level(spec.alpha)} by the "
        f"distribution of {_largest_words(spec, contrasts)} under {join(used)} (seed {seed})",
        *(f"{text[:1].upper()}{text[1:]}" for text in assumed),
        *_group_sentences(analyses),
        *_stopping_sentences(spec),
        "The contrasts of an analysis were corrected together; several analyses are several tests"
        if spec.across_contrasts
        else "Each contrast was corrected on its own; several contrasts are several tests",
    ]
    return " ".join(f"{sentence}." for sentence in sentences)


def _largest_words(spec: InferenceSpec, contrasts: Sequence[JudgedContrast]) -> str:
    """Return what was made largest in each permutation."""
    around = neighbour_words(spec.neighbourhood, element="voxel")
    if spec.method == "step-down":
        return "the largest statistic among the voxels not rejected yet (step-down)"
    if spec.tfce is not None:
        kinds = dict.fromkeys(c.permuted.kind for c in contrasts if c.permuted)
        statistic = "z" if spec.tfce.statistic == "z" else join(kinds)
        return (
            f"the largest value of threshold-free cluster enhancement (of {statistic}, E = "
            f"{spec.tfce.extent:g}, H = {spec.tfce.height:g}, {around})"
        )
    forming = spec.cluster_threshold
    if forming is None:
        return "the largest statistic"
    what = CLUSTER_WORDS[spec.method]
    if forming.p is not None:
        height = f"p < {level(forming.p)} per voxel"
    else:
        height = f"a statistic beyond {forming.statistic:g}"
    return f"the largest cluster {what} (clusters of voxels with {height}, {around})"


def _group_sentences(analyses: Sequence[JudgedAnalysis]) -> list[str]:
    grouped = [one for one in analyses if one.variance_groups]
    if not grouped:
        return []
    named = join(f"of {one.variance_groups} in analysis '{one.name}'" for one in grouped)
    return [
        f"The levels {named} had variances of their own (statistics v and G, Winkler et al. 2014)",
        "Estimates and their intervals are those of ordinary least squares with one variance",
    ]


def _stopping_sentences(spec: InferenceSpec) -> list[str]:
    if not spec.adaptive:
        return []
    return [
        "Permutations were stopped as soon as a confidence sequence of each p, valid at every "
        "look, lay on one side of the level"
    ]
