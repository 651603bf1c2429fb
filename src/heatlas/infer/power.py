"""Power of t and F tests, and the smallest effect a sample can find, by our own integral."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import special
from scipy.optimize import brentq

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DesignError
from heatlas.core.validate import check_choice
from heatlas.infer.noncentral import log_upper_tail
from heatlas.infer.pvalues import log10_p, statistic_at

TestKind = Literal["two-sample", "one-sample", "correlation"]
TEST_KINDS = ("two-sample", "one-sample", "correlation")

LARGEST_SAMPLE = 10_000_000


def power_t(noncentrality: float, *, dof: float, alpha: float, two_sided: bool = True) -> float:
    """Return the chance that a t test rejects.

    Parameters
    ----------
    noncentrality : float
        True effect divided by its standard error.
    dof : float
        Degrees of freedom; infinity gives the normal test.
    alpha : float
        Level of the single test: for a map the voxelwise level that the correction amounts to.
    two_sided : bool
        Whether both tails reject; the upper one otherwise.

    Returns
    -------
    float
        Power between 0 and 1.

    Raises
    ------
    DesignError
        If alpha or the degrees of freedom are impossible.

    Notes
    -----
    Both tails come from :func:`heatlas.infer.noncentral.log_upper_tail`, which holds at any level
    and any degrees of freedom.
    """
    _check(dof=dof, alpha=alpha)
    cut = t_cut(dof=dof, alpha=alpha, two_sided=two_sided)
    upper = math.exp(log_upper_tail(cut, noncentrality=noncentrality, dof=dof))
    if not two_sided:
        return min(upper, 1.0)
    lower = math.exp(log_upper_tail(cut, noncentrality=-noncentrality, dof=dof))
    return min(upper + lower, 1.0)


def power_two_sample(
    d: float, *, n1: int, n2: int, alpha: float, two_sided: bool = True, n_covariates: int = 0
) -> float:
    """Return the power of a two-sample t test.

    Parameters
    ----------
    d : float
        True difference in standard deviations within groups (of the residuals, with covariates).
    n1, n2 : int
        Members of the two groups.
    alpha : float
        Level of the single test.
    two_sided : bool
        Whether both tails reject.
    n_covariates : int
        Further regressors, unrelated to the groups; each costs one degree of freedom.

    Returns
    -------
    float
        Power between 0 and 1.
    """
    error = _two_sample_error(n1, n2)
    dof = n1 + n2 - 2 - n_covariates
    return power_t(d / error, dof=dof, alpha=alpha, two_sided=two_sided)


def power_one_sample(d: float, *, n: int, alpha: float, two_sided: bool = True) -> float:
    """Return the power of a one-sample (or paired) t test; d in standard deviations."""
    return power_t(d * math.sqrt(n), dof=n - 1, alpha=alpha, two_sided=two_sided)


def power_correlation(
    r: float, *, n: int, alpha: float, two_sided: bool = True, n_covariates: int = 0
) -> float:
    """Return the power of the test of a slope.

    Parameters
    ----------
    r : float
        True correlation (partial, with covariates) in the sample's own values of the regressor.
    n : int
        Number of maps.
    alpha : float
        Level of the single test.
    two_sided : bool
        Whether both tails reject.
    n_covariates : int
        Further regressors.

    Returns
    -------
    float
        Power between 0 and 1.

    Raises
    ------
    DesignError
        If the correlation is not between -1 and 1.

    Notes
    -----
    The regressor's values are taken as fixed, as the linear model does. For a regressor that is
    itself drawn at random the power is a little lower in small samples.
    """
    if not -1 < r < 1:
        raise DesignError(f"correlation: {r} given, expected a value between -1 and 1.")
    noncentrality = r / math.sqrt(1 - r**2) * math.sqrt(n)
    return power_t(noncentrality, dof=n - 2 - n_covariates, alpha=alpha, two_sided=two_sided)


def power_f(noncentrality: float, *, dof: tuple[float, float], alpha: float) -> float:
    """Return the chance that an F test rejects.

    Parameters
    ----------
    noncentrality : float
        n R2 / (1 - R2) for a partial R2.
    dof : tuple of float
        Degrees of freedom of the numerator and of the residuals.
    alpha : float
        Level of the single test.

    Returns
    -------
    float
        Power between 0 and 1.
    """
    _check(dof=min(dof), alpha=alpha)
    cut = statistic_at(alpha, kind="F", dof=dof, two_sided=False)
    share = dof[0] * cut / (dof[0] * cut + dof[1])
    # A noncentral F is a Poisson mixture of betas; its terms are followed far into both tails.
    half = noncentrality / 2
    spread = 12 * math.sqrt(half + 1) + 30
    k = np.arange(max(0, math.floor(half - spread)), math.ceil(half + spread) + 1)
    log_weight = special.xlogy(k, half) - half - special.gammaln(k + 1)
    tails = special.betaincc(dof[0] / 2 + k, dof[1] / 2, share)
    return float(min(np.sum(np.exp(log_weight) * tails), 1.0))


def smallest_noncentrality(
    *, dof: float, alpha: float, power: float = 0.8, two_sided: bool = True
) -> float:
    """Return the noncentrality at which a t test reaches a power.

    Parameters
    ----------
    dof : float
        Degrees of freedom.
    alpha : float
        Level of the single test.
    power : float
        Wanted power, above alpha and below 1.
    two_sided : bool
        Whether both tails reject.

    Returns
    -------
    float
        True effect over its standard error, positive.
    """
    _check(dof=dof, alpha=alpha)
    _check_power(power, alpha=alpha)
    return _root(
        lambda size: power_t(size, dof=dof, alpha=alpha, two_sided=two_sided) - power,
        start=t_cut(dof=dof, alpha=alpha, two_sided=two_sided) + 1,
    )


def smallest_effect(
    *,
    n: int | tuple[int, int],
    alpha: float,
    power: float = 0.8,
    two_sided: bool = True,
    dof: float | None = None,
) -> float:
    """Return the smallest mean or difference that would be found with this power.

    Parameters
    ----------
    n : int or tuple of int
        Maps of one sample, or of the two groups.
    alpha : float
        Level of the single test: for a map the voxelwise level that the correction amounts to
        (see :func:`level_of_cut`).
    power : float
        Wanted power.
    two_sided : bool
        Whether both tails reject.
    dof : float, optional
        Residual degrees of freedom when the model holds more than the groups.

    Returns
    -------
    float
        In standard deviations within groups (of the residuals).

    Raises
    ------
    DesignError
        If a number is impossible.
    """
    if isinstance(n, tuple):
        error, own_dof = _two_sample_error(*n), float(sum(n) - 2)
    else:
        error, own_dof = 1 / math.sqrt(n), float(n - 1)
    used = own_dof if dof is None else dof
    return error * smallest_noncentrality(dof=used, alpha=alpha, power=power, two_sided=two_sided)


def smallest_contrast(
    design: Design,
    contrast: Contrast,
    *,
    alpha: float,
    power: float = 0.8,
    two_sided: bool = True,
) -> float:
    """Return the smallest effect of a contrast that would be found with this power.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        A t contrast of it.
    alpha : float
        Level of the single test.
    power : float
        Wanted power.
    two_sided : bool
        Whether both tails reject.

    Returns
    -------
    float
        Effect in standard deviations of the residuals: a difference in those for groups, a
        change in those per unit of the covariate for slopes.

    Raises
    ------
    DesignError
        If the contrast is an F, or its weights do not fit the design.
    """
    return standard_error(design, contrast) * smallest_noncentrality(
        dof=design.dof, alpha=alpha, power=power, two_sided=two_sided
    )


def smallest_correlation(
    *,
    n: int,
    alpha: float,
    power: float = 0.8,
    two_sided: bool = True,
    dof: float | None = None,
) -> float:
    """Return the smallest (partial) correlation that would be found with this power.

    Parameters
    ----------
    n : int
        Number of maps.
    alpha : float
        Level of the single test.
    power : float
        Wanted power.
    two_sided : bool
        Whether both tails reject.
    dof : float, optional
        Residual degrees of freedom; n - 2 without covariates.

    Returns
    -------
    float
        Magnitude of the correlation.
    """
    used = n - 2 if dof is None else dof
    size = smallest_noncentrality(dof=used, alpha=alpha, power=power, two_sided=two_sided)
    return size / math.sqrt(size**2 + n)


def smallest_partial_r2(
    *, n: int, dof: tuple[float, float], alpha: float, power: float = 0.8
) -> float:
    """Return the smallest partial R2 that an F test would find with this power.

    Parameters
    ----------
    n : int
        Number of maps.
    dof : tuple of float
        Degrees of freedom of the numerator and of the residuals.
    alpha : float
        Level of the single test.
    power : float
        Wanted power.

    Returns
    -------
    float
        Share of the remaining variance.
    """
    _check(dof=min(dof), alpha=alpha)
    _check_power(power, alpha=alpha)
    size = _root(lambda nc: power_f(nc, dof=dof, alpha=alpha) - power, start=10.0)
    return size / (size + n)


def sample_size(
    effect: float,
    *,
    kind: TestKind = "two-sample",
    alpha: float,
    power: float = 0.8,
    two_sided: bool = True,
) -> int:
    """Return the smallest sample that finds an effect with this power.

    Parameters
    ----------
    effect : float
        True effect: standard deviations, or a correlation. Its magnitude counts.
    kind : {"two-sample", "one-sample", "correlation"}
        The test.
    alpha : float
        Level of the single test.
    power : float
        Wanted power.
    two_sided : bool
        Whether both tails reject.

    Returns
    -------
    int
        Maps **per group** for two samples of equal size, maps in all otherwise.

    Raises
    ------
    DesignError
        If no sample up to ten million per group is large enough, or a number is impossible.
    """
    check_choice(kind, name="kind of test", known=TEST_KINDS)
    _check_power(power, alpha=alpha)

    def reached(n: int) -> bool:
        size = abs(effect)
        if kind == "two-sample":
            got = power_two_sample(size, n1=n, n2=n, alpha=alpha, two_sided=two_sided)
        elif kind == "one-sample":
            got = power_one_sample(size, n=n, alpha=alpha, two_sided=two_sided)
        else:
            got = power_correlation(size, n=n, alpha=alpha, two_sided=two_sided)
        return got >= power

    return _first_true(reached, start=3 if kind == "correlation" else 2)


def standard_error(design: Design, contrast: Contrast) -> float:
    """Return the standard error of a t contrast in standard deviations of the residuals.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        A t contrast of it.

    Returns
    -------
    float
        sqrt(c (X'X)^-1 c').

    Raises
    ------
    DesignError
        If the contrast is an F, or its weights do not fit the design.
    """
    if contrast.kind != "t":
        raise DesignError(
            f"Contrast '{contrast.name}' is an F and has no single effect; ask for its partial R2."
        )
    if contrast.weights.shape[1] != design.matrix.shape[1]:
        raise DesignError(
            f"Contrast '{contrast.name}' has {contrast.weights.shape[1]} weights, but the design "
            f"has {design.matrix.shape[1]} columns."
        )
    root = np.linalg.pinv(design.matrix)
    return float(np.linalg.norm(contrast.weights[0] @ root))


def t_cut(*, dof: float, alpha: float, two_sided: bool = True) -> float:
    """Return the t (its magnitude when two-sided) beyond which a test of this level rejects."""
    kind, needed = ("z", ()) if math.isinf(dof) else ("t", (dof,))
    return statistic_at(alpha, kind=kind, dof=needed, two_sided=two_sided)


def level_of_cut(cut: float, *, kind: str, dof: tuple[float, ...], two_sided: bool = True) -> float:
    """Return the level of a single test that rejects beyond a cut.

    Parameters
    ----------
    cut : float
        Threshold on the statistic, such as the one that a maximum statistic gave.
    kind : {"t", "F", "z"}
        The statistic.
    dof : tuple of float
        Its degrees of freedom.
    two_sided : bool
        Whether both tails reject.

    Returns
    -------
    float
        Voxelwise alpha.
    """
    found = log10_p(np.array([cut]), kind=kind, dof=dof, two_sided=two_sided)
    return float(10.0 ** -found[0])


def _root(gap: Callable[[float], float], *, start: float) -> float:
    """Return where an increasing function, negative at 0, crosses 0."""
    high = start
    while gap(high) < 0:
        high *= 2
    return float(brentq(gap, 0.0, high, xtol=1e-10, rtol=1e-12))


def _first_true(reached: Callable[[int], bool], *, start: int) -> int:
    """Return the smallest n from which on the monotone condition holds."""
    low, high = start - 1, start
    while not reached(high):
        low, high = high, high * 2
        if high > LARGEST_SAMPLE:
            raise DesignError(
                f"sample size: more than {LARGEST_SAMPLE:,} would be needed for this effect."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _two_sample_error(n1: int, n2: int) -> float:
    if min(n1, n2) < 1:
        raise DesignError(f"power: groups of {n1} and {n2} given, expected at least 1 in each.")
    return math.sqrt(1 / n1 + 1 / n2)


def _check(*, dof: float, alpha: float) -> None:
    if not 0 < alpha < 1:
        raise DesignError(f"alpha: {alpha} given, expected a level between 0 and 1.")
    if not dof > 0:
        raise DesignError(f"degrees of freedom: {dof} given, expected a positive number.")


def _check_power(power: float, *, alpha: float) -> None:
    if not alpha < power < 1:
        raise DesignError(f"power: {power} given, expected a value between alpha and 1.")
