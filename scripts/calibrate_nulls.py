"""Measure the spatial nulls of ``heatlas compare`` on independent smooth maps: ``make nulls``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.crosscheck import cross_check
from heatlas.compare.fields import standardised
from heatlas.compare.nulls import effective_n, judge_correlations
from heatlas.compare.policy import Selection, select_elements
from heatlas.compare.stationarity import check_stationarity
from heatlas.compare.surrogates import Surrogates, judge_by_surrogates
from scripts import null_fields as made
from scripts.null_page import page_of

Floats = NDArray[np.float64]
LEVEL = 0.05
FWHM_MM = (6, 10, 16, 24)
SETS, IN_SET = 10, 25  # 300 pairs in each set of maps
ONE_SET = 78  # maps whose 3,003 pairs are judged by surrogates
PLANTED = (0.1, 0.2, 0.3, 0.5)
N_PLANTED = 200  # pairs of maps for each planted correlation
COARSE = {6: 4, 10: 4, 16: 6, 24: 6}  # mm, grid of the spectral surrogates by smoothness


@dataclass(frozen=True)
class Rate:
    """How often something happened."""

    table: str
    place: str
    maps: str
    null: str
    times: int
    of: int


@dataclass(frozen=True)
class Effective:
    """Mean effective n of independent maps beside what the spread of their r says."""

    maps: str
    mean: float
    monte_carlo: float
    error: float


Found = Rate | Effective


def voxels(fwhm_mm: int) -> Iterator[Found]:
    """Judge maps on 2 mm voxels by default, as if voxels were independent, and for evenness."""
    where = made.brain(2)
    above = np.triu_indices(IN_SET, 1)
    r, n_eff, flagged = [], [], 0
    for k in range(SETS):
        fields = made.smooth_fields(IN_SET, where, fwhm_mm=fwhm_mm, seed=100 * fwhm_mm + k)
        chosen = select_elements(made.as_maps(fields, where.mask))
        r.append(_correlations(fields)[above])
        n_eff.append(effective_n(chosen, rows=range(IN_SET), columns=range(IN_SET))[above])
        flagged += int(check_stationarity(chosen, range(IN_SET)).flagged.sum())
    found, sizes = np.concatenate(r), np.concatenate(n_eff)
    maps, place = f"{fwhm_mm} mm", "235,375 voxels of 2 mm"
    yield _rate(
        "false", judge_correlations(found, n_eff=sizes).p, place=place, maps=maps, null="dutilleul"
    )
    everything = np.full(found.shape, float(where.mask.size))
    yield _rate(
        "false", judge_correlations(found, n_eff=everything).p, place=place, maps=maps, null="naive"
    )
    yield Rate("flagged", place, maps, "dutilleul", flagged, SETS * IN_SET)
    wanted = 1 / float(np.var(found)) + 1
    yield Effective(maps, float(sizes.mean()), wanted, wanted * np.sqrt(2 / len(found)))


def spectral(fwhm_mm: int) -> Iterator[Found]:
    """Judge maps on coarser voxels by fifty spectral surrogates of each."""
    where = made.brain(COARSE[fwhm_mm])
    fields = made.smooth_fields(ONE_SET, where, fwhm_mm=fwhm_mm, seed=7000 + fwhm_mm)
    chosen = select_elements(made.as_maps(fields, where.mask))
    place = f"{where.mask.size:,} voxels of {COARSE[fwhm_mm]} mm"
    yield _surrogate_rate(chosen, Surrogates(n=50), place=place, maps=f"{fwhm_mm} mm")


def parcels(fwhm_mm: int) -> Iterator[Found]:
    """Judge means in 400 and in 100 parcels by every null that parcels have."""
    where = made.brain(2)
    fields = made.smooth_fields(ONE_SET, where, fwhm_mm=fwhm_mm, seed=8000 + fwhm_mm)
    above = np.triu_indices(ONE_SET, 1)
    for n in (400, 100):
        mask, labels = made.parcellation(n, 2)
        means = made.parcel_means(fields, labels)
        chosen = select_elements(made.as_maps(means, mask))
        place, maps, r = f"{mask.size} parcels", f"{fwhm_mm} mm", _correlations(means)[above]
        sizes = effective_n(chosen, rows=range(ONE_SET), columns=range(ONE_SET))[above]
        everything = np.full(r.shape, float(mask.size))
        for source in ("variogram", "moran"):
            asked = Surrogates(source=source, n=200)
            yield _surrogate_rate(chosen, asked, place=place, maps=maps)
        yield _rate(
            "false", judge_correlations(r, n_eff=sizes).p, place=place, maps=maps, null="dutilleul"
        )
        yield _rate(
            "false", judge_correlations(r, n_eff=everything).p, place=place, maps=maps, null="naive"
        )


UNEVEN: dict[str, Callable[[int, made.Brain, int], made.Floats32]] = {
    "6 mm behind, 16 mm in front": lambda n, where, seed: made.halved_fields(n, where, seed=seed),
    "10 mm, three times as large in front": lambda n, where, seed: made.louder_fields(
        n, where, fwhm_mm=10, seed=seed
    ),
    "16 mm, three times as large in front": lambda n, where, seed: made.louder_fields(
        n, where, fwhm_mm=16, seed=seed
    ),
    "10 mm, three times as large in the middle": lambda n, where, seed: made.central_fields(
        n, where, fwhm_mm=10, seed=seed
    ),
}


def uneven(name: str) -> Iterator[Found]:
    """Judge maps that are not stationary by default and by the cross-check, on 4 mm voxels."""
    where = made.brain(4)
    above = np.triu_indices(IN_SET, 1)
    default, again, mixed, flagged = [], [], [], 0
    for k in range(SETS):
        fields = UNEVEN[name](2 * IN_SET, where, 9000 + 10 * k)[:IN_SET]
        even = made.smooth_fields(IN_SET, where, fwhm_mm=10, seed=9500 + k)
        both = np.concatenate([fields, even])
        chosen = select_elements(made.as_maps(both, where.mask))
        every = range(2 * IN_SET)
        r = _correlations(both)
        n_eff = effective_n(chosen, rows=every, columns=every)
        p = judge_correlations(r, n_eff=n_eff).p
        default.append(p[:IN_SET, :IN_SET][above])
        mixed.append(p[:IN_SET, IN_SET:].ravel())
        inner = r[:IN_SET, :IN_SET], n_eff[:IN_SET, :IN_SET]
        check = cross_check(
            chosen, inner[0], rows=range(IN_SET), columns=range(IN_SET), n_eff=inner[1]
        )
        if check is None:
            raise SystemExit("The maps share voxels, so they are checked.")
        again.append(check.p[above])
        flagged += int(check.even.flagged.sum())
    place = f"{where.mask.size:,} voxels of 4 mm"
    yield _rate("uneven", np.concatenate(default), place=place, maps=name, null="dutilleul")
    yield _rate("uneven", np.concatenate(again), place=place, maps=name, null="cross-check")
    yield _rate(
        "uneven", np.concatenate(mixed), place=place, maps=name, null="dutilleul, with 10 mm maps"
    )
    yield Rate("flagged", place, name, "dutilleul", flagged, SETS * IN_SET)


def power(fwhm_mm: int) -> Iterator[Found]:
    """Plant correlations between means in 400 parcels, and count which null finds them."""
    mask, labels = made.parcellation(400, 2)
    noise = [
        made.parcel_means(
            made.smooth_fields(N_PLANTED, made.brain(2), fwhm_mm=fwhm_mm, seed=seed), labels
        )
        for seed in (9800 + fwhm_mm, 9900 + fwhm_mm)
    ]
    # What |r| exceeds in one pair of 20 if nothing is planted: the best that any null can know.
    cut = float(np.quantile(np.abs(_correlations(noise[0])[np.triu_indices(N_PLANTED, 1)]), 0.95))
    for planted in PLANTED:
        second = planted * noise[0] + np.sqrt(1 - planted**2) * noise[1]
        p: dict[str, list[float]] = {"dutilleul": [], "variogram": [], "moran": []}
        reached = 0
        for one, other in zip(noise[0], second, strict=True):
            pair = np.stack([one, other])
            r = np.array([[_correlations(pair)[0, 1]]])
            chosen = select_elements(made.as_maps(pair, mask))
            n_eff = effective_n(chosen, rows=[0], columns=[1])
            p["dutilleul"].append(float(judge_correlations(r, n_eff=n_eff).p[0, 0]))
            for source in ("variogram", "moran"):
                asked = Surrogates(source=source, n=100)
                test = judge_by_surrogates(
                    chosen, r, rows=[0], columns=[1], n_eff=n_eff, surrogates=asked
                )
                p[source].append(float(test.p[0, 0]))
            reached += bool(abs(r[0, 0]) >= cut)
        maps = f"{fwhm_mm} mm, r = {planted:g}"
        for null, values in p.items():
            yield _rate("power", np.array(values), place="400 parcels", maps=maps, null=null)
        yield Rate("power", "400 parcels", maps, "the true null", reached, N_PLANTED)


def measure() -> Iterator[Found]:
    """Measure everything, in the order of the page."""
    for fwhm_mm in FWHM_MM:
        yield from voxels(fwhm_mm)
        yield from parcels(fwhm_mm)
    for name in UNEVEN:
        yield from uneven(name)
    for fwhm_mm in (10, 24):
        yield from power(fwhm_mm)
    for fwhm_mm in FWHM_MM:
        yield from spectral(fwhm_mm)


def main() -> int:
    """Measure, keep the counts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, required=True, help="the page that is written")
    parser.add_argument("--counts", type=Path, help="file that keeps what was counted")
    options = parser.parse_args()
    started, found = time.process_time(), []
    for one in measure():
        found.append({"kind": type(one).__name__, **asdict(one)})
        sys.stderr.write(f"{time.process_time() - started:7.1f} s  {one}\n")
        if options.counts is not None:
            options.counts.write_text(json.dumps(found, indent=1))
    options.page.write_text(page_of(found), encoding="utf-8")
    return 0


def _surrogate_rate(chosen: Selection, asked: Surrogates, *, place: str, maps: str) -> Rate:
    """Judge all pairs of maps by surrogates."""
    every = range(len(chosen.maps))
    values = np.stack([chosen.values_of(k) for k in every])
    r = np.where(np.tri(len(every), dtype=bool), np.nan, _correlations(values))
    test = judge_by_surrogates(
        chosen, r, rows=every, columns=every, n_eff=np.ones(r.shape), surrogates=asked
    )
    p = test.p[np.isfinite(test.p)]
    return _rate("false", p, place=place, maps=maps, null=asked.source)


def _rate(table: str, p: Floats, *, place: str, maps: str, null: str) -> Rate:
    return Rate(table, place, maps, null, int((p <= LEVEL).sum()), len(p))


def _correlations(values: NDArray[np.floating]) -> Floats:
    maps = standardised(values)
    return np.asarray(maps @ maps.T)


if __name__ == "__main__":
    sys.exit(main())
