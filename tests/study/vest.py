"""Design files as FSL writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike


def write_vest(
    path: Path, rows: ArrayLike, *, names: Sequence[str] = (), of_contrasts: bool = False
) -> Path:
    """Write numbers with the header of a ``.mat``, ``.grp``, ``.con`` or ``.fts`` file."""
    matrix = np.asarray(rows, dtype=float)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    n, p = matrix.shape
    lines = [f"/ContrastName{k + 1}\t{name}" for k, name in enumerate(names)]
    lines += [f"/NumWaves\t{p}", f"/{'NumContrasts' if of_contrasts else 'NumPoints'}\t{n}"]
    lines += ["", "/Matrix", *("\t".join(f"{value:.6e}" for value in row) for row in matrix)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_design(
    folder: Path, matrix: ArrayLike, contrasts: ArrayLike, *, names: Sequence[str] = ()
) -> tuple[Path, Path]:
    """Write ``design.mat`` and ``design.con``."""
    return (
        write_vest(folder / "design.mat", matrix),
        write_vest(folder / "design.con", contrasts, names=names, of_contrasts=True),
    )
