"""What the nuisance leaves of the maps: the residuals that are rearranged, and by which columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError
from heatlas.core.validate import own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.infer.linear import Partition

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
STEP = 4096  # elements that are turned into float64 at a time
ROUNDING = 1e-12  # share of an element's variation that counts as rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class NullModel(Value):
    """The maps as they are when the contrast explains nothing.

    Parameters
    ----------
    residuals : array_like of float32, shape (m, u)
        What the nuisance leaves of each tested element, with norm 1.
    interest : array_like of float64, shape (m, q)
        Orthonormal columns that are tested.
    nuisance : array_like of float64, shape (m, k)
        Orthonormal columns that must be taken out of each rearranged map; none where the nuisance
        was projected away before (Huh-Jhun).
    tested : array_like of int64, shape (u,)
        Numbers of the elements that vary.
    n_elements : int
        Number of elements before those without variation were left out.
    """

    residuals: Singles
    interest: Floats
    nuisance: Floats
    tested: NDArray[np.int64]
    n_elements: int

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        kinds = {
            "residuals": np.float32,
            "interest": np.float64,
            "nuisance": np.float64,
            "tested": np.int64,
        }
        for name, dtype in kinds.items():
            set_field(self, name, to=own_array(getattr(self, name), name=name, dtype=dtype))

    @property
    def m(self) -> int:
        """Number of rows that are rearranged."""
        return int(self.residuals.shape[0])

    def scatter(self, values: Floats) -> Floats:
        """Return values of the tested elements as values of all, NaN elsewhere."""
        whole = np.full(self.n_elements, np.nan)
        whole[self.tested] = values
        return whole

    def scatter_counts(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return counts of the tested elements as counts of all, 0 elsewhere."""
        whole = np.zeros(self.n_elements, dtype=np.int64)
        whole[self.tested] = counts
        return whole


def freedman_lane(
    maps: NDArray[np.floating], parts: Partition, *, within: NDArray[np.bool_] | None = None
) -> NullModel:
    """Return the residuals of the nuisance; the nuisance is taken out of each arrangement again.

    Parameters
    ----------
    maps : numpy.ndarray of float32 or float64, shape (n, v)
        One row per map.
    parts : Partition
        The design, split by the contrast.
    within : numpy.ndarray of bool, shape (v,), optional
        Elements to use; all by default.

    Returns
    -------
    NullModel
        Residuals of the elements that vary.

    Raises
    ------
    DataError
        If a value is not finite, or no element varies.

    References
    ----------
    Freedman and Lane (1983), doi:10.1080/07350015.1983.10509354.
    """
    residuals, tested = _residuals(maps, parts=parts, within=within, rotation=None)
    return NullModel(
        residuals=residuals,
        interest=parts.interest,
        nuisance=parts.nuisance,
        tested=tested,
        n_elements=maps.shape[1],
    )


def huh_jhun(
    maps: NDArray[np.floating], parts: Partition, *, within: NDArray[np.bool_] | None = None
) -> NullModel:
    """Return the maps projected on the orthogonal complement of the nuisance.

    Parameters
    ----------
    maps : numpy.ndarray of float32 or float64, shape (n, v)
        One row per map.
    parts : Partition
        The design, split by the contrast.
    within : numpy.ndarray of bool, shape (v,), optional
        Elements to use; all by default.

    Returns
    -------
    NullModel
        n - k rows that are exchangeable among each other when errors are Gaussian, and no nuisance.

    Raises
    ------
    DataError
        If a value is not finite, or no element varies.

    References
    ----------
    Huh and Jhun (2001), Random permutation testing in multiple linear regression.
    Communications in Statistics - Theory and Methods 30:2023-2032.
    Winkler et al. (2014), doi:10.1016/j.neuroimage.2014.01.060.
    """
    n, k = parts.nuisance.shape
    # The last n - k left singular vectors span what the nuisance does not.
    rotation = np.linalg.svd(parts.nuisance, full_matrices=True)[0][:, k:] if k else np.eye(n)
    residuals, tested = _residuals(maps, parts=parts, within=within, rotation=rotation)
    return NullModel(
        residuals=residuals,
        interest=rotation.T @ parts.interest,
        nuisance=np.zeros((n - k, 0)),
        tested=tested,
        n_elements=maps.shape[1],
    )


def unit_residuals(maps: NDArray[np.floating], nuisance: Floats) -> tuple[Floats, Floats]:
    """Return residuals of norm 1 in float64 and the norms, NaN where only rounding is left.

    Parameters
    ----------
    maps : numpy.ndarray, shape (n, c)
        A block of elements.
    nuisance : numpy.ndarray of float64, shape (n, k)
        Orthonormal columns.

    Returns
    -------
    residuals : numpy.ndarray of float64, shape (n, c)
        Of norm 1.
    norms : numpy.ndarray of float64, shape (c,)
        What they were divided by.
    """
    block = maps.astype(np.float64)
    ones = np.ones(len(block))
    if np.linalg.norm(ones - nuisance @ (nuisance.T @ ones)) < 1e-9 * len(block):
        block -= block[0].copy()  # a large offset costs no digits
    total = np.einsum("ij,ij->j", block, block)
    block -= nuisance @ (nuisance.T @ block)
    left = np.einsum("ij,ij->j", block, block)
    varies = left > (ROUNDING**2) * total
    norms = np.where(varies, np.sqrt(np.where(varies, left, 1)), np.nan)
    return block / norms, norms


def _residuals(
    maps: NDArray[np.floating],
    *,
    parts: Partition,
    within: NDArray[np.bool_] | None,
    rotation: Floats | None,
) -> tuple[Singles, NDArray[np.int64]]:
    """Return unit residuals (rotated when asked) of the elements that vary, and their numbers."""
    wanted = np.arange(maps.shape[1]) if within is None else np.flatnonzero(within)
    if not len(wanted):
        raise DataError("The small volume holds no element of the mask.")
    rows = maps.shape[0] if rotation is None else rotation.shape[1]
    residuals = np.empty((rows, len(wanted)), np.float32)
    for start in range(0, len(wanted), STEP):
        part = slice(start, start + STEP)
        chosen = maps[:, part] if within is None else maps[:, wanted[part]]
        _check_finite(chosen)
        block, _ = unit_residuals(chosen, parts.nuisance)
        residuals[:, part] = block if rotation is None else rotation.T @ block
    varies = ~np.isnan(residuals[0])
    if not varies.any():
        raise DataError("No element varies between the maps, so there is nothing to test.")
    if not varies.all():
        residuals, wanted = residuals[:, varies], wanted[varies]
    residuals.setflags(write=False)  # so that the null model need not copy them
    return residuals, wanted


def _check_finite(block: NDArray[np.floating]) -> None:
    finite = np.isfinite(block)
    if not finite.all():
        n = int((~finite).any(axis=0).sum())
        raise DataError(
            f"The maps hold NaN or infinite values (in {count(n, 'element')} of one block alone); "
            "a permutation test needs finite maps: leave these elements out by the mask."
        )
