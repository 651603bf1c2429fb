"""What the permutation engine returns: the null of the largest statistic and corrected p."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import count
from heatlas.infer import fwe
from heatlas.infer.exchangeability import Action
from heatlas.infer.request import PermutationMethod, Residuals, TfceSettings

Floats = NDArray[np.float64]
ElementKind = Literal["t", "F", "v", "G"]
Quantity = Literal[
    "t", "F", "v", "G", "tfce", "cluster extent", "cluster mass", "cluster mass above"
]
NOUNS: dict[Action, str] = {
    "permutations": "permutation",
    "sign-flips": "sign-flip",
    "both": "permutation with sign-flips",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationResult(Value):
    """A contrast judged by the largest statistic of every arrangement.

    Parameters
    ----------
    method : str
        What was maximised, see :class:`~heatlas.infer.request.PermutationSettings`.
    kind : {"t", "F", "v", "G"}
        Statistic of an element; v and G are Welch's t and F, for groups of different variance.
    dof : tuple of float
        Its degrees of freedom; empty for v and G.
    two_sided : bool
        Whether both tails were judged; False for F and G.
    statistic : array_like of float64, shape (v,)
        The statistic of each element; NaN where there is none.
    observed : array_like of float64, shape (v,)
        What was maximised: the statistic itself, its TFCE, or the value of the element's cluster,
        with the sign of its tail.
    quantity : str
        What ``observed`` and ``null_maxima`` are.
    null_maxima : array_like of float64, shape (N,)
        Largest value of each arrangement (of its magnitude when two-sided), the identity first.
    counts : array_like of int64, shape (v,)
        Arrangements, the identity included, whose maximum reaches the element; 0 where an element
        was not tested.
    exact : bool
        Whether these are all arrangements that exist.
    n_possible : float
        How many distinct ones exist; infinite beyond the range of float64.
    n_asked : int
        How many were asked for.
    action : {"permutations", "sign-flips", "both"}
        How maps were rearranged.
    exchangeability : str
        What was assumed, in words.
    residuals : {"freedman-lane", "huh-jhun"}
        How the nuisance was held fixed.
    neighbourhood : str
        Which elements touch; empty where it does not matter.
    cluster_cut : float, optional
        The statistic that forms clusters.
    tfce : TfceSettings, optional
        The integral, for TFCE.
    tail_logp : array_like of float64, shape (v,), optional
        Approximate -log10 p of elements beyond all maxima; NaN elsewhere.
    family : tuple of str
        Contrasts that were corrected together; empty for one alone.
    warnings : tuple of str
        Assumptions that do not hold, each with its remedy.
    """

    method: PermutationMethod
    kind: ElementKind
    dof: tuple[float, ...]
    two_sided: bool
    statistic: Floats
    observed: Floats
    quantity: Quantity
    null_maxima: Floats
    counts: NDArray[np.int64]
    exact: bool
    n_possible: float
    n_asked: int
    action: Action
    exchangeability: str = ""
    residuals: Residuals = "freedman-lane"
    neighbourhood: str = ""
    cluster_cut: float | None = None
    tfce: TfceSettings | None = None
    tail_logp: Floats | None = None
    family: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check their lengths."""
        maxima = own_array(self.null_maxima, name="null maxima", dtype=np.float64, ndim=1)
        set_field(self, "null_maxima", to=maxima)
        kinds = {"statistic": np.float64, "observed": np.float64, "counts": np.int64}
        for name, dtype in {**kinds, "tail_logp": np.float64}.items():
            given = getattr(self, name)
            if given is None:
                continue
            array = own_array(given, name=name, dtype=dtype, ndim=1)
            set_field(self, name, to=array)
            check_length(array, name=name, expected=len(self.statistic), per="elements")
        for name in ("dof", "family", "warnings"):
            set_field(self, name, to=tuple(getattr(self, name)))

    @property
    def n_permutations(self) -> int:
        """Arrangements that were used, the identity included."""
        return len(self.null_maxima)

    @property
    def stopped_early(self) -> bool:
        """Whether every verdict was settled before all that were asked for were made."""
        return not self.exact and self.n_permutations < self.n_asked

    @property
    def p(self) -> Floats:
        """Family-wise corrected p of each element; NaN where none was tested."""
        return np.where(self.counts > 0, self.counts / self.n_permutations, np.nan)

    @property
    def low(self) -> Floats:
        """Lower limit of the 95 % Monte-Carlo interval of p; p itself when exact."""
        return self._limits[0]

    @property
    def high(self) -> Floats:
        """Upper limit of the 95 % Monte-Carlo interval of p; p itself when exact."""
        return self._limits[1]

    @property
    def words(self) -> str:
        """Return ``5,000 permutations``, or that these are all, or that fewer were enough."""
        noun = NOUNS[self.action]
        if self.exact:
            return "all " + count(self.n_permutations, noun)
        if self.stopped_early:
            asked = count(self.n_asked, noun)
            return f"{self.n_permutations:,} of {asked} (stopped early, every verdict settled)"
        return count(self.n_permutations, noun)

    @property
    def smallest_p(self) -> float:
        """Smallest corrected p that is within reach; arrangements that mirror each other tie."""
        largest = self.null_maxima.max()
        return float((self.null_maxima >= largest - fwe.TIE * abs(largest)).mean())

    @property
    def size(self) -> Floats:
        """What is compared with the maxima: the magnitude of ``observed`` when two-sided."""
        return np.asarray(np.abs(self.observed) if self.two_sided else self.observed)

    def cut(self, alpha: float) -> float:
        """Return the value that must be exceeded for a corrected p of at most alpha.

        Parameters
        ----------
        alpha : float
            Family-wise level.

        Returns
        -------
        float
            On the scale of ``observed``; infinite when there are too few arrangements. In a
            step-down test the smallest value that was rejected.
        """
        if self.method == "step-down":
            rejected = self.size[(self.counts > 0) & (self.p <= alpha)]
            return float(rejected.min(initial=np.inf))
        return fwe.maximum_cut(self.null_maxima, alpha=alpha)

    def undecided(self, alpha: float) -> NDArray[np.bool_]:
        """Return the elements whose Monte-Carlo interval of p contains alpha, shape (v,)."""
        if self.exact:
            return np.zeros(len(self.counts), dtype=bool)
        return np.asarray((self.low <= alpha) & (self.high >= alpha) & (self.counts > 0))

    @cached_property
    def _limits(self) -> tuple[Floats, Floats]:
        if self.exact:
            return self.p, self.p
        n = self.n_permutations
        tested = self.counts > 0
        limits = fwe.clopper_pearson(np.arange(n), n - 1)
        chosen = np.maximum(self.counts - 1, 0)
        low, high = (np.where(tested, limit[chosen], np.nan) for limit in limits)
        return low, high
