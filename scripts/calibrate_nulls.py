"""Measure the spatial nulls of ``heatlas compare`` on independent smooth maps: ``make nulls``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.compare.crosscheck import cross_check
from heatlas.compare.fields import standardised
from heatlas.compare.lags import autocorrelation, lags_of
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
UNEVEN_SETS, UNEVEN_IN_SET, EVEN_IN_SET = 4, 40, 10  # 780 uneven pairs in each set of maps
PLANTED = (0.1, 0.2, 0.3, 0.5)
N_PLANTED = 120  # pairs of maps for each planted correlation
COARSE = {6: 4, 10: 6, 16: 6, 24: 6}  # mm, grid of the spectral surrogates by smoothness


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
    """Judge maps on coarser voxels by twenty spectral surrogates of each."""
    where = made.brain(COARSE[fwhm_mm])
    fields = made.smooth_fields(ONE_SET, where, fwhm_mm=fwhm_mm, seed=7000 + fwhm_mm)
    chosen = select_elements(made.as_maps(fields, where.mask))
    place = f"{where.mask.size:,} voxels of {COARSE[fwhm_mm]} mm"
    yield _surrogate_rate(chosen, Surrogates(n=20), place=place, maps=f"{fwhm_mm} mm")


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
            asked = Surrogates(source=source, n=100)
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
    n, place = UNEVEN_IN_SET, f"{where.mask.size:,} voxels of 4 mm"
    above = np.triu_indices(n, 1)
    default, again, mixed, flagged = [], [], [], 0
    for k in range(UNEVEN_SETS):
        fields = UNEVEN[name](n, where, 9000 + 10 * k)
        even = made.smooth_fields(EVEN_IN_SET, where, fwhm_mm=10, seed=9500 + k)
        both = np.concatenate([fields, even])
        chosen = select_elements(made.as_maps(both, where.mask))
        r = _correlations(both)
        n_eff = effective_n(chosen, rows=range(len(both)), columns=range(len(both)))
        p = judge_correlations(r, n_eff=n_eff).p
        default.append(p[:n, :n][above])
        mixed.append(p[:n, n:].ravel())
        check = cross_check(chosen, r[:n, :n], rows=range(n), columns=range(n), n_eff=n_eff[:n, :n])
        if check is None:
            raise SystemExit("These maps share all voxels; there is something to check.")
        again.append(check.p[above])
        flagged += int(check.even.flagged.sum())
    yield _rate("uneven", np.concatenate(default), place=place, maps=name, null="dutilleul")
    yield _rate("uneven", np.concatenate(again), place=place, maps=name, null="cross-check")
    yield _rate("uneven", np.concatenate(mixed), place=place, maps=name, null="one even map")
    yield Rate("flagged", place, name, "dutilleul", flagged, UNEVEN_SETS * n)


def twins(fwhm_mm: int) -> Iterator[Found]:
    """Judge maps with equal sides, on 4 mm voxels, by default and as if distance were all."""
    where = made.brain(4)
    above = np.triu_indices(ONE_SET, 1)
    fields = made.twin_fields(ONE_SET, where, fwhm_mm=fwhm_mm, seed=9700 + fwhm_mm)
    chosen = select_elements(made.as_maps(fields, where.mask))
    place, maps = f"{where.mask.size:,} voxels of 4 mm", f"{fwhm_mm} mm"
    r = _correlations(fields)[above]
    lags = lags_of(where.inside, grid=where.mask.grid)
    curves = np.stack([autocorrelation(chosen.values_of(k), lags=lags) for k in range(ONE_SET)])
    sizes = {
        "dutilleul": effective_n(chosen, rows=range(ONE_SET), columns=range(ONE_SET))[above],
        "distance alone": (where.mask.size**2 / ((curves * lags.pairs) @ curves.T))[above],
    }
    for null, n_eff in sizes.items():
        p = judge_correlations(r, n_eff=n_eff).p
        yield _rate("twins", p, place=place, maps=maps, null=null)
    yield _surrogate_rate(chosen, Surrogates(n=20), place=place, maps=maps, table="twins")


def power(fwhm_mm: int) -> Iterator[Found]:
    """Plant correlations between means in 400 parcels, and count which null finds them."""
    mask, labels = made.parcellation(400, 2)
    first, other = (
        made.parcel_means(
            made.smooth_fields(N_PLANTED, made.brain(2), fwhm_mm=fwhm_mm, seed=seed), labels
        )
        for seed in (9800 + fwhm_mm, 9900 + fwhm_mm)
    )
    # What |r| exceeds in one pair of 20 if nothing is planted: the best that any null can know.
    null_r = np.abs(standardised(first) @ standardised(other).T).ravel()
    cut = float(np.quantile(null_r, 1 - LEVEL))
    rows, columns = range(N_PLANTED), range(N_PLANTED, 2 * N_PLANTED)
    for planted in PLANTED:
        maps = np.concatenate([first, planted * first + np.sqrt(1 - planted**2) * other])
        chosen = select_elements(made.as_maps(maps, mask))
        n_eff = effective_n(chosen, rows=rows, columns=columns)
        pairs = np.diag(_correlations(maps)[:N_PLANTED, N_PLANTED:])
        r = np.where(np.eye(N_PLANTED, dtype=bool), pairs, np.nan)
        p = {"dutilleul": np.diag(judge_correlations(r, n_eff=n_eff).p)}
        for source in ("variogram", "moran"):
            asked = Surrogates(source=source, n=50)
            test = judge_by_surrogates(
                chosen, r, rows=rows, columns=columns, n_eff=n_eff, surrogates=asked
            )
            p[source] = np.diag(test.p)
        words = f"{fwhm_mm} mm, r = {planted:g}"
        for null, values in p.items():
            yield _rate("power", values, place="400 parcels", maps=words, null=null)
        reached = int((np.abs(pairs) >= cut).sum())
        yield Rate("power", "400 parcels", words, "best possible", reached, N_PLANTED)


def items() -> dict[str, Callable[[], Iterator[Found]]]:
    """Return what is measured, by name."""
    listed: dict[str, Callable[[], Iterator[Found]]] = {}
    for fwhm_mm in FWHM_MM:
        listed[f"voxels {fwhm_mm}"] = partial(voxels, fwhm_mm)
        listed[f"parcels {fwhm_mm}"] = partial(parcels, fwhm_mm)
    for name in UNEVEN:
        listed[f"uneven {name}"] = partial(uneven, name)
    for fwhm_mm in FWHM_MM[1:]:
        listed[f"twins {fwhm_mm}"] = partial(twins, fwhm_mm)
    for fwhm_mm in FWHM_MM[::-1]:
        listed[f"spectral {fwhm_mm}"] = partial(spectral, fwhm_mm)
    for fwhm_mm in (10, 24):
        listed[f"power {fwhm_mm}"] = partial(power, fwhm_mm)
    return listed


def main() -> int:
    """Measure what was not measured yet, keep the counts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, required=True, help="the page that is written")
    parser.add_argument("--counts", type=Path, help="file that keeps counts between runs")
    options = parser.parse_args()
    kept = {}
    if options.counts is not None and options.counts.exists():
        kept = json.loads(options.counts.read_text())
    for name, measure in items().items():
        if name in kept:
            continue
        started = time.process_time()
        kept[name] = [asdict(one) for one in measure()]
        sys.stderr.write(f"{time.process_time() - started:6.1f} s of CPU  {name}\n")
        if options.counts is not None:
            options.counts.write_text(json.dumps(kept, indent=1))
    options.page.write_text(page_of([one for name in items() for one in kept[name]]))
    return 0


def _surrogate_rate(
    chosen: Selection, asked: Surrogates, *, place: str, maps: str, table: str = "false"
) -> Rate:
    """Judge all pairs of maps by surrogates."""
    every = range(len(chosen.maps))
    values = np.stack([chosen.values_of(k) for k in every])
    r = np.where(np.tri(len(every), dtype=bool), np.nan, _correlations(values))
    test = judge_by_surrogates(
        chosen, r, rows=every, columns=every, n_eff=np.ones(r.shape), surrogates=asked
    )
    p = test.p[np.isfinite(test.p)]
    return _rate(table, p, place=place, maps=maps, null=asked.source)


def _rate(table: str, p: Floats, *, place: str, maps: str, null: str) -> Rate:
    return Rate(table, place, maps, null, int((p <= LEVEL).sum()), len(p))


def _correlations(values: NDArray[np.floating]) -> Floats:
    maps = standardised(values)
    return np.asarray(maps @ maps.T)


if __name__ == "__main__":
    sys.exit(main())
