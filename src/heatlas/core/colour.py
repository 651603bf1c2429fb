"""How values become colours: tables, limits, fade and ticks, the same in every output."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heatlas.core.errors import DataError, UnknownNameError
from heatlas.core.statmap import StatMap
from heatlas.core.threshold import Threshold
from heatlas.core.validate import check_choice, own_array, set_field
from heatlas.core.value import Value
from heatlas.core.words import unknown

ScaleKind = Literal["diverging", "sequential"]
Ramp = Literal["evidence", "value"]
DIVERGING_DEFAULT = "vik"
SEQUENTIAL_DEFAULT = "batlow"
FAR_TAIL = 0.25  # share of its opacity that a tail keeps when it was not tested
DIVERGING_TABLES = ("vik", "RdBu_r")


@dataclass(frozen=True, kw_only=True, eq=False)
class ColourScale(Value):
    """Everything that decides the colour and the opacity of a value.

    Parameters
    ----------
    table : str
        Name of the colour table, see :func:`colour_tables`.
    kind : {"diverging", "sequential"}
        Diverging scales are symmetric around zero.
    low, high : float
        Values at the two ends of the bar; beyond them colours saturate.
    true_low, true_high : float
        Smallest and largest value that the picture holds.
    label : str
        Quantity and unit, for the bar.
    cuts : tuple of float
        Thresholds to mark on the bar, signed.
    fade_full : float, optional
        Magnitude from which on evidence is fully opaque; None draws everything opaque.
    one_sided : bool
        Whether only the upper tail was tested: the other one stays faint.
    ramp : {"evidence", "value"}
        How opacity grows up to ``fade_full``: with the square of the magnitude, for a statistic
        that was judged, or in proportion to it, for saliency and probability.
    ceiling : float
        Largest opacity, above 0 and up to 1: below 1 the anatomy beneath stays visible.
    contours : tuple of float
        Values other than 0 at which a line is drawn, on the map and on the bar: around what is
        at least as large (above 0) or at most as large (below 0).
    """

    table: str
    kind: ScaleKind
    low: float
    high: float
    true_low: float
    true_high: float
    label: str = ""
    cuts: tuple[float, ...] = ()
    fade_full: float | None = None
    one_sided: bool = False
    ramp: Ramp = "evidence"
    ceiling: float = 1.0
    contours: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the limits and the name of the table."""
        if not np.isfinite([self.low, self.high]).all() or self.high <= self.low:
            raise DataError(f"colour scale: limits {self.low} to {self.high} span nothing.")
        colour_table(self.table)
        check_choice(self.ramp, name="ramp of opacity", known=get_args(Ramp))
        if not 0 < self.ceiling <= 1:
            raise DataError(
                f"opacity: {self.ceiling:g} given, expected a number above 0 and up to 1."
            )
        if not all(np.isfinite(level) and level != 0 for level in self.contours):
            raise DataError("contours: each must be a finite value other than 0.")
        for name in ("low", "high", "true_low", "true_high"):
            set_field(self, name, to=float(getattr(self, name)))
        set_field(self, "cuts", to=tuple(float(cut) for cut in self.cuts))
        set_field(self, "contours", to=tuple(float(level) for level in self.contours))

    @property
    def saturates_low(self) -> bool:
        """True when values lie below the bar."""
        return self.true_low < self.low

    @property
    def saturates_high(self) -> bool:
        """True when values lie above the bar."""
        return self.true_high > self.high

    def indices(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Return the row of the colour table for each value; NaN gives 0."""
        share = np.asarray(np.asarray(values, dtype=np.float64) - self.low)
        share /= self.high - self.low
        np.fmax(share, 0, out=share)  # takes 0 for NaN
        np.minimum(share, 1, out=share)
        share *= 255
        return np.rint(share, out=share).astype(np.uint8)

    def colours(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Return RGB of each value, shape (..., 3)."""
        return colour_table(self.table)[self.indices(values)]

    def opacity(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the opacity of each value, 0 to ``ceiling``: growing up to ``fade_full``.

        NaN gives 0. The quadratic fade of evidence follows Taylor et al. (2023),
        doi:10.1016/j.neuroimage.2023.120138.
        """
        given = np.asarray(values, dtype=np.float64)
        if self.fade_full is None:
            return self.ceiling * np.isfinite(given)
        if self.ramp == "value":
            return self.ceiling * _share(given, full=self.fade_full)
        return self.ceiling * fade(given, full=self.fade_full, one_sided=self.one_sided)


def fade(values: NDArray[np.float64], *, full: float, one_sided: bool) -> NDArray[np.float64]:
    """Return the opacity of evidence, 0 to 1; NaN gives 0.

    Parameters
    ----------
    values : numpy.ndarray of float64
        The statistic that sets the opacity.
    full : float
        Magnitude from which on evidence is fully opaque.
    one_sided : bool
        Whether values below zero were not tested; they get a quarter of their opacity.

    Returns
    -------
    numpy.ndarray of float64
        Quadratic in the magnitude.
    """
    share = _share(values, full=full) ** 2
    return np.where(values < 0, FAR_TAIL * share, share) if one_sided else share


def _share(values: NDArray[np.float64], *, full: float) -> NDArray[np.float64]:
    """Return magnitudes as shares of ``full``, 0 to 1; NaN gives 0."""
    share = np.asarray(np.abs(values) / full)
    np.fmax(share, 0, out=share)  # takes 0 for NaN
    return np.asarray(np.minimum(share, 1, out=share))


def colour_tables() -> tuple[str, ...]:
    """Return the names of the colour tables."""
    return tuple(_stored_tables())


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """Return a colour table, shape (256, 3).

    Parameters
    ----------
    name : str
        ``vik`` and ``batlow`` (Crameri 2018, doi:10.5281/zenodo.1243862) are the defaults;
        ``jet`` exists on request only.

    Returns
    -------
    numpy.ndarray of uint8
        RGB, read-only.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    stored = _stored_tables()
    if name not in stored:
        raise UnknownNameError(unknown("colour table", name, known=stored))
    table = np.frombuffer(bytes.fromhex(stored[name]), dtype=np.uint8).reshape(256, 3)
    return own_array(table, name=name, dtype=np.uint8)


def scale_for(
    stat_map: StatMap,
    *,
    threshold: Threshold | None = None,
    table: str | None = None,
    limit: float | None = None,
) -> ColourScale:
    """Return the default colour scale of one map (see :func:`shared_scale`)."""
    return shared_scale([stat_map], threshold=threshold, table=table, limit=limit)


def shared_scale(
    stat_maps: list[StatMap],
    *,
    threshold: Threshold | None = None,
    table: str | None = None,
    limit: float | None = None,
) -> ColourScale:
    """Return one colour scale for panels that show the same quantity.

    Parameters
    ----------
    stat_maps : list of StatMap
        The panels.
    threshold : Threshold, optional
        Judgement that sets fade and cuts; None or a descriptive one draws everything opaque.
    table : str, optional
        Colour table; the default is ``vik`` for signed maps and ``batlow`` for others.
    limit : float, optional
        Magnitude at which colours saturate; the default is the largest magnitude, or the
        threshold where nothing reaches it, so that the bar always shows what was needed.

    Returns
    -------
    ColourScale
        Diverging and symmetric when a map is signed and holds negative values or is a
        statistic, sequential otherwise.

    Raises
    ------
    DataError
        If no map holds a finite value, or the limit is not positive.
    """
    if limit is not None and not limit > 0:
        raise DataError(f"colour scale: the limit must be positive, got {limit}.")
    low, high = _true_limits(stat_maps)
    signed = any(m.is_signed and (m.is_statistic or low < 0) for m in stat_maps)
    if table is not None and table in DIVERGING_TABLES:
        signed = True
    bound = limit if limit is not None else _default_bound(low, high, threshold=threshold)
    first = stat_maps[0]
    judged = threshold is not None and threshold.judges
    bottom = -bound if signed else _sequential_bottom(low, bound, faded=judged)
    top = bound if signed or bottom >= 0 or limit is not None else high
    return ColourScale(
        table=table or (DIVERGING_DEFAULT if signed else SEQUENTIAL_DEFAULT),
        kind="diverging" if signed else "sequential",
        low=bottom,
        high=top if top > bottom else bottom + 1.0,
        true_low=low,
        true_high=high,
        label=_label(first),
        cuts=_cuts(threshold, signed=signed) if judged else (),
        fade_full=_fade_full(threshold, bound) if judged else None,
        one_sided=judged and signed and threshold is not None and not threshold.two_sided,
    )


def value_faded(
    scale: ColourScale, *, ceiling: float = 1.0, contours: tuple[float, ...] = ()
) -> ColourScale:
    """Return a scale whose opacity is proportional to the magnitude of the value.

    Parameters
    ----------
    scale : ColourScale
        Colours and limits; the larger limit gets the largest opacity.
    ceiling : float
        The largest opacity.
    contours : tuple of float
        Values at which a line is drawn.

    Returns
    -------
    ColourScale
        For maps without a statistical threshold: saliency, probability.
    """
    full = max(abs(scale.low), abs(scale.high))
    return replace(scale, fade_full=full, ramp="value", ceiling=ceiling, contours=contours)


def _true_limits(stat_maps: list[StatMap]) -> tuple[float, float]:
    finite = [m.values[np.isfinite(m.values)] for m in stat_maps]
    finite = [values for values in finite if values.size]
    if not finite:
        raise DataError("No map holds a finite value, so there is nothing to colour.")
    return float(min(v.min() for v in finite)), float(max(v.max() for v in finite))


def _default_bound(low: float, high: float, *, threshold: Threshold | None) -> float:
    cut = threshold.cut if threshold is not None and threshold.judges else None
    return max(abs(low), abs(high), abs(cut or 0.0)) or 1.0


def _sequential_bottom(low: float, bound: float, *, faded: bool) -> float:
    """Start at zero, so that colour is proportional to value, unless values lie below it."""
    return 0.0 if faded or low >= 0 else min(low, bound)


def _fade_full(threshold: Threshold | None, bound: float) -> float:
    cut = threshold.cut if threshold is not None else None
    return abs(cut) if cut else bound


def _cuts(threshold: Threshold | None, *, signed: bool) -> tuple[float, ...]:
    if threshold is None or threshold.cut is None:
        return ()
    cut = threshold.cut
    return (-cut, cut) if signed and threshold.two_sided else (cut,)


def _label(stat_map: StatMap) -> str:
    if stat_map.is_statistic:
        return stat_map.symbol
    words = stat_map.quantity or stat_map.kind
    return f"{words} ({stat_map.unit})" if stat_map.unit else words


@cache
def _stored_tables() -> dict[str, str]:
    text = files("heatlas.core").joinpath("colour_tables.json").read_text(encoding="utf-8")
    tables: dict[str, str] = json.loads(text)
    return tables
