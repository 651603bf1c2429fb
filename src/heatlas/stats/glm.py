"""Analyses of a stack of maps: one linear model, any number of contrasts, every number with n."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.core.estimate import Estimate
from heatlas.core.provenance import Provenance
from heatlas.core.stack import MapStack
from heatlas.core.statmap import StatMap
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.infer import linear
from heatlas.infer.effect import hedges_g, partial_r2
from heatlas.stats.contrast import ResolvedContrast, quantity_weights, resolve_contrast
from heatlas.stats.formula import Missing, build_model
from heatlas.stats.marginal import BuiltModel

MAX_GROUPS = 8
MAX_MEANS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class ContrastRequest(Value):
    """A contrast as a study asks for it.

    Parameters
    ----------
    name : str
        Short name for files and headings, unique in its analysis.
    test : str
        What is tested, in the language of :mod:`heatlas.stats.contrast`.
    kind : {"t", "F"}
        Statistic.
    """

    name: str
    test: str
    kind: Literal["t", "F"] = "t"


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedContrast(Value):
    """What one contrast found.

    Parameters
    ----------
    resolved : ResolvedContrast
        The weights, what a positive value means, and the means that it names.
    statistic : StatMap
        t or F, with degrees of freedom, n and the groups.
    effect : Estimate or None
        Difference, mean or slope in the unit of the maps (a slope: per unit of the covariate)
        with standard error and interval; None for an F.
    standardised : Estimate
        Hedges g of a difference of two means or of a mean, partial R2 of everything else.
    means : tuple of StatMap
        Estimated marginal means of the levels that the contrast names (at most 12 of them), each
        with its n; none for slopes.
    weights_words : str
        The weights on the named columns of the design.
    """

    resolved: ResolvedContrast
    statistic: StatMap
    effect: Estimate | None
    standardised: Estimate
    means: tuple[StatMap, ...]
    weights_words: str

    @property
    def name(self) -> str:
        """Name of the contrast."""
        return self.resolved.contrast.name

    @property
    def contrast(self) -> Contrast:
        """The weights."""
        return self.resolved.contrast


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedAnalysis(Value):
    """A model fitted to a stack, with its contrasts.

    Parameters
    ----------
    model : BuiltModel
        The design, the rows of the stack that it uses, and what was dropped.
    contrasts : tuple of FittedContrast
        The contrasts in the order asked for.
    n_undefined : int
        Elements without residual variance, whose statistics are not defined.
    """

    model: BuiltModel
    contrasts: tuple[FittedContrast, ...]
    n_undefined: int = 0

    @property
    def design(self) -> Design:
        """The design of the rows used; its ``dropped`` lists the rows left out."""
        return self.model.design

    @property
    def rows(self) -> NDArray[np.int64]:
        """Which maps of the stack were used."""
        return self.model.rows

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know about the model."""
        return self.model.warnings


def fit_analysis(
    stack: MapStack,
    *,
    model: str,
    contrasts: Sequence[ContrastRequest],
    where: str | None = None,
    missing: Missing = "refuse",
) -> FittedAnalysis:
    """Fit a model to every element of a stack and test contrasts.

    Parameters
    ----------
    stack : MapStack
        The maps and their table.
    model : str
        Formula, see :func:`heatlas.stats.formula.build_model`.
    contrasts : sequence of ContrastRequest
        What to test, see :func:`heatlas.stats.contrast.resolve_contrast`.
    where : str, optional
        Condition that selects rows.
    missing : {"refuse", "drop"}
        What to do with rows that lack a value of the model.

    Returns
    -------
    FittedAnalysis
        The design and, for each contrast, statistic, effect, standardised effect and means.

    Raises
    ------
    DesignError
        If the model or a contrast cannot be estimated, or two contrasts share a name.
    UnknownNameError
        If a column, a predictor or a level does not exist.

    Notes
    -----
    Ordinary least squares in float64: errors are taken as independent, Gaussian and of equal
    variance. Memory beside the maps: about 8 (p + 4 + 8 c) bytes per element for p regressors
    and c contrasts. Hedges g is standardised by the residual standard deviation of the model:
    with a factor for subjects, that is the one within subjects.
    """
    _check_names(contrasts)
    built = build_model(stack.table, model=model, ids=stack.ids, missing=missing, where=where)
    resolved = [resolve_contrast(built, name=c.name, test=c.test, kind=c.kind) for c in contrasts]
    everyone = len(built.rows) == len(stack)
    fitted = linear.fit(stack.values if everyone else stack.values[built.rows], built.design)
    source = _fit_provenance(stack, built, missing=missing, n_undefined=fitted.n_undefined)
    analysis = _Analysis(stack=stack, built=built, fitted=fitted, provenance=source)
    return FittedAnalysis(
        model=built,
        contrasts=tuple(_tested(analysis, one) for one in resolved),
        n_undefined=fitted.n_undefined,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Analysis(Value):
    """What every contrast of an analysis shares."""

    stack: MapStack
    built: BuiltModel
    fitted: linear.Fit
    provenance: Provenance


def _check_names(contrasts: Sequence[ContrastRequest]) -> None:
    names = Counter(contrast.name for contrast in contrasts)
    twice = [name for name, times in names.items() if times > 1]
    if twice:
        raise DesignError(f"Contrast '{twice[0]}' is asked for twice; give each its own name.")


def _fit_provenance(
    stack: MapStack, built: BuiltModel, *, missing: Missing, n_undefined: int
) -> Provenance:
    design = built.design
    parameters: dict[str, Any] = {
        "model": design.formula,
        "where": built.where,
        "missing": missing,
        "n": design.n,
        "dof": design.dof,
        "columns": list(design.names),
        "coding": dict(design.coding),
        "dropped": len(design.dropped),
    }
    warnings = list(built.warnings)
    if n_undefined:
        warnings.append(
            f"{count(n_undefined, 'element')} without residual variance: no statistic is defined "
            "there."
        )
    return stack.provenance.then("fit", parameters=parameters, warnings=warnings)


def _tested(analysis: _Analysis, resolved: ResolvedContrast) -> FittedContrast:
    """Test one contrast and describe it."""
    stack, contrast = analysis.stack, resolved.contrast
    weights_words = contrast.weights_words(analysis.built.design.names)
    provenance = analysis.provenance.then(
        "test",
        parameters={
            "contrast": contrast.name,
            "test": contrast.test,
            "kind": contrast.kind,
            "weights": weights_words,
            "positive": contrast.words,
        },
    )
    result = linear.test(analysis.fitted, contrast)
    statistic = StatMap(
        values=result.statistic,
        mask=stack.mask,
        kind=contrast.kind,
        dof=result.dof,
        quantity=stack.measure,
        unit=stack.unit,
        contrast=contrast.name,
        n=result.n,
        groups=_groups(analysis.built, resolved.factors),
        provenance=provenance,
    )
    return FittedContrast(
        resolved=resolved,
        statistic=statistic,
        effect=_effect(analysis, resolved, result=result, provenance=provenance),
        standardised=_standardised(resolved, result, stack=stack, provenance=provenance),
        means=_means(analysis, resolved, provenance=provenance),
        weights_words=weights_words,
    )


def _groups(built: BuiltModel, named: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Return n of each level of the factors in the contrast, else of the first short factor."""
    if not named:
        named = tuple(f.name for f in built.factors if len(f.levels) <= MAX_GROUPS)[:1]
    if not named:
        return ()
    factors = [built.by_name[name] for name in named]
    groups = []
    for levels in itertools.product(*(factor.levels for factor in factors)):
        n = built.count(dict(zip(named, levels, strict=True)))
        if n:
            groups.append(("/".join(levels), n))
    return tuple(groups)


def _effect(
    analysis: _Analysis,
    resolved: ResolvedContrast,
    *,
    result: linear.ContrastResult,
    provenance: Provenance,
) -> Estimate | None:
    """Return the estimate of a t with its interval."""
    if result.effect is None or result.low is None or result.high is None:
        return None
    return Estimate(
        value=result.effect,
        low=result.low,
        high=result.high,
        level=result.level,
        kind=resolved.shape,
        standard_error=result.se,
        unit=_unit(analysis, resolved),
        n=result.n,
        mask=analysis.stack.mask,
        provenance=provenance,
    )


def _unit(analysis: _Analysis, resolved: ResolvedContrast) -> str:
    """Return the unit of the maps, for a slope per unit of what it runs along."""
    unit = analysis.stack.unit
    if resolved.shape != "slope":
        return unit
    along = " and ".join(_covariate_unit(analysis, name) or name for name in resolved.slopes)
    return f"{unit} per {along}".strip()


def _covariate_unit(analysis: _Analysis, name: str) -> str:
    column = analysis.built.by_name[name].column
    if name == column:
        return analysis.stack.table.column(column).unit
    return f"standard deviation of {column}" if name.startswith("scale(") else ""


def _standardised(
    resolved: ResolvedContrast,
    result: linear.ContrastResult,
    *,
    stack: MapStack,
    provenance: Provenance,
) -> Estimate:
    """Return Hedges g of means and their differences, partial R2 of everything else."""
    is_mean = resolved.shape in ("difference", "mean") and result.dof[0] >= 2
    measure = hedges_g if is_mean else partial_r2
    return replace(measure(result, mask=stack.mask), provenance=provenance)


def _means(
    analysis: _Analysis, resolved: ResolvedContrast, *, provenance: Provenance
) -> tuple[StatMap, ...]:
    """Return the marginal mean of each level (or cell) that the contrast names."""
    named = [mean for mean in resolved.means if mean.levels]
    if not named or len(named) > MAX_MEANS:
        return ()
    built, stack = analysis.built, analysis.stack
    weights = np.array([quantity_weights(mean, built) for mean in named])
    maps = analysis.fitted.combine(weights)
    return tuple(
        StatMap(
            values=values,
            mask=stack.mask,
            kind="mean",
            quantity=stack.measure,
            unit=stack.unit,
            contrast=mean.text,
            n=built.count(dict(mean.levels)),
            groups=(("/".join(level for _, level in mean.levels), built.count(dict(mean.levels))),),
            provenance=provenance,
        )
        for mean, values in zip(named, maps, strict=True)
    )


def adjusted_values(
    model: BuiltModel, resolved: ResolvedContrast, *, values: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return one value per map with everything taken out that the contrast is not about.

    Parameters
    ----------
    model : BuiltModel
        The model.
    resolved : ResolvedContrast
        The contrast; the factors that it names stay in the values.
    values : numpy.ndarray, shape (n,)
        One value per row of the design: a voxel, or the mean of a region.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        Each map's residual on top of the marginal mean of its own levels: the covariates and the
        other factors stand where the contrast holds them.

    Raises
    ------
    DataError
        If there is not one value per row.
    """
    given = np.asarray(values, dtype=np.float64)
    fitted = linear.fit(given[:, None], model.design)
    coefficients = fitted.coefficients[:, 0]
    residuals = given - model.design.matrix @ coefficients
    factors = [model.by_name[name] for name in resolved.factors]
    means = [
        model.weights(levels={f.name: f.levels[int(f.values[row])] for f in factors})
        for row in range(len(given))
    ]
    return np.asarray(residuals + np.array(means) @ coefficients)
