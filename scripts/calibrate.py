"""Measure the false positives of every method under every kind of noise: ``make calibrate``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from heatlas.core.execute import get_executor
from scripts.calibration_bands import Measured, measure, together
from scripts.calibration_cells import CELLS
from scripts.calibration_page import page_of
from scripts.calibration_sets import Chunk, Found, judge_sets

SETS = 1000
CHUNK = 50  # sets that a worker makes at a time


def calibrate(
    keys: Sequence[str], *, n_sets: int, workers: int = 1, counts: Path | None = None
) -> list[Measured]:
    """Make and judge the sets of some cells; the outcome does not depend on the workers.

    Cells whose counts were kept in a file, of as many sets, are not made again.
    """
    kept = _load(counts, n_sets=n_sets)
    missing = [key for key in keys if key not in kept]
    executor = get_executor("processes" if workers > 1 else "serial", workers=workers)
    chunks = [
        Chunk(key, first, min(first + CHUNK, n_sets))
        for key in missing
        for first in range(0, n_sets, CHUNK)
    ]
    outcomes = executor.map(judge_sets, chunks)
    for key in missing:
        kept[key] = _sum_up(outcomes, chunks, key=key)
        if counts is not None:
            counts.write_text(json.dumps({"sets": n_sets, "counts": kept}, indent=1))
    return measure({key: (CELLS[key], kept[key]) for key in keys}, n_sets=n_sets)


def _load(counts: Path | None, *, n_sets: int) -> dict[str, Found]:
    """Return the counts that were kept, none where they are of another number of sets."""
    if counts is None or not counts.exists():
        return {}
    content = json.loads(counts.read_text())
    return {key: Found(*one) for key, one in content["counts"].items() if content["sets"] == n_sets}


def _sum_up(outcomes: Iterator[Found], chunks: Sequence[Chunk], *, key: str) -> Found:
    """Take the outcomes of one cell, which come in the order of the chunks."""
    started = time.monotonic()
    taken = [next(outcomes) for chunk in chunks if chunk.key == key]
    total = Found(false=sum(one.false for one in taken), warned=sum(one.warned for one in taken))
    sys.stderr.write(f"{time.monotonic() - started:6.1f} s  {key}: {total}\n")
    return total


def main() -> int:
    """Calibrate, write the page, and say what missed its expectation."""
    options = _options()
    keys = [key for key in CELLS if options.cells.casefold() in key.casefold()]
    if not keys:
        sys.stderr.write(f"No cell is named like '{options.cells}'.\n")
        return 2
    started = time.monotonic()
    measured = calibrate(keys, n_sets=options.sets, workers=options.workers, counts=options.counts)
    if options.page is not None:
        options.page.write_text(page_of(measured), encoding="utf-8")
    missed = [f"{one.cell.key}: {one.found}" for one in measured if not one.reached]
    pooled = together(measured)
    if pooled is not None and not pooled.reached:
        missed.append(f"all exact cells together: {pooled}")
    minutes = (time.monotonic() - started) / 60
    sys.stdout.write(f"{len(keys)} cells of {options.sets} sets in {minutes:.1f} min: ")
    sys.stdout.write(f"{len(missed)} missed their expectation\n")
    sys.stdout.writelines(f"  {words}\n" for words in missed)
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=SETS, help="sets of maps in each cell")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--cells", default="", help="only cells whose name holds this")
    parser.add_argument("--page", type=Path, help="file to write the table to; none by default")
    parser.add_argument(
        "--counts", type=Path, help="file to keep counts in; cells in it are not made again"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
