"""CT windows in Hounsfield units, and the check that an image is in Hounsfield units at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heatlas.core.errors import DataError
from heatlas.core.registry import Registry
from heatlas.core.value import Value
from heatlas.core.window import Window
from heatlas.core.words import join, number, percent

# Centres and widths as radiology teaches them: Radiopaedia.org, "Windowing (CT)",
# doi:10.53347/rID-52108 (brain, stroke, bone, lung, mediastinum, liver, abdomen; subdural: the
# middle of its ranges 50 to 100 and 130 to 300). Angio: the preset that viewers ship, wide enough
# for contrast of 150 to 500 HU beside calcium.
_PRESETS = {
    "brain": (40, 80),
    "subdural": (75, 215),
    "stroke": (40, 40),
    "bone": (400, 1800),
    "lung": (-600, 1500),
    "mediastinum": (50, 350),
    "liver": (30, 150),
    "abdomen": (50, 400),
    "angio": (300, 600),
}
WINDOWS: Registry[Window] = Registry(
    "window",
    {name: Window(name=name, centre=c, width=w) for name, (c, w) in _PRESETS.items()},
)

AIR_HU = (-1100.0, -900.0)
LOWEST_HU = -1100.0
TISSUE_HU = (0.0, 80.0)
TISSUE_WITH_CONTRAST_HU = 120.0
FAT_HU = (-130.0, -60.0)
SEARCHED_HU = (-150.0, 250.0)
SOFT_HU = (-50.0, 100.0)
MUCH_ABOVE_HU = 300.0
SMALLEST_AIR = 0.005
MOST_BELOW = 0.02
HIGHEST_HU = 3071.0  # of 12-bit scanners
MOST_METAL = 0.05
SMALLEST_SOFT = 0.6
SMALLEST_SPREAD_HU = 3.0  # between the quartiles of tissue; maps, masks and labels lie within less
MOST_ABOVE = 0.15
GREY_NUMBERS = (0.0, 255.0)
MOST_VALUES = 4_000_000
SMOOTHING_HU = 4.0
OFFSET = 1024.0
CONSTANT_SHARE = 0.2


@dataclass(frozen=True, kw_only=True, eq=False)
class Hounsfield(Value):
    """Whether values are Hounsfield units, and why.

    Parameters
    ----------
    is_hu : bool
        The verdict.
    evidence : tuple of str
        What speaks for it or against it.
    tissue_peak : float
        Most frequent value among soft tissue, NaN where there is none.
    air_peak : float
        Most frequent value near -1000, NaN where there is none.
    """

    is_hu: bool
    evidence: tuple[str, ...]
    tissue_peak: float
    air_peak: float

    @property
    def words(self) -> str:
        """The verdict in one sentence."""
        verdict = "These are Hounsfield units" if self.is_hu else "This is not HU"
        return f"{verdict}: {'; '.join(self.evidence)}."


def window_named(text: str) -> Window:
    """Return a window by its name, or by ``centre,width`` in HU.

    Parameters
    ----------
    text : str
        ``"brain"``, or such as ``"40,80"``.

    Returns
    -------
    Window
        The window.

    Raises
    ------
    UnknownNameError
        If there is no window of that name; the nearest is named.
    DataError
        If the numbers make no window.
    """
    if "," not in text:
        return WINDOWS[text.strip().lower()]
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        raise DataError(
            f"window: '{text}' given, expected a centre and a width in HU, such as 40,80."
        ) from None
    return Window(name="custom", centre=centre, width=width)


def check_hounsfield(values: NDArray[np.floating]) -> Hounsfield:
    """Return whether values look like Hounsfield units.

    Parameters
    ----------
    values : numpy.ndarray
        All values of an image, any shape; NaN where nothing was scanned.

    Returns
    -------
    Hounsfield
        Verdict and evidence.

    Notes
    -----
    Where the field of view holds air, a peak near -1000 and soft tissue between 0 and 80 (up to
    120 with contrast agent, fat near -100) decide. Where it holds none, as in a skull-stripped
    image, most of what is not the constant background must be soft tissue that spreads over some
    HU, as cerebrospinal fluid, white and grey matter do, and little may lie above it. At most four
    million values are looked at, evenly chosen.
    """
    flat = values.ravel()
    flat = flat[:: max(flat.size // MOST_VALUES, 1)]
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        nan = float("nan")
        return Hounsfield(
            is_hu=False, evidence=("it holds no value",), tissue_peak=nan, air_peak=nan
        )
    if _share(flat, AIR_HU) >= SMALLEST_AIR:
        return _with_air(flat)
    return _without_air(flat)


def without_backdrop(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], float | None]:
    """Return an image whose constant surround is NaN, as of a skull-stripped head, and its value.

    Parameters
    ----------
    values : numpy.ndarray of float32, three axes
        Such as HU.

    Returns
    -------
    tuple of (numpy.ndarray, float or None)
        The values themselves and None where there is no such surround: where the image holds air,
        or no single value fills a fifth of it and its border.
    """
    finite = values[np.isfinite(values)]
    if not finite.size or _share(finite, AIR_HU) >= SMALLEST_AIR:
        return values, None
    found, counts = np.unique(finite, return_counts=True)
    most = int(np.argmax(counts))
    if counts[most] <= CONSTANT_SHARE * values.size:
        return values, None
    parts, n_parts = ndimage.label(values == found[most])
    ends = [parts[end] for end in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])]
    at_border = np.unique(np.concatenate([end.ravel() for end in ends]))
    surround = np.isin(parts, at_border[at_border > 0]) if n_parts else np.zeros(values.shape, bool)
    if not surround.any():
        return values, None
    return np.where(surround, np.float32(np.nan), values), float(found[most])


def refuse_windows(check: Hounsfield, *, name: str) -> DataError:
    """Return the error for windows asked of values that are not HU."""
    return DataError(
        f"{name}: this is not HU ({'; '.join(check.evidence)}), so windows make no sense; say "
        "--unit hu if you know that it is, or rescale it first."
    )


def _with_air(values: NDArray[np.floating]) -> Hounsfield:
    air = _peak(values, AIR_HU)
    tissue = _peak(values, SEARCHED_HU)
    share = percent(_share(values, AIR_HU))
    evidence = [f"air at {number(air)} ({share} of the field of view)"]
    below = float(np.mean(values < LOWEST_HU))
    is_tissue = TISSUE_HU[0] <= tissue <= TISSUE_WITH_CONTRAST_HU
    is_fat = FAT_HU[0] <= tissue <= FAT_HU[1]
    if np.isnan(tissue):
        evidence.append("no soft tissue (nothing between −150 and 250)")
    elif is_tissue or is_fat:
        what = "fat" if is_fat else "soft tissue"
        evidence.append(f"{what} peaks at {number(tissue)}")
    else:
        evidence.append(f"soft tissue peaks at {number(tissue)}, expected 0 to 80")
    if below > MOST_BELOW:
        evidence.append(f"{percent(below)} lie below air, as what was not scanned does")
    metal = float(np.mean(values > HIGHEST_HU))
    if metal > MOST_METAL:
        evidence.append(f"{percent(metal)} lie above {number(HIGHEST_HU, digits=4)}")
    is_hu = bool(is_tissue or is_fat) and metal <= MOST_METAL
    return Hounsfield(is_hu=is_hu, evidence=tuple(evidence), tissue_peak=tissue, air_peak=air)


def _without_air(values: NDArray[np.floating]) -> Hounsfield:
    """Judge an image without air: is what is not its constant background soft tissue?"""
    rest = _without_background(values)
    tissue = _peak(rest, SEARCHED_HU)
    soft = _share(rest, SOFT_HU)
    above = float(np.mean(rest > MUCH_ABOVE_HU)) if rest.size else 0.0
    lowest, highest = float(values.min()), float(values.max())
    evidence = ["no air near −1000"]
    evidence.append(f"values from {number(lowest)} to {number(highest)}")
    if not np.isnan(tissue):
        only = "only " if soft < SMALLEST_SOFT else ""
        evidence.append(
            f"they peak at {number(tissue)} and {only}{percent(soft)} of them, background aside, "
            "lie between −50 and 100 as soft tissue does"
        )
    if above > MOST_ABOVE:
        evidence.append(f"{percent(above)} lie above {MUCH_ABOVE_HU:g}")
    spread = _spread(rest)
    if spread < SMALLEST_SPREAD_HU:
        evidence.append(
            f"half of them lie within {number(spread)}, where tissue spreads over "
            f"{SMALLEST_SPREAD_HU:g} HU and more"
        )
    are_greys = (lowest, highest) == GREY_NUMBERS
    if are_greys:
        evidence.append("just the range of 8-bit grey numbers")
    fits = TISSUE_HU[0] <= tissue <= TISSUE_HU[1] and spread >= SMALLEST_SPREAD_HU and not are_greys
    is_hu = bool(fits) and soft >= SMALLEST_SOFT and above <= MOST_ABOVE
    if not is_hu and _share(values - OFFSET, AIR_HU) >= SMALLEST_AIR:
        shifted = _with_air(values - np.float32(OFFSET))
        if shifted.is_hu:
            evidence.append("subtracting 1024 would give HU")
    return Hounsfield(
        is_hu=is_hu, evidence=tuple(evidence), tissue_peak=tissue, air_peak=float("nan")
    )


def _without_background(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the values without the most frequent one, where it is constant and frequent."""
    found, counts = np.unique(values, return_counts=True)
    most = int(np.argmax(counts))
    return values[values != found[most]] if counts[most] > CONSTANT_SHARE * values.size else values


def _spread(values: NDArray[np.floating]) -> float:
    """Return the distance of the quartiles of what may be soft tissue, 0 where there is none."""
    soft = values[(values >= SOFT_HU[0]) & (values <= SOFT_HU[1])]
    if not soft.size:
        return 0.0
    low, high = np.quantile(soft, [0.25, 0.75])
    return float(high - low)


def _share(values: NDArray[np.floating], limits: tuple[float, float]) -> float:
    if not values.size:
        return 0.0
    return float(np.mean((values >= limits[0]) & (values <= limits[1])))


def _peak(values: NDArray[np.floating], limits: tuple[float, float]) -> float:
    """Return where the smoothed histogram within limits is highest, NaN where it is empty."""
    inside = values[(values >= limits[0]) & (values <= limits[1])]
    if not inside.size:
        return float("nan")
    edges = np.arange(limits[0] - 0.5, limits[1] + 1.5)
    counts, _ = np.histogram(inside, bins=edges)
    reach = np.arange(-3 * SMOOTHING_HU, 3 * SMOOTHING_HU + 1)
    kernel = np.exp(-0.5 * (reach / SMOOTHING_HU) ** 2)
    smooth = np.convolve(counts.astype(np.float64), kernel / kernel.sum(), mode="same")
    return float(edges[int(np.argmax(smooth))] + 0.5)


def chosen_windows(asked: Sequence[str], *, own: Sequence[Window]) -> tuple[Window, ...]:
    """Return windows by name; ``file`` stands for those that a file brings itself.

    Parameters
    ----------
    asked : sequence of str
        Names, ``centre,width``, or ``"file"``.
    own : sequence of Window
        The file's own.

    Returns
    -------
    tuple of Window
        In the order asked, each once.

    Raises
    ------
    UnknownNameError
        If a name is unknown.
    DataError
        If ``file`` is asked of a file without windows.
    """
    found: list[Window] = []
    for text in asked:
        if text.strip().lower() == "file":
            if not own:
                raise DataError(
                    f"window: the file proposes none of its own; choose among {join(WINDOWS)}, or "
                    "a centre and a width such as 40,80."
                )
            found += own[:1]
        else:
            found.append(window_named(text))
    return tuple({window.words: window for window in found}.values())
