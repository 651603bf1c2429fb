"""A stack of maps under permutations: each contrast judged, with its statistic and its heat map."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError, SpaceMismatchError
from heatlas.core.estimate import Estimate
from heatlas.core.execute import one_thread
from heatlas.core.heatmap import heat_map_of
from heatlas.core.provenance import Provenance, digest_array
from heatlas.core.space import Grid
from heatlas.core.stack import MapStack
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold
from heatlas.core.value import Value, field_values, thaw
from heatlas.core.words import count
from heatlas.infer import linear
from heatlas.infer.corrected import PermutationResult
from heatlas.infer.family import across_contrasts
from heatlas.infer.null_distribution import Engine
from heatlas.infer.permute import permute
from heatlas.infer.request import PermutationSettings
from heatlas.infer.thresholding import apply_threshold
from heatlas.study.family import check_family
from heatlas.study.findings import JudgedContrast
from heatlas.study.permuting import judged_map, within_volume
from heatlas.study.reach import possible_words, reach_words
from heatlas.study.small_volume import SmallVolume
from heatlas.study.survivors import survivor_table

MOST_GROUPS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Family(Value):
    """What is corrected together, beside the elements of a contrast.

    Parameters
    ----------
    volume : SmallVolume, optional
        The part of the mask that is judged, chosen before the data were seen; the whole mask by
        default.
    across_contrasts : bool
        Correct over the elements of all contrasts together.
    """

    volume: SmallVolume | None = None
    across_contrasts: bool = False


SETTINGS = PermutationSettings(n_permutations=5000)
EACH_CONTRAST = Family()


class _Test(NamedTuple):
    """Everything that the judgement of each contrast needs."""

    stack: MapStack
    fitted: linear.Fit
    settings: PermutationSettings
    alpha: float
    family: Family


def permutation_test(
    stack: MapStack,
    design: Design,
    *,
    contrasts: Sequence[Contrast],
    settings: PermutationSettings = SETTINGS,
    alpha: float = 0.05,
    family: Family = EACH_CONTRAST,
    engine: Engine | None = None,
) -> tuple[JudgedContrast, ...]:
    """Judge contrasts of a stack of maps by rearranging the maps.

    Parameters
    ----------
    stack : MapStack
        The maps, on any space.
    design : Design
        The model, one row per map of the stack, in its order.
    contrasts : sequence of Contrast
        What is tested, t or F, each with a name of its own.
    settings : PermutationSettings
        Method, number of permutations, sides, seed, exchangeability and everything else that says
        how; 5,000 permutations of the maximum statistic by default.
    alpha : float
        Family-wise level.
    family : Family
        What is corrected together: the elements of one contrast by default.
    engine : Engine, optional
        Where permutations run and what is kept of them; in this process by default. Results do
        not depend on it.

    Returns
    -------
    tuple of JudgedContrast
        One per contrast, in their order: ``statistic`` (t, F, v or G), ``threshold`` with the
        corrected p and what survives, ``heat_map``, the table of ``clusters``, the ``effect``
        with its 95 % interval, ``permuted`` with the null of the largest value, and ``warnings``.

    Raises
    ------
    DataError
        If there is no contrast or two share a name, no element varies, or settings contradict
        each other.
    DesignError
        If the rows are not those of the maps, a contrast cannot be estimated, blocks forbid every
        rearrangement, or contrasts have nothing in common that could be corrected together.
    SpaceMismatchError
        If the small volume belongs to another mask.

    Notes
    -----
    Errors are assumed to be exchangeable in the way that ``permuted.exchangeability`` says; the
    interval of an effect assumes independent Gaussian errors of one variance, so there is none
    where ``settings`` names variance groups. Memory: two float32 copies of the stack, and
    8 (p + 4) bytes per element for p regressors.

    References
    ----------
    Winkler et al. (2014), Permutation inference for the general linear model.
    doi:10.1016/j.neuroimage.2014.01.060.

    Examples
    --------
    >>> import numpy as np
    >>> from heatlas import MapStack, PermutationSettings, permutation_test
    >>> from heatlas.core.space import Grid, Mask
    >>> from heatlas.core.table import table_from_columns
    >>> from heatlas.stats.contrast import parse_contrast
    >>> from heatlas.stats.formula import build_model
    >>> maps = np.random.default_rng(1).normal(size=(16, 6, 6, 6))
    >>> maps[:8, 2:4, 2:4, 2:4] += 3
    >>> grid = Grid(shape=(6, 6, 6), affine=np.diag([3.0, 3.0, 3.0, 1.0]))
    >>> stack = MapStack(
    ...     values=maps.reshape(16, -1),
    ...     mask=Mask(space=grid, inside=np.ones(grid.shape, bool)),
    ...     ids=tuple(f"sub-{k}" for k in range(16)),
    ...     table=table_from_columns({"group": ["ill"] * 8 + ["well"] * 8}),
    ... )
    >>> model = build_model(stack.table, model="group", ids=stack.ids)
    >>> contrast = parse_contrast(model, name="ill", test="group[ill] - group[well]")
    >>> settings = PermutationSettings(method="tfce", n_permutations=200, seed=1)
    >>> (judged,) = permutation_test(
    ...     stack, model.design, contrasts=[contrast], settings=settings
    ... )
    >>> judged.threshold.n_surviving
    8
    """
    _check_rows(stack, design)
    check_asked(design, contrasts, settings=settings, alpha=alpha, family=family)
    volume = family.volume
    _check_volume(stack, volume)
    with one_thread():
        permuted = permute(
            stack.values,
            design,
            contrasts=contrasts,
            settings=settings,
            mask=stack.mask,
            within=None if volume is None else volume.within,
            engine=engine,
        )
        if family.across_contrasts and len(permuted) > 1:
            permuted = across_contrasts(permuted, names=[contrast.name for contrast in contrasts])
        fitted = linear.fit(stack.values, design)
        test = _Test(stack, fitted, settings, alpha, family)
        pairs = zip(contrasts, permuted, strict=True)
        return tuple(_judged(contrast, result, test=test) for contrast, result in pairs)


# ------------------------------------------------------------------------------------- checks


def check_asked(
    design: Design,
    contrasts: Sequence[Contrast],
    *,
    settings: PermutationSettings,
    alpha: float,
    family: Family,
) -> None:
    """Raise what would otherwise show only after all permutations were made.

    Parameters
    ----------
    design : Design
        The model.
    contrasts : sequence of Contrast
        All that are tested.
    settings : PermutationSettings
        How.
    alpha : float
        Family-wise level.
    family : Family
        What is corrected together.

    Raises
    ------
    DataError
        If there is no contrast, two share a name, or levels and settings contradict each other.
    DesignError
        If contrasts that are corrected together are rearranged in different ways, or have no
        common scale.
    """
    if not contrasts:
        raise DataError("There is no contrast to test; give at least one.")
    named = Counter(contrast.name for contrast in contrasts)
    twice = [name for name, times in named.items() if times > 1]
    if twice:
        raise DataError(f"Contrast '{twice[0]}' is asked for twice; give each its own name.")
    if not 0 < alpha < 1:
        raise DataError(f"alpha: expected a level between 0 and 1, got {alpha:g}.")
    if settings.adaptive not in (None, alpha):
        raise DataError(
            f"adaptive: permutations would stop once every verdict at {settings.adaptive:g} is "
            f"settled, but alpha is {alpha:g}; give both the same level."
        )
    if family.across_contrasts and len(contrasts) > 1:
        _check_together(design, contrasts, settings=settings)


def _check_together(
    design: Design, contrasts: Sequence[Contrast], *, settings: PermutationSettings
) -> None:
    if settings.adaptive is not None:
        raise DataError(
            "Contrasts that are corrected together need the same permutations, and each would "
            "stop at a number of its own; leave out one of adaptive and across contrasts."
        )
    if settings.method == "step-down":
        raise DataError("Step-down is not made across contrasts; use max-t for them.")
    check_family(design, contrasts, settings=settings)


def _check_volume(stack: MapStack, volume: SmallVolume | None) -> None:
    if volume is not None and len(volume.within) != stack.mask.size:
        raise SpaceMismatchError(
            f"The small volume chooses among {len(volume.within):,} elements, but the mask has "
            f"{stack.mask.size:,}."
        )


def _check_rows(stack: MapStack, design: Design) -> None:
    if design.n != len(stack):
        raise DesignError(
            f"The design has {count(design.n, 'row')}, but there are {count(len(stack), 'map')}; "
            "choose the maps of the model with stack.take(rows)."
        )
    for row, (map_id, row_id) in enumerate(zip(stack.ids, design.ids, strict=True), start=1):
        if map_id != row_id:
            raise DesignError(
                f"Row {row} of the design is '{row_id}', but map {row} is '{map_id}'; the rows of "
                "the design have to be the maps, in their order."
            )


# ------------------------------------------------------------------------------------- judging


def _judged(contrast: Contrast, permuted: PermutationResult, *, test: _Test) -> JudgedContrast:
    """Return a contrast with its statistic, its judgement and its effect."""
    stack, settings = test.stack, test.settings
    result = linear.test(test.fitted, contrast)
    warnings = _warnings(permuted, test=test)
    provenance = _provenance(contrast, permuted, test=test, warnings=warnings)
    statistic = judged_map(
        StatMap(
            values=result.statistic,
            mask=stack.mask,
            kind=contrast.kind,
            dof=result.dof,
            quantity=stack.measure,
            unit=stack.unit,
            contrast=contrast.name,
            n=len(stack),
            groups=_groups(stack, test.fitted.design, contrast=contrast),
            provenance=provenance,
        ),
        permuted,
    )
    threshold = _threshold(statistic, permuted, test=test)
    effect = _effect(result, stack=stack, provenance=provenance)
    if settings.variance_groups is not None:
        effect = None
    heat_map = heat_map_of(statistic, threshold=threshold, title=contrast.name)
    is_grid = isinstance(stack.mask.space, Grid)
    return JudgedContrast(
        contrast=contrast,
        statistic=statistic,
        threshold=threshold,
        heat_map=replace(heat_map, element="voxel" if is_grid else "element"),
        clusters=survivor_table(
            statistic, threshold, effect=effect, neighbourhood=settings.neighbourhood
        ),
        effect=effect,
        permuted=permuted,
        warnings=warnings,
    )


def _threshold(statistic: StatMap, permuted: PermutationResult, *, test: _Test) -> Threshold:
    judged = apply_threshold(
        statistic,
        method=test.settings.method,
        alpha=test.alpha,
        two_sided=test.settings.two_sided,
        permutations=permuted,
        neighbourhood=test.settings.neighbourhood,
    )
    return within_volume(judged, test.family.volume)


def _effect(
    result: linear.ContrastResult, *, stack: MapStack, provenance: Provenance
) -> Estimate | None:
    """Return the estimate of a t with its interval; an F has none."""
    if result.effect is None or result.low is None or result.high is None:
        return None
    return Estimate(
        value=result.effect,
        low=result.low,
        high=result.high,
        level=result.level,
        standard_error=result.se,
        unit=stack.unit,
        n=result.n,
        mask=stack.mask,
        provenance=provenance,
    )


def _groups(stack: MapStack, design: Design, *, contrast: Contrast) -> tuple[tuple[str, int], ...]:
    """Return n of each level of the factors that the contrast weighs, else of the first one."""
    factors = [name for name in design.levels if name in stack.table.names]
    weighed = [name for name in factors if _weighs(contrast, name, design=design)]
    few = [name for name in factors if len(design.levels[name]) <= MOST_GROUPS]
    named = weighed or few[:1]
    if not named:
        return ()
    rows = Counter(zip(*(stack.table.words(name) for name in named), strict=True))
    cells = itertools.product(*(design.levels[name] for name in named))
    return tuple(("/".join(cell), rows[cell]) for cell in cells if rows[cell])


def _weighs(contrast: Contrast, factor: str, *, design: Design) -> bool:
    """Say whether the contrast weighs a column of a term of this factor."""
    return any(
        bool(contrast.weights[:, list(columns)].any())
        for term, columns in design.terms.items()
        if factor in term.split(":")
    )


def _warnings(permuted: PermutationResult, *, test: _Test) -> tuple[str, ...]:
    """Say what a reader must know: unreachable levels, assumptions, elements without a test."""
    reach = reach_words(
        permuted.n_permutations,
        exact=permuted.exact,
        smallest=permuted.smallest_p,
        alpha=test.alpha,
    )
    n_undefined = test.fitted.n_undefined
    noun = "voxel" if isinstance(test.stack.mask.space, Grid) else "element"
    undefined = (
        f"{count(n_undefined, noun)} without residual variance: no statistic is defined there."
    )
    found = [reach, *permuted.warnings, undefined if n_undefined else ""]
    return tuple(words for words in found if words)


def _provenance(
    contrast: Contrast,
    permuted: PermutationResult,
    *,
    test: _Test,
    warnings: Sequence[str],
) -> Provenance:
    design, settings = test.fitted.design, test.settings
    model = {
        "model": design.formula,
        "n": design.n,
        "dof": test.fitted.dof,
        "columns": list(design.names),
        "coding": thaw(design.coding),
        "dropped": len(design.dropped),
    }
    tested = {
        "contrast": contrast.name,
        "test": contrast.test,
        "kind": contrast.kind,
        "weights": contrast.weights_words(design.names),
        "positive": contrast.words,
    }
    judged = {
        "method": settings.method,
        "alpha": test.alpha,
        "two_sided": permuted.two_sided,
        "permutations": permuted.words,
        "possible": possible_words(permuted.n_possible),
        "residuals": permuted.residuals,
        "exchangeability": permuted.exchangeability,
        "neighbourhood": permuted.neighbourhood,
        "cluster_cut": permuted.cluster_cut,
        "tfce": None if permuted.tfce is None else field_values(permuted.tfce),
        "corrected_together": list(permuted.family),
        "small_volume": None if test.family.volume is None else test.family.volume.words,
    }
    source = test.stack.provenance.then(
        "fit", parameters=_told(model), inputs={"design": digest_array(np.asarray(design.matrix))}
    )
    return source.then("test", parameters=_told(tested)).then(
        "permute", parameters=_told(judged), seed=settings.seed, warnings=warnings
    )


def _told(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without those that say nothing."""
    return {key: entry for key, entry in parameters.items() if entry not in ("", {}, [], None)}
