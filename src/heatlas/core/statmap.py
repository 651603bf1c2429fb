"""A map of one quantity that knows its kind, degrees of freedom, contrast and n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from heatlas.core.provenance import Provenance
from heatlas.core.space import Mask
from heatlas.core.validate import check_choice, check_length, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import join

StatKind = Literal[
    "t", "F", "z", "v", "G", "tfce", "cluster extent", "cluster mass",
    "effect", "mean", "value", "standard error", "g", "partial R2",
]  # fmt: skip
EXTENDED_KINDS = ("tfce", "cluster extent", "cluster mass")
STATISTICS = ("t", "F", "z", "v", "G", *EXTENDED_KINDS)
SIGNED_KINDS = ("t", "z", "v", "effect", "value", "g")


@dataclass(frozen=True, kw_only=True, eq=False)
class StatMap(Value):
    """One value per element of a mask.

    Parameters
    ----------
    values : array_like of float64 or float32, shape (mask.size,)
        The map; NaN where the quantity is not defined.
    mask : Mask
        The elements.
    kind : str
        ``"t"``, ``"F"``, ``"z"``, ``"v"`` and ``"G"`` (t and F of groups with variances of their
        own) for statistics, ``"tfce"``, ``"cluster extent"`` and ``"cluster mass"`` for what
        neighbours add to them, with the sign of their tail; ``"effect"``, ``"mean"``,
        ``"value"``, ``"standard error"``, ``"g"`` or ``"partial R2"`` for everything else.
    dof : tuple of float
        Degrees of freedom: (df,) of a t, (df1, df2) of an F, empty otherwise.
    quantity : str
        What the values measure, for the colour bar: ``"grey-matter volume"``.
    unit : str
        Unit of the values.
    contrast : str
        Name of the contrast.
    n : int, optional
        Number of maps behind it; None where unknown, as for a single file.
    groups : tuple of (str, int)
        n of each group, in the table's order of levels.
    provenance : Provenance
        How it came about.
    """

    values: NDArray[np.floating]
    mask: Mask
    kind: StatKind
    dof: tuple[float, ...] = ()
    quantity: str = ""
    unit: str = ""
    contrast: str = ""
    n: int | None = None
    groups: tuple[tuple[str, int], ...] = ()
    provenance: Provenance = Provenance()

    def __post_init__(self) -> None:
        """Take ownership of the values and check kind and length."""
        check_choice(self.kind, name="statistic kind", known=get_args(StatKind))
        given = np.asarray(self.values)
        dtype = np.float32 if given.dtype == np.float32 else np.float64
        values = own_array(self.values, name="map", dtype=dtype, ndim=1)
        check_length(values, name="map", expected=self.mask.size, per="mask elements")
        set_field(self, "values", to=values)
        set_field(self, "dof", to=tuple(float(df) for df in self.dof))
        set_field(self, "groups", to=tuple((str(name), int(n)) for name, n in self.groups))

    @property
    def is_statistic(self) -> bool:
        """True for statistics, and for what neighbours add to them."""
        return self.kind in STATISTICS

    @property
    def is_signed(self) -> bool:
        """True where a negative value has a meaning of its own."""
        if self.kind in EXTENDED_KINDS:  # of an F, or of one tail, they have no sign
            return bool((self.values < 0).any())
        return self.kind in SIGNED_KINDS

    @property
    def symbol(self) -> str:
        """The kind as captions write it: ``t``, ``TFCE``."""
        return "TFCE" if self.kind == "tfce" else str(self.kind)

    def sample_words(self) -> str:
        """Return ``n = 72 (51 depr, 21 control), df = 67``, as far as it is known."""
        parts = []
        if self.n is not None:
            groups = ", ".join(f"{n} {name}" for name, n in self.groups)
            parts.append(f"n = {self.n}" + (f" ({groups})" if len(self.groups) > 1 else ""))
        if self.dof:
            parts.append("df = " + join((f"{df:.10g}" for df in self.dof), last="and"))
        return ", ".join(parts)
