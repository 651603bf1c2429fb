"""What is asked of the permutation engine: method, residuals, exchangeability and chance."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.errors import DataError, NotSupportedError
from heatlas.core.validate import check_choice, set_field
from heatlas.core.value import Value
from heatlas.infer.exchangeability import Exchangeability, own_labels

PermutationMethod = Literal[
    "max-t", "step-down", "tfce", "cluster-extent", "cluster-mass", "cluster-mass-above"
]
Residuals = Literal["freedman-lane", "huh-jhun"]
CLUSTER_METHODS = ("cluster-extent", "cluster-mass", "cluster-mass-above")
SPATIAL_METHODS = ("tfce", *CLUSTER_METHODS)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterForming(Value):
    """The threshold that forms clusters: a p or a statistic, exactly one of them.

    Parameters
    ----------
    p : float, optional
        Uncorrected p of an element, of both tails together in a two-sided test; needs a statistic
        with degrees of freedom.
    statistic : float, optional
        The statistic itself (its magnitude in a two-sided test).
    """

    p: float | None = None
    statistic: float | None = None

    def __post_init__(self) -> None:
        """Check that one of the two is given and possible."""
        if (self.p is None) == (self.statistic is None):
            raise DataError(
                "cluster-forming threshold: give either p (such as p=0.001) or statistic "
                "(such as statistic=3.1), not both and not neither."
            )
        if self.p is not None and not 0 < self.p < 1:
            raise DataError(
                f"cluster-forming threshold: p = {self.p:g} is no probability between 0 and 1; "
                "a threshold on the statistic is given as statistic."
            )
        if self.statistic is not None and not 0 < self.statistic < math.inf:
            raise DataError(
                f"cluster-forming threshold: statistic = {self.statistic:g}, expected above 0."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class TfceSettings(Value):
    """The integral of threshold-free cluster enhancement.

    Parameters
    ----------
    statistic : {"t", "z"}
        What is enhanced: the statistic as it is (as FSL does), or turned into a z of the same p
        (as PALM and MRtrix do).
    extent : float
        Exponent E of a cluster's size.
    height : float
        Exponent H of the height.
    """

    statistic: Literal["t", "z"] = "t"
    extent: float = 0.5
    height: float = 2.0

    def __post_init__(self) -> None:
        """Check the exponents."""
        check_choice(self.statistic, name="TFCE statistic", known=("t", "z"))
        for name in ("extent", "height"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise DataError(f"TFCE {name}: {value:g} given, expected an exponent above 0.")


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationSettings(Value):
    """How evidence is judged by rearrangement.

    Parameters
    ----------
    n_permutations : int
        Arrangements, the identity included; when no more distinct ones exist, all are taken.
    two_sided : bool
        Both tails of a t; an F has one tail.
    seed : int
        Seed of the study.
    step : str
        Name of the step that draws.
    method : str
        What is compared with its largest value in each arrangement: ``"max-t"`` (the statistic of
        an element), ``"step-down"`` (the same, against the elements that are not rejected yet),
        ``"tfce"``, or a cluster's ``"cluster-extent"``, ``"cluster-mass"`` (sum of the statistic)
        or ``"cluster-mass-above"`` (sum of what exceeds the threshold).
    residuals : {"freedman-lane", "huh-jhun"}
        How the nuisance is held fixed.
    exchangeability : Exchangeability
        What may be rearranged.
    variance_groups : array_like of int, shape (n,), optional
        Maps with equal labels share a variance; given, the statistic is Welch's v (t) or G (F).
    cluster_forming : ClusterForming, optional
        For the cluster methods.
    tfce : TfceSettings
        For ``"tfce"``.
    neighbourhood : str
        Which elements touch: on a grid ``"faces"`` (6), ``"edges"`` (18) or ``"corners"`` (26).
    adaptive : float, optional
        Level alpha at which the test stops early once every verdict is settled.
    """

    n_permutations: int = 1000
    two_sided: bool = True
    seed: int = 0
    step: str = "permute"
    method: PermutationMethod = "max-t"
    residuals: Residuals = "freedman-lane"
    exchangeability: Exchangeability = field(default_factory=Exchangeability)
    variance_groups: NDArray[np.int64] | None = None
    cluster_forming: ClusterForming | None = None
    tfce: TfceSettings = field(default_factory=TfceSettings)
    neighbourhood: str = "faces"
    adaptive: float | None = None

    def __post_init__(self) -> None:
        """Check each setting and what cannot go together."""
        for name in ("n_permutations", "seed"):
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise DataError(f"{name}: expected a whole number, got {value!r}.")
            set_field(self, name, to=int(value))
        if self.n_permutations < 2:
            raise DataError(
                f"n_permutations: at least 2 are needed, got {self.n_permutations}; "
                "a level of .05 needs 20 and is well judged from 1,000 on."
            )
        check_choice(self.method, name="permutation method", known=get_args(PermutationMethod))
        check_choice(self.residuals, name="residuals", known=get_args(Residuals))
        if self.adaptive is not None and not 0 < self.adaptive < 1:
            raise DataError(f"adaptive: expected a level between 0 and 1, got {self.adaptive:g}.")
        if self.variance_groups is not None:
            groups = own_labels(self.variance_groups, name="variance groups")
            if groups.ndim > 1:
                raise DataError(
                    f"variance groups: expected one label per map, got shape {groups.shape}."
                )
            set_field(self, "variance_groups", to=groups)
        self._check_clusters()
        self._check_combinations()

    @property
    def is_spatial(self) -> bool:
        """Whether neighbours matter, so that a mask is needed."""
        return self.method in SPATIAL_METHODS

    def _check_clusters(self) -> None:
        if self.method in CLUSTER_METHODS and self.cluster_forming is None:
            raise DataError(
                f"Method '{self.method}' needs a cluster-forming threshold: "
                "ClusterForming(p=0.001) or ClusterForming(statistic=3.1)."
            )
        if self.method not in CLUSTER_METHODS and self.cluster_forming is not None:
            raise DataError(f"Method '{self.method}' forms no clusters: leave their threshold out.")

    def _check_combinations(self) -> None:
        if self.variance_groups is not None:
            if self.cluster_forming is not None and self.cluster_forming.p is not None:
                raise NotSupportedError(
                    "With variance groups the statistic has no degrees of freedom of its own, so "
                    f"p = {self.cluster_forming.p:g} names no height; give the cluster-forming "
                    "threshold as a statistic."
                )
            if self.method == "tfce" and self.tfce.statistic == "z":
                raise NotSupportedError(
                    "With variance groups the statistic has no degrees of freedom of its own and "
                    "cannot be turned into z; use TFCE of the statistic itself ('t')."
                )
        labelled = self.exchangeability.blocks is not None or self.variance_groups is not None
        if self.residuals == "huh-jhun" and labelled:
            raise NotSupportedError(
                "Huh-Jhun residuals mix the maps, so blocks and variance groups lose their "
                "meaning; use Freedman-Lane."
            )
        if self.adaptive is not None and self.method == "step-down":
            raise NotSupportedError(
                "Step-down p depend on each other, so they cannot be settled one by one; leave "
                "adaptive out."
            )
