"""MRtrix3's vectorstats and mrclusterstats as independent programs: files in, numbers out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAXIMA = ("null_dist.txt", "null_dist.csv")  # what a contrast's maxima are called


class Tested(NamedTuple):
    """What one of the programs found."""

    maxima: Floats
    """largest value of each permutation"""
    enhanced: Floats
    """mrclusterstats: what it maximises, one value per voxel of the mask; else empty"""
    p: Floats
    """corrected p of each element"""


def is_installed() -> bool:
    """Whether the programs are there."""
    return all(shutil.which(name) for name in ("mrclusterstats", "vectorstats", "mrconvert"))


def write_images(folder: Path, values: NDArray[np.floating], *, image: nibabel.Nifti1Image) -> None:
    """Write maps as rows of voxels, and the mask in which they lie, for :func:`mrclusterstats`."""
    inside = np.asarray(image.dataobj) != 0
    for number, row in enumerate(values):
        volume = np.zeros(inside.shape, np.float32)
        volume[inside] = row
        nibabel.save(nibabel.Nifti1Image(volume, image.affine), folder / f"{number:03d}.nii")
    _write_list(folder, n=len(values), ending="nii")
    mask = nibabel.Nifti1Image(inside.astype(np.uint8), image.affine)
    nibabel.save(mask, folder / "mask.nii")


def write_vectors(folder: Path, values: NDArray[np.floating]) -> None:
    """Write maps as rows of numbers for :func:`vectorstats`."""
    for number, row in enumerate(values):
        np.savetxt(folder / f"{number:03d}.txt", row, fmt="%.17g")
    _write_list(folder, n=len(values), ending="txt")


def write_model(folder: Path, matrix: Floats, *, weights: Floats) -> None:
    """Write a design and one t contrast."""
    np.savetxt(folder / "design.txt", matrix, fmt="%.17g")
    np.savetxt(folder / "contrast.txt", np.atleast_2d(weights), fmt="%.17g")


def permutations_file(folder: Path, rows: NDArray[np.int64]) -> list[str]:
    """Write permutations, shape (N, n), one a column; return the options that name the file."""
    np.savetxt(folder / "permutations.txt", rows.T, fmt="%d")
    return ["-permutations", str(folder / "permutations.txt")]


def mrclusterstats(folder: Path, *, options: list[str], threads: int = 1) -> Tested:
    """Run mrclusterstats, one-sided, on what the folder holds."""
    inputs = ["maps.list", "design.txt", "contrast.txt", "mask.nii", "out_"]
    _run(folder, ["mrclusterstats", *inputs, *options], threads=threads)
    inside = np.asarray(nibabel.load(folder / "mask.nii").dataobj) != 0
    name = "clustersize" if "-threshold" in options else "tfce"
    enhanced, p = (
        _read_image(folder, f"out_{kind}.mif")[inside] for kind in (name, "fwe_1mpvalue")
    )
    return Tested(_read_maxima(folder), enhanced, 1 - p)


def vectorstats(folder: Path, *, options: list[str], threads: int = 1) -> Tested:
    """Run vectorstats, one-sided, on what the folder holds."""
    inputs = ["maps.list", "design.txt", "contrast.txt", "out_"]
    _run(folder, ["vectorstats", *inputs, *options], threads=threads)
    p = 1 - np.loadtxt(folder / "out_fwe_1mpvalue.csv", delimiter=",").ravel()
    return Tested(_read_maxima(folder), np.empty(0), p)


def _write_list(folder: Path, *, n: int, ending: str) -> None:
    names = "".join(f"{number:03d}.{ending}\n" for number in range(n))
    (folder / "maps.list").write_text(names, encoding="utf-8")


def _run(folder: Path, command: list[str], *, threads: int) -> None:
    always = ["-quiet", "-force", "-nthreads", str(threads)]
    subprocess.run([*command, *always], cwd=folder, check=True, capture_output=True)


def _read_image(folder: Path, name: str) -> Floats:
    """Read one of MRtrix's images through its own converter, in the axis order of NIfTI."""
    _run(folder, ["mrconvert", name, "-strides", "1,2,3", "read.nii"], threads=0)
    return np.asarray(nibabel.load(folder / "read.nii").dataobj, dtype=np.float64)


def _read_maxima(folder: Path) -> Floats:
    (found,) = (folder / f"out_{name}" for name in MAXIMA if (folder / f"out_{name}").exists())
    delimiter = "," if found.suffix == ".csv" else None
    return np.loadtxt(found, delimiter=delimiter).ravel()
