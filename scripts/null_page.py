"""The page of measured nulls, from what was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from scipy.stats import beta

WORDS = Path(__file__).with_name("null_page.md")
LOW, HIGH = 0.03, 0.07  # what was demanded of the default
EVEN = ("naive", "dutilleul", "spectral", "variogram", "moran")
TWINS = ("distance alone", "dutilleul", "spectral")
UNEVEN = ("dutilleul", "cross-check", "one even map")
POWER = ("best possible", "dutilleul", "variogram", "moran")

Count = Mapping[str, Any]  # Any: names are words, counts are numbers, as JSON keeps them


def page_of(found: Sequence[Count]) -> str:
    """Return the page.

    Parameters
    ----------
    found : sequence of mapping
        Rates and effective n as :mod:`scripts.calibrate_nulls` counts them.

    Returns
    -------
    str
        Markdown.
    """
    rates = [one for one in found if "table" in one]
    false = [one for one in rates if one["table"] == "false"]
    voxels = [one for one in false if "voxels" in one["place"]]
    parcels = [one for one in false if "parcels" in one["place"]]
    uneven = [one for one in rates if one["table"] == "uneven"]
    twins = [one for one in rates if one["table"] == "twins"]
    power = [one for one in rates if one["table"] == "power"]
    return Template(WORDS.read_text(encoding="utf-8")).substitute(
        verdict=_verdict(false, uneven),
        voxels=_long(voxels),
        effective=_effective([one for one in found if "monte_carlo" in one]),
        parcels=_wide(parcels, EVEN, first=("parcels", "smoothness")),
        uneven=_wide(uneven, UNEVEN, first=("voxels", "fields")),
        twins=_wide(twins, TWINS, first=("voxels", "smoothness")),
        flagged=_long([one for one in rates if one["table"] == "flagged"]),
        power=_wide(power, POWER, first=("parcels", "smoothness and planted r")),
        voxel_pairs=_pairs(voxels),
        parcel_pairs=_pairs(parcels),
        uneven_pairs=_pairs([one for one in uneven if one["null"] != "one even map"]),
        power_pairs=_pairs(power),
    )


def interval(times: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper and Pearson."""
    low = float(beta.ppf(0.025, times, of - times + 1)) if times else 0.0
    high = float(beta.ppf(0.975, times + 1, of - times)) if times < of else 1.0
    return low, high


def _verdict(false: Sequence[Count], uneven: Sequence[Count]) -> str:
    """Return how far each null lies from its level, in a list."""
    lines = []
    for null in EVEN:
        shares = [one["times"] / one["of"] for one in false if one["null"] == null]
        if shares:
            kept = "inside" if min(shares) >= LOW and max(shares) <= HIGH else "**outside**"
            lines.append(f"- *{null}*: {_percents(shares)}, {kept} 3 to 7 %.")
    for null in ("dutilleul", "cross-check"):
        shares = [one["times"] / one["of"] for one in uneven if one["null"] == null]
        if shares:
            lines.append(f"- *{null}* where maps are not stationary: {_percents(shares)}.")
    return "\n".join(lines)


def _percents(shares: Sequence[float]) -> str:
    return f"{100 * min(shares):.1f} to {100 * max(shares):.1f} %"


def _share(one: Count) -> str:
    low, high = interval(one["times"], one["of"])
    return f"{100 * one['times'] / one['of']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _long(rates: Sequence[Count]) -> str:
    """Return one row a rate."""
    ordered = sorted(rates, key=lambda one: EVEN.index(one["null"]))
    lines = ["| null | where | maps | share (95 % interval) |", "| --- | --- | --- | --- |"]
    lines += [f"| {o['null']} | {o['place']} | {o['maps']} | {_share(o)} |" for o in ordered]
    return "\n".join(lines)


def _wide(rates: Sequence[Count], nulls: Sequence[str], *, first: tuple[str, str]) -> str:
    """Return one row a place and kind of maps, one column a null."""
    used = [null for null in nulls if any(one["null"] == null for one in rates)]
    rows = list(dict.fromkeys((one["place"], one["maps"]) for one in rates))
    cell = {(one["place"], one["maps"], one["null"]): _share(one) for one in rates}
    lines = [f"| {' | '.join((*first, *used))} |", f"|{' --- |' * (2 + len(used))}"]
    for place, maps in sorted(rows, key=lambda row: row[0] != "400 parcels"):
        shares = [cell.get((place, maps, null), "–") for null in used]
        lines.append(f"| {' | '.join((place, maps, *shares))} |")
    return "\n".join(lines)


def _effective(found: Sequence[Count]) -> str:
    """Return effective n beside the one that the spread of r implies."""
    lines = ["| smoothness | Dutilleul's | by Monte Carlo | ratio |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one['maps']} | {one['mean']:,.0f} | {one['monte_carlo']:,.0f} ± {one['error']:,.0f} "
        f"| {one['mean'] / one['monte_carlo']:.2f} |"
        for one in found
    ]
    return "\n".join(lines)


def _pairs(rates: Sequence[Count]) -> str:
    low, high = min(one["of"] for one in rates), max(one["of"] for one in rates)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
