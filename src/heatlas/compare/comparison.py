"""One comparison: which maps go together, over what, how sure, and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.correlation import MEASURES, Likeness, compare_pairs
from heatlas.compare.crosscheck import CrossCheck, cross_check
from heatlas.compare.maps import ComparedMaps
from heatlas.compare.moments import Summing
from heatlas.compare.movement import movement_table
from heatlas.compare.nulls import Certainty, effective_n, judge_correlations
from heatlas.compare.order import cluster
from heatlas.compare.partial import regress_out
from heatlas.compare.policy import POLICIES, Selection, applies, select_elements
from heatlas.compare.ranks import ranked
from heatlas.compare.regions import RegionTable
from heatlas.compare.surrogates import SOURCES, Surrogates, check_space, judge_by_surrogates
from heatlas.core.errors import DataError
from heatlas.core.execute import Executor, SerialExecutor
from heatlas.core.matrix import LabelledMatrix, Side
from heatlas.core.parcels import Parcels
from heatlas.core.provenance import Provenance
from heatlas.core.space import Mask
from heatlas.core.table import Column, Table
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value, freeze
from heatlas.core.words import count, join, level
from heatlas.infer.fdr import benjamini_hochberg
from heatlas.infer.holm import holm

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]
NULLS = ("dutilleul", *SOURCES)
# The policies beside which a result is held, where they can be computed.
ALTERNATIVES = ("common", "pairwise", "union-zero", "mask", "whole-grid")


@dataclass(frozen=True, kw_only=True, eq=False)
class Question(Value):
    """What is asked of maps that lie on one grid.

    Parameters
    ----------
    rows, columns : tuple of int
        Numbers of the maps; equal ones ask for all pairs of one set.
    policy : str
        One of :data:`heatlas.compare.policy.POLICIES`.
    measure : str
        One of :data:`heatlas.compare.correlation.MEASURES`.
    mask : Mask, optional
        For the policy "mask"; with it that policy is an alternative for the others as well.
    alpha : float
        Family-wise error rate of the outlines.
    dice_above : float
        Magnitude above which a voxel belongs to a map's regions, for "dice".
    given : tuple of int
        Numbers of maps that are regressed out of all others first.
    null : {"dutilleul", "spectral", "variogram", "moran"}
        Where p comes from: Student's t with the effective n, or surrogates
        (:data:`heatlas.compare.surrogates.SOURCES`).
    n_surrogates, seed : int
        How many surrogates, and the seed from which they follow.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    policy: str = "common"
    measure: str = "pearson"
    mask: Mask | None = None
    alpha: float = 0.05
    dice_above: float = 0.0
    given: tuple[int, ...] = ()
    null: str = "dutilleul"
    n_surrogates: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what can be checked without the maps."""
        for name in ("rows", "columns", "given"):
            set_field(self, name, to=tuple(getattr(self, name)))
        if not 0 < self.alpha < 1:
            raise DataError(f"alpha: {self.alpha:g} does not lie between 0 and 1.")
        POLICIES[self.policy], MEASURES[self.measure]
        check_choice(self.null, name="null", known=NULLS)
        if self.given and not MEASURES[self.measure].tested:
            raise DataError(
                f"{self.measure}: maps can be regressed out for pearson and spearman only."
            )
        if {*self.given} & {*self.rows, *self.columns}:
            raise DataError("A map that is regressed out cannot be compared as well.")
        if self.is_square and len(self.rows) < 2:
            raise DataError("One map alone cannot be compared; name at least two (or --with).")

    @property
    def is_square(self) -> bool:
        """True when all pairs of one set are asked for."""
        return self.rows == self.columns

    @property
    def own(self) -> NDArray[np.bool_]:
        """True where a map meets itself, shape (rows, columns)."""
        return np.asarray(np.array(self.rows)[:, None] == np.array(self.columns))

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """True in cells that say nothing new: a map with itself, and the lower triangle."""
        if not self.is_square:
            return self.own
        return np.tri(len(self.rows), dtype=bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class MapComparison(Value):
    """Which maps go together, over which elements, and how sure that is.

    Parameters
    ----------
    matrix : LabelledMatrix
        The measure and n of every cell, clustered.
    question : Question
        What was asked.
    certainty : Certainty
        Effective n, p and interval of every cell; NaN for measures that are not tested.
    p_fwer, q_fdr : array_like of float64, shape (rows, columns)
        p corrected over all distinct cells by Holm; false discovery rate of Benjamini-Hochberg.
    coverage : LabelledMatrix
        Share of the row map's voxels (regions) that the column map measures as well.
    others : mapping of str to LabelledMatrix
        The same measure under other policies.
    backgrounds : Table
        What each file stores where nothing was measured, one row a map.
    maps : ComparedMaps, optional
        The maps themselves, for looking at single cells.
    given : tuple of str
        Names of the maps that were regressed out.
    grid_words : str
        The grid or the regions, in words.
    regions : RegionTable, optional
        The value of each region in each map, where regions were compared.
    untested : str
        Why nothing was tested although the measure can be; empty otherwise.
    warnings : tuple of str
        What a reader must know.
    cross_check : CrossCheck, optional
        How stationary the maps are, and what changes if they are so within blocks only; None
        where that was not checked.
    """

    matrix: LabelledMatrix
    question: Question
    certainty: Certainty
    p_fwer: Floats
    q_fdr: Floats
    coverage: LabelledMatrix
    others: Mapping[str, LabelledMatrix] = field(default_factory=dict)
    backgrounds: Table = Table(columns=())
    maps: ComparedMaps | None = None
    given: tuple[str, ...] = ()
    grid_words: str = ""
    regions: RegionTable | None = None
    untested: str = ""
    warnings: tuple[str, ...] = ()
    cross_check: CrossCheck | None = None

    def __post_init__(self) -> None:
        """Take ownership of the arrays."""
        for name in ("p_fwer", "q_fdr"):
            array = own_array(getattr(self, name), name=name, dtype=np.float64, ndim=2)
            set_field(self, name, to=array)
        set_field(self, "others", to=freeze(self.others))
        set_field(self, "warnings", to=tuple(self.warnings))

    @property
    def provenance(self) -> Provenance:
        """How it came about."""
        return self.matrix.provenance

    @property
    def element(self) -> str:
        """What the maps have values for: ``"voxel"`` or ``"region"``."""
        return "voxel" if self.maps is None else self.maps.element

    @property
    def policy_words(self) -> str:
        """Over what the maps were compared."""
        return POLICIES[self.question.policy].words_for(self.element)

    @property
    def is_tested(self) -> bool:
        """True when cells have an interval and a p."""
        return MEASURES[self.question.measure].tested and not self.untested

    @property
    def survives(self) -> NDArray[np.bool_]:
        """True where the family-wise p does not exceed alpha."""
        return np.asarray(self.p_fwer <= self.question.alpha)

    @property
    def sign_depends(self) -> NDArray[np.bool_]:
        """True where another policy turns the sign."""
        sign = np.sign(self.matrix.values)
        turned = np.zeros(sign.shape, dtype=bool)
        for other in self.others.values():
            turned |= np.sign(other.values) * sign < 0
        return turned

    def to_frame(self) -> pandas.DataFrame:
        """Return the measure as a pandas DataFrame, rows by columns in the order given."""
        return self.matrix.to_frame()

    def cells(self) -> Table:
        """Return one row a cell: the measure, n, effective n, interval, p and corrected p."""
        shape = self.matrix.shape
        row, column = (index.ravel() for index in np.indices(shape))
        sure = self.certainty
        limit = f"{100 * sure.level:g} % interval"
        null, things = _null_words(self.question), f"{self.element}s"
        numbers: list[tuple[str, NDArray[Any], str]] = [
            ("r", self.matrix.values, self.matrix.kind),
            (f"n_{things}", _n_of(self.matrix), f"{things} that the value rests on"),
            ("n_eff", sure.n_eff, f"independent {things} that would be as informative (Dutilleul)"),
            ("ci_low", sure.low, f"lower limit of the {limit}, with n_eff"),
            ("ci_high", sure.high, f"upper limit of the {limit}, with n_eff"),
            ("p", sure.p, "two-sided, uncorrected"),
            ("p_fwer", self.p_fwer, f"corrected over all distinct cells ({null})"),
            ("q_fdr", self.q_fdr, "false discovery rate (Benjamini-Hochberg)"),
        ]
        names = (
            Column(name="row", values=tuple(self.matrix.rows.names[k] for k in row)),
            Column(name="column", values=tuple(self.matrix.columns.names[k] for k in column)),
        )
        columns = tuple(
            Column(name=name, values=np.asarray(values, np.float64).ravel(), description=words)
            for name, values, words in numbers
        )
        others = join(self.others, last="or") or "another policy; none could be computed"
        depends = tuple("yes" if turns else "no" for turns in self.sign_depends.ravel())
        last = Column(
            name="sign_depends_on_policy",
            values=depends,
            description=f"whether the sign turns under {others}",
        )
        return Table(columns=(*names, *columns, last), caption=self.caption())

    def sensitivity(self) -> Table:
        """Return one row a distinct cell: its value under every policy and how far it moves."""
        others = {name: other.values for name, other in self.others.items()}
        return movement_table(
            self.matrix,
            {self.question.policy: self.matrix.values} | others,
            shown=~self.question.repeated,
            turned=self.sign_depends,
            element=self.element,
        )

    def caption(self) -> str:
        """Return what the heat map shows and how it was judged, in one paragraph."""
        matrix, question = self.matrix, self.question
        n_rows, n_columns = matrix.shape
        maps = f"{n_rows} x {n_columns} maps" if not question.is_square else f"{n_rows} maps"
        parts = [f"{matrix.kind} of {maps} over {self.policy_words}"]
        if self.given:
            parts.append(f"given {join(self.given)}")
        parts.append(_n_words(_n_of(matrix)[~question.own], element=self.element))
        if self.grid_words:
            parts.append(self.grid_words)
        return f"{', '.join(parts)}. {self._judgement()}"

    def _judgement(self) -> str:
        """Return the sentence about the test."""
        question = self.question
        if not MEASURES[question.measure].tested:
            return "Not tested."
        if self.untested:
            return f"Not tested: {self.untested}."
        distinct = ~question.repeated
        tested = count(int((distinct & np.isfinite(self.p_fwer)).sum()), "cell")
        survivors = int((distinct & self.survives).sum())
        rule = (
            f"family-wise p < {level(question.alpha)} over {tested} ({_null_words(question)}, "
            "two-sided)"
        )
        if not survivors:
            return f"No cell reaches {rule}."
        return f"Outlined: {rule}, {count(survivors, 'cell')}."


def _null_words(question: Question) -> str:
    if question.null in SOURCES:
        return f"largest of all cells in {question.n_surrogates:,} joint {question.null} surrogates"
    return "Holm; Dutilleul's effective n"


def compare_aligned(
    maps: ComparedMaps, question: Question, *, executor: Executor | None = None
) -> MapComparison:
    """Compare maps that lie on one grid.

    Parameters
    ----------
    maps : ComparedMaps
        All maps.
    question : Question
        Which of them against which, over what, and by which measure.
    executor : Executor, optional
        Runs maps and pairs side by side in threads; None takes one after the other.

    Returns
    -------
    MapComparison
        Clustered, judged, with the same measure under the other policies beside it.

    Raises
    ------
    DataError
        If the policy leaves no element.

    Notes
    -----
    Maps are put into the order of their names before anything is summed, so that the order in
    which they are given changes no digit. Sums are taken once for all policies; each map costs an
    FFT there and back, or each pair two where pairs rest on elements of their own. Memory beside
    the maps: for each worker two blocks of a million values, and some twenty matrices of cells.
    """
    given = maps
    by_name = sorted(range(len(maps)), key=lambda k: maps.names[k])
    place = {number: k for k, number in enumerate(by_name)}
    maps = maps.take(by_name)
    asked = replace(
        question,
        rows=tuple(place[k] for k in question.rows),
        columns=tuple(place[k] for k in question.columns),
        given=tuple(place[k] for k in question.given),
    )
    rows, columns = asked.rows, asked.columns
    canonical = _canonical(asked)
    selection = select_for(maps, canonical)
    summing = Summing(executor=executor or SerialExecutor(), maps=maps)
    found, (sure, p_fwer, q_fdr), check = _answers(selection, canonical, summing=summing)
    names = tuple(Side(names=tuple(maps.names[k] for k in side)) for side in (rows, columns))
    back = _back(canonical, asked)

    def labelled(values: Floats, n: NDArray[np.int64] | None = None) -> LabelledMatrix:
        return LabelledMatrix(
            values=values[back],
            n=None if n is None else n[back],
            rows=names[0],
            columns=names[1],
            kind=_kind(question),
            provenance=maps.provenance.then("compare", parameters=_settings(question)),
        )

    others = {
        name: labelled(other.values, other.n)
        for name, other in _other_policies(maps, canonical, summing=summing)
    }
    return MapComparison(
        matrix=cluster(labelled(found.values, found.n)),
        question=question,
        certainty=Certainty(
            n_eff=sure.n_eff[back],
            p=sure.p[back],
            low=sure.low[back],
            high=sure.high[back],
            level=sure.level,
        ),
        p_fwer=p_fwer[back],
        q_fdr=q_fdr[back],
        maps=given,
        given=tuple(maps.names[k] for k in asked.given),
        coverage=replace(labelled(_coverage(maps, canonical)), kind=f"share of {maps.element}s"),
        untested=_untested(maps, question),
        others=others,
        cross_check=None if check is None else check.take(back),
    )


def select_for(maps: ComparedMaps, question: Question) -> Selection:
    """Return what a question compares: the policy's elements, what is given regressed out.

    Parameters
    ----------
    maps : ComparedMaps
        All maps.
    question : Question
        What is asked.

    Returns
    -------
    Selection
        Values, or the residuals of values (of ranks for "spearman") where maps are given.
    """
    selection = select_elements(maps, policy=question.policy, mask=question.mask)
    if not question.given:
        return selection
    over = ranked(selection) if question.measure == "spearman" else selection
    return regress_out(over, question.given)


def _untested(maps: ComparedMaps, question: Question) -> str:
    """Return why a measure that can be tested is not, with the way out."""
    space = maps.mask.space
    if not MEASURES[question.measure].tested or not isinstance(space, Parcels):
        return ""
    if space.centres_mm is not None:
        return ""
    return (
        "positions unknown, and a test needs the distances between regions; name an atlas that "
        "holds them (--atlas), or their centres (--centres TABLE or desikan-killiany)"
    )


def _kind(question: Question) -> str:
    title = MEASURES[question.measure].title
    return f"Partial {title}" if question.given else title


def _canonical(question: Question) -> Question:
    """Return the question with rows and columns in the order of the maps' names."""
    return replace(
        question, rows=tuple(sorted(question.rows)), columns=tuple(sorted(question.columns))
    )


def _back(canonical: Question, asked: Question) -> tuple[NDArray[np.int64], ...]:
    """Return the index that puts canonical cells into the order that was asked for."""
    rows = [canonical.rows.index(k) for k in asked.rows]
    columns = [canonical.columns.index(k) for k in asked.columns]
    return np.ix_(rows, columns)


def _answers(
    selection: Selection, question: Question, *, summing: Summing
) -> tuple[Likeness, tuple[Certainty, Floats, Floats], CrossCheck | None]:
    """Return the measure of each cell, how it is judged, and the check of that judgement."""
    over, once = selection, question
    if question.measure == "spearman" and not question.given:
        over = ranked(selection, executor=summing.executor)
        once = question if not selection.complete else replace(question, measure="pearson")
    found = _likeness(over if selection.complete else selection, once, summing=summing)
    judged = _judged(over, question, found=found, executor=summing.executor)
    return (
        found,
        judged,
        _cross_checked(over, question, found=found, sure=judged[0], executor=summing.executor),
    )


def _likeness(selection: Selection, question: Question, *, summing: Summing) -> Likeness:
    return compare_pairs(
        selection,
        rows=question.rows,
        columns=question.columns,
        # Residuals of ranks are correlated as they are.
        measure="pearson" if question.given else question.measure,
        dice_above=question.dice_above,
        summing=summing,
    )


def _certainty(
    selection: Selection, question: Question, *, found: Likeness, executor: Executor
) -> Certainty:
    """Return effective n, p and interval; NaN for measures without a test and for a map itself."""
    nothing = np.full(found.values.shape, np.nan)
    if not MEASURES[question.measure].tested:
        return Certainty(n_eff=nothing, p=nothing, low=nothing, high=nothing)
    n_eff = effective_n(selection, rows=question.rows, columns=question.columns, executor=executor)
    sure = judge_correlations(found.values, n_eff=n_eff - len(question.given))
    own = question.own
    return replace(
        sure,
        n_eff=np.where(own, np.nan, n_eff),
        p=np.where(own, np.nan, sure.p),
        low=np.where(own, np.nan, sure.low),
        high=np.where(own, np.nan, sure.high),
    )


def _judged(
    selection: Selection, question: Question, *, found: Likeness, executor: Executor
) -> tuple[Certainty, Floats, Floats]:
    """Return p and interval of each cell, and p corrected over all cells.

    The selection holds what was correlated: ranks for "spearman".
    """
    by_surrogates = question.null in SOURCES and MEASURES[question.measure].tested
    if by_surrogates:
        check_space(selection, source=question.null)
    sure = _certainty(selection, question, found=found, executor=executor)
    if not by_surrogates:
        return sure, *_corrected(sure.p, question)
    distinct = np.where(question.repeated, np.nan, found.values)
    test = judge_by_surrogates(
        selection,
        distinct,
        rows=question.rows,
        columns=question.columns,
        n_eff=sure.n_eff - len(question.given),
        surrogates=Surrogates(
            source=question.null,
            n=question.n_surrogates,
            seed=question.seed,
            ranks=question.measure == "spearman" and not question.given,
        ),
    )
    _, q_fdr = _corrected(test.p, question)
    p, p_fwer = (_mirrored(table, question) for table in (test.p, test.p_fwer))
    return replace(sure, p=p), p_fwer, q_fdr


def _cross_checked(
    selection: Selection,
    question: Question,
    *,
    found: Likeness,
    sure: Certainty,
    executor: Executor,
) -> CrossCheck | None:
    """Return the check for stationarity of maps that were tested, corrected by Holm."""
    if not MEASURES[question.measure].tested:
        return None
    check = cross_check(
        selection,
        found.values,
        rows=question.rows,
        columns=question.columns,
        n_eff=sure.n_eff,
        n_given=len(question.given),
        executor=executor,
    )
    return None if check is None else replace(check, p_fwer=_corrected(check.p, question)[0])


def _mirrored(table: Floats, question: Question) -> Floats:
    """Return values of distinct cells on both sides of the diagonal of a square matrix."""
    return np.where(question.repeated, table.T, table) if question.is_square else table


def _corrected(p: Floats, question: Question) -> tuple[Floats, Floats]:
    """Return Holm's p and the false discovery rate over distinct cells, mirrored if square."""
    distinct = np.where(question.repeated, np.nan, p)
    p_fwer, q_fdr = holm(distinct), np.array(benjamini_hochberg(distinct).adjusted)
    return _mirrored(p_fwer, question), _mirrored(q_fdr, question)


def _coverage(maps: ComparedMaps, question: Question) -> Floats:
    """Return the share of the row map's voxels that the column map measures as well."""
    cells = np.ix_(question.rows, question.columns)
    own = np.diag(maps.shared)[list(question.rows)]
    return np.asarray(maps.shared[cells] / own[:, None])


def _other_policies(
    maps: ComparedMaps, question: Question, *, summing: Summing
) -> Iterator[tuple[str, Likeness]]:
    """Yield the measure under every other policy that leaves something to compare."""
    for name in ALTERNATIVES:
        if name == question.policy or not applies(name, maps, mask=question.mask):
            continue
        if question.given and name != "common":
            continue  # residuals need one set of elements for all maps
        selection = select_for(maps, replace(question, policy=name))
        yield name, _likeness(selection, question, summing=summing)


def _settings(question: Question) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "policy": question.policy,
        "measure": question.measure,
        "alpha": question.alpha,
        "null": question.null,
    }
    if question.null in SOURCES:
        settings |= {"n_surrogates": question.n_surrogates, "seed": question.seed}
    if question.given:
        settings["given"] = len(question.given)
    if question.measure == "dice":
        settings["dice_above"] = question.dice_above
    if question.mask is not None:
        settings["mask"] = question.mask.digest
    return settings


def _n_of(matrix: LabelledMatrix) -> NDArray[np.int64]:
    return matrix.n if matrix.n is not None else np.zeros(matrix.shape, dtype=np.int64)


def _n_words(n: Sequence[int] | NDArray[np.int64], *, element: str) -> str:
    low, high = int(np.min(n)), int(np.max(n))
    return f"n = {count(low, element) if low == high else f'{low:,} to {high:,} {element}s'}"
