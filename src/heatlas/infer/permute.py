"""The maximum statistic under rearrangement: Freedman-Lane permutations and sign-flips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.design import Contrast, Design
from heatlas.core.errors import DataError
from heatlas.core.execute import Executor, SerialExecutor
from heatlas.core.provenance import digest_array, digest_json
from heatlas.core.store import MemoryStore, StepStore, pack_arrays, unpack_arrays
from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.infer import fwe
from heatlas.infer.arrangements import (
    BLOCK,
    PermutationSettings,
    Plan,
    arranged_columns,
    exchangeability_words,
    plan_arrangements,
)
from heatlas.infer.linear import Partition, partition

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Progress = Callable[[int, int], None]

ENGINE = 1  # part of every key: raise it when the arithmetic changes
CHUNK = 256  # elements of one matrix product, so that its outcome stays in the cache
ROUND = 4  # blocks that one item of the executor carries, so that data travel rarely
SLICE = 32 * CHUNK  # elements of one item
CAREFUL = 1e-3  # numerators or denominators this close to the edge are computed in float64
LARGEST = 1 - 1e-6  # a share of 1 would be an infinite statistic
ROUNDING = 1e-12  # share of an element's variation that counts as rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationResult(Value):
    """The largest statistic of every arrangement.

    Parameters
    ----------
    null_maxima : array_like of float64, shape (N,)
        Largest statistic of each arrangement (of its magnitude when two-sided), the identity
        first.
    counts : array_like of int64, shape (v,)
        Arrangements, the identity included, whose maximum reaches the element's statistic; 0
        where an element has no statistic.
    kind : {"t", "F"}
        Statistic.
    dof : tuple of float
        Its degrees of freedom.
    two_sided : bool
        Whether magnitudes were taken; False for an F.
    exact : bool
        Whether these are all arrangements that exist.
    n_possible : float
        How many distinct ones exist; infinite beyond the range of float64.
    sign_flips : bool
        Signs were flipped instead of rows permuted.
    exchangeability : str
        What was assumed, in words.
    """

    null_maxima: Floats
    counts: NDArray[np.int64]
    kind: Literal["t", "F"]
    dof: tuple[float, ...]
    two_sided: bool
    exact: bool
    n_possible: float
    sign_flips: bool
    exchangeability: str = ""

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        maxima = own_array(self.null_maxima, name="null maxima", dtype=np.float64, ndim=1)
        set_field(self, "null_maxima", to=maxima)
        set_field(self, "counts", to=own_array(self.counts, name="counts", dtype=np.int64, ndim=1))

    @property
    def n_permutations(self) -> int:
        """Arrangements that were used, the identity included."""
        return len(self.null_maxima)

    @property
    def p(self) -> Floats:
        """Family-wise corrected p of each element; NaN where there is no statistic."""
        return np.where(self.counts > 0, self.counts / self.n_permutations, np.nan)

    @property
    def words(self) -> str:
        """Return ``5,000 permutations`` or ``all 70 permutations``."""
        noun = "sign-flip" if self.sign_flips else "permutation"
        return ("all " if self.exact else "") + count(self.n_permutations, noun)

    @property
    def smallest_p(self) -> float:
        """Smallest corrected p that is within reach; arrangements that mirror each other tie."""
        shares = self._shares(self.null_maxima)
        largest = shares.max()
        return float((shares >= largest - fwe.TIE * abs(largest)).mean())

    def judge(self, values: ArrayLike) -> fwe.MaximumTest:
        """Return the corrected p of these statistics with its Monte-Carlo interval."""
        shares = self._shares(np.asarray(values, dtype=np.float64))
        return fwe.judge_by_maxima(shares, self._shares(self.null_maxima), exact=self.exact)

    def cut(self, alpha: float) -> float:
        """Return the statistic that must be exceeded for a corrected p of at most alpha."""
        share = fwe.maximum_cut(self._shares(self.null_maxima), alpha=alpha)
        if not np.isfinite(share):
            return share
        return float(share_to_statistic(np.array(share), kind=self.kind, dof=self.dof))

    def _shares(self, values: Floats) -> Floats:
        shares = statistic_to_share(values, kind=self.kind, dof=self.dof)
        return np.abs(shares) if self.two_sided else shares


class _Item(NamedTuple):
    """What one worker does at a time."""

    blocks: list[int]
    residuals: Singles
    """shape (n, <= SLICE), unit norm"""


class _Null(NamedTuple):
    """The maps without the nuisance."""

    residuals: Singles
    """shape (n, <= v), unit norm; elements without variation are left out"""
    shares: Floats
    """shape (v,), signed share that the contrast explains of each; NaN where nothing is left"""


def max_statistic(
    values: ArrayLike,
    design: Design,
    *,
    contrast: Contrast,
    settings: PermutationSettings,
    store: StepStore | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> PermutationResult:
    """Return the largest statistic of every arrangement of the maps.

    Parameters
    ----------
    values : array_like of float32 or float64, shape (n, v)
        One row per map, one column per element.
    design : Design
        The model.
    contrast : Contrast
        What is tested, t or F.
    settings : PermutationSettings
        How many arrangements, and from which stream of chance.
    store : StepStore, optional
        Keeps each block of arrangements, so that a run that was killed goes on where it was.
    executor : Executor, optional
        Where blocks run; the outcome does not depend on it.
    progress : callable, optional
        Called with the arrangements done and their total.

    Returns
    -------
    PermutationResult
        Null maxima and the corrected counts of each element.

    Raises
    ------
    DataError
        If no element varies, or the number of maps does not fit the design.
    DesignError
        If the design cannot estimate the contrast.

    Notes
    -----
    The design is split into what is tested and an orthonormal nuisance; the residuals of the
    nuisance are permuted (Freedman and Lane 1983) and the nuisance is taken out again. Where the
    contrast involves the mean itself (one sample), permuting changes nothing and signs are
    flipped instead, which assumes symmetric errors. Neither knows blocks: rows move freely, as
    ``exchangeability`` says. With residuals e of unit norm the share that the contrast explains
    is (x'Pe)^2 / (1 - |Z'Pe|^2), which rises with t^2 and F, so that only the maxima are turned
    into statistics. Memory: the residuals in float32 beside the maps, and about 2 MB per worker.
    Time: one product of (q + k) * N rows with the residuals.

    References
    ----------
    Winkler et al. (2014), doi:10.1016/j.neuroimage.2014.01.060.
    Freedman and Lane (1983), doi:10.1080/07350015.1983.10509354.
    """
    maps = np.asarray(values)
    check_length(maps, name="maps", expected=design.n, per="rows in the design")
    parts = partition(design, contrast)
    plan = plan_arrangements(design, parts, contrast=contrast, settings=settings)
    # One thread, as in the workers: sums in another order would change the last bits.
    (null,) = SerialExecutor().map(
        partial(_null_residuals, parts=parts, is_t=contrast.kind == "t"), [maps]
    )
    prefix = _key_prefix(maps, design, contrast=contrast, plan=plan)
    maxima = _all_blocks(
        plan,
        null.residuals,
        prefix=prefix,
        store=store or MemoryStore(),
        executor=executor or SerialExecutor(),
        progress=progress,
    )
    return _result(plan, null, maxima=maxima, contrast=contrast, design=design, dof=parts.dof)


def statistic_to_share(values: Floats, *, kind: str, dof: tuple[float, ...]) -> Floats:
    """Return the share of the null residuals that a statistic stands for, with the sign of a t.

    Parameters
    ----------
    values : numpy.ndarray of float64
        t or F.
    kind : {"t", "F"}
        Which of them.
    dof : tuple of float
        Degrees of freedom.

    Returns
    -------
    numpy.ndarray of float64
        t |t| / (t^2 + df), or q F / (q F + df2).
    """
    if kind == "F":
        explained = values * dof[0]
        return np.asarray(explained / (explained + dof[1]))
    return np.asarray(values * np.abs(values) / (values**2 + dof[0]))


def share_to_statistic(shares: Floats, *, kind: str, dof: tuple[float, ...]) -> Floats:
    """Undo :func:`statistic_to_share`.

    Parameters
    ----------
    shares : numpy.ndarray of float64
        Between -1 and 1, both ends left out.
    kind : {"t", "F"}
        Which statistic.
    dof : tuple of float
        Degrees of freedom.

    Returns
    -------
    numpy.ndarray of float64
        The statistics.
    """
    size = np.minimum(np.abs(shares), LARGEST)
    if kind == "F":
        return np.asarray(size / (1 - size) * dof[1] / dof[0])
    return np.asarray(np.sign(shares) * np.sqrt(size / (1 - size) * dof[0]))


def _null_residuals(maps: NDArray[np.floating], *, parts: Partition, is_t: bool) -> _Null:
    """Return what the nuisance leaves of the maps, with norm 1, and what the contrast explains."""
    n, n_elements = maps.shape
    residuals, shares = np.empty((n, n_elements), np.float32), np.empty(n_elements)
    ones = np.ones(n)
    centred = np.linalg.norm(ones - parts.nuisance @ (parts.nuisance.T @ ones)) < 1e-9 * n
    for start in range(0, n_elements, 16 * CHUNK):
        part = slice(start, start + 16 * CHUNK)
        block = maps[:, part].astype(np.float64)
        if centred:  # a large offset costs no digits
            block -= block[0].copy()
        total = np.einsum("ij,ij->j", block, block)
        block -= parts.nuisance @ (parts.nuisance.T @ block)
        left = np.einsum("ij,ij->j", block, block)
        varies = left > (ROUNDING**2) * total
        block *= np.where(varies, 1 / np.sqrt(np.where(varies, left, 1)), np.nan)
        residuals[:, part] = block
        shares[part] = _observed_shares(block, interest=parts.interest, is_t=is_t)
    varies = ~np.isnan(residuals[0])
    if not varies.any():
        raise DataError("No element varies between the maps, so there is nothing to test.")
    return _Null(residuals=residuals if varies.all() else residuals[:, varies], shares=shares)


def _observed_shares(residuals: Floats, *, interest: Floats, is_t: bool) -> Floats:
    """Return the share that the contrast explains, signed for a t; NaN where it is all."""
    along = interest.T @ residuals
    shares = np.asarray(np.einsum("ij,ij->j", along, along))
    shares[shares > 1 - 1e-13] = np.nan
    return shares * np.sign(along[0]) if is_t else shares


def _key_prefix(
    maps: NDArray[np.floating], design: Design, *, contrast: Contrast, plan: Plan
) -> str:
    """Return a key that names everything on which the maxima of a block depend."""
    content = {
        "engine": [ENGINE, BLOCK, CHUNK],
        "maps": digest_array(maps),
        "design": digest_array(design.matrix),
        "weights": digest_array(contrast.weights),
        "kind": contrast.kind,
        "signed": plan.signed,
        "exact": plan.exact,
        "seed": plan.seed,
        "step": plan.step,
    }
    return f"permute-{digest_json(content).removeprefix('sha256:')[:32]}"


def _all_blocks(
    plan: Plan,
    residuals: Singles,
    *,
    prefix: str,
    store: StepStore,
    executor: Executor,
    progress: Progress | None,
) -> Floats:
    """Return the maxima of all blocks, shape (n_blocks, BLOCK); kept ones are not made again."""
    keys = [f"{prefix}-{block:06d}" for block in range(plan.n_blocks)]
    kept = {block: store.get(key) for block, key in enumerate(keys)}
    maxima = np.full((plan.n_blocks, BLOCK), -np.inf)
    for block, content in kept.items():
        if content is not None:
            maxima[block] = unpack_arrays(content)["maxima"]
    missing = [block for block, content in kept.items() if content is None]
    rounds = [missing[i : i + ROUND] for i in range(0, len(missing), ROUND)]
    n_slices = -(-residuals.shape[1] // SLICE)
    outcomes = executor.map(partial(_item_maxima, plan=plan), _items(rounds, residuals))
    for i, outcome in enumerate(outcomes):
        blocks, is_last = rounds[i // n_slices], (i + 1) % n_slices == 0
        maxima[blocks] = np.maximum(maxima[blocks], outcome)
        for block in blocks if is_last else ():
            store.put(keys[block], pack_arrays({"maxima": maxima[block]}))
        if progress is not None:
            left = len(missing) * (1 - (i + 1) / (len(rounds) * n_slices)) / plan.n_blocks
            progress(round((1 - left) * plan.n_arrangements), plan.n_arrangements)
    return maxima


def _items(rounds: list[list[int]], residuals: Singles) -> Iterator[_Item]:
    """Yield the slices of the elements of each round; each travels on its own."""
    for blocks in rounds:
        for start in range(0, residuals.shape[1], SLICE):
            yield _Item(blocks=blocks, residuals=residuals[:, start : start + SLICE])


def _item_maxima(item: _Item, *, plan: Plan) -> Floats:
    """Return the maxima of some blocks over some elements, shape (blocks, BLOCK)."""
    maxima = np.full((len(item.blocks), BLOCK), -np.inf)
    for i, block in enumerate(item.blocks):
        arranged = _Arranged(arranged_columns(plan, block), plan)
        for start in range(0, item.residuals.shape[1], CHUNK):
            found = arranged.chunk_maxima(item.residuals[:, start : start + CHUNK])
            np.maximum(maxima[i], found, out=maxima[i])
    return maxima


class _Arranged:
    """The columns of one block of arrangements, ready for the matrix product."""

    def __init__(self, columns: Floats, plan: Plan) -> None:
        self.columns = columns  # shape (q + k, BLOCK, n)
        self.singles = columns.astype(np.float32).reshape(-1, columns.shape[2])
        self.n_interest = plan.interest.shape[1]
        self.signed = plan.signed

    def chunk_maxima(self, residuals: Singles) -> NDArray[np.floating]:
        """Return the largest share of each arrangement over a chunk of elements."""
        products = (self.singles @ residuals).reshape(len(self.columns), BLOCK, -1)
        explained, left = self._split(products)
        if left is not None:
            near = left.min(axis=1) < CAREFUL
            with np.errstate(divide="ignore", invalid="ignore"):
                np.divide(explained, left, out=explained)
        maxima = explained.max(axis=1)
        close = ~(maxima < 1 - CAREFUL)
        if left is not None:
            close |= near
        if close.any():
            maxima[close] = self._careful_maxima(close, residuals)
        return np.asarray(maxima)

    def _split(
        self, products: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating] | None]:
        """Return what the contrast explains and what the nuisance leaves (None: everything)."""
        sign = np.sign(products[0]) if self.signed else None
        np.multiply(products, products, out=products)
        explained = products[0]
        for more in products[1 : self.n_interest]:
            explained += more
        if sign is not None:
            explained *= sign
        if len(products) == self.n_interest:
            return explained, None
        left = products[self.n_interest]
        for more in products[self.n_interest + 1 :]:
            left += more
        np.subtract(products.dtype.type(1), left, out=left)
        return explained, left

    def _careful_maxima(self, close: NDArray[np.bool_], residuals: Singles) -> Floats:
        """Do the same in float64; an element that the nuisance takes up explains nothing."""
        rows, exact = self.columns[:, close], residuals.astype(np.float64)
        exact /= np.linalg.norm(exact, axis=0)
        wide = rows.reshape(-1, rows.shape[2]) @ exact
        explained, left = self._split(wide.reshape(*rows.shape[:2], -1))
        if left is not None:
            nothing = left < 1 - LARGEST
            explained = np.where(nothing, 0, explained / np.where(nothing, 1, left))
        return np.asarray(np.minimum(explained.max(axis=1), LARGEST), dtype=np.float64)


def _result(
    plan: Plan,
    null: _Null,
    *,
    maxima: Floats,
    contrast: Contrast,
    design: Design,
    dof: int,
) -> PermutationResult:
    two_sided = contrast.kind == "t" and not plan.signed
    q = plan.interest.shape[1]
    degrees = (float(dof),) if contrast.kind == "t" else (float(q), float(dof))
    shares = maxima.ravel()[: plan.n_arrangements].copy()
    observed = np.abs(null.shares) if two_sided else null.shares
    if not np.isnan(observed).all():
        shares[0] = np.nanmax(observed)  # the identity is known in float64
    judged = fwe.judge_by_maxima(observed, shares, exact=plan.exact)
    return PermutationResult(
        null_maxima=share_to_statistic(shares, kind=contrast.kind, dof=degrees),
        counts=judged.counts,
        kind=contrast.kind,
        dof=degrees,
        two_sided=two_sided,
        exact=plan.exact,
        n_possible=plan.n_possible,
        sign_flips=plan.sign_flips,
        exchangeability=exchangeability_words(plan, design),
    )
