"""The linear model of all elements at once: one fit, any number of t and F contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError, DesignError
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import join

Floats = NDArray[np.float64]
BLOCK_VALUES = 1 << 18  # float64 values of one block of elements: 2 MB
COLLINEAR = 1e-10  # smallest singular value of the unit-norm columns, relative to the largest
ESTIMABLE = 1e-8  # share of the weights that may lie outside the design's row space


@dataclass(frozen=True, kw_only=True, eq=False)
class Basis(Value):
    """The column space of a design.

    Parameters
    ----------
    columns : array_like of float64, shape (n, r)
        Orthonormal basis of the column space.
    to_coefficients : array_like of float64, shape (p, r)
        Turns projections on the basis into coefficients (the smallest ones where the design has
        collinear columns).
    """

    columns: Floats
    to_coefficients: Floats

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name in ("columns", "to_coefficients"):
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=np.float64))

    @property
    def rank(self) -> int:
        """Number of independent columns."""
        return int(self.columns.shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit(Value):
    """A linear model fitted to every element.

    Parameters
    ----------
    design : Design
        The model.
    basis : Basis
        Its column space.
    shifted : array_like of float64, shape (p, v)
        Coefficients after the first map was subtracted from all maps; where the design holds no
        constant, nothing is subtracted.
    shift : array_like of float64, shape (v,)
        What was subtracted.
    shift_weights : array_like of float64, shape (p,)
        Coefficients of a constant of 1; zero where the design holds none.
    rss : array_like of float64, shape (v,)
        Residual sum of squares; exactly 0 where the model leaves nothing but rounding.
    """

    design: Design
    basis: Basis
    shifted: Floats
    shift: Floats
    shift_weights: Floats
    rss: Floats

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name in ("shifted", "shift", "shift_weights", "rss"):
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=np.float64))

    @property
    def dof(self) -> int:
        """Residual degrees of freedom."""
        return self.design.n - self.basis.rank

    @property
    def coefficients(self) -> Floats:
        """Coefficients of the design's columns, shape (p, v)."""
        return np.asarray(self.shifted + np.outer(self.shift_weights, self.shift))

    @property
    def residual_variance(self) -> Floats:
        """Residual variance, shape (v,); 0 where the model leaves nothing."""
        return np.asarray(self.rss / self.dof)

    @property
    def xtx_inverse(self) -> Floats:
        """Inverse of X'X (a generalised one for collinear columns), shape (p, p)."""
        return np.asarray(self.basis.to_coefficients @ self.basis.to_coefficients.T)

    @cached_property
    def n_undefined(self) -> int:
        """Number of elements without residual variance: their statistics are NaN."""
        return int((self.rss == 0).sum())

    def combine(self, weights: Floats) -> Floats:
        """Return the weighted sums of the coefficients, shape (q, v) for weights (q, p)."""
        constant = weights @ self.shift_weights
        size = np.abs(weights) @ np.abs(self.shift_weights)
        # A difference of groups does not see the constant: keep its rounding out of the digits.
        constant[np.abs(constant) <= ESTIMABLE * size] = 0
        combined = weights @ self.shifted
        if constant.any():
            combined += np.outer(constant, self.shift)
        return np.asarray(combined)


@dataclass(frozen=True, kw_only=True, eq=False)
class ContrastResult(Value):
    """One contrast, tested in every element.

    Parameters
    ----------
    contrast : Contrast
        What was tested.
    kind : {"t", "F"}
        Statistic.
    dof : tuple of float
        (df,) of a t, (df1, df2) of an F.
    n : int
        Number of maps.
    statistic : array_like of float64, shape (v,)
        NaN in elements without residual variance.
    scale : float
        Standard error per unit of residual standard deviation, sqrt(c'(X'X)^-1 c); NaN for an F.
    effect, se, low, high : array_like of float64, shape (v,), optional
        Estimate in the unit of the maps, its standard error and interval; None for an F.
    level : float
        Coverage of the interval.
    n_undefined : int
        Elements without residual variance.
    """

    contrast: Contrast
    kind: Literal["t", "F"]
    dof: tuple[float, ...]
    n: int
    statistic: Floats
    scale: float = np.nan
    effect: Floats | None = None
    se: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    level: float = 0.95
    n_undefined: int = 0

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name in ("statistic", "effect", "se", "low", "high"):
            given = getattr(self, name)
            if given is not None:
                set_field(self, name, to=own_array(given, name=name, dtype=np.float64, ndim=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition(Value):
    """A design split by a contrast into what is tested and what is not.

    Parameters
    ----------
    interest : array_like of float64, shape (n, q)
        Orthonormal columns that carry the contrast, orthogonal to the nuisance; for a t, data
        along the single column give a positive t.
    nuisance : array_like of float64, shape (n, r - q)
        Orthonormal basis of everything that the model still explains when the contrast is null.
    dof : int
        Residual degrees of freedom of the full model.
    """

    interest: Floats
    nuisance: Floats
    dof: int

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name in ("interest", "nuisance"):
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=np.float64))


def fit(values: ArrayLike, design: Design) -> Fit:
    """Fit the design to every element by least squares.

    Parameters
    ----------
    values : array_like of float32 or float64, shape (n, v)
        One row per map, one column per element, all finite.
    design : Design
        The model, one row per map.

    Returns
    -------
    Fit
        Coefficients and residual sums of squares, in float64.

    Raises
    ------
    DataError
        If the number of maps does not fit the design.
    DesignError
        If the design leaves no residual degree of freedom.

    Notes
    -----
    The maps are read in blocks of elements that are turned into float64 one after the other, so
    beside the result (p + 2 numbers per element) only a few MB are needed. The first map is
    subtracted where the design holds a constant, and residuals are formed before they are
    squared: offsets as large as 10^12 times the noise cost no more digits than their storage.
    """
    maps = np.asarray(values)
    check_length(maps, name="maps", expected=design.n, per="rows in the design")
    if maps.ndim != 2:
        raise DataError(f"maps: expected 2 axes (maps, elements), got shape {maps.shape}.")
    basis = column_basis(design)
    constant = _constant_weights(design, basis)
    n_elements = maps.shape[1]
    shifted, rss = np.empty((len(design.names), n_elements)), np.empty(n_elements)
    shift = maps[0].astype(np.float64) * bool(constant.any())
    step = max(1, BLOCK_VALUES // design.n)
    for start in range(0, n_elements, step):
        part = slice(start, start + step)
        block = maps[:, part].astype(np.float64)
        block -= shift[part]
        shifted[:, part], rss[part] = _fit_block(block, basis=basis)
    return Fit(
        design=design, basis=basis, shifted=shifted, shift=shift, shift_weights=constant, rss=rss
    )


def test(fitted: Fit, contrast: Contrast, *, level: float = 0.95) -> ContrastResult:
    """Test a contrast in every element.

    Parameters
    ----------
    fitted : Fit
        The fitted model.
    contrast : Contrast
        Weights on its columns; linearly dependent rows of an F count once.
    level : float
        Coverage of the interval of a t contrast's estimate.

    Returns
    -------
    ContrastResult
        Statistic and, for a t, estimate with standard error and interval.

    Raises
    ------
    DesignError
        If the design cannot estimate the contrast.

    Notes
    -----
    Assumes independent Gaussian errors of equal variance. Elements without residual variance get
    NaN and are counted.
    """
    check_estimable(fitted.design, contrast, basis=fitted.basis)
    if contrast.kind == "F":
        return _test_f(fitted, contrast)
    weights = contrast.weights
    effect = fitted.combine(weights)[0]
    scale = float(np.linalg.norm(weights @ fitted.basis.to_coefficients))
    se = np.sqrt(fitted.residual_variance) * scale
    statistic = np.full(len(se), np.nan)
    np.divide(effect, se, out=statistic, where=se > 0)
    half = se * float(special.stdtrit(fitted.dof, (1 + level) / 2))
    return ContrastResult(
        contrast=contrast,
        kind="t",
        dof=(float(fitted.dof),),
        n=fitted.design.n,
        statistic=statistic,
        scale=scale,
        effect=effect,
        se=se,
        low=effect - half,
        high=effect + half,
        level=level,
        n_undefined=fitted.n_undefined,
    )


def column_basis(design: Design) -> Basis:
    """Return the column space of a design.

    Parameters
    ----------
    design : Design
        The model.

    Returns
    -------
    Basis
        From the singular value decomposition of the columns scaled to norm 1, so that units do
        not decide what counts as collinear.

    Raises
    ------
    DesignError
        If the design leaves no residual degree of freedom, or all columns are zero.
    """
    length = np.linalg.norm(design.matrix, axis=0)
    scale = np.where(length > 0, length, 1)
    left, singular, right = np.linalg.svd(design.matrix / scale, full_matrices=False)
    kept = singular > COLLINEAR * max(float(singular.max(initial=0)), 1e-300)
    if not kept.any():
        raise DesignError("The design matrix is all zero.")
    if kept.sum() >= design.n:
        raise DesignError(
            f"The model has {int(kept.sum())} independent regressors for {design.n} maps, which "
            "leaves nothing to estimate the noise from; drop terms or add maps."
        )
    to_coefficients = (right[kept].T / singular[kept]) / scale[:, None]
    return Basis(columns=left[:, kept], to_coefficients=to_coefficients)


def check_estimable(design: Design, contrast: Contrast, *, basis: Basis | None = None) -> None:
    """Raise unless the design can estimate the contrast.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        Weights on its columns.
    basis : Basis, optional
        The design's column space, where it is known already.

    Raises
    ------
    DesignError
        If the weights do not fit the columns or are not in the design's row space; the message
        names the columns that cannot be told apart.
    """
    weights = contrast.weights
    if weights.shape[1] != len(design.names):
        raise DesignError(
            f"Contrast '{contrast.name}' has {weights.shape[1]} weights, but the design has "
            f"{len(design.names)} columns: {', '.join(design.names)}."
        )
    basis = basis or column_basis(design)
    projector = basis.to_coefficients @ (basis.columns.T @ design.matrix)
    length = np.maximum(np.linalg.norm(design.matrix, axis=0), 1e-300)
    # The part of the weights that the data do not determine, in units of the scaled columns.
    outside = np.abs(weights - weights @ projector) / length
    if (outside > ESTIMABLE * np.abs(weights / length).max(axis=1, keepdims=True)).any():
        mixed = np.abs(np.eye(len(design.names)) - projector).max(axis=0) > ESTIMABLE
        named = [name for name, is_mixed in zip(design.names, mixed, strict=True) if is_mixed]
        raise DesignError(
            f"Contrast '{contrast.name}' cannot be estimated: the rows do not tell apart the "
            f"columns {join(named)}."
        )


def partition(design: Design, contrast: Contrast) -> Partition:
    """Split a design into what a contrast tests and the nuisance.

    Parameters
    ----------
    design : Design
        The model.
    contrast : Contrast
        One row for a t, any number for an F.

    Returns
    -------
    Partition
        ``interest`` spans X(X'X)^-1 C, ``nuisance`` is the rest of the column space.

    Raises
    ------
    DesignError
        If the design cannot estimate the contrast.

    References
    ----------
    Winkler et al. (2014), Permutation inference for the general linear model.
    doi:10.1016/j.neuroimage.2014.01.060 (the partition of Beckmann and of Ridgway).
    """
    basis = column_basis(design)
    check_estimable(design, contrast, basis=basis)
    carried = (contrast.weights @ basis.to_coefficients).T
    left, singular, _ = np.linalg.svd(carried, full_matrices=True)
    q = int((singular > COLLINEAR * singular.max()).sum())
    if contrast.kind == "t" and left[:, 0] @ carried[:, 0] < 0:
        left = -left
    turned = basis.columns @ left
    return Partition(interest=turned[:, :q], nuisance=turned[:, q:], dof=design.n - basis.rank)


def _fit_block(block: Floats, *, basis: Basis) -> tuple[Floats, Floats]:
    """Return coefficients and residual sums of squares of a block, which is overwritten."""
    total = np.einsum("ij,ij->j", block, block)
    projections = basis.columns.T @ block
    block -= basis.columns @ projections
    rss = np.einsum("ij,ij->j", block, block)
    rounding = (8 * len(block) * np.finfo(np.float64).eps) ** 2
    rss[rss <= rounding * total] = 0
    return basis.to_coefficients @ projections, rss


def _constant_weights(design: Design, basis: Basis) -> Floats:
    """Return the coefficients of a constant of 1, or zeros where the design holds none."""
    ones = np.ones(design.n)
    projections = basis.columns.T @ ones
    outside = np.linalg.norm(ones - basis.columns @ projections)
    if outside > 1e-9 * np.linalg.norm(ones):
        return np.zeros(len(design.names))
    weights = basis.to_coefficients @ projections
    # Rounding must not multiply a large shift: what moves the maps by nothing is nothing.
    weights[np.abs(weights) * np.linalg.norm(design.matrix, axis=0) < 1e-9] = 0
    return np.asarray(weights)


def _test_f(fitted: Fit, contrast: Contrast) -> ContrastResult:
    """Return the F of all rows of the contrast together."""
    carried = contrast.weights @ fitted.basis.to_coefficients
    left, singular, _ = np.linalg.svd(carried, full_matrices=False)
    kept = singular > COLLINEAR * singular.max()
    whiten = (left[:, kept] / singular[kept]).T
    effects = whiten @ fitted.combine(contrast.weights)
    q = int(kept.sum())
    variance = fitted.residual_variance
    statistic = np.full(len(variance), np.nan)
    explained = np.einsum("ij,ij->j", effects, effects) / q
    np.divide(explained, variance, out=statistic, where=variance > 0)
    return ContrastResult(
        contrast=contrast,
        kind="F",
        dof=(float(q), float(fitted.dof)),
        n=fitted.design.n,
        statistic=statistic,
        n_undefined=fitted.n_undefined,
    )
