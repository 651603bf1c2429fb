"""Make the head that ships for ``heatlas explain-example``: half the pixels of a public CT series.

    python scripts/make_head_ct.py SERIES [--out src/heatlas/study/head_ct]

SERIES is the folder ``Gantry_tilt`` series of dcm_qa_ct that NOTICE names: 28 slices, tilted by
18.5 degrees, spaced 4.22 mm below and 7.38 mm above. Steps: read with its geometry; take the two
evenly spaced runs apart, each exact under one sheared affine; average squares of 2 x 2 pixels (of
those that were scanned); round to whole Hounsfield units; store what was not scanned as air
(-1024 HU). No value is interpolated between slices, and no word of the files' headers is kept.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heatlas.core.slicestack import SliceStack
from heatlas.geometry.slicestack import even_runs, part_of, sheared_volume
from heatlas.io.atomic import atomic_write
from heatlas.io.encode import volume_bytes
from heatlas.study.ct import read_ct

AIR_HU = -1024
NAMES = ("lower", "upper")
HERE = Path(__file__).resolve().parents[1] / "src" / "heatlas" / "study" / "head_ct"


def halved(stack: SliceStack) -> SliceStack:
    """Return slices with half as many rows and columns, each pixel the mean of four."""
    n, rows, columns = stack.values.shape
    blocks = stack.values.reshape(n, rows // 2, 2, columns // 2, 2)
    scanned = np.isfinite(blocks)
    total = np.where(scanned, blocks, 0).sum(axis=(2, 4))
    number = scanned.sum(axis=(2, 4))
    values = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 1)
    return replace(
        stack,
        values=values,
        corners_mm=stack.corners_mm + (stack.row_steps_mm + stack.column_steps_mm) / 2,
        row_steps_mm=2 * stack.row_steps_mm,
        column_steps_mm=2 * stack.column_steps_mm,
    )


def whole_numbers(values: NDArray[np.floating]) -> NDArray[np.int16]:
    """Return whole Hounsfield units; what was not scanned becomes air."""
    return np.rint(np.where(np.isfinite(values), values, AIR_HU)).astype(np.int16)


def main() -> None:
    """Write the two runs of the series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    stack = read_ct(asked.series).slices
    for name, run in zip(NAMES, even_runs(stack), strict=True):
        volume = sheared_volume(halved(part_of(stack, run)))
        content = volume_bytes(whole_numbers(volume.values), volume.grid, dtype="int16")
        atomic_write(asked.out / f"{name}.nii.gz", content)


if __name__ == "__main__":
    main()
