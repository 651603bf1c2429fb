"""The null of correlations from surrogate maps: sources by name, and one way of judging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.fields import Draw, ranks_of, standardised
from heatlas.compare.moran import BATCH as MORAN_BATCH
from heatlas.compare.moran import moran_surrogates
from heatlas.compare.policy import Selection
from heatlas.compare.spectral import BATCH as SPECTRAL_BATCH
from heatlas.compare.spectral import spectral_surrogates
from heatlas.compare.variogram import BATCH as VARIOGRAM_BATCH
from heatlas.compare.variogram import variogram_surrogates
from heatlas.core.errors import DataError
from heatlas.core.parcels import Parcels
from heatlas.core.registry import Registry
from heatlas.core.space import Grid
from heatlas.core.value import Value

Floats = NDArray[np.float64]
TIE = 1e-9  # a surrogate this close below a correlation counts as reaching it


@dataclass(frozen=True, kw_only=True, eq=False)
class Source(Value):
    """Where surrogates come from.

    Parameters
    ----------
    name : str
        How it is called.
    words : str
        What its surrogates keep of a map, for reports.
    reference : str
        The paper, or nothing.
    on_grid : bool
        Whether it needs voxels on a grid; if not, it needs parcels.
    prepare : callable
        Takes a selection, the numbers of maps and ``seed``, and returns a Draw.
    batch : int
        How many surrogates a draw holds.
    """

    name: str
    words: str
    reference: str = ""
    on_grid: bool = False
    prepare: Callable[..., Draw]
    batch: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Surrogates(Value):
    """Which surrogates are asked for.

    Parameters
    ----------
    source : str
        One of :data:`SOURCES`.
    n : int
        How many of each map.
    seed : int
        Seed of the study.
    ranks : bool
        Whether they are ranked before they are correlated, as the maps were.
    """

    source: str = "spectral"
    n: int = 1000
    seed: int = 0
    ranks: bool = False

    def __post_init__(self) -> None:
        """Check the name and the number."""
        SOURCES[self.source]
        if self.n < 1:
            raise DataError(f"surrogates: {self.n} asked for, expected at least 1.")


@dataclass(frozen=True, kw_only=True, eq=False)
class SurrogateTest(Value):
    """Correlations judged against surrogates; every array has shape (rows, columns).

    Parameters
    ----------
    p : numpy.ndarray of float64
        Two-sided, (b + 1) / (2 m + 1) for m surrogates of either map; NaN where nothing was tested.
    p_fwer : numpy.ndarray of float64
        The same against the largest standardised correlation over all tested cells.
    n_surrogates : int
        How many there were of each map.
    """

    p: Floats
    p_fwer: Floats
    n_surrogates: int


def judge_by_surrogates(
    selection: Selection,
    r: Floats,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    n_eff: Floats,
    surrogates: Surrogates,
) -> SurrogateTest:
    """Return p of correlations from surrogates of either map.

    Parameters
    ----------
    selection : Selection
        Maps that all have values at the same elements.
    r : numpy.ndarray of float64, shape (rows, columns)
        The correlations; NaN is not tested.
    rows, columns : sequence of int
        Numbers of the maps.
    n_eff : numpy.ndarray of float64, shape (rows, columns)
        Effective n, by which correlations of smooth and of rough pairs become comparable for the
        maximum.
    surrogates : Surrogates
        Which ones, how many, and their seed.

    Returns
    -------
    SurrogateTest
        p of each cell, alone and against the maximum over all cells.

    Raises
    ------
    DataError
        If the maps rest on different elements, or the source needs another space than theirs.

    Notes
    -----
    All maps get surrogates at once, so that the maximum knows how cells depend on each other. Each
    map's surrogates meet the other map as it is: in half of the null the row's map is replaced, in
    half the column's, so swapping them changes nothing. Replacing both at a time would do for
    sources that keep the autocorrelation exactly; the variogram's surrogates are smoother in the
    long range than their maps, and two such fields find hardly anything (docs/nulls.md). Time and
    memory are those of the source, and a product of all surrogates with all maps; ranking adds a
    sort of each surrogate.
    """
    check_space(selection, source=surrogates.source)
    if not selection.complete:
        raise DataError(
            "Surrogates need one set of voxels or regions for all maps; use the policy 'common' "
            "or 'mask'."
        )
    source = SOURCES[surrogates.source]
    numbers = sorted({*rows, *columns})
    place = {number: k for k, number in enumerate(numbers)}
    cells = np.ix_([place[k] for k in rows], [place[k] for k in columns])
    tested = np.isfinite(r) & np.isfinite(n_eff)
    weight = np.where(tested, np.sqrt(np.where(tested, n_eff, 1)), 0)
    size = np.where(tested, np.abs(r), 0)
    reached, reached_by_largest = np.zeros(r.shape), np.zeros(r.shape)
    own = standardised(np.stack([selection.values_of(k) for k in numbers]))
    draw = source.prepare(selection, numbers, seed=surrogates.seed)
    for start in range(0, surrogates.n, source.batch):
        for fields in draw(start)[: surrogates.n - start]:
            shown = standardised(ranks_of(fields)) if surrogates.ranks else fields
            product = np.abs(shown @ own.T)
            for null in (product[cells], product.T[cells]):
                reached += null >= size - TIE
                reached_by_largest += np.max(null * weight) >= size * weight - TIE
    n_null = 2 * surrogates.n
    return SurrogateTest(
        p=np.where(tested, (reached + 1) / (n_null + 1), np.nan),
        p_fwer=np.where(tested, (reached_by_largest + 1) / (n_null + 1), np.nan),
        n_surrogates=surrogates.n,
    )


def check_space(selection: Selection, *, source: str) -> None:
    """Check that maps lie where a source of surrogates needs them.

    Parameters
    ----------
    selection : Selection
        The maps.
    source : str
        One of :data:`SOURCES`.

    Raises
    ------
    DataError
        If they are voxels where regions are needed, or the other way round, or nobody knows where
        the regions lie.
    """
    space = selection.mask.space
    on_grid = isinstance(space, Grid)
    if SOURCES[source].on_grid and not on_grid:
        raise DataError(
            f"null '{source}': it needs maps of voxels; for regions take 'dutilleul', 'variogram' "
            "or 'moran'."
        )
    if on_grid and not SOURCES[source].on_grid:
        raise DataError(
            f"null '{source}': it needs regions, not {selection.mask.size:,} voxels; name an atlas "
            "(--atlas) or give tables of regions."
        )
    if isinstance(space, Parcels) and space.centres_mm is None:
        raise DataError(
            f"null '{source}': it needs to know where the regions lie, and nothing says so."
        )


SOURCES: Registry[Source] = Registry(
    "null",
    {
        source.name: source
        for source in (
            Source(
                name="spectral",
                words="Gaussian fields with each map's isotropic autocorrelation",
                on_grid=True,
                prepare=spectral_surrogates,
                batch=SPECTRAL_BATCH,
            ),
            Source(
                name="variogram",
                words="each map permuted, smoothed and scaled to its variogram",
                reference="Burt et al. (2020), doi:10.1016/j.neuroimage.2020.117038",
                prepare=variogram_surrogates,
                batch=VARIOGRAM_BATCH,
            ),
            Source(
                name="moran",
                words="random signs along Moran's eigenvector maps of inverse distances",
                reference="Wagner and Dray (2015), doi:10.1111/2041-210X.12407",
                prepare=moran_surrogates,
                batch=MORAN_BATCH,
            ),
        )
    },
)
