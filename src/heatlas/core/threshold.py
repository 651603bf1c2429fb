"""What survives and by which rule: the judgement that belongs to a statistic map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value, freeze

Correction = Literal["none", "fwe", "fdr"]
FAINT = 0.7  # largest strength of what does not survive: half of the opacity, which is its square


@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold(Value):
    """The rule in words, its cut if it has one, and what survives it.

    Parameters
    ----------
    method : str
        Name in the registry of thresholds: ``"max-t"``, ``"fdr-bh"``, ``"none"``; ``"value"``
        for a cut that the user gave and ``"descriptive"`` where nothing is judged.
    words : str
        The rule for captions: ``"voxelwise FWE p < .05 by 1,000 permutations"``.
    survives : array_like of bool, shape (v,)
        What survives; everything for a descriptive map.
    correction : {"none", "fwe", "fdr"}
        What the method controls.
    alpha : float, optional
        Level of the rule.
    two_sided : bool
        Whether both tails were judged.
    cut : float, optional
        Value that the statistic (its magnitude when two-sided) must exceed, where one exists.
    logp : array_like of float64, shape (v,), optional
        -log10 of the corrected p of each element (of the uncorrected p for ``"none"``).
    undecided : array_like of bool, shape (v,), optional
        Elements whose Monte-Carlo interval of p contains alpha.
    n_permutations : int, optional
        Arrangements that were used, the identity included.
    n_possible : float, optional
        Arrangements that exist.
    n_to_settle : int, optional
        Permutations that would settle the undecided elements.
    null_maxima : array_like of float64, optional
        Largest statistic of each arrangement, the identity first.
    cluster_extent_mm3 : float, optional
        Clusters smaller than this were removed.
    quantity : str
        What was compared with the null where it is not the statistic itself: ``"TFCE"``,
        ``"cluster extent"``, ``"cluster mass"``.
    extended : array_like of float64, shape (v,), optional
        That quantity, with the sign of its tail.
    extended_cut : float, optional
        Value that the magnitude of ``extended`` must exceed.
    strength : array_like of float64, shape (v,), optional
        How far each element came, 1 where it survives, with the sign of its tail (see
        :func:`strength_of`); sets the opacity where no cut of the statistic does.
    tail_logp : array_like of float64, shape (v,), optional
        Approximate -log10 p beyond the reach of the permutations, NaN within it.
    settings : mapping
        How the method was set, JSON-like, for sidecars.
    """

    method: str
    words: str
    survives: NDArray[np.bool_]
    correction: Correction = "none"
    alpha: float | None = None
    two_sided: bool = True
    cut: float | None = None
    logp: NDArray[np.float64] | None = None
    undecided: NDArray[np.bool_] | None = None
    n_permutations: int | None = None
    n_possible: float | None = None
    n_to_settle: int | None = None
    null_maxima: NDArray[np.float64] | None = None
    cluster_extent_mm3: float | None = None
    quantity: str = ""
    extended: NDArray[np.float64] | None = None
    extended_cut: float | None = None
    strength: NDArray[np.float64] | None = None
    tail_logp: NDArray[np.float64] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check their lengths."""
        survives = own_array(self.survives, name="survives", dtype=bool, ndim=1)
        set_field(self, "survives", to=survives)
        for name in ("logp", "undecided", "null_maxima", "extended", "strength", "tail_logp"):
            given = getattr(self, name)
            if given is None:
                continue
            dtype = bool if name == "undecided" else np.float64
            array = own_array(given, name=name, dtype=dtype, ndim=1)
            if name != "null_maxima":
                check_length(array, name=name, expected=len(survives), per="elements")
            set_field(self, name, to=array)
        set_field(self, "settings", to=freeze(self.settings))

    @property
    def judges(self) -> bool:
        """False for descriptive maps, in which nothing was tested."""
        return self.method != "descriptive"

    @property
    def n_surviving(self) -> int:
        """Number of elements that survive."""
        return int(self.survives.sum())


def no_threshold(size: int) -> Threshold:
    """Return the threshold of a descriptive map of so many elements: everything is shown."""
    return Threshold(
        method="descriptive", words="descriptive, nothing is tested", survives=np.ones(size, bool)
    )


def value_threshold(
    values: NDArray[np.floating], *, cut: float, two_sided: bool, name: str = "value"
) -> Threshold:
    """Return the threshold at a value that the user gave; NaN never survives.

    Parameters
    ----------
    values : numpy.ndarray, shape (v,)
        The map.
    cut : float
        The value's magnitude (two-sided) or the value itself must exceed it.
    two_sided : bool
        Whether both tails count.
    name : str
        What the values are called: ``"z"``.

    Returns
    -------
    Threshold
        Labelled as a cut chosen by the user, without any correction.
    """
    size = np.abs(values) if two_sided else values
    sign = f"|{name}|" if two_sided else name
    return Threshold(
        method="value",
        words=f"{sign} > {cut:g}, a cut chosen by the user, uncorrected",
        survives=np.nan_to_num(size, nan=-np.inf) > cut,
        two_sided=two_sided,
        cut=float(cut),
    )


def strength_of(
    values: NDArray[np.floating], *, survives: NDArray[np.bool_], cut: float | None = None
) -> NDArray[np.float64]:
    """Return how far each element came, where survival does not follow from the statistic alone.

    Parameters
    ----------
    values : numpy.ndarray, shape (v,)
        The statistic.
    survives : numpy.ndarray of bool, shape (v,)
        What survives.
    cut : float, optional
        Magnitude at which the strength of what does not survive is largest; by default the
        largest that does not survive.

    Returns
    -------
    numpy.ndarray of float64, shape (v,)
        With the sign of the statistic: 1 for what survives, at most 0.7 for everything else.
    """
    size = np.nan_to_num(np.abs(np.asarray(values, dtype=np.float64)))
    reference = cut or float(size[~survives].max(initial=0.0)) or 1.0
    strength = np.where(survives, 1.0, FAINT * np.minimum(size / reference, 1))
    return np.asarray(np.where(values < 0, -strength, strength))
