"""What survives and by which rule: the judgement that belongs to a statistic map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heatlas.core.validate import check_length, own_array, set_field
from heatlas.core.value import Value

Correction = Literal["none", "fwe", "fdr"]


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

    def __post_init__(self) -> None:
        """Take ownership of the arrays and check their lengths."""
        survives = own_array(self.survives, name="survives", dtype=bool, ndim=1)
        set_field(self, "survives", to=survives)
        kinds = {"logp": np.float64, "undecided": bool, "null_maxima": np.float64}
        for name, dtype in kinds.items():
            given = getattr(self, name)
            if given is None:
                continue
            array = own_array(given, name=name, dtype=dtype, ndim=1)
            if name != "null_maxima":
                check_length(array, name=name, expected=len(survives), per="elements")
            set_field(self, name, to=array)

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
