"""A small study with two groups, a covariate and a few arrangements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heatlas.core.design import Contrast, Design
from heatlas.infer import linear
from heatlas.infer.arranged import Statistic
from heatlas.infer.arrangements import Arrangements, listed_arrangements

N = 14
LABELS = (np.arange(N) >= 5).astype(np.int64)
T = Contrast(name="t", weights=np.array([0.0, 1, 0]))
F = Contrast(name="F", weights=np.array([[0.0, 1, 0], [0, 0, 1]]), kind="F")


def study(v: int = 600) -> tuple[NDArray[np.float32], Design]:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(N), LABELS, rng.standard_normal(N)]).astype(float)
    maps = rng.standard_normal((N, v)).astype(np.float32)
    return maps, Design(matrix=matrix, names=("a", "b", "c"), ids=tuple(map(str, range(N))))


def some_arrangements(n: int = 9) -> Arrangements:
    rng = np.random.default_rng(6)
    rows = np.array([np.arange(N), *(rng.permutation(N) for _ in range(n - 1))])
    return listed_arrangements(rows)


def statistic_of(
    design: Design, contrast: Contrast, *, signed: bool = False, grouped: bool = False
) -> tuple[linear.Partition, Statistic]:
    parts = linear.partition(design, contrast)
    kind: Any = {"t": "v", "F": "G"}[contrast.kind] if grouped else contrast.kind
    dof = {"t": (parts.dof,), "F": (2.0, parts.dof)}.get(kind, ())
    return parts, Statistic(
        interest=parts.interest,
        nuisance=parts.nuisance,
        kind=kind,
        dof=dof,
        signed=signed,
        groups=LABELS if grouped else None,
    )
